#!/bin/sh
# Measures libmoe beside its peer and writes docs/benchmarks.md.
#
#     sh tests/bench/run.sh                       every section: a day
#     sh tests/bench/run.sh mixtral real          these sections
#     sh tests/bench/run.sh --rounds 1 fine       to see that it works
#     sh tests/bench/run.sh --help
#
# Sections: machine kernels mixtral mistral fine types real depth threads load
# accuracy.  It can be stopped at any time and goes on where it was.
#
# From the environment: MOE_BENCH_DIR (build/bench) is the folder for all that
# is made: Python, models, rounds.jsonl, log.txt.  MOE_SYNTH and MOE_MODELS name
# folders with synthetic and trained models that are there already; what is
# missing among the synthetic ones is made (35 GB with all types).
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd)
. "$root/tests/setup.sh"

find_compiler
find_tools || die "meson and ninja are needed"
configure release
quietly meson compile -C "$build/release" examples/moe:executable
dir=${MOE_BENCH_DIR:-$build/bench}
shared=${MOE_SHARED:-$root/../shared}
[ -f "$shared/tools/peer_bench.py" ] || die "$shared/tools: no peer_bench.py"
mkdir -p "$dir"

# The peer is a wheel for AVX2; numpy also makes the synthetic files.
python=$dir/python/bin/python
if ! works "$python" -c 'import ik_llama_cpp, numpy'; then
    say "installing the peer into $dir/python"
    rm -rf "$dir/python"
    python3 -m venv "$dir/python"
    quietly "$python" -m pip install -q ik-llama-cpp-python numpy gguf
fi
models=${MOE_MODELS:-$dir/models}
if [ -z "${MOE_MODELS:-}" ]; then
    say "models in $models"
    quietly sh "$shared/tools/real_models.sh" "$models" all
fi

exec "$python" "$root/tests/bench/compare.py" --moe \
    "$build/release/examples/moe" --dir "$dir" --models "$models" \
    --synth "${MOE_SYNTH:-$dir/synth}" --tools "$shared/tools" "$@"
