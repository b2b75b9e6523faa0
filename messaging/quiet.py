"""Quiet hours: the local hours in which nobody is texted unasked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from core import localtime

# How long before quiet hours the last message may be due, so that it is out before they begin.
MARGIN = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class QuietHours:
    """Quiet from `start` (included) to `end` (excluded) on the local clock, across midnight when start is the
    later one; never quiet when both are the same."""

    start: time
    end: time

    def contains(self, at: datetime, zone: ZoneInfo) -> bool:
        """Whether an instant falls into quiet hours."""
        wall = at.astimezone(zone).time()
        if self.start <= self.end:
            return self.start <= wall < self.end
        return wall >= self.start or wall < self.end

    def next_allowed(self, at: datetime, zone: ZoneInfo) -> datetime:
        """`at` itself when it is allowed, else when these quiet hours end, in UTC.

        An end that the clocks skip is moved forward with them.
        """
        if not self.contains(at, zone):
            return at.astimezone(UTC)
        ends = self._instants(self.end, localtime.local_day(at, zone), zone)
        return min(end for end in ends if end > at and not self.contains(end, zone))

    def last_allowed(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """`at` itself when it is allowed, else a minute before these quiet hours began, in UTC.

        None when less than a minute of the day is allowed.
        """
        if not self.contains(at, zone):
            return at.astimezone(UTC)
        starts = self._instants(self.start, localtime.local_day(at, zone), zone)
        lasts = [start - MARGIN for start in starts]
        return max((last for last in lasts if last < at and not self.contains(last, zone)), default=None)

    def _instants(self, wall: time, day: date, zone: ZoneInfo) -> list[datetime]:
        """When the clock shows `wall` from the day before to the day after; twice where it does so twice."""
        days = [day + timedelta(days=n) for n in (-1, 0, 1)]
        return [
            datetime.combine(each, wall, zone).replace(fold=fold).astimezone(UTC)
            for each in days
            for fold in (0, 1)
        ]


DEFAULT_QUIET = QuietHours(time(20), time(8))
