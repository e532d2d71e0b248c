"""Builds and runs the tests of some build folders and adds up their TAP lines.

usage: run.py FLAVOUR=SUITES... -- [SUITE or SUITE/PROGRAM]...

MOE_BUILD/FLAVOUR is a folder that meson has configured; SUITES is a list with
commas, `all`, or `none` for a flavour that this machine cannot run.  Names
after -- narrow the choice.  Prints a line for each suite, what failed with its
diagnostics, and the reasons for what was skipped; closes with the line
`N passed, N failed, N skipped`."""

import concurrent.futures
import json
import os
import re
import signal
import subprocess
import sys
import time

RESULT = re.compile(r'(not )?ok\b(?: \d+)?(?: - )?(.*?)(?: # SKIP\s*(.*))?$')
NINJA_STEP = re.compile(r'\[\d+/\d+\] |ninja: Entering')
SECONDS = 600

ENVIRONMENT = {
    'ASAN_OPTIONS': 'detect_leaks=1:allocator_may_return_null=1:'
                    'detect_stack_use_after_return=1:strict_string_checks=1',
    'UBSAN_OPTIONS': 'halt_on_error=1:print_stacktrace=1',
    'TSAN_OPTIONS': 'halt_on_error=1:second_deadlock_stack=1',
    'MALLOC_PERTURB_': '165',  # glibc: fresh memory is never zero by luck
}

# Flavours for another CPU, and the programs that play it.
EMULATORS = {'arm64': 'qemu-aarch64'}


class Test:
    """One program or script, and the results of its last run."""

    def __init__(self, flavour, folder, facts):
        self.flavour = flavour
        self.command = list(facts['cmd'])
        self.program = self.command[0]
        self.suites = [s.split(':')[-1] for s in facts['suite']]
        self.name = self.suites[0] + '/' + facts['name'].split(':')[-1]
        self.env = {**ENVIRONMENT, **os.environ, **facts['env'],
                    'MOE_BUILD_DIR': folder}
        self.cwd = facts['workdir']
        self.is_parallel = facts['is_parallel']
        self.is_script = self.command[-1].endswith('.py')
        if self.is_script:  # with the packages that this interpreter has
            self.command[0] = sys.executable
        elif flavour in EMULATORS:
            self.command.insert(0, EMULATORS[flavour])
        self.passed = 0
        self.failures = []  # [(test, lines)]
        self.skips = []     # [(test, reason)]
        self.seconds = 0.0

    def target(self, folder):
        """What ninja calls the program, or None for a script."""
        if self.is_script:
            return None
        return os.path.relpath(self.program, folder).replace(os.sep, '/')

    def run(self):
        start = time.monotonic()
        try:
            done = subprocess.run(
                self.command, cwd=self.cwd, env=self.env, timeout=SECONDS,
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT)
            text, end = done.stdout, describe_exit(done.returncode)
        except subprocess.TimeoutExpired as late:
            text, end = late.stdout or b'', f'no end after {SECONDS} s'
        self.read_tap(text.decode('utf-8', 'replace').splitlines(), end)
        self.seconds = time.monotonic() - start
        return self

    def read_tap(self, lines, end):
        """Counts results; a program that dies or stops early has failed."""
        planned, seen, notes = None, 0, []
        for line in lines:
            result = RESULT.match(line)
            if line.startswith('1..'):
                planned = int(line[3:].split()[0])
            elif result:
                seen += 1
                is_bad, name, reason = result.groups()
                if is_bad:
                    self.failures.append((name, notes))
                elif reason is not None:
                    self.skips.append((name, reason))
                else:
                    self.passed += 1
                notes = []
            else:
                notes.append(line)
        if planned != seen:
            why = end or 'stopped early'
            self.failures.append(
                (f'{why}, {seen} of {planned} tests seen', notes))
        elif end and not self.failures:
            self.failures.append((end, notes))
        elif seen == 0:
            self.failures.append(('has no test', notes))


def describe_exit(code):
    if code >= 0:
        return f'exit status {code}' if code else ''
    try:
        return f'killed by {signal.Signals(-code).name}'
    except ValueError:
        return f'killed by signal {-code}'


