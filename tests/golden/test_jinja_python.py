"""Chat templates and single expressions against Python's jinja2, set up as
transformers does it: either both render the same text, or both refuse."""

import datetime
import functools
import json
import os
import random
import subprocess
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import tap  # noqa: E402
import token_peers as peers  # noqa: E402

DATE = datetime.date(2026, 11, 23)
N_CONVERSATIONS = 200


# ----------------------------------------------------------- two renderers

@functools.cache
def driver():
    """The driver's path; built from the rooms up to chat."""
    program = Path(peers.folder.name) / 'jinja_driver'
    sources = [tap.ROOT / 'tests/golden/jinja_driver.c']
    for room in 'base', 'os', 'quant', 'format', 'token':
        sources += sorted((tap.ROOT / 'lib' / room).glob('*.c'))
    sources += sorted((tap.ROOT / 'lib/chat').glob('jinja*.c'))
    sources += [tap.ROOT / 'lib/chat' / name
                for name in ('template.c', 'prompt.c', 'role.c')]
    done = tap.run(
        [os.environ.get('CC', 'cc'), '-std=c11', '-O1', '-Iinclude', '-Ilib',
         '-Itests', '-o', program, *sources, '-lm', '-lpthread'])
    assert done.returncode == 0, done.stdout
    return program


def ask(requests):
    """The driver's answer to each (template, variables)."""
    lines = ''.join(
        json.dumps({'template': t, 'variables': v, 'date': str(DATE)},
                   ensure_ascii=False) + '\n' for t, v in requests)
    done = subprocess.run(
        [str(driver())], input=lines.encode(), check=False,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr.decode()
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == len(requests), (len(answers), len(requests))
    return answers


@functools.cache
def environment():
    """jinja2 with transformers' additions."""
    peers.module('jinja2')
    import jinja2
    from jinja2.ext import Extension
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        tags = {'generation'}

        def parse(self, parser):
            line = next(parser.stream).lineno
            body = parser.parse_statements(
                ['name:endgeneration'], drop_needle=True)
            call = self.call_method('show')
            return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

        def show(self, caller):
            return caller()

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(value, ensure_ascii=False, indent=None, separators=None,
               sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent,
                          separators=separators, sort_keys=sort_keys)

    found = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True,
        extensions=[Generation, 'jinja2.ext.loopcontrols'])
    found.filters['tojson'] = tojson
    found.globals['raise_exception'] = raise_exception
    found.globals['strftime_now'] = DATE.strftime
    return found


@functools.cache
def compiled(source):
    return environment().from_string(source)


def reference(source, variables):
    """jinja2's text, or None where it refuses."""
    try:
        return compiled(source).render(**variables)
    except Exception:  # of many kinds
        return None


def compare(requests):
    """The number of those that both rendered."""
    problems, n_rendered = [], 0
    for (source, variables), answer in zip(requests, ask(requests)):
        expected = reference(source, variables)
        n_rendered += expected is not None
        if answer.get('text') != expected:
            problems.append(f'{source[:200]!r} {json.dumps(variables)[:400]}\n'
                            f'expected {expected!r}\nfound {answer!r}')
    tap.check_empty(problems[:2])
    return n_rendered


# ------------------------------------------------------------ conversations

WORDS = ['a', 'Hello', 'été', '漢字', '🎉', '1234', '{"a": 1}', '"q"',
         "it's", '<b>', '[1]', '&', '</think>', '<think>', '/no_think', '{{ x }}',
         '{% if %}', '<|im_end|>', '\\', '\u2028', '\t']
TOOLS = [
    {'type': 'function', 'function': {
        'name': 'get_weather', 'description': 'The weather "now"\nhere',
        'parameters': {'type': 'object', 'properties': {
            'place': {'type': 'string', 'description': 'a town, été'},
            'units': {'type': 'string', 'enum': ['C', 'F']},
            'days': {'type': 'array', 'items': {'type': 'integer'}},
            'more': {'type': 'object', 'properties': {}}},
            'required': ['place']}}},
    {'type': 'function', 'function': {
        'name': 'add', 'description': '',
        'parameters': {'type': 'object', 'properties': {
            'x': {'type': ['number', 'null'], 'default': 1.5}}}}},
]
ARGUMENTS = [1, -2.5, True, None, 'Zürich', [1, {'k': 'v'}], {}, 1e22, '']


def text(rng):
    spaces = [' ', ' ', '\n', '\n\n', '  ', '']
    return ''.join(rng.choice(WORDS) + rng.choice(spaces)
                   for _ in range(rng.randrange(8)))


