"""watch.py: runs a process and says what else the machine did meanwhile."""

import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

STAT = Path('/proc/stat')
TICK = 1 / os.sysconf('SC_CLK_TCK')


class Failed(Exception):
    """A process that did not do what it should; the message says what."""


@dataclass
class Finished:
    out: str
    wall: float        # seconds
    cpu: float         # seconds of all processors, of this process
    lost: float        # share of the machine that others had; 0: not known
    anonymous: int     # most bytes of anonymous memory; 0: not asked for


def machine_seconds():
    """Seconds since boot that processors worked, and that were stolen by other
    virtual machines; None on systems that do not say."""
    if not STAT.exists():
        return None
    ticks = [int(word) for word in STAT.read_text().split('\n')[0].split()[1:]]
    user, nice, system, _, _, irq, softirq, steal = ticks[:8]
    return (user + nice + system + irq + softirq) * TICK, steal * TICK


def own_seconds():
    """Of this process and of its children that have ended."""
    used = [resource.getrusage(who) for who in
            (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(r.ru_utime + r.ru_stime for r in used)


class Watch:
    """What happens from its creation on.  `is_busy`: a process that competes
    is part of the measurement, so only stolen time counts as lost."""

    def __init__(self, is_busy=False):
        self.is_busy = is_busy
        self.wall, self.own = time.perf_counter(), own_seconds()
        self.machine = machine_seconds()

    def read(self):
        """(wall, own seconds, share lost)"""
        wall = time.perf_counter() - self.wall
        own = own_seconds() - self.own
        now = machine_seconds()
        if now is None:
            return wall, own, 0.0
        worked, stolen = (b - a for a, b in zip(self.machine, now))
        others = 0 if self.is_busy else max(worked - own, 0)
        return wall, own, (others + stolen) / (wall * os.cpu_count())


def wait_until_quiet(most_lost, seconds):
    """Waits until others leave the machine alone, but not for ever."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        watch = Watch()
        time.sleep(0.5)
        if watch.read()[2] <= most_lost:
            return


def poll_memory(pid, most, is_over):
    """Keeps the largest anonymous memory of a process in most[0]."""
    path = Path(f'/proc/{pid}/status')
    while not is_over.wait(0.01):
        try:
            text = path.read_text()
        except OSError:
            return
        for line in text.splitlines():
            if line.startswith('RssAnon:'):
                most[0] = max(most[0], int(line.split()[1]) * 1024)


def run(command, timeout, is_busy=False, wants_memory=False):
    """A Finished, or Failed with the last thing that the process said."""
    command = [str(word) for word in command]
    is_over, most = threading.Event(), [0]
    watch = Watch(is_busy)
    with tempfile.TemporaryFile('w+') as said:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=said,
                                   text=True)
        poll = threading.Thread(target=poll_memory,
                                args=(process.pid, most, is_over))
        if wants_memory:
            poll.start()
        try:
            out, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            raise Failed(f'not done after {timeout} s') from None
        finally:
            process.kill()  # also when this script is interrupted
            process.wait()
            is_over.set()
            if wants_memory:
                poll.join()
        if process.returncode != 0:
            said.seek(0)
            last = (said.read().strip() or out.strip()).splitlines()[-1:]
            raise Failed(f'code {process.returncode}: {"".join(last)[-200:]}')
    wall, own, lost = watch.read()
    return Finished(out, wall, own, lost, most[0])


class Competitor:
    """A process that only uses up a processor, while the block runs."""

    def __init__(self, n):
        self.n, self.processes = n, []

    def __enter__(self):
        for _ in range(self.n):
            self.processes.append(subprocess.Popen(
                [sys.executable, '-c', 'while True: pass']))

    def __exit__(self, *_):
        for process in self.processes:
            process.kill()
            process.wait()


def read_file(path):
    """Brings a file into the page cache."""
    with open(path, 'rb', buffering=0) as file:
        buffer = bytearray(8 << 20)
        while file.readinto(buffer):
            pass


def forget_file(path):
    """Takes a file out of the page cache, where the system lets us."""
    if hasattr(os, 'posix_fadvise'):
        with open(path, 'rb') as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
