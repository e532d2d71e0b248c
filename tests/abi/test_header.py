"""moe.h on its own: any C or C++ compiler and a simple C parser read it."""

import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import compilers  # noqa: E402
import header     # noqa: E402
import tap        # noqa: E402

WARNINGS = ['-Wall', '-Wextra', '-pedantic', '-Werror']


def compiles_as(language, standard):
    """The header twice, and nothing else, with every compiler that is here."""
    for compiler in compilers.found('c++' if language == 'c++' else 'c'):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / 'only'
            path.write_text('#include <moe.h>\n#include <moe.h>\n')
            result = tap.run([compiler, '-x', language, f'-std={standard}',
                              *WARNINGS, '-fsyntax-only', '-Iinclude', path])
        if 'invalid value' in result.stdout or (
                'unrecognized command' in result.stdout):
            continue  # an old compiler, a new standard
        assert result.returncode == 0, f'{compiler}:\n{result.stdout}'


def a_program_needs_no_feature_macro():
    """-std=c11 with no GNU extensions, no _GNU_SOURCE."""
    text = header.HEADER.read_text(encoding='utf-8')
    assert '_SOURCE' not in text


def pycparser_reads_it():
    try:
        from pycparser import c_ast, c_parser
    except ImportError:
        raise tap.Skip('pycparser is not here') from None
    types = ''.join(f'typedef {old} {new};' for new, old in {
        'size_t': 'unsigned long', 'int32_t': 'int', 'uint32_t': 'unsigned',
        'int64_t': 'long', 'uint64_t': 'unsigned long', 'uint8_t':
        'unsigned char', 'int8_t': 'signed char'}.items())
    text = header.plain_text().replace('MOE_API', '')
    text = text.replace('extern "C" {', '')
    text = text.rstrip().removesuffix('}')  # of extern "C"
    tree = c_parser.CParser().parse(types + text)
    names = [node.name for node in tree.ext if isinstance(node, c_ast.Decl)
             and isinstance(node.type, c_ast.FuncDecl)]
    assert names == header.functions(), set(names) ^ set(header.functions())
    for node in tree.ext:
        check_simple(node, c_ast)


def check_simple(node, c_ast):
    """What a foreign function interface cannot call: by-value structures,
    varargs, bit fields, data."""
    if not isinstance(node, c_ast.Decl) or node.name is None:
        return
    assert isinstance(node.type, c_ast.FuncDecl), f'{node.name} is data'
    for argument in node.type.args.params:
        assert not isinstance(argument, c_ast.EllipsisParam), node.name
        kind = argument.type
        if isinstance(kind, c_ast.TypeDecl) and (
                isinstance(kind.type, c_ast.IdentifierType)):
            name = kind.type.names[-1]
            assert name not in header.structs(), f'{node.name}: {name}'


if __name__ == '__main__':
    standards = [('c', 'c11'), ('c', 'c17'), ('c', 'c2x'), ('c++', 'c++11'),
                 ('c++', 'c++17'), ('c++', 'c++20')]
    tap.main([(f'compiles_as {standard}',
               lambda l=language, s=standard: compiles_as(l, s))
              for language, standard in standards] + [
        ('a_program_needs_no_feature_macro', a_program_needs_no_feature_macro),
        ('pycparser_reads_it', pycparser_reads_it)])
