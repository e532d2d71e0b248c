#!/usr/bin/env python3
"""docs/bench/*.json -> the tables in docs/benchmarks.md, and charts as SVG.

The text round the tables is written by hand: only what stands between
`<!-- begin NAME -->` and `<!-- end NAME -->` is replaced."""

import json
import re
from pathlib import Path

DOCS = Path(__file__).resolve().parent.parent.parent / 'docs'


def table(head, rows):
    lines = [head, ['---' if i == 0 else '--:' for i in range(len(head))], *rows]
    return '\n'.join('| ' + ' | '.join(line) + ' |' for line in lines)


def machine_card(data):
    card = data['machine']
    lines = [f'* {card["processor"]}, {card["processors"]} processors, '
             f'{card["memory_gib"]} GiB, Linux {card["kernel"]}, '
             f'{card["date"]}']
    return '\n'.join(lines) + '\n\n' + card['limits'].rstrip()


def speed(data):
    rows = [[f'{row["model"]}', row['test'], str(row['depth']),
             str(row['threads']), f'{row["moe_median"]:.1f}',
             f'{row["peer_median"]:.1f}', f'{row["ratio"]:.2f}',
             f'{row["ratio_low"]:.2f} .. {row["ratio_high"]:.2f}']
            for row in data['rows']]
    return table(['model', 'test', 'depth', 'threads', 'libmoe t/s',
                  'ik_llama.cpp t/s', 'ratio', '95 %'], rows)


def kernels(data):
    return data['machine']['kernels'].rstrip()


def chart(data, test, threads):
    """Bars: the ratio to the peer for each model."""
    rows = [row for row in data['rows'] if row['test'] == test and
            row['threads'] == threads and row['depth'] == 0]
    most = max([2.5] + [row['ratio'] for row in rows])
    left, width, step = 250, 420, 24
    height = step * len(rows) + 60
    scale = width / most
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 60}"'
             f' height="{height}" font-family="sans-serif" font-size="12">',
             '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="10" y="20" font-size="14">{test}, {threads} thread(s): '
             f'libmoe / ik_llama.cpp ({data["machine"]["tier"]})</text>']
    for i, row in enumerate(rows):
        y = 36 + step * i
        colour = '#2a7f62' if row['ratio'] >= 1 else '#b5482f'
        parts += [f'<text x="{left - 8}" y="{y + 13}" text-anchor="end">'
                  f'{row["model"]}</text>',
                  f'<rect x="{left}" y="{y}" width="{scale * row["ratio"]:.1f}" '
                  f'height="{step - 8}" fill="{colour}"/>',
                  f'<text x="{left + scale * row["ratio"] + 6:.1f}" '
                  f'y="{y + 13}">{row["ratio"]:.2f}</text>']
    x = left + scale
    parts += [f'<line x1="{x:.1f}" y1="30" x2="{x:.1f}" y2="{height - 20}" '
              'stroke="black" stroke-dasharray="3"/>', '</svg>']
    return '\n'.join(parts) + '\n'


def main():
    text = (DOCS / 'benchmarks.md').read_text()
    for path in sorted((DOCS / 'bench').glob('*.json')):
        data = json.loads(path.read_text())
        tier = data['machine']['tier']
        for name, make in (('card', machine_card), ('speed', speed),
                           ('kernels', kernels)):
            mark = f'{name} {tier}'
            text = re.sub(f'(<!-- begin {mark} -->\n).*?(<!-- end {mark} -->)',
                          lambda m, s=make(data): f'{m[1]}\n{s}\n\n{m[2]}', text,
                          flags=re.DOTALL)
        for test in ('pp512', 'pp128', 'tg32'):
            (DOCS / 'bench' / f'{tier}-{test}.svg').write_text(
                chart(data, test, 2))
    (DOCS / 'benchmarks.md').write_text(text)


main()
