#!/usr/bin/env python3
"""How far libmoe and llama.cpp are from exact arithmetic on the same file.

The reference is upstream llama.cpp on the same weights decoded to F32; the
figure is the mean Kullback-Leibler divergence of the next token's distribution
over N tokens of real text, KL(reference || engine).  Not a test: it needs
`moe` (built), the models, the shared folder, the package cyllama, 5 GB of disk
and some minutes.

    python3 tests/bench/accuracy.py FOLDER_OF_MODELS [MODEL ...]
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SHARED = Path(os.environ.get('MOE_SHARED', ROOT.parent / 'shared'))
MOE = Path(os.environ.get('MOE_BIN', ROOT / 'build/release/examples/moe'))
WORK = ROOT / 'build' / 'accuracy'


def python():
    """An interpreter with llama.cpp, in the build folder."""
    exe = WORK / 'python' / 'bin' / 'python'
    if not exe.exists():
        subprocess.run([sys.executable, '-m', 'venv', exe.parent.parent],
                       check=True)
        subprocess.run([exe, '-m', 'pip', 'install', '-q', 'cyllama==0.2.18',
                        'numpy', 'gguf'], check=True)
    return exe


def made(path, command):
    """The path, after running the command if it is not there."""
    if not path.exists():
        subprocess.run([str(word) for word in command], check=True,
                       stdout=subprocess.DEVNULL)
    return path


def divergence(reference, other, n):
    """Mean KL divergence and agreement of the first choice, by row."""
    import numpy as np
    a = np.fromfile(reference, '<f4').reshape(n, -1)
    b = np.fromfile(other, '<f4').reshape(n, -1)
    total = same = 0
    for x, y in zip(a, b):
        x, y = x.astype(np.float64), y.astype(np.float64)
        x -= np.log(np.exp(x - x.max()).sum()) + x.max()
        y -= np.log(np.exp(y - y.max()).sum()) + y.max()
        total += (np.exp(x) * (x - y)).sum()
        same += x.argmax() == y.argmax()
    return total / n, 100 * same / n


def measure(model, start, n):
    """One row: a model and a piece of text."""
    text = (SHARED / 'corpora' / 'pb_en.txt').read_text()
    piece = text[start:start + 20 * n].encode()
    out = subprocess.run([MOE, 'tokenize', model], input=piece, check=True,
                         capture_output=True).stdout
    ids = out.decode().strip(' []\n').replace(' ', '').split(',')[:n]
    ids = ','.join(ids)
    tools, name = SHARED / 'tools', f'{model.stem}-{start}'
    exact = made(WORK / f'{model.stem}.f32.gguf',
                 [python(), tools / 'dequant_gguf.py', model,
                  WORK / f'{model.stem}.f32.gguf'])
    reference = tools / 'ref_logits.py'
    files = {}
    for key, file in (('exact', exact), ('llama.cpp', model)):
        files[key] = made(WORK / f'{name}.{key}.f32',
                          [python(), reference, file, '--ids', ids, '-o',
                           WORK / f'{name}.{key}.f32'])
    for key, file in (('libmoe', model), ('libmoe on F32', exact)):
        files[key] = WORK / f'{name}.{key.replace(" ", "-")}.f32'
        subprocess.run([MOE, 'logits', file, '--ids', ids, '--kv', 'f32',
                        '--batch', '128', '-q', '-o', files[key]], check=True)
    for key in ('llama.cpp', 'libmoe', 'libmoe on F32'):
        kl, same = divergence(files['exact'], files[key], n)
        print(f'| {model.stem} | {start} | {key} | {kl:.6f} | {same:.1f} % |',
              flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('folder', type=Path)
    parser.add_argument('models', nargs='*')
    parser.add_argument('-n', type=int, default=500)
    parser.add_argument('--starts', default='0')
    options = parser.parse_args()
    WORK.mkdir(parents=True, exist_ok=True)
    if sys.executable != str(python()):
        os.execv(python(), [str(python()), __file__, *sys.argv[1:]])
    names = options.models or [p.name for p in options.folder.glob('*.gguf')]
    print('| model | text from | engine | mean KL | same first choice |')
    print('|---|--:|---|--:|--:|')
    for name in names:
        for start in options.starts.split(','):
            measure(options.folder / name, int(start), options.n)


main()
