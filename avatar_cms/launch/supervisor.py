"""Start the processes of the Procfile, wait until they are ready, and stop everything in the end."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from avatar_cms.embedded import places, processes
from avatar_cms.launch import guard, servers
from avatar_cms.launch.errors import LaunchError

READY_SECONDS = 90
#: honcho gives its children five seconds; then it kills them.
STOP_SECONDS = 12

Say = Callable[[str], None]


class Stopped(BaseException):
    """Someone asked this run to end. Like KeyboardInterrupt it is no error that a handler of errors may keep."""


def run(*, port: int, prepare: Callable[[], None], banner: Callable[[], None], say: Say) -> int:
    """Run everything until told to stop. Returns the exit code; raises LaunchError with a sentence."""
    parent = os.getppid() if "MAKELEVEL" in os.environ else 0
    # From here on what this run starts is marked, and so known when a later run finds it left over.
    os.environ[guard.TAG] = guard.tag()
    with guard.only_run(port):
        left = guard.clear_leftovers()
        if left:
            say(f"Stopped {left} process(es) that an earlier run left behind.")
        guard.check_port(port)
        _raise_on_signals()
        children: subprocess.Popen[bytes] | None = None
        try:
            servers.start()
            prepare()
            children = _start_procfile(port)
            _wait_until_ready(port, children)
            banner()
            _watch(children, parent, say)
        except Stopped:
            say("Stopping.")
        finally:
            _ignore_signals()
            if children is not None:
                _end(children)
            servers.stop()
    say("Stopped. Your data is kept.")
    return 0


def _raise_on_signals() -> None:
    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)


def _ignore_signals() -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def _start_procfile(port: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {
        "PORT": str(port),
        "PYTHON": sys.executable,
        "PYTHONUNBUFFERED": "1",
        # Celery warns of running as root at every start; on one's own machine that is one's own choice.
        "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "honcho", "start", "--procfile", "Procfile", "--env", os.devnull],
        cwd=places.CHECKOUT, env=environment, stdin=subprocess.DEVNULL, start_new_session=True,
        preexec_fn=processes.die_with_parent(),
    )  # fmt: skip


def _wait_until_ready(port: int, children: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        ready, told = _health(port)
        if ready:
            return
        if children.poll() is not None:
            raise LaunchError("A process ended while starting; its last words are above.")
        if time.monotonic() > deadline:
            raise LaunchError(f"Not ready after {READY_SECONDS} s: {told}.")
        time.sleep(0.2)


def _health(port: int) -> tuple[bool, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        body = answer.read()
    except (OSError, http.client.HTTPException):
        return False, "the web server does not answer"
    finally:
        connection.close()
    return answer.status == 200, _what_is_missing(body)


def _what_is_missing(body: bytes) -> str:
    try:
        checks: dict[str, Any] = json.loads(body)["checks"]
    except (ValueError, KeyError, TypeError):
        return "the web server answers with an error"
    return ", ".join(name for name, result in checks.items() if not result.get("ok")) or "no check failed"


def _watch(children: subprocess.Popen[bytes], parent: int, say: Say) -> None:
    while children.poll() is None:
        if parent and os.getppid() != parent:
            raise Stopped  # `make` was killed
        lost = servers.missing()
        if lost:
            say(f"The embedded {' and '.join(lost)} ended by itself; starting it again.")
            servers.start()
        time.sleep(1)
    raise LaunchError("A process ended by itself, so everything was stopped; its last words are above.")


def _end(children: subprocess.Popen[bytes]) -> None:
    if children.poll() is None:
        children.terminate()
        try:
            children.wait(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            children.kill()
            children.wait()
    guard.stop_all()
