#!/usr/bin/env python3
"""docs/bench/*.json -> the tables of docs/benchmarks.md, and charts as SVG.

The text round the tables is written by hand: only what stands between
`<!-- begin NAME KIND -->` and `<!-- end NAME KIND -->` is replaced, where KIND
is the kind of machine, the name of the JSON file."""

import json
import random
import statistics
from pathlib import Path

from charts import Chart

DOCS = Path(__file__).resolve().parent.parent.parent / 'docs'
LEAST_EFFECT = 0.02  # a smaller difference is called none


# ------------------------------------------------------------------ statistics

def interval(values, n=2000):
    """95 % bootstrap interval of the median."""
    rng = random.Random(1)
    medians = sorted(statistics.median(rng.choices(values, k=len(values)))
                     for _ in range(n))
    return medians[n // 40], medians[-n // 40 - 1]


def of_arm(cell, arm, test, what='rate'):
    """Values by round; None where the arm failed or does not say it."""
    return [run.get(arm['name'], {}).get('numbers', {}).get(test, {}).get(what)
            for run in cell['rounds']]


def median_of(cell, arm, test, what='rate'):
    values = [v for v in of_arm(cell, arm, test, what) if v is not None]
    return statistics.median(values) if values else None


def error_of(cell, arm):
    for run in cell['rounds']:
        if 'error' in run.get(arm['name'], {}):
            return run[arm['name']]['error']
    return None


def ratio(cell, a, b, test):
    """(median, low, high) of the rounds' ratios a / b, or None."""
    ratios = [x / y for x, y in zip(of_arm(cell, a, test),
                                    of_arm(cell, b, test)) if x and y]
    return (statistics.median(ratios), *interval(ratios)) if ratios else None


def best_peer(cell, test):
    """The faster of the peer's arms, or None if all failed."""
    found = [(median_of(cell, arm, test), arm) for arm in cell['arms']
             if arm['engine'] != 'libmoe']
    found = [(rate, arm) for rate, arm in found if rate is not None]
    return max(found, key=lambda pair: pair[0])[1] if found else None


def verdict(found):
    """Said only if the interval excludes 1 and the effect is large enough."""
    middle, low, high = found
    if low > 1 and middle >= 1 + LEAST_EFFECT:
        return 'faster'
    if high < 1 and middle <= 1 - LEAST_EFFECT:
        return 'slower'
    return 'no difference'


# ---------------------------------------------------------------------- tables

def table(head, rows, n_left=1):
    """Markdown; the first n_left columns are words."""
    rule = ['---' if i < n_left else '--:' for i in range(len(head))]
    return '\n'.join('| ' + ' | '.join(map(str, line)) + ' |'
                     for line in (head, rule, *rows)) if rows else \
        'Not measured yet.'


def number(value):
    if value is None:
        return ''
    return f'{value:.0f}' if value >= 1000 else f'{value:.3g}' \
        if value >= 100 else f'{value:.1f}'


def percent(value):
    return '' if value is None else f'{100 * value:.0f} %'


def machine_card(data):
    card = data['machine']
    virtual = ' (virtual)' if card['is_virtual'] else ''
    lines = [
        f'{card["processor"]}{virtual}, {card["processors"]} processors at '
        f'{card["hertz"] / 1e9:.2f} GHz, {card["memory_gib"]} GiB, '
        f'{card["kernel"]}, huge pages {card["huge_pages"] or "unknown"}, '
        f'microcode {card["microcode"] or "unknown"}. Measured on '
        f'{card["date"]}; ik_llama.cpp as in ik-llama-cpp-python '
        f'{data["engines"]["peer"]}.', '']
    threads = [limit['threads'] for limit in card['limits']]
    rows = [['reading the mapped file', 'any', *(
        f'{limit["read_bytes_per_second"] / 1e9:.1f} GB/s'
        for limit in card['limits'])]]
    for loop in card['loops']:
        rates = [f'{rate["macs_per_second"] / 1e9:.1f} G/s, '
                 f'{rate["macs_per_cycle"]:.1f} a cycle'
                 for rate in loop['rates']]
        reason = f': {loop["reason"]}' if loop['reason'] else ''
        rows.append([loop['name'], loop['backend'] + reason,
                     *(rates or ['not here'] * len(threads))])
    return '\n'.join(lines) + '\n' + table(
        ['limit', 'backend', *(f'{n} thread{"s" * (n > 1)}' for n in threads)],
        rows, 2)


def models(data):
    return table(['model', 'bytes', 'SHA-256 begins', 'made by'], [
        [name, f'{model["bytes"]:,}', f'`{model["sha256"][:16]}`',
         f'`{model["made by"]}`' if model['made by'] else 'trained']
        for name, model in data['models'].items()])


def speed_rows(data, only=None):
    """One row a test; `only` a verdict."""
    for cell in data['cells']:
        if cell['section'] in ('two threads', 'busy', 'crowded'):
            continue
        arms = {arm['engine']: arm for arm in cell['arms']}
        for test in cell['tests']:
            best, own = best_peer(cell, test), arms['libmoe']
            found = best and ratio(cell, own, best, test)
            word = verdict(found) if found else ''
            if only is not None and word != only:
                continue
            best_arm = arms.get('ik repacked') or arms.get('ik flash')
            yield [cell['model'], test, cell['depth'], own['threads'],
                   number(median_of(cell, own, test)),
                   percent(median_of(cell, own, test, 'share')),
                   peer_cell(cell, arms.get('ik'), test),
                   peer_cell(cell, best_arm, test) + (
                       ' (flash)' if 'ik flash' in arms else ''),
                   f'**{found[0]:.2f}**' if found else '',
                   f'{found[1]:.2f} .. {found[2]:.2f}' if found else '', word]


def peer_cell(cell, arm, test):
    if arm is None:
        return ''
    rate = median_of(cell, arm, test)
    return number(rate) if rate is not None or not error_of(cell, arm) \
        else 'stopped'


SPEED_HEAD = ['model', 'test', 'depth', 'threads', 'libmoe', 'of limit', 'ik',
              'ik at its best', 'ratio', '95 %', 'libmoe is']


def speed(data):
    return table(SPEED_HEAD, list(speed_rows(data)), 2)


def losses(data):
    rows = list(speed_rows(data, 'slower'))
    return table(SPEED_HEAD, rows, 2) if rows or not data['cells'] else 'None.'


def discarded(data):
    runs = [run for cell in data['cells'] for rounds in cell['rounds']
            for run in rounds.values() if 'numbers' in run]
    n_bad = sum(run['lost'] > data['most_lost'] for run in runs)
    failed = sorted({f'{arm["engine"]} on {cell["model"]}: {error}'
                     for cell in data['cells'] for arm in cell['arms']
                     if (error := error_of(cell, arm))})
    lines = [f'{len(runs)} runs were accepted, '
             f'{sum(run["discarded"] for run in runs)} discarded because '
             f'others had more than {percent(data["most_lost"])} of the '
             f'machine; {n_bad} of the accepted ones were not quiet either, '
             'after all repetitions.']
    lines += [f'Stopped: {line}.' for line in failed]
    return '\n\n'.join(lines)


def threads(data):
    """Two situations beside each other, for each engine."""
    rows = []
    for cell in data['cells']:
        if cell['section'] not in ('two threads', 'busy', 'crowded'):
            continue
        for engine in ('libmoe', 'ik'):
            first, second = (arm for arm in cell['arms']
                             if arm['engine'] == engine)
            for test in cell['tests']:
                found = ratio(cell, second, first, test)
                rows.append([
                    engine, situation(first), situation(second), test,
                    number(median_of(cell, first, test)),
                    number(median_of(cell, second, test)) or
                    error_of(cell, second) or '',
                    f'**{found[0]:.2f}**' if found else '',
                    f'{found[1]:.2f} .. {found[2]:.2f}' if found else ''])
    return table(['engine', 'first', 'second', 'test', 'first t/s',
                  'second t/s', 'second / first', '95 %'], rows, 4)


def situation(arm):
    busy = f' and {arm["busy"]} competing process' if arm['busy'] else ''
    return f'{arm["threads"]} thread{"s" * (arm["threads"] > 1)}{busy}'


def load(data):
    found = data['load'] or {'seconds': {}}
    rows = [[*name.split(', '), f'{statistics.median(values) * 1e3:.1f} ms',
             f'{min(values) * 1e3:.1f}', f'{max(values) * 1e3:.1f}']
            for name, values in found['seconds'].items()]
    head = f'The {found["model"]} file, {found["bytes"]:,} bytes:\n\n' \
        if rows else ''
    return head + table(['engine', 'file', 'median', 'min', 'max'], rows, 2)


def memory(data):
    def mib(n):
        return f'{n / 2**20:.1f} MiB'
    return table(
        ['model', 'positions', 'threads', 'planned: KV and scratch',
         'of which scratch', 'libmoe, measured', 'ik, with Python'],
        [[row['model'], row['positions'], row['threads'], mib(row['planned']),
          mib(row['scratch']), mib(row['libmoe']), mib(row['ik'])]
         for row in data['memory'] or []])


def chosen(data, rows, cols):
    """{(backend, type): {tokens: row}} of what the library takes."""
    found = {}
    for row in data['kernels'] or []:
        if row['is_chosen'] and (row['rows'], row['cols']) == (rows, cols):
            found.setdefault((row['backend'], row['type']), {})[
                row['tokens']] = row
    return found


def kernel_cell(row):
    if row is None:
        return ''
    if row['tokens'] == 1:
        return f'{row["read_bytes_per_second"] / 1e9:.1f} | ' \
            f'{percent(row["share_of_reader"])}'
    return f'{row["macs_per_cycle"]:.1f} {row["family"]}'


def kernels(data):
    """By type, at 4096 x 4096."""
    rows = chosen(data, 4096, 4096)
    tokens = sorted({n for cells in rows.values() for n in cells} - {1})
    return table(
        ['type', 'backend', '1: GB/s', 'of reader',
         *(f'{n}: MAC/cycle' for n in tokens), 'of loop at most'],
        [[name, backend, kernel_cell(cells.get(1)) or ' | ',
          *(kernel_cell(cells.get(n)) for n in tokens),
          percent(max(cell['share_of_loop'] for cell in cells.values()))]
         for (backend, name), cells in rows.items()], 2)


def kernel_shapes(data):
    shapes = sorted({(row['rows'], row['cols'])
                     for row in data['kernels'] or []})
    lines = []
    for rows, cols in shapes:
        for (backend, name), cells in chosen(data, rows, cols).items():
            if len(shapes) > 1 and name in ('Q4_K', 'Q6_K', 'Q8_0'):
                lines.append([
                    f'{rows} x {cols}', name, backend,
                    kernel_cell(cells.get(1)) or ' | ',
                    *(kernel_cell(cells.get(n)) for n in (8, 32, 128, 512))])
    return table(['shape', 'type', 'backend', '1: GB/s', 'of reader', *(
        f'{n}: MAC/cycle' for n in (8, 32, 128, 512))], lines, 3)


def accuracy(data):
    return table(['model', 'text from', 'engine', 'mean KL',
                  'same first choice'], data['accuracy'] or [])


# ---------------------------------------------------------------------- charts

def ratio_chart(data, test):
    """The ratio to the better peer for each model, by threads."""
    groups = {}
    for cell in data['cells']:
        best = test in cell['tests'] and best_peer(cell, test)
        if not best or cell['depth'] or best['busy'] or \
                cell['section'] in ('two threads', 'busy', 'crowded'):
            continue
        own = next(a for a in cell['arms'] if a['engine'] == 'libmoe')
        found = ratio(cell, own, best, test)
        if found:
            groups.setdefault(cell['model'], {})[own['threads']] = found[0]
    counts = sorted({n for row in groups.values() for n in row})
    return Chart(f'{test}: libmoe / the better of ik_llama.cpp '
                 f'({data["machine"]["backend"]})',
                 [f'{n} thread{"s" * (n > 1)}' for n in counts],
                 [(name, [row.get(n) for n in counts])
                  for name, row in groups.items()], 1)


def kernel_chart(data):
    backend = data['machine']['backend']
    rows = {name: cells for (by, name), cells in
            chosen(data, 4096, 4096).items() if by == backend}
    return Chart(f'multiply-adds in a cycle by type, 4096 x 4096 ({backend})',
                 ['8 tokens', '128 tokens', '512 tokens'],
                 [(name, [cells[n]['macs_per_cycle'] if n in cells else None
                          for n in (8, 128, 512)])
                  for name, cells in rows.items()], form='{:.1f}')


def reader_chart(data):
    backend = data['machine']['backend']
    rows = {name: cells for (by, name), cells in
            chosen(data, 4096, 4096).items() if by == backend and 1 in cells}
    return Chart(f'one token: share of a bare reader\'s GB/s ({backend})',
                 ['1 thread'], [(name, [100 * cells[1]['share_of_reader']])
                                for name, cells in rows.items()],
                 100, '{:.0f} %')


TABLES = {'card': machine_card, 'models': models, 'speed': speed,
          'losses': losses, 'runs': discarded, 'threads': threads,
          'load': load, 'memory': memory, 'kernels': kernels,
          'shapes': kernel_shapes, 'accuracy': accuracy}
CHARTS = {**{test: lambda data, t=test: ratio_chart(data, t)
             for test in ('pp512', 'pp128', 'tg32')},
          'kernels': kernel_chart, 'reader': reader_chart}


def counts(data):
    """docs/bench/arm.json, by count_arm.py."""
    head = ['type', 'backend', *(f'{n} token{"s" * (n > 1)}'
                                 for n in data['tokens'])]
    kinds = list(dict.fromkeys(row['type'] for row in data['rows']))
    return table(head, [[row['type'], row['backend'],
                         *(f'{row["counts"][str(n)]:.0f}'
                           for n in data['tokens'])]
                        for kind in kinds for row in data['rows']
                        if row['type'] == kind], 2)


def main():
    page = DOCS / 'benchmarks.md'
    text = page.read_text()
    for path in sorted((DOCS / 'bench').glob('*.json')):
        data, kind = json.loads(path.read_text()), path.stem
        is_arm = kind == 'arm'
        for name, make in ({'counts': counts} if is_arm else TABLES).items():
            begin, end = (f'<!-- {word} {name} {kind} -->\n'
                          for word in ('begin', 'end'))
            if begin not in text or end not in text:
                print(f'docs/benchmarks.md has no place for {name} {kind}')
                continue
            before, rest = text.split(begin, 1)
            text = before + begin + make(data) + '\n' + end + \
                rest.split(end, 1)[1]
        for name, make in ({} if is_arm else CHARTS).items():
            chart = make(data)
            if chart.groups:
                (path.parent / f'{kind}-{name}.svg').write_text(chart.svg())
    page.write_text(text)


if __name__ == '__main__':
    main()
