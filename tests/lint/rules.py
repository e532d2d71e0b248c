"""The house rules for C code, as functions of one file.

Each takes a Source and yields (line, complaint).  None has exceptions: where a
rule does not apply to a file, the rule itself says so and why.  BAD and GOOD
of a rule (in test_lint.py) prove that it can fail."""

import re
from pathlib import PurePosixPath

import csource

RANKS = {'base': 0, 'os': 1, 'quant': 1, 'sample': 1, 'kern': 2, 'format': 2,
         'token': 3, 'arch': 3, 'mem': 4, 'run': 5, 'chat': 6, 'api': 7}

# Of lower rank, and still out of sight: text, families and choices meet
# in run/ and api/ only.
STRANGERS = {('token', 'sample'), ('arch', 'sample')}

STANDARD_HEADERS = set('''
    assert.h float.h limits.h math.h stdalign.h stdarg.h stdatomic.h stdbool.h
    stddef.h stdint.h stdlib.h string.h'''.split())

# They end or change the host's process, print, or hide their failures.
FORBIDDEN_CALLS = set('''
    abort exit _exit _Exit quick_exit atexit raise kill signal sigaction
    sigprocmask pthread_sigmask longjmp setjmp __builtin_trap
    printf fprintf vprintf vfprintf dprintf sprintf vsprintf snprintf vsnprintf
    puts fputs putc putchar fputc fwrite perror syslog scanf fscanf sscanf
    fopen freopen tmpfile system popen fork vfork execv execve execvp dlopen
    getenv secure_getenv setenv putenv setlocale localeconv chdir umask
    strerror strerror_r strtok localtime gmtime ctime rand srand random
    strcpy strcat strncpy strncat gets atoi atol atof strtol strtoll strtoul
    strtoull strtof strtod alloca socket connect'''.split())

HEAP_CALLS = {'malloc', 'calloc', 'realloc', 'free', 'aligned_alloc',
              'posix_memalign', 'strdup', 'strndup'}

# Their last bit differs from one libm to the next.
INEXACT_CALLS = {name + suffix for suffix in ('', 'f', 'l') for name in '''
    exp exp2 expm1 log log2 log10 log1p pow cbrt hypot sin cos tan asin acos
    atan atan2 sinh cosh tanh asinh acosh atanh erf erfc tgamma lgamma
    '''.split()}

SYSTEM_MACROS = re.compile(
    r'_WIN32|_WIN64|_MSC_VER|_POSIX\w*|_GNU_SOURCE|_DARWIN\w*|_XOPEN_SOURCE|'
    r'__(linux|APPLE|unix|ANDROID|FreeBSD|NetBSD|OpenBSD|EMSCRIPTEN|MINGW\d+|'
    r'CYGWIN|GLIBC|BIONIC|MACH|wasi)(__)?')
COMPILER_MACROS = re.compile(
    r'__(GNUC\w*|clang\w*|has_\w+|INTEL_COMPILER|TINYC)(__)?')
CPU_MACROS = re.compile(
    r'__(x86_64|i386|aarch64|arm|AVX\w*|SSE\w*|FMA|F16C|ARM_\w+|riscv)(__)?|'
    r'_M_(X64|IX86|ARM\w*)')

INTRINSIC = re.compile(
    r'_mm\d*_\w+|__m(64|128|256|512)[id]?|'
    r'v\w+_[suf](8|16|32|64)|(u?int|float)(8|16|32|64)x\d+(x\d)?_t')
INTRINSIC_HEADERS = re.compile(r'(imm|xmm|emm|pmm|smm|nmm|x86)intrin\.h|'
                               r'arm_(neon|acle|sve)\.h')
# What os/ asks the CPU itself: who it is, how it rounds, a pause in a spin.
CPU_CONTROL = {'_mm_getcsr', '_mm_setcsr', '_mm_pause', 'xmmintrin.h',
               'immintrin.h'}

FAMILIES = set('''
    mixtral mistral llama alpaca vicuna qwen gemma gemini deepseek phi yi
    falcon gpt gptoss smollm olmo olmoe granite glm chatglm ernie grok dbrx
    jamba mamba cohere commandr exaone starcoder minimax kimi baichuan internlm
    bloom nemotron hunyuan lfm stablelm'''.split())


