from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from core import ticks, work


class Command(BaseCommand):
    """Run due work here and now, without Celery."""

    help = "Run due work and sends in this process. --until-idle repeats until nothing is due."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--until-idle", action="store_true", help="repeat until nothing is due now")

    def handle(self, *args: Any, **options: Any) -> None:
        ran = until_idle() if options["until_idle"] else once()
        self.stdout.write(f"{ran} piece(s) of work done.")


def once() -> int:
    """Whatever is due now: work, then the 10 s and 1 min ticks."""
    return work.drain() + ticks.run("10s") + ticks.run("1min")


def until_idle() -> int:
    """`once` until it finds nothing. Returns how many things were done."""
    ran = 0
    while did := once():
        ran += did
    return ran
