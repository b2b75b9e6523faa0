"""Wall-clock times and instants: one rule for the nights on which clocks change.

Pure. A local time that does not exist (clocks went forward) is moved forward by the gap; a local time that
exists twice (clocks went back) means the first of the two.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo


def to_utc(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, that a wall clock in `zone` shows as `wall`. An offset of `wall`'s own wins."""
    if wall.tzinfo is None:
        wall = wall.replace(tzinfo=zone, fold=0)
    return wall.astimezone(UTC)


def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """The first instant, in UTC, of a local day."""
    return to_utc(datetime.combine(day, time.min), zone)


def local_day(at: datetime, zone: ZoneInfo) -> date:
    """The day on which an instant falls in `zone`."""
    return at.astimezone(zone).date()


def in_words(wall: datetime) -> str:
    """A time on a clinic's clock as lists show it: "Fri 27 Nov, 09:00"."""
    return f"{wall:%a %-d %b, %H:%M}"
