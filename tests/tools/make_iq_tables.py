#!/usr/bin/env python3
"""Writes lib/quant/iq_tables.c: the code books of the IQ block formats.

The books are facts of the format.  They are taken from the Python package
"gguf" (MIT licence, pip install gguf==0.19.0), which holds the tables of ggml's
ggml-common.h as hexadecimal text.  Here each entry is written as the index of
every element's value, `bits` bits wide, the first element lowest; a macro turns
it into the values.

    python3 tests/tools/make_iq_tables.py > lib/quant/iq_tables.c
    python3 tests/tools/make_iq_tables.py --hashes   (for test_quant.c)

A hash is FNV-1a, 64 bits, over the values of all entries as int8, taken from
the package's own unpacked grid, not from the packed table.
"""

import sys

from gguf import quants

HEAD = """\
/* iq_tables.c: the code books of the IQ formats and the value tables of the
 * non-linear 4-bit formats.
 *
 * Facts of the format, fixed in ggml's ggml-common.h (MIT licence).  The books
 * were written by tests/tools/make_iq_tables.py from the Python package gguf
 * 0.19.0; do not edit them by hand.  Entries are explained in iq_tables.h. */
#include "quant/iq_tables.h"

/* Values by index; IQ1's are 8 v + 1 for v = -1, 0, 1, as bytes. */
#define IQ1_VALUE(i) ((i) == 0 ? 0xf9u : 8 * (i) - 7u)
#define IQ2_VALUE(i) ((i) == 2 ? 43u : 17 * (i) + 8u)
#define IQ3_XXS_VALUE(i) ((i) == 7 ? 62u : 8 * (i) + 4u)
#define IQ3_S_VALUE(i) (2 * (i) + 1u)

/* Entries by the indices of their elements: 2 bits each, or 3.  Of the books A
 * is IQ1, B is IQ2, C is IQ3_XXS and D is IQ3_S. */
#define TWO(value, e) (value((e) & 3u) | value((e) >> 2 & 3u) << 8)
#define EIGHT(value, e)                                       \\
    ((uint64_t)(TWO(value, e) | TWO(value, (e) >> 4) << 16) | \\
     (uint64_t)(TWO(value, (e) >> 8) | TWO(value, (e) >> 12) << 16) << 32)
#define FOUR(value, e)                             \\
    (value((e) & 7u) | value((e) >> 3 & 7u) << 8 | \\
     value((e) >> 6 & 7u) << 16 | value((e) >> 9 & 7u) << 24)
#define A(e) EIGHT(IQ1_VALUE, e)
#define B(e) EIGHT(IQ2_VALUE, e)
#define C(e) FOUR(IQ3_XXS_VALUE, e)
#define D(e) FOUR(IQ3_S_VALUE, e)

"""

# name in C, class in gguf, bits per element, macro
BOOKS = [
    ("iq1", "IQ1_S", 2, "A"),
    ("iq2_xxs", "IQ2_XXS", 2, "B"),
    ("iq2_xs", "IQ2_XS", 2, "B"),
    ("iq2_s", "IQ2_S", 2, "B"),
    ("iq3_xxs", "IQ3_XXS", 3, "C"),
    ("iq3_s", "IQ3_S", 3, "D"),
]

# name in C, values
VALUES = [
    ("iq4", quants.IQ4_NL.kvalues),
    ("fp4", quants.MXFP4.kvalues),
]


def grid(name):
    """The package's book: rows of values."""
    cls = getattr(quants, name)
    cls.init_grid()
    return cls.grid.reshape(cls.grid_shape).astype(int).tolist()


def pack(row, values, bits):
    return sum(values.index(v) << bits * i for i, v in enumerate(row))


def c_array(declaration, items, width=80):
    lines, line = [declaration + " = {"], "   "
    for item in items:
        if len(line) + len(item) + 2 > width:
            lines.append(line)
            line = "   "
        line += " " + item + ","
    short = f"{declaration} = {{{line[4:].strip(' ,')}}};"
    if len(lines) == 1 and len(short) <= width:
        return short + "\n"
    return "\n".join(lines + [line, "};"]) + "\n"


def fnv1a(data):
    h = 0xCBF29CE484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return h


def main():
    if "--hashes" in sys.argv:
        for c_name, name, _, _ in BOOKS:
            data = bytes(v & 255 for row in grid(name) for v in row)
            print(f"{c_name}: 0x{fnv1a(data):016x}")
        return
    parts = []
    for c_name, values in VALUES:
        n = 16 if len(values) == 16 else 8
        parts.append(c_array(f"const int8_t moe__quant_{c_name}_values[{n}]",
                             [str(v) for v in values]))
    for c_name, name, bits, macro in BOOKS:
        values = list(getattr(quants, name).grid_map)
        rows = grid(name)
        parts.append(c_array(
            f"const uint{64 if bits == 2 else 32}_t "
            f"moe__quant_{c_name}_book[{len(rows)}]",
            [f"{macro}(0x{pack(row, values, bits):04x})" for row in rows]))
    print(HEAD + "\n".join(parts), end="")


main()
