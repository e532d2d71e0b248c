#!/usr/bin/env python3
"""Instructions of the AArch64 kernels: for 256 weights and one token.

    python3 tests/bench/count_arm.py            writes docs/bench/arm.json
    python3 tests/bench/render.py               and then docs/benchmarks.md

Needs aarch64-linux-gnu-gcc and qemu-aarch64, which logs each instruction that
it executes.  A product of 16 rows is run with two numbers of columns; the
difference is what the columns cost, without what begins and ends a program.  An
emulator says nothing about speed: these are counts."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
OUT = ROOT / 'docs' / 'bench' / 'arm.json'
# Names and numbers of include/moe.h.
BACKENDS = {'neon': 4, 'neon_dotprod': 5, 'neon_i8mm': 6}
# Numbers of GGUF.
TYPES = {'F16': 1, 'Q4_0': 2, 'Q8_0': 8, 'Q2_K': 10, 'Q3_K': 11, 'Q4_K': 12,
         'Q5_K': 13, 'Q6_K': 14, 'IQ4_XS': 23, 'MXFP4': 39}
TOKENS = (1, 4, 64)
ROWS = 16
FEW, MANY = 1024, 2048  # columns


def build(program):
    sources = [str(ROOT / 'tests/bench/count_product.c'),
               *map(str, sorted((ROOT / 'lib').rglob('*.c')))]
    subprocess.run(['aarch64-linux-gnu-gcc', '-std=c11', '-O2', '-static',
                    f'-I{ROOT}/include', f'-I{ROOT}/lib', *sources,
                    '-lm', '-lpthread', '-o', program], check=True)


def executed(program, *words):
    """Instructions from the program's first to its last."""
    run = subprocess.Popen(
        ['qemu-aarch64', '-cpu', 'max', '-singlestep', '-d', 'exec,nochain',
         '-D', '/dev/stdout', program, *map(str, words)],
        stdout=subprocess.PIPE)
    count = sum(line.startswith(b'Trace') for line in run.stdout)
    if run.wait() != 0 or count == 0:
        sys.exit(f'{words}: counted {count}')
    return count


def main():
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        program = f'{folder}/count_product'
        build(program)
        for name, backend in BACKENDS.items():
            for kind, number in TYPES.items():
                counts = [
                    (executed(program, backend, number, n, MANY) -
                     executed(program, backend, number, n, FEW)) /
                    ((MANY - FEW) / 256 * ROWS * n) for n in TOKENS]
                rows.append({'backend': name, 'type': kind, 'counts': dict(
                    zip(map(str, TOKENS), (round(c, 1) for c in counts)))})
                print(name, kind, *rows[-1]['counts'].values(), flush=True)
    OUT.write_text(json.dumps({'tokens': TOKENS, 'rows': rows}, indent=1) +
                   '\n')


if __name__ == '__main__':
    main()
