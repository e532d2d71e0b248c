"""The `moe` command keeps its contract: names, flags, outputs, exit codes."""

import hashlib
import json
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import tap  # noqa: E402

BUILD = Path(os.environ.get('MOE_BUILD_DIR', tap.ROOT / 'build' / 'release'))
MOE = Path(os.environ.get('MOE_BIN', BUILD / 'examples' / 'moe'))
SHARED = Path(os.environ.get('MOE_SHARED', tap.ROOT.parent / 'shared'))
TINY = tap.ROOT / 'examples' / 'models' / 'tiny-mixtral-q8_0.gguf'
NO_TEMPLATE = 'tests/data/stories260K/stories260K.gguf'
COMMANDS = ('run chat tokenize logits bench inspect estimate doctor '
            'score embed render completion help').split()
TALE = (
    ', there was a kind little tiger named Hugo who lived in a small house '
    'near the forest. Every day, he was happy to sing. One windy day, Hugo '
    'saw someone new in the park. It was Ben, a tiger. Ben did not know '
    'anybody. He sat behind the slide and watched the others. The others were '
    'playing ball, but nobody asked Ben. Hugo went to him and said, "Hello! '
    'I am Hugo. What is your name?" Hugo gave him a bowl of berries as a '
    'welcome present. "You are very kind," said Ben softly. Soon everyone was '
    'playing ball together. A simple hello can make a friend.')
ONCE = '1,657,658,259,507'  # <s> Once upon a time


class Result:
    """What a finished `moe` left: code, out and err as text, raw bytes."""

    def __init__(self, code, raw, err):
        self.code, self.raw = code, raw
        self.out = raw.decode('utf-8', 'replace')
        self.err = err.decode('utf-8', 'replace')

    def json(self):
        return json.loads(self.out)


def environment(**changes):
    names = {k: v for k, v in os.environ.items() if k != 'NO_COLOR'}
    return {**names, **changes}


def start(*args, **options):
    if not MOE.exists():
        raise tap.Skip(f'{MOE} is not built')
    options = {'stdin': subprocess.PIPE, 'stdout': subprocess.PIPE,
               'stderr': subprocess.PIPE, 'cwd': tap.ROOT,
               'env': environment(), **options}
    return subprocess.Popen([str(a) for a in (MOE, *args)], **options)


def moe(*args, stdin=b'', code=0, **options):
    """Runs to the end; any other exit code than `code` is a failure."""
    process = start(*args, **options)
    out, err = process.communicate(stdin, timeout=300)
    result = Result(process.returncode, out or b'', err or b'')
    assert result.code == code, (args, result.code, result.out, result.err)
    return result


def greedy(*args, **options):
    return moe('run', 'tiny', *args, '--temp', 0, **options)


# ------------------------------------------------------------------ the words

def help_lists_what_there_is():
    for flag in '-h', '--help':
        text = moe(flag).out
        listed = re.findall(r'^  (\w+) +\S', text.split('Commands\n')[1]
                            .split('\n\n')[0], re.M)
        assert listed == COMMANDS, listed
    assert moe('--help').out.startswith('Examples\n')
    assert moe(code=2).out == '', 'the help of no command is an error text'


def every_command_explains_itself():
    for command in COMMANDS:
        short = moe(command, '-h').out
        full = moe(command, '--help').out
        assert full == moe('help', command).out
        assert full.startswith('Examples\n  '), full
        assert f'usage: moe {command}' in short
        assert len(short) < len(full)
        wide = [line for line in full.splitlines() if len(line) > 80]
        assert not wide, wide


def unknown_words_are_answered_with_the_nearest():
    for args, hint in (
            (('rnu',), "did you mean 'run'?"),
            (('help', 'tokenise'), "did you mean 'tokenize'?"),
            (('run', 'tiny', '--tmep', '0'), 'did you mean --temp?'),
            (('run', 'tiny', '--repeat_penalty=2'),
             'did you mean --repeat-penalty?'),
            (('bench', 'tiny', '--machin'), 'did you mean --machine?')):
        result = moe(*args, code=2)
        assert hint in result.err and result.out == '', result.err


