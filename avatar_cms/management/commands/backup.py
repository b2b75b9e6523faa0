from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from avatar_cms.backups import making, manifest
from avatar_cms.backups.errors import BackupError


class Command(BaseCommand):
    """Back the database up, while everything runs."""

    help = "Write a backup of the database and its manifest; sealed when BACKUP_KEY is set."
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", type=Path, help="a file, or a folder for it (default: var/backups)")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            file, made = making.make(options["to"])
        except BackupError as error:
            raise CommandError(str(error)) from None
        kind = "sealed" if settings.BACKUP_KEY else "plain: set BACKUP_KEY to seal it"
        self.stdout.write(
            f"Backed up {sum(made.rows.values()):,} rows of {len(made.rows)} tables as of {made.taken_at}\n"
            f"  to {file} ({made.size:,} bytes, {kind})\n"
            f"  and {manifest.path_of(file).name}, which belongs beside it."
        )
