"""Deliveries of the simple form, which carry no sequence."""

from __future__ import annotations

from bookings.deliveries import merge
from bookings.delivery_order import FINAL, Stamp
from tests.pure.bookings.delivered import (
    T0,
    T1,
    T2,
    jwt,
    names,
    orders,
    run,
    simple,
)


def test_every_order_of_the_simple_form_ends_alike() -> None:
    three = (simple("created"), simple("updated", T1, staff="b"), simple("canceled", T1))
    for order in orders(three):
        row, facts = run(order)
        assert (row.status, row.starts_at, dict(row.details)) == ("cancelled", T1, {"staff": "b"}), order
        assert names(facts).count("booking_cancelled") == 1
    for order in orders(three[:2]):
        row, facts = run(order)
        assert (row.status, row.starts_at) == ("rescheduled", T1), order
        assert names(facts)[0] == "booking_created"
        assert names(facts).count("booking_created") == 1


def test_a_simple_cancellation_is_final() -> None:
    row, _ = run([simple("created"), simple("canceled")])
    for news in (simple("updated", T1, "confirmed"), jwt("confirmed", 99, at=T1), simple("created")):
        step = merge(row, news)
        assert (step.status, step.facts) == ("cancelled", ())
    assert row.memory.state_stamp == Stamp(FINAL, 0)
    assert row.memory.sequence is None
    told, _ = run([simple("updated", T0, "cancelled"), simple("updated", T1, "confirmed")])
    assert told.status == "cancelled"


def test_simple_news_counts_from_its_arrival_and_yields_to_a_higher_sequence() -> None:
    row, _ = run([jwt("created", 5, staff="a"), simple("updated", T1, staff="b")])
    assert (row.starts_at, row.details, row.memory.sequence) == (T1, {"staff": "b"}, 5)
    row, _ = run([simple("updated", T2, staff="c")], row)
    assert (row.starts_at, row.details) == (T2, {"staff": "c"})
    same, _ = run([jwt("updated", 5, at=T0, staff="d")], row)
    assert (same.status, same.starts_at, same.details) == ("rescheduled", T2, {"staff": "c"})
    newer, _ = run([jwt("updated", 6, at=T0, staff="d")], row)
    assert (newer.starts_at, newer.details, newer.memory.sequence) == (T0, {"staff": "d"}, 6)


def test_a_simple_update_without_a_status_keeps_a_pending_visit_pending() -> None:
    row, _ = run([simple("updated", T0, "pending"), simple("updated", T1)])
    assert (row.status, row.starts_at) == ("pending", T1)


def test_a_sequence_of_zero_is_a_sequence() -> None:
    row, _ = run([jwt("confirmed", 0), jwt("created", 0, "PENDING")])
    assert (row.status, row.memory.sequence) == ("scheduled", 0)


def test_of_two_simple_updates_the_later_to_arrive_gives_the_state() -> None:
    row, facts = run([simple("updated", T0, "pending"), simple("updated", T0, "scheduled")])
    assert (row.status, names(facts)) == ("scheduled", ["booking_created"])
    row, _ = run([simple("updated", T0, "pending")], row)
    assert row.status == "pending"


def test_simple_news_yields_to_the_first_sequence() -> None:
    row, _ = run([simple("updated", T0), jwt("rescheduled", 1, at=T1)])
    assert (row.status, row.starts_at) == ("rescheduled", T1)


def test_a_time_proposed_while_pending_is_not_a_move() -> None:
    news = [simple("created"), simple("updated", T1, "pending"), simple("updated", T0, "scheduled")]
    row, facts = run(news)
    assert (row.status, names(facts)) == ("scheduled", ["booking_created"])
