"""When a visit could take place: free times near a wish, and what speaks against a time. Pure.

All instants are aware; `Hours` knows the clinic's zone, so days of 23 and 25 hours come out right. A roster is a week
like opening hours; an empty one says nothing, and then the clinic's hours count alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from accounts.hours import Hours, Week, parse_week

STEP = timedelta(minutes=15)
DAYS = 21

Busy = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Place:
    """Where times are looked for: the clinic's hours, the practitioner's week (empty: not modelled), and when the
    practitioner or the room is taken, buffers included.
    """

    hours: Hours
    roster: Week = ()
    busy: Sequence[Busy] = ()

    def spans(self, day: date) -> list[Busy]:
        """When somebody could be seen on a local day, as instants."""
        opened = [(self.hours.instant(day, a), self.hours.instant(day, b)) for a, b in self.hours.spans(day)]
        if not any(self.roster):
            return opened
        works = [
            (self.hours.instant(day, a), self.hours.instant(day, b)) for a, b in self.roster[day.weekday()]
        ]
        both = [(max(a, c), min(b, d)) for a, b in opened for c, d in works]
        return [(start, end) for start, end in both if start < end]

    def is_free(self, start: datetime, end: datetime) -> bool:
        """Whether nobody else has that time."""
        return all(end <= taken or start >= free for taken, free in self.busy)


def read_roster(raw: object) -> Week:
    """A stored roster; one that is empty or cannot be read counts as none."""
    try:
        week = parse_week(raw)
    except ValueError:
        return ()
    return week if any(week) else ()


def free_times(
    wish: datetime,
    length: timedelta,
    place: Place,
    *,
    now: datetime,
    buffer: timedelta = timedelta(),
    limit: int = 6,
) -> list[datetime]:
    """The starts (UTC) nearest to a wish at which `length` and the buffer after it fit, at most `limit`, in order of
    time: first of the wished-for day, then of the days after it, up to `DAYS` of them.
    """
    first = max(wish, now).astimezone(place.hours.zone).date()
    found: list[datetime] = []
    for offset in range(DAYS):
        day = first + timedelta(days=offset)
        starts = [start for start in _starts(day, length, place) if start > now]
        fits = [start for start in starts if start != wish and place.is_free(start, start + length + buffer)]
        found += sorted(fits, key=lambda start: (abs(start - wish), start))[: limit - len(found)]
        if len(found) >= limit:
            break
    return sorted(found)


def _starts(day: date, length: timedelta, place: Place) -> Iterable[datetime]:
    for opens, closes in place.spans(day):
        start = opens
        while start + length <= closes:
            yield start.astimezone(UTC)
            start += STEP


def objections(start: datetime, end: datetime, place: Place, *, who: str, closed: str = "") -> list[str]:
    """What speaks against a time although it is free, in words: the clinic is closed, the practitioner is not there.

    `closed` names the holiday, if it is one; `who` is the practitioner's name, empty without one.
    """
    day = start.astimezone(place.hours.zone).date()
    opened = [(place.hours.instant(day, a), place.hours.instant(day, b)) for a, b in place.hours.spans(day)]
    if not opened:
        return [f"The clinic is closed on that day{f' ({closed})' if closed else ''}."]
    if not _within(start, end, opened):
        hours = ", ".join(f"{a:%H:%M}-{b:%H:%M}" for a, b in place.hours.spans(day))
        return [f"Outside opening hours ({hours})."]
    if who and any(place.roster) and not _within(start, end, place.spans(day)):
        return [f"{who} does not work at that time."]
    return []


def _within(start: datetime, end: datetime, spans: Sequence[Busy]) -> bool:
    return any(opens <= start and end <= closes for opens, closes in spans)
