#!/bin/sh
# Measures libmoe beside its peer and writes docs/benchmarks.md.
#
#     sh tests/bench/run.sh             every section: some hours
#     sh tests/bench/run.sh mixtral     these sections; what is there is kept
#
# Sections: mixtral mistral fine types real depth.
# Folders, from the environment: MOE_BENCH_DIR (build/bench) for everything that
# is made; MOE_SYNTH and MOE_MODELS for model files that are there already.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
. "$root/tests/setup.sh"

find_compiler
find_tools || die "meson and ninja are needed"
configure release || exit 1
ninja -C "$build/release" >/dev/null
dir=${MOE_BENCH_DIR:-$build/bench}
shared=${MOE_SHARED:-$root/../shared}
mkdir -p "$dir"

# The peer is a wheel for AVX2; numpy also makes the synthetic files.
if [ ! -x "$dir/python/bin/python" ]; then
    python3 -m venv "$dir/python"
    "$dir/python/bin/pip" install -q ik-llama-cpp-python numpy
fi
models=${MOE_MODELS:-$dir/models}
[ -d "$models" ] || sh "$shared/tools/real_models.sh" "$models" all

exec "$dir/python/bin/python" "$root/tests/bench/compare.py" \
    --moe "$build/release/examples/moe" --dir "$dir" --models "$models" \
    --synth "${MOE_SYNTH:-$dir/synth}" --tools "$shared/tools" "$@"
