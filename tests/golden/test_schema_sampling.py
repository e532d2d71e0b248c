"""What random logits write under a schema is JSON that Python's jsonschema
finds valid: 10,000 texts, 60 schemas, tokens of one byte and of several."""

import datetime
import decimal
import functools
import itertools
import json
import os
import random
import re
import subprocess
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import tap  # noqa: E402
import token_peers as peers  # noqa: E402

N_TEXTS = 10_000
N_SCHEMAS = 60
N_PIECES = 1500
TIME = re.compile(
    r'(\d\d):(\d\d):(\d\d)(\.\d+)?(?:z|([+-])(\d\d):(\d\d))', re.I)
UUID = re.compile(r'[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}', re.I)


def exact(text):
    """A number as written; a double cannot tell 0.5 from 0 beside 1e20."""
    try:
        return decimal.Decimal(text)
    except decimal.InvalidOperation:  # its exponent is too long
        return float(text)


@functools.cache
def schemas(parse_float=None):
    entries = json.loads((tap.ROOT / 'tests/data/schemas.json').read_text(),
                         parse_float=parse_float)
    assert len(entries) == N_SCHEMAS, len(entries)
    return entries


# --------------------------------------------------------------- the driver

@functools.cache
def driver():
    """The driver's path; built from the rooms that it needs."""
    program = Path(peers.folder.name) / 'schema_driver'
    sources = [tap.ROOT / 'tests/golden/schema_driver.c']
    for pattern in 'base/*.c', 'sample/*.c', 'chat/schema*.c':
        sources += sorted((tap.ROOT / 'lib').glob(pattern))
    done = tap.run(
        [os.environ.get('CC', 'cc'), '-std=c11', '-O1', '-Iinclude', '-Ilib',
         '-Itests', '-o', program, *sources, '-lm', '-lpthread'])
    assert done.returncode == 0, done.stdout
    return program


def ask(pieces, requests):
    """The driver's lines."""
    path = Path(peers.folder.name) / 'requests.json'
    path.write_text(json.dumps(
        {'pieces': [piece.hex() for piece in pieces], 'requests': requests}))
    done = subprocess.run([str(driver()), str(path)], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, (done.returncode, done.stderr.decode())
    return done.stdout.decode().split('\n')[:-1]


def write_texts(pieces, seed, n):
    """For each schema n lines of the driver."""
    requests = [{'schema': entry['schema'], 'seed': seed + i, 'n': n}
                for i, entry in enumerate(schemas())]
    lines = ask(pieces, requests)
    assert len(lines) == n * len(requests), len(lines)
    return [lines[i * n:i * n + n] for i in range(len(requests))]


def bytes_only():
    return [bytes([byte]) for byte in range(256)]


def bytes_and_pieces():
    """Cut out of schemas and texts at any byte: many hold parts of
    characters, or several members at once."""
    choice = random.Random(2026)
    corpus = (json.dumps(schemas(), ensure_ascii=False)
              + ' {"name": "Zoë", "tags": ["日本語", "😀😃"], "n": -12.5e3}, '
              * 40).encode()
    pieces = set()
    while len(pieces) < N_PIECES:
        at = choice.randrange(len(corpus) - 12)
        pieces.add(corpus[at:at + choice.randint(2, 12)])
    return bytes_only() + sorted(pieces)


# -------------------------------------------------------------- the judges

def is_date(text):
    """RFC 3339 knows a year 0, Python does not; both are leap years."""
    if not re.fullmatch(r'\d{4}-\d\d-\d\d', text, re.ASCII):
        return False
    datetime.date.fromisoformat(text.replace('0000-', '2000-', 1))
    return True


def is_time(text):
    match = TIME.fullmatch(text)
    if not match:
        return False
    hour, minute, second = (int(match[i]) for i in (1, 2, 3))
    return (hour < 24 and minute < 60
            and (second < 60 or (hour, minute, second) == (23, 59, 60))
            and int(match[6] or 0) < 24 and int(match[7] or 0) < 60)


def validator(schema):
    jsonschema = peers.module('jsonschema')
    checker = jsonschema.FormatChecker(formats=())
    checks = {
        'date': is_date,
        'time': is_time,
        'date-time': lambda text: is_date(text[:10]) and text[10] in 'Tt'
        and is_time(text[11:]),
        'uuid': UUID.fullmatch,
    }
    for name, check in checks.items():
        checker.checks(name, ValueError)(check)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=checker)


def complaints(entry, lines):
    """What is wrong with the texts of lines."""
    judge = validator(entry['schema'])
    for line in lines:
        word, _, text = line.rpartition(' ')
        text = bytes.fromhex(text)
        if word:
            yield f'{entry["name"]}: {word}: {text[-100:]!r}'
            continue
        value = json.loads(text.decode(), parse_float=exact)
        error = next(judge.iter_errors(value), None)
        if error:
            yield f'{entry["name"]}: {error.message[:200]}: {text[:200]!r}'


def check_vocabulary(pieces, seed):
    peers.module('jsonschema')
    n = -(-N_TEXTS // (2 * N_SCHEMAS))
    found = write_texts(pieces, seed, n)
    for entry, lines in zip(schemas(exact), found, strict=True):
        tap.check_empty(itertools.islice(complaints(entry, lines), 5))
    n_different = [len(set(lines)) for lines in found]
    print(f'# {n * N_SCHEMAS} texts, {sum(n_different)} of them different')
    assert sum(n_different) > n * N_SCHEMAS / 2


def texts_of_bytes_are_valid():
    check_vocabulary(bytes_only(), 1000)


def texts_of_pieces_are_valid():
    check_vocabulary(bytes_and_pieces(), 2000)


def the_judge_finds_faults():
    entry = next(e for e in schemas() if e['name'] == 'person')
    good = b'{"name":"x","age":3,"email":null}'
    assert not list(complaints(entry, [good.hex()]))
    assert list(complaints(entry, [good.replace(b'3', b'151').hex()]))
    assert list(complaints(entry, ['endless ' + good.hex()]))
    assert is_time('23:59:60Z') and not is_time('12:00:60Z')
    assert not list(complaints({'name': '', 'schema': {'format': 'date'}},
                               [b'"0000-02-29"'.hex()]))


TESTS = [
    ('texts_of_bytes_are_valid', texts_of_bytes_are_valid),
    ('texts_of_pieces_are_valid', texts_of_pieces_are_valid),
    ('the_judge_finds_faults', the_judge_finds_faults),
]

if __name__ == '__main__':
    tap.main(TESTS)
