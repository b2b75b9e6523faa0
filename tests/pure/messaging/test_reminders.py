from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.policy import PlannedReminder, moment_before, plan_reminders
from messaging.quiet import DEFAULT_QUIET, QuietHours

SYDNEY = ZoneInfo("Australia/Sydney")


def at(wall: str) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=SYDNEY).astimezone(UTC)


DAY = at("2026-12-01T12:00")
NIGHT = at("2026-12-01T22:00")
NAMES = ("reminder_48hr", "reminder_24hr", "reminder_2hr")
OFFSETS = (172800, 86400, 7200)


def plan(visit: str, *, now: str = "2026-11-01T12:00", **options: object) -> list[str]:
    planned = plan_reminders(at(visit), OFFSETS, NAMES, now=at(now), zone=SYDNEY, **options)  # type: ignore[arg-type]
    assert [reminder.template for reminder in planned] == list(NAMES)
    assert [reminder.nominal for reminder in planned] == [
        moment_before(at(visit), o, SYDNEY) for o in OFFSETS
    ]
    return [
        r.skipped or f"{r.send_at.astimezone(SYDNEY):%d %H:%M}{'*' * r.moved}"
        for r in planned
        if r.send_at or r.skipped
    ]


LATE = "lead_time_passed"


@pytest.mark.parametrize(
    ("visit", "expected"),
    [
        ("2026-12-03T15:00", ["01 15:00", "02 15:00", "03 13:00"]),
        # 06:30 moves forward to 08:00, half an hour before the visit.
        ("2026-12-03T08:30", ["01 08:30", "02 08:30", "03 08:00*"]),
        # 08:00 would be no longer before it: the evening before.
        ("2026-12-03T08:00", ["01 08:00", "02 08:00", "02 19:59*"]),
        ("2026-12-03T07:30", ["01 08:00*", "02 08:00*", "02 19:59*"]),
        # Late in the evening the earlier side is nearer.
        ("2026-12-03T21:00", ["01 19:59*", "02 19:59*", "03 19:00"]),
        ("2026-12-03T22:00", ["01 19:59*", "02 19:59*", "03 19:59*"]),
        ("2026-12-03T03:00", ["01 08:00*", "02 08:00*", "02 19:59*"]),
        ("2026-12-03T20:00", ["01 19:59*", "02 19:59*", "03 18:00"]),
        # Over the night on which clocks change: days on the wall, hours by the hour.
        ("2027-10-04T01:00", ["01 19:59*", "02 19:59*", "03 19:59*"]),
        ("2027-10-03T15:00", ["01 15:00", "02 15:00", "03 13:00"]),
        ("2027-04-04T10:00", ["02 10:00", "03 10:00", "04 08:00"]),
        # There is no 02:30 on the 3rd.
        ("2027-10-04T02:30", ["02 08:00*", "03 08:00*", "03 19:59*"]),
    ],
)
def test_reminders_move_to_the_nearest_allowed_time_before_the_visit(visit: str, expected: list[str]) -> None:
    assert plan(visit) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        ("2026-12-01T14:59", ["01 15:00", "02 15:00", "03 13:00"]),
        ("2026-12-01T15:00", [LATE, "02 15:00", "03 13:00"]),
        ("2026-12-02T16:00", [LATE, LATE, "03 13:00"]),
        ("2026-12-03T13:00", [LATE, LATE, LATE]),
        ("2026-12-04T13:00", [LATE, LATE, LATE]),
    ],
)
def test_a_reminder_whose_moment_has_passed_is_skipped(now: str, expected: list[str]) -> None:
    assert plan("2026-12-03T15:00", now=now) == expected


def test_a_reminder_never_moves_into_the_past() -> None:
    # The evening before has begun: 06:00 cannot go at 19:59, and 08:00 is too late.
    assert plan("2026-12-03T08:00", now="2026-12-02T19:58") == [LATE, LATE, "02 19:59*"]
    assert plan("2026-12-03T08:00", now="2026-12-02T19:59") == [LATE, LATE, LATE]
    # Nor does it go late when its own moment has passed, though 08:00 is still to come.
    assert plan("2026-12-03T09:00", now="2026-12-03T07:30") == [LATE, LATE, LATE]


def test_a_reminder_that_would_pass_another_is_skipped() -> None:
    def two(visit: str, *hours: int) -> list[PlannedReminder]:
        return plan_reminders(
            at(visit),
            [h * 3600 for h in hours],
            [f"{h}h" for h in hours],
            now=at("2026-11-01T12:00"),
            zone=SYDNEY,
        )

    # 04:30 and 05:30 would both go the evening before, or both at 08:00.
    assert [(r.template, r.skipped, r.send_at) for r in two("2026-12-03T07:30", 3, 2)] == [
        ("3h", "", at("2026-12-02T19:59")),
        ("2h", LATE, None),
    ]
    assert [(r.template, r.skipped, r.send_at) for r in two("2026-12-03T09:30", 3, 2)] == [
        ("3h", LATE, None),
        ("2h", "", at("2026-12-03T08:00")),
    ]
    # 08:00 is the moment of the other one.
    assert [r.skipped for r in two("2026-12-03T10:00", 3, 2)] == [LATE, ""]
    assert [r.skipped for r in two("2026-12-03T10:00", 2, 3)] == ["", LATE]


def test_a_clinic_without_quiet_hours_moves_nothing() -> None:
    assert plan("2026-12-03T03:00", quiet=QuietHours(time(0), time(0))) == [
        "01 03:00",
        "02 03:00",
        "03 01:00",
    ]


def test_where_hardly_a_minute_is_allowed_the_later_time_is_all_there_is() -> None:
    nearly = QuietHours(time(0), time(23, 59, 30))
    planned = plan_reminders(
        at("2026-12-03T12:00"),
        [86400, 7200],
        ["a", "b"],
        now=at("2026-11-01T12:00"),
        zone=SYDNEY,
        quiet=nearly,
    )
    assert [(r.send_at, r.skipped) for r in planned] == [(at("2026-12-02T23:59:30"), ""), (None, LATE)]


def test_each_offset_needs_its_template() -> None:
    with pytest.raises(ValueError, match="argument 2 is"):
        plan_reminders(DAY, [1, 2], ["one"], now=DAY, zone=SYDNEY)


def test_a_skipped_reminder_did_not_move() -> None:
    assert PlannedReminder("x", DAY, skipped=LATE).moved is False
    assert PlannedReminder("x", DAY, send_at=DAY).moved is False
    assert PlannedReminder("x", DAY, send_at=NIGHT).moved is True


@given(
    st.integers(0, 60 * 24 * 400),
    st.integers(0, 60 * 80),
    st.sampled_from(["Australia/Sydney", "America/New_York"]),
)
def test_reminders_are_never_quiet_late_double_or_out_of_order(minute: int, lead: int, name: str) -> None:
    zone = ZoneInfo(name)
    visit = datetime(2026, 9, 1, tzinfo=UTC) + timedelta(minutes=minute)
    now = visit - timedelta(minutes=lead)
    times = [
        r.send_at for r in plan_reminders(visit, OFFSETS, NAMES, now=now, zone=zone) if r.send_at is not None
    ]
    assert all(now < t < visit for t in times)
    assert not any(DEFAULT_QUIET.contains(t, zone) for t in times)
    assert times == sorted(set(times))
