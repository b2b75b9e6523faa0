from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import sending_stops
from accounts.models import Location, SendingStop
from core.causes import Cause

BY = Cause.system("sending")
KIND = SendingStop.Kind.KILL_SWITCH


class Command(BaseCommand):
    """Stop all sending or let it go on, and say what is stopped."""

    help = "Stop all sending (off), let it go on (on), or say what is stopped (status); everywhere or in one clinic."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("to", choices=("off", "on", "status"))
        parser.add_argument("--why", default="", help="the reason, for whoever reads it later")
        parser.add_argument("--location", metavar="CODE", help="one clinic; without it, all of them")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["to"] == "status":
            return self._say()
        why = options["why"].strip()
        if not why:
            raise CommandError("Say why, with --why: whoever reads it later must understand.")
        place = self._place(options["location"])
        location_id = None if place is None else place.pk
        if options["to"] == "off":
            sending_stops.stop(kind=KIND, reason=why, cause=BY, location_id=location_id)
        elif sending_stops.resume(kind=KIND, cause=BY, location_id=location_id, reason=why) is None:
            raise CommandError("Nobody stopped it there. `manage.py sending status` says what is stopped.")
        self._say()

    def _place(self, code: str | None) -> Location | None:
        if code is None:
            return None
        place = Location.objects.filter(code=code).first()
        if place is None:
            known = ", ".join(Location.objects.order_by("code").values_list("code", flat=True)) or "none"
            raise CommandError(f"There is no location {code}. There are: {known}.")
        return place

    def _say(self) -> None:
        rows = list(sending_stops.in_force().select_related("location"))
        if not rows:
            self.stdout.write("Nothing is stopped.")
        for row in rows:
            where = row.location.name if row.location else "Everywhere"
            self.stdout.write(f"{where}: stopped since {row.stopped_at:%Y-%m-%d %H:%M} UTC. {row.reason}")
