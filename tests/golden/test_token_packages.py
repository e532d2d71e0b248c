"""Vocabularies from tokenizers' own files: the ids of the packages that the
files are made for.  tokenizer.model: sentencepiece; tekken.json: mistral-common
(tiktoken), which has some; tokenizer.json: tokenizers, which trains them
here."""

import base64
import functools
import itertools
import json
import random
import sys
import unicodedata
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import tap  # noqa: E402
import token_peers as peers  # noqa: E402

N_TEXTS = 10000  # for each vocabulary
SPECIALS = 1  # moe_text_flags

CHARACTERS = [
    '  \n\t', 'aeinorstAEINRST', '0123456789', '.,;:!?\'"()-_/<>[]{}#@\\',
    'éèàçñöüßœſ', 'абвгдеЖЗИ', '中文字漢日本語', 'あいうアイウ', '한국어ㄱㅏ',
    'ابتث', 'กำไร', 'नमस्ते', '\u0301\u0308\u200d\u00a0\u3000\u2028\x85',
    '😀🎉🚀👍🏽👨', '\x00\x01\x1b\x7f\ufffd', '٣ⅷ½²']
WORDS = [' the', ' and', 'Hello', ' world', "it's", "I'LL", "'Ve", '\r\n',
         ' \n ', '    ', 'HTTPServer', '123456', ' de la']

# Of assigned characters all versions of Unicode say the same.
ASSIGNED = [chr(code) for code in itertools.chain(
    range(0xd800), range(0xe000, 0x40000), range(0xe0000, 0xe0200),
    range(0xf0000, 0xf0100), range(0x10ff00, 0x110000))
    if unicodedata.category(chr(code)) != 'Cn' and chr(code) != peers.SPACE]


def random_part(rng):
    draw = rng.random()
    if draw < 0.15:
        return ''.join(rng.choices(ASSIGNED, k=rng.randrange(1, 4)))
    if draw < 0.18:
        return rng.choice(' a\n0é😀\u0301') * rng.randrange(1, 300)
    if draw < 0.35:
        return rng.choice(WORDS)
    return ''.join(
        rng.choices(rng.choice(CHARACTERS), k=rng.randrange(1, 6)))


@functools.cache
def random_texts():
    rng = random.Random(1)
    return ['', ' ', '  ', 'a', ' a', 'a '] + [
        ''.join(random_part(rng) for _ in range(rng.randrange(1, 16)))
        for _ in range(N_TEXTS)]


def with_names(names):
    """The texts, some with names of special tokens in them."""
    rng = random.Random(2)
    texts = [*names]
    for text in random_texts():
        at = rng.randrange(len(text) + 1)
        texts.append(text[:at] + rng.choice(['', '', *names]) + text[at:])
    return texts


# ------------------------------------------------------------ tokenizer.model

MODELS = ['tokenizer.model.v1', 'mistral_instruct_tokenizer_240216.model.v2',
          'mistral_instruct_tokenizer_240323.model.v3',
          'mistral_instruct_tokenizer_241114.model.v7']


def sentencepiece_ids(name):
    sentencepiece = peers.module('sentencepiece')
    model = peers.shared(f'vectors/mistral/src/mistral_common/data/{name}')
    peer = sentencepiece.SentencePieceProcessor(model_file=str(model))
    texts = with_names([peer.id_to_piece(i) for i in range(40)])
    peers.check_equal(texts, peers.encode(model, texts), peer.encode(texts))


# ---------------------------------------------------------------- tekken.json

def tekken_ids():
    peers.module('mistral_common')
    from mistral_common.tokens.tokenizers.tekken import Tekkenizer
    data = Path(sys.modules['mistral_common'].__file__).parent / 'data'
    files = sorted(data.glob('tekken_*.json'))
    if not files:
        raise tap.Skip('mistral-common has no tekken.json')
    for file in files:
        peer = Tekkenizer.from_file(file)
        texts = with_names(['<s>', '</s>', '[INST]', '<SPECIAL_30>'])
        peers.check_equal(texts, peers.encode(file, texts, SPECIALS),
                          [peer.encode(t, bos=True, eos=False) for t in texts])


