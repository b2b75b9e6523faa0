"""Deliveries of one visit in any order: what the row says, and what is told."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings.deliveries import Delivery, Fact, Memory, Stored, merge
from tests.pure.bookings.delivered import (
    APPROVED,
    CANCELED,
    CREATED,
    FOUR,
    HALF,
    MOVED,
    T0,
    T1,
    after,
    jwt,
    names,
    orders,
    row_of,
    run,
    simple,
)


def test_every_order_of_the_four_with_duplicates_ends_cancelled_and_says_so_once() -> None:
    expected = ("cancelled", T1, HALF, {"service": "s1", "staff": "b"}, 4)
    told = set()
    for order in orders(FOUR):
        row, facts = run(order)
        assert row_of(row) == expected, order
        assert names(facts).count("booking_cancelled") == 1
        assert names(facts)[-1] == "booking_cancelled"
        assert names(facts).count("booking_created") <= 1
        told.add(tuple(names(facts)))
    assert told == {
        ("booking_created", "booking_rescheduled", "booking_cancelled"),
        ("booking_created", "booking_cancelled"),
        ("booking_cancelled",),
    }


def test_every_order_of_a_visit_that_stands_ends_alike_and_the_right_time_is_told_last() -> None:
    for order in orders(FOUR[:3]):
        row, facts = run(order)
        assert row_of(row) == ("rescheduled", T1, HALF, {"service": "s1", "staff": "b"}, 3), order
        assert names(facts).count("booking_created") == 1
        assert names(facts)[0] == "booking_created"
        assert facts[1:] in ([], [Fact("booking_rescheduled", T0, T1)])


def test_a_cancellation_before_everything_else_leaves_nothing_to_create() -> None:
    row, facts = run((CANCELED, MOVED, APPROVED, CREATED))
    assert names(facts) == ["booking_cancelled"]
    assert row_of(row) == ("cancelled", T1, HALF, {"service": "s1", "staff": "b"}, 4)
    assert not row.memory.stood


def test_each_step_in_order_does_what_it_says() -> None:
    row, first = Stored(), merge(Stored(), CREATED)
    assert (first.status, first.starts_at, first.duration, first.ends_at) == ("pending", T0, HALF, T0 + HALF)
    assert (first.facts, first.reason) == ((), "The provider has not confirmed it.")
    assert first.changed == ("status", "starts_at", "duration", "service", "staff")
    row = after(row, first)
    second = merge(row, APPROVED)
    assert (second.status, second.facts) == ("scheduled", (Fact("booking_created"),))
    assert (second.changed, second.reason) == (("status",), "It stands for the first time.")
    row = after(row, second)
    again = merge(row, APPROVED)
    assert (again.changed, again.facts, again.reason) == ((), (), "It stands as before.")
    assert again.memory == second.memory
    third = merge(row, MOVED)
    assert (third.status, third.facts) == ("rescheduled", (Fact("booking_rescheduled", T0, T1),))
    assert (third.changed, third.reason) == (("status", "starts_at", "staff"), "It has a new time.")
    row = after(row, third)
    fourth = merge(row, CANCELED)
    assert (fourth.status, fourth.facts) == ("cancelled", (Fact("booking_cancelled"),))
    assert (fourth.changed, fourth.reason) == (("status",), "The provider cancelled it.")
    row = after(row, fourth)
    fifth = merge(row, CANCELED)
    assert (fifth.status, fifth.facts, fifth.reason) == ("cancelled", (), "It is cancelled already.")


@pytest.mark.parametrize(
    ("kind", "word", "status"),
    [
        ("created", "CREATED", "pending"),
        ("created", "PENDING", "pending"),
        ("created", "WAITING_LIST", "pending"),
        ("created", "CONFIRMED", "scheduled"),
        ("created", "confirmed", "scheduled"),
        ("created", "CANCELED", "cancelled"),
        ("created", "", "pending"),
        ("created", "ODD", "pending"),
        ("confirmed", "CREATED", "scheduled"),
        ("confirmed", "", "scheduled"),
        ("markedAsPending", "CONFIRMED", "pending"),
        ("canceled", "CONFIRMED", "cancelled"),
        ("declined", "", "cancelled"),
        ("rescheduled", "CONFIRMED", "rescheduled"),
        ("rescheduled", "", "rescheduled"),
        ("rescheduled", "PENDING", "pending"),
        ("rescheduled", "DECLINED", "cancelled"),
        ("updated", "CONFIRMED", "scheduled"),
        ("updated", "SCHEDULED", "scheduled"),
        ("updated", "RESCHEDULED", "scheduled"),
        ("updated", "CANCELLED", "cancelled"),
        ("updated", "PENDING", "pending"),
        ("updated", "", "pending"),
        ("number_of_participants_updated", "CONFIRMED", "scheduled"),
    ],
)
def test_what_a_first_delivery_makes_of_a_booking(kind: str, word: str, status: str) -> None:
    step = merge(Stored(), jwt(kind, 1, word))
    assert step.status == status
    expected = {"pending": [], "cancelled": ["booking_cancelled"]}.get(status, ["booking_created"])
    assert names(step.facts) == expected


@pytest.mark.parametrize(
    ("kind", "word", "status"),
    [
        ("created", "", "scheduled"),
        ("created", "scheduled", "scheduled"),
        ("created", "pending", "scheduled"),
        ("created", "cancelled", "cancelled"),
        ("updated", "", "scheduled"),
        ("updated", "completed", "scheduled"),
        ("updated", "pending", "pending"),
        ("updated", "cancelled", "cancelled"),
        ("rescheduled", "", "rescheduled"),
        ("canceled", "", "cancelled"),
    ],
)
def test_what_a_first_simple_delivery_makes_of_a_booking(kind: str, word: str, status: str) -> None:
    assert merge(Stored(), simple(kind, status=word)).status == status


def test_an_unknown_kind_is_a_programming_error() -> None:
    with pytest.raises(
        ValueError, match=r"^There is no delivery 'deleted'\. The kinds are: created, updated, "
    ):
        merge(Stored(), jwt("deleted", 1))


def test_a_late_lower_delivery_fills_what_is_missing_and_changes_nothing_else() -> None:
    row, _ = run([jwt("confirmed", 5, at=T1, staff="b")])
    step = merge(row, jwt("created", 2, "CONFIRMED", at=T1, staff="a", service="s1"))
    assert step.details == {"staff": "b", "service": "s1"}
    assert (step.changed, step.facts) == (("service",), ())
    row = after(row, step)
    step = merge(row, jwt("updated", 3, at=T1, service="s2"))
    assert step.details == {"staff": "b", "service": "s2"}
    step = merge(after(row, step), jwt("updated", 1, at=T1, service="s0"))
    assert step.details["service"] == "s2"
    assert step.memory.sequence == 5


def test_a_late_lower_move_shows_in_the_status_but_is_not_told_again() -> None:
    row, _ = run([jwt("updated", 4, at=T1)])
    assert row.status == "scheduled"
    for late in (jwt("created", 1, at=T0), jwt("rescheduled", 3, at=T1)):
        step = merge(row, late)
        assert (step.status, step.starts_at, step.facts) == ("rescheduled", T1, ())
        assert step.changed == ("status",)
    assert merge(row, jwt("created", 1, at=T1)).status == "scheduled"
    assert merge(row, jwt("created", 1, "PENDING", at=T0)).status == "scheduled"


def test_an_update_with_a_new_time_is_a_move() -> None:
    row, _ = run([jwt("created", 1)])
    step = merge(row, jwt("updated", 2, at=T1))
    assert (step.status, step.facts) == ("rescheduled", (Fact("booking_rescheduled", T0, T1),))


def test_an_update_without_a_state_or_a_time_changes_details_only() -> None:
    row, _ = run([jwt("created", 1, staff="a")])
    step = merge(row, jwt("updated", 2, "", None, staff="b"))
    assert (step.status, step.starts_at, step.duration) == ("scheduled", T0, HALF)
    assert (step.changed, step.facts) == (("staff",), ())
    step = merge(after(row, step), jwt("updated", 3, "", T1))
    assert (step.status, step.facts) == ("rescheduled", (Fact("booking_rescheduled", T0, T1),))


def test_a_move_while_pending_is_no_reschedule() -> None:
    row, facts = run(
        [jwt("created", 1, "PENDING"), jwt("rescheduled", 2, "PENDING", T1), jwt("confirmed", 3, at=T1)]
    )
    assert (row.status, row.starts_at, names(facts)) == ("scheduled", T1, ["booking_created"])


def test_a_visit_set_back_to_pending_and_confirmed_at_another_time_was_moved() -> None:
    row, _ = run([jwt("created", 1), jwt("markedAsPending", 2, "PENDING", T1)])
    assert (row.status, row.starts_at) == ("pending", T1)
    assert row.memory.told == T0
    row, more = run([jwt("confirmed", 3, at=T1)], row)
    assert (row.status, more) == ("rescheduled", [Fact("booking_rescheduled", T0, T1)])
    assert row.memory.moved
    pending, _ = run([jwt("created", 1), jwt("markedAsPending", 2, "PENDING", T1)])
    timeless, more = run([jwt("confirmed", 3, at=None)], pending)
    assert (timeless.status, timeless.memory.moved) == ("rescheduled", True)
    assert more == [Fact("booking_rescheduled", T0, T1)]
    same, more = run([jwt("created", 1), jwt("markedAsPending", 2, "PENDING"), jwt("confirmed", 3)])
    assert (same.status, names(more)) == ("scheduled", ["booking_created"])


def test_a_declined_visit_that_is_approved_and_cancelled_is_told_each_time() -> None:
    row, facts = run(
        [
            jwt("created", 1, "PENDING"),
            jwt("declined", 2),
            jwt("markedAsPending", 3, "PENDING"),
            jwt("declined", 4),
            jwt("confirmed", 5),
            jwt("canceled", 6),
        ]
    )
    assert row.status == "cancelled"
    assert names(facts) == ["booking_cancelled", "booking_created", "booking_cancelled"]


def test_a_visit_that_stood_and_stands_again_is_told_as_a_move() -> None:
    row, _ = run([jwt("created", 1), jwt("canceled", 2)])
    step = merge(row, jwt("confirmed", 3))
    assert (step.status, step.reason) == ("scheduled", "It stands again.")
    assert step.facts == (Fact("booking_rescheduled", T0, T0),)
    assert not step.memory.cancel_told
    assert names(merge(after(row, step), jwt("canceled", 4)).facts) == ["booking_cancelled"]


def test_two_deliveries_with_one_sequence_go_by_their_kind_in_either_order() -> None:
    pair = [jwt("canceled", 2), jwt("confirmed", 2)]
    assert run(pair)[0].status == run(reversed(pair))[0].status == "cancelled"
    kinds = ["created", "updated", "number_of_participants_updated", "markedAsPending", "confirmed"]
    kinds += ["rescheduled", "declined", "canceled"]
    for low, high in itertools.combinations(kinds, 2):
        both = [jwt(low, 2, who=low), jwt(high, 2, who=high)]
        assert run(both)[0].details == run(reversed(both))[0].details == {"who": high}


def test_an_empty_memory_is_that_of_a_booking_no_delivery_spoke_of() -> None:
    assert Memory.from_json({}) == Memory()
    assert Memory.from_json(Memory().as_json()) == Memory()


def test_memory_is_kept_as_plain_json_in_utc() -> None:
    brisbane = timezone(timedelta(hours=10))
    step = merge(Stored(), jwt("created", 3, at=T0.astimezone(brisbane), staff="a"))
    kept = step.memory.as_json()
    assert kept == {
        "state": "stands",
        "state_stamp": [3, 0],
        "sequence": 3,
        "moved": False,
        "stood": True,
        "cancel_told": False,
        "told": "2026-03-02T09:00:00+00:00",
        "first_time": "2026-03-02T09:00:00+00:00",
        "stamps": {"starts_at": [3, 0], "duration": [3, 0], "staff": [3, 0]},
        "revision": None,
    }
    assert Memory.from_json(json.loads(json.dumps(kept))) == step.memory
    cancelled = merge(after(Stored(), step), jwt("canceled", 4)).memory
    assert Memory.from_json(json.loads(json.dumps(cancelled.as_json()))) == cancelled
    assert cancelled.cancel_told
    moved = merge(after(Stored(), step), jwt("rescheduled", 4, at=T1)).memory
    assert moved.moved
    assert Memory.from_json(moved.as_json()) == moved


# Any set, any order


STATE = {"CREATED": "pending", "PENDING": "pending", "CONFIRMED": "stands", "CANCELED": "cancelled"}
KIND_STATE = {
    "confirmed": "stands",
    "canceled": "cancelled",
    "declined": "cancelled",
    "markedAsPending": "pending",
}


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Delivery], list[Delivery]]:
    size = draw(st.integers(1, 6))
    kinds = ["created", "confirmed", "rescheduled", "canceled", "declined", "updated", "markedAsPending"]
    told = [
        Delivery(
            draw(st.sampled_from(kinds)),
            sequence,
            draw(st.sampled_from(list(STATE))),
            draw(st.sampled_from([T0, T1])),
            None,
            {"staff": draw(st.sampled_from(["", "a", "b"])), "service": draw(st.sampled_from([None, 1, 2]))},
        )
        for sequence in range(1, size + 1)
    ]
    arrived = draw(st.permutations(told + draw(st.lists(st.sampled_from(told), max_size=4))))
    return told, arrived


@given(histories())
def test_any_set_of_deliveries_ends_as_the_set_says_whatever_the_order(
    history: tuple[list[Delivery], list[Delivery]],
) -> None:
    told, arrived = history
    states = [KIND_STATE.get(d.kind, STATE[d.status]) for d in told]
    stood = [d for d, state in zip(told, states, strict=True) if state == "stands"]
    moved = any(d.kind == "rescheduled" for d in stood) or len({d.starts_at for d in stood}) > 1
    status = {"pending": "pending", "cancelled": "cancelled"}.get(
        states[-1], "rescheduled" if moved else "scheduled"
    )
    details: dict[str, object] = {}
    for delivery in told:
        details.update({name: value for name, value in delivery.details.items() if value})
    row, facts = run(arrived)
    assert (row.status, row.starts_at, row.details) == (status, told[-1].starts_at, details)
    assert row.memory.sequence == len(told)
    assert names(facts).count("booking_created") <= 1
    if status in ("scheduled", "rescheduled"):
        assert names(facts).count("booking_created") == 1
        last = [fact for fact in facts if fact.name != "booking_cancelled"][-1]
        assert last.new in (None, row.starts_at)
    if status == "cancelled":
        assert "booking_cancelled" in names(facts)
    settled, more = run(arrived, row)
    assert (row_of(settled), more) == (row_of(row), [])
