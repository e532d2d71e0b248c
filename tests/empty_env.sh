#!/bin/sh
# Runs the two commands of README.md as a newcomer would: in a fresh copy of
# the tree whose path has a space, from another folder, with an empty
# environment, and without the tools that this machine may have.
#
#     sh tests/empty_env.sh         says what it does; exit status 1 on failure
#
# Three machines are played: one with Python only, one with a C compiler only,
# and one with all tools and no network.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
home="$scratch/home"
copy="$scratch/a fresh copy"
mkdir -p "$home" "$scratch/bin" "$copy"

fail() {
    printf 'empty_env: %s\n' "$*"
    exit 1
}

# Names and times of all files but those in build/.
listing() {
    (cd "$copy" && find . "$home" -path ./build -prune -o -type f \
        -exec ls -ln {} +)
}

# newcomer PATH SCRIPT ARGUMENTS: what is printed goes to output.txt.
newcomer() {
    path=$1
    shift
    # shellcheck disable=SC2086 # a command and its flag, or nothing
    (cd / && env -i PATH="$path" HOME="$home" $offline sh "$@") \
        >"$scratch/output.txt" 2>&1
}

stories() {
    printf 'empty_env: quickstart.sh with %s\n' "$1"
    newcomer "$2" "$copy/examples/quickstart.sh" || {
        cat "$scratch/output.txt"
        fail "quickstart.sh failed with $1"
    }
    for beginning in 'Once upon a time' 'Il était une fois'; do
        grep -q "$beginning" "$scratch/output.txt" ||
            fail "no story begins with: $beginning"
    done
}

offline=
(cd "$root" && tar cf - --exclude='./build*' --exclude=./.git \
    --exclude=./models-cache .) | (cd "$copy" && tar xf -)
listing >"$scratch/before.txt"

# A C compiler and the tools of any POSIX system, but no Python.
for tool in sh cc as ld find sort mkdir dirname cat grep rm mv cmp cp tr; do
    ln -s "$(command -v $tool)" "$scratch/bin/$tool"
done
stories 'a C compiler only' "$scratch/bin"
rm -rf "$copy/build"

system=/usr/bin:/bin:/usr/sbin:/sbin
stories "the system's tools" $system
printf 'empty_env: run.sh\n'
newcomer $system "$copy/tests/run.sh" unit abi || {
    cat "$scratch/output.txt"
    fail 'run.sh failed'
}
tail -n 1 "$scratch/output.txt" | grep -Eqx \
    '[1-9][0-9]* passed, 0 failed, [0-9]+ skipped' ||
    fail "run.sh ends with: $(tail -n 1 "$scratch/output.txt")"

if unshare -rn true 2>/dev/null; then
    offline='unshare -rn'
    stories 'no network' $system
    newcomer $system "$copy/tests/run.sh" unit || {
        cat "$scratch/output.txt"
        fail 'run.sh failed without network'
    }
fi

listing >"$scratch/after.txt"
cmp -s "$scratch/before.txt" "$scratch/after.txt" || {
    diff "$scratch/before.txt" "$scratch/after.txt" || :
    fail 'something was written outside of the build folder'
}
printf 'empty_env: all is well\n'
