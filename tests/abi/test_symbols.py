"""What the built library shows, what it wants, and what it keeps."""

import os
import re
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import tap     # noqa: E402
import header  # noqa: E402

ABI = tap.ROOT / 'tests' / 'abi'
BUILD = Path(os.environ.get('MOE_BUILD_DIR', tap.ROOT / 'build' / 'release'))

# Never, not even after a review: they end or change the host's process.
BANNED = re.compile(
    r'abort|_*exit|_Exit|quick_exit|__assert_fail|raise|t?g?kill|signal|'
    r'(__)?sig(action|procmask)|pthread_sigmask|pthread_key_create|setlocale|'
    r'(secure_)?getenv|(set|put)env|_*[vdfsn]*printf(_chk)?|puts|putchar|'
    r'f(open|reopen|write|puts)|perror|system|popen|dl(open|sym)|v?fork|'
    r'exec\w+|posix_spawn\w*|socket|connect|s?rand(om)?|strtok|strerror|'
    r'localtime|atexit|__cxa_atexit|_*(sig)?(set|long)jmp')
# The toolchain's own, weak, in any shared object.
TOOLCHAIN = {'__cxa_finalize', '__gmon_start__', '_ITM_deregisterTMCloneTable',
             '_ITM_registerTMCloneTable', '_DYNAMIC', '__stack_chk_fail',
             '_GLOBAL_OFFSET_TABLE_'}
WRITABLE = re.compile(r'\.(t?data|t?bss|init_array|fini_array|ctors|dtors)'
                      r'(?!\.rel\.ro)(\..*)?$')
MAX_IMPORTS = 45


def tool(name, *arguments):
    """Lines that a binutils program prints about a built file."""
    try:
        result = tap.run([name, *arguments])
    except FileNotFoundError:
        raise tap.Skip(f'{name} is not here') from None
    assert result.returncode == 0, result.stdout
    return result.stdout.splitlines()


def library(name):
    if sys.platform == 'darwin':
        raise tap.Skip('reads ELF files only')
    path = BUILD / 'lib' / name
    if not path.exists():
        raise tap.Skip(f'{path.name} is not built')
    return path


def symbols_file():
    return dict(line.split() for line in
                (tap.ROOT / 'docs' / 'symbols.txt').read_text().splitlines())


def exports_are_the_documented_functions():
    lines = tool('nm', '-D', '--defined-only', library('libmoe.so'))
    names = [line.split()[-1].split('@')[0] for line in lines
             if line.split()[-2] != 'A']  # A: the names of versions
    assert sorted(names) == sorted(symbols_file()), (
        set(names) ^ set(symbols_file()))


def symbols_file_is_the_header():
    listed, declared = symbols_file(), header.functions()
    assert sorted(listed) == sorted(declared), set(listed) ^ set(declared)
    assert list(listed) == sorted(listed), 'docs/symbols.txt is not sorted'
    assert listed == header.since(), set(listed.items()) ^ set(
        header.since().items())
    assert len(listed) <= 80, f'{len(listed)} functions'


def each_export_has_the_version_that_introduced_it():
    lines = tool('nm', '-D', '--defined-only', library('libmoe.so'))
    found = dict(re.split('@+', line.split()[-1]) for line in lines
                 if '@' in line)
    wanted = {n: f'MOE_{since}' for n, since in symbols_file().items()}
    assert found == wanted, set(found.items()) ^ set(wanted.items())


def plain_name(symbol):
    """open64@GLIBC_2.2.5 and __open_chk are both open."""
    return re.sub(r'^__(\w+)_chk$|64$', r'\1', symbol.split('@')[0])


