"""The examples are built as a reader would build them, and run."""

import json
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import tap  # noqa: E402

TINY = tap.ROOT / 'examples' / 'models' / 'tiny-mixtral-q8_0.gguf'
BUILD = Path(os.environ.get('MOE_BUILD_DIR', tap.ROOT / 'build' / 'release'))
ONE_COMMAND = ('cc -std=c11 -O2 -Iinclude -Ilib examples/hello.c '
               "$(find lib -name '*.c') -lm -lpthread")


def check_hello(program, **options):
    """It continues a text for at least a sentence, and ends by itself."""
    if not TINY.exists():
        raise tap.Skip(f'{TINY.name} is not here')
    result = tap.run([program, TINY, 'Once upon a time'], **options)
    assert result.returncode == 0, result.stdout
    assert result.stdout.startswith('Once upon a time'), result.stdout
    assert len(result.stdout) > 80, result.stdout


def one_command_builds_the_library_into_a_program():
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / 'hello'
        result = tap.run(['sh', '-c', f'{ONE_COMMAND} -o "$1"', 'sh', program])
        assert result.returncode == 0, result.stdout
        check_hello(program)


def the_readme_tells_the_truth():
    """Its program compiles and runs, its commands are the ones tested here."""
    readme = (tap.ROOT / 'README.md').read_text(encoding='utf-8')
    for command in (ONE_COMMAND, 'sh examples/quickstart.sh',
                    'sh tests/run.sh'):
        assert command in readme, command
    program = readme.split('```c\n')[1].split('```')[0]
    with tempfile.TemporaryDirectory() as folder:
        source, binary = Path(folder) / 'readme.c', Path(folder) / 'readme'
        source.write_text(program, encoding='utf-8')
        result = tap.run(
            [os.environ.get('CC', 'cc'), '-std=c11', '-Wall', '-Wextra',
             '-Werror', '-Iinclude', source, BUILD / 'lib' / 'libmoe.a',
             '-lm', '-lpthread', '-o', binary])
        assert result.returncode == 0, result.stdout
        result = tap.run([binary, TINY, 'Once upon a time'])
        assert result.returncode == 0 and len(result.stdout) > 80, (
            result.stdout)


def an_installed_library_is_found_by_pkg_config():
    for name in 'pkg-config', 'meson':
        if not shutil.which(name):
            raise tap.Skip(f'{name} is not here')
    with tempfile.TemporaryDirectory() as folder:
        result = tap.run(['meson', 'install', '-C', BUILD, '--no-rebuild',
                          '--destdir', folder])
        assert result.returncode == 0, result.stdout
        config = next(Path(folder).rglob('libmoe.pc')).parent
        env = {**os.environ, 'PKG_CONFIG_PATH': str(config),
               'PKG_CONFIG_SYSROOT_DIR': folder}
        program = Path(folder) / 'hello'
        result = tap.run(
            ['sh', '-c', 'cc -std=c11 examples/hello.c -o "$1" '
             '$(pkg-config --cflags --libs libmoe)', 'sh', program], env=env)
        assert result.returncode == 0, result.stdout
        env['LD_LIBRARY_PATH'] = env['DYLD_LIBRARY_PATH'] = str(config.parent)
        check_hello(program, env=env)


def quickstart_tells_two_stories():
    """From another folder, in seconds once it is built."""
    script = tap.ROOT / 'examples' / 'quickstart.sh'
    if not TINY.exists():
        raise tap.Skip(f'{TINY.name} is not here')
    tap.run(['sh', script], cwd='/')
    begin = time.monotonic()
    result = tap.run(['sh', script], cwd='/')
    seconds = time.monotonic() - begin
    assert result.returncode == 0, result.stdout
    english = result.stdout.find('Once upon a time')
    french = result.stdout.find('Il était une fois')
    end = result.stdout.find('Now try:')
    assert 0 <= english < french < end, result.stdout
    assert french - english > 200 and end - french > 200, result.stdout
    assert seconds < 30, f'{seconds:.1f} s'


