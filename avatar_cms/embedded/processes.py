"""Looking at and stopping processes by id, safely: a number may have been given to somebody else meanwhile."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1


def command_line(pid: int) -> str:
    """The command line of a live process; empty when there is none (a zombie counts as none)."""
    if pid <= 0:
        return ""
    proc = Path("/proc") / str(pid)
    if Path("/proc/self/cmdline").exists():
        try:
            return (proc / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        except OSError:
            return ""
    listed = subprocess.run(
        ["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip()


def started_at(pid: int) -> str:
    """A token that tells this process from another one that got the same id; empty when it is gone."""
    stat = Path("/proc") / str(pid) / "stat"
    if Path("/proc/self/stat").exists():
        try:
            return stat.read_text().rsplit(")", 1)[1].split()[19]
        except (OSError, IndexError):
            return ""
    listed = subprocess.run(
        ["ps", "-o", "lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    )
    return listed.stdout.strip()


def alive(pid: int, since: str = "") -> bool:
    """Whether the process lives and, with `since`, is the one that had that `started_at`."""
    return bool(command_line(pid)) and (not since or started_at(pid) == since)


def stop(pid: int, *, since: str = "", first: int = signal.SIGTERM, patience: float = 10.0) -> None:
    """Ask with `first`, insist with SIGKILL after `patience` seconds. Does nothing to somebody else's process."""
    since = since or started_at(pid)
    for number, wait in ((first, patience), (signal.SIGKILL, 5.0)):
        if not alive(pid, since):
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        wait_until(lambda: not alive(pid, since), wait)


def wait_until(condition: Callable[[], bool], seconds: float, *, pause: float = 0.05) -> bool:
    """Poll until the condition holds; False when the time runs out first."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def die_with_parent(number: int = signal.SIGTERM) -> Callable[[], None] | None:
    """A `preexec_fn` after which Linux sends the child `number` when the parent dies, however it dies."""
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)

    def set_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)

    return set_signal


def with_command(part: str) -> list[int]:
    """Ids of this machine's processes whose command line contains `part`."""
    listed = subprocess.run(
        ["ps", "-axww", "-o", "pid=,command="], capture_output=True, text=True, check=False
    )
    lines = (line.strip().split(" ", 1) for line in listed.stdout.splitlines() if part in line)
    return [int(pid) for pid, _command in lines if int(pid) != os.getpid()]
