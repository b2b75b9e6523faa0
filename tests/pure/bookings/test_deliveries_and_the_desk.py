"""What was done here beside what is delivered; times and lengths."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

import pytest

from bookings.deliveries import Delivery, Fact, Memory, Merge, Stored, merge
from bookings.delivery_order import Stamp
from tests.pure.bookings.delivered import (
    HALF,
    T0,
    T1,
    after,
    jwt,
    names,
    run,
)


def test_the_patients_yes_stands_until_the_time_changes() -> None:
    row, _ = run([jwt("created", 1)])
    row = replace(row, status="confirmed")
    for quiet in (jwt("confirmed", 2), jwt("updated", 2), jwt("rescheduled", 2), jwt("created", 0, at=T1)):
        step = merge(row, quiet)
        assert (step.status, step.facts) == ("confirmed", ())
    step = merge(row, jwt("rescheduled", 2, at=T1))
    assert (step.status, step.facts) == ("rescheduled", (Fact("booking_rescheduled", T0, T1),))


def test_a_visit_moved_here_keeps_its_status_and_is_told_when_the_provider_differs() -> None:
    row, _ = run([jwt("created", 1)])
    row = replace(row, status="rescheduled", starts_at=T1)
    step = merge(row, jwt("updated", 2, at=T1))
    assert (step.status, step.facts) == ("rescheduled", ())
    step = merge(row, jwt("updated", 2, at=T0))
    assert (step.status, step.facts) == ("rescheduled", (Fact("booking_rescheduled", T1, T0),))
    assert step.memory.told == T0


def test_a_visit_with_an_outcome_keeps_its_status_and_time() -> None:
    row, _ = run([jwt("created", 1, staff="a")])
    for status in ("scheduled", "confirmed"):
        done = replace(row, status=status, outcome="attended")
        step = merge(done, jwt("canceled", 2, at=T1, staff="b"))
        assert (step.status, step.starts_at, step.duration, step.facts) == (status, T0, HALF, ())
        assert (step.changed, step.details) == (("staff",), {"staff": "b"})
        assert step.reason == "The visit has an outcome, so its status and time stay."
        assert step.memory.state == "cancelled"


@pytest.mark.parametrize(
    "late", [jwt("updated", 2), jwt("created", 2), jwt("confirmed", 0), jwt("canceled", 2)]
)
def test_a_visit_cancelled_here_stays_so(late: Delivery) -> None:
    row, _ = run([jwt("created", 1)])
    step = merge(replace(row, status="cancelled"), late)
    assert (step.status, step.facts) == ("cancelled", ())
    assert step.reason == "It was cancelled here, and this does not bring it back."
    again = merge(after(replace(row, status="cancelled"), step), jwt("canceled", 3))
    assert (again.status, again.facts) == ("cancelled", ())


@pytest.mark.parametrize("kind", ["confirmed", "rescheduled"])
def test_a_visit_cancelled_here_comes_back_when_the_provider_newly_says_so(kind: str) -> None:
    row, _ = run([jwt("created", 1)])
    step = merge(replace(row, status="cancelled"), jwt(kind, 2, at=T1))
    assert step.status == "rescheduled"
    assert step.facts == (Fact("booking_rescheduled", T0, T1),)
    assert step.reason == "It stands again."


def test_a_pending_visit_that_lapsed_here_stands_when_the_provider_confirms_it() -> None:
    row, _ = run([jwt("created", 1, "PENDING")])
    lapsed = replace(row, status="cancelled")
    for news in (jwt("confirmed", 2), jwt("updated", 2)):
        step = merge(lapsed, news)
        assert (step.status, names(step.facts)) == ("scheduled", ["booking_created"])
    assert merge(lapsed, jwt("updated", 2, "PENDING")).status == "cancelled"
    assert merge(replace(lapsed, ever_stood=True), jwt("updated", 2)).status == "cancelled"


def test_what_stood_before_any_delivery_is_not_created_again() -> None:
    here = Stored(status="scheduled", starts_at=T0, duration=HALF)
    assert merge(here, jwt("confirmed", 1)).facts == ()
    step = merge(Stored(status="pending", starts_at=T0, ever_stood=True), jwt("confirmed", 1, at=T1))
    assert (step.status, step.facts) == ("scheduled", ())


# Time and length


def test_without_a_time_the_delivery_waits() -> None:
    step = merge(Stored(), jwt("canceled", 4, at=None, staff="a"))
    assert step == Merge(
        "",
        None,
        None,
        {},
        (),
        (),
        Memory(),
        "No delivery has said when the visit is, so it waits for one that does.",
    )
    assert step.ends_at is None


def test_the_length_stays_when_a_move_gives_no_end() -> None:
    row, _ = run([jwt("created", 1)])
    step = merge(row, Delivery("rescheduled", 2, "CONFIRMED", T1))
    assert (step.duration, step.ends_at) == (HALF, T1 + HALF)
    early, _ = run([Delivery("rescheduled", 2, "CONFIRMED", T1), jwt("created", 1)])
    assert early.duration == HALF


def test_a_late_lower_delivery_does_not_change_the_length() -> None:
    row, _ = run([jwt("confirmed", 5)])
    assert merge(row, Delivery("created", 1, "CONFIRMED", T0, T0 + 3 * HALF)).duration == HALF
    emptied = replace(row, details={}, memory=replace(row.memory, stamps={"staff": Stamp(5, 4)}))
    step = merge(emptied, jwt("created", 1, staff="a"))
    assert (step.details, step.memory.stamps["staff"]) == ({"staff": "a"}, Stamp(5, 4))


@pytest.mark.parametrize("end", [T0, T0 - HALF])
def test_an_end_that_is_not_after_the_start_is_no_end(end: datetime) -> None:
    step = merge(Stored(), Delivery("created", 1, "CONFIRMED", T0, end))
    assert (step.duration, step.ends_at) == (None, None)
    assert merge(Stored(), Delivery("created", 1, "CONFIRMED", None, end)).duration is None


def test_what_is_empty_says_nothing_and_a_zero_says_zero() -> None:
    row, _ = run([jwt("created", 1, price=5, staff="a", room=None)])
    step = merge(row, jwt("updated", 2, price=0, staff="", room=""))
    assert step.details == {"price": 0, "staff": "a"}
    assert step.changed == ("price",)
