from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts.hours import DEFAULT_WEEK, Hours, parse_week
from integrations.silence import hearing

HOURS = Hours(parse_week(DEFAULT_WEEK), ZoneInfo("Australia/Sydney"))
FRIDAY = datetime(2026, 11, 20, 6, 0, tzinfo=UTC)
"""Friday 17:00 in Sydney; the clinic closes at 17:30, and is open on Saturday from 9 to 13."""


def heard(gap: timedelta, count: int, *, now: datetime, last: datetime = FRIDAY) -> bool:
    moments = [last - n * gap for n in range(count)]
    return hearing(moments, open_between=HOURS.open_between, now=now).silent


@pytest.mark.parametrize(
    ("later", "silent"),
    [
        (timedelta(minutes=29), False),
        # On Friday half an hour of opening was left; the clinic opens again 16 h later, and an hour is the limit.
        (timedelta(hours=15, minutes=59), False),
        (timedelta(hours=16, minutes=31), True),
    ],
)
def test_the_gap_counts_in_opening_hours_only(later: timedelta, silent: bool) -> None:
    assert heard(timedelta(minutes=20), 60, now=FRIDAY + later) is silent


def test_however_busy_half_an_hour_is_nothing() -> None:
    assert not heard(timedelta(seconds=1), 60, now=FRIDAY + timedelta(minutes=29))


def test_a_single_busy_hour_does_not_make_an_ordinary_day_silent() -> None:
    days = [FRIDAY - timedelta(days=7 * week) for week in range(1, 8)]
    burst = [FRIDAY - timedelta(seconds=n) for n in range(30)]
    moments = [*burst, *days]
    found = hearing(moments, open_between=HOURS.open_between, now=FRIDAY + timedelta(days=7))
    assert found.usual is not None
    assert not found.silent


@pytest.mark.parametrize(("count", "after"), [(0, 1), (19, 1), (60, 31)])
def test_who_never_said_much_or_was_given_up_is_not_silent(count: int, after: int) -> None:
    assert not heard(timedelta(minutes=20), count, now=FRIDAY + timedelta(days=after))


def test_opening_hours_between_two_moments() -> None:
    monday = datetime(2026, 11, 22, 21, 30, tzinfo=UTC)  # 8:30 in Sydney
    assert HOURS.open_between(FRIDAY, monday) == timedelta(hours=4, minutes=30)
    assert HOURS.open_between(monday, monday + timedelta(hours=2)) == timedelta(hours=2)
    assert HOURS.open_between(monday, FRIDAY) == timedelta(0)
