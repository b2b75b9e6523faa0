from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from core import localtime

SYDNEY = ZoneInfo("Australia/Sydney")
LORD_HOWE = ZoneInfo("Australia/Lord_Howe")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("wall", "zone", "instant"),
    [
        ("2026-07-01T09:00", SYDNEY, "2026-06-30T23:00"),
        ("2026-12-01T09:00", SYDNEY, "2026-11-30T22:00"),
        ("2026-12-01T09:00+00:00", SYDNEY, "2026-12-01T09:00"),
        # 02:30 is skipped on 2027-10-03: moved forward by the gap, to 03:30.
        ("2027-10-03T02:30", SYDNEY, "2027-10-02T16:30"),
        ("2027-10-03T02:00", SYDNEY, "2027-10-02T16:00"),
        ("2027-10-03T02:10", LORD_HOWE, "2027-10-02T15:40"),
        # 02:30 comes twice on 2027-04-04: the first of the two.
        ("2027-04-04T02:30", SYDNEY, "2027-04-03T15:30"),
    ],
)
def test_a_wall_clock_time_becomes_an_instant(wall: str, zone: ZoneInfo, instant: str) -> None:
    found = localtime.to_utc(datetime.fromisoformat(wall), zone)
    assert found == utc(instant)
    assert found.tzinfo is UTC


def test_the_second_of_two_equal_times_is_not_asked_for() -> None:
    wall = datetime.fromisoformat("2027-04-04T02:30").replace(fold=1)
    assert localtime.to_utc(wall, SYDNEY) == utc("2027-04-03T15:30")


def test_a_day_starts_at_local_midnight() -> None:
    assert localtime.start_of_day(date(2026, 11, 21), SYDNEY) == utc("2026-11-20T13:00")
    # Midnight is skipped in Beirut on 2026-03-29.
    assert localtime.start_of_day(date(2026, 3, 29), ZoneInfo("Asia/Beirut")) == utc("2026-03-28T22:00")


def test_an_instant_falls_on_a_local_day() -> None:
    assert localtime.local_day(utc("2026-11-20T12:59"), SYDNEY) == date(2026, 11, 20)
    assert localtime.local_day(utc("2026-11-20T13:00"), SYDNEY) == date(2026, 11, 21)


def test_a_time_reads_as_lists_show_it() -> None:
    assert localtime.in_words(datetime.fromisoformat("2026-12-01T09:00+11:00")) == "Tue 1 Dec, 09:00"
