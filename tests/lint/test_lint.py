"""The house rules, and for each a proof that it catches what it forbids."""

import collections
import os
import shutil
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import rules  # noqa: E402
import tap    # noqa: E402
import tree   # noqa: E402

LIB, CODE = ('lib',), ('lib', 'include', 'examples')

LONG = 'int f(void)\n{\n' + '    g();\n' * 79 + '}\n'
TABLE = '/* a row */\n' * 801

# (rule, folders, [(path, text with a complaint)], [(path, text without)])
FILE_RULES = [
    (rules.layering, LIB,
     [('lib/os/a.c', '#include "quant/quant.h"\n'),
      ('lib/token/a.c', '#include "arch/arch.h"\n'),
      ('lib/token/a.c', '#include "sample/sample.h"\n'),
      ('lib/kern/a.c', '#include <moe.h>\n'),
      ('lib/kern/a.c', '#include "kern.h"\n'),
      ('lib/mem/a.c', '#include "arch/a.h"\n#include "kern/k.h"\n')],
     [('lib/run/a.c', '#include "arch/a.h"\n#include "kern/k.h"\n'
                      '#include "mem/m.h"\n#include "run/run.h"\n'),
      ('lib/api/a.c', '#include "moe.h"\n')]),
    (rules.headers, LIB,
     [('lib/base/a.c', '#include <pthread.h>\n'),
      ('lib/mem/a.c', '#include <stdio.h>\n')],
     [('lib/os/a.c', '#include <pthread.h>\n'),
      ('lib/base/a.c', '#include <string.h>\n')]),
    (rules.function_length, CODE,
     [('lib/base/a.c', LONG)],
     [('lib/base/a.c', LONG.replace('    g();\n', '', 2))]),
    (rules.file_length, CODE,
     [('lib/base/a.c', TABLE)], [('lib/base/a_tables.c', TABLE)]),
    (rules.columns, CODE,
     [('lib/base/a.c', 'x' * 81)], [('lib/base/a.c', 'x' * 80)]),
    (rules.forbidden_calls, LIB,
     [('lib/base/a.c', 'void f(void)\n{\n    abort();\n}\n'),
      ('lib/base/a.c', '#define DIE(x) exit(x)\n'),
      ('lib/run/a.c', 'int f(void) { return malloc(3) != 0; }\n')],
     [('lib/base/alloc.c', 'int f(void) { return malloc(3) != 0; }\n'),
      ('lib/os/a.c', '/* abort() */ void f(void) { hook->free("exit(1)"); }'),
      ]),
    (rules.inexact_calls, LIB,
     [('lib/run/a.c', 'float f(float x) { return expf(x); }\n')],
     [('lib/run/a.c', 'float f(float x) { return fmaf(x, x, x); }\n')]),
    (rules.intrinsics, LIB,
     [('lib/run/a.c', '#include <immintrin.h>\n'),
      ('lib/os/a.c', 'void f(void) { _mm256_zeroall(); }\n'),
      ('lib/quant/a.c', 'int8x16_t x(void);\n')],
     [('lib/kern/x86/a.c', '#include <immintrin.h>\n__m256 x(void);\n'),
      ('lib/os/a.c', 'unsigned f(void) { return _mm_getcsr(); }\n')]),
    (rules.conditions, LIB,
     [('lib/base/a.c', '#ifdef _WIN32\n#endif\n'),
      ('lib/kern/a.c', '#if defined(__linux__)\n#endif\n'),
      ('lib/kern/a.c', '#define _GNU_SOURCE\n'),
      ('lib/kern/a.c', '#ifdef __clang__\n#endif\n'),
      ('lib/run/a.c', '#if defined(__x86_64__)\n#endif\n')],
     [('lib/os/a.c', '#if defined(__linux__)\n#endif\n'),
      ('lib/os/a.c', '#ifdef __clang__\n#endif\n'),
      ('lib/base/compiler.h', '#ifdef __clang__\n#endif\n'),
      ('lib/kern/a.c', '#ifdef __aarch64__\n#endif\n')]),
    (rules.family_names, LIB,
     [('lib/run/a.c', 'int is_mixtral;\n'),
      ('lib/run/a.c', 'const char *x = "qwen2moe";\n'),
      ('lib/token/a.c', 'int llama_bpe;\n')],
     [('lib/arch/a.c', 'int is_mixtral;\n'),
      ('lib/token/pretok.c', 'int llama_bpe;\n'),
      ('lib/token/a.c', 'const char *x = "llama-bpe"; /* gemma */\n')]),
    (rules.names, LIB,
     [('lib/run/a.c', 'int evaluate(void)\n{\n}\n'),
      ('lib/run/a.c', 'static int moe__step(void)\n{\n}\n'),
      ('lib/run/a.c', 'int moe_context_eval(void)\n{\n}\n')],
     [('lib/run/a.c', 'int moe__run_step(void)\n{\n}\n'),
      ('lib/api/a.c', 'int moe_context_eval(void)\n{\n}\n'),
      ('lib/kern/a.c', 'static int NAME(dot)(int n)\n{\n}\n'),
      ('lib/run/a.h', 'static inline int moe__x(void)\n{\n}\n'),
      ('lib/run/a.c', 'static int step(void)\n{\n}\n')]),
    (rules.mutable_data, LIB,
     [('lib/run/a.c', 'static int calls;\n'),
      ('lib/run/a.c', 'int calls = 3;\n'),
      ('lib/run/a.c', 'struct point origin;\n'),
      ('lib/run/a.c', 'void f(void)\n{\n    static int calls;\n}\n'),
      ('lib/run/a.c', 'static const char *names[] = {"a"};\n'),
      ('lib/run/a.c', '_Thread_local int calls;\n')],
     [('lib/run/a.c', 'static const char *const names[] = {"a"};\n'
                      'const struct point origin = {0};\n'
                      'struct point;\nstruct point { int x; };\n'
                      'enum { N = 3 };\ntypedef int number;\n'
                      'static int f(void);\nint f(void)\n{\n}\n'
                      'moe__matmul_fn moe__dot;\n')]),
]


