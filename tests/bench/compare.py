#!/usr/bin/env python3
"""Measures libmoe and ik_llama.cpp on the same files, in turns.

Each measurement is a process of its own.  A cell is one model at one depth,
measured by a few arms (an engine with a number of threads) that take turns,
A B B A, so that what else the machine does meets all.  A run during which
others used the machine is discarded and repeated.

A round of a cell is written to DIR/rounds.jsonl when it is complete: the script
can be stopped at any time and goes on where it was, as long as `moe` is the
same program.  At the end docs/bench/KIND.json gets all that is known about this
kind of machine, and render.py makes tables and charts.  Called by run.sh."""

import argparse
import fcntl
import hashlib
import json
import os
import platform
import re
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import engines
import watch

ROOT = Path(__file__).resolve().parent.parent.parent
DOCS = ROOT / 'docs' / 'bench'
CPUS = os.cpu_count()

# Synthetic files: options of synth_gguf.py.
SHAPES = {
    'mixtral': '--layers 4 --mix --type q4_k',
    'mistral': '--layers 8 --experts 0 --mix --type q4_k',
    'fine': '--layers 4 --experts 64 --used 8 --dim 2048 --ff 1024 '
            '--heads 16 --kv 4 --mix --type q4_k',
    **{f'mixtral-{name}': f'--layers 4 --type {name}' for name in
       ('q2_k', 'q3_k', 'q5_k', 'q6_k', 'q8_0', 'q4_0')},
}
REAL = ('SmolLM2-135M-Instruct.Q4_1', 'gemma-3-270m-q4_k_m',
        'qwen2.5-coder-0.5b-q4_k_m')
PLAIN = ('pp128', 'pp512', 'tg32')
LEAST_ROUNDS = 3  # with fewer a cell is not published


@dataclass(frozen=True)
class Arm:
    engine: str
    threads: int
    busy: int = 0  # processes that compete

    @property
    def name(self):
        busy = f', {self.busy} competing' if self.busy else ''
        return f'{self.engine}, t{self.threads}{busy}'


@dataclass(frozen=True)
class Cell:
    section: str
    model: str
    tests: tuple
    depth: int
    arms: tuple
    timeout: int = 7200

    @property
    def name(self):
        arms = '; '.join(arm.name for arm in self.arms)
        return f'{self.section}: {self.model} @ {self.depth}: {arms}'


def versus(section, model, tests=PLAIN, depth=0,
           peers=('ik', 'ik repacked')):
    """libmoe beside the peer as it is and at its best, for 1 and 2 threads."""
    return [Cell(section, model, tests, depth, tuple(
        Arm(engine, threads) for engine in ('libmoe', *peers)))
        for threads in (1, 2)]


def pairs(section, first, second, timeout=7200):
    """Two situations, for each engine; an arm is (threads, busy)."""
    return [Cell(section, 'mistral', ('pp512', 'tg32'), 0, tuple(
        Arm(engine, *situation) for engine in ('libmoe', 'ik')
        for situation in (first, second)), timeout)]


SPEED = {
    'mixtral': versus('mixtral', 'mixtral'),
    'mistral': versus('mistral', 'mistral'),
    'fine': versus('fine', 'fine'),
    'types': [cell for name in SHAPES if name.startswith('mixtral-')
              for cell in versus('types', name, ('pp128', 'tg32'))],
    'real': [cell for name in REAL for cell in versus('real', name)],
    'depth': [*versus('depth', 'mistral', ('pp128', 'tg32'), 4096,
                      ('ik', 'ik flash')),
              # To fill it takes the peer ten minutes: once a round.
              *versus('depth', 'mistral', ('tg32',), 16384, ('ik flash',))],
    'threads': [*pairs('two threads', (1, 0), (2, 0)),
                *pairs('busy', (CPUS, 0), (CPUS, 1)),
                *pairs('crowded', (CPUS, 0), (4 * CPUS, 0), 900)],
}
SECTIONS = ('machine', 'kernels', *SPEED, 'load', 'accuracy')


def sha256(path):
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(8 << 20):
            digest.update(block)
    return digest.hexdigest()


