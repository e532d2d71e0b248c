"""Pre-tokenizers: the same ids as byte-pair merging in Python of the pieces
that the module `regex` cuts, with the patterns as their models' files have
them; and the ids of the package `tokenizers`."""

import random
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import tap  # noqa: E402
import token_peers as peers  # noqa: E402

C = "'s|'t|'re|'ve|'m|'ll|'d"
CI = f'(?i:{C})'
GPT2 = C + r"| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)"
WORD = r'[^\r\n\p{L}\p{N}]?\p{L}+'
REST = r' ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|'
BLANKS = r'\s+(?!\S)|\s+'
LLAMA3 = rf'{CI}|{WORD}|\p{{N}}{{1,3}}|{REST}{BLANKS}'
QWEN2 = rf'{CI}|{WORD}|\p{{N}}|{REST}{BLANKS}'
UPPER = r'[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]'
LOWER = r'[\p{Ll}\p{Lm}\p{Lo}\p{M}]'
LEAD = r'[^\r\n\p{L}\p{N}]?'
SLASHED = r' ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|' + BLANKS


def cased(suffix, digits):
    return (f'{LEAD}{UPPER}*{LOWER}+{suffix}|{LEAD}{UPPER}+{LOWER}*{suffix}|'
            f'{digits}|{SLASHED}')


HAN_KANA = '[一-龥\u3040-ゟ゠-ヿ]+'
HAN_MORE = '[一-龥\u0800-一가-\ud7ff]+'
BLOOM = r' ?[^(\s|.,!?…。，、।۔،)]+'
# Explicit ranges in the original; here only as far as the texts go.
DEEPSEEK_LLM_LETTERS = r'[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁ' \
    '\u048a-ԯԱ-Ֆ\u1e00-\u1f15\uff21-\uff3a\uff41-\uff5a\u2126\u212a-\u212d]'

# By one of the names in tokenizer.ggml.pre: stages, and whether a piece that
# is a token is left whole.
PATTERNS = {
    'gpt-2': ([GPT2], False),
    'smollm': ([r'\p{N}', GPT2], False),
    'falcon': ([r'[\p{P}\$\+<=>\^~\|`]+', GPT2, '[0-9][0-9][0-9]'], False),
    'default': ([r'[\p{P}\$\+<=>\^~\|]+', GPT2, r'\p{N}+',
                 '[0-9][0-9][0-9]'], False),
    'llama-bpe': ([LLAMA3], True),
    'dbrx': ([LLAMA3], False),
    'qwen2': ([QWEN2], False),
    'qwen35': ([rf'{CI}|{LEAD}[\p{{L}}\p{{M}}]+|\p{{N}}|'
                r' ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|' + BLANKS],
               False),
    'minicpm5': ([r'\p{N}{1,3}',
                  rf'{CI}|{WORD}|\p{{N}}+|{REST}{BLANKS}'], True),
    'jais-2': ([rf'{CI}|{WORD}|\p{{N}}{{1,3}}|{REST}' + ''.join(
        rf'\s{{{n}}}(?!\S)|' for n in (512, 256, 128, 64, 32, 16, 8, 4)) +
        r'\s{1,2}(?!\S)|\s{1}'], False),
    'deepseek-llm': (['[\r\n]', rf'\s?{DEEPSEEK_LLM_LETTERS}+',
                      r'\s?[!-/:-~！-／：-～‘-‟\u3000-。]+', r'\s+$', HAN_MORE,
                      r'\p{N}+'], False),
    'deepseek-coder': (['[\r\n]', r'\s?\p{L}+', r'\s?\p{P}+', HAN_MORE,
                        r'\p{N}'], False),
    'deepseek-v3': ([
        r'\p{N}{1,3}', HAN_KANA,
        r'''[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|'''
        r'''[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|'''
        r''' ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|''' + BLANKS], False),
    'tekken': ([cased('', r'\p{N}')], True),
    'gpt-4o': ([cased(f'{CI}?', r'\p{N}{1,3}')], False),
    'youtu': (['[가-힣ㄱ-ㆎ]+|[！…“”‘’—：；，、-〿︰-﹏]+|[ㄅ-ㄯ]+|' + HAN_KANA,
               cased(f'{CI}?', r'\p{N}')], True),
    'bailingmoe': ([r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}|"
                    r' ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|' + BLANKS], False),
    'seed-coder': ([rf'{CI}|{WORD}|\p{{N}}{{1}}| ?[^\s\p{{L}}\p{{N}}\r\n]+|'
                    r'\s*[\r\n]+|' + BLANKS], False),
    'exaone-moe': ([rf'{CI}|{LEAD}(?:\p{{L}}\p{{M}}*(?: \p{{L}}\p{{M}}*)*)+|'
                    r'\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]?|\s*[\r\n]|' + BLANKS],
                   False),
    'laguna': ([r'[^\n]+|[\n]+', QWEN2], False),
    'bloom': ([BLOOM], False),
    'viking': ([BLOOM, r'\p{N}'], False),
    'chameleon': (['<sentinel:[0-9]+>', '(?:IMGIMG)(?:(?:A|B|C|D|E|F|G|H|I)'
                   '{1,4})Z', r'(?:[\t\n]|    |  )', r'\p{N}',
                   r'[\p{P}!-/:-@\[-`{-~]', GPT2], False),
}

