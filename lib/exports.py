"""Writes the linker's list of exported names from docs/symbols.txt.

usage: exports.py gnu|darwin symbols.txt output

A line of symbols.txt is `name version`: the version that introduced it.  GNU
linkers get one node for each version, so that a program that needs a newer
library is refused when it starts and not when it calls."""

import sys


def gnu(symbols):
    nodes = []
    for version in sorted({version for _, version in symbols},
                          key=lambda text: [int(n) for n in text.split('.')]):
        names = [name for name, since in symbols if since == version]
        local = [] if nodes else ['local:', '    *;']
        before = f' MOE_{nodes[-1][0]}' if nodes else ''
        body = [f'MOE_{version} {{', 'global:',
                *(f'    {name};' for name in names), *local, f'}}{before};']
        nodes.append((version, '\n'.join(body) + '\n'))
    return '\n'.join(text for _, text in nodes)


def darwin(symbols):
    return ''.join(f'_{name}\n' for name, _ in symbols)


def main(system, symbols_path, output_path):
    with open(symbols_path, encoding='utf-8') as file:
        symbols = [line.split() for line in file if line.strip()]
    with open(output_path, 'w', encoding='utf-8') as file:
        file.write({'gnu': gnu, 'darwin': darwin}[system](symbols))


main(*sys.argv[1:])
