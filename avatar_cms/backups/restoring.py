"""Restore a backup. Whatever it holds, nothing leaves the restored system until somebody ends safe mode.

The application's role is let in last, in the transaction that writes the stop: no process can look at the rows
before it is there.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.core.management.commands.migrate import Command as Migrate
from django.db import connections, transaction
from django.db.migrations.loader import MigrationLoader
from psycopg import sql

from accounts import sending_stops
from avatar_cms.backups import manifest as manifests
from avatar_cms.backups import sealing, tools
from avatar_cms.backups.errors import BackupError
from avatar_cms.backups.manifest import Manifest
from avatar_cms.roles import grant_application_role


@dataclass(frozen=True)
class Restored:
    """What a restore did. `rows` were counted and are those of the manifest; `newer` are the migrations applied on
    top of the backup's.
    """

    manifest: Manifest
    rows: int
    tables: int
    newer: int


def restore(backup: Path, *, overwrite: bool = False) -> Restored:
    """Put a backup in the place of the database behind the owner's connection.

    Raises BackupError, before anything is changed, when the file is not whole, the code or the keys do not fit, other
    sessions are connected, or the database is not empty and `overwrite` is False.
    """
    manifest = manifests.read(backup)
    _check_code(manifest)
    _check_keys(manifest)
    _check_alone()
    if not overwrite and not _is_empty():
        raise BackupError("The database is not empty: give --yes to replace all that is in it.")
    with tempfile.TemporaryDirectory(prefix="avatar-restore-") as folder:
        plain = backup
        if sealing.is_sealed(backup):
            if not settings.BACKUP_KEY:
                raise BackupError(f"{backup.name} is sealed: set BACKUP_KEY to the key it was sealed with.")
            plain = Path(folder) / "plain.dump"
            sealing.unseal(backup, plain, key=settings.BACKUP_KEY)
        _empty()
        tools.run(
            "pg_restore", "--no-owner", "--no-acl", "--single-transaction", "--exit-on-error",
            "--schema=public",
            f"--dbname={connections['owner'].settings_dict['NAME']}", str(plain),
        )  # fmt: skip
    _check_rows(manifest)
    known = len(manifests.migrations(connections["owner"]))
    call_command(Migrate(), database="owner", verbosity=0, interactive=False)
    _let_in(manifest)
    return Restored(
        manifest, sum(manifest.rows.values()), len(manifest.rows),
        len(manifests.migrations(connections["owner"])) - known,
    )  # fmt: skip


def _check_code(manifest: Manifest) -> None:
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    ours = {config.label for config in apps.get_app_configs()}
    unknown = [name for name in manifest.migrations if name.partition(".")[0] in ours and name not in known]
    if unknown:
        raise BackupError(
            f"The backup was made by a later version, whose migrations this one does not know ({unknown[0]}, "
            f"{len(unknown)} in all): install that version, then restore."
        )


def _check_keys(manifest: Manifest) -> None:
    if not manifest.keys_fit():
        raise BackupError(
            "FIELD_ENCRYPTION_KEYS lacks the key by which credentials and notes in this backup are encrypted: add it "
            "(at the end), then restore."
        )


def _check_alone() -> None:
    connections["default"].close()
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        [(others,)] = cursor.fetchall()
    if others:
        raise BackupError(
            f"{others} other sessions are connected to this database: stop web, workers and Beat first."
        )


def _is_empty() -> bool:
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'")
        [(tables,)] = cursor.fetchall()
    return bool(tables == 0)


def _empty() -> None:
    """An empty schema, into which nobody but its owner is let."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("DROP SCHEMA IF EXISTS public CASCADE")
        cursor.execute("CREATE SCHEMA public")


def _check_rows(manifest: Manifest) -> None:
    found = manifests.count_rows(connections["owner"])
    wrong = [
        f"{table} ({found.get(table, 0)} instead of {count})"
        for table, count in manifest.rows.items() if found.get(table) != count
    ]  # fmt: skip
    if wrong:
        raise BackupError(
            f"Not everything came back: {', '.join(wrong[:5])}. The application is not let in; restore another backup."
        )


def _let_in(manifest: Manifest) -> None:
    """Safe mode and the application's rights, in one transaction."""
    owner = connections["owner"]
    with transaction.atomic(using="owner"):
        sending_stops.stop_restored(using="owner", backed_up_at=manifest.moment)
        grant_application_role(owner)
        role = settings.DATABASES["default"].get("USER") or ""
        if role and role != (settings.DATABASES["owner"].get("USER") or ""):
            _give_sequences_and_take_logs(role)


def _give_sequences_and_take_logs(role: str) -> None:
    """What a dump without rights leaves out: the use of sequences, and that nobody changes a log."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA public TO {}").format(
                sql.Identifier(role)
            )
        )
        cursor.execute(
            "SELECT DISTINCT c.relname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
            "JOIN pg_proc p ON p.oid = t.tgfoid WHERE p.proname = 'core_append_only'"
        )
        for (table,) in cursor.fetchall():
            cursor.execute(
                sql.SQL("REVOKE UPDATE, DELETE, TRUNCATE ON {} FROM {}").format(
                    sql.Identifier(table), sql.Identifier(role)
                )
            )
