"""Child processes that work on a test's database and broker."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from avatar_cms.embedded import processes
from tests.harness import servers
from tests.harness.brokers import TestBroker
from tests.harness.databases import TestDatabase

CHECKOUT = Path(__file__).resolve().parents[2]


def environment(database: TestDatabase, broker: TestBroker) -> dict[str, str]:
    """The environment of a child process: test settings, this run's servers."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "COV_"))},
        "DJANGO_SETTINGS_MODULE": "avatar_cms.settings.test",
        "CHILD_OF_A_TEST": "1",
        "DATABASE_URL": database.address.url(servers.APPLICATION, database.name),
        "DATABASE_OWNER_URL": database.address.url(servers.OWNER, database.name),
        "REDIS_URL": broker.url,
    }


class Worker:
    """A Celery worker. Leaving the block stops it; `kill()` kills it and its children as `kill -9` would."""

    def __init__(self, environment: dict[str, str], *, concurrency: int = 1) -> None:
        self.environment = environment
        self.concurrency = concurrency

    def __enter__(self) -> Self:
        self._log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "avatar_cms", "worker", "-c", str(self.concurrency), "-l", "info",
             "--without-gossip", "--without-mingle"],
            cwd=CHECKOUT, env=self.environment, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log,
            start_new_session=True, preexec_fn=processes.die_with_parent(),
        )  # fmt: skip
        if not processes.wait_until(lambda: "ready." in self.log() or self.process.poll() is not None, 60):
            self.kill()
        if self.process.poll() is not None:
            raise RuntimeError(f"The Celery worker did not start:\n{self.log()}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                self.kill()
        self._log.close()

    def log(self) -> str:
        """What it has said so far."""
        self._log.flush()
        with open(f"/proc/self/fd/{self._log.fileno()}") if sys.platform == "linux" else self._log as file:
            file.seek(0)
            return file.read()

    def kill(self) -> None:
        """Kill it and all its children at once."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=10)
        time.sleep(0)
