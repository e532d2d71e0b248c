# setup.sh: finds or makes the tools that build libmoe.
#
# Sourced by examples/quickstart.sh and tests/run.sh after `root` is set to the
# source tree.  Everything it makes is below $build, which may be deleted at
# any time.  MOE_BUILD names another folder than build/ in the source tree.
# shellcheck shell=sh

build=${MOE_BUILD:-$root/build}
export PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1
export PIP_DISABLE_PIP_VERSION_CHECK=1

say() {
    printf '%s\n' "$*" >&2
}

die() {
    say "$@"
    exit 1
}

works() {
    "$@" </dev/null >/dev/null 2>&1
}

# Runs a command; what it prints is shown only if it fails.
quietly() {
    "$@" </dev/null >"$build/log.txt" 2>&1 && return
    cat "$build/log.txt" >&2
    return 1
}

has_meson() {
    case $(meson --version 2>/dev/null) in
    [1-9]*) ;;
    *) return 1 ;;
    esac
    works ninja --version || works ninja-build --version ||
        works samu --version
}

# Installs Python packages into $build/python, and nowhere else.
install_python() {
    works python3 -c 'import sys; sys.exit(sys.version_info < (3, 7))' ||
        return 1
    if ! works "$build/python/bin/python3" -m pip --version; then
        rm -rf "$build/python"
        works python3 -m venv "$build/python" || {
            rm -rf "$build/python" # Debian's python3 without python3-venv
            return 1
        }
    fi
    works "$build/python/bin/python3" -m pip install -q --retries 1 "$@"
}

# Finds meson and ninja, or installs them into $build/python.
find_tools() {
    PATH=$build/python/bin:$PATH
    has_meson && return
    say "installing meson and ninja into $build/python"
    install_python 'meson>=1.0' ninja && has_meson
}

find_compiler() {
    works "${CC:-cc}" --version && return
    die "no C compiler: run 'apt-get install build-essential' (Debian," \
        "Ubuntu) or 'xcode-select --install' (macOS)"
}

# configure NAME OPTIONS...: the build folder $build/NAME.  A file that was
# added or removed since makes meson list the files anew.
configure() {
    folder=$build/$1
    shift
    find "$root/lib" "$root/examples" "$root/tests" -name '*.[ch]' -o \
        -name 'test_*.py' | sort >"$build/files.txt"
    if [ ! -f "$folder/build.ninja" ]; then
        rm -rf "$folder"
        quietly meson setup "$folder" "$root" "$@" || return 1
    elif ! cmp -s "$build/files.txt" "$folder/files.txt"; then
        quietly meson setup --reconfigure "$folder" "$root" || return 1
    fi
    mv "$build/files.txt" "$folder/files.txt"
}

mkdir -p "$build"