def wrong_values_name_what_was_expected():
    for args, sentence in (
            (('run',), 'MODEL is missing'),
            (('run', 'tiny', 'a', 'b'), 'one argument too many'),
            (('run', 'tiny', 'a', '-n'), '--n-predict needs a value'),
            (('run', 'tiny', 'a', '-n', 'x'), "found 'x'"),
            (('run', 'tiny', 'a', '-n-1'), "found '-1'"),
            (('run', 'tiny', 'a', '--temp', 'hot'), "found 'hot'"),
            (('run', 'tiny', 'a', '--top-p', '1.5'), 'expected 0 to 1'),
            (('run', 'tiny', 'a', '--mirostat', '3'), 'expected 0 to 2'),
            (('run', 'tiny', 'a', '--logit-bias', '13'), 'expected ID=X'),
            (('run', 'tiny', 'a', '--logit-bias', '99999=1'), 'token must be'),
            (('run', 'tiny', 'a', '--kv', 'q4'), 'f32 f16 q8_0'),
            (('run', 'tiny', 'a', '--memory', '6QiB'), '6GiB'),
            (('run', 'tiny', 'a', '--color', 'red'), 'auto|always|never'),
            (('run', 'tiny', 'a', '--json=1'), 'takes no value'),
            (('logits', 'tiny'), '--ids'),
            (('logits', 'tiny', '--ids', '1,2'), '-o FILE or --sha256'),
            (('logits', 'tiny', '--ids', '1,a', '--sha256'), "'1,a'"),
            (('logits', 'tiny', '--ids', '1,9999', '--sha256'), '9999'),
            (('bench', 'tiny', '-p', '0'), 'from 1'),
            (('bench',), 'MODEL is missing'),
            (('bench', 'tiny', '--kernels'), 'takes no MODEL'),
            (('bench', '--kernels', '--machine'), 'one at a time'),
            (('bench', 'tiny', '--type', 'Q4_K'), 'go with --kernels'),
            (('bench', '--kernels', '--type', 'Q4_K,Q9'), "found 'Q9'"),
            (('bench', '--kernels', '--tokens', '513'), '1 to 512'),
            (('bench', '--kernels', '--shape', '64'), 'ROWSxCOLS'),
            (('bench', '--kernels', '--type', 'Q4_K', '--shape', '8x100'),
             'multiple of 256 for Q4_K'),
            (('completion', 'csh'), 'bash, zsh or fish')):
        result = moe(*args, code=2)
        assert sentence in result.err and result.out == '', result.err


def options_can_be_written_in_all_usual_ways():
    for args in (('-n', '3', 'Once'), ('-n3', 'Once'), ('Once', '-n=3'),
                 ('--n-predict=3', '--', 'Once'), ('Once', '--n-predict', 3)):
        result = moe('run', 'tiny', '--json', *args).json()
        assert len(result['ids']) == 3, args


def completions_know_every_option():
    every = {option for command in COMMANDS for option in
             re.findall(r'--([a-z0-9-]+)', moe('help', command).out
                        .split('ptions\n', 1)[-1])}
    for shell in 'bash', 'zsh', 'fish':
        script = moe('completion', shell).out
        missing = [option for option in
                   ('temp', 'kv', 'machine', 'decode', 'sha256', 'json')
                   if option not in script or option not in every]
        assert not missing, (shell, missing)
        if shutil.which(shell):
            check = subprocess.run([shell, '-n'], input=script, text=True,
                                   capture_output=True, check=False)
            assert check.returncode == 0, check.stderr
    check = subprocess.run(
        ['bash', '-c', 'eval "$1"; COMP_WORDS=(moe run tiny --to); COMP_CWORD='
         '3; _moe; echo ${COMPREPLY[*]}', 'sh', moe('completion', 'bash').out],
        capture_output=True, text=True, check=False)
    assert check.stdout == '--top-k --top-p --top-n-sigma\n', check


# ----------------------------------------------------------------------- run

def greedy_text_is_the_known_tale():
    result = greedy('Once upon a time')
    assert result.out == TALE + '\n', result.out
    assert result.err == '', result.err


def greedy_text_is_the_model_cards():
    model = SHARED / 'models' / 'tiny-mixtral' / 'tiny-mixtral-f16.gguf'
    card = model.parent / 'MODEL_CARD.md'
    if not model.exists():
        raise tap.Skip(f'{model.name} is not here')
    samples = dict(re.findall(r'^\*\*(.+)\*\*\n\n> (.+)$', card.read_text(),
                              re.M))
    for prompt in 'Once upon a time', 'Il était une fois':
        result = moe('run', model, prompt, '--temp', 0)
        assert result.out.strip() == samples[prompt], result.out
    for prompt in ('[INST] Who are you?', '[INST] Qui es-tu ?'):
        result = moe('chat', model, '--temp', 0, '-p',
                     prompt.removeprefix('[INST] '))
        assert result.out == samples[prompt] + '\n', result.out


def prompt_comes_from_argument_file_or_stdin():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'prompt'
        path.write_bytes(b'Once upon a time')
        for args, stdin in ((('Once upon a time',), b''), (('-f', path), b''),
                            ((), b'Once upon a time'),
                            (('-f', '-'), b'Once upon a time')):
            out = greedy('-n', 5, *args, stdin=stdin).out
            assert out == ', there was a kind\n', out


def seed_repeats_a_draw():
    def story(*args):
        return moe('run', 'tiny', 'Once upon a time', '-n', 40, *args).out
    first = story('-s', 7)
    assert first == story('--seed', 7, '-t', 1) == story('-s7', '--kv=f16')
    assert first != story('-s', 8)
    again = moe('run', 'tiny', 'Once', '-n', 40, '--json').json()
    repeat = moe('run', 'tiny', 'Once', '-n', 40, '-s', again['seed'])
    assert repeat.out == again['text'] + '\n'


def samplers_change_the_draw():
    def ids(*args):
        return moe('run', 'tiny', 'Once upon a time', '-n', 30, '-s', 7,
                   '--json', *args).json()['ids']
    usual = ids()
    assert usual == ids('--dry-window', 9, '--xtc-threshold', 0.3), 'off'
    for args in (('--top-n-sigma', 0.2), ('--dynatemp-range', 0.7),
                 ('--xtc-probability', 1),
                 ('--mirostat', 2, '--mirostat-tau', 9),
                 ('--mirostat', 1, '--mirostat-tau', 1),
                 ('--logit-bias', f'{usual[0]}=-inf')):
        assert ids(*args) != usual, args
    assert usual[3] not in ids('--logit-bias', f'{usual[3]}=-inf')
    one = '--logit-bias', '300=1000', '--ignore-eos'
    assert set(ids(*one)) == {300}
    dry = '--dry-multiplier', 999, '--dry-sequence-breaker', ''
    assert ids(*one, *dry)[:3] == [300, 300, 300]
    assert set(ids(*one, *dry)) != {300}


