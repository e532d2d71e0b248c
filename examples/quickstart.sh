#!/bin/sh
# Builds libmoe and lets the model of this repository write a short story in
# English, then one in French.  Everything is made in build/.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/tests/setup.sh"

# Without meson: all sources at once, as a program that embeds libmoe may do.
compile_plainly() {
    moe=$build/plain/moe
    [ -x "$moe" ] && [ -z "$(find lib include examples/moe -newer "$moe")" ] &&
        return
    say "compiling without meson (about a minute)"
    mkdir -p "$build/plain"
    # shellcheck disable=SC2046 # no source has a space in its name
    quietly "${CC:-cc}" -std=c11 -O2 -DNDEBUG -Iinclude -Ilib -o "$moe" \
        $(find examples/moe lib -name '*.c') -lm -lpthread
}

cd "$root"
find_compiler
if find_tools; then
    say "building in $build/release"
    configure release
    quietly meson compile -C "$build/release" examples/moe:executable
    moe=$build/release/examples/moe
else
    compile_plainly
fi

for beginning in 'Once upon a time' 'Il était une fois'; do
    printf '\n%s' "$beginning"
    "$moe" run tiny "$beginning" -n 300 --temp 0.6 --seed 3
done
say "
Now try:  \"$moe\" run tiny \"The little robot\""
