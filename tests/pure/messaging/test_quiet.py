from __future__ import annotations

import json
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.quiet import DEFAULT_QUIET, QuietHours

SYDNEY = ZoneInfo("Australia/Sydney")
NIGHT = QuietHours(time(20), time(8))
NOON = QuietHours(time(12), time(14))


def at(wall: str, zone: ZoneInfo = SYDNEY) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=zone)


def test_by_default_the_night_is_quiet() -> None:
    assert DEFAULT_QUIET == NIGHT


@pytest.mark.parametrize(
    ("quiet", "wall", "expected"),
    [
        (NIGHT, "2026-12-01T19:59:59", False),
        (NIGHT, "2026-12-01T20:00:00", True),
        (NIGHT, "2026-12-01T23:59:59", True),
        (NIGHT, "2026-12-02T00:00:00", True),
        (NIGHT, "2026-12-02T07:59:59", True),
        (NIGHT, "2026-12-02T08:00:00", False),
        (NOON, "2026-12-01T11:59:59", False),
        (NOON, "2026-12-01T12:00:00", True),
        (NOON, "2026-12-01T13:59:59", True),
        (NOON, "2026-12-01T14:00:00", False),
        (QuietHours(time(9), time(9)), "2026-12-01T09:00:00", False),
    ],
)
def test_quiet_hours_hold_their_start_and_not_their_end(quiet: QuietHours, wall: str, expected: bool) -> None:
    assert quiet.contains(at(wall), SYDNEY) is expected
    assert quiet.contains(at(wall).astimezone(UTC), SYDNEY) is expected


@pytest.mark.parametrize(
    ("quiet", "wall", "later", "earlier"),
    [
        (NIGHT, "2026-12-01T12:00", "2026-12-01T12:00", "2026-12-01T12:00"),
        (NIGHT, "2026-12-01T20:00", "2026-12-02T08:00", "2026-12-01T19:59"),
        (NIGHT, "2026-12-01T23:00", "2026-12-02T08:00", "2026-12-01T19:59"),
        (NIGHT, "2026-12-02T03:00", "2026-12-02T08:00", "2026-12-01T19:59"),
        (NIGHT, "2026-12-02T07:59", "2026-12-02T08:00", "2026-12-01T19:59"),
        (NOON, "2026-12-01T12:00", "2026-12-01T14:00", "2026-12-01T11:59"),
        (NOON, "2026-12-01T13:00", "2026-12-01T14:00", "2026-12-01T11:59"),
        # Over the nights on which clocks change, by the clock on the wall.
        (NIGHT, "2027-10-02T23:00", "2027-10-03T08:00", "2027-10-02T19:59"),
        (NIGHT, "2027-04-03T23:00", "2027-04-04T08:00", "2027-04-03T19:59"),
    ],
)
def test_the_nearest_allowed_times(quiet: QuietHours, wall: str, later: str, earlier: str) -> None:
    assert quiet.next_allowed(at(wall), SYDNEY) == at(later)
    assert quiet.last_allowed(at(wall), SYDNEY) == at(earlier)
    assert quiet.next_allowed(at(wall), SYDNEY).tzinfo is UTC
    last = quiet.last_allowed(at(wall), SYDNEY)
    assert last is not None
    assert last.tzinfo is UTC


def test_hours_that_the_clocks_repeat_or_skip() -> None:
    early = QuietHours(time(1), time(2, 30))
    second = at("2027-04-04T02:10").replace(fold=1)
    # At the second 02:10 the second 02:30 is next, not that of the day after.
    assert early.next_allowed(second, SYDNEY) == datetime(2027, 4, 3, 16, 30, tzinfo=UTC)
    # 02:30 does not come on this night.
    assert early.next_allowed(at("2027-10-03T01:30"), SYDNEY) == at("2027-10-03T03:30")
    late = QuietHours(time(2, 30), time(6))
    assert late.last_allowed(at("2027-04-04T03:00"), SYDNEY) == datetime(2027, 4, 3, 16, 29, tzinfo=UTC)


def test_less_than_a_minute_of_a_day_is_not_enough_to_send_in() -> None:
    nearly_always = QuietHours(time(0), time(23, 59, 30))
    assert nearly_always.last_allowed(at("2026-12-01T12:00"), SYDNEY) is None
    assert nearly_always.next_allowed(at("2026-12-01T12:00"), SYDNEY) == at("2026-12-01T23:59:30")


ZONES = [
    "Australia/Sydney",
    "Australia/Lord_Howe",
    "Australia/Brisbane",
    "Australia/Perth",
    "Pacific/Auckland",
    "America/New_York",
    "America/St_Johns",
    "Asia/Kolkata",
]


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
    st.sampled_from(ZONES),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
    st.times().map(lambda t: t.replace(second=0, microsecond=0)),
)
def test_what_is_called_allowed_is_allowed_and_near(
    moment: datetime, name: str, start: time, end: time
) -> None:
    quiet, zone = QuietHours(start, end), ZoneInfo(name)
    after, before = quiet.next_allowed(moment, zone), quiet.last_allowed(moment, zone)
    assert not quiet.contains(after, zone)
    assert moment <= after <= moment + timedelta(hours=26)
    if before is not None:
        assert not quiet.contains(before, zone)
        assert moment - timedelta(hours=26) <= before <= moment
    if not quiet.contains(moment, zone):
        assert after == before == moment


def test_every_change_of_clocks_is_survived() -> None:
    source = Path(__file__).parents[2] / "data" / "timezone_transitions.json"
    rows = [row for row in json.loads(source.read_text()) if row["transition_utc"]]
    assert len(rows) > 100
    for row in rows:
        zone, change = ZoneInfo(row["zone"]), datetime.fromisoformat(row["transition_utc"])
        for hours in range(-20, 21, 4):
            moment = change + timedelta(hours=hours)
            after = NIGHT.next_allowed(moment, zone)
            assert not NIGHT.contains(after, zone)
            if NIGHT.contains(moment, zone):
                assert after.astimezone(zone).time() == time(8)
