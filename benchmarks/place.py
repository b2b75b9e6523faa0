"""The database that is measured: made once for each size and checkout, brought up to the present migrations, kept."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from tests.harness import databases, servers
from tests.harness.brokers import TestBroker

#: Raised when the filling changes, so that a database of before is thrown away.
FILLING = 2


#: Roles of their own: a server given to the tests is tidied of theirs after each run.
OWNER, APPLICATION = "avatar_bench_owner", "avatar_bench_app"


class Servers:
    """The servers of the tests, with roles and a broker's database of our own, until the block ends."""

    def __enter__(self) -> None:
        servers.OWNER, servers.APPLICATION = OWNER, APPLICATION
        given = os.environ.get("TEST_DATABASE_URL") and os.environ.get("TEST_REDIS_URL")
        self._hold = None if given else servers.Hold()
        if given:
            servers.make_roles()
        self._broker = TestBroker()

    def __exit__(self, *error: object) -> None:
        self._broker.close()
        if self._hold is not None:
            self._hold.release()


def name_for(contacts: int) -> str:
    checkout = hashlib.sha256(str(databases.CHECKOUT).encode()).hexdigest()[:6]
    return f"bench_avatar_{contacts}_{checkout}"


def provide(contacts: int, fill: Callable[[datetime], None], *, anew: bool = False) -> datetime:
    """Point Django at a full database of this size; returns the moment at which its clock stands.

    A kept one is migrated to the present, which shows along the way that the migrations work on a full database.
    """
    name, address = name_for(contacts), servers.address()
    with address.connect("postgres") as connection:
        known = None if anew else _known(connection, name)
        if known is None:
            _execute(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
            _execute(
                connection,
                "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'",
                name,
                servers.OWNER,
            )
            _execute(connection, "ALTER DATABASE {} SET synchronous_commit = off", name)
    databases.point_django_at(address, name)
    call_command("migrate", database="owner", verbosity=0, interactive=False)
    if known is not None:
        return known
    at = datetime.now(UTC).replace(hour=0, minute=30, second=0, microsecond=0)
    fill(at)
    with address.connect(name) as connection:
        connection.execute("VACUUM ANALYZE")
        said = sql.Literal(json.dumps({"at": at.isoformat(), "filling": FILLING}))
        connection.execute(sql.SQL("COMMENT ON DATABASE {} IS {}").format(sql.Identifier(name), said))
    return at


def drop(contacts: int) -> None:
    """Throw it away."""
    connections.close_all()
    with servers.address().connect("postgres") as connection:
        _execute(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name_for(contacts))


def _known(connection: psycopg.Connection, name: str) -> datetime | None:
    """The moment of a database that was filled to its end by this filling; None where there is none."""
    row = connection.execute(
        "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s", [name]
    ).fetchone()
    said: dict[str, Any] = json.loads(row[0]) if row and row[0] else {}
    return datetime.fromisoformat(said["at"]) if said.get("filling") == FILLING else None


def _execute(connection: psycopg.Connection, statement: str, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
