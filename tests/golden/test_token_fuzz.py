"""100,000 generated strings: the ids of the packages tokenizers and
sentencepiece, and all bytes back.  And the vectors of vocabularies that only
trained models have."""

import itertools
import os
import random
import struct
import sys
import unicodedata
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import tap  # noqa: E402
import token_peers as peers  # noqa: E402

N_TEXTS = 20000  # for each of five vocabularies
MODELS = Path(os.environ.get('MOE_MODELS', tap.ROOT / 'models-cache'))
CASES = 'vectors/vocab/ggml-vocab-'
SPM = 'vectors/mistral/src/mistral_common/data/tokenizer.model.v1'

ALPHABETS = [
    'etaoinshrdluETAOINSHRDLU', '0123456789', '  \t\n\r', '.,;:!?\'"()-_/<>[]{}#@',
    'éèàçñöüßœſǅ', 'абвгдеЖЗИ', '中文字漢日本語', 'あいうアイウ', '한국어ㄱ',
    'ابتث', 'กำไร', 'नमस्ते', '\u0300\u0301\u0308\u20dd\u200d\u200b',
    '\u00a0\u3000\u2028\x85\x0b', '😀🎉🚀👍🏽👨', '\x00\x01\x1b\x7f\x9f\ufeff\ufffd',
    '٣ⅷ½²Ⅻ']
WORDS = [' the', ' of', 'Hello', "don't", "I'LL", "'Ve", '\r\n', '\n\n', ' \n ',
         '    ', 'HTTPServer', '123456', '3.14', '<|im_start|', '<s', '<0x41>']
# Of characters that are assigned since Unicode 14 all versions say the same.
# U+2581 is a space for sentencepiece; libmoe spells it.
ASSIGNED = [chr(code) for code in itertools.chain(
    range(0xd800), range(0xe000, 0x40000), range(0xe0000, 0xe0200),
    range(0xf0000, 0xf0100), range(0x10ff00, 0x110000))
    if unicodedata.category(chr(code)) != 'Cn' and chr(code) != peers.SPACE]


def random_part(rng):
    draw = rng.random()
    if draw < 0.25:
        return rng.choice(WORDS)
    if draw < 0.4:
        return ''.join(rng.choices(ASSIGNED, k=rng.randrange(1, 4)))
    alphabet = rng.choice(ALPHABETS)
    if draw < 0.41:
        return ''.join(rng.choices(alphabet, k=rng.randrange(1, 3))) * \
            rng.choice([7, 33, 100, 600])
    return ''.join(rng.choices(alphabet, k=rng.randrange(1, 7)))


def random_texts(seed):
    rng = random.Random(seed)
    return [''.join(random_part(rng) for _ in range(rng.randrange(1, 12)))
            for _ in range(N_TEXTS)]


def random_bytes(seed):
    """Texts with bytes changed, left out and put in: mostly not UTF-8."""
    rng = random.Random(seed)
    for text in random_texts(seed):
        data = bytearray(text.encode())
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(data) + 1)
            data[at:at + rng.randrange(3)] = rng.randbytes(rng.randrange(3))
        yield bytes(data)


def gguf_entries(path):
    """The strings and arrays of strings of a GGUF's metadata."""
    data = Path(path).read_bytes()
    at = 24

    def take(form):
        nonlocal at
        at += struct.calcsize(form)
        return struct.unpack_from(form, data, at - struct.calcsize(form))[0]

    def value(kind):
        nonlocal at
        if kind == peers.STRING:
            n = take('<Q')
            at += n
            return data[at - n:at].decode('utf-8', 'replace')
        if kind == peers.ARRAY:
            kind, n = take('<I'), take('<Q')
            return [value(kind) for _ in range(n)]
        return take('<' + 'BbHhIif?..Qqd'[kind])

    return {value(peers.STRING): value(take('<I'))
            for _ in range(struct.unpack_from('<Q', data, 16)[0])}


# ------------------------------------------------------------------ packages

