from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from core import clock, invariants


class Command(BaseCommand):
    """Check what must always be true of the rows, and say what is not."""

    help = "Check the promises about messages, deliveries and work against the rows; fails on any breach."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--hours", type=float, default=3, help="how far back the past is looked at")

    def handle(self, *args: Any, **options: Any) -> None:
        now = clock.now()
        breaches = invariants.check_all(now, since=now - timedelta(hours=options["hours"]))
        for breach in breaches:
            rows = ", ".join(str(pk) for pk in breach.ids)
            self.stdout.write(f"{breach.invariant}: {breach.what} Rows: {rows}.")
        if breaches:
            raise CommandError(f"{len(breaches)} promise(s) broken.")
        self.stdout.write(f"{len(invariants.names())} checks, no breach.")