def synthetic_tekken_ids():
    """A vocabulary whose tokens are not in the order of their making, and some
    of them never joined."""
    tiktoken = peers.module('tiktoken')
    rng = random.Random(3)
    tokens = [bytes([i]) for i in range(256)]
    text = ''.join(random_texts()[:300]).encode()
    while len(tokens) < 2000:
        at = rng.randrange(len(text) - 8)
        token = text[at:at + rng.randrange(2, 8)]
        if token not in tokens:
            tokens.append(token)
    pattern = r'\p{N}|[^\r\n\p{L}\p{N}]?\p{L}+|[^\p{L}\p{N}]+'
    peer = tiktoken.Encoding(
        'synthetic', pat_str=pattern, special_tokens={},
        mergeable_ranks={token: i for i, token in enumerate(tokens)})
    file = Path(peers.folder.name) / 'tekken.json'
    special = [{'rank': i, 'token_str': name, 'is_control': True}
               for i, name in enumerate(['<unk>', '<s>', '</s>'])]
    vocab = [{'rank': i, 'token_str': None,
              'token_bytes': base64.b64encode(token).decode()}
             for i, token in enumerate(tokens)]
    config = {'pattern': pattern, 'default_vocab_size': len(tokens) + 5,
              'default_num_special_tokens': 5, 'version': 'v11'}
    file.write_text(json.dumps({'config': config, 'vocab': vocab,
                                'special_tokens': special}))
    texts = random_texts()
    peers.check_equal(texts, peers.encode(file, texts),
                      [[5 + i for i in peer.encode_ordinary(t)]
                       for t in texts])


# ------------------------------------------------------------- tokenizer.json

LLAMA3 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
          r' ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+')
QWEN2 = LLAMA3.replace('{1,3}', '')
BAILING = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}|"
           r' ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+')


def corpus():
    files = [tap.ROOT / 'README.md', *sorted((tap.ROOT / 'docs').glob('*.md'))]
    return [f.read_text('utf-8') for f in files] + random_texts()[:2000]


def train(tokenizer, **options):
    from tokenizers import trainers
    tokenizer.train_from_iterator(corpus(), trainers.BpeTrainer(
        vocab_size=3000, max_token_length=99, show_progress=False,
        **options))


def save(name, tokenizer_json):
    file = Path(peers.folder.name) / f'{name}.json'
    file.write_text(tokenizer_json)
    return file


BYTE_LEVEL = ['gpt2', 'starcoder', 'llama3', 'qwen2', 'deepseek', 'bailing',
              'tiny_aya', 'superbpe', 'dots']


def byte_level(name):
    """With the pre-tokenizer of a known model."""
    from tokenizers import (AddedToken, Regex, Tokenizer, models, normalizers,
                            processors)
    from tokenizers.pre_tokenizers import ByteLevel, Digits, Sequence, Split
    plain = ByteLevel(add_prefix_space=False, use_regex=False)
    gpt2 = ByteLevel(add_prefix_space=False)

    def split(regex):
        return Split(Regex(regex), 'isolated')

    tokenizer = Tokenizer(models.BPE(ignore_merges=name == 'llama3'))
    tokenizer.pre_tokenizer = {
        'gpt2': gpt2,
        'starcoder': Sequence([Digits(True), gpt2]),
        'llama3': Sequence([split(LLAMA3), plain]),
        'qwen2': Sequence([split(QWEN2), plain]),
        'deepseek': Sequence([
            split('[\r\n]'), split(r'\s?\p{L}+'), split(r'\s?\p{P}+'),
            split('[一-龥\u0800-一가-\ud7ff]+'), Digits(True), plain]),
        'bailing': Sequence([split(BAILING), plain]),
        'tiny_aya': Sequence([split(r'\d{1,3}(?=(?:\d{3})*\b)'),
                              split(LLAMA3), plain]),
        'superbpe': Sequence([split(r'\p{N}+'), split(r'(?=(\d{3})+(?!\d))'),
                              plain]),
        'dots': Sequence([Split('.', 'isolated'), gpt2]),
    }[name]
    train(tokenizer, special_tokens=['<|endoftext|>', '<s>'],
          initial_alphabet=ByteLevel.alphabet())
    tokenizer.add_tokens([AddedToken('<tool>', normalized=False),
                          AddedToken('  ', normalized=False)])
    if name == 'qwen2':
        tokenizer.normalizer = normalizers.NFC()
    if name == 'llama3':
        tokenizer.post_processor = processors.Sequence([
            processors.ByteLevel(trim_offsets=False),
            processors.TemplateProcessing(
                single='<s> $A', special_tokens=[('<s>', 1)])])
    return save(name, tokenizer.to_str())


