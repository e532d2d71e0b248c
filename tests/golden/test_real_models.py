"""Real trained models answer sensibly: SmolLM2 135M, Qwen2.5-Coder 0.5B,
Gemma 3 270M.

They are 840 MB together and not part of the project: the folder MOE_MODELS
(default: models-cache) is filled by `real_models.sh` of the shared tools; what
is not there is skipped by name."""

import ast
import os
import subprocess
import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parent.parent)]

import tap  # noqa: E402

BUILD = Path(os.environ.get('MOE_BUILD_DIR', tap.ROOT / 'build' / 'release'))
MOE = Path(os.environ.get('MOE_BIN', BUILD / 'examples' / 'moe'))
MODELS = Path(os.environ.get('MOE_MODELS', tap.ROOT / 'models-cache'))
SMOLLM2 = 'SmolLM2-135M-Instruct.Q4_1.gguf'
QWEN = 'qwen2.5-coder-0.5b-q4_k_m.gguf'
GEMMA = 'gemma-3-270m-q4_k_m.gguf'


def moe(command, model, *options):
    """What a greedy call prints."""
    path = MODELS / model
    if not path.exists():
        raise tap.Skip(f'{model} is not in {MODELS.name}/')
    if not MOE.exists():
        raise tap.Skip('examples/moe is not built')
    done = subprocess.run(
        [MOE, command, path, '--temp', '0', '-c', '512', *options],
        stdin=subprocess.DEVNULL, capture_output=True, encoding='utf-8',
        check=False, cwd=tap.ROOT)
    assert done.returncode == 0, f'{done.returncode}: {done.stderr}'
    return done.stdout


def names_paris(answer):
    assert 'Paris' in answer, answer


def smollm2_chats():
    """Its template's own words for the system make it answer in French."""
    names_paris(moe('chat', SMOLLM2, '--system', 'You are a helpful assistant.',
                    '-p', 'What is the capital of France?'))


def smollm2_completes():
    names_paris(moe('run', SMOLLM2, 'The capital of France is', '-n', '8'))


def qwen_chats():
    names_paris(moe('chat', QWEN, '-p', 'What is the capital of France?'))


def qwen_writes_a_python_function():
    answer = moe('chat', QWEN, '-n', '160', '-p',
                 'Write a Python function add(a, b) that returns the sum. '
                 'Only code.')
    code = answer.split('```')[1] if '```' in answer else answer
    code = code.removeprefix('python').strip()
    scope = {}
    tree = ast.parse(code)
    functions = [n for n in tree.body if isinstance(n, ast.FunctionDef)]
    assert functions, answer
    exec(compile(ast.Module(functions[:1], []), 'answer', 'exec'), scope)
    assert scope[functions[0].name](2, 40) == 42, answer


def gemma_completes():
    # A base model: it continues, it does not chat.
    names_paris(moe('run', GEMMA, '-n', '8',
                    'Question: What is the capital of France?\nAnswer:'))


def gemma_follows_a_pattern():
    answer = moe('run', GEMMA, 'one two three four five six seven', '-n', '6')
    assert 'eight' in answer and 'nine' in answer, answer


tap.main([
    ('smollm2_chats', smollm2_chats),
    ('smollm2_completes', smollm2_completes),
    ('qwen_chats', qwen_chats),
    ('qwen_writes_a_python_function', qwen_writes_a_python_function),
    ('gemma_completes', gemma_completes),
    ('gemma_follows_a_pattern', gemma_follows_a_pattern),
])