class Campaign:
    def __init__(self, args):
        self.args = args
        self.engines = engines.engines(args.moe, args.tools)
        self.libmoe = self.engines['libmoe']
        self.rounds = self.read_lines('rounds.jsonl')
        self.notes = self.read_lines('notes.jsonl')
        self.build = sha256(args.moe)[:16]

    # ------------------------------------------------------- what is kept

    def read_lines(self, name):
        """Objects of a file of lines; a last line that was cut is dropped."""
        path = self.args.dir / name
        good = []
        for line in path.read_text().splitlines() if path.exists() else []:
            try:
                good.append(json.loads(line))
            except ValueError:
                self.say(f'{name}: dropped a broken line')
        return good

    def write_line(self, name, value):
        with (self.args.dir / name).open('a') as file:
            file.write(json.dumps(value) + '\n')

    def note(self, what, value):
        """A result that is not a round: the last one of a name counts."""
        row = {'what': what, 'build': self.build, 'value': value}
        self.notes.append(row)
        self.write_line('notes.jsonl', row)

    def has_note(self, what):
        return any(row['what'] == what and self.is_current(row)
                   for row in self.notes)

    def noted(self, what):
        values = [row['value'] for row in self.notes if row['what'] == what]
        return values[-1] if values else None

    def is_current(self, row):
        return self.args.keep_old or row['build'] == self.build

    def rounds_of(self, cell):
        """The rounds of this build, else those of the last one."""
        rows = [row for row in self.rounds if row['cell'] == cell.name]
        current = [row for row in rows if self.is_current(row)]
        return current or [row for row in rows
                           if row['build'] == rows[-1]['build']]

    def say(self, text):
        line = f'{time.strftime("%H:%M:%S")} {text}'
        print(line, flush=True)
        with (self.args.dir / 'log.txt').open('a') as file:
            file.write(line + '\n')

    # -------------------------------------------------------------- models

    def path(self, name):
        """Where a model is, made if it is a synthetic one."""
        folder = self.args.synth if name in SHAPES else self.args.models
        path = folder / f'{name}.gguf'
        if not path.exists() and name in SHAPES:
            self.say(f'making {path.name}')
            folder.mkdir(parents=True, exist_ok=True)
            part = path.with_suffix('.part')
            watch.run([sys.executable, self.args.tools / 'synth_gguf.py', part,
                       *SHAPES[name].split()], 3600)
            part.rename(path)
        if not path.exists():
            raise watch.Failed(f'{path} is not there')
        return path

    def model(self, name):
        """The same, in the page cache."""
        path = self.path(name)
        watch.read_file(path)
        return path

    def model_card(self, name):
        """Bytes and digest, computed once for each state of the file."""
        path = self.path(name)
        stat = path.stat()
        key = f'sha256 {path} {stat.st_size} {stat.st_mtime_ns}'
        if self.noted(key) is None:
            self.note(key, sha256(path))
        return {'bytes': stat.st_size, 'sha256': self.noted(key),
                'made by': f'synth_gguf.py {SHAPES[name]}'
                if name in SHAPES else ''}

    # --------------------------------------------------------------- speed

    def measure(self, cell, arm, model):
        """One accepted run of an arm; (numbers, runs that were discarded)."""
        engine = self.engines[arm.engine]
        command = engine.command(model, cell.tests, arm.threads, cell.depth)
        for attempt in range(self.args.retries + 1):
            watch.wait_until_quiet(self.args.lost, self.args.wait)
            with watch.Competitor(arm.busy):
                done = watch.run(command, cell.timeout, arm.busy > 0)
            if done.lost <= self.args.lost or attempt == self.args.retries:
                break
            self.say(f'  {arm.name}: discarded, others had '
                     f'{done.lost:.0%} of the machine')
        numbers = engine.numbers(done.out)
        missing = set(cell.tests) - set(numbers)
        if missing:
            raise watch.Failed(f'no result for {sorted(missing)}')
        rates = ', '.join(f'{test} {numbers[test]["rate"]:.2f}'
                          for test in cell.tests)
        self.say(f'  {arm.name}: {rates} ({done.wall:.0f} s, others '
                 f'{done.lost:.1%})')
        return {'numbers': numbers, 'lost': round(done.lost, 4),
                'wall': round(done.wall, 3), 'cpu': round(done.cpu, 3),
                'discarded': attempt}

    def run_cell(self, cell):
        """The rounds that are missing."""
        done = [row for row in self.rounds if row['cell'] == cell.name and
                self.is_current(row)]
        if len(done) >= self.args.rounds:
            return
        self.say(cell.name)
        model = self.model(cell.model)
        broken = {name: run for row in done for name, run in
                  row['runs'].items() if 'error' in run}
        for number in range(len(done), self.args.rounds):
            self.say(f' round {number + 1} of {self.args.rounds}')
            runs = {}
            for arm in cell.arms[::-1] if number % 2 else cell.arms:
                try:
                    runs[arm.name] = broken.get(arm.name) or self.measure(
                        cell, arm, model)
                except watch.Failed as why:
                    self.say(f'  {arm.name}: {why}')
                    runs[arm.name] = broken[arm.name] = {'error': str(why)}
            row = {'cell': cell.name, 'build': self.build, 'runs': runs}
            self.rounds.append(row)
            self.write_line('rounds.jsonl', row)

    # --------------------------------------------------- single measurements

    def machine(self):
        """The best of some rounds: limits are what can be reached."""
        runs = []
        for _ in range(min(self.args.rounds, 3)):
            watch.wait_until_quiet(self.args.lost, self.args.wait)
            runs.append(self.libmoe.json('bench', '--machine',
                                         self.model('mixtral'), '-o', 'json'))
        best = runs[0]
        for run in runs[1:]:
            best['hertz'] = max(best['hertz'], run['hertz'])
            for a, b in zip(best['limits'], run['limits']):
                a.update({key: max(a[key], b[key]) for key in a})
            for a, b in zip(best['loops'], run['loops']):
                for x, y in zip(a['rates'], b['rates']):
                    x.update({key: max(x[key], y[key]) for key in x})
        self.note('machine', best)

    def kernels(self):
        """Every type at one shape, three types at every shape."""
        asked = [['--all', '--shape', '4096x4096'],
                 ['--type', 'Q4_K,Q6_K,Q8_0', '--shape', '1024x4096,14336x4096,'
                  '4096x14336,768x2048,2048x768,1024x2048']]
        names = [b['name'] for b in self.libmoe.json('doctor', '--json')[
            'backends'] if b['available']]
        rounds = []
        for _ in range(min(self.args.rounds, 3)):
            rows = []
            for backend in names[1:] or names:  # scalar only if it is the best
                for words in asked:
                    watch.wait_until_quiet(self.args.lost, self.args.wait)
                    rows += self.libmoe.json(
                        'bench', '--kernels', '-o', 'json', '--backend',
                        backend, *words)['rows']
            rounds.append(rows)
            self.say(f'  {len(rows)} kernels')
        self.note('kernels', [median_row(rows) for rows in zip(*rounds)])

    def load(self):
        """Seconds to open a file, and anonymous memory beside the plan."""
        path = self.model('mixtral')
        seconds = {}
        for state, prepare in (('in the page cache', watch.read_file),
                               ('on disk', watch.forget_file)):
            for number in range(self.args.rounds):
                for name in ('libmoe', 'ik')[::-1 if number % 2 else 1]:
                    engine = self.engines[name]
                    prepare(path)
                    out = watch.run(engine.open_command(path), 600).out
                    seconds.setdefault(f'{name}, {state}', []).append(
                        engine.open_seconds(out))
        for name, values in seconds.items():
            self.say(f'  {name}: {sorted(values)[len(values) // 2]:.4f} s')
        self.note('load', {'model': 'mixtral', 'bytes': path.stat().st_size,
                           'seconds': seconds})
        self.note('memory', [self.memory('mixtral', 0),
                             self.memory('mistral', 3584)])

    def memory(self, name, depth):
        """The most anonymous memory of 512 tokens behind a depth."""
        path, threads = self.model(name), min(CPUS, 2)
        plan = self.libmoe.json('estimate', path, '-c', depth + 512, '-t',
                                threads, '--json')
        row = {'model': name, 'positions': depth + 512, 'threads': threads,
               'planned': plan['kv_bytes'] + plan['scratch_bytes'],
               'scratch': plan['scratch_bytes']}
        for engine in ('libmoe', 'ik'):
            command = self.engines[engine].command(path, ('pp512',), threads,
                                                   depth)
            row[engine] = watch.run(command, 3600, wants_memory=True).anonymous
            self.say(f'  {name}, {engine}: {row[engine] >> 20} MiB anonymous, '
                     f'planned {row["planned"] >> 20}')
        return row

    def accuracy(self):
        """What accuracy.py prints, with the same program."""
        env = {**os.environ, 'MOE_BIN': str(self.args.moe),
               'MOE_SHARED': str(self.args.tools.parent)}
        out = subprocess.run(
            [sys.executable, ROOT / 'tests' / 'bench' / 'accuracy.py',
             self.args.models, '--starts', '0,300000'], env=env, check=True,
            stdout=subprocess.PIPE, text=True).stdout
        self.note('accuracy', [
            [cell.strip() for cell in line.strip('|').split('|')]
            for line in out.splitlines() if re.match(r'\| .*\d %', line)])

    # -------------------------------------------------------------- the end

    def run(self, sections):
        for section in sections:
            self.say(f'== {section}')
            try:
                if section in SPEED:
                    for cell in SPEED[section]:
                        self.run_cell(cell)
                elif not self.has_note(section):
                    getattr(self, section)()
            except (watch.Failed, OSError,
                    subprocess.CalledProcessError) as why:
                self.say(f'{section}: stopped: {why}')
            self.publish()

    def publish(self):
        """Writes what is known so far."""
        machine = self.noted('machine')
        if machine is None:
            self.machine()
            machine = self.noted('machine')
        cells, models = [], set()
        for cell in (cell for cells in SPEED.values() for cell in cells):
            rounds = self.rounds_of(cell)
            if len(rounds) >= min(LEAST_ROUNDS, self.args.rounds):
                models.add(cell.model)
                arms = [{**asdict(arm), 'name': arm.name} for arm in cell.arms]
                cells.append({
                    'section': cell.section, 'model': cell.model,
                    'tests': cell.tests, 'depth': cell.depth, 'arms': arms,
                    'build': rounds[-1]['build'],
                    'rounds': [row['runs'] for row in rounds]})
        data = {
            'machine': {**card(), **machine}, 'build': self.build,
            'engines': {'libmoe': self.libmoe.json('doctor', '--json')['build'],
                        'peer': engines.peer_version()},
            'most_lost': self.args.lost,
            'models': {name: self.model_card(name) for name in sorted(models)},
            'cells': cells, **{what: self.noted(what) for what in
                               ('kernels', 'load', 'memory', 'accuracy')}}
        DOCS.mkdir(exist_ok=True)
        path = DOCS / f'{machine["backend"]}.json'
        path.write_text(compact(data))
        subprocess.run([sys.executable, ROOT / 'tests' / 'bench' /
                        'render.py'], check=True)


