from __future__ import annotations

from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import safe_mode
from core.causes import Cause
from core.errors import Conflict
from messaging import restored, settling
from messaging.models import Message


class Command(BaseCommand):
    """End safe mode: put aside what may have been sent, ask the providers, and let the rest go."""

    help = "End the safe mode of a restored system, after putting aside what may have been sent already."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--force", action="store_true", help="although items of work wait")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            did = safe_mode.leave(cause=Cause.system("leave_safe_mode"), force=options["force"])
        except Conflict as refusal:
            raise CommandError(refusal.message) from None
        for what, count in sorted(did.items()):
            self.stdout.write(f"{count:>7,} {what}")
        if did.get(restored.TO_LOOK_UP):
            self._ask()
        self.stdout.write("Safe mode is off. What is unknown waits under Messages for a person.")

    def _ask(self) -> None:
        asked = list(
            Message.objects.filter(reason=restored.REASON, next_try_at__isnull=False).values_list(
                "pk", flat=True
            )
        )
        while settling.ask_about_unknown():
            continue
        rows = Message.objects.filter(pk__in=asked).values_list("status", flat=True)
        for status, count in sorted(Counter(rows).items()):
            self.stdout.write(f"        {count:,} of those looked up are {status} now")
