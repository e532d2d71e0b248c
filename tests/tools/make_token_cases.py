#!/usr/bin/env python3
"""Writes tests/data/tokens/*.txt: texts and the ids that other tokenizers
give them.

    python3 tests/tools/make_token_cases.py SHARED

SHARED is the folder of shared test data.  Needs the packages sentencepiece
and tokenizers.  A SentencePiece model's normaliser is replaced by one that
changes nothing, as a GGUF file cannot hold another.  A line is a text with \\n \\r \\t \\\\ \\xNN escaped, a tab, the
ids.  The texts hold no names of special tokens, which these packages may find
in any text.
"""
import sys
import tempfile
from pathlib import Path

import sentencepiece
import tokenizers

# And whether a space is put before the text.
MODELS = {
    'tiny_mixtral': ('models/tiny-mixtral/tokenizer.model', True),
    'mixtral': ('goldens/families/mixtral/tokenizer.model', True),
    'gemma3': ('goldens/families/gemma3/tokenizer.model', False),
    'qwen2': ('goldens/families/qwen2/tokenizer.json', False),
    'smollm3': ('goldens/families/smollm3/tokenizer.json', False),
}
TEXTS = [
    '', ' ', '  ', '   ', '\t', '\n', '\n\n', '\r\n', 'a', ' a', '  a', 'a ',
    'a  b', 'Hello world', ' Hello  world ', 'Hello, world!', 'HELLO WORLD',
    "I'm sure they've gone; we'll see. DON'T!", "'s 't 're 've 'm 'll 'd",
    '0', '10', '123', '1234567890', '3.14159', '1,000,000', '2024-11-23',
    'The quick brown fox jumps over the lazy dog.',
    'Once upon a time, there was a little girl named Lily.',
    'It was the best of times, it was the worst of times.',
    "L'été, où es-tu ? Ça va très bien, merci.", 'Größe, Straße, Übermut',
    'Привет, как дела?', 'Γειά σου Κόσμε', 'שלום עולם', 'مرحبا بالعالم',
    'नमस्ते दुनिया', 'สวัสดีชาวโลก', '你好，世界！', 'こんにちは世界', '안녕하세요 세계',
    '😀', '🎉🎉 party 🎉', '👨‍👩‍👧‍👦', 'a\u0301e\u0301', 'é\u00a0\u3000x', '\x00\x01\x7f',
    'int main(void)\n{\n    return 0;\n}\n', 'x = [1, 2, 3]\nfor y in x:\n\tprint(y)',
    '{"key": "value", "n": [1, 2.5e-3, null]}', 'https://example.org/a?b=c&d=e',
    '<html><body>&amp;</body></html>', '#include <stdio.h>', 'a_b-c.d/e\\f',
    'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', ' ' * 40, '!' * 40, '\n' * 40,
    'wordswithoutanyspacesbetweenthematall', ' leading and trailing ',
    'tabs\tand\nlines\n\n\nand   runs    of     spaces', '-- ...... ____ ====',
]


def escape(text):
    out = ''
    for c in text:
        known = {'\n': '\\n', '\r': '\\r', '\t': '\\t', '\\': '\\\\'}
        out += known.get(c) or (
            f'\\x{ord(c):02x}' if ord(c) < 32 or ord(c) == 127 else c)
    return out


def sentencepiece_ids(path, has_prefix):
    # Protocol buffers: of two values of a field the last one counts, and of
    # two messages each field.  Field 3 is the normaliser: 2 its map of
    # characters, 3 the space before, 4 whether other white space is folded.
    normaliser = b'\x12\x00\x18' + bytes([has_prefix]) + b'\x20\x00'
    with tempfile.NamedTemporaryFile() as file:
        file.write(path.read_bytes() + b'\x1a' + bytes([len(normaliser)]) +
                   normaliser)
        file.flush()
        peer = sentencepiece.SentencePieceProcessor(model_file=file.name)
        return peer.encode(TEXTS)


def tokenizers_ids(path):
    peer = tokenizers.Tokenizer.from_file(str(path))
    return [peer.encode(t, add_special_tokens=False).ids for t in TEXTS]


def main():
    shared = Path(sys.argv[1])
    folder = Path(__file__).resolve().parent.parent / 'data' / 'tokens'
    for name, (model, has_prefix) in MODELS.items():
        path = shared / model
        ids = (tokenizers_ids(path) if path.suffix == '.json' else
               sentencepiece_ids(path, has_prefix))
        lines = [f'{escape(text)}\t{" ".join(map(str, line))}\n'
                 for text, line in zip(TEXTS, ids)]
        (folder / f'{name}.txt').write_text(''.join(lines), 'utf-8')


main()
