from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction
from django_celery_beat.models import IntervalSchedule, PeriodicTask

#: Everything else that happens at a time is a row with `due_at`, found by these three.
TICKS = (
    ("core.tick_10s", 10, IntervalSchedule.SECONDS),
    ("core.tick_1min", 1, IntervalSchedule.MINUTES),
    ("core.tick_15min", 15, IntervalSchedule.MINUTES),
)


class Command(BaseCommand):
    """Write the fixed ticks into Beat's table. A tick that was switched off by hand stays off."""

    help = "Make Beat's schedule hold the three fixed ticks."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        for job, every, period in TICKS:
            interval = IntervalSchedule.objects.filter(every=every, period=period).first()
            interval = interval or IntervalSchedule.objects.create(every=every, period=period)
            wanted = {"task": job, "interval": interval, "crontab": None, "solar": None, "clocked": None}
            tick, made = PeriodicTask.objects.get_or_create(
                name=job,
                # A tick that waited in the queue longer than its interval has been overtaken by the next one.
                defaults={
                    **wanted,
                    "expire_seconds": every * (60 if period == IntervalSchedule.MINUTES else 1),
                },
            )
            changed = [name for name, value in wanted.items() if getattr(tick, name) != value]
            if changed:
                for name in changed:
                    setattr(tick, name, wanted[name])
                tick.save()
            if options["verbosity"] > 0:
                self.stdout.write(f"{job}: {'added' if made else 'corrected' if changed else 'unchanged'}.")
