"""The whole system on servers of its own: PostgreSQL, Valkey, the processes of the Procfile, a fake provider.

A keeper starts again whatever dies, as systemd would.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from psycopg import sql

from avatar_cms.embedded import demo, places
from avatar_cms.embedded.postgres import Cluster
from avatar_cms.embedded.processes import die_with_parent
from avatar_cms.embedded.valkey import Valkey

ROOT = Path(__file__).resolve().parents[2]
DATABASE = "avatar_chaos"
WORKERS = 2


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Kept:
    """One process that is started again when it dies. `extra` goes into the environment of its next start."""

    name: str
    command: str
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None
    extra: dict[str, str] = field(default_factory=dict)
    starts: int = 0

    @property
    def pid(self) -> int:
        return self.process.pid if self.process is not None and self.process.poll() is None else 0

    def children(self) -> list[int]:
        """Its pool, or its web workers."""
        with suppress(OSError):
            return [
                int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            ]
        return []

    def start(self) -> None:
        self.starts += 1
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                ["/bin/sh", "-c", self.command], cwd=ROOT, env={**self.environment, **self.extra},
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                preexec_fn=die_with_parent(signal.SIGKILL),
            )  # fmt: skip
        self.extra = {}

    def kill(self) -> None:
        """As `kill -9`; its children die with it."""
        for pid in (self.pid, *self.children()):
            if pid:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


class System:
    """Everything under one scratch folder, which is removed in the end unless `keep` is set."""

    def __init__(self, name: str, *, keep: bool = False) -> None:
        self.home = places.state_home() / f"chaos-{name}"
        self.keep = keep
        self.postgres = Cluster(self.home, settings={"max_connections": "150"})
        self.valkey = Valkey(self.home)
        self.logs = self.home / "log"
        self.journal = self.home / "texts.journal"
        self.port = free_port()
        self.fake_port = free_port()
        self.kept: list[Kept] = []
        self.paused: set[str] = set()
        self._stopping = threading.Event()
        self._keeper: threading.Thread | None = None
        self.environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("PYTEST_", "COV_", "CHILD_"))
            },
            "DJANGO_SETTINGS_MODULE": "tests.chaos.settings",
            "DATABASE_URL": self.postgres.url(user=demo.APPLICATION_ROLE, database=DATABASE),
            "DATABASE_OWNER_URL": self.postgres.url(user=demo.OWNER_ROLE, database=DATABASE),
            "REDIS_URL": self.valkey.url(),
            "PORT": str(self.port),
            "PUBLIC_URL": self.url,
            "PYTHON": sys.executable,
            "LOG_LEVEL": "WARNING",
            "TWILIO_API_URL": self.fake_url,
            "CLICKSEND_API_URL": self.fake_url,
            "PYTHONWARNINGS": "ignore:You're running the worker with superuser",
        }
        self.environment.pop("CRASH_AT", None)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def fake_url(self) -> str:
        return f"http://127.0.0.1:{self.fake_port}"

    def start_servers(self) -> None:
        """PostgreSQL with both roles and an empty database, and Valkey."""
        self.postgres.start(follow_parent=False)
        self.valkey.start(follow_parent=False)
        with self.postgres.connect() as connection:
            for role in (demo.OWNER_ROLE, demo.APPLICATION_ROLE):
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'").format(
                    sql.Identifier(DATABASE), sql.Identifier(demo.OWNER_ROLE)
                )
            )

    def start_fake(self, *arguments: str) -> None:
        """The provider, whose journal is the judge; nothing is ever done to it."""
        log = (self.logs / "fake.log").open("ab")
        self.fake = subprocess.Popen(
            [sys.executable, "-m", "tests.fakes", *arguments, "--port", str(self.fake_port),
             "--journal", str(self.journal)],
            cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            preexec_fn=die_with_parent(signal.SIGKILL),
        )  # fmt: skip

    def start_processes(self) -> None:
        """Web, two workers and Beat by the commands of the Procfile, and their keeper."""
        commands = dict(re.findall(r"^(\w+): (.*)$", (ROOT / "Procfile").read_text(), re.M))
        names = ["web", *(f"worker-{n}" for n in range(WORKERS)), "beat"]
        for name in names:
            self.kept.append(self._process(name, commands[name.partition("-")[0]]))
        for kept in self.kept:
            kept.start()
        self._keeper = threading.Thread(target=self._keep)
        self._keeper.start()

    def _process(self, name: str, command: str) -> Kept:
        if name.startswith("worker"):
            # Two workers on one machine need names of their own.
            command = f"{command} --hostname {name}@chaos"
        return Kept(name, command, self.environment, self.logs / f"{name}.log")

    def extra_beat(self, number: int) -> Kept:
        """One more Beat beside the one there is."""
        beat = next(kept for kept in self.kept if kept.name == "beat")
        return Kept(f"beat-{number}", beat.command, self.environment, self.logs / "beat.log")

    def called(self, prefix: str) -> list[Kept]:
        return [kept for kept in self.kept if kept.name.startswith(prefix)]

    def _keep(self) -> None:
        while not self._stopping.wait(0.3):
            for kept in self.kept:
                if not kept.pid and kept.name not in self.paused:
                    kept.start()

    def stop(self) -> None:
        """End everything that was started here."""
        self._stopping.set()
        if self._keeper is not None:
            self._keeper.join()
        for kept in self.kept:
            kept.kill()
        if hasattr(self, "fake"):
            self.fake.kill()
            self.fake.wait()
        for kept in self.kept:
            if kept.process is not None:
                kept.process.wait()
        self.valkey.stop()
        self.postgres.stop()
        if not self.keep:
            for folder in (self.home, self.postgres.sockets, self.valkey.socket.parent):
                shutil.rmtree(folder, ignore_errors=True)

    # What may befall the servers

    def restart_postgres(self) -> float:
        """As a crash: no farewell, recovery at the next start. Returns the moment at which it takes connections."""
        pid = self.postgres.process()
        os.kill(pid, signal.SIGQUIT)
        while self.postgres.process():
            time.sleep(0.05)
        self.postgres.start(follow_parent=False)
        return time.time()

    def cut_connections(self) -> int:
        """End every connection of the application. Returns how many there were."""
        with self.postgres.connect() as connection:
            rows = connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s AND pid <> pg_backend_pid()",
                [DATABASE],
            ).fetchall()
        return len(rows)

    def flush_broker(self) -> None:
        """Empty it: cache, doorbell, and every job in line."""
        import redis

        with suppress(redis.RedisError, OSError):
            redis.Redis.from_url(self.valkey.url(), socket_timeout=2).flushall()
