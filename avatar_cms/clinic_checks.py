"""What `doctor` asks of the machine under every clinic: a worker, Beat, clocks that agree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db import connection

from accounts import doctor
from accounts.doctor import Finding, Level
from accounts.models import Location
from avatar_cms.state import machine
from core import clock

#: Claims go by the database's clock, due times by ours: further apart than this, work comes early or late.
MOST_APART = timedelta(seconds=5)
_HARM = {"worker": "Nothing is sent and no rule runs.", "beat": "Nothing happens by the clock."}


def processes(location: Location) -> Iterator[Finding]:
    """A worker that answers and a Beat that ticks."""
    beats = machine.processes()
    for name, harm in _HARM.items():
        beat = beats[name]
        if beat.age is not None and not beat.late:
            yield Finding(Level.OK, beat.name, "It runs.")
        else:
            when = "at all" if beat.age is None else f"since {clock.now() - beat.age:%d %b %Y, %H:%M} UTC"
            yield Finding(
                Level.MISSING, beat.name, f"It has not shown life {when}. {harm}",
                f"Start it: the process “{name}” of the Procfile.",
            )  # fmt: skip


def clocks(location: Location) -> Iterator[Finding]:
    """The database's clock and this machine's."""
    if clock.overridden() is not None:
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        apart = abs(clock.now() - cursor.fetchone()[0])
    if apart > MOST_APART:
        yield Finding(
            Level.WARNING, "Clocks", f"The database's clock is {apart.total_seconds():.0f} s off this machine's.",
            "Let both keep network time (NTP).",
        )  # fmt: skip
    else:
        yield Finding(Level.OK, "Clocks", "Database and machine agree.")


def connect() -> None:
    """Called from AppConfig.ready()."""
    doctor.checks.register("system.processes", processes)
    doctor.checks.register("system.clocks", clocks)
