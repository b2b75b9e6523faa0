from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from bookings import lifecycle
from core.errors import Conflict, Invalid
from core.machine import MoveRefused

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
ALL = ("pending", "scheduled", "confirmed", "rescheduled", "cancelled")
MOVES = {
    ("pending", "scheduled"),
    ("pending", "cancelled"),
    ("scheduled", "confirmed"),
    ("scheduled", "rescheduled"),
    ("scheduled", "cancelled"),
    ("confirmed", "rescheduled"),
    ("confirmed", "cancelled"),
    ("rescheduled", "confirmed"),
    ("rescheduled", "cancelled"),
}


def test_the_statuses_are_five_and_a_cancelled_booking_is_not_live() -> None:
    assert (*lifecycle.LIVE, "cancelled") == lifecycle.STATUSES == ALL
    assert ("pending", *lifecycle.STANDING) == lifecycle.LIVE


@pytest.mark.parametrize("status", ALL)
@pytest.mark.parametrize("outcome", ["none", "attended", "no_show"])
@pytest.mark.parametrize("left", [-TICK, timedelta(0), TICK])
def test_a_visit_is_live_while_it_counts_has_no_outcome_and_is_not_over(
    status: str, outcome: str, left: timedelta
) -> None:
    expected = status != "cancelled" and outcome == "none" and left == TICK
    assert lifecycle.is_live(status, outcome, NOW + left, NOW) == expected


def test_a_pending_booking_lapses_after_two_days_or_half_an_hour() -> None:
    assert lifecycle.pending_until(NOW, awaits_deposit=False) == NOW + timedelta(hours=48)
    assert lifecycle.pending_until(NOW, awaits_deposit=True) == NOW + timedelta(minutes=30)


def test_the_status_moves_as_the_table_says_and_staying_is_no_move() -> None:
    for status, target in itertools.product(ALL, ALL):
        if status == target:
            assert lifecycle.check_status(status, target) is False
        elif (status, target) in MOVES:
            assert lifecycle.check_status(status, target) is True
        else:
            with pytest.raises(MoveRefused, match=f"^A booking cannot go from '{status}' to '{target}'"):
                lifecycle.check_status(status, target)


def test_a_visit_with_an_outcome_does_not_change_its_status() -> None:
    with pytest.raises(Conflict) as caught:
        lifecycle.check_status("scheduled", "cancelled", outcome="attended")
    assert caught.value.message == (
        "The outcome of this visit is recorded as 'attended', so it cannot become 'cancelled'. "
        "Take the outcome back first."
    )
    assert caught.value.code == "outcome_recorded"
    assert lifecycle.check_status("scheduled", "scheduled", outcome="attended") is False


@pytest.mark.parametrize(
    ("status", "after"),
    [
        ("pending", "pending"),
        ("scheduled", "rescheduled"),
        ("confirmed", "rescheduled"),
        ("rescheduled", "rescheduled"),
    ],
)
def test_moving_a_standing_visit_reschedules_it_and_a_pending_one_stays_pending(
    status: str, after: str
) -> None:
    assert lifecycle.status_after_moving(status) == after


def test_a_cancelled_or_finished_visit_is_not_moved() -> None:
    with pytest.raises(
        MoveRefused, match=r"^A booking cannot go from 'cancelled' to 'rescheduled'\. .*final"
    ):
        lifecycle.status_after_moving("cancelled")
    with pytest.raises(Conflict) as caught:
        lifecycle.status_after_moving("rescheduled", outcome="no_show")
    assert caught.value.code == "outcome_recorded"
    assert "recorded as 'no_show', so it cannot become 'rescheduled'" in caught.value.message


@pytest.mark.parametrize("status", ["scheduled", "confirmed", "rescheduled"])
def test_every_outcome_of_a_standing_visit_can_become_every_other(status: str) -> None:
    for outcome, target in itertools.product(("none", "attended", "no_show"), repeat=2):
        assert lifecycle.check_outcome(status, outcome, target) is (outcome != target)


@pytest.mark.parametrize("status", ["pending", "cancelled"])
def test_a_visit_that_does_not_stand_has_no_outcome(status: str) -> None:
    with pytest.raises(Conflict) as caught:
        lifecycle.check_outcome(status, "none", "attended")
    assert caught.value.message == (
        f"A booking that is '{status}' cannot get the outcome 'attended': only a visit that stands can."
    )
    assert caught.value.code == "booking_does_not_stand"
    assert lifecycle.check_outcome(status, "none", "none") is False


def test_an_unknown_outcome_is_refused_on_either_side() -> None:
    with pytest.raises(Invalid) as caught:
        lifecycle.check_outcome("scheduled", "none", "late")
    assert caught.value.message == "'late' is not an outcome. Use one of: none, attended, no_show."
    assert caught.value.code == "unknown_outcome"
    assert caught.value.fields == {"outcome": ["Use one of: none, attended, no_show."]}
    with pytest.raises(MoveRefused, match=r"^A booking's outcome cannot go from 'late' to 'attended'\."):
        lifecycle.check_outcome("scheduled", "late", "attended")
