from __future__ import annotations

from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from avatar_cms.demo import history, play
from bookings.models import Booking
from contacts.models import Contact
from messaging.models import Message

SEED = 7


class Command(BaseCommand):
    """Give the demo clinics a history: 60 days back and 14 ahead, made through the services with a moving clock."""

    help = "Make the demo clinics' history, where they have none; go on with one that was interrupted."
    requires_migrations_checks = True

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--seed", type=int, default=SEED, help="another number tells another story")

    def handle(self, *args: Any, **options: Any) -> None:
        self.quiet, self.percent = options["verbosity"] == 0, -1
        try:
            wanted = history.wanted(seed=options["seed"])
        except history.Refused as error:
            raise CommandError(str(error)) from None
        if wanted is None:
            self._say("The demo clinics have people already; nothing was done.")
            return
        started = monotonic()
        self._say("Making the demo clinics' last 60 days:", end="")
        play.play(wanted, progress=self._progress)
        self._say(
            f" {Contact.objects.count()} people, {Booking.objects.count()} visits, {Message.objects.count()} texts, "
            f"in {monotonic() - started:.0f} s."
        )

    def _progress(self, done: int, steps: int) -> None:
        percent = 20 * (5 * done // steps)
        if percent != self.percent and percent:
            self.percent = percent
            self._say(f" {percent} %", end="")

    def _say(self, text: str, *, end: str = "\n") -> None:
        if not self.quiet:
            self.stdout.write(text, ending=end)
            self.stdout.flush()
