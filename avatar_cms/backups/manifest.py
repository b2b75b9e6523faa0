"""What stands beside a backup: when it was made, of what, how many rows, and how to tell that it is whole."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from cryptography.fernet import InvalidToken
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql

from avatar_cms.backups.errors import BackupError
from core.fields import box

_KNOWN = b"avatar"


@dataclass(frozen=True)
class Manifest:
    """`taken_at` (ISO, UTC, the database's clock) is before the snapshot that was dumped. `key_check` is a word
    encrypted with the key of the day, by which a restore tells whether it can read what is encrypted in rows.
    """

    taken_at: str
    installation: str
    server_version: int
    migrations: list[str]
    rows: dict[str, int]
    file: str
    size: int
    sha256: str
    key_check: str

    @property
    def moment(self) -> datetime:
        """`taken_at` as a time."""
        return datetime.fromisoformat(self.taken_at)

    def keys_fit(self) -> bool:
        """Whether FIELD_ENCRYPTION_KEYS has the key by which rows of the backup are encrypted."""
        try:
            return bool(box().decrypt(self.key_check.encode()) == _KNOWN)
        except InvalidToken:
            return False


def path_of(backup: Path) -> Path:
    """Where the manifest of a backup is."""
    return backup.with_name(f"{backup.name}.json")


def write(manifest: Manifest, backup: Path) -> None:
    """Put the manifest beside its backup."""
    path_of(backup).write_text(json.dumps(asdict(manifest), indent=1) + "\n")


def read(backup: Path) -> Manifest:
    """The manifest of a backup, whose file must be whole. Raises BackupError when either is missing or changed."""
    if not backup.is_file():
        raise BackupError(f"There is no file {backup}.")
    try:
        found: dict[str, Any] = json.loads(path_of(backup).read_text())
        manifest = Manifest(**found)
    except FileNotFoundError as error:
        raise BackupError(f"{path_of(backup).name} is missing: it belongs beside {backup.name}.") from error
    except (TypeError, ValueError) as error:
        raise BackupError(f"{path_of(backup).name} is not a manifest of a backup.") from error
    if sha256(backup) != manifest.sha256:
        raise BackupError(
            f"{backup.name} is not what was backed up: it is damaged, cut off or another file (SHA-256 differs)."
        )
    return manifest


def key_check() -> str:
    """A word encrypted with the newest of FIELD_ENCRYPTION_KEYS."""
    return box().encrypt(_KNOWN).decode()


def sha256(file: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def count_rows(connection: BaseDatabaseWrapper) -> dict[str, int]:
    """How many rows each table of the schema holds."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        tables = [name for (name,) in cursor.fetchall()]
        rows = {}
        for table in tables:
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table)))
            [(rows[table],)] = cursor.fetchall()
    return rows


def migrations(connection: BaseDatabaseWrapper) -> list[str]:
    """The migrations that the schema has, as app.name, in order."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app || '.' || name FROM django_migrations ORDER BY 1")
        return [name for (name,) in cursor.fetchall()]
