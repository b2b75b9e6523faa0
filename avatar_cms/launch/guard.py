"""One run of a checkout at a time, and nothing left over from a killed one."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from avatar_cms.embedded import demo, places, processes
from avatar_cms.launch.errors import LaunchError

#: Every process of a run carries this in its environment, so that leftovers are known as ours.
TAG = "AVATAR_CMS_RUN"


def tag() -> str:
    """What the processes of this checkout's runs are marked with."""
    return places.checkout_hash()


@contextmanager
def only_run(port: int) -> Iterator[None]:
    """Hold this checkout's run lock; the system drops it when this process ends, however it ends."""
    folder = places.run_folder()
    places.make_enterable(folder)
    note = folder / "run.json"
    with (folder / "run.lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LaunchError(_already_running(note)) from None
        note.write_text(json.dumps({"pid": os.getpid(), "port": port}))
        try:
            yield
        finally:
            note.unlink(missing_ok=True)


def _already_running(note: Path) -> str:
    try:
        told = json.loads(note.read_text())
        where = f"at http://127.0.0.1:{told['port']} (process {told['pid']})"
    except (OSError, ValueError, KeyError):
        where = "in another window"
    return f"This checkout is running already, {where}. Stop that one first, with Ctrl-C or kill."


def clear_leftovers() -> int:
    """Stop what a killed run left behind: its processes, then its servers. Returns how many processes."""
    left = leftovers()
    for pid in left:
        processes.stop(pid, patience=5)
    for server in (demo.cluster(), demo.broker()):
        if server.process():
            left.append(server.process())
            server.stop()
    return len(left)


def leftovers() -> list[int]:
    """Live processes of an earlier run: those that carry the tag, but for this one and what started it."""
    ours = {os.getpid(), os.getppid()}
    return [pid for pid in _tagged() if pid not in ours]


def _tagged() -> list[int]:
    if sys.platform != "linux":
        return processes.with_command(f"{places.CHECKOUT}/.venv/bin/python -m ")
    mark = f"{TAG}={tag()}".encode()
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if mark in (folder / "environ").read_bytes().split(b"\0") and processes.command_line(
                int(folder.name)
            ):
                found.append(int(folder.name))
        except OSError:  # gone meanwhile, or somebody else's
            continue
    return found


def stop_all() -> None:
    """End whatever of this run still lives."""
    for pid in leftovers():
        processes.stop(pid, first=signal.SIGKILL)


def check_port(port: int) -> None:
    """Refuse a port that somebody listens on."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            raise LaunchError(
                f"Port {port} needs special rights: choose one above 1023, as in PORT=8001 make run."
            ) from None
        except OSError:
            raise LaunchError(
                f"Port {port} is taken by another program: stop it, or choose another, as in PORT={port + 1} make run."
            ) from None


def port_number(text: str) -> int:
    """The port that was asked for."""
    if text.isascii() and text.isdigit() and 0 < int(text) < 65536:
        return int(text)
    raise LaunchError(f"PORT must be a number from 1 to 65535, not {text!r}.")
