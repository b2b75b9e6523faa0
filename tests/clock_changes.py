"""The nights on which clocks change, from IANA's data, for tests: 13 zones that change twice a year.

Nothing here asks zoneinfo: wall-clock times are computed from the offsets in the list, so that what is tested is not
its own judge.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

LIST = Path(__file__).parent / "data" / "timezone_transitions.json"


@dataclass(frozen=True)
class Change:
    """Clocks of `zone` show UTC + `before` until `at` (aware), then UTC + `after`."""

    zone: str
    at: datetime
    before: timedelta
    after: timedelta

    def __str__(self) -> str:
        return f"{self.zone.split('/')[1]} {'missing' if self.missing else 'double'} {self.at:%Y}"

    @property
    def missing(self) -> bool:
        """Whether a stretch of the night is left out; else it is there twice."""
        return self.after > self.before

    @property
    def stretch(self) -> timedelta:
        """How long the stretch is."""
        return abs(self.after - self.before)

    @property
    def turn(self) -> datetime:
        """The naive wall-clock time at which clocks are changed, as the old offset shows it."""
        return self.at.replace(tzinfo=None) + self.before

    def wall(self, moment: datetime) -> datetime:
        """What a clock shows (naive), within the half-year on either side of the change."""
        return moment.replace(tzinfo=None) + (self.before if moment < self.at else self.after)

    def instants(self, wall: datetime) -> list[datetime]:
        """When a clock shows this, earliest first: never, once or twice."""
        utc = self.at.tzinfo
        shown = [
            (wall - offset).replace(tzinfo=utc) for offset in sorted((self.before, self.after), reverse=True)
        ]
        return [moment for moment in dict.fromkeys(shown) if self.wall(moment) == wall]

    def instant(self, wall: datetime) -> datetime:
        """The first time a clock shows this; where it never does, as much later as clocks were moved."""
        return next(iter(self.instants(wall)), None) or self.instants(wall + self.stretch)[0]


@cache
def changes(*years: int) -> list[Change]:
    """Both changes of each year in each zone that changes twice a year, every year of the list."""
    rows = [row for row in json.loads(LIST.read_text()) if row["transition_utc"]]
    often = Counter(row["zone"] for row in rows)
    return [change for row in rows if often[row["zone"]] == 22 and (change := _change(row)).at.year in years]


def _change(row: dict) -> Change:
    return Change(
        row["zone"],
        datetime.fromisoformat(row["transition_utc"]),
        timedelta(minutes=row["before"]["offset_min"]),
        timedelta(minutes=row["after"]["offset_min"]),
    )


def visits(change: Change) -> Iterator[datetime]:
    """Aware times of visits around a change: the day itself, the two after it, and the hour that is missing or
    double (twice, where it is there twice).
    """
    day = change.turn.replace(hour=0, minute=0)
    for wall in (
        day + timedelta(hours=10),
        day + timedelta(hours=13, minutes=45),
        day + timedelta(days=1, hours=9),
        day + timedelta(days=2, hours=15, minutes=15),
        day + timedelta(days=1) + (change.turn - day) + timedelta(minutes=10),
        day + timedelta(days=2) + (change.turn - day) - timedelta(minutes=10),
    ):
        yield change.instant(wall)
    yield change.at + timedelta(minutes=5)
    yield from change.instants(change.turn - change.stretch / 2)
