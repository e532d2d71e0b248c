"""tap.py: the tests' harness for Python scripts, the twin of test.h.

A script lists (name, function) pairs.  A function fails by raising, and skips
by raising Skip with the reason."""

import subprocess
import sys
import traceback
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Skip(Exception):
    """The test cannot run here; the message says what is missing."""


def run(command, **options):
    """A finished process with its output as text; never raises for its
    status."""
    return subprocess.run(
        [str(word) for word in command], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding='utf-8',
        errors='replace', check=False, cwd=options.pop('cwd', ROOT), **options)


def check_empty(problems):
    """Fails with one line for each problem."""
    problems = list(problems)
    assert not problems, '\n'.join(map(str, problems))


def main(tests):
    """Runs the tests whose name contains argv[1], or all."""
    n_failed = 0
    print(f'1..{len(tests)}')
    for number, (name, test) in enumerate(tests, 1):
        verdict, note = 'ok', ''
        try:
            if len(sys.argv) > 1 and sys.argv[1] not in name:
                raise Skip('not asked')
            test()
        except Skip as skip:
            note = f' # SKIP {skip}'
        except AssertionError as failure:
            verdict = 'not ok'
            text = str(failure) or traceback.format_exc()
            print('# ' + text.replace('\n', '\n# '))
        except Exception:  # a defect of the test itself
            verdict = 'not ok'
            print('# ' + traceback.format_exc().replace('\n', '\n# '))
        n_failed += verdict != 'ok'
        print(f'{verdict} {number} - {name}{note}', flush=True)
    sys.exit(n_failed > 0)