def call(rng, number):
    return {'id': f'call{number:05d}', 'type': 'function', 'function': {
        'name': rng.choice(TOOLS)['function']['name'],
        'arguments': {rng.choice(['place', 'days', 'x']): rng.choice(ARGUMENTS)
                      for _ in range(rng.randrange(3))}}}


def turn(rng, role, has_tools):
    message = {'role': role, 'content': text(rng)}
    if role == 'tool':
        message.update(name='add', tool_call_id='call00000')
    elif role == 'assistant' and has_tools and rng.random() < 0.5:
        message['tool_calls'] = [
            call(rng, i) for i in range(rng.randrange(1, 3))]
    elif role == 'assistant' and rng.random() < 0.3:
        message['reasoning_content'] = text(rng)
    elif rng.random() < 0.1:
        message['content'] = [{'type': 'text', 'text': text(rng)}]
    return message


def conversation(rng):
    """Mostly well-formed, sometimes with anything anywhere."""
    has_tools = rng.random() < 0.4
    roles = ['system'] if rng.random() < 0.4 else []
    for _ in range(rng.randrange(1, 4)):
        roles += ['user', 'assistant']
        if has_tools and rng.random() < 0.5:
            roles += ['tool', 'assistant']
    if rng.random() < 0.7:
        roles.pop()
    if rng.random() < 0.2:
        roles.insert(rng.randrange(len(roles) + 1), rng.choice(
            ['system', 'user', 'assistant', 'tool', 'developer']))
    variables = {
        'messages': [turn(rng, role, has_tools) for role in roles],
        'tools': TOOLS if has_tools and rng.random() < 0.8 else None,
        'add_generation_prompt': rng.random() < 0.7,
        'bos_token': '<s>', 'eos_token': '</s>'}
    if rng.random() < 0.3:
        variables['enable_thinking'] = rng.random() < 0.5
    return variables


@functools.cache
def templates():
    """Sources by name, each once."""
    path = peers.shared('vectors/jinja/hf_e2e_chat_templates.json')
    found = {e['template']: e['name'] for e in json.loads(path.read_text())}
    folder = peers.shared('vectors/mistral/tests/data/chat_templates')
    for path in sorted(folder.glob('*.jinja')):
        found.setdefault(path.read_text(), path.name)
    return {name: source for source, name in found.items()}


def generated_conversations():
    n_rendered = 0
    for name, source in templates().items():
        rng = random.Random(name)
        n_rendered += compare(
            [(source, conversation(rng)) for _ in range(N_CONVERSATIONS)])
    n = N_CONVERSATIONS * len(templates())
    assert n_rendered > n // 3, f'only {n_rendered} of {n} were rendered'


# ------------------------------------------------------------- expressions

VARIABLES = {
    's': 'Héllo wörld  ', 'e': '', 'n': None, 'i': 7, 'f': 2.5, 't': True,
    'l': [3, 1, 2, 'x'], 'nums': [3, 1, 2, 2], 'emoji': 'a🤗b',
    'd': {'b': 1, 'a': {'x': [1, 2]}}, 'has': {'items': 5, 'get': 6},
    'm': [{'role': 'user', 'content': 'hi\n there', 'k': {'p': 1}},
          {'role': 'tool', 'content': 'a\'b"c', 'k': {'p': 0}}]}