def good_tree(folder):
    """The smallest tree that no rule complains about."""
    for path, text in {
            'README.md': '# x\n', 'lib/base/a.c': 'static int f(void)\n{}\n',
            'lib/base/b.c': 'static int g(void)\n{}\n',
            'tests/data/x.bin': '',
            'include/moe.h': '/* Does.\n * Returns  x\n * Threads  any.\n'
                             ' * Since    0.1 */\nMOE_API int moe_f(void);\n',
            }.items():
        write(folder, path, text)


def write(folder, path, text):
    path = Path(folder) / path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding='utf-8')


# (rule, [(path, text that breaks it)])
TREE_RULES = [
    (tree.top_level, [('src/a.c', ''), ('notes.txt', '')]),
    (tree.sizes, [('lib/base/c.c', 'int;\n' * 20_001),
                  ('lib/chat/c.c', 'int;\n' * 24_501),
                  ('tests/data/y.bin', '.' * ((15 << 20) + 1))]),
    (tree.unfinished, [('docs/a.md', 'TO' 'DO: this\n')]),
    (tree.machine_paths, [('docs/a.md', 'see /ho' 'me/me/x\n'),
                          ('lib/base/c.c', 'char x[] = "/tm' 'p/x";\n')]),
    (tree.text_form, [('lib/a.c', 'int\tx;\n'), ('lib/b.c', 'int x; \n'),
                      ('lib/c.c', 'int x;'), ('lib/d.c', 'int x;\n\n')]),
    (tree.unique_statics, [('lib/os/c.c', 'static int f(void)\n{}\n')]),
    (tree.doc_labels,
     [('include/moe.h', 'MOE_API int moe_f(void);\n'),
      ('include/moe.h', '/* Does.\n * Threads  any.\n * Since  0.1 */\n'
                        'MOE_API int moe_f(void);\n'),
      ('include/moe.h', '/* Does.\n * Since  0.1\n * Threads  any. */\n'
                        'MOE_API void moe_f(void);\n')]),
]


def file_rule_holds(rule, folders):
    tap.check_empty(
        f'{source.path}:{line}: {complaint}'
        for source in tree.sources(tap.ROOT, *folders)
        for line, complaint in rule(source))


def file_rule_can_fail(rule, bad, good):
    for path, text in bad:
        assert list(rule(rules.Source(path, text))), f'not caught: {text}'
    for path, text in good:
        found = list(rule(rules.Source(path, text)))
        assert not found, f'caught wrongly: {text}: {found}'


def tree_rule_can_fail(rule, bad):
    with tempfile.TemporaryDirectory() as folder:
        good_tree(folder)
        found = list(rule(folder))
        assert not found, f'caught wrongly: {found}'
    for path, text in bad:
        with tempfile.TemporaryDirectory() as folder:
            good_tree(folder)
            write(folder, path, text)
            assert list(rule(folder)), f'not caught: {path}: {text[:80]!r}'


def the_build_knows_every_file():
    build = os.environ.get('MOE_BUILD_DIR')
    if not build:
        raise tap.Skip('MOE_BUILD_DIR is not set')
    tap.check_empty(tree.build_lists(tap.ROOT, build))
    with tempfile.TemporaryDirectory() as folder:
        write(folder, 'lib/base/new.c', '')
        assert list(tree.build_lists(folder, build)), 'a new file is missed'


def clang_format_has_nothing_to_say():
    wanted = (tap.ROOT / 'tests' / 'requirements.txt').read_text()
    version = wanted.split('clang-format==')[1].split()[0]
    program = shutil.which('clang-format', path=os.pathsep.join(
        [str(Path(sys.executable).parent), os.environ.get('PATH', '')]))
    said = tap.run([program, '--version']).stdout if program else ''
    if version.split('.')[0] + '.' not in said:
        raise tap.Skip(f'clang-format {version} is not here')
    paths = [s.path for s in tree.sources(tap.ROOT, *CODE, 'tests')]
    result = tap.run([program, '--dry-run', '-Werror', *paths])
    lines = collections.Counter(line.split(':')[0] for line in
                                result.stdout.splitlines() if 'error:' in line)
    tap.check_empty(f'{path}: {n} places' for path, n in lines.items())


def tests():
    for rule, folders, bad, good in FILE_RULES:
        yield (f'{rule.__name__} holds',
               lambda r=rule, f=folders: file_rule_holds(r, f))
        yield (f'{rule.__name__} can fail',
               lambda r=rule, b=bad, g=good: file_rule_can_fail(r, b, g))
    for rule, bad in TREE_RULES:
        yield (f'{rule.__name__} holds',
               lambda r=rule: tap.check_empty(r(tap.ROOT)))
        yield (f'{rule.__name__} can fail',
               lambda r=rule, b=bad: tree_rule_can_fail(r, b))
    yield 'the_build_knows_every_file', the_build_knows_every_file
    yield 'clang_format_has_nothing_to_say', clang_format_has_nothing_to_say


if __name__ == '__main__':
    tap.main(list(tests()))