class Source:
    """A C file of the tree; everything is computed when first asked for."""

    def __init__(self, path, text):
        self.path = PurePosixPath(path)
        self.text = text
        self.tokens = csource.read_tokens(text)
        self.functions = csource.functions(self.tokens)

    @property
    def room(self):
        """base, os ... or None outside of lib/."""
        parts = self.path.parts
        return parts[1] if parts[0] == 'lib' and len(parts) > 2 else None

    @property
    def is_table(self):
        return self.path.stem.endswith('_tables')

    def includes(self):
        """[(line, name, is_quoted)]"""
        return [(line, name, mark == '"') for line, text in self.lines()
                for mark, name in re.findall(
                    r'^\s*#\s*include\s*(["<])([^">]+)[">]', text)]

    def lines(self):
        return enumerate(self.text.splitlines(), 1)

    def calls(self):
        """Words that are called, but not through a pointer in a struct."""
        shown = [t for t in self.tokens if t.kind != 'comment']
        for before, token, after in zip([None] + shown, shown, shown[1:]):
            if token.is_word() and after.text == '(' and not (
                    before and before.text in ('.', '->')):
                yield token

    def conditions(self):
        """Words of #if and its like, and of #define of a name alone."""
        for line in csource.directives(self.tokens):
            if line[0].text in ('if', 'ifdef', 'ifndef', 'elif'):
                yield from (t for t in line[1:] if t.is_word())
            elif line[0].text in ('define', 'undef'):
                yield from line[1:2]


def layering(source):
    """Own room and rooms of lower rank only."""
    room = source.room
    rooms = {room}
    for line, name, is_quoted in source.includes():
        other = name.split('/')[0]
        if name == 'moe.h':
            if room not in ('base', 'api'):
                yield line, 'only base/ and api/ include moe.h'
        elif not is_quoted:
            continue
        elif other not in RANKS or '/' not in name:
            yield line, f'"{name}" is not room/file.h'
        elif other != room and RANKS[other] >= RANKS[room]:
            yield line, f'{room}/ does not see {other}/'
        elif (room, other) in STRANGERS:
            yield line, f'{room}/ does not see {other}/'
        rooms.add(other)
    if {'arch', 'kern', 'mem'} <= rooms and RANKS[room] < RANKS['run']:
        yield 1, 'only run/ knows arch/, kern/ and mem/ together'


def headers(source):
    """C11's own headers; the system's in os/, the CPU's in kern/."""
    for line, name, is_quoted in source.includes():
        if is_quoted or name == 'moe.h' or name in STANDARD_HEADERS:
            continue
        if INTRINSIC_HEADERS.fullmatch(name):
            continue  # the rule `intrinsics`
        if source.room != 'os':
            yield line, f'<{name}> belongs into os/'


def function_length(source):
    for function in source.functions:
        n_lines = function.end - function.begin + 1
        if n_lines > 80:
            yield function.begin, f'{function.name} has {n_lines} lines (80)'


def file_length(source):
    """The public header is also the manual: its code counts, not its text."""
    if source.is_table:
        return
    n_lines = source.text.count('\n')
    if source.path.name == 'moe.h':
        n_lines -= sum(t.text.count('\n') + 1 for t in source.tokens
                       if t.kind == 'comment')
    if n_lines > 800:
        yield 800, f'{n_lines} lines (800)'


def columns(source):
    for line, text in source.lines():
        if len(text) > 80:
            yield line, f'{len(text)} columns (80)'


def forbidden_calls(source):
    for token in source.calls():
        if token.text in FORBIDDEN_CALLS:
            yield token.line, f'{token.text} is forbidden in lib/'
        elif token.text in HEAP_CALLS and (
                source.path.as_posix() != 'lib/base/alloc.c'):
            yield token.line, f'{token.text}: only base/alloc.c has the heap'


def inexact_calls(source):
    for token in source.calls():
        if token.text in INEXACT_CALLS:
            yield token.line, f'{token.text}: use base/math.h, the same ' \
                'bits anywhere'