# Templates, with a line of -- between.
EXPRESSIONS = r'''
{{ '<' + ('&'|safe) + '>' }} {{ '<' ~ ('&'|safe) }} {{ (s|safe)[1:] + '<' }}
--
{{ ('<a>'|safe|upper + '"') ~ '"' }} {{ '<'|e + '<' }} {{ '<'|e|e }}
--
{{ -2**2 }} {{ 2**3**2 }} {{ 7//-2 }} {{ -7%3 }} {{ 7.5//2 }} {{ 1/2 }}
--
{{ 2**-1 }} {{ 1e20 }} {{ 1.0 }} {{ 10/5 }} {{ 0.1+0.2 }} {{ 5%-3 }}
--
{{ 2.5%-2 }}
--
{{ s.strip() }}|{{ s.upper() }}|{{ s.title() }}|{{ s.capitalize() }}
--
{{ s|title }}|{{ s[::-1] }}|{{ s[1:4] }}|{{ s[-3:] }}|{{ s|length }}
--
{{ s.find('w') }}|{{ s.split() }}|{{ s.split('l') }}
--
{{ s.replace('l','LL',1) }}|{{ s.rstrip('d ') }}
--
{{ l }} {{ d }} {{ (1,) }} {{ (1,2) }} {{ () }} {{ m }} {{ d.items() }}
--
{{ d.keys() }} {{ d.values()|list }} {{ d|items|list }}
--
{{ l[::2] }} {{ l[5:] }} {{ l[-1] }} {{ l[99] is defined }} {{ l[:-1] }}
--
{{ l[::-1] }} {{ l[3:0:-1] }} {{ l[-100:2] }}
--
{{ l|sort }}
--
{{ nums|sort }} {{ nums|sort(reverse=true) }} {{ nums|unique|list }}
--
{{ nums|sum }} {{ nums|min }} {{ nums|max }} {{ nums|reverse|list }}
--
{{ nums|batch(3)|list }} {{ nums|batch(3,'z')|list }}
--
{{ m|map(attribute='role')|join(', ') }} {{ m|map(attribute='k.p')|list }}
--
{{ m|selectattr('k.p')|list|length }}
--
{{ m|selectattr('role','equalto','user')|map(attribute='content')|first }}
--
{{ m|rejectattr('role','in',['user'])|list }} {{ nums|select('odd')|list }}
--
{{ nums|reject('gt',2)|list }} {{ ['a','b']|map('upper')|list }}
--
{{ d|tojson }} {{ d|tojson(indent=2) }}
--
{{ m|tojson(sort_keys=true,separators=(',',':')) }}
--
{{ s|tojson(ensure_ascii=true) }} {{ emoji|tojson(ensure_ascii=true) }}
--
{{ [1.5,none,true,(1,2)]|tojson }} {{ []|tojson(indent=2) }}
--
{{ {}|tojson(indent=4) }} {{ {1:2,none:3,true:4}|tojson }}
--
{{ [[1,[]],{}]|tojson(indent='\t') }}
--
{{ undefinedx }}|{{ undefinedx is defined }}|{{ undefinedx|default('z') }}
|{{ undefinedx|length }}|{{ undefinedx ~ 'a' }}|{{ undefinedx|upper }}
|{{ 'a' in undefinedx }}|{{ undefinedx == undefinedy }}
|{{ undefinedx is none }}|{% for x in undefinedx %}{% else %}E{% endfor %}
--
{{ undefinedx.foo }}
--
{{ undefinedx + 1 }}
--
{{ undefinedx() }}
--
{{ n.foo }}|{{ n.foo is defined }}
--
{{ n.foo.bar }}
--
{{ d.zzz }}|{{ d['zzz'] }}|{{ d.a.x[1] }}|{{ d['a']['x'][0] }}
--
{{ has['items'] }} {{ has.get('get') }} {{ has.get('q') }}
--
{{ has.get('q', 5) }}
--
{{ 'a' if n }}|{{ 'a' if t else 'b' }}|{{ not n }}|{{ 1 < 2 < 3 }}
--
{{ 1 < 2 > 5 }}|{{ 1 == 1.0 }}|{{ true == 1 }}|{{ 'a' < 'b' }}
--
{{ [1,2] < [1,3] }}|{{ 3 in nums }}|{{ 'b' in d }}|{{ not 3 in nums }}
--
{{ 4 not in nums }}
--
{{ 1 < 'a' }}
--
{{ 'abc' * 2 }} {{ 2 * 'ab' }} {{ [1]*3 }} {{ 'a' * -1 }} {{ [1] + [2] }}
--
{{ (1,) + (2,) }}
--
{{ '%s is %d' % ('a', 5) }} {{ '%s' % 'x' }} {{ '%r' % 'x' }} {{ '%%' % () }}
--
{{ '%s-%s'|format(1,'b') }} {{ '%(a)s'|format(a=3) }}
--
{{ '{} {}'.format(1, 'b') }} {{ '{1}{0}'.format('a','b') }}
--
{{ '{x}'.format(x=5) }} {{ '{{}}'.format() }}
--
{{ 'a,b,c'.split(',', 1) }} {{ 'a,b,c'.rsplit(',', 1) }}
--
{{ 'a b'.partition(' ') }} {{ 'a b c'.rpartition(' ') }}
--
{{ 'a\nb\r\nc'.splitlines() }} {{ 'xax'.strip('x') }}
--
{{ 'aXb'.startswith(('q','a')) }} {{ 'abc'.endswith('bc') }}
--
{{ ','.join(['a','b']) }} {{ 'abcabc'.count('bc') }} {{ 'abc'.index('c') }}
--
{{ 'abcabc'.rfind('b') }} {{ 'ab'.isalpha() }} {{ '12'.isdecimal() }}
--
{{ ' '.isspace() }} {{ 'abc'.removeprefix('a').removesuffix('c') }}
--
{{ "it's a test-case (foo)".title() }} {{ "it's a test-case (foo) [x]"|title }}
--
{{ 'ABC def'|capitalize }}
--
{{ '1'|int + 1 }} {{ '1.9'|int }} {{ 'x'|int }} {{ 'x'|int(5) }} {{ 2.9|int }}
--
{{ '2'|float }} {{ none|int }} {{ true|int }} {{ ' 12 '|int }}
--
{{ '1e3'|float }} {{ -3|abs }} {{ 2.5|round }} {{ 3.5|round|int }}
--
{{ 5|round }} {{ [1]|float }}
--
{{ 'a\nb\n\nc'|indent }}|{{ 'a\nb\n'|indent(2, true) }}
--
{{ 'a\n\nb'|indent(2, blank=true) }}|{{ 'a\nb'|indent('> ') }}
--
{{ ''|indent(2,true) }}
--
{{ '<a href="x">&\'' |e }}|{{ '<b>'|safe }}
--
{% for x in nums %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}
{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }}
{{ loop.previtem }}{{ loop.nextitem }}{{ loop.cycle('a','b') }}
{{ loop.changed(x) }}{{ loop.depth }};{% endfor %}
--
{% for x in nums if x > 1 %}{{ loop.index }}/{{ loop.length }}{{ loop.last }}
{% else %}none{% endfor %}
--
{% for x in nums if x > 10 %}{{ x }}{% else %}none{% endfor %}
--
{% set ns = namespace(found=false) %}{% for x in nums if not ns.found %}{{ x }}
{% set ns.found = true %}{% endfor %}{{ ns.found }}
--
{% for k, v in d.items() %}{{ k }}={{ v }},{% endfor %}{% for k in d %}{{ k }}
{% endfor %}{% for c in 'aé🤗' %}[{{ c }}]{% endfor %}
--
{% set x = 1 %}{% for i in nums %}{% set x = x + 1 %}{{ x }}{% endfor %}{{ x }}
{% if true %}{% set x = 9 %}{% endif %}{{ x }}
--
{% macro f(a, b='B', c=a) %}{{ a }}{{ b }}{{ c }}{{ x }}{% endmacro %}
{% set x = 'X' %}{{ f(1) }} {{ f(1, c=3) }} {{ f() }} {{ f(*[1,2]) }}
 {{ f(**{'a': 5}) }}
--
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1,2) }}
--
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(z=2) }}
--
{% macro f(a) %}{{ a }}{% endmacro %}{{ f(1,a=2) }}
--
{% macro f(n) %}{{ n }}{% if n > 0 %}{{ f(n-1) }}{% endif %}{% endmacro %}
{{ f(5) }}
--
{% macro f() %}[{{ caller('q') }}]{% endmacro %}{% call(z) f() %}{{ z }}
!{% endcall %}
--
{% macro f() %}{{ caller is defined }}{% endmacro %}{{ f() }}
--
{% set x %}  a {{ i }} {% endset %}[{{ x }}]{% set y | upper %}abc{% endset %}
{{ y }}{% filter trim|upper %}  q {% endfilter %}.
--
{% with a=1, b=i %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}{% with %}
{% set q=1 %}{% endwith %}{{ q is defined }}
--
{% set a, b = 1, 2 %}{{ a }}{{ b }}{% set (a, b) = (b, a) %}{{ a }}{{ b }}
--
{% set a, b = [1] %}
--
{% set d.x = 1 %}
--
{{ range(3)|list }} {{ range(1,10,3)|list }} {{ range(5,0,-2)|list }}
--
{{ range(3)|length }} {{ range(3)[1] }}
--
{{ dict(a=1, b='x') }} {{ dict({'q':1}, z=2) }} {{ namespace(a=1).a }}
--
{{ l.append(4) }}
--
{% set _ = d.update({'x': 1}) %}
--
{{ d|dictsort }} {{ {'B':1,'a':2}|dictsort }}
--
{{ {'x':2,'y':1}|dictsort(by='value') }}
--
{{ 'abc'|first }} {{ 'abc'|last }} {{ []|first is defined }}
--
{{ 'abc'|reverse }} {{ 'ab'|list }} {{ [1,[2]]|join('-') }} {{ none|string }}
--
{{ 'a-b'|replace('-','+') }}
--
{{ 1 is number }} {{ 1.5 is float }} {{ true is integer }} {{ true is number }}
--
{{ 'x' is string }} {{ d is mapping }} {{ l is sequence }} {{ l is iterable }}
--
{{ 1 is iterable }} {{ d is iterable }} {{ none is none }}
--
{{ 4 is divisibleby 2 }} {{ 4 is divisibleby(3) }} {{ 1 is in nums }}
--
{{ 1 is eq 1 }} {{ 'a' is ne 'b' }} {{ 5 is gt 3 }} {{ x is undefined }}
--
{{ 'aB' is lower }} {{ n is sameas none }} {{ f is not none }}
--
{{ d.items is callable }} {{ 'abc' is sequence }} {{ undefinedx is iterable }}
--
{{ 'a' ~ 1 ~ none ~ [1,'b'] ~ 1.0 }} {{ 'x' 'y' }} {{ "a\tb\\n\x41\u00e9\q" }}
--
{{ 'é' }}
--
  {% if true %}
--
  {% endif %}
--
 {%+ if true +%}
--
{% raw %} {{ a }} {% b %} {% endraw %}x {%- raw -%}  q {%- endraw -%}  z
--
{{ [1,2,3]|tojson|length }} {{ m[0].content|trim|replace('\n',' ') }}
--
{{ m|length }} {{ (m|first).role }} {{ m[-1]['content'] }}
--
{{ m[1:]|map(attribute='role')|list }}
--
{{ raise_exception('bad') }}
--
{{ strftime_now('%Y-%m-%d %d %b %B %A %a %y %H:%M %j %p %I %S %%') }}
--
{{ strftime_now('%-d') }}
--
{{ 'abc'.nosuch }}|{{ 'abc'.nosuch is defined }}|{{ 5 .x is defined }}
--
{{ nums|nosuchfilter }}
--
{{ nums is nosuchtest }}
--
{% include 'x' %}
--
{% if %}{% endif %}
--
{{ 1 +}}
--
{{ (1 }}
--
{% for x nums %}{% endfor %}
--
{% endif %}
--
{{ m.0.role }} {{ m.0['content'] }} {{ d.a.x.1 }} {{ [[1,2]][0][1] }}
--
{{ 'a' 'b' | upper }} {{ 'a' ~ 'b' | upper }} {{ ('a' ~ 'b') | upper }}
--
{{ 1 + 2 | string | length }} {{ not true or true }}
--
{{ 1 in [1] and 2 in [2] }} {{ not 1 == 2 }} {{ -1 | abs }} {{ (-1) ** 2 }}
--
{{ - 2 | abs }}
--
{{ nums|map('string')|join }} {{ nums|join(',')|length }}
--
{{ {'a':[1,{'b':2}]} }} {{ 'q"\'' }}
--
{{ ['q"\'', "a'b", 'a"b', 'tab\t', 'é🤗\x01'] }}
--
{{ 1 if true else 2 if false else 3 }} {{ (1, 2)|list }}
--
{{ 'x' if undefinedx else 'y' }} {{ undefinedx or 'dflt' }} {{ '' or none }}
--
{{ 0 and 1 }}
--
{% for a in [1,2,3] %}{% for b in [1,2] %}{% if b == 2 %}{% continue %}
{% endif %}{{ a }}{{ b }}{{ loop.depth }}{% endfor %}{% if a == 2 %}{% break %}
{% endif %}{% endfor %}
--
{% generation %}hello {{ i }}{% endgeneration %}!
--
{% set x = [] %}{% for i in nums %}{% set x = x + [i] %}{% endfor %}{{ x }}
--
{% set ns = namespace(x=[]) %}{% for i in nums %}{% set ns.x = ns.x + [i] %}
{% endfor %}{{ ns.x }}
--
{{ s|tojson }}{{ '\u2028'|tojson }}{{ '</script>'|tojson }}
--
{{ [1,2,3].index(2) }} {{ (1,2,2).count(2) }} {{ [3].copy() }}
--
{{ d.copy() == d }}
--
{{ d == {'a': {'x': [1, 2]}, 'b': 1} }} {{ [1,2] == (1,2) }} {{ '1' == 1 }}
--
{{ none == false }} {{ 1 != 1.5 }}
--
{{ t + 1 }} {{ true + true }} {{ -t }} {{ +f }} {{ true * 3 }} {{ not f }}
--
{{ 'a b  c'.split(' ') }} {{ ''.split() }} {{ ''.split(',') }}
--
{{ ' a  b '.split(none, 1) }} {{ 'a1b2'.split(sep='1') }}
--
{{ 'a,b,c'.split(',', maxsplit=1) }}
--
{{ loop is defined }} {% for q in [1] %}{{ loop is defined }}{% endfor %}
--
{{ m | map(attribute='zzz', default='D') | list }}
--
{{ m|map(attribute='zzz')|list }}
--
{{ m|sort(attribute='role')|map(attribute='role')|list }}
--
{{ ['b','A','c']|sort }} {{ ['b','A','c']|sort(case_sensitive=true) }}
--
{{ ['a','A','b']|unique|list }} {{ ['a','B']|max }}
--
{{ nums|first }}{{ nums|last }} {{ nums|selectattr('x')|list }}
--
{{ (nums|select('odd')) is iterable }}{{ (nums|select('odd')) is sequence }}
{% set g = nums|select('odd') %}{{ g|list }}{{ g|list }}
{% if nums|select('gt', 99) %}T{% endif %}
--
{% macro a() %}{% set z = 5 %}{{ z }}{% endmacro %}{{ a() }}{{ z is defined }}
{{ a()|int + 1 }}{{ a() + 'x' }}
--
{%- set ns = namespace() -%}{% set ns.a = 1 %}{{ ns.a }}{{ ns.b is defined }}
{{ ns['a'] }}
--
{{ ''.join([1]) }}
--
{{ 5|length }}
--
{{ none|length }}
--
{{ none|trim }}{{ 5|trim }}{{ none|list }}
--
{{ d|first }} {{ d|last }} {{ d|list }} {{ d|length }} {{ d|join(',') }}
--
{{ d.values()|first }}
--
{{ d|sum }}
--
{{ [1,2,3,4][1:3][0] }} {{ 'abc'[1] }} {{ 'abc'[10] is defined }}
--
{{ 'abc'['x'] is defined }} {{ 5[0] is defined }}
--
{% set x = 5 if i > 3 %}{{ x }}{% set y = 5 if i > 30 %}{{ y }}
{% if i is number and i > 3 or false %}Y{% endif %}
--
{% if s is string and s is not mapping %}A{% elif x %}B{% else %}C{% endif %}
{% if n is none %}{% elif t %}{% endif %}
--
a {{- ' b ' -}}  c
--
{{ "a" }}{#- x -#}
--
  b
--
{{- '\n' }}
--
   {{ 'indent' }}
--
   {%- if true -%}  x  {%- endif %}
--
{{ m[0].content | indent(4) }}{{ 'x' | default }}{{ '' | default('e', true) }}
--
{{ none|default('q') }}{{ none|d('q', true) }}
--
{{ [1, 2,] }} {{ {'a': 1,} }} {{ (1, 2,) }} {{ range(2,)|list }}
--
{{ [] is sequence }} {{ {} or 'empty' }} {{ [] + [] }} {{ [[]]|length }}
'''.strip('\n').split('\n--\n')

