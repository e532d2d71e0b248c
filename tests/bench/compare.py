#!/usr/bin/env python3
"""Measures libmoe and ik_llama.cpp on the same files, in turns.

Each measurement is a process of its own; the two engines alternate A B B A, so
that what else the machine does meets both.  A row is done when it has its
rounds; rows are kept in DIR/rows.jsonl and not measured again, so that the
script can be stopped at any time.  At the end docs/bench/NAME.json gets all
rows of this machine, and render.py makes the tables.  Called by run.sh."""

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# Synthetic files: options of synth_gguf.py.
SHAPES = {
    'mixtral': '--layers 4 --mix --type q4_k',
    'mistral': '--layers 8 --experts 0 --mix --type q4_k',
    'fine': '--layers 4 --experts 64 --used 8 --dim 2048 --ff 1024 '
            '--heads 16 --kv 4 --mix --type q4_k',
    **{f'mixtral-{name}': f'--layers 4 --type {name}' for name in
       ('q2_k', 'q3_k', 'q5_k', 'q6_k', 'q8_0', 'q4_0')},
}
PLAIN = ('pp128', 'pp512', 'tg32')
# Section: [(model, tests, threads, depth)].
SECTIONS = {
    'mixtral': [('mixtral', PLAIN, (1, 2), 0)],
    'mistral': [('mistral', PLAIN, (1, 2), 0)],
    'fine': [('fine', PLAIN, (1, 2), 0)],
    'types': [(name, ('pp128', 'tg32'), (1, 2), 0) for name in SHAPES
              if name.startswith('mixtral-')],
    'real': [(name, PLAIN, (1, 2), 0) for name in
             ('SmolLM2-135M-Instruct.Q4_1', 'gemma-3-270m-q4_k_m',
              'qwen2.5-coder-0.5b-q4_k_m')],
    'depth': [('mistral', ('pp128', 'tg32'), (1, 2), depth)
              for depth in (4096, 16384)],
}


class Bench:
    def __init__(self, args):
        self.args = args
        self.rows_path = args.dir / 'rows.jsonl'
        self.rows = []
        if self.rows_path.exists():
            self.rows = [json.loads(line) for line in
                         self.rows_path.read_text().splitlines()]

    def model(self, name):
        """Path of a model, made if it is a synthetic one."""
        if name not in SHAPES:
            return self.args.models / f'{name}.gguf'
        path = self.args.synth / f'{name}.gguf'
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            subprocess.run([sys.executable,
                            self.args.tools / 'synth_gguf.py', path,
                            *SHAPES[name].split()], check=True,
                           stdout=subprocess.DEVNULL)
        return path

    def moe(self, model, tests, threads, depth):
        """Tokens a second by test."""
        longest = max(int(test[2:]) for test in tests)
        command = [self.args.moe, 'bench', model, '-t', threads, '-r', '1',
                   '-o', 'json', '-d', depth, '-c', depth + longest + 64,
                   '-p', sizes(tests, 'pp') or '1', '-n', sizes(tests, 'tg')]
        return {row['test'].split()[0]: row['tokens_per_second']
                for row in json.loads(run(command))['rows']}

    def peer(self, model, tests, threads, depth):
        command = [sys.executable, self.args.tools / 'peer_bench.py', model,
                   '-t', threads, '-r', '1', '-d', depth,
                   '-p', sizes(tests, 'pp'), '-n', sizes(tests, 'tg')]
        rows = [json.loads(line) for line in run(command).splitlines()
                if line.startswith('{')]
        return {row['test']: row['best_tps'] for row in rows}

    def measure(self, section, name, tests, threads, depth):
        """A row for each test."""
        key = dict(section=section, model=name, threads=threads, depth=depth)
        if any(all(row[k] == v for k, v in key.items()) for row in self.rows):
            return
        model = self.model(name)
        run(['cat', model], stdout=subprocess.DEVNULL)  # into the page cache
        moe, peer = [], []
        for i in range(self.args.rounds):
            for is_peer in (i % 2 == 1, i % 2 == 0):
                engine, rates = (self.peer, peer) if is_peer else (self.moe, moe)
                rates.append(engine(model, tests, threads, depth))
        for test in tests:
            a = [rates[test] for rates in moe]
            b = [rates[test] for rates in peer]
            ratios = [x / y for x, y in zip(a, b)]
            low, high = interval(ratios)
            row = key | dict(
                test=test, moe=a, peer=b, moe_median=statistics.median(a),
                peer_median=statistics.median(b), ratio_low=low,
                ratio_high=high, ratio=statistics.median(ratios))
            self.rows.append(row)
            with self.rows_path.open('a') as out:
                out.write(json.dumps(row) + '\n')
            print(f'{name} {test} @{depth} t{threads}: {row["moe_median"]:.2f},'
                  f' peer {row["peer_median"]:.2f}, ratio {row["ratio"]:.2f} '
                  f'({low:.2f} .. {high:.2f})', flush=True)


def sizes(tests, kind):
    """The numbers of the tests of a kind, as both programs want them."""
    return ','.join(test[2:] for test in tests if test[:2] == kind)


def run(command, **options):
    options.setdefault('stdout', subprocess.PIPE)
    return subprocess.run([str(word) for word in command], check=True,
                          text=True, **options).stdout


def interval(values, n=2000):
    """95 % bootstrap interval of the median."""
    rng = random.Random(1)
    medians = sorted(statistics.median(rng.choices(values, k=len(values)))
                     for _ in range(n))
    return medians[n // 40], medians[-n // 40 - 1]


def processor():
    for line in Path('/proc/cpuinfo').read_text().splitlines():
        if line.startswith('model name'):
            name = line.split(':')[1].strip()
        if line.startswith('flags'):
            flags = line.split()
            break
    tier = ('avx512_vnni' if 'avx512_vnni' in flags
            else 'avx2' if 'avx2' in flags else 'scalar')
    return name, tier


def card(args):
    """What the machine is."""
    name, tier = processor()
    return {
        'processor': name, 'tier': tier, 'processors': os.cpu_count(),
        'memory_gib': round(os.sysconf('SC_PHYS_PAGES') *
                            os.sysconf('SC_PAGE_SIZE') / 2**30),
        'kernel': platform.release().split('-')[0],
        'date': time.strftime('%Y-%m-%d'),
        # As the command prints them, in Markdown.
        'limits': run([args.moe, 'bench', '--machine']),
        'kernels': run([args.moe, 'bench', '--kernels']),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ('moe', 'dir', 'models', 'synth', 'tools'):
        parser.add_argument(f'--{name}', type=Path, required=True)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('sections', nargs='*', default=list(SECTIONS))
    args = parser.parse_args()
    bench = Bench(args)
    unknown = set(args.sections) - set(SECTIONS)
    if unknown:
        parser.error(f'no section {sorted(unknown)}: {", ".join(SECTIONS)}')
    for section in args.sections or SECTIONS:
        for name, tests, threads, depth in SECTIONS[section]:
            for n in threads:
                bench.measure(section, name, tests, n, depth)
    machine = card(args)
    folder = ROOT / 'docs' / 'bench'
    folder.mkdir(exist_ok=True)
    (folder / f'{machine["tier"]}.json').write_text(
        json.dumps({'machine': machine, 'rows': bench.rows}, indent=1) + '\n')
    subprocess.run([sys.executable, ROOT / 'tests' / 'bench' / 'render.py'],
                   check=True)


main()
