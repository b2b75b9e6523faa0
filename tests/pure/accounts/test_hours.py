"""Opening hours: pure, no database."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest

from accounts import hours

SYDNEY = ZoneInfo("Australia/Sydney")
WEEK = hours.parse_week(
    {
        **{day: [["09:00", "12:00"], ["13:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")},
        "sat": [["09:00", "12:00"]],
    }
)
CLINIC = hours.Hours(WEEK, SYDNEY, frozenset({date(2026, 11, 25)}), "AU", "NSW")


def local(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=SYDNEY)


@pytest.mark.parametrize(
    ("now", "closing"),
    [
        ("2026-11-23T08:00", "2026-11-23T17:00"),
        ("2026-11-23T12:30", "2026-11-23T17:00"),
        ("2026-11-23T16:59", "2026-11-23T17:00"),
        ("2026-11-23T17:00", "2026-11-24T17:00"),
        ("2026-11-24T18:00", "2026-11-26T17:00"),
        ("2026-11-27T23:00", "2026-11-28T12:00"),
        ("2026-11-28T12:00", "2026-11-30T17:00"),
        ("2026-12-24T17:30", "2026-12-29T17:00"),
    ],
    ids=[
        "before opening",
        "over lunch",
        "last minute",
        "closing time is over",
        "own closing day",
        "Saturday is short",
        "over the weekend",
        "over Christmas",
    ],
)
def test_the_end_of_the_business_day_is_the_next_closing_time(now: str, closing: str) -> None:
    found = CLINIC.end_of_business_day(local(now))
    assert found == local(closing)
    assert found.tzinfo is UTC


def test_days_on_which_clocks_change_close_at_their_local_time() -> None:
    daily = hours.Hours(hours.parse_week({day: [["09:00", "17:00"]] for day in hours.WEEKDAYS}), SYDNEY)
    before, after = (
        daily.end_of_business_day(local(day)) for day in ("2026-10-03T10:00", "2026-10-04T10:00")
    )
    assert (after - before).total_seconds() == 23 * 3600
    assert after.astimezone(SYDNEY).time() == time(17)


def test_a_clinic_without_hours_has_the_end_of_the_calendar_day() -> None:
    closed = hours.Hours(hours.parse_week({}), SYDNEY)
    assert closed.end_of_business_day(local("2026-11-23T10:00")) == local("2026-11-24T00:00")
    assert closed.next_opening(local("2026-11-23T10:00")) is None


@pytest.mark.parametrize(
    ("now", "is_open", "opens"),
    [
        ("2026-11-23T08:59", False, "2026-11-23T09:00"),
        ("2026-11-23T09:00", True, "2026-11-23T09:00"),
        ("2026-11-23T11:59", True, "2026-11-23T13:00"),
        ("2026-11-23T12:00", False, "2026-11-23T13:00"),
        ("2026-11-23T17:00", False, "2026-11-24T09:00"),
        ("2026-11-25T10:00", False, "2026-11-26T09:00"),
        ("2026-11-29T10:00", False, "2026-11-30T09:00"),
    ],
)
def test_it_knows_when_it_is_open_and_opens_next(now: str, is_open: bool, opens: str) -> None:
    assert CLINIC.is_open(local(now)) is is_open
    assert CLINIC.next_opening(local(now)) == local(opens)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ([], "table of days"),
        ({"monday": []}, "Unknown day monday"),
        ({"mon": "09:00-17:00"}, "mon: give a list"),
        ({"mon": [["09:00"]]}, "mon: "),
        ({"mon": [["nine", "17:00"]]}, "not a span"),
        ({"mon": [["17:00", "09:00"]]}, "must be later"),
        ({"mon": [["09:00", "09:00"]]}, "must be later"),
        ({"mon": [["09:00", "12:00"], ["11:00", "17:00"]]}, "overlaps"),
        ({"mon": [["09:00+10:00", "17:00+10:00"]]}, "mon: "),
    ],
)
def test_hours_that_make_no_sense_are_refused_by_name(raw: object, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        hours.parse_week(raw)


@pytest.mark.parametrize("raw", ["2026-12-24", ["24.12.2026"], {"a": 1}])
def test_own_days_that_are_no_dates_are_refused(raw: object) -> None:
    with pytest.raises(ValueError, match="date"):
        hours.parse_own_days(raw)


def test_an_unknown_holiday_calendar_has_no_holidays() -> None:
    nowhere = hours.Hours(WEEK, SYDNEY, frozenset(), "ZZ", "")
    assert nowhere.is_open(local("2026-12-25T10:00"))
    assert not CLINIC.is_open(local("2026-12-25T10:00"))


def test_own_days_are_dates_each_counted_once() -> None:
    assert hours.parse_own_days(["2026-12-24", "2026-12-24"]) == frozenset({date(2026, 12, 24)})
    assert hours.parse_own_days([]) == frozenset()
