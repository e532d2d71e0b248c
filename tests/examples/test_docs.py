"""The snippets of the documentation compile and run, its commands too."""

import os
import re
import shlex
import sys
import tempfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import tap  # noqa: E402

PAGES = ('README.md', 'docs/chat.md', 'docs/tokenizers.md',
         'docs/structured-output.md')
TINY = tap.ROOT / 'examples' / 'models' / 'tiny-mixtral-q8_0.gguf'
BUILD = Path(os.environ.get('MOE_BUILD_DIR', tap.ROOT / 'build' / 'release'))
LIBRARY = BUILD / 'lib' / 'libmoe.a'
MOE = Path(os.environ.get('MOE_BIN', BUILD / 'examples' / 'moe'))
# A block and its language; before it perhaps code that runs after a fragment.
BLOCK = re.compile(r'(?:^<!-- then: (?P<then>.*?) -->\n+)?'
                   r'^```(?P<language>\w+)\n(?P<text>.*?)^```$',
                   re.MULTILINE | re.DOTALL)
# Around a fragment: the names that all pages use, ready for use.
PROGRAM = """#include <moe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int fragment(moe_model *model, moe_context *ctx, moe_chat *chat,
                    moe_sampler *sampler)
{
    moe_event ev = {.struct_size = sizeof ev};
    moe_error why = {0};
    (void)model, (void)ctx, (void)chat, (void)sampler, (void)ev, (void)why;
    {
#line %(line)d "%(page)s"
%(text)s
        %(then)s
    }
    return 0;
}

int main(int argc, char **argv)
{
    moe_error why = {0};
    moe_model *model = NULL;
    moe_context *ctx = NULL;
    moe_chat *chat = NULL;
    if (argc < 2 || moe_model_open(argv[1], NULL, &model, &why) ||
        moe_context_create(model, NULL, &ctx, &why) ||
        moe_chat_create(model, NULL, &chat, &why))
        return fprintf(stderr, "%%s\\n", why.message), 1;
    int status = fragment(model, ctx, chat, moe_chat_sampler(chat));
    moe_chat_destroy(chat);
    moe_context_destroy(ctx);
    moe_model_close(model);
    return status;
}
"""


class Block:
    """One fenced block of a page."""

    def __init__(self, page, match, text):
        self.page, self.text = page, match['text']
        self.language, self.then = match['language'], match['then'] or ''
        self.line = 2 + text.count('\n', 0, match.start('language'))
        self.is_program = ' main(' in self.text
        self.is_file = '#include' in self.text

    def __str__(self):
        return f'{self.page}:{self.line}'


def blocks_of(*languages):
    """All blocks in these languages, of the pages that are here."""
    for page in PAGES:
        path = tap.ROOT / page
        text = path.read_text(encoding='utf-8') if path.exists() else ''
        for match in BLOCK.finditer(text):
            if match['language'] in languages:
                yield Block(page, match, text)


def problem_of_c(block, folder):
    """What is wrong with a block of C, which is compiled and, unless it is a
    file without main, run on the model of this repository."""
    source, program = Path(folder) / 'block.c', Path(folder) / 'block'
    source.write_text(block.text if block.is_file else PROGRAM % vars(block),
                      encoding='utf-8')
    is_run = block.is_program or not block.is_file
    result = tap.run(
        [*shlex.split(os.environ.get('CC', 'cc')), '-std=c11', '-Wall',
         '-Wextra', '-Werror', '-Iinclude', source, '-o', program,
         *([LIBRARY, '-lm', '-lpthread'] if is_run else ['-c'])])
    if result.returncode == 0 and is_run:
        result = tap.run([program, TINY, 'Once upon a time'], timeout=60)
    return '' if result.returncode == 0 else f'{block}: {result.stdout}'


def the_c_of_every_page_compiles_and_runs():
    for path in TINY, LIBRARY:
        if not path.exists():
            raise tap.Skip(f'{path.name} is not here')
    blocks = list(blocks_of('c'))
    assert len(blocks) > 2, f'{len(blocks)} blocks'
    with tempfile.TemporaryDirectory() as folder:
        problems = [problem_of_c(block, folder) for block in blocks]
    tap.check_empty(filter(None, problems))


def fill(folder):
    """A folder in which the pages' commands find what they name."""
    for path in tap.ROOT.iterdir():
        if path.name != 'build' and not path.name.startswith('.'):
            (folder / path.name).symlink_to(path)
    (folder / 'build').mkdir()
    (folder / 'build' / 'release').symlink_to(BUILD)
    (folder / 'bin').mkdir()
    (folder / 'bin' / 'moe').symlink_to(MOE)
    (folder / 'model.gguf').symlink_to(TINY)
    (folder / 'lines.txt').write_text('A dog.\nA cat.\n')
    (folder / 'questions.jsonl').write_text(
        '{"context": "Once upon", "continuation": " a time"}\n')
    (folder / 'history.json').write_text(
        '[{"role": "user", "content": "Hello!"}]')


def the_commands_of_every_page_run():
    for path in TINY, MOE:
        if not path.exists():
            raise tap.Skip(f'{path.name} is not here')
    problems, n_commands = [], 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder)
        env = {**os.environ, 'PATH': f'{folder / "bin"}:{os.environ["PATH"]}'}
        for block in blocks_of('sh', 'console'):
            for line in block.text.splitlines():
                command = line.removeprefix('$ ')
                if not command.startswith(('moe ', 'build/')):
                    continue
                n_commands += 1
                result = tap.run(['sh', '-c', command], cwd=folder, env=env,
                                 timeout=120)
                if result.returncode != 0:
                    problems.append(f'{block}: {line}: {result.stdout}')
    assert n_commands > 5, f'{n_commands} commands'
    tap.check_empty(problems)


if __name__ == '__main__':
    tap.main([(test.__name__, test) for test in (
        the_c_of_every_page_compiles_and_runs,
        the_commands_of_every_page_run,
    )])
