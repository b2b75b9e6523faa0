from __future__ import annotations

import random
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from avatar_cms.launch.errors import LaunchError
from avatar_cms.simulation import judge, scratch
from avatar_cms.simulation.play import Simulation, furnish

SHOWN = 40


class Command(BaseCommand):
    """Play days of the demo clinics in a database of its own and judge what is left; exit code 1 on any breach."""

    help = "Simulate days of two clinics with a moving clock, and judge whether everything ended lawfully."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--days", type=int, default=90, help="how many days (default 90, a quarter)")
        parser.add_argument("--seed", type=int, help="the same number plays the same days (default: drawn)")
        parser.add_argument("--per-day", type=float, default=5, help="newcomers a day (default 5)")
        parser.add_argument(
            "--keep", action="store_true", help=f"keep the database {scratch.NAME} to look at"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not 1 <= options["days"] <= 366:
            raise CommandError("Simulate between 1 and 366 days: --days 90.")
        if not 0 < options["per_day"] <= 200:
            raise CommandError("Give up to 200 newcomers a day: --per-day 5.")
        seed = options["seed"] if options["seed"] is not None else random.SystemRandom().randrange(1_000_000)
        self.stdout.write(f"Simulating {options['days']} days with seed {seed}.")
        started = monotonic()
        settings.DEMO_PASSWORD = settings.DEMO_PASSWORD or "not-used-by-anybody"
        try:
            with scratch.database(keep=options["keep"]):
                furnish()
                simulation = Simulation(
                    seed, options["days"], a_day=options["per_day"], progress=self._progress
                )
                ended = simulation.run()
                breaches = judge.judge(ended)
                for name, value in judge.figures().items():
                    self.stdout.write(f"{name:>18}: {value:,}")
                self.stdout.write(f"{'fingerprint':>18}: {judge.digest()}")
        except (scratch.NoScratchDatabase, LaunchError) as error:
            raise CommandError(str(error)) from None
        self.stdout.write(f"{'took':>18}: {monotonic() - started:.0f} s")
        for breach in breaches[:SHOWN]:
            self.stderr.write(f"{breach.law}: {breach.row} {breach.what}")
        if breaches:
            raise CommandError(f"{len(breaches)} breach(es). Play it again with --seed {seed} --keep.")
        self.stdout.write("No breach: every lead and visit is in a lawful state, every text is explained.")

    def _progress(self, day: int, days: int) -> None:
        if day != getattr(self, "_day", 0) and day % 10 == 0:
            self._day = day
            self.stdout.write(f"  day {day} of {days}")
            self.stdout.flush()