def stop_texts_end_the_text_before_them():
    for stops, text in ((('kind lit',), ', there was a '),
                        (('Hugo', 'tiger'), ', there was a kind little '),
                        (('nowhere',), TALE)):
        flags = [word for stop in stops for word in ('--stop', stop)]
        result = greedy('Once upon a time', '--json', *flags).json()
        assert result['text'] == text, result
        assert result['finish_reason'] == 'stop'


def characters_are_streamed_whole():
    """Each write to a slow reader is valid UTF-8 by itself."""
    process = start('run', 'tiny', 'Il était une fois', '--temp', 0)
    process.stdin.close()
    pieces = []
    while piece := os.read(process.stdout.fileno(), 1 << 16):
        pieces.append(piece.decode('utf-8'))
    assert process.wait() == 0
    assert 'forêt' in ''.join(pieces)


def json_of_run_tells_all():
    result = greedy('Once upon a time', '-n', 6, '--json').json()
    assert result['text'] == ', there was a kind little'
    assert result['prompt_ids'] == [int(i) for i in ONCE.split(',')]
    assert result['ids'] == [1970, 540, 318, 259, 1022, 390]
    assert result['finish_reason'] == 'length'
    timings = result['timings']
    assert timings['prompt_tokens'] == 5 and timings['tokens'] == 6
    assert 0 < timings['first_token_seconds'] < 60


def stdout_has_nothing_but_data():
    result = greedy('Once upon a time', '-v', '-n', 3)
    assert result.out == ', there was\n' and 'tokens' in result.err


# --------------------------------------------------------------------- codes

def failures_have_their_codes():
    with tempfile.TemporaryDirectory() as folder:
        junk = Path(folder) / 'junk.gguf'
        junk.write_bytes(b'no model at all')
        short = Path(folder) / 'short.gguf'
        short.write_bytes(TINY.read_bytes()[:200000])
        for code, args in (
                (1, ('run', Path(folder) / 'absent.gguf', 'a')),
                (1, ('run', 'tiny', '-f', Path(folder) / 'absent.txt')),
                (1, ('logits', 'tiny', '--ids', 1, '-o', folder)),
                (2, ('run', 'tiny', 'a', '--nonsense')),
                (3, ('run', junk, 'a')),
                (3, ('run', short, 'a')),
                (3, ('inspect', junk)),
                (3, ('estimate', junk)),
                (3, ('run', 'tiny', 'a', '--meta',
                     'general.architecture=nobody')),
                (4, ('run', 'tiny', 'a', '--memory', '1MiB')),
                (4, ('estimate', 'tiny', '--memory', '1MiB')),
                (5, ('run', 'tiny', 'Once upon a time', '-c', 3)),
                (5, ('run', 'tiny', 'Once upon a time', '-c', 9, '-n', 90)),
                (6, ('chat', NO_TEMPLATE, '-p', 'hello'))):
            result = moe(*args, code=code)
            if args[:2] == ('estimate', 'tiny'):  # the answer is the data
                assert 'does not fit' in result.out, result.out
                continue
            assert result.err.startswith(f'moe {args[0]}: '), result.err
            assert result.err.count('\n') == 1, result.err


def full_context_keeps_what_was_written():
    result = greedy('Once upon a time', '-c', 9, '-n', 90, code=5)
    assert result.out == ', there was a kind\n', result.out
    result = greedy('Once upon a time', '-c', 9)
    assert result.out == ', there was a kind\n', result.out


def full_disk_is_a_failure():
    if not Path('/dev/full').exists():
        raise tap.Skip('/dev/full is not here')
    for args in (('run', 'tiny', 'Once', '-n', 2), ('inspect', 'tiny'),
                 ('logits', 'tiny', '--ids', '1', '-o', '-')):
        with open('/dev/full', 'wb') as full:
            result = moe(*args, code=1, stdout=full)
        assert 'No space left' in result.err, result.err


def broken_pipe_ends_quietly():
    for restore in True, False:  # a shell's default, and SIGPIPE ignored
        process = start('run', 'tiny', 'Once', '--ignore-eos', '-c', 100000,
                        restore_signals=restore)
        process.stdin.close()
        os.read(process.stdout.fileno(), 5)
        process.stdout.close()
        begin = time.monotonic()
        code = process.wait(timeout=60)
        assert time.monotonic() - begin < 10
        assert code == 0, code
        assert process.stderr.read() == b''


def interrupt(process, ready):
    """^C after `ready` bytes of output; seconds it took, code, all output."""
    out = b''
    while len(out) < ready:
        out += os.read(process.stdout.fileno(), 4096)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    rest, err = process.communicate(timeout=60)
    return (time.monotonic() - begin, process.returncode, out + rest, err)


