#!/bin/sh
# Builds libmoe and runs its tests; the last line counts them.
#
#     sh tests/run.sh                  all suites; the main ones also with
#                                      sanitizers and on an emulated AArch64
#     sh tests/run.sh --quick          all suites, once
#     sh tests/run.sh unit kern        these suites, once
#     sh tests/run.sh unit/test_gguf   this program
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
. "$root/tests/setup.sh"

find_compiler
find_tools || die "meson and ninja are needed: run 'apt-get install meson" \
    "ninja-build' (Debian, Ubuntu) or 'brew install meson' (macOS)"
# What some tests want; those that do not find it say SKIP.
wanted=$root/tests/requirements.txt
if ! cmp -s "$wanted" "$build/python/requirements.txt"; then
    say "installing what some tests want into $build/python"
    is_complete=1
    # shellcheck disable=SC2013 # one word a line
    for package in $(grep -v '^#' "$wanted"); do
        install_python "$package" || is_complete=
    done
    [ -z "$is_complete" ] || cp "$wanted" "$build/python/requirements.txt"
fi

# sanitizer NAME OPTION SUITES: one more flavour, or `none` if programs that
# are built so do not run here.
sanitizer() {
    echo 'int main(void) { return 0; }' >"$build/probe.c"
    if works "${CC:-cc}" "-fsanitize=$2" "$build/probe.c" -o "$build/probe" &&
        works "$build/probe"; then
        configure "$1" -Dbuildtype=debugoptimized -Doptimization=1 \
            "-Db_sanitize=$2" -Db_lundef=false -Dexamples=false || exit 1
        flavours="$flavours $1=$3"
    else
        flavours="$flavours $1=none"
    fi
}

# Another CPU, where Debian's cross compiler and qemu-user are.
emulated_arm64() {
    if works aarch64-linux-gnu-gcc --version && works qemu-aarch64 --version
    then
        configure arm64 --cross-file "$root/tests/arm64.ini" \
            -Dexamples=false || exit 1
        flavours="$flavours arm64=unit,kern,golden"
    else
        flavours="$flavours arm64=none"
    fi
}

say "configuring in $build"
configure release || exit 1
flavours=release=all
if [ $# = 0 ]; then
    sanitizer address address,undefined unit,kern,prop,fault,golden
    sanitizer thread thread thread
    emulated_arm64
fi
[ "${1:-}" = --quick ] && shift
export MOE_BUILD="$build"
# shellcheck disable=SC2086 # one word a flavour
exec python3 "$root/tests/run.py" $flavours -- "$@"