def tokenizers_gpt2(path):
    """The package's tokenizer with the tokens of a file."""
    tokenizers = peers.module('tokenizers')
    entries = gguf_entries(path)
    tokens = entries['tokenizer.ggml.tokens']
    peer = tokenizers.Tokenizer(tokenizers.models.BPE(
        {token: i for i, token in enumerate(tokens)},
        [tuple(merge.split(' '))
         for merge in entries['tokenizer.ggml.merges']]))
    peer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(
        add_prefix_space=False)
    return peer


def gpt2_ids():
    path = peers.shared(CASES + 'gpt-2.gguf')
    peer = tokenizers_gpt2(path)
    texts = random_texts(1)
    peers.check_equal(texts, peers.encode(path, texts),
                      [e.ids for e in peer.encode_batch(texts)])


def family_ids(family):
    tokenizers = peers.module('tokenizers')
    base = f'goldens/families/{family}/'
    peer = tokenizers.Tokenizer.from_file(
        str(peers.shared(base + 'tokenizer.json')))
    texts = random_texts(family)
    peers.check_equal(
        texts, peers.encode(peers.shared(base + 'model.gguf'), texts),
        [e.ids for e in peer.encode_batch(texts, add_special_tokens=False)])


def sentencepiece_ids():
    sentencepiece = peers.module('sentencepiece')
    model = peers.shared(SPM)
    peer = sentencepiece.SentencePieceProcessor(model_file=str(model))
    texts = random_texts(2)
    peers.check_equal(texts, peers.encode(model, texts), peer.encode(texts))


# ----------------------------------------------------------------- all bytes

def check_round_trip(path, pieces, prefix):
    texts = list(random_bytes(3))
    found = [b''.join(pieces[i] for i in ids)
             for ids in peers.encode(path, texts)]
    peers.check_equal(texts, found, [text and prefix + text for text in texts])


def byte_level_bytes_come_back():
    path = peers.shared(CASES + 'gpt-2.gguf')
    values = {char: byte for byte, char in peers.byte_chars().items()}
    check_round_trip(path, [
        bytes(values.get(char, 0) for char in token)
        for token in gguf_entries(path)['tokenizer.ggml.tokens']], b'')


def sentencepiece_bytes_come_back():
    path = peers.shared(CASES + 'llama-spm.gguf')
    tokens = gguf_entries(path)['tokenizer.ggml.tokens']
    check_round_trip(path, [
        bytes([int(token[3:5], 16)]) if 3 <= i < 259 else
        token.replace(peers.SPACE, ' ').encode()
        for i, token in enumerate(tokens)], b' ')


# ------------------------------------------------------------------- vectors

def vectors(name, model):
    """The expected ids of a vocabulary that is not among the vectors."""
    path = MODELS / model
    if not path.exists():
        raise tap.Skip(f'{model} is not in {MODELS.name}/')
    cases = peers.shared(f'{CASES}{name}.gguf.inp').read_bytes()
    texts = cases.split(b'\n__ggml_vocab_test__\n')[:-1]
    lines = peers.shared(f'{CASES}{name}.gguf.out').read_text().split('\n')
    peers.check_equal(texts, peers.encode(path, texts),
                      [[int(i) for i in line.split()] for line in lines][:46])


tap.main([
    ('gpt2_ids', gpt2_ids),
    *((f'family_ids_{f}', lambda f=f: family_ids(f))
      for f in ('qwen2', 'smollm3', 'glm4')),
    ('sentencepiece_ids', sentencepiece_ids),
    ('byte_level_bytes_come_back', byte_level_bytes_come_back),
    ('sentencepiece_bytes_come_back', sentencepiece_bytes_come_back),
    ('vectors_qwen2',
     lambda: vectors('qwen2', 'qwen2.5-coder-0.5b-q4_k_m.gguf')),
    ('vectors_llama_bpe',
     lambda: vectors('llama-bpe', 'Llama-3.2-1B-Instruct-Q4_K_M.gguf')),
])
