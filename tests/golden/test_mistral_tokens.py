"""Mistral's SentencePiece vocabularies: the ids of Google's sentencepiece, and
those of Mistral's own prompt encoder."""

import json
import random
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import tap  # noqa: E402
import token_peers as peers  # noqa: E402

DATA = 'vectors/mistral/src/mistral_common/data/'
MODELS = {
    'v1': DATA + 'tokenizer.model.v1',
    'v2': DATA + 'mistral_instruct_tokenizer_240216.model.v2',
    'v3': DATA + 'mistral_instruct_tokenizer_240323.model.v3',
    'v7': DATA + 'mistral_instruct_tokenizer_241114.model.v7',
}
CORPORA = ['asp_en.txt', 'asp_fr.txt', 'lebannen_fr_a1.txt', 'pb_en.txt']
# How a version writes a conversation: around the user's text, and after the
# assistant's.  Each part of v1 starts with SentencePiece's own space.
FORMS = {
    'v1': ('[INST] ', ' [/INST] ', '</s>'),
    'v2': ('[INST]', '[/INST]', '</s>'),
    'v3': ('[INST]', '[/INST]', '</s>'),
}


def conversation(version, messages):
    before, after, end = FORMS[version]
    text = '<s>'
    for message in messages:
        if message['role'] == 'user':
            text += before + message['content'] + after
        else:
            text += message['content'] + end
    # The blank after v1's [/INST] belongs to the answer, which is missing.
    return text.rstrip(' ')


def encoder_ids(version):
    sample = peers.shared(
        'vectors/mistral/tests/data/samples/no_tools/sample.json')
    golden = peers.shared('vectors/mistral/tests/data/samples/no_tools/'
                          f'tokens_{version}.json')
    gguf = peers.sentencepiece_gguf(version, peers.shared(MODELS[version]))
    text = conversation(version, json.loads(sample.read_text())['messages'])
    found = peers.encode(gguf, [text], peers.PARSE_CONTROL)
    peers.check_equal([text], found, [json.loads(golden.read_text())['tokens']])


def random_texts(extra, n):
    """Strings over characters of all kinds, some with pieces of `extra`.
    U+2581 is left out: sentencepiece takes it for a space, and libmoe spells
    it, so that it comes back."""
    rng = random.Random(1)
    kinds = ['  \n\t', 'aeinorstAEINRST', '0123456789', '.,;:!?\'"()-_/<>[]',
             'éèàçñöüßœ', 'абвгдеЖЗИ', '中文字漢日本語', 'あいうアイウ',
             '한국어', 'ابتث', '\u0301\u200d\u00a0\u3000', '😀🎉🚀👍🏽', '\x00\x01\x7f\ufffd']
    for _ in range(n):
        parts = []
        for _ in range(rng.randrange(1, 30)):
            if extra and rng.random() < 0.1:
                parts.append(rng.choice(extra))
            alphabet = rng.choice(kinds)
            parts.append(''.join(
                rng.choice(alphabet) for _ in range(rng.randrange(1, 6))))
        yield ''.join(parts)


def sentencepiece_ids(version):
    sentencepiece = peers.module('sentencepiece')
    model = peers.shared(MODELS[version])
    gguf = peers.sentencepiece_gguf(version, model)
    peer = sentencepiece.SentencePieceProcessor(model_file=str(model))
    extra = ['<s>', '</s>', '<unk>', '<0x41>', '[INST]', '[TOOL_CALLS]',
             '[control_20]', '[IMG]']
    extra += [peer.id_to_piece(i) for i in range(3, 40)]
    texts = ['', ' ', '  ', ' a', 'a ', *extra]
    texts += random_texts([e for e in extra if peers.SPACE not in e], 2000)
    for name in CORPORA:
        lines = peers.shared(f'corpora/{name}').read_text('utf-8').split('\n')
        texts += lines[:2000]
    texts = [t for t in texts if peers.SPACE not in t]
    peers.check_equal(texts, peers.encode(gguf, texts), peer.encode(texts))


tap.main(
    [(f'encoder_ids_{v}', lambda v=v: encoder_ids(v)) for v in FORMS] +
    [(f'sentencepiece_ids_{v}', lambda v=v: sentencepiece_ids(v))
     for v in MODELS])
