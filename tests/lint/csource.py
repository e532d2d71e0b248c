"""C text as tokens and functions: as much of C as the lints need to see."""

import re
from dataclasses import dataclass

TOKEN = re.compile(r'''
    (?P<comment>/\*.*?\*/|//[^\n]*)
  | (?P<splice>\\\n)
  | (?P<newline>\n)
  | (?P<string>"(?:\\.|[^"\\\n])*")
  | (?P<char>'(?:\\.|[^'\\\n])*')
  | (?P<word>[A-Za-z_]\w*)
  | (?P<number>\.?\d(?:[eEpP][+-]|[\w.])*)
  | (?P<mark>->|\S)
''', re.VERBOSE | re.DOTALL)


@dataclass(frozen=True)
class Token:
    kind: str           # a group of TOKEN
    text: str
    line: int           # from 1
    in_directive: bool  # part of a preprocessor line

    def is_word(self, *texts):
        return self.kind == 'word' and (not texts or self.text in texts)


@dataclass(frozen=True)
class Function:
    name: str      # of the macro, if a macro makes the name
    begin: int     # line of its name
    end: int       # line of its closing brace
    is_static: bool


def read_tokens(text):
    """All tokens but newlines, comments included."""
    tokens, line, in_directive, is_first = [], 1, False, True
    for match in TOKEN.finditer(text):
        kind, body = match.lastgroup, match.group()
        if kind == 'newline':
            in_directive, is_first = False, True
        elif kind != 'splice':
            if is_first and body == '#':
                in_directive = True
            tokens.append(Token(kind, body, line, in_directive))
            is_first = is_first and kind == 'comment'
        line += body.count('\n')
    return tokens


def directives(tokens):
    """Each preprocessor line as its tokens after the #."""
    lines = []
    for token in tokens:
        if not token.in_directive or token.kind == 'comment':
            continue
        if token.text == '#' and (not lines or lines[-1][0] != token.line):
            lines.append((token.line, []))
        elif lines:
            lines[-1][1].append(token)
    return [line for _, line in lines if line]


def code(tokens):
    """Without comments and preprocessor lines."""
    return [t for t in tokens if t.kind != 'comment' and not t.in_directive]


def outer_declarations(tokens):
    """What stands outside of braces, cut at ; and }: [(tokens, body)] with
    the tokens inside the braces, or None."""
    result, head, body, depth = [], [], [], 0
    for token in code(tokens):
        if token.text == '{' and token.kind == 'mark':
            depth += 1
            if depth == 1:
                body = [token]
                continue
        elif token.text == '}' and token.kind == 'mark':
            depth -= 1
            if depth == 0:
                result.append((head, body + [token]))
                head = []
                continue
        if depth > 0:
            body.append(token)
        elif token.text == ';':
            result.append((head, None))
            head = []
        else:
            head.append(token)
    return result


def function_name(head):
    """The name that a definition's last parameter list belongs to, or None
    if the head is not that of a function: `... name(...)`."""
    if not head or head[-1].text != ')' or any(t.text == '=' for t in head):
        return None
    at = len(head) - 1
    while at > 0 and head[at].text == ')':
        depth = 0
        while at >= 0:  # back over one (...) group
            depth += {')': 1, '(': -1}.get(head[at].text, 0)
            at -= 1
            if depth == 0:
                break
    return head[at] if at >= 0 and head[at].is_word() else None


def functions(tokens):
    """The functions that a file defines."""
    found = []
    for head, body in outer_declarations(tokens):
        name = function_name(head) if body else None
        if name:
            is_static = any(t.is_word('static', 'MOE__INLINE') for t in head)
            found.append(
                Function(name.text, name.line, body[-1].line, is_static))
    return found
