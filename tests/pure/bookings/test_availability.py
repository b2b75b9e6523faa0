from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts.hours import DEFAULT_WEEK, Hours, parse_week
from bookings.availability import Place, free_times, objections, read_roster

SYDNEY = ZoneInfo("Australia/Sydney")
HOURS = Hours(parse_week(DEFAULT_WEEK), SYDNEY, country="AU", state="NSW")
HALF = timedelta(minutes=30)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SYDNEY).astimezone(UTC)


def local(found: list[datetime]) -> list[str]:
    return [f"{start.astimezone(SYDNEY):%a %H:%M}" for start in found]


def test_free_times_are_the_nearest_to_the_wish_and_leave_the_busy_ones_out() -> None:
    place = Place(HOURS, busy=[(at("2026-12-01T11:00"), at("2026-12-01T12:00"))])
    found = free_times(at("2026-12-01T11:00"), HALF, place, now=at("2026-12-01T08:00"), limit=4)
    assert local(found) == ["Tue 10:00", "Tue 10:15", "Tue 10:30", "Tue 12:00"]


def test_the_buffer_after_a_visit_needs_room_too() -> None:
    place = Place(HOURS, busy=[(at("2026-12-01T11:00"), at("2026-12-01T12:00"))])
    found = free_times(
        at("2026-12-01T11:00"), HALF, place, now=at("2026-12-01T08:00"), buffer=timedelta(minutes=15), limit=3
    )
    assert local(found) == ["Tue 10:00", "Tue 10:15", "Tue 12:00"]


def test_nothing_is_offered_that_has_passed_and_a_closed_day_is_stepped_over() -> None:
    found = free_times(at("2026-12-05T12:00"), HALF, Place(HOURS), now=at("2026-12-05T12:40"), limit=2)
    assert local(found) == ["Mon 08:30", "Mon 08:45"]


def test_a_roster_narrows_the_clinics_hours_and_an_empty_one_does_not() -> None:
    tuesdays = Place(HOURS, roster=read_roster({"tue": [["13:00", "14:00"]]}))
    found = free_times(at("2026-12-01T09:00"), HALF, tuesdays, now=at("2026-12-01T08:00"), limit=4)
    assert local(found) == ["Tue 13:00", "Tue 13:15", "Tue 13:30", "Tue 13:00"]
    assert read_roster({}) == ()
    assert read_roster({"mon": "nonsense"}) == ()


def test_on_the_day_the_clocks_change_times_stay_on_the_wall() -> None:
    open_sundays = Hours(parse_week({"sun": [["01:00", "04:00"]]}), SYDNEY)
    found = free_times(
        at("2026-10-04T01:00"), HALF, Place(open_sundays), now=at("2026-10-03T08:00"), limit=20
    )
    walls = local(found)[:6]
    assert walls[:2] == ["Sun 01:15", "Sun 01:30"]
    assert not any(wall.startswith("Sun 02:") for wall in walls)


@pytest.mark.parametrize(
    ("start", "said"),
    [
        ("2026-12-01T09:00", []),
        ("2026-12-01T17:15", ["Outside opening hours (08:30-17:30)."]),
        ("2026-12-06T10:00", ["The clinic is closed on that day."]),
        ("2026-12-25T10:00", ["The clinic is closed on that day (Christmas Day)."]),
        ("2026-12-01T15:00", ["Dr Lee does not work at that time."]),
    ],
)
def test_what_speaks_against_a_time(start: str, said: list[str]) -> None:
    place = Place(HOURS, roster=read_roster({"tue": [["08:30", "12:00"]]}))
    day = at(start).astimezone(SYDNEY).date()
    assert objections(at(start), at(start) + HALF, place, who="Dr Lee", closed=HOURS.holiday(day)) == said
