"""The house rules for the tree as a whole.

Each takes a folder and yields complaints, so that test_lint.py can hand in a
folder that breaks the rule."""

import json
import re
from collections import defaultdict
from pathlib import Path

from rules import Source

TOP_LEVEL = set('''meson.build meson_options.txt include lib examples bindings
    tests docs LICENSE README.md Package.swift'''.split())
# What .gitignore names: made here, no part of the project.
MADE = re.compile(r'build|models-cache$|__pycache__$|\.git$|.*\.(o|part)$')
TEXT = {'.c', '.h', '.py', '.sh', '.md', '.build', '.txt', '.swift', '.toml',
        '.yml', '.json', '.ini', '', '.map'}

# Lines of code: what computes, and what reads and writes text.
TEXT_ROOMS = {'chat', 'sample', 'token'}
BUDGETS = {'engine': 20_000, 'text': 24_500}
DATA_BYTES = 15 << 20

# Cut in two, so that this file does not break the rules that it states.
MARKS = re.compile(r'\b(TO' r'DO|FIX' r'ME|XX' r'X|HA' r'CK)\b')
MACHINE_PATHS = re.compile(
    r'(?<![\w.~$}-])/(ho' r'me|ro' r'ot|wo' r'rk|Us' r'ers|op' r't|tm' r'p)'
    r'/\w|\b[A-Z]:\\\\?\w')


def files(root):
    """The project's files, sorted, without what a build has made."""
    found, folders = [], [Path(root)]
    while folders:
        folder = folders.pop()
        for path in folder.iterdir():
            is_top = folder == Path(root)
            if MADE.match(path.name) and (
                    is_top or not path.name.startswith('build')):
                continue
            (folders if path.is_dir() else found).append(path)
    return sorted(found)


def texts(root):
    """[(path from the root, text)] of what people wrote."""
    for path in files(root):
        name = path.relative_to(root)
        if path.suffix in TEXT and name.parts[:2] != ('tests', 'data'):
            yield name, path.read_text(encoding='utf-8')


def sources(root, *folders):
    """C files below the folders."""
    for folder in folders:
        for path in sorted((Path(root) / folder).rglob('*.[ch]')):
            yield Source(path.relative_to(root).as_posix(),
                         path.read_text(encoding='utf-8'))


def top_level(root):
    """Nothing but what the design lists, and dot files."""
    for path in Path(root).iterdir():
        name = path.name
        if not (name in TOP_LEVEL or name[0] == '.' or MADE.match(name)):
            yield f'{name}: not in the list of top-level entries'


def sizes(root):
    """Budgets: lines of code in lib/ (no comments, no tables), bytes of
    tests/data."""
    n_lines = dict.fromkeys(BUDGETS, 0)
    for source in sources(root, 'lib'):
        if not source.is_table:
            part = 'text' if source.room in TEXT_ROOMS else 'engine'
            n_lines[part] += len({token.line for token in source.tokens
                                  if token.kind != 'comment'})
    for part, most in BUDGETS.items():
        if n_lines[part] > most:
            yield f'lib/, {part}: {n_lines[part]} lines of code ({most})'
    n_bytes = sum(p.stat().st_size for p in files(root)
                  if p.relative_to(root).parts[:2] == ('tests', 'data'))
    if n_bytes > DATA_BYTES:
        yield f'tests/data has {n_bytes} bytes ({DATA_BYTES})'


def unfinished(root):
    for name, text in texts(root):
        for number, line in enumerate(text.splitlines(), 1):
            if MARKS.search(line):
                yield f'{name}:{number}: an unfinished mark'


def machine_paths(root):
    """No path of somebody's machine."""
    for name, text in texts(root):
        for number, line in enumerate(text.splitlines(), 1):
            if MACHINE_PATHS.search(line.split('#!')[0]):
                yield f'{name}:{number}: a path of one machine: {line.strip()}'


def text_form(root):
    """As .editorconfig says: LF, no tabs, no space at a line's end, a newline
    at the file's end."""
    for name, text in texts(root):
        if name.parts[0] == 'examples' and name.parts[1:2] == ('models',):
            continue  # written elsewhere
        if '\r' in text:
            yield f'{name}: has a carriage return'
        if text and (not text.endswith('\n') or text.endswith('\n\n')):
            yield f'{name}: does not end with one newline'
        for number, line in enumerate(text.splitlines(), 1):
            if line != line.rstrip() and name.suffix != '.md':
                yield f'{name}:{number}: space at the end of the line'
            if '\t' in line:
                yield f'{name}:{number}: a tab'


def unique_statics(root):
    """File-local functions have different names all over lib/, so that all
    sources can be joined into one."""
    homes = defaultdict(list)
    for source in sources(root, 'lib'):
        for name in {f.name for f in source.functions if f.is_static}:
            if not name.isupper():
                homes[name].append(str(source.path))
    for name, paths in sorted(homes.items()):
        if len(paths) > 1:
            yield f'{name} is in {" and ".join(paths)}'


def doc_labels(root):
    """Each public function has its labels, and those in the right order."""
    text = (Path(root) / 'include' / 'moe.h').read_text(encoding='utf-8')
    text = re.sub(r'^#(.*\\\n)*.*\n', '', text, flags=re.MULTILINE)
    order = ['Shapes', 'Returns', 'Owns', 'Threads', 'Since']
    call = re.compile(
        r'(?:/\*((?:(?!\*/).)*)\*/\n)?MOE_API (.*?)\b(moe_\w+)\(', re.DOTALL)
    for comment, result, name in call.findall(text):
        labels = re.findall(r'^ \* (Shapes|Returns|Owns|Threads|Since)\b',
                            comment, re.MULTILINE)
        wanted = ['Threads', 'Since']
        if result.strip() != 'void':
            wanted.append('Returns')
        for label in wanted:
            if label not in labels:
                yield f'moe.h: {name}: no {label}'
        if labels != [label for label in order if label in labels]:
            yield f'moe.h: {name}: labels {labels}, not in the order {order}'


def build_lists(root, build):
    """The build has seen every source and every test."""
    info = Path(build) / 'meson-info'
    targets = json.loads((info / 'intro-targets.json').read_text())
    known = {Path(source).resolve() for target in targets
             for part in target['target_sources']
             for source in part.get('sources', [])}
    tests = json.loads((info / 'intro-tests.json').read_text())
    known |= {Path(word).resolve() for test in tests for word in test['cmd']
              if word.endswith('.py')}
    root = Path(root)
    wanted = [*root.glob('lib/**/*.c'), *root.glob('examples/**/*.c'),
              *root.glob('tests/*/test_*.c'), *root.glob('tests/*/test_*.py')]
    for path in sorted(wanted):
        if path.resolve() not in known:
            yield f'{path.relative_to(root)}: unknown to this build, run ' \
                'meson setup --reconfigure'
