"""Compiled-in formats of conversations: the text of the published templates as
jinja2 renders them, and the ids of Mistral's own encoder."""

import functools
import json
import os
import random
import subprocess
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import tap  # noqa: E402
import token_peers as peers  # noqa: E402

TEMPLATES = {
    'zephyr': 'HuggingFaceH4/zephyr-7b-beta (add_generation_prompt=true)',
    'chatml': 'cognitivecomputations/dolphin-2.5-mixtral-8x7b',
    'openchat': 'openchat/openchat-3.5-0106',
    'deepseek-v2': 'deepseek-ai/deepseek-llm-7b-chat',
    'deepseek-v3': 'deepseek-ai/DeepSeek-R1',
    'llama-2': 'default:llama',
    'llama-3.1': 'meta-llama/Llama-3.1-8B-Instruct',
    'qwen2.5': 'Qwen/Qwen2.5-7B-Instruct',
    'qwen3': 'Qwen/Qwen3-0.6B',
}
# Those whose template declares tools and writes calls as the format does.
WITH_TOOLS = ['llama-3.1', 'qwen2.5', 'qwen3']
DEEPSEEK_END = '<\uff5cend\u2581of\u2581sentence\uff5c>'
DATA = 'vectors/mistral/src/mistral_common/data/'
MODELS = {
    'v1': DATA + 'tokenizer.model.v1',
    'v2': DATA + 'mistral_instruct_tokenizer_240216.model.v2',
    'v3': DATA + 'mistral_instruct_tokenizer_240323.model.v3',
    'v7': DATA + 'mistral_instruct_tokenizer_241114.model.v7',
}
TOOLS = [
    {'type': 'function', 'function': {
        'name': 'get_weather', 'description': 'The weather "now"',
        'parameters': {'type': 'object', 'properties': {
            'place': {'type': 'string', 'description': 'a town, été'},
            'days': {'type': 'integer', 'minimum': 1}},
            'required': ['place']}}},
    {'type': 'function', 'function': {
        'name': 'add-2', 'description': '',
        'parameters': {'type': 'object', 'properties': {}}}},
]


@functools.cache
def driver():
    """The driver's path; built from the rooms up to chat."""
    program = Path(peers.folder.name) / 'dialect_driver'
    sources = [tap.ROOT / 'tests/golden/dialect_driver.c']
    for room in 'base', 'os', 'quant', 'format', 'token':
        sources += sorted((tap.ROOT / 'lib' / room).glob('*.c'))
    sources += sorted((tap.ROOT / 'lib/chat').glob('dialect*.c'))
    sources += [tap.ROOT / 'lib/chat' / name
                for name in ('prompt.c', 'role.c')]
    done = tap.run(
        [os.environ.get('CC', 'cc'), '-std=c11', '-O1', '-Iinclude', '-Ilib',
         '-Itests', '-o', program, *sources, '-lm', '-lpthread'])
    assert done.returncode == 0, done.stdout
    return program


