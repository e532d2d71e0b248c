#!/usr/bin/env python3
"""Writes lib/token/unicode_tables.c: the category of every code point.

    python3 tests/tools/make_unicode_tables.py > lib/token/unicode_tables.c

The data come from the package unicodedata2 if it is installed (pip, it
follows the newest Unicode version), else from Python's own unicodedata.
"""
try:
    import unicodedata2 as unicodedata
except ImportError:
    import unicodedata

# ORDER CATEGORY: as enum moe__category in lib/token/unicode.h.
CATEGORIES = ["", "", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Nd", "N", "P", "S"]
SPACE = 1
# White_Space of PropList.txt: the separators (Z*) and these control codes.
SPACE_CONTROLS = [*range(0x09, 0x0E), 0x85]

HEAD = """\
/* unicode_tables.c: made by tests/tools/make_unicode_tables.py, not by hand.
 *
 * Unicode {version}.  Runs of code points of one category, ascending:
 * first code point << 4 | category, up to the next run's first. */
#include "token/unicode.h"

const uint32_t moe__unicode_runs[] = {{"""


def category(code):
    name = unicodedata.category(chr(code))
    if name[0] == "Z" or code in SPACE_CONTROLS:
        return SPACE
    for number, prefix in enumerate(CATEGORIES):
        if prefix and name.startswith(prefix):
            return number
    return 0


def main():
    runs = []
    last = None
    for code in range(0x110000):
        now = category(code)
        if now != last:
            runs.append(f"0x{code << 4 | now:06x},")
            last = now
    print(HEAD.format(version=unicodedata.unidata_version))
    for i in range(0, len(runs), 7):
        print("    " + " ".join(runs[i : i + 7]))
    print("};")
    print(f"const int32_t moe__n_unicode_runs = {len(runs)};")


main()
