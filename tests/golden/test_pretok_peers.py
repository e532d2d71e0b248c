"""Pre-tokenizers: the same ids as byte-pair merging in Python of the pieces
that the module `regex` cuts, with the patterns as their models' files have
them; and the ids of the package `tokenizers`."""

import functools
import itertools
import random
import sys
import unicodedata
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
ASIAN = (
    '[\u4e00-\u9fff\u3400-\u4dbf\uf900-\ufaff\u3040-\u309f\u30a0-\u30ff\uff65-\uff9f'
    '\u2f00-\u2fdf\u0e40-\u0e7f\u0e80-\u0eff\u1780-\u17ff\u1000-\u109f\uaa60-\uaa7f'
    '\ua9e0-\ua9ff\uac00-\ud7af\u1100-\u11ff]+')
DEEPSEEK3 = (r'''[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|'''
             r'''[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|'''
             r''' ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|''' + BLANKS)
UPPER_NO_HAN = r'[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]'
LOWER_NO_HAN = r'[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]'
BLOOM = r' ?[^(\s|.,!?…。，、।۔،)]+'
DEEPSEEK_LLM_LETTERS = (
    '[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf'
    '\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377\u037b-\u037d'
    '\u037f\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5'
    '\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5'
    '\u13f8-\u13fd\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77'
    '\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d'
    '\u1f50-\u1f57\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4'
    '\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3'
    '\u1fd6-\u1fdb\u1fe0-\u1fec\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107'
    '\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d'
    '\u212f-\u2134\u2139\u213c-\u213f\u2145-\u2149\u214e\u2183\u2184'
    '\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d'
    '\ua680-\ua69b\ua722-\ua76f\ua771-\ua787\ua78b-\ua78e\uab70-\uabbf'
    '\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a'
    '\U00010400-\U0001044f\U000104b0-\U000104d3\U000104d8-\U000104fb'
    '\U00010c80-\U00010cb2\U00010cc0-\U00010cf2\U000118a0-\U000118df'
    '\U0001e900-\U0001e943]')

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
    'deepseek-v3': ([r'\p{N}{1,3}', HAN_KANA, DEEPSEEK3], False),
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
    'granite-embed-multi-97m': ([cased(f'{CI}?', r'\p{N}{1,3}')], True),
    # The engine of tokenizers decides what \b is.
    'tiny_aya': ([peers.TokenizersRegex(r'\d{1,3}(?=(?:\d{3})*\b)'),
                  cased(f'{CI}?', r'\p{N}{1,3}')], False),
    'kimi-k2': ([rf'(?V1)[\p{{Han}}]+|{LEAD}{UPPER_NO_HAN}*{LOWER_NO_HAN}+'
                 rf'{CI}?|{LEAD}{UPPER_NO_HAN}+{LOWER_NO_HAN}*{CI}?|'
                 rf'\p{{N}}{{1,3}}|{REST}{BLANKS}'], False),
    'afmoe': ([r'\p{N}{1,3}(?=(?:\p{N}{3})*(?!\p{N}))', ASIAN,
               DEEPSEEK3], False),
    'superbpe': ([r'\p{N}+', r'(?=(?:\d{3})+(?!\d))'], False),
    'chameleon': (['<sentinel:[0-9]+>', '(?:IMGIMG)(?:(?:A|B|C|D|E|F|G|H|I)'
                   '{1,4})Z', r'(?:[\t\n]|    |  )', r'\p{N}',
                   r'[\p{P}!-/:-@\[-`{-~]', GPT2], False),
}

N_TEXTS = 20000  # for each pattern

CHARACTERS = [
    'aZsSdmMtT', "''", 'éßſñÉ', '\u212a', 'жЖ', '中龥々', 'あア', '한ㄱㄅ',
    'اก', 'ǅʰª', '019٣', 'ⅷ½²', '\u0301\u0e31\u093e', '.,!?-_"()[]{}/\\@#%&*:;',
    '$+<=>^~|`', '€©°', '。，！：“”…—‘／', '    ', '\t\n\r', '\n\n',
    '\u00a0\u3000\u2028\x0b\x85', '\x00\x1c\u200d\ufffd\ue000', '😀']
WORDS = ["'s", "'LL", "'Ve", "'re", "'ſ", "don't", 'HTTPServer', 'iPhone',
         '123456', '1,234.5', 'IMGIMGABZ', '<sentinel:12>', ' \n ', '  ',
         '    ', '\r\n', ' the', 'a b', '\n/', '!\n\n', '!/', ' ' * 40]


# What all versions of Unicode since 14 agree about, and what will never be
# assigned or has no properties.
ASSIGNED = [chr(code) for code in itertools.chain(
    range(0xd800), range(0xe000, 0x40000), range(0xe0000, 0xe0200),
    range(0xf0000, 0xf0100), range(0x10ff00, 0x110000))
    if unicodedata.category(chr(code)) != 'Cn' or code % 0x10000 > 0xfffd]


@functools.cache
def random_texts(n):
    rng = random.Random(2)
    texts = []
    for _ in range(n):
        parts = []
        for _ in range(rng.randrange(1, 9)):
            draw = rng.random()
            if draw < 0.25:
                parts.append(rng.choice(WORDS))
            elif draw < 0.35:
                parts += rng.choices(ASSIGNED, k=rng.randrange(1, 4))
            else:
                kind = rng.choice(CHARACTERS)
                parts.append(''.join(
                    rng.choice(kind) for _ in range(rng.randrange(1, 4))))
        texts.append(''.join(parts))
    return texts


