"""When a task that is put off comes back: an hour, this afternoon, tomorrow morning, next week. Pure.

Wall-clock times are the location's, right on days of 23 or 25 hours.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from core.errors import Invalid
from core.localtime import local_day, to_utc

AFTERNOON, MORNING = time(15), time(9)
#: choice -> what the button says.
PRESETS = {
    "hour": "In an hour",
    "afternoon": "This afternoon",
    "tomorrow": "Tomorrow 9:00",
    "week": "Next week",
}


def until(choice: str, *, now: datetime, zone: ZoneInfo) -> datetime:
    """The instant, in UTC, that a preset means: now plus an hour, 15:00 today, 9:00 tomorrow, Monday 9:00.

    Raises Invalid for an unknown choice, and for this afternoon once it has begun.
    """
    today = local_day(now, zone)
    if choice == "hour":
        return now + timedelta(hours=1)
    if choice == "tomorrow":
        return to_utc(datetime.combine(today + timedelta(days=1), MORNING), zone)
    if choice == "week":
        return to_utc(datetime.combine(today + timedelta(days=7 - today.weekday()), MORNING), zone)
    if choice != "afternoon":
        raise Invalid(
            f"Put it off until one of: {', '.join(PRESETS)}.",
            code="unknown_snooze",
            fields={"until": "unknown"},
        )
    at = to_utc(datetime.combine(today, AFTERNOON), zone)
    if at <= now:
        raise Invalid("This afternoon has begun.", code="in_the_past", fields={"until": "in the past"})
    return at


def offered(*, now: datetime, zone: ZoneInfo) -> list[tuple[str, str]]:
    """The presets that can be chosen now, with their words."""
    begun = to_utc(datetime.combine(local_day(now, zone), AFTERNOON), zone) <= now
    return [(key, words) for key, words in PRESETS.items() if not (begun and key == "afternoon")]