def interrupt_stops_and_keeps_the_text():
    endless = ('--ignore-eos', '-c', 200000, '--temp', 0)
    process = start('run', 'tiny', 'Once upon a time', *endless)
    process.stdin.close()
    process.stdin = None
    seconds, code, out, err = interrupt(process, 20)
    assert code == 130 and err == b'', (code, err)
    assert seconds < 1, seconds
    assert out.decode().startswith(TALE[:20]) and out.endswith(b'\n'), out

    process = start('run', 'tiny', 'Once upon a time', *endless, '--json')
    process.stdin.close()
    process.stdin = None
    time.sleep(1)
    seconds, code, out, _ = interrupt(process, 0)
    assert code == 130 and seconds < 1, (code, seconds)
    assert json.loads(out)['finish_reason'] == 'interrupted'


def interrupt_ends_reading_and_long_prompts():
    for command in 'tokenize', 'run':
        process = start(command, 'tiny')
        time.sleep(0.5)
        seconds, code, out, _ = interrupt(process, 0)
        assert code == 130 and out == b'' and seconds < 1, (command, code)
    ids = ','.join(['5'] * 30000)
    process = start('logits', 'tiny', '--ids', ids, '--sha256', '--last')
    time.sleep(1)
    seconds, code, out, _ = interrupt(process, 0)
    assert code == 130 and out == b'' and seconds < 1, (code, seconds)


def type_into(args, script):
    """A terminal session: waits for each text, then types the answer to it;
    the exit code and what the screen showed."""
    if not MOE.exists():
        raise tap.Skip(f'{MOE} is not built')
    child, screen = pty.fork()
    if child == 0:
        os.chdir(tap.ROOT)
        os.execv(MOE, [str(MOE), *map(str, args)])
    shown, seen = '', 0
    try:
        while select.select([screen], [], [], 60)[0]:
            piece = os.read(screen, 4096)
            if not piece:
                break
            shown += piece.decode('utf-8', 'replace')
            while script and script[0][0] in shown[seen:]:
                wanted, typed = script.pop(0)
                seen = shown.index(wanted, seen) + len(wanted)
                time.sleep(0.2)  # as a person would: after it is waited for
                os.write(screen, typed)
        else:
            os.kill(child, signal.SIGKILL)
    except OSError:  # how Linux says that the other side has gone
        pass
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown


def interrupt_in_chat_returns_to_the_prompt():
    chatter = ['chat', 'tiny', '--color', 'never', '--ignore-eos',
               '-c', 200000, '--temp', 0]
    code, shown = type_into(chatter, [
        ('> ', b'Hello!\n'), ('story', b'\3'),
        ('(stopped)\r\n> ', b'/stats\n'),
        ('1 questions', b''), ('> ', b'\3'), ('leaves)\r\n> ', b'\4')])
    assert code == 0, (code, shown)
    code, shown = type_into(chatter, [('> ', b'\3'), ('> ', b'\3')])
    assert code == 130, (code, shown)


def terminal_gets_a_friendly_start():
    code, shown = type_into(['run', 'tiny', '--temp', 0, '-n', 5], [])
    assert code == 0, (code, shown)
    plain = re.sub('\033\\[[0-9;]*m', '', shown)
    assert plain == 'Once upon a time, there was a kind\r\n', shown


def colour_is_for_who_asks():
    def err(*args, **names):
        return moe('run', *args, code=2, env=environment(**names)).err
    assert '\033' not in err()
    assert '\033' not in err('--color', 'never')
    assert '\033[1;31mmoe run:\033[0m' in err('--color', 'always')


# ------------------------------------------------------------------ tokenize

def decoding_gives_the_bytes_back():
    for text in ('Once upon a time', ' two  spaces ', 'tab\tand é€𝄞\n', '\n',
                 '</s> is text', '[INST]', '日本語'):
        data = text.encode()
        ids = moe('tokenize', 'tiny', stdin=data).raw
        assert json.loads(ids)[0] == 1, ids
        assert moe('tokenize', 'tiny', '--decode', stdin=ids).raw == data
    data = bytes(range(256))
    ids = moe('tokenize', 'tiny', '--no-bos', stdin=data).raw
    assert moe('tokenize', 'tiny', '--decode', stdin=ids).raw == data


def tokenize_has_its_forms():
    def tokenize(*args, stdin=b'Once upon a time'):
        return moe('tokenize', 'tiny', *args, stdin=stdin).out
    ids = [int(i) for i in ONCE.split(',')]
    pieces = ['<s>', ' Once', ' upon', ' a', ' time']
    assert json.loads(tokenize()) == ids
    assert json.loads(tokenize('--no-bos')) == ids[1:]
    assert json.loads(tokenize('--pieces')) == pieces
    assert tokenize('--count') == '5\n'
    assert json.loads(tokenize('--json')) == {
        'count': 5, 'ids': ids, 'pieces': pieces}
    assert 2 not in json.loads(tokenize(stdin=b'a</s>'))
    assert json.loads(tokenize('--specials', stdin=b'a</s>'))[-1] == 2
    for wrong in b'[1, 2', b'1 2', b'{}', b'[1]\0', b'[99999]':
        moe('tokenize', 'tiny', '--decode', stdin=wrong, code=2)


# -------------------------------------------------------------------- logits