CHARACTERS = [
    'aZsSdmMtT', "''", 'éßſñÉ', '\u212a', 'жЖ', '中龥々', 'あア', '한ㄱㄅ',
    'اก', 'ǅʰª', '019٣', 'ⅷ½²', '\u0301\u0e31\u093e', '.,!?-_"()[]{}/\\@#%&*:;',
    '$+<=>^~|`', '€©°', '。，！：“”…—‘／', '    ', '\t\n\r', '\n\n',
    '\u00a0\u3000\u2028\x0b\x85', '\x00\x1c\u200d\ufffd\ue000', '😀']
WORDS = ["'s", "'LL", "'Ve", "'re", "'ſ", "don't", 'HTTPServer', 'iPhone',
         '123456', '1,234.5', 'IMGIMGABZ', '<sentinel:12>', ' \n ', '  ',
         '    ', '\r\n', ' the', 'a b', '\n/', '!\n\n', '!/', ' ' * 40]


def random_texts(n):
    rng = random.Random(2)
    for _ in range(n):
        parts = []
        for _ in range(rng.randrange(1, 12)):
            if rng.random() < 0.25:
                parts.append(rng.choice(WORDS))
            else:
                kind = rng.choice(CHARACTERS)
                parts.append(''.join(
                    rng.choice(kind) for _ in range(rng.randrange(1, 4))))
        yield ''.join(parts)


def random_vocabulary(texts):
    """Tokens and merges such that most neighbours in the texts may merge, in
    random order: a cut at another place gives other ids."""
    rng = random.Random(3)
    chars = peers.byte_chars()
    tokens = [chars[b] for b in range(256)]
    known = set(tokens)
    merges = []
    words = {''.join(chars[b] for b in text.encode()[at:at + 12])
             for text in texts for at in range(0, len(text), 5)}
    for word in sorted(words):
        parts = list(word)
        while len(parts) > 1:
            at = rng.randrange(len(parts) - 1)
            both = parts[at] + parts[at + 1]
            if both not in known:
                known.add(both)
                tokens.append(both)
                merges.append((parts[at], parts[at + 1]))
            parts[at:at + 2] = [both]
    rng.shuffle(merges)
    return tokens, merges


def cut(regex, stages, text):
    pieces = [text]
    for stage in stages:
        pieces = [part for piece in pieces
                  for part in regex.split(f'({stage})', piece) if part]
    return pieces


def merge(word, ids, ranks):
    parts = list(word)
    while len(parts) > 1:
        rank, at = min((ranks.get(pair, len(ranks)), at) for at, pair in
                       enumerate(zip(parts, parts[1:])))
        if rank == len(ranks):
            break
        parts[at:at + 2] = [parts[at] + parts[at + 1]]
    return [ids[part] for part in parts]


def cuts_like_regex(name):
    regex = peers.module('regex')
    stages, ignores_merges = PATTERNS[name]
    texts = list(random_texts(1500))
    if name == 'jais-2':  # cuts long runs at powers of two
        texts += [' ' * n + 'x' for n in (63, 66, 129, 130, 257, 513, 1023)]
    tokens, merges = random_vocabulary(texts)
    gguf = peers.write_gguf(name, [
        ('tokenizer.ggml.model', peers.STRING, 'gpt2'),
        ('tokenizer.ggml.pre', peers.STRING, name),
        ('tokenizer.ggml.tokens', peers.STRING, tokens),
        ('tokenizer.ggml.merges', peers.STRING,
         [f'{left} {right}' for left, right in merges])])
    ids = {token: i for i, token in enumerate(tokens)}
    ranks = {pair: i for i, pair in reversed(list(enumerate(merges)))}
    chars = peers.byte_chars()
    expected = []
    for text in texts:
        line = []
        for piece in cut(regex, stages, text):
            word = ''.join(chars[b] for b in piece.encode())
            whole = ignores_merges and word in ids
            line += [ids[word]] if whole else merge(word, ids, ranks)
        expected.append(line)
    peers.check_equal(texts, peers.encode(gguf, texts), expected)


def tokenizers_ids(family):
    tokenizers = peers.module('tokenizers')
    base = f'goldens/families/{family}/'
    peer = tokenizers.Tokenizer.from_file(
        str(peers.shared(base + 'tokenizer.json')))
    texts = peers.shared('corpora/asp_fr.txt').read_text('utf-8').split('\n')
    texts += random_texts(1500)
    # tokenizers makes control tokens of their names in any text.
    texts = [t for t in texts if '<|' not in t]
    peers.check_equal(
        texts, peers.encode(peers.shared(base + 'model.gguf'), texts),
        [e.ids for e in peer.encode_batch(texts, add_special_tokens=False)])


tap.main([(f'cuts_like_regex_{name}', lambda name=name: cuts_like_regex(name))
          for name in PATTERNS] +
         [(f'tokenizers_ids_{f}', lambda f=f: tokenizers_ids(f))
          for f in ('qwen2', 'smollm3', 'glm4')])
