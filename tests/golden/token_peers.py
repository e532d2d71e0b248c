"""token_peers.py: what scripts need that compare the tokenizer with others.

Builds tokenize_driver.c, writes vocabularies as GGUF files, reads
SentencePiece models."""

import itertools
import os
import struct
import subprocess
import tempfile
from pathlib import Path

import tap

SHARED = Path(os.environ.get('MOE_SHARED', tap.ROOT.parent / 'shared'))
PARSE_CONTROL = 2  # moe_text_flags
NORMAL, UNKNOWN, CONTROL, USER_DEFINED, UNUSED, BYTE = range(1, 7)
SPACE = '\u2581'

folder = tempfile.TemporaryDirectory()


def shared(path):
    """A file beside the project, which a plain clone does not have."""
    if not (SHARED / path).exists():
        raise tap.Skip(f'{path} is not there')
    return SHARED / path


def module(name):
    try:
        return __import__(name)
    except ImportError:
        raise tap.Skip(f'python module {name} is not there') from None


def driver():
    """The driver's path; built from the rooms up to token."""
    program = Path(folder.name) / 'driver'
    if not program.exists():
        sources = [tap.ROOT / 'tests/golden/tokenize_driver.c']
        for room in 'base', 'os', 'quant', 'format', 'token':
            sources += sorted((tap.ROOT / 'lib' / room).glob('*.c'))
        done = tap.run(
            [os.environ.get('CC', 'cc'), '-std=c11', '-O1', '-Iinclude',
             '-Ilib', '-o', program, *sources, '-lm', '-lpthread'])
        assert done.returncode == 0, done.stdout
    return program


def encode(gguf, texts, flags=0):
    """The ids of each text (bytes or str)."""
    texts = [t.encode() if isinstance(t, str) else t for t in texts]
    records = b''.join(b'%d\n%s' % (len(t), t) for t in texts)
    done = subprocess.run(
        [str(driver()), str(gguf), str(flags)], input=records, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()
    lines = done.stdout.decode().split('\n')[:-1]
    assert len(lines) == len(texts), (len(lines), len(texts))
    return [line if line.startswith('!') else [int(i) for i in line.split()]
            for line in lines]


class TokenizersRegex:
    """A pattern for the engine of the package tokenizers."""

    def __init__(self, pattern):
        self.pattern = pattern

    def split(self, text):
        """The matches and what is between them."""
        tokenizers = module('tokenizers')
        split = tokenizers.pre_tokenizers.Split(
            tokenizers.Regex(self.pattern), 'isolated')
        return [part for part, _ in split.pre_tokenize_str(text)]


def check_equal(texts, found, expected):
    """Shows the first few that differ."""
    assert len(found) == len(expected)
    tap.check_empty(itertools.islice(
        (f'{text!r}: expected {e}, found {f}'
         for text, f, e in zip(texts, found, expected) if f != e), 5))


# GGUF: types of values and how struct packs them.
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
PACK = {U32: '<I', I32: '<i', F32: '<f', BOOL: '<?'}


def _value(kind, value):
    if kind != STRING:
        return struct.pack(PACK[kind], value)
    text = value.encode() if isinstance(value, str) else value
    return struct.pack('<Q', len(text)) + text


def write_gguf(name, entries):
    """A file without tensors; entries are (key, type, value or list)."""
    out = [struct.pack('<4sIQQ', b'GGUF', 3, 0, len(entries))]
    for key, kind, value in entries:
        out.append(_value(STRING, key))
        if isinstance(value, list):
            out.append(struct.pack('<IIQ', ARRAY, kind, len(value)))
            out += [_value(kind, v) for v in value]
        else:
            out += [struct.pack('<I', kind), _value(kind, value)]
    path = Path(folder.name) / name
    path.write_bytes(b''.join(out))
    return path


# Protocol buffers: (field number, value) of a message.
def _fields(data):
    at = 0

    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            yield tag >> 3, varint()
        else:
            n = {1: 8, 5: 4}.get(tag & 7) or varint()
            yield tag >> 3, data[at:at + n]
            at += n


def sentencepiece_gguf(name, model):
    """A SentencePiece model's vocabulary as a GGUF file.  As converters do,
    user-defined pieces have plain spaces."""
    texts, scores, kinds = [], [], []
    for number, message in _fields(Path(model).read_bytes()):
        if number == 1:
            piece = {3: NORMAL, 2: b'\0\0\0\0', **dict(_fields(message))}
            text = piece[1].decode()
            if piece[3] == USER_DEFINED:
                text = text.replace(SPACE, ' ')
            texts.append(text)
            scores.append(struct.unpack('<f', piece[2])[0])
            kinds.append(piece[3])
    return write_gguf(name, [
        ('tokenizer.ggml.model', STRING, 'llama'),
        ('tokenizer.ggml.tokens', STRING, texts),
        ('tokenizer.ggml.scores', F32, scores),
        ('tokenizer.ggml.token_type', I32, kinds)])


def byte_chars():
    """GPT-2's character for each byte."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {
        b: chr(256 + i) for i, b in enumerate(rest)}