def logits_are_rows_of_floats_with_their_digest():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'out.f32'
        shown = moe('logits', 'tiny', '--ids', ONCE, '-o', path,
                    '--sha256').out
        data = path.read_bytes()
        assert len(data) == 5 * 2048 * 4, len(data)
        assert shown == hashlib.sha256(data).hexdigest() + '\n'
        last = moe('logits', 'tiny', '--ids', f'[{ONCE}]', '--last', '-o', '-')
        assert last.raw == data[-2048 * 4:]
        report = moe('logits', 'tiny', '--ids', ONCE, '--json').json()
        assert report == {'n_ids': 5, 'rows': 5, 'n_vocab': 2048,
                          'bytes': len(data), 'sha256': shown.strip()}


def bits_do_not_depend_on_the_way():
    ids = ','.join(str(3 + i * 37 % 2000) for i in range(70))

    def digest(*args):
        return moe('logits', 'tiny', '--ids', ids, '--sha256', *args).out
    first = digest()
    for args in (('--batch', 1), ('--batch', 32), ('-t', 1), ('-c', 512),
                 ('--backend', 'scalar'), ('--backend', 'auto')):
        assert digest(*args) == first, args
    assert digest('--kv', 'f32') != first != digest('--kv', 'q8_0')


def sha256_is_right_for_every_length():
    """Over the places where padding needs one block more."""
    for n in 1, 13, 14, 55, 56, 64, 119:
        ids = ','.join(['7'] * n)
        result = moe('logits', NO_TEMPLATE, '--ids', ids, '--sha256').out
        raw = moe('logits', NO_TEMPLATE, '--ids', ids, '-o', '-').raw
        assert result.strip() == hashlib.sha256(raw).hexdigest(), n


# ---------------------------------------------------------------------- chat

def chat(*args, **options):
    return moe('chat', 'tiny', '--temp', 0, *args, **options)


def chat_answers_one_question():
    assert chat('-p', 'Hello!').out == 'Hello! Would you like a little story?\n'
    result = chat('-p', 'Hello!', '--json').json()
    assert result['text'] == 'Hello! Would you like a little story?'
    assert result['prompt_ids'][:4] == [1, 309, 310, 1988], result


def chat_prompt_has_the_golden_ids():
    path = SHARED / 'models' / 'tiny-mixtral' / 'golden_chat.json'
    if not path.exists():
        raise tap.Skip(f'{path.name} is not here')
    golden = json.loads(path.read_text())
    result = chat('-p', golden['prompt'], '--json', '-n', 1).json()
    assert result['prompt_ids'] == golden['prompt_ids'], result


def chat_reads_lines_and_knows_commands():
    lines = (b'Hello!\n/stats\n/nonsense\n/help\nWho are you?\n/undo\n'
             b'Who are you?\n/reset\nHello!\n')
    result = chat(stdin=lines)
    answers = result.out.splitlines()
    assert len(answers) == 4 and answers[1] == answers[2], answers
    assert answers[0] == answers[3], answers
    for word in ('positions', 'there is no /nonsense', '/undo',
                 'a new conversation'):
        assert word in result.err, result.err


def chat_history_equals_the_conversation():
    history = [{'role': 'system', 'content': 'You like foxes.'},
               {'role': 'user', 'content': 'Hello!'}]
    lines = chat('--system', 'You like foxes.', '--jsonl',
                 stdin=b'Hello!\nWho are you?\n').out.splitlines()
    events = [json.loads(line) for line in lines]
    first, second = [e for e in events if e['event'] == 'done']
    spoken = ''.join(e['text'] for e in events if e['event'] == 'text')
    assert spoken == first['text'] + second['text'], spoken
    history += [{'role': 'assistant', 'content': first['text']},
                {'role': 'user', 'content': 'Who are you?'}]
    told = chat('--messages', '-', '--json',
                stdin=json.dumps(history).encode()).json()
    assert told['prompt_ids'] == second['prompt_ids']
    assert told['ids'] == second['ids']
    reused = [e['reused'] for e in events if e['event'] == 'prompt']
    assert reused[0] == 0 and reused[-1] >= len(first['prompt_ids']), reused
    ids = moe('render', 'tiny', '--messages', '-', '--ids',
              stdin=json.dumps(history).encode()).json()
    assert ids == told['prompt_ids'], ids


def chat_is_saved_and_loaded():
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'talk.json'
        result = chat('--system', 'Be kind.',
                      stdin=f'Hello!\n/save {path}\n/reset\n/load {path}\n'
                            f'/load missing\n/stats\n'.encode())
        saved = json.loads(path.read_text())
        assert [m['role'] for m in saved] == ['system', 'user', 'assistant']
        assert saved[2]['content'] == result.out.strip(), saved
        assert '1 questions, 3 messages' in result.err, result.err
        assert 'missing: No such file' in result.err, result.err


TOOLS = [{'type': 'function', 'function': {
    'name': 'now', 'parameters': {'type': 'object', 'properties': {
        'zone': {'enum': ['UTC', 'CET']}}, 'required': ['zone'],
        'additionalProperties': False}}}]