def find_tests(flavour, folder, suites, wanted):
    with open(os.path.join(folder, 'meson-info', 'intro-tests.json'),
              encoding='utf-8') as file:
        tests = [Test(flavour, folder, facts) for facts in json.load(file)]
    if suites != ['all']:
        tests = [t for t in tests if set(t.suites) & set(suites)
                 and not t.is_script]
    if wanted:
        tests = [t for t in tests if t.name in wanted
                 or t.name.replace('/', '/test_', 1) in wanted
                 or set(t.suites) & set(wanted)]
    return tests


def build(folder, tests, is_complete):
    """Builds the folder, or only the tests; True, or what ninja said."""
    targets = [] if is_complete else [t.target(folder) for t in tests]
    for ninja in 'ninja', 'ninja-build', 'samu':
        try:
            done = subprocess.run(
                [ninja, '-C', folder, *filter(None, targets)],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT)
        except FileNotFoundError:
            continue
        if done.returncode == 0:
            return True
        for line in done.stdout.decode('utf-8', 'replace').splitlines():
            if not NINJA_STEP.match(line):
                print(line)
        return False
    print('ninja is not here')
    return False


def run_suite(tests):
    """Runs the tests of a suite, those that measure time after the others."""
    workers = os.cpu_count() or 1
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        list(pool.map(Test.run, [t for t in tests if t.is_parallel]))
    for test in tests:
        if not test.is_parallel:
            test.run()


def report_suite(flavour, suite, tests, seconds):
    passed = sum(t.passed for t in tests)
    failures = [(t, *f) for t in tests for f in t.failures]
    skipped = sum(len(t.skips) for t in tests)
    for test, name, notes in failures:
        for note in notes[-40:]:
            print(note)
        print(f'not ok: {flavour}: {test.name}: {name}')
    print(f'{flavour:8} {suite:9} {passed:5} ok {len(failures):4} not ok '
          f'{skipped:4} skip {seconds:7.1f} s', flush=True)


def report_skips(skips):
    """Each reason once, with the tests that gave it."""
    reasons = {}
    for test, name, reason in skips:
        reasons.setdefault(reason or 'no reason given', []).append(
            f'{test}: {name}')
    for reason, names in sorted(reasons.items()):
        more = f' and {len(names) - 1} more' if len(names) > 1 else ''
        print(f'skipped: {names[0]}{more}: {reason}')


def run_flavour(flavour, suites, wanted):
    """The tests that were run, or None if they could not be built."""
    folder = os.path.join(os.environ['MOE_BUILD'], flavour)
    tests = find_tests(flavour, folder, suites.split(','), wanted)
    print(f'building {flavour}', file=sys.stderr, flush=True)
    if not build(folder, tests, is_complete=suites == 'all'):
        return None
    # The thread suite is a second name of tests that have a first one.
    for suite in dict.fromkeys(t.suites[0] for t in tests):
        chosen = [t for t in tests if t.suites[0] == suite]
        start = time.monotonic()
        run_suite(chosen)
        report_suite(flavour, suite, chosen, time.monotonic() - start)
    return tests


def main(arguments):
    split = arguments.index('--')
    wanted = [name[:-2] if name.endswith('.c') else name
              for name in arguments[split + 1:]]
    tests, n_broken, skips = [], 0, []
    for argument in arguments[:split]:
        flavour, suites = argument.split('=')
        if suites == 'none':
            skips.append((flavour, 'all', 'this machine cannot run it'))
            continue
        ran = run_flavour(flavour, suites, wanted)
        if ran is None:
            print(f'not ok: {flavour}: does not build')
            n_broken += 1
        else:
            tests += ran
    if wanted and not tests and not n_broken:
        print(f'no test is called {" or ".join(wanted)}')
        n_broken += 1
    skips += [(t.name, *s) for t in tests for s in t.skips]
    n_failed = n_broken + sum(len(t.failures) for t in tests)
    report_skips(skips)
    print(f'{sum(t.passed for t in tests)} passed, {n_failed} failed, '
          f'{len(skips)} skipped')
    return n_failed > 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
