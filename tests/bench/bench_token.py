#!/usr/bin/env python3
"""How fast the packages tokenizers and sentencepiece encode a text, one thread:
the other side of bench_token.c.

    bench_token.py VOCABULARY TEXT

VOCABULARY is a GGUF of byte-level BPE, which is made a tokenizer of the package
tokenizers (reading it takes the package gguf), a tokenizer.json or a
tokenizer.model.  The text is encoded whole, and line by line, which is the
better case of tokenizers; the faster one counts."""

import os
import sys
import time
from pathlib import Path

os.environ['RAYON_NUM_THREADS'] = '1'
os.environ['TOKENIZERS_PARALLELISM'] = 'false'

GPT2 = (r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|"
        r'\s+(?!\S)|\s+')
QWEN2 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}|"
         r' ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+')
PATTERNS = {'gpt-2': [GPT2], 'smollm': [r'\p{N}', GPT2], 'qwen2': [QWEN2]}


def from_gguf(path):
    import gguf
    import tokenizers
    from tokenizers import models, pre_tokenizers
    fields = gguf.GGUFReader(path).fields
    tokens = fields['tokenizer.ggml.tokens'].contents()
    merges = fields['tokenizer.ggml.merges'].contents()
    tokenizer = tokenizers.Tokenizer(models.BPE(
        {token: i for i, token in enumerate(tokens)},
        [tuple(merge.split(' ')) for merge in merges]))
    patterns = PATTERNS[fields['tokenizer.ggml.pre'].contents()]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(tokenizers.Regex(p), 'isolated')
         for p in patterns] +
        [pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    return tokenizer


def encoder(path):
    if path.endswith('.gguf') or path.endswith('.json'):
        import tokenizers
        tokenizer = (from_gguf(path) if path.endswith('.gguf') else
                     tokenizers.Tokenizer.from_file(path))
        return lambda texts: sum(
            len(e.ids) for e in tokenizer.encode_batch_fast(
                texts, add_special_tokens=False))
    import sentencepiece
    processor = sentencepiece.SentencePieceProcessor(model_file=path)
    return lambda texts: sum(
        len(ids) for ids in processor.encode(texts, num_threads=1))


def main():
    vocabulary, path = sys.argv[1:]
    text = Path(path).read_text('utf-8')
    encode = encoder(vocabulary)
    for name, texts in (('whole', [text]), ('lines', text.splitlines(True))):
        best = float('inf')
        for _ in range(3):
            start = time.perf_counter()
            n_ids = encode(texts)
            best = min(best, time.perf_counter() - start)
        rate = len(text.encode()) * 1e-6 / best
        print(f'{name:12} {rate:8.1f} MB/s {n_ids:8} ids')


main()