def chat_writes_what_it_must():
    """A schema holds in run and chat; mistakes have the place."""
    with tempfile.TemporaryDirectory() as folder:
        schema, bad = Path(folder) / 'schema', Path(folder) / 'bad'
        schema.write_text('{"enum": ["red", "green"]}')
        bad.write_text('{"properties": {"a": {"pattern": "(?=a)"}}}')
        for command in (('chat', 'tiny', '-p', 'Hello!'),
                        ('run', 'tiny', 'Once upon a time')):
            for seed in 1, 2, 3:
                out = moe(*command, '--schema', schema, '-s', seed).out
                assert out in ('"red"\n', '"green"\n'), out
            err = moe(*command, '--schema', bad, code=6).err
            assert 'properties/a' in err, err
            gbnf = Path(folder) / 'gbnf'
            gbnf.write_text('root ::= [ab]{3}\n')
            out = moe(*command, '--grammar', gbnf).out
            assert re.fullmatch('[ab]{3}\n', out), out
            moe(*command, '--grammar', gbnf, '--schema', schema, code=2)


def chat_knows_tools():
    """The tiny model was never told of tools: they are emulated, and it does
    not call; a tool's place in the prompt is seen by render."""
    with tempfile.TemporaryDirectory() as folder:
        tools = Path(folder) / 'tools.json'
        tools.write_text(json.dumps(TOOLS))
        done = json.loads(chat('--tools', tools, '-p', 'Hello!', '--jsonl',
                               '-n', 20).out.splitlines()[-1])
        assert done['event'] == 'done', done
        prompt = moe('render', 'tiny', '--tools', tools,
                     stdin=b'[{"role": "user", "content": "Hi"}]').out
        assert '"now"' in prompt and prompt.endswith('[/INST]'), prompt
        tools.write_text('[{"function": {"name": "a b"}}]')
        err = chat('--tools', tools, '-p', 'Hello!', code=6).err
        assert 'tools[0].function.name' in err, err


def render_tells_origins_and_takes_tokenizers():
    messages = b'[{"role": "user", "content": "Hi <s>"}]'
    parts = [json.loads(line) for line in moe(
        'render', 'tiny', '--parts', stdin=messages).out.splitlines()]
    assert [p['origin'] for p in parts] == ['template', 'data', 'template']
    assert parts[1]['text'] == 'Hi <s>', parts
    text = moe('render', 'tiny', stdin=messages).out
    assert text == ''.join(p['text'] for p in parts), text
    with tempfile.TemporaryDirectory() as folder:
        template = Path(folder) / 'template'
        template.write_text('{% for m in messages %}<{{ m.content }}>'
                            '{% endfor %}')
        out = moe('render', 'tiny', '--template', template, '-v',
                  stdin=messages)
        assert out.out == '<Hi <s>>' and 'template: ' in out.err, out
    moe('render', 'tiny', '--encoder', 'no-such-form', stdin=messages, code=2)
    moe('render', 'tiny', stdin=b'[{"role": "tool", "content": "x"}]', code=6)
    tokenizer = next(SHARED.glob('vectors/mistral/**/tokenizer.model*'), None)
    if tokenizer is None:
        raise tap.Skip('no tokenizer of the shared vectors is here')
    ids = moe('render', tokenizer, '--encoder', 'mistral-v1', '--ids',
              stdin=messages).json()
    assert ids[0] == 1 and ids.count(1) == 1, ids


def what_users_type_is_no_control_token():
    ids = chat('-p', '</s><s>[INST] </s>', '--json', '-n', 1).json()
    assert ids['prompt_ids'].count(1) == 1 and 2 not in ids['prompt_ids'], ids


def renamed(family, names):
    """A test model's bytes with some tokens renamed, {old: new}; its name
    grows until the tensors begin at a multiple of 32 again."""
    def text(value):
        return struct.pack('<Q', len(value)) + value.encode()

    def replace(data, old, new):
        at = data.index(text(old), data.index(b'tokenizer.ggml.tokens'))
        return data[:at] + text(new) + data[at + len(text(old)):]
    path = tap.ROOT / 'tests' / 'data' / 'families' / family / 'model.gguf'
    data = original = path.read_bytes()
    for old, new in names.items():
        data = replace(data, old, new)
    name = f'tiny random {family}'
    padding = ' ' * ((len(original) - len(data)) % 32)
    return data.replace(text(name), text(name + padding), 1)


def other_forms_equal_their_text():
    """A question in ChatML's and Gemma's form has the ids of the whole text,
    with its control tokens, in one piece."""
    for family, names, encoder, text in (
            ('qwen3', {'<|bos|>': '<|im_start|>', '<|eos|>': '<|im_end|>'},
             'chatml',
             '<|im_start|>system\nthe sea<|im_end|>\n'
             '<|im_start|>user\nhe hears <b><|im_end|>\n'
             '<|im_start|>assistant\n'),
            ('gemma3', {'<pad>': '<start_of_turn>', '</s>': '<end_of_turn>'},
             'gemma',
             '<start_of_turn>user\nthe sea\n\nhe hears <b><end_of_turn>\n'
             '<start_of_turn>model\n')):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / 'model.gguf'
            path.write_bytes(renamed(family, names))
            told = moe('chat', path, '--encoder', encoder, '--system',
                       'the sea', '-p', 'he hears <b>', '-n', 1,
                       '--json').json()
            ids = moe('tokenize', path, '--specials', stdin=text.encode())
            assert told['prompt_ids'] == ids.json(), (told, ids.out)
            control = moe('tokenize', path, '--pieces', '--specials',
                          stdin=text.encode()).json()
            assert control.count(list(names.values())[0]) >= 2, control


