"""Every source compiles on its own, with every compiler that is here.

Hosts build libmoe with their own tools (SwiftPM, NDK, Xcode, cgo, cargo): no
flag may be needed, and no warning may come."""

import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import compilers  # noqa: E402
import tap        # noqa: E402

WARNINGS = ['-Wall', '-Wextra', '-Wconversion', '-Wshadow', '-Wvla', '-Werror']
LIB = ['-Iinclude', '-Ilib']
CROSS = ['aarch64-linux-gnu-gcc', 'x86_64-w64-mingw32-gcc']


def sources(*patterns):
    return [path.relative_to(tap.ROOT) for pattern in patterns
            for path in sorted(tap.ROOT.glob(pattern))]


def compile_all(compiler, flags, paths):
    """Compiles in as many batches as there are CPUs; raises with the first
    errors.  Objects go into a folder that is thrown away."""
    flags = [flag.replace('-I', f'-I{tap.ROOT}/') for flag in flags]
    paths = [tap.ROOT / path for path in paths]
    n_batches = os.cpu_count() or 1

    def compile_batch(number):
        batch = paths[number::n_batches]
        if not batch:
            return []
        with tempfile.TemporaryDirectory() as folder:
            result = tap.run([compiler, '-c', *flags, *batch], cwd=folder)
        return result.stdout.splitlines() if result.returncode else []

    with ThreadPoolExecutor(n_batches) as pool:
        said = sum(pool.map(compile_batch, range(n_batches)), [])
    tap.check_empty([line for line in said if 'error' in line][:10] or said)


def library_without_warnings(compiler):
    compile_all(compiler, ['-std=c11', '-O2', *WARNINGS, *LIB],
                sources('lib/**/*.c'))


def library_without_flags(compiler):
    compile_all(compiler, LIB, sources('lib/**/*.c'))


def programs_without_warnings(compiler):
    """Examples see moe.h only, but for the one file that measures kernels; tests
    see everything."""
    inside = {Path('examples/moe/bench_kernels.c')}
    examples = {Path(source) for source in sources('examples/**/*.c')}
    compile_all(compiler, ['-std=c11', '-O1', *WARNINGS, '-Iinclude'],
                sorted(examples - inside))
    compile_all(compiler, ['-std=c11', '-O1', *WARNINGS, *LIB, '-Itests'],
                [*sorted(inside & examples), *sources('tests/*/*.c')])


def joined_into_one(compiler):
    """All sources as one translation unit: no two have a name in common."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'joined.c'
        # The first system header decides what all others show.
        path.write_text('#define _GNU_SOURCE\n' + ''.join(
            f'#include "{tap.ROOT / source}"\n'
            for source in sources('lib/**/*.c')))
        compile_all(compiler, ['-std=c11', '-O1', *LIB], [path])


def a_warning_is_caught(compiler):
    bad = 'signed char f(int x);\nsigned char f(int x)\n{\n    return x;\n}\n'
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'bad.c'
        path.write_text(bad)
        try:
            compile_all(compiler, ['-std=c11', *WARNINGS], [path])
        except AssertionError:
            return
    raise AssertionError('a narrowing conversion passed')


def tests():
    try:
        found = compilers.found('c')
    except tap.Skip:
        found = []
    for compiler in found:
        for test in (library_without_warnings, library_without_flags,
                     programs_without_warnings, joined_into_one,
                     a_warning_is_caught):
            yield (f'{test.__name__} {compiler}',
                   lambda t=test, c=compiler: t(c))
    for compiler in CROSS:
        yield (f'library_without_warnings {compiler}',
               lambda c=compiler: cross_compile(c))


def cross_compile(compiler):
    try:
        tap.run([compiler, '--version'])
    except FileNotFoundError:
        raise tap.Skip(f'{compiler} is not here') from None
    library_without_warnings(compiler)


if __name__ == '__main__':
    tap.main(list(tests()))
