from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tasks.visit_state import ATTENDED, EXPECTED, WAITING, counts, state

NOW = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("outcome", "arrived", "status", "begins_in", "key"),
    [
        ("none", False, "scheduled", 30, "expected"),
        ("none", False, "confirmed", 0, "late"),
        ("none", True, "scheduled", 10, "arrived"),
        ("none", True, "scheduled", 0, "in_progress"),
        ("none", True, "scheduled", -30, "waiting"),
        ("none", False, "scheduled", -30, "waiting"),
        ("none", False, "pending", 30, "pending"),
        ("attended", True, "scheduled", -30, "attended"),
        ("no_show", False, "scheduled", -30, "no_show"),
    ],
)
def test_a_visit_of_half_an_hour_stands_where_the_clock_and_the_desk_say(
    outcome: str, arrived: bool, status: str, begins_in: int, key: str
) -> None:
    begins = NOW + timedelta(minutes=begins_in)
    found = state(
        status=status,
        outcome=outcome,
        arrived=arrived,
        starts=begins,
        ends=begins + timedelta(minutes=30),
        now=NOW,
    )
    assert found.key == key


def test_what_wants_a_hand_is_counted_first() -> None:
    assert counts([ATTENDED, EXPECTED, WAITING, ATTENDED]) == [
        ("Waiting for outcome", 1), ("Expected", 1), ("Attended", 2),
    ]  # fmt: skip