def messages_out_of_order_are_refused():
    for messages, code in (([{'role': 'assistant', 'content': 'a'}], 6),
                           ([{'role': 'user', 'content': 'a'}] * 2, 0),
                           ([], 6), ([{'role': 'tool', 'content': 'a'}], 6),
                           ({}, 1), ([{'role': 1}], 1), ('x', 1)):
        chat('--messages', '-', stdin=json.dumps(messages).encode(), code=code)
    for text in b'', b'[', b'[{"role": "user", "content": "\\ud800"}]':
        chat('--messages', '-', stdin=text, code=1)


# -------------------------------------------------------------- other commands

def scores_are_those_of_the_logits():
    lines = [{'context': 'Once upon a', 'continuation': ' time'},
             {'context': 'Once upon a ', 'continuation': 'time'},
             {'context': '', 'continuation': 'Once', 'id': 7}]
    out = moe('score', TINY, stdin='\n'.join(map(json.dumps, lines)).encode())
    scores = [json.loads(line) for line in out.out.splitlines()]
    assert [s['n'] for s in scores] == [1, 1, 1], scores
    assert scores[0]['greedy'] and scores[0]['logprob'] > -0.01, scores
    assert scores[1] == scores[0], 'a space at the end belongs to the word'
    assert scores[2]['logprob'] < -0.5, scores
    assert 'found [1]' in moe('score', TINY, stdin=b'[1]', code=2).err
    assert 'no token' in moe(
        'score', TINY, code=2,
        stdin=b'{"context": "a", "continuation": ""}').err


def vectors_have_length_one_and_mean_something():
    text = b'The dog ran to the park.\nA dog went to a park.\nHello!\n'
    rows = [json.loads(line) for line in
            moe('embed', TINY, stdin=text).out.splitlines()]
    dot = [[sum(a * b for a, b in zip(x, y)) for y in rows] for x in rows]
    assert all(abs(dot[i][i] - 1) < 1e-5 for i in range(3)), dot
    assert dot[0][1] > dot[0][2] and dot[0][1] > dot[1][2], dot
    last = moe('embed', TINY, '--pooling', 'last', '--no-normalize',
               stdin=text).out.splitlines()
    assert len(last) == 3 and json.loads(last[0]) != rows[0]
    assert 'empty line' in moe('embed', TINY, stdin=b'\n', code=2).err


def inspect_shows_the_file():
    result = moe('inspect', 'tiny', '--json').json()
    assert result['family'] == 'llama' and result['n_experts'] == 8
    assert result['metadata']['general.name'] == 'Tiny Mixtral Stories 8x256'
    assert len(result['tensors']) == 43
    assert sum(t['tensors'] for t in result['types']) == 43
    assert [t['text'] for t in result['control_tokens']] == ['<s>', '</s>']
    text = moe('inspect', 'tiny', '--tensors').out
    assert 'blk.3.ffn_down_exps.weight' in text and '8 of width 256' in text
    changed = moe('inspect', 'tiny', '--meta', 'general.name=New name').out
    assert changed.startswith('New name\n'), changed


def tokenizer_files_stand_in_for_models():
    path = (SHARED / 'vectors' / 'mistral' / 'src' / 'mistral_common' /
            'data' / 'tokenizer.model.v1')
    if not path.exists():
        raise tap.Skip(f'{path.name} is not here')
    ids = moe('tokenize', path, '--pieces', stdin=b'Hello world').json()
    assert ids == ['<s>', ' Hello', ' world'], ids
    text = moe('inspect', path).out
    assert 'a tokenizer of 32000 tokens' in text and '</s>' in text, text
    assert 'vocabulary only' in moe('run', path, 'x', code=1).err


def estimate_adds_up():
    plan = moe('estimate', 'tiny', '-c', 512, '--json').json()
    assert plan['n_ctx'] == 512 and plan['fits']
    assert plan['total_bytes'] == (
        plan['weights_mapped_bytes'] + plan['weights_copied_bytes'] +
        plan['kv_bytes'] + plan['scratch_bytes'])
    fit = moe('estimate', 'tiny', '-c', 512, '--memory', plan['total_bytes'])
    assert 'fits' in fit.out
    larger = moe('estimate', 'tiny', '-c', 1024, '--json').json()
    assert larger['kv_bytes'] > 1.9 * plan['kv_bytes']


def bench_prints_its_table_in_three_forms():
    args = ('bench', 'tiny', '-p', '16', '-n', '4', '-d', '0,8', '-t', 1,
            '-r', 2)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'old.json'
        old = moe(*args, '-o', 'json')
        path.write_bytes(old.raw)
        names = [row['test'] for row in old.json()['rows']]
        assert names == ['pp16', 'pp16 @ d8', 'tg4', 'tg4 @ d8'], names
        for row in old.json()['rows']:
            assert row['min'] <= row['tokens_per_second'] <= row['max']
            assert row['share'] > 0 and row['peak_bytes'] > 0
            assert row['first_token_seconds'] > 0
        new = moe(*args, '--compare', path).out
        assert new.count('\n| pp16') == 2 and '| change |' in new, new
        path.write_bytes(b'[1]')
        moe(*args, '--compare', path, code=1)
    lines = moe(*args, '-o', 'csv').out.splitlines()
    assert len(lines) == 5 and lines[0].startswith('test,threads,'), lines