def intrinsics(source):
    if source.room == 'kern':
        return
    allowed = CPU_CONTROL if source.room == 'os' else set()
    for token in csource.code(source.tokens):
        if token.text in ('asm', '__asm__') and source.room != 'os':
            yield token.line, 'assembly belongs into kern/'
        if token.is_word() and INTRINSIC.fullmatch(token.text) and (
                token.text not in allowed):
            yield token.line, f'{token.text} belongs into kern/'
    for line, name, _ in source.includes():
        if INTRINSIC_HEADERS.fullmatch(name) and name not in allowed:
            yield line, f'<{name}> belongs into kern/'


def conditions(source):
    """#if on a system in os/; on a compiler in base/compiler.h, and in os/,
    where headers come with the compiler; on a CPU in kern/ and both."""
    is_compiler_h = source.path.as_posix() == 'lib/base/compiler.h'
    for token in source.conditions():
        if SYSTEM_MACROS.fullmatch(token.text) and source.room != 'os':
            yield token.line, f'{token.text}: systems differ in os/ only'
        if COMPILER_MACROS.fullmatch(token.text) and not is_compiler_h and (
                source.room != 'os'):
            yield token.line, f'{token.text}: compilers differ in ' \
                'base/compiler.h only'
        if CPU_MACROS.fullmatch(token.text) and not is_compiler_h and (
                source.room not in ('kern', 'os')):
            yield token.line, f'{token.text}: CPUs differ in kern/ and os/ only'


def family_names(source):
    """In words and strings of code.  arch/ owns them.  Tokenizers are named
    after models in the files themselves: that is a fact of the format, so
    token/ may have such a name in a string, and the table of pre-tokenizers
    (token/pretok*) also in a word.  The forms of conversations have the names
    of those who made them (chat/dialect*).  No other code is built for one
    model."""
    if source.room == 'arch' or any(
            source.room == room and source.path.stem.startswith(stem)
            for room, stem in (('token', 'pretok'), ('chat', 'dialect'))):
        return
    for token in source.tokens:
        if token.kind not in ('word', 'string') or (
                token.kind == 'string' and source.room == 'token'):
            continue
        for part in re.findall(r'[a-z]+', token.text.lower()):
            if part in FAMILIES:
                yield token.line, f'{token.text} names a family: arch/ only'


def names(source):
    """moe_ in api/, moe__ elsewhere, and nothing in front of file-local
    functions; those of a header have either form."""
    is_header = source.path.suffix == '.h'
    for function in source.functions:
        name = function.name
        if name.isupper():
            continue  # a macro makes the name
        if function.is_static:
            if name.startswith('moe_') and not is_header:
                yield function.begin, f'{name} is static: no prefix'
        elif not (name.startswith('moe__') or
                  name.startswith('moe_') and source.room == 'api'):
            yield function.begin, f'{name} is shared: moe__room_verb'


def mutable_data(source):
    """Every variable that outlives its block is constant."""
    if source.room is None:
        return
    tokens = csource.code(source.tokens)
    for at, token in enumerate(tokens):
        if token.text in ('_Thread_local', 'thread_local'):
            yield token.line, 'thread-local variables are mutable state'
        if not token.is_word('static'):
            continue
        head = declaration(tokens[at:])
        if head and not is_constant(head):
            yield token.line, 'a static variable that is not const'
    for head, body in csource.outer_declarations(source.tokens):
        words = declaration(head + [None]) if head else None
        if words is None or len(words) < 2 or is_constant(words):
            continue
        is_type = head[0].is_word('struct', 'union', 'enum') and (
            len(words) == 2)
        is_type = is_type or head[0].text.endswith('_fn')  # a function's
        if not is_type and not head[0].is_word('static', 'typedef', 'extern'):
            yield head[0].line, 'a variable that is not const'


def declaration(tokens):
    """The tokens of a variable's declaration before = ; or [, or None if a
    function is declared."""
    head = []
    for token in tokens:
        if token is None or token.text in ('=', ';', '['):
            break
        if token.text in ('(', '{'):
            return None
        head.append(token)
    return head


def is_constant(head):
    """const stands after the last *, or anywhere if there is no *."""
    texts = [t.text for t in head]
    return 'const' in (texts[len(texts) - texts[::-1].index('*'):]
                       if '*' in texts else texts)
