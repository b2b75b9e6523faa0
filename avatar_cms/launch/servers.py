"""The database and the broker of a run: embedded ones are started, given ones must answer."""

from __future__ import annotations

import shutil
from pathlib import Path

import psycopg
import redis
from django.conf import settings
from django.db import OperationalError, connections
from psycopg import sql

from avatar_cms.embedded import demo, places
from avatar_cms.embedded.errors import EmbeddedServerError
from avatar_cms.launch.errors import LaunchError


def start(*, follow_parent: bool = True) -> None:
    """Start what is embedded, and check that both servers answer."""
    try:
        if settings.EMBEDDED_DATABASE or settings.EMBEDDED_BROKER:
            refuse_unsupported()
        if settings.EMBEDDED_DATABASE:
            demo.cluster().start(follow_parent=follow_parent)
            make_database()
        if settings.EMBEDDED_BROKER:
            demo.broker().start(follow_parent=follow_parent)
    except EmbeddedServerError as error:
        raise LaunchError(str(error)) from error
    check_database()
    check_broker()


def missing() -> list[str]:
    """The names of embedded servers that do not live."""
    wanted = {"PostgreSQL": settings.EMBEDDED_DATABASE, "Valkey": settings.EMBEDDED_BROKER}
    processes = {"PostgreSQL": demo.cluster().process, "Valkey": demo.broker().process}
    return [name for name, embedded in wanted.items() if embedded and not processes[name]()]


def stop() -> None:
    """Stop what is embedded."""
    if settings.EMBEDDED_BROKER:
        demo.broker().stop()
    if settings.EMBEDDED_DATABASE:
        demo.cluster().stop()


def refuse_unsupported() -> None:
    reason = places.unsupported()
    if reason:
        raise LaunchError(reason)


def make_database() -> None:
    """Make the two roles and the database, where absent."""
    with demo.cluster().connect() as connection:
        roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
        for role in (demo.OWNER_ROLE, demo.APPLICATION_ROLE):
            if role not in roles:
                statement = "CREATE ROLE {} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE"
                connection.execute(sql.SQL(statement).format(sql.Identifier(role)))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [demo.DATABASE]).fetchone():
            statement = "CREATE DATABASE {} OWNER {} TEMPLATE template0 ENCODING 'UTF8'"
            connection.execute(
                sql.SQL(statement).format(sql.Identifier(demo.DATABASE), sql.Identifier(demo.OWNER_ROLE))
            )


def check_database() -> None:
    """Both connections must work, before anything else fails in many words."""
    for alias, name in (("default", "DATABASE_URL"), ("owner", "DATABASE_OWNER_URL")):
        try:
            connections[alias].ensure_connection()
            connections[alias].close()
        except (OperationalError, psycopg.Error) as error:
            told = str(error).strip().splitlines()
            raise LaunchError(
                f"The database does not answer ({told[0] if told else 'no reason given'}). Check {name}."
            ) from error


def check_broker() -> None:
    """The broker must answer a ping."""
    client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3, socket_timeout=3)
    try:
        client.ping()
    except (redis.RedisError, OSError) as error:
        raise LaunchError(f"The broker does not answer ({error}). Check REDIS_URL.") from error
    finally:
        client.close()


def forget() -> None:
    """Remove the data of the embedded servers, and how far ahead the demo's clock was."""
    if settings.DEMO_CLOCK_FILE:
        Path(settings.DEMO_CLOCK_FILE).unlink(missing_ok=True)
    for folder in (demo.cluster().data, demo.broker().data):
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            raise LaunchError(f"Could not remove {folder}: it belongs to another user, or something uses it.")


def empty_given_database() -> None:
    """Drop everything in the schema of a given database; `migrate` makes it again."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE")
        cursor.execute("CREATE SCHEMA public")