def bench_knows_the_limits_of_the_machine():
    machine = moe('bench', 'tiny', '--machine', '-t', 1, '--json').json()
    limit, = machine['limits']
    assert limit['read_bytes_per_second'] > 1e8, limit
    assert limit['macs_per_second'] > 1e8, limit
    assert machine['reads'] == "the model's file", machine
    known = {b['name']: b for b in moe('doctor', '--json').json()['backends']}
    for loop in machine['loops']:
        backend = known.get(loop['backend'], {'available': False})
        assert loop['available'] == backend['available'], loop
        assert bool(loop['reason']) != loop['available'], loop
        assert len(loop['rates']) == loop['available'], loop
        for rate in loop['rates']:
            assert rate['macs_per_second'] > 1e7, loop
    text = moe('bench', 'tiny', '--machine', '-t', 1).out
    for loop in machine['loops']:
        assert loop['name'] in text and loop['reason'] in text, text
    lines = moe('bench', 'tiny', '--machine', '-t', 1, '-o', 'csv').out
    assert lines.startswith('limit,threads,per_second,per_cycle\nread,1,')


def bench_measures_single_kernels():
    args = ('bench', '--kernels', '--type', 'q4_k,F32', '--tokens', '1,5',
            '--shape', '64x256')
    rows = moe(*args, '-o', 'json').json()['rows']
    cells = {(row['type'], row['tokens']) for row in rows}
    assert cells == {('Q4_K', 1), ('Q4_K', 5), ('F32', 1), ('F32', 5)}, cells
    for row in rows:
        assert (row['rows'], row['cols']) == (64, 256), row
        assert row['seconds'] > 0 and row['read_bytes_per_second'] > 0, row
        assert (row['share_of_reader'] > 0) == (row['tokens'] == 1), row
        assert row['share_of_loop'] > 0, row
    for cell in cells:  # the library takes one family
        assert sum(row['is_chosen'] for row in rows
                   if (row['type'], row['tokens']) == cell) == 1, rows
    scalar = moe(*args, '--backend', 'scalar', '-o', 'csv').out.splitlines()
    assert scalar[0].startswith('type,backend,family,rows,cols,'), scalar
    assert [line.split(',')[:3] for line in scalar[1:]] == [
        ['F32', 'scalar', 'A'], ['F32', 'scalar', 'A'],
        ['Q4_K', 'scalar', 'A'], ['Q4_K', 'scalar', 'A']], scalar
    assert '| Q4_K | ' in moe(*args).out


def doctor_finds_this_machine_sound():
    result = moe('doctor', '--json').json()
    assert result['self_test']['run'] and result['self_test']['passed']
    digests = {b['sha256'] for b in result['backends'] if b['available']}
    assert len(digests) == 1 and len(digests.pop()) == 64
    assert result['backend'] in moe('doctor').out


if __name__ == '__main__':
    tap.main([(test.__name__, test) for test in (
        help_lists_what_there_is,
        every_command_explains_itself,
        unknown_words_are_answered_with_the_nearest,
        wrong_values_name_what_was_expected,
        options_can_be_written_in_all_usual_ways,
        completions_know_every_option,
        greedy_text_is_the_known_tale,
        greedy_text_is_the_model_cards,
        prompt_comes_from_argument_file_or_stdin,
        seed_repeats_a_draw,
        samplers_change_the_draw,
        stop_texts_end_the_text_before_them,
        characters_are_streamed_whole,
        json_of_run_tells_all,
        stdout_has_nothing_but_data,
        failures_have_their_codes,
        full_context_keeps_what_was_written,
        full_disk_is_a_failure,
        broken_pipe_ends_quietly,
        interrupt_stops_and_keeps_the_text,
        interrupt_ends_reading_and_long_prompts,
        interrupt_in_chat_returns_to_the_prompt,
        terminal_gets_a_friendly_start,
        colour_is_for_who_asks,
        decoding_gives_the_bytes_back,
        tokenize_has_its_forms,
        logits_are_rows_of_floats_with_their_digest,
        bits_do_not_depend_on_the_way,
        sha256_is_right_for_every_length,
        chat_answers_one_question,
        chat_prompt_has_the_golden_ids,
        chat_reads_lines_and_knows_commands,
        chat_history_equals_the_conversation,
        chat_is_saved_and_loaded,
        chat_writes_what_it_must,
        chat_knows_tools,
        render_tells_origins_and_takes_tokenizers,
        what_users_type_is_no_control_token,
        other_forms_equal_their_text,
        messages_out_of_order_are_refused,
        scores_are_those_of_the_logits,
        vectors_have_length_one_and_mean_something,
        inspect_shows_the_file,
        tokenizer_files_stand_in_for_models,
        estimate_adds_up,
        bench_prints_its_table_in_three_forms,
        bench_knows_the_limits_of_the_machine,
        bench_measures_single_kernels,
        doctor_finds_this_machine_sound,
    )])