def built(name):
    program = BUILD / 'examples' / name
    if not program.exists() or not TINY.exists():
        raise tap.Skip(f'{name} is not built, or {TINY.name} is not here')
    return program


def chat_answers():
    result = tap.run([built('chat'), TINY, 'Hello!'])
    assert result.returncode == 0, result.stdout
    assert result.stdout.startswith('Hello! Would you like'), result.stdout
    result = tap.run([built('chat'), 'missing.gguf', 'Hello!'])
    assert result.returncode == 1 and 'missing.gguf' in result.stdout


def extract_writes_json_of_its_schema():
    result = tap.run([built('extract'), TINY, 'Ann Lee is 34 years old.'])
    assert result.returncode == 0, result.stdout
    person = json.loads(result.stdout)
    assert list(person) == ['name', 'age'], person
    assert isinstance(person['name'], str) and 0 <= person['age'] <= 150, person


def agent_calls_and_answers():
    """The tiny model knows no sums, but it must call before it may talk."""
    result = tap.run([built('agent'), TINY, 'How much is 17 and 25?'])
    assert result.returncode == 0, result.stdout
    call, answer = result.stdout.split('\n', 1)
    arguments, total = call.removeprefix('add ').split(' = ')
    assert sum(json.loads(arguments).values()) == int(total), call
    assert answer.strip(), result.stdout


def examples_work_on_a_real_model():
    model = Path(os.environ.get('MOE_MODELS', tap.ROOT / 'models-cache')) / (
        'SmolLM2-135M-Instruct.Q4_1.gguf')
    if not model.exists():
        raise tap.Skip(f'{model.name} is not in models-cache/')
    for name, *words in (('hello', 'The capital of France is'),
                         ('chat', 'What is the capital of France?'),
                         ('extract', 'Ann Lee is 34. As JSON: '),
                         ('agent', 'How much is 17 and 25?'),
                         ('search', 'A dog', 'A puppy', 'The sea')):
        result = tap.run([built(name), model, *words])
        assert result.returncode == 0 and len(result.stdout) > 3, (
            name, result.stdout)


def search_finds_the_nearest_text():
    texts = ['The cat sleeps.', 'The puppy ran after the ball.',
             'It rained all day.']
    result = tap.run([built('search'), TINY, 'A dog plays ball', *texts])
    assert result.returncode == 0, result.stdout
    best = max(result.stdout.splitlines(), key=lambda row: float(row[:5]))
    assert best.endswith(texts[1]), result.stdout
    result = tap.run([built('search'), TINY, 'A dog', 'word ' * 2000])
    assert result.returncode == 1 and result.stdout.strip(), result.stdout


def examples_keep_their_promised_length():
    """Lines that are not blank, without the comment at the top."""
    for name, most in (('hello', 12), ('chat', 20), ('extract', 22),
                       ('search', 25), ('agent', 45)):
        text = (tap.ROOT / 'examples' / f'{name}.c').read_text()
        lines = [line for line in text.split('*/', 1)[1].splitlines()
                 if line.strip()]
        assert len(lines) <= most, f'{name}.c: {len(lines)} lines'


def examples_are_short():
    tap.check_empty(
        f'{path.name} has {n_lines} lines (120)'
        for path in sorted((tap.ROOT / 'examples').glob('*.c'))
        if (n_lines := len(path.read_text().splitlines())) > 120)


if __name__ == '__main__':
    tap.main([(test.__name__, test) for test in (
        extract_writes_json_of_its_schema,
        agent_calls_and_answers,
        examples_work_on_a_real_model,
        one_command_builds_the_library_into_a_program,
        the_readme_tells_the_truth,
        an_installed_library_is_found_by_pkg_config,
        quickstart_tells_two_stories,
        chat_answers,
        search_finds_the_nearest_text,
        examples_keep_their_promised_length,
        examples_are_short,
    )])