MARKED = {'type': 'Replace', 'pattern': {'String': ' '},
          'content': peers.SPACE}
PREPENDED = {'type': 'Sequence', 'normalizers': [
    {'type': 'Prepend', 'prepend': peers.SPACE}, MARKED]}


def metaspace(scheme):
    return {'type': 'Metaspace', 'replacement': peers.SPACE,
            'prepend_scheme': scheme, 'split': False}


# U+2581 for spaces: normalizer and pre_tokenizer.
OVER_CHARACTERS = {
    'llama': (PREPENDED, None),
    'llama_first': (None, metaspace('first')),
    'llama_always': (None, metaspace('always')),
    'llama_never': (None, metaspace('never')),
    'gemma': (MARKED, {'type': 'Split', 'pattern': {'String': ' '},
                       'behavior': 'MergedWithPrevious', 'invert': False}),
}


@functools.cache
def trained_over_characters():
    """As Llama's and Gemma's: bytes are tokens, words may start with blanks."""
    from tokenizers import Regex, Tokenizer, models, normalizers
    from tokenizers.pre_tokenizers import Split
    space = peers.SPACE
    tokenizer = Tokenizer(models.BPE(unk_token='<unk>', fuse_unk=True,
                                     byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(' ', space)
    tokenizer.pre_tokenizer = Split(
        Regex(f'{space}+[^{space}]*|[^{space}]+'), 'isolated')
    train(tokenizer, limit_alphabet=300, special_tokens=[
        '<unk>', '<s>', '</s>', *(f'<0x{i:02X}>' for i in range(256))])
    return tokenizer.to_str()


def over_characters(name):
    whole = json.loads(trained_over_characters())
    whole['normalizer'], whole['pre_tokenizer'] = OVER_CHARACTERS[name]
    whole['added_tokens'] = whole['added_tokens'][:3]
    return save(name, json.dumps(whole))


def tokenizers_ids(name):
    tokenizers = peers.module('tokenizers')
    if name in OVER_CHARACTERS:
        file, names = over_characters(name), ['<s>', '</s>']
    else:
        file, names = byte_level(name), ['<s>', '<|endoftext|>', '<tool>']
    texts = with_names(names)
    if name == 'qwen2':
        texts = [unicodedata.normalize('NFC', t) for t in texts]
    # tokenizers puts no space before a space here.  Then " a" would come back
    # as "a": libmoe puts one, as sentencepiece does.
    if name in ('llama_first', 'llama_always'):
        texts = [t for t in texts if not t.startswith(' ') and '> ' not in t]
    peer = tokenizers.Tokenizer.from_file(str(file))
    found = peers.encode(file, texts, SPECIALS | peers.PARSE_CONTROL)
    peers.check_equal(texts, found, [e.ids for e in peer.encode_batch(texts)])


tap.main(
    [(f'sentencepiece_ids_{m}', lambda m=m: sentencepiece_ids(m))
     for m in MODELS] +
    [('tekken_ids', tekken_ids),
     ('synthetic_tekken_ids', synthetic_tekken_ids)] +
    [(f'tokenizers_ids_{n}', lambda n=n: tokenizers_ids(n))
     for n in [*BYTE_LEVEL, *OVER_CHARACTERS]])