def cut(stages, text):
    pieces = [text]
    for stage in stages:
        pieces = [part for piece in pieces for part in (
            stage.split(piece) if isinstance(stage, peers.TokenizersRegex)
            else peers.module('regex').split(f'({stage})', piece)) if part]
    return pieces


def write_vocabulary(pre, tokens, merges, extra=()):
    return peers.write_gguf(pre, [
        ('tokenizer.ggml.model', peers.STRING, 'gpt2'),
        ('tokenizer.ggml.pre', peers.STRING, pre),
        ('tokenizer.ggml.tokens', peers.STRING, tokens),
        ('tokenizer.ggml.merges', peers.STRING,
         [f'{left} {right}' for left, right in merges]), *extra])


def cuts_like_regex(name):
    """Any two bytes may merge to one token, none to a longer one, in random
    order: a cut at another place gives other ids."""
    peers.module('regex')
    stages, _ = PATTERNS[name]
    texts = random_texts(N_TEXTS)
    if name == 'jais-2':  # cuts long runs at powers of two
        texts = texts + [' ' * n + 'x' for n in (63, 66, 129, 130, 257, 513, 1023)]
    chars = list(peers.byte_chars().items())
    chars = [char for _, char in sorted(chars)]
    pairs = list(itertools.product(range(256), repeat=2))
    random.Random(3).shuffle(pairs)
    ranks = {pair: rank for rank, pair in enumerate(pairs)}
    merges = [(chars[a], chars[b]) for a, b in pairs]
    gguf = write_vocabulary(name, chars + [a + b for a, b in merges], merges)

    def merge(piece):
        order = sorted((ranks[pair], at)
                       for at, pair in enumerate(zip(piece, piece[1:])))
        ids = list(piece)
        for rank, at in order:
            if None not in ids[at:at + 2] and max(ids[at:at + 2]) < 256:
                ids[at:at + 2] = [256 + rank, None]
        return [i for i in ids if i is not None]

    expected = [[i for piece in cut(stages, text)
                 for i in merge(piece.encode())] for text in texts]
    peers.check_equal(texts, peers.encode(gguf, texts), expected)


def random_vocabulary(texts, tokens):
    """Tokens and merges such that most neighbours in the texts may merge, in
    random order.  Texts are lists of tokens."""
    rng = random.Random(3)
    tokens = list(tokens)
    known = set(tokens)
    merges = []
    words = {tuple(text[at:at + 12])
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


def merge_words(words, tokens, merges, is_whole):
    """Ids of each word, a list of tokens."""
    ids = {token: i for i, token in enumerate(tokens)}
    ranks = {pair: i for i, pair in reversed(list(enumerate(merges)))}
    for word in words:
        parts = list(word)
        if is_whole(word) and ''.join(word) in ids:
            parts = [''.join(word)]
        while len(parts) > 1:
            rank, at = min((ranks.get(pair, len(ranks)), at) for at, pair in
                           enumerate(zip(parts, parts[1:])))
            if rank == len(ranks):
                break
            parts[at:at + 2] = [parts[at] + parts[at + 1]]
        yield from (ids[part] for part in parts)


def merges_like_reference(name):
    """Longer tokens, and pieces that are left whole if they are tokens."""
    peers.module('regex')
    stages, ignores_merges = PATTERNS[name]
    texts = random_texts(700)
    chars = peers.byte_chars()

    def mapped(text):
        return [chars[b] for b in text.encode()]

    tokens, merges = random_vocabulary(
        [mapped(t) for t in texts], [chars[b] for b in range(256)])
    gguf = write_vocabulary(name, tokens, merges)
    expected = [list(merge_words(
        [mapped(piece) for piece in cut(stages, text)], tokens, merges,
        lambda word: ignores_merges)) for text in texts]
    peers.check_equal(texts, peers.encode(gguf, texts), expected)


# Tokens are characters.
CHARACTER_PATTERNS = {'gemma4': r'[^\n]+|\n+', 'sarvam-moe': r'[^\n]+|\n+',
                      'whitespace': r'\S+'}


def merges_characters(name):
    regex = peers.module('regex')
    texts = [t.replace(peers.SPACE, '') for t in random_texts(700)]
    spelled = [f'<0x{b:02X}>' for b in range(256)]
    known = sorted({c for t in texts[::2] for c in t.replace(' ', peers.SPACE)})
    tokens, merges = random_vocabulary(
        [[c for c in t.replace(' ', peers.SPACE)] for t in texts[::2]],
        spelled + known)
    kinds = [peers.BYTE] * 256 + [peers.NORMAL] * (len(tokens) - 256)
    gguf = write_vocabulary(name, tokens, merges, [
        ('tokenizer.ggml.token_type', peers.I32, kinds)])
    known = set(known)

    def split(piece):
        for char in piece.replace(' ', peers.SPACE):
            yield from ([char] if char in known else
                        (spelled[b] for b in char.encode()))

    expected = []
    for text in texts:
        words = regex.findall(CHARACTER_PATTERNS[name], text)
        expected.append(list(merge_words(
            [list(split(word)) for word in words], tokens, merges,
            lambda word: name == 'gemma4' and word[0] == '\n')))
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
         [(f'merges_like_reference_{name}',
           lambda name=name: merges_like_reference(name))
          for name in ('gpt-2', 'falcon', 'llama-bpe', 'tekken')] +
         [(f'merges_characters_{name}',
           lambda name=name: merges_characters(name))
          for name in CHARACTER_PATTERNS] +
         [(f'tokenizers_ids_{f}', lambda f=f: tokenizers_ids(f))
          for f in ('qwen2', 'smollm3', 'glm4')])
