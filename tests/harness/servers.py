"""The PostgreSQL cluster and the Valkey server the tests use.

They are started by whichever run needs them first, shared by runs side by side, and stopped by the last one out
(unless KEEP_TEST_CLUSTER=1). TEST_DATABASE_URL (of a superuser) and TEST_REDIS_URL name servers to use instead.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

import psycopg
from psycopg import sql

from avatar_cms.embedded import places
from avatar_cms.embedded.postgres import Cluster
from avatar_cms.embedded.valkey import Valkey

HOME = places.state_home() / "test"
LOCKS = places.run_folder() / "test"
#: Roles of their own: a given server may hold those of a real installation.
OWNER, APPLICATION, PASSWORD = "avatar_test_owner", "avatar_test_app", "only-for-tests"

CLUSTER = Cluster(
    HOME,
    settings={
        "fsync": "off",
        "synchronous_commit": "off",
        "full_page_writes": "off",
        "autovacuum": "off",
        "max_connections": "200",
        "max_wal_size": "2GB",
    },
)
BROKER = Valkey(HOME, settings={"databases": "256", "appendonly": "no"})


@dataclass(frozen=True)
class Address:
    """Where the database server is, in libpq's words."""

    host: str
    port: str
    user: str
    password: str

    def connect(self, database: str) -> psycopg.Connection:
        """As the superuser, in autocommit."""
        return psycopg.connect(
            host=self.host, port=self.port or None, user=self.user, password=self.password or None,
            dbname=database, autocommit=True, connect_timeout=10,
        )  # fmt: skip

    def url(self, role: str, database: str) -> str:
        """The URL of a database for one of the two roles."""
        if self.host.startswith("/"):
            return f"postgres://{role}:{PASSWORD}@/{database}?host={self.host}"
        return f"postgres://{role}:{PASSWORD}@{self.host}:{self.port or 5432}/{database}"


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold a lock between all processes that use the same servers."""
    with lock_file(name) as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


class Hold:
    """A run's claim on the shared servers: they are not stopped while anyone holds one."""

    def __init__(self) -> None:
        with locked("start"):
            self._file = lock_file("users-of-" + hashlib.sha256(_given().encode()).hexdigest()[:8])
            fcntl.flock(self._file, fcntl.LOCK_SH)
            if not os.environ.get("TEST_DATABASE_URL"):
                CLUSTER.start(follow_parent=False)
            if not os.environ.get("TEST_REDIS_URL"):
                BROKER.start(follow_parent=False)
            make_roles()

    def release(self) -> None:
        """Let go, and stop the servers when nobody else holds them."""
        with locked("start"):
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                last = True
            except BlockingIOError:
                last = False
            if last and os.environ.get("KEEP_TEST_CLUSTER") != "1":
                if os.environ.get("TEST_DATABASE_URL"):
                    _tidy()
                else:
                    CLUSTER.stop()
                if not os.environ.get("TEST_REDIS_URL"):
                    BROKER.stop()
            self._file.close()


def address() -> Address:
    """The database server of the tests."""
    given = os.environ.get("TEST_DATABASE_URL")
    if not given:
        return Address(str(CLUSTER.sockets), "", "postgres", "")
    parts = urlsplit(given)
    socket = next((part[5:] for part in parts.query.split("&") if part.startswith("host=")), "")
    return Address(
        parts.hostname or unquote(socket) or "127.0.0.1",
        str(parts.port or ""),
        unquote(parts.username or "postgres"),
        unquote(parts.password or ""),
    )


def _given() -> str:
    """Which servers this run uses; runs on other ones do not keep them alive."""
    return f"{os.environ.get('TEST_DATABASE_URL')} {os.environ.get('TEST_REDIS_URL')}"


def redis_urls() -> list[str]:
    """Every database of the broker a run may claim, the unlikeliest to be anybody's first."""
    given = os.environ.get("TEST_REDIS_URL")
    if given:
        return [
            f"{given.rstrip('/').rsplit('/', 1)[0] if given.count('/') > 2 else given}/{n}"
            for n in range(15, 0, -1)
        ]
    return [BROKER.url(n) for n in range(255, 0, -1)]


def make_roles() -> None:
    with address().connect("postgres") as connection:
        known = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
        for role in (OWNER, APPLICATION):
            if role not in known:
                connection.execute(f"CREATE ROLE {role} LOGIN NOSUPERUSER NOCREATEDB PASSWORD '{PASSWORD}'")


def _tidy() -> None:
    """Leave nothing on a server that is not ours."""
    with address().connect("postgres") as connection:
        for pattern in ("template\\_avatar\\_%", "test\\_avatar\\_%"):
            for (name,) in connection.execute(
                "SELECT datname FROM pg_database WHERE datname LIKE %s", [pattern]
            ).fetchall():
                connection.execute(
                    sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
                )
        for role in (OWNER, APPLICATION):
            connection.execute(sql.SQL("DROP ROLE IF EXISTS {}").format(sql.Identifier(role)))


def lock_file(name: str) -> IO[str]:
    """The open file to lock: in the checkout for its own servers, in the temporary folder for given ones, which other
    checkouts share.
    """
    folder = LOCKS
    if os.environ.get("TEST_DATABASE_URL"):
        server = hashlib.sha256(_given().encode()).hexdigest()[:8]
        folder = Path(tempfile.gettempdir()) / f"{places.PRODUCT}-tests-{os.geteuid()}-{server}"
    places.make_enterable(folder)
    return Path(folder / f"{name}.lock").open("a+")
