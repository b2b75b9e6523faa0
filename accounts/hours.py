"""Opening hours of a clinic: parsing, opening, closing, business days. Pure Python, no database.

A week is stored as {"mon": [["09:00", "17:30"]], …, "sun": []}: local wall-clock times, several spans a day
allowed. Wall-clock times become instants through the clinic's zone, so a day of 23 or 25 hours is handled by
the zone.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DEFAULT_WEEK: dict[str, list[list[str]]] = {
    **{day: [["08:30", "17:30"]] for day in WEEKDAYS[:5]},
    "sat": [["09:00", "13:00"]],
    "sun": [],
}
#: How far ahead an open day is looked for before the clinic counts as having no hours at all.
HORIZON_DAYS = 60

Span = tuple[time, time]
Week = tuple[tuple[Span, ...], ...]


def parse_week(raw: object) -> Week:
    """The stored JSON as spans per weekday, Monday first.

    Raises ValueError, naming the day, for unknown days, times that are not HH:MM, and spans that end before
    they start or overlap.
    """
    if not isinstance(raw, Mapping):
        raise ValueError('Opening hours must be a table of days, for example {"mon": [["09:00", "17:00"]]}.')
    unknown = sorted(str(day) for day in raw if day not in WEEKDAYS)
    if unknown:
        raise ValueError(f"Unknown day {', '.join(unknown)}: use {', '.join(WEEKDAYS)}.")
    return tuple(_parse_day(day, raw.get(day, [])) for day in WEEKDAYS)


def _parse_day(day: str, raw: object) -> tuple[Span, ...]:
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise ValueError(f'{day}: give a list of spans, for example [["09:00", "17:00"]].')
    spans: list[Span] = []
    for item in raw:
        try:
            opens, closes = (time.fromisoformat(str(part)) for part in item)
        except (TypeError, ValueError):
            raise ValueError(
                f'{day}: {item!r} is not a span of two times such as ["09:00", "17:00"].'
            ) from None
        if opens.tzinfo or closes.tzinfo or closes <= opens:
            raise ValueError(f"{day}: closing {closes:%H:%M} must be later than opening {opens:%H:%M}.")
        if spans and opens < spans[-1][1]:
            raise ValueError(f"{day}: the span from {opens:%H:%M} overlaps the one before it.")
        spans.append((opens, closes))
    return tuple(spans)


@lru_cache(maxsize=64)
def public_holidays(country: str, state: str) -> Container[date]:
    """Public holidays of a country and state; an empty set for a calendar that does not exist."""
    try:
        return holidays.country_holidays(country, subdiv=state or None)
    except NotImplementedError:
        return frozenset()


def parse_own_days(raw: object) -> frozenset[date]:
    """The clinic's own closing days, stored as ["2026-12-24", …]. Raises ValueError naming the bad one."""
    if not isinstance(raw, list):
        raise ValueError('Own closing days must be a list of dates, for example ["2026-12-24"].')
    days = set()
    for item in raw:
        try:
            days.add(date.fromisoformat(str(item)))
        except ValueError:
            raise ValueError(f"{item!r} is not a date such as 2026-12-24.") from None
    return frozenset(days)


@dataclass(frozen=True, slots=True)
class Hours:
    """When one clinic is open: its week, its zone, and the days it stays closed."""

    week: Week
    zone: ZoneInfo
    own_days: frozenset[date] = frozenset()
    country: str = ""
    state: str = ""

    def spans(self, day: date) -> tuple[Span, ...]:
        """Opening spans of a local day, none on a holiday."""
        return () if self.holiday(day) else self.week[day.weekday()]

    def holiday(self, day: date) -> str:
        """Why the clinic is closed on a local day whatever its week says: a name for people; empty when it is not."""
        if day in self.own_days:
            return "Own closing day"
        calendar = public_holidays(self.country, self.state) if self.country else ()
        if day not in calendar:
            return ""
        return str(calendar[day]) if isinstance(calendar, Mapping) else "Public holiday"

    def is_open(self, now: datetime) -> bool:
        """Whether the clinic is open at this instant; closing time itself is closed."""
        local = now.astimezone(self.zone)
        wall = local.time().replace(fold=0)
        return any(opens <= wall < closes for opens, closes in self.spans(local.date()))

    def open_between(self, start: datetime, end: datetime) -> timedelta:
        """How long the clinic is open from one instant to a later one; nothing when the end is not later."""
        total = timedelta()
        day = start.astimezone(self.zone).date()
        last = end.astimezone(self.zone).date()
        while day <= last:
            for opens, closes in self.spans(day):
                first, then = self.instant(day, opens), self.instant(day, closes)
                total += max(timedelta(), min(then, end) - max(first, start))
            day += timedelta(days=1)
        return total

    def next_opening(self, now: datetime) -> datetime | None:
        """The next instant (UTC) at which a span begins, now included; None when nothing opens in sight."""
        today = now.astimezone(self.zone).date()
        for offset in range(HORIZON_DAYS):
            day = today + timedelta(days=offset)
            for opens, _closes in self.spans(day):
                instant = self.instant(day, opens)
                if instant >= now:
                    return instant
        return None

    def end_of_business_day(self, now: datetime) -> datetime:
        """Closing time (UTC) of today, or of the next open day when today is closed or already over.

        A clinic without any hours in sight has the end of its local calendar day instead.
        """
        today = now.astimezone(self.zone).date()
        for offset in range(HORIZON_DAYS):
            day = today + timedelta(days=offset)
            spans = self.spans(day)
            if spans:
                closing = self.instant(day, spans[-1][1])
                if closing > now:
                    return closing
        return self.instant(today + timedelta(days=1), time())

    def instant(self, day: date, wall: time) -> datetime:
        """The instant (UTC) at which this clinic's clock shows `wall` on a day."""
        return datetime.combine(day, wall, tzinfo=self.zone).astimezone(UTC)