def ask(vocabulary, requests):
    """The driver's answer to each request."""
    lines = ''.join(json.dumps(r, ensure_ascii=False) + '\n' for r in requests)
    done = subprocess.run(
        [str(driver()), str(vocabulary)], input=lines.encode(), check=False,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(requests), (len(answers), len(requests))
    return answers


# ---------------------------------------------------------- conversations

WORDS = ['a', 'Hello', 'the', 'weather', 'été', '漢字', '🎉', '1234', '{"a": 1}',
         'x = y', '- item', '"quoted"', '<b>', "it's", '[1]', '&amp;']


def text(rng, n=12):
    """Words with single spaces and newlines between, none at the ends."""
    words = rng.choices(WORDS, k=rng.randrange(1, n))
    return ''.join(w + rng.choice([' ', ' ', '\n', '\n\n', '  '])
                   for w in words[:-1]) + words[-1]


def wild(rng, messages):
    """Space and what looks like control tokens around and in some texts."""
    ends = ['', '', ' ', '  ', '\n', '\t ', '<s>', '</s>', '[INST]', ' [/INST]',
            '[TOOL_CALLS]', '[REFERENCE_DOC_1]', '\u3000']
    for message in messages:
        if 'tool_calls' not in message and rng.random() < 0.5:
            middle = rng.choice(ends).join(message['content'].split('\n'))
            message['content'] = rng.choice(ends) + middle + rng.choice(ends)


def call(rng, number):
    """A call of one of TOOLS."""
    arguments = {rng.choice(['place', 'days', 'z']): rng.choice(
        [1, -2.5, True, None, 'Zürich', [1, {'k': 'v'}], {}])}
    return {'id': f'call{number:05d}', 'type': 'function', 'function': {
        'name': rng.choice(TOOLS)['function']['name'],
        'arguments': json.dumps(arguments, ensure_ascii=rng.random() < 0.5)}}


def conversation(rng, has_tools=False, most_calls=3):
    """Alternating turns, with calls and their results among them."""
    messages = []
    if rng.random() < 0.5:
        messages.append({'role': 'system', 'content': text(rng)})
    n_calls = 0
    for turn in range(rng.randrange(1, 5)):
        messages.append({'role': 'user', 'content': text(rng)})
        while has_tools and rng.random() < 0.5:
            calls = [call(rng, n_calls + i)
                     for i in range(rng.randrange(1, most_calls + 1))]
            n_calls += len(calls)
            messages.append({'role': 'assistant', 'tool_calls': calls})
            messages += [
                {'role': 'tool', 'tool_call_id': c['id'],
                 'name': c['function']['name'],
                 'content': rng.choice([text(rng), '22', '{"b":[1, 2.0]}'])}
                for c in calls]
        messages.append({'role': 'assistant', 'content': text(rng)})
    while messages[-1]['role'] == 'assistant':
        messages.pop()
    return messages


# ------------------------------------------------------------------ jinja

@functools.cache
def templates():
    path = peers.shared('vectors/jinja/hf_e2e_chat_templates_agreed.json')
    return {e['name']: e['template'] for e in json.loads(path.read_text())}


def environment():
    """jinja2 as transformers sets it up."""
    peers.module('jinja2')
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    found = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True,
        extensions=['jinja2.ext.loopcontrols'])
    found.filters['tojson'] = lambda value, indent=None: json.dumps(
        value, ensure_ascii=False, indent=indent)
    return found


def for_jinja(messages):
    """Arguments as objects: templates write them themselves."""
    messages = json.loads(json.dumps(messages))
    for message in messages:
        for one in message.get('tool_calls', []):
            one['function']['arguments'] = json.loads(
                one['function']['arguments'])
        if 'tool_calls' in message:
            message['content'] = ''
    return messages


def jinja_text(dialect, has_tools):
    source = templates()[TEMPLATES[dialect]]
    template = environment().from_string(source)
    rng = random.Random(dialect)
    most_calls = 1 if dialect == 'llama-3.1' else 3
    requests, expected = [], []
    for _ in range(200):
        messages = conversation(rng, has_tools, most_calls)
        tools = TOOLS if has_tools and rng.random() < 0.7 else None
        ask_for_it = rng.random() < 0.7
        if not ask_for_it and not has_tools:
            messages.append({'role': 'assistant', 'content': text(rng)})
        else:
            ask_for_it = True
        variables = {'tools': tools} if tools else {}
        rendered = template.render(
            messages=for_jinja(messages), add_generation_prompt=ask_for_it,
            bos_token='<s>', eos_token='</s>', **variables)
        rendered = rendered.replace(DEEPSEEK_END, '</s>')
        # Begin-of-text is the prompt's where the template has none.
        expected.append(
            rendered if 'bos_token' in source else '<s>' + rendered)
        requests.append({'dialect': dialect, 'messages': messages,
                         'ask': ask_for_it, **variables})
    found = [a.get('text', a) for a in ask('-', requests)]
    peers.check_equal([r['messages'] for r in requests], found, expected)


# ---------------------------------------------------------------- mistral

