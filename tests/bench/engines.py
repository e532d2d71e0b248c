"""engines.py: how libmoe and its peer are asked for a measurement.

An engine turns (model, tests, threads, depth) into a command and what that
prints into numbers.  Tests are named pp128 (prefill) and tg32 (generation)."""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# Opens a model with the peer, in its own process.
PEER_OPEN = '''
import sys, time
from ik_llama_cpp import _ctypes_api as api
api.llama_backend_init()
params = api.llama_model_default_params()
params.n_gpu_layers, params.use_mmap = 0, True
start = time.perf_counter()
if not api.llama_model_load_from_file(sys.argv[1].encode(), params):
    sys.exit('could not load')
print(time.perf_counter() - start)
'''


def sizes(tests, kind):
    """The numbers of the tests of a kind: '128,512'."""
    return ','.join(test[2:] for test in tests if test[:2] == kind)


class Libmoe:
    name = 'libmoe'

    def __init__(self, moe):
        self.moe = moe

    def command(self, model, tests, threads, depth):
        return [self.moe, 'bench', model, '-t', threads, '-r', 1, '-o', 'json',
                '-d', depth, '-p', sizes(tests, 'pp'),
                '-n', sizes(tests, 'tg')]

    def numbers(self, out):
        """{test: {rate, share, cpu}}; share is of the machine's limit, measured
        in the same process."""
        return {row['test'].split()[0]: {
            'rate': row['tokens_per_second'], 'share': row['share'],
            'cpu': row['cpu_seconds_per_token']}
            for row in json.loads(out)['rows']}

    def open_command(self, model):
        return [self.moe, 'bench', model, '-t', 1, '-p', '', '-n', '',
                '-o', 'json']

    def open_seconds(self, out):
        return json.loads(out)['load_seconds']

    def json(self, *args):
        return json.loads(subprocess.run(
            [str(word) for word in (self.moe, *args)], check=True, cwd=ROOT,
            stdout=subprocess.PIPE, text=True).stdout)


class Peer:
    """ik_llama.cpp through peer_bench.py, with options of that."""

    def __init__(self, name, tools, *options):
        self.name, self.script = name, tools / 'peer_bench.py'
        self.options = options

    def command(self, model, tests, threads, depth):
        # The first of two repetitions meets pages that were never touched;
        # with a depth, filling it has touched them.
        answer = sizes(tests, 'tg') or 0
        return [sys.executable, self.script, model, '-t', threads,
                '-r', 1 if depth else 2, '-d', depth,
                '-p', sizes(tests, 'pp'), '-n', answer, *self.options]

    def numbers(self, out):
        rows = [json.loads(line) for line in out.splitlines()
                if line.startswith('{')]
        return {row['test']: {'rate': row['best_tps']} for row in rows}

    def open_command(self, model):
        return [sys.executable, '-c', PEER_OPEN, model]

    def open_seconds(self, out):
        return float(out.split()[-1])


def engines(moe, tools):
    return {engine.name: engine for engine in (
        Libmoe(moe),
        Peer('ik', tools),
        Peer('ik repacked', tools, '--repack'),
        Peer('ik flash', tools, '--fa'))}


def peer_version():
    out = subprocess.run([sys.executable, '-m', 'pip', 'show',
                          'ik-llama-cpp-python'], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
    return next(line.split()[1] for line in out.splitlines()
                if line.startswith('Version:'))
