"""pg_dump and pg_restore: where they are, and how they are told which database."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from django.conf import settings
from django.db import connections

from avatar_cms.backups.errors import BackupError
from avatar_cms.embedded import demo, postgres
from avatar_cms.embedded.errors import EmbeddedServerError
from avatar_cms.launch import servers
from avatar_cms.launch.errors import LaunchError

#: What libpq reads from the environment, so that no password stands in a command line.
_VARIABLES = {
    "host": "PGHOST",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
}


@contextmanager
def database_server() -> Iterator[None]:
    """The embedded server runs until the block ends, where one is wanted and none runs. A given one must answer."""
    started = settings.EMBEDDED_DATABASE and not demo.cluster().answers()
    try:
        if started:
            demo.cluster().start(follow_parent=True)
            servers.make_database()
        servers.check_database()
        yield
    except (LaunchError, EmbeddedServerError) as error:
        raise BackupError(str(error)) from error
    finally:
        if started:
            connections.close_all()
            demo.cluster().stop()


def run(tool: str, *arguments: str) -> None:
    """Run one of PostgreSQL's programs on the database of the owner's connection. Raises BackupError with what it
    said.
    """
    program = find(tool, at_least=server_version())
    done = subprocess.run(
        [str(program), *arguments], env=_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise BackupError(f"{tool} failed: {said[-1] if said else 'it gave no reason'}")


def find(tool: str, *, at_least: int) -> Path:
    """The program of that name whose major version is the server's or later: the machine's own, else the embedded
    server's. Raises BackupError, naming what to install.
    """
    folders = [Path(path).parent for path in [shutil.which(tool)] if path]
    with suppress(EmbeddedServerError):
        folders.append(postgres.binaries())
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if version(folder / tool) >= at_least:
            return folder / tool
    raise BackupError(
        f"There is no {tool} of version {at_least} or later on this machine, and the server is of version {at_least}: "
        f"install PostgreSQL's client programs (Debian and Ubuntu: postgresql-client-{at_least}) and put them on PATH."
    )


def version(program: Path) -> int:
    """The major version of one of PostgreSQL's programs; 0 when it cannot be run."""
    try:
        told = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return 0
    found = re.search(r"(\d+)", told.stdout.partition(")")[2])
    return int(found.group(1)) if found else 0


def server_version() -> int:
    """The major version of the server behind the owner's connection."""
    connections["owner"].ensure_connection()
    return int(connections["owner"].connection.info.server_version) // 10_000


def _environment() -> dict[str, str]:
    given = connections["owner"].get_connection_params()
    told = {_VARIABLES[key]: str(value) for key, value in given.items() if key in _VARIABLES and value}
    return {**os.environ, **told, "PGCONNECT_TIMEOUT": "10", "PGAPPNAME": "avatar_cms backup"}
