"""The C compilers of this machine, each once."""

import os
import re
import shutil

import tap

PATTERN = {
    'c': re.compile(r'(cc|(gcc|clang)(-\d+)?)$'),
    'c++': re.compile(r'(c\+\+|(g|clang)\+\+(-\d+)?)$'),
}


def found(language):
    """Programs in the PATH that say different versions; Skip if none."""
    programs = {}
    chosen = os.environ.get('CC') if language == 'c' else os.environ.get('CXX')
    for folder in os.environ.get('PATH', '').split(os.pathsep):
        if os.path.isdir(folder):
            for name in sorted(os.listdir(folder)):
                if PATTERN[language].match(name):
                    remember(programs, os.path.join(folder, name))
    if chosen and shutil.which(chosen):
        remember(programs, shutil.which(chosen))
    if not programs:
        raise tap.Skip(f'no {language} compiler in the PATH')
    return list(programs.values())


def remember(programs, path):
    """Under the version it prints, less the name that it was called by."""
    result = tap.run([path, '--version'])
    if result.returncode == 0:
        version = result.stdout.splitlines()[0].split(' ', 1)[-1]
        programs.setdefault(re.sub(r'^\(.*?\) ', '', version), path)
