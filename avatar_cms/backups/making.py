"""Make a backup: one snapshot, of which pg_dump writes the rows and we count them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from django.conf import settings
from django.db import connections, transaction

from avatar_cms.backups import manifest as manifests
from avatar_cms.backups import sealing, tools
from avatar_cms.backups.errors import BackupError
from avatar_cms.backups.manifest import Manifest
from core import clock

FOLDER = Path("var") / "backups"


def make(to: Path | None = None) -> tuple[Path, Manifest]:
    """Back the database up into `to`, a file or a folder (default: var/backups), with its manifest beside it.

    Sealed where settings.BACKUP_KEY is set. While it is being written it has another name, so that a file of the right
    name is a whole one.
    """
    file = _target(to)
    making = file.with_name(f"{file.name}.making")
    with tools.database_server():
        try:
            with _snapshot() as (snapshot, moment):
                rows = manifests.count_rows(connections["owner"])
                known = manifests.migrations(connections["owner"])
                making.touch(mode=0o600)
                tools.run(
                    "pg_dump", "--format=custom", "--schema=public", "--no-owner", "--no-acl",
                    f"--snapshot={snapshot}", f"--file={making}",
                )  # fmt: skip
            if settings.BACKUP_KEY:
                _seal(making)
            written = Manifest(
                taken_at=moment.astimezone(UTC).isoformat(), installation=settings.INSTALLATION,
                server_version=tools.server_version(), migrations=known, rows=rows, file=file.name,
                size=making.stat().st_size, sha256=manifests.sha256(making), key_check=manifests.key_check(),
            )  # fmt: skip
            manifests.write(written, file)
            making.rename(file)
        finally:
            making.unlink(missing_ok=True)
    return file, written


def _target(to: Path | None) -> Path:
    name = f"avatar-{clock.now():%Y%m%dT%H%M%SZ}.dump"
    if to is None:
        to = Path(settings.BASE_DIR) / FOLDER
        to.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = to / name if to.is_dir() else to
    if file.exists():
        raise BackupError(f"{file} is there already: a backup never overwrites one.")
    if not file.parent.is_dir():
        raise BackupError(f"There is no folder {file.parent}.")
    return file


@contextmanager
def _snapshot() -> Iterator[tuple[str, datetime]]:
    """The name of a snapshot that other sessions can look at until the block ends, and a moment just before it."""
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot(), transaction_timestamp()")
        [(name, moment)] = cursor.fetchall()
        yield name, moment


def _seal(file: Path) -> None:
    sealed = file.with_name(f"{file.name}.sealed")
    try:
        sealing.seal(file, sealed, key=settings.BACKUP_KEY)
        sealed.rename(file)
    finally:
        sealed.unlink(missing_ok=True)