def tekken(version):
    """Mistral's newest public tekken.json, as another version would have it;
    None if there is none."""
    import mistral_common
    folder = Path(mistral_common.__file__).parent / 'data'
    content = json.loads((folder / 'tekken_240911.json').read_text())
    n_special = content['config']['default_num_special_tokens']
    names = ['<unk>', '<s>', '</s>', '[INST]', '[/INST]', '[AVAILABLE_TOOLS]',
             '[/AVAILABLE_TOOLS]', '[TOOL_RESULTS]', '[/TOOL_RESULTS]',
             '[TOOL_CALLS]', '[IMG]', '<pad>', '[IMG_BREAK]', '[IMG_END]',
             '[PREFIX]', '[MIDDLE]', '[SUFFIX]', '[SYSTEM_PROMPT]',
             '[/SYSTEM_PROMPT]', '[TOOL_CONTENT]']
    if version in ('v11', 'v13'):
        names += ['[ARGS]', '[CALL_ID]', '[THINK]', '[/THINK]']
    names += [f'<SPECIAL_{i}>' for i in range(len(names), n_special)]
    content['special_tokens'] = [
        {'rank': i, 'token_str': name, 'is_control': True}
        for i, name in enumerate(names)]
    content['config']['version'] = version
    content.pop('multimodal', None)
    content.pop('image', None)
    path = Path(peers.folder.name) / f'tekken_{version}.json'
    path.write_text(json.dumps(content))
    return path


def shuffled(rng, messages):
    """The same with a message out of place, twice or missing."""
    messages = list(messages)
    at = rng.randrange(len(messages))
    kind = rng.randrange(4)
    if kind == 0:
        messages.insert(at, messages[rng.randrange(len(messages))])
    elif kind == 1 and len(messages) > 1:
        messages.pop(at)
    elif kind == 2:
        messages.insert(at, {'role': 'system', 'content': text(rng)})
    else:
        messages.insert(at, {'role': 'user', 'content': text(rng)})
    return messages


def reference_ids(tokenizer, request):
    from mistral_common.protocol.instruct.request import ChatCompletionRequest
    try:
        chat = ChatCompletionRequest.from_openai(
            messages=request['messages'], tools=request.get('tools'),
            model='any', continue_final_message=request['continue'])
        return tokenizer.encode_chat_completion(chat).tokens
    except Exception as refused:  # of many kinds
        return f'refused: {refused!r}'


def mistral_requests(version, rng):
    for _ in range(300):
        has_tools = version != 'v1' and rng.random() < 0.7
        # One result at a time: the newest reference of v2 takes no more.
        messages = conversation(rng, has_tools, 1 if version == 'v2' else 3)
        goes_on = rng.random() < 0.2
        if goes_on:
            messages.append({'role': 'assistant', 'content': text(rng) + ' '})
        wild(rng, messages)
        if rng.random() < 0.4:
            messages = shuffled(rng, messages)
        # The reference counts no calls and no results of the first message.
        if messages[0]['role'] == 'tool' or 'tool_calls' in messages[0]:
            continue
        request = {'dialect': 'mistral-' + version, 'messages': messages,
                   'ask': True, 'continue': goes_on}
        if has_tools and rng.random() < 0.7:
            request['tools'] = TOOLS
        yield request


def mistral_ids(version, is_tekken):
    peers.module('mistral_common')
    if not is_tekken:
        peers.module('sentencepiece')
    from mistral_common.protocol.instruct.validator import ValidationMode
    from mistral_common.tokens.tokenizers.mistral import MistralTokenizer
    path = tekken(version) if is_tekken else peers.shared(MODELS[version])
    tokenizer = MistralTokenizer.from_file(
        str(path), mode=ValidationMode.serving)
    requests = list(mistral_requests(version, random.Random(version)))
    answers = ask(path, requests)
    problems = []
    n_refused = 0
    for request, answer in zip(requests, answers):
        expected = reference_ids(tokenizer, request)
        is_refused = isinstance(expected, str)
        n_refused += is_refused
        if is_refused and 'error' not in answer:
            problems.append(f'{request}: {expected}, not refused')
        elif not is_refused and answer.get('ids') != expected:
            problems.append(f'{request}: expected {expected}, found {answer}')
    tap.check_empty(problems[:3])
    assert n_refused < len(requests) // 2, f'{n_refused} were refused'


tap.main(
    [(f'text_of_{d}', lambda d=d: jinja_text(d, False)) for d in TEMPLATES] +
    [(f'tools_of_{d}', lambda d=d: jinja_text(d, True)) for d in WITH_TOOLS] +
    [(f'mistral_ids_{v}', lambda v=v: mistral_ids(v, False)) for v in MODELS] +
    [(f'mistral_tekken_ids_{v}', lambda v=v: mistral_ids(v, True))
     for v in ('v3', 'v7', 'v11', 'v13')])
