"""Each reminder once and at the right wall time over the nights on which clocks change, in 13 zones (B5 of the bugs
others have). The expected times come from the list of changes, not from zoneinfo.
"""

from __future__ import annotations

import os
import time as process_time
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from messaging.policy import plan_reminders
from messaging.quiet import DEFAULT_QUIET, QuietHours
from tests.clock_changes import Change, changes, visits

NAMES = ("reminder_48hr", "reminder_24hr", "reminder_2hr")
OFFSETS = (172800, 86400, 7200)
NEVER_QUIET = QuietHours(time(0), time(0))
CASES = [(change, visit) for change in changes(2024, 2025) for visit in visits(change)]
IDS = [f"{change}, {change.wall(visit):%a %H:%M}" for change, visit in CASES]


def test_there_are_enough_cases() -> None:
    zones = {change.zone for change, _ in CASES}
    assert len(zones) == 13
    assert len(CASES) >= 200
    assert {change.stretch for change, _ in CASES if change.zone == "Australia/Lord_Howe"} == {
        timedelta(minutes=30)
    }
    assert {change.missing for change, _ in CASES} == {True, False}


def expected(change: Change, visit: datetime) -> list[datetime]:
    wall = change.wall(visit)
    days = [change.instant(wall - timedelta(days=days)) for days in (2, 1)]
    return [*days, visit - timedelta(hours=2)]


@pytest.mark.parametrize(("change", "visit"), CASES, ids=IDS)
def test_b5_each_reminder_goes_once_at_the_right_wall_time(change: Change, visit: datetime) -> None:
    zone, booked = ZoneInfo(change.zone), visit - timedelta(days=20)
    planned = plan_reminders(visit, OFFSETS, NAMES, now=booked, zone=zone, quiet=NEVER_QUIET)
    assert [reminder.send_at for reminder in planned] == expected(change, visit)
    assert not any(reminder.skipped or reminder.moved for reminder in planned)
    # The text names the visit's wall time; the day's reminders go when the clock shows that same time, unless that
    # time is left out on their day.
    told = visit.astimezone(zone).time()
    assert told == change.wall(visit).time()
    for reminder in planned[:2]:
        assert reminder.send_at is not None
        shown = reminder.send_at.astimezone(zone).time()
        left_out = not change.instants(datetime.combine(change.wall(reminder.send_at).date(), told))
        assert shown == told or (left_out and change.missing)


@pytest.mark.parametrize(("change", "visit"), CASES, ids=IDS)
def test_with_quiet_hours_nothing_is_quiet_doubled_or_after_the_visit(
    change: Change, visit: datetime
) -> None:
    zone, booked = ZoneInfo(change.zone), visit - timedelta(days=20)
    planned = plan_reminders(visit, OFFSETS, NAMES, now=booked, zone=zone)
    times = [reminder.send_at for reminder in planned if reminder.send_at is not None]
    assert times == sorted(set(times))
    assert all(time(8) <= change.wall(at).time() < time(20) and at < visit for at in times)
    assert all(reminder.send_at or reminder.skipped == "lead_time_passed" for reminder in planned)
    for reminder, nominal in zip(planned, expected(change, visit), strict=True):
        if not DEFAULT_QUIET.contains(nominal, zone):
            assert reminder.send_at == nominal


@pytest.mark.parametrize(("change", "visit"), CASES[::7], ids=IDS[::7])
def test_booked_late_a_reminder_whose_moment_has_passed_is_skipped_and_the_others_go(
    change: Change, visit: datetime
) -> None:
    zone, nominal = ZoneInfo(change.zone), expected(change, visit)
    for n, moment in enumerate(nominal):
        for booked, gone in ((moment - timedelta(seconds=1), n), (moment, n + 1)):
            planned = plan_reminders(visit, OFFSETS, NAMES, now=booked, zone=zone, quiet=NEVER_QUIET)
            assert [r.skipped for r in planned] == ["lead_time_passed"] * gone + [""] * (3 - gone)
            assert [r.send_at for r in planned][gone:] == nominal[gone:]


@pytest.fixture(params=["America/New_York", "Pacific/Chatham", "UTC"])
def process_zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The zone of this process, as a server somewhere else would have it."""
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", request.param)
    process_time.tzset()
    yield request.param
    if before is None:
        monkeypatch.delenv("TZ")
    else:
        monkeypatch.setenv("TZ", before)
    process_time.tzset()


def test_the_zone_of_the_process_does_not_matter(process_zone: str) -> None:
    for change, visit in CASES[::5]:
        planned = plan_reminders(
            visit,
            OFFSETS,
            NAMES,
            now=visit - timedelta(days=20),
            zone=ZoneInfo(change.zone),
            quiet=NEVER_QUIET,
        )
        assert [reminder.send_at for reminder in planned] == expected(change, visit)
