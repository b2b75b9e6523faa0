from __future__ import annotations

from pathlib import Path
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connections

from avatar_cms.backups import restoring, tools
from avatar_cms.backups.errors import BackupError
from avatar_cms.backups.restoring import Restored
from avatar_cms.simulation import scratch

REHEARSAL = "avatar_rehearsal"


class Command(BaseCommand):
    """Restore a backup, or rehearse that in a database of its own."""

    help = (
        "Restore a backup of the database; it comes up in safe mode. Web, workers and Beat must be stopped."
    )
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "file", type=Path, help="what manage.py backup wrote; its manifest lies beside it"
        )
        parser.add_argument("--yes", action="store_true", help="replace a database that is not empty")
        parser.add_argument(
            "--rehearse", action="store_true",
            help=f"restore into the database {REHEARSAL}, check it, and throw it away; nothing else is touched",
        )  # fmt: skip

    def handle(self, *args: Any, **options: Any) -> None:
        started = monotonic()
        try:
            if options["rehearse"]:
                with tools.database_server(), scratch.database(name=REHEARSAL, migrated=False):
                    done = restoring.restore(options["file"])
            else:
                with tools.database_server():
                    name = connections["owner"].settings_dict["NAME"]
                    done = restoring.restore(options["file"], overwrite=options["yes"])
        except (BackupError, scratch.NoScratchDatabase) as error:
            raise CommandError(str(error)) from None
        self._say(done, f"rehearsed in {REHEARSAL}" if options["rehearse"] else f"restored into {name}")
        self.stdout.write(f"  took {monotonic() - started:.1f} s")
        if not options["rehearse"]:
            self.stdout.write(
                "Safe mode is on: nothing is sent. Start the processes, look, let missed deliveries come in, then\n"
                "  manage.py leave_safe_mode"
            )

    def _say(self, done: Restored, what: str) -> None:
        manifest = done.manifest
        self.stdout.write(
            f"{manifest.file}, {what}: {done.rows:,} rows of {done.tables} tables, each counted\n"
            f"  as of {manifest.taken_at}, of the installation {manifest.installation or 'without a name'}\n"
            f"  {done.newer} newer migrations applied on top"
        )