def median_row(rows):
    """The middle one of the same row from some rounds, by time."""
    return sorted(rows, key=lambda row: row['seconds'])[len(rows) // 2]


def compact(data):
    """JSON with one line for each element of the long lists."""
    def lines(value):
        return '[\n' + ',\n'.join(json.dumps(row) for row in value) + '\n]'
    return '{\n' + ',\n'.join(
        f'{json.dumps(key)}: '
        f'{lines(value) if isinstance(value, list) else json.dumps(value)}'
        for key, value in data.items()) + '\n}\n'


def card():
    """What the machine is."""
    info = Path('/proc/cpuinfo')
    text = info.read_text() if info.exists() else ''
    found = dict(re.findall(r'^(.*?)\s*: (.*)$', text, re.MULTILINE))
    pages = Path('/sys/kernel/mm/transparent_hugepage/enabled')
    return {
        'processor': found.get('model name', platform.processor()),
        'microcode': found.get('microcode', ''),
        'processors': CPUS,
        'memory_gib': round(os.sysconf('SC_PHYS_PAGES') *
                            os.sysconf('SC_PAGE_SIZE') / 2**30),
        'is_virtual': 'hypervisor' in found.get('flags', ''),
        'kernel': f'{platform.system()} {platform.release().split("-")[0]}',
        'huge_pages': re.sub(r'.*\[(\w+)\].*', r'\1', pages.read_text().strip())
                      if pages.exists() else '',
        'date': time.strftime('%Y-%m-%d'),
    }


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    for name in ('moe', 'dir', 'models', 'synth', 'tools'):
        parser.add_argument(f'--{name}', type=Path, required=True)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--lost', type=float, default=0.05,
                        help='discard a run if others had a larger share')
    parser.add_argument('--retries', type=int, default=3,
                        help='accept the run after so many were discarded')
    parser.add_argument('--wait', type=float, default=60,
                        help='seconds to wait for a quiet machine')
    parser.add_argument('--keep-old', action='store_true',
                        help='rounds of another build of moe count, too')
    parser.add_argument('sections', nargs='*', metavar='SECTION',
                        help=' '.join(SECTIONS))
    args = parser.parse_args()
    unknown = [name for name in args.sections if name not in SECTIONS]
    if unknown:
        parser.error(f'no section {" ".join(unknown)}: {" ".join(SECTIONS)}')
    with (args.dir / 'lock').open('w') as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            sys.exit(f'{args.dir}: another run is at work there')
        Campaign(args).run(args.sections or SECTIONS)


if __name__ == '__main__':
    main()
