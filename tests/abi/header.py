"""moe.h as data: its functions and the fields of its structures."""

import re

import tap

HEADER = tap.ROOT / 'include' / 'moe.h'


def plain_text():
    """The header without comments and preprocessor lines."""
    text = HEADER.read_text(encoding='utf-8')
    text = re.sub(r'/\*.*?\*/', ' ', text, flags=re.DOTALL)
    return re.sub(r'^#(.*\\\n)*.*\n', '', text, flags=re.MULTILINE)


def number(name):
    """The value of `#define name number`."""
    return int(re.search(rf'^#define {name} (\d+)$',
                         HEADER.read_text(encoding='utf-8'), re.M).group(1))


def functions():
    """Names that MOE_API declares."""
    return re.findall(r'\bMOE_API\b[^;(]*?\b(\w+)\(', plain_text())


def since():
    """{function: version of its Since label}"""
    text = HEADER.read_text(encoding='utf-8')
    return {name: version for version, name in re.findall(
        r'^ \* Since +([\d.]+) \*/\nMOE_API [^;(]*?\b(\w+)\(', text, re.M)}


def structs():
    """{name: [field]} of the structures that have fields."""
    found = {}
    for body, name in re.findall(
            r'typedef struct \w+ \{([^}]*)\} (\w+);', plain_text()):
        fields = [re.search(r'\(\*(\w+)\)|(\w+)(?:\[\d+\])?\s*$', field)
                  for field in body.split(';') if field.strip()]
        found[name] = [f.group(1) or f.group(2) for f in fields]
    return found
