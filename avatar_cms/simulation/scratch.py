"""A database of one's own for a simulation or a rehearsal: made, used and thrown away, beside the real one.

A simulation moves the clock and writes a log that nobody can delete from, so it never touches the clinic's own data.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from avatar_cms.embedded import demo
from avatar_cms.launch import servers

NAME = "avatar_simulation"


class NoScratchDatabase(Exception):
    """The database could not be made; the text says what to do."""


@contextmanager
def database(*, name: str = NAME, migrated: bool = True, keep: bool = False) -> Iterator[str]:
    """Django's two connections use an empty database, migrated if asked, until the block ends. Yields its name.

    Embedded servers are started where they are not running. Raises NoScratchDatabase where the owner's role may not
    make databases on a given server.
    """
    started = _start_embedded()
    before = {alias: connections[alias].settings_dict["NAME"] for alias in ("default", "owner")}
    try:
        _make(name)
        _point({"default": name, "owner": name})
        if migrated:
            call_command("migrate", verbosity=0, interactive=False)
        yield name
    finally:
        _point(before)
        if not keep:
            _drop(name)
        if started:
            servers.stop()


def _start_embedded() -> bool:
    """Start the embedded servers, if they are wanted and not running; True when they were started here."""
    if not (settings.EMBEDDED_DATABASE or settings.EMBEDDED_BROKER) or not servers.missing():
        return False
    servers.start()
    return True


def _make(name: str) -> None:
    _drop(name)
    owner = connections["owner"].settings_dict["USER"] or demo.OWNER_ROLE
    statement = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'")
    try:
        with _maintenance() as connection:
            connection.execute(statement.format(sql.Identifier(name), sql.Identifier(owner)))
    except psycopg.errors.InsufficientPrivilege as refused:
        raise NoScratchDatabase(
            f"The role {owner} may not make the database {name}. Let a superuser run: "
            f"ALTER ROLE {owner} CREATEDB;"
        ) from refused


def _drop(name: str) -> None:
    with _maintenance() as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _maintenance() -> psycopg.Connection:
    """A connection beside the clinic's own database, in autocommit, by which databases are made and dropped."""
    if settings.EMBEDDED_DATABASE:
        return demo.cluster().connect()
    given = connections["owner"].get_connection_params() | {"dbname": "postgres"}
    keep = ("host", "port", "user", "password", "dbname", "sslmode", "sslrootcert", "connect_timeout")
    return psycopg.connect(**{key: given[key] for key in keep if key in given}, autocommit=True)


def _point(names: dict[str, str]) -> None:
    for alias, name in names.items():
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name