def imports_are_on_the_list():
    lines = tool('nm', '-D', '--undefined-only', library('libmoe.so'))
    found = {plain_name(line.split()[-1]) for line in lines} - TOOLCHAIN
    listed = (ABI / 'imports.txt').read_text().split()
    assert listed == sorted(listed), 'imports.txt is not sorted'
    assert len(listed) <= MAX_IMPORTS, f'{len(listed)} ({MAX_IMPORTS})'
    tap.check_empty(f'{name} is not in imports.txt'
                    for name in sorted(found - set(listed)))
    tap.check_empty(f'{name} is banned' for name in sorted(found | set(listed))
                    if BANNED.fullmatch(name))


def the_ban_knows_its_names():
    for name in ('abort', '_exit', 'printf', 'vsnprintf', '__sprintf_chk',
                 'getenv', 'fopen', 'rand', 'longjmp', 'execve', '_setjmp',
                 '__assert_fail', 'puts', 'fprintf', 'sigaction'):
        assert BANNED.fullmatch(name), name
    for name in 'malloc', 'memcpy', 'pthread_create', 'strlen', 'pread':
        assert not BANNED.fullmatch(name), name
    for name in '.data', '.bss', '.data.counter', '.tbss', '.init_array':
        assert WRITABLE.match(name), name
    for name in '.data.rel.ro', '.data.rel.ro.local', '.rodata', '.text':
        assert not WRITABLE.match(name), name


def global_names_start_with_moe():
    lines = tool('nm', '-g', '--defined-only', library('libmoe.a'))
    tap.check_empty(line for line in lines if re.match(r'\w+ \w ', line)
                    and not line.split()[-1].startswith('moe_'))


def objects_have_no_writable_data():
    member, problems = '', []
    for line in tool('readelf', '-SW', library('libmoe.a')):
        section = re.match(r'\s*\[ *\d+\] (\.\S+)\s+\w+\s+\w+ \w+ (\w+)', line)
        if line.startswith('File:'):
            member = line.split('(')[-1].rstrip(')')
        elif section and WRITABLE.match(section[1]) and int(section[2], 16):
            problems.append(f'{member}: {section[1]} has '
                            f'{int(section[2], 16)} bytes')
    assert member, 'readelf shows no member'
    tap.check_empty(problems)
    lines = tool('nm', library('libmoe.a'))
    tap.check_empty(line for line in lines if re.match(r'\w+ C ', line))


def soname_carries_the_abi_version():
    version = header.number('MOE_ABI_VERSION')
    lines = tool('readelf', '-dW', library('libmoe.so'))
    names = [line.split('[')[-1].rstrip(']') for line in lines
             if 'SONAME' in line]
    assert names == [f'libmoe.so.{version}'], names


def meson_knows_the_version():
    version = '.'.join(str(header.number(f'MOE_VERSION_{part}'))
                       for part in ('MAJOR', 'MINOR', 'PATCH'))
    text = (tap.ROOT / 'meson.build').read_text()
    assert f"version: '{version}'" in text, version
    assert f"abi_version = '{header.number('MOE_ABI_VERSION')}'" in text


def the_stripped_library_is_small():
    path = library('libmoe.so')
    sizes = tool('size', path)[-1].split()
    total = sum(map(int, sizes[:3]))
    assert total <= 1 << 20, f'{total} bytes'


def each_public_field_is_pinned():
    text = (ABI / 'test_layout.c').read_text()
    pinned = set(re.findall(r'FIELD\((\w+), (\w+), \d+\)', text))
    wanted = {(struct, field) for struct, fields in header.structs().items()
              for field in fields}
    assert wanted and pinned == wanted, pinned ^ wanted
    assert set(re.findall(r'SIZE\((\w+), \d+\)', text)) == set(
        header.structs())


if __name__ == '__main__':
    tap.main([(test.__name__, test) for test in (
        exports_are_the_documented_functions,
        symbols_file_is_the_header,
        each_export_has_the_version_that_introduced_it,
        imports_are_on_the_list,
        the_ban_knows_its_names,
        global_names_start_with_moe,
        objects_have_no_writable_data,
        soname_carries_the_abi_version,
        meson_knows_the_version,
        the_stripped_library_is_small,
        each_public_field_is_pinned,
    )])
