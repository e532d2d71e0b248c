"""Random schemas: what is not refused accepts a value, in some order of its
members, if and only if Python's jsonschema does."""

import itertools
import json
import random
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import tap  # noqa: E402
import test_schema_sampling as sampling  # noqa: E402
import token_peers as peers  # noqa: E402

N_SCHEMAS = 2000
N_VALUES = 40
MAX_TEXTS = 150  # orders of one value
SCALARS = [None, True, False, 0, 1, 2, 3, -1, 5, 0.5, 1.5, 2.5, '', 'a', 'b',
           'ab', 'abc', 'aaaa']
TYPES = ['null', 'boolean', 'integer', 'number', 'string', 'array', 'object']


class Maker(random.Random):
    """Random values and schemas of a few words, so that they often meet."""

    def value(self, depth):
        kind = self.random()
        if depth == 0 or kind < 0.5:
            return self.choice(SCALARS)
        if kind < 0.72:
            return [self.value(depth - 1) for _ in range(self.randint(0, 3))]
        return {key: self.value(depth - 1)
                for key in self.sample('abcd', self.randint(0, 3))}

    def leaves(self):
        """Keywords without schemas, each with its value."""
        number = self.choice([0, 1, 2, 0.5, 1.5, -1])
        count = self.randint(0, 3)
        return {
            'enum': [self.value(1) for _ in range(self.randint(1, 4))],
            'const': self.value(1),
            'minimum': number,
            'maximum': number,
            'exclusiveMinimum': number,
            'exclusiveMaximum': number,
            'multipleOf': self.choice([1, 0.1]),
            'minLength': count,
            'maxLength': count,
            'minItems': count,
            'maxItems': count,
            'minProperties': min(count, 2),
            'maxProperties': count,
            'required': self.sample('abc', self.randint(1, 2)),
            'pattern': self.choice(['^a*$', '^[ab]+$', 'b', '^a']),
        }

    def branches(self, depth):
        """Keywords with schemas, and what makes their values."""
        def below():
            return self.schema(depth - 1)

        def some():
            return [below() for _ in range(self.randint(1, 3))]

        def rest():
            return self.random() < 0.3 and below()

        def named():
            return {key: below()
                    for key in self.sample('abc', self.randint(1, 3))}

        return {
            'properties': named,
            'additionalProperties': rest,
            'unevaluatedProperties': rest,
            'unevaluatedItems': rest,
            'items': below,
            'prefixItems': some,
            'contains': below,
            'not': below,
            'if': below,
            'anyOf': some,
            'allOf': some,
            'oneOf': some,
            'dependentRequired':
                lambda: {self.choice('ab'): [self.choice('bc')]},
            'dependentSchemas': lambda: {self.choice('ab'): below()},
            '$ref': lambda: '#/$defs/' + self.choice('xy'),
        }

    def schema(self, depth):
        if self.random() < 0.04:
            return self.choice([True, False, {}])
        made = {}
        if self.random() < (0.8 if depth == 0 else 0.45):
            made['type'] = self.sample(TYPES, self.choice([1, 1, 1, 2, 3]))
        words = self.leaves()
        weights = [1] * len(words)
        if depth > 0:
            words |= self.branches(depth)
            weights += [2] * (len(words) - len(weights))
        for key in set(self.choices(list(words), weights,
                                    k=self.randint(0, 3))):
            word = words[key]
            made[key] = word() if callable(word) else word
        followers = {'if': ['then', 'else'],
                     'contains': ['minContains', 'maxContains']}
        for leader, names in followers.items():
            for name in names if leader in made else ():
                if self.random() < 0.5:
                    made[name] = (self.schema(depth - 1) if leader == 'if'
                                  else self.randint(0, 2))
        return made

    def document(self):
        made = {}
        while not made or made is True:
            made = self.schema(self.choice([1, 2, 3]))
        chain = {'items': {'$ref': '#/$defs/y'},
                 'properties': {'a': {'$ref': '#/$defs/x'},
                                'b': {'$ref': '#/$defs/y'}},
                 'type': ['array', 'object', 'null']}
        return made | {'$defs': {
            'x': self.schema(1), 'y': self.choice([self.schema(0), chain])}}


def texts_of(value):
    """A value in all orders of its members."""
    if isinstance(value, list):
        for parts in itertools.product(*map(list, map(texts_of, value))):
            yield '[' + ','.join(parts) + ']'
    elif isinstance(value, dict):
        for order in itertools.permutations(value):
            for parts in itertools.product(
                    *[list(texts_of(value[key])) for key in order]):
                yield '{' + ','.join(
                    f'{json.dumps(key)}:{part}'
                    for key, part in zip(order, parts, strict=True)) + '}'
    else:
        yield json.dumps(value)


def disagreement(schema, values, verdicts):
    """A value that the two judge differently, or None; verdicts [value]."""
    judge = peers.module('jsonschema').Draft202012Validator(schema)
    try:
        for value, verdict in zip(values, verdicts, strict=True):
            if judge.is_valid(value) != verdict:
                return f'{json.dumps(schema)}: {json.dumps(value)}: {verdict}'
    except RecursionError:  # of a branch that no value could enter
        pass
    return None


def both_judge_alike():
    peers.module('jsonschema')
    maker = Maker(2026)
    requests, values = [], []
    for _ in range(N_SCHEMAS):
        values.append([v for v in (maker.value(2) for _ in range(N_VALUES))
                       if len(list(itertools.islice(texts_of(v), MAX_TEXTS)))
                       < MAX_TEXTS])
        requests.append({'schema': maker.document(), 'texts': [
            text for value in values[-1] for text in texts_of(value)]})
    problems, n_compiled, n_valid = [], 0, 0
    lines = sampling.ask(sampling.bytes_only(), requests)
    for request, mine, line in zip(requests, values, lines, strict=True):
        verdicts = iter(line)
        if line.startswith('schema'):
            if 'no text matches' not in line:
                continue
            verdicts = itertools.repeat('0')
        n_compiled += 1
        judged = ['1' in [next(verdicts) for _ in texts_of(value)]
                  for value in mine]
        n_valid += sum(judged)
        problems.append(disagreement(request['schema'], mine, judged))
    print(f'# {N_SCHEMAS} schemas, {n_compiled} of them compiled, '
          f'{n_valid} values accepted')
    tap.check_empty(filter(None, problems))
    assert n_compiled > N_SCHEMAS / 2 and n_valid > 10 * N_SCHEMAS


TESTS = [('both_judge_alike', both_judge_alike)]

if __name__ == '__main__':
    tap.main(TESTS)
