"""One database for each test process, copied from a migrated template in a fraction of a second."""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path
from typing import Any

import psycopg
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from psycopg import sql

from tests.harness import servers

CHECKOUT = Path(__file__).resolve().parents[2]
#: What migrations and post_migrate write; every test finds it there.
_KEPT = ["django_migrations", "django_content_type", "auth_permission"]
_FLUSH = """
DO $$ DECLARE t text; filled boolean; BEGIN
    FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> ALL ({kept}) LOOP
        EXECUTE format('SELECT EXISTS (SELECT FROM %I)', t) INTO filled;
        IF filled THEN EXECUTE format('DELETE FROM %I', t); END IF;
    END LOOP;
END $$
"""


class TestDatabase:
    """A database of this process alone. Django's connections reach it as the application's role and the owner's."""

    __test__ = False

    def __init__(self, worker: str) -> None:
        suffix = os.environ.get("TEST_DB_SUFFIX", uuid.uuid4().hex[:8])
        self.name = f"test_avatar_{suffix}_{worker}".lower()
        self.address = servers.address()
        with servers.locked("databases"), self.address.connect("postgres") as connection:
            _drop_abandoned(connection)
            template = _template(connection, self.address)
            _drop(connection, self.name)
            _execute(
                connection, "CREATE DATABASE {} OWNER {} TEMPLATE {}", self.name, servers.OWNER, template
            )
            # A given server may wait for its disk at each commit, which tests of a process that dies need not.
            _execute(connection, "ALTER DATABASE {} SET synchronous_commit = off", self.name)
            # Held open to the end: it empties tables as the superuser, and tells other runs that this one lives.
            self.superuser = self.address.connect(self.name)
        self.superuser.execute("SET session_replication_role = replica")
        self.superuser.execute("SET lock_timeout = '10s'")
        point_django_at(self.address, self.name)

    def flush(self) -> None:
        """Empty every table, append-only ones too: triggers do not fire for a replica."""
        self.superuser.execute(sql.SQL(_FLUSH).format(kept=sql.Literal(_KEPT)))

    def close(self) -> None:
        """Drop it."""
        connections.close_all()
        self.superuser.close()
        with self.address.connect("postgres") as connection:
            _drop(connection, self.name)


def point_django_at(address: servers.Address, database: str) -> None:
    """Let both of Django's connections use this database."""
    for alias, role in (("default", servers.APPLICATION), ("owner", servers.OWNER)):
        connection = connections[alias]
        connection.close()
        values: dict[str, Any] = {
            "NAME": database, "USER": role, "PASSWORD": servers.PASSWORD, "HOST": address.host, "PORT": address.port,
        }  # fmt: skip
        connection.settings_dict.update(values)
        settings.DATABASES[alias].update(values)


def _template(connection: psycopg.Connection, address: servers.Address) -> str:
    """The name of a database that has the present migrations applied; made when there is none."""
    name = f"template_avatar_{_fingerprint()}"
    if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
        return name
    making = f"{name}_making"
    _drop(connection, making)
    _execute(
        connection, "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'", making, servers.OWNER
    )
    point_django_at(address, making)
    _migrate()
    connections.close_all()
    _execute(connection, "ALTER DATABASE {} RENAME TO {}", making, name)
    return name


def _migrate() -> None:
    call_command("migrate", database="owner", verbosity=0, interactive=False, run_syncdb=True)


def _fingerprint() -> str:
    """Changes whenever a migration does."""
    digest = hashlib.sha256(f"{servers.OWNER} {servers.APPLICATION}".encode())
    files = [
        *CHECKOUT.glob("*/migrations/*.py"),
        CHECKOUT / "core/migration_ops.py",
        CHECKOUT / "avatar_cms/roles.py",
    ]
    if settings.MIGRATION_MODULES:
        files += CHECKOUT.glob("*/models.py")
    for file in sorted(files):
        digest.update(str(file).encode() + file.read_bytes())
    digest.update(" ".join(sorted(config.label for config in apps.get_app_configs())).encode())
    return digest.hexdigest()[:12]


def _drop_abandoned(connection: psycopg.Connection) -> None:
    """Drop what killed runs left, and templates of older migrations that nobody used lately."""
    left = connection.execute(
        "SELECT datname FROM pg_database d WHERE datname LIKE 'test\\_avatar\\_%' "
        "AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = d.datname)"
    ).fetchall()
    templates = connection.execute(
        "SELECT datname FROM pg_database WHERE datname LIKE 'template\\_avatar\\_%' ORDER BY oid DESC OFFSET 12"
    ).fetchall()
    for (name,) in [*left, *templates]:
        _drop(connection, name)


def _drop(connection: psycopg.Connection, name: str) -> None:
    _execute(connection, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


def _execute(connection: psycopg.Connection, statement: str, *names: str) -> None:
    connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))