BLOCKS = [
    '  {% if t %}  \n a\n  {% endif %}  \nb {#- c -#}  d {# x #}\ne\n\n',
    ' {%+ if t +%} \nx{% endif %}\n', '{{ 1 }}\n', '{{ 1 }}\n\n',
    '{% if t %}\n{% for x in nums %}\n  {{ x }}\n{% endfor %}\n{% endif %}',
    'a\r\nb\r{% if t %}\r\nx{% endif %}\r\n', '{{ "x" }}\n\n y',
    '{{ 1 }}\n{% raw %}\n {{ y }} \n{% endraw %}\nz',
    '   {# c #}\n  q {% set x=1 %}\n  {{ x }}\n', '{#\n multi\n#}\nx',
    '\n\n{%- if t %}\n\n  a{% endif -%}\n\n  b', '{{ "a\nb" }}',
    '  \u00a0{%- if t -%}\u2003 a{% endif %}', 'x{#- a #}   y{# b -#}  z',
    "{% set x = {\n 'a': 1,\n 'b': [1,\n2]} %}{{ x }}",
]


def expressions():
    n = compare([(e, VARIABLES) for e in EXPRESSIONS + BLOCKS])
    assert n > len(EXPRESSIONS) // 2, f'only {n} were rendered'


tap.main([('generated_conversations', generated_conversations),
          ('expressions', expressions)])
