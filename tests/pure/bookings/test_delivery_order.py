"""Deliveries and what was read from the provider's list: whatever the order, the newest state counts."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bookings import delivery_order
from bookings.deliveries import Delivery, Fact, Memory, Stored, merge
from bookings.delivery_order import FINAL, NEWS, OLDEST, READ, Stamp, supersedes

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def told(kind: str, state: int, status: str, at: datetime, **more: Any) -> Delivery:
    """The webhook about the booking's `state`-th state."""
    return Delivery(
        kind, state + 10, status, at, None, {"service": 1}, revision=state, at=T0 + state * MINUTE, **more
    )


def read(state: int, status: str, at: datetime, **more: Any) -> Delivery:
    """The booking as the list shows it in its `state`-th state."""
    return Delivery(
        "updated",
        None,
        status,
        at,
        None,
        {"service": 1},
        revision=state,
        at=T0 + state * MINUTE,
        read=True,
        **more,
    )


def fold(deliveries: Any) -> tuple[Stored, list[Fact]]:
    row, facts = Stored(), []
    for delivery in deliveries:
        step = merge(row, delivery)
        facts += step.facts
        row = Stored(
            status=step.status, starts_at=step.starts_at, duration=step.duration, details=step.details,
            ever_stood=row.ever_stood or step.status in ("scheduled", "confirmed", "rescheduled"),
            memory=Memory.from_json(json.loads(json.dumps(step.memory.as_json()))),
        )  # fmt: skip
    return row, facts


T1, T2 = T0 + timedelta(days=1), T0 + timedelta(days=2)
LIFE = [
    ("created", "CREATED", T0), ("confirmed", "CONFIRMED", T0), ("rescheduled", "CONFIRMED", T1),
    ("updated", "CONFIRMED", T2), ("canceled", "CANCELED", T2),
]  # fmt: skip
NEWEST = ["pending", "scheduled", "rescheduled", "rescheduled", "cancelled"]


@pytest.mark.parametrize("length", [2, 3, 4, 5])
def test_webhooks_and_reads_end_in_the_newest_state_in_every_order(length: int) -> None:
    life = LIFE[:length]
    webhooks = [told(kind, n, status, at) for n, (kind, status, at) in enumerate(life, 1)]
    reads = [read(n, status, at) for n, (_, status, at) in enumerate(life, 1)][1:]
    for lost in range(length):
        # One webhook is lost for good; reads of any two states, in any order, between the others in any order.
        for seen in itertools.combinations(reads, min(2, len(reads))):
            newest = max(each.revision or 0 for each in (*seen, *webhooks[:lost], *webhooks[lost + 1 :]))
            for order in itertools.permutations([*seen, *webhooks[:lost], *webhooks[lost + 1 :]]):
                row, facts = fold(order)
                assert (row.status, row.starts_at) == (NEWEST[newest - 1], life[newest - 1][2]), order
                assert [fact.name for fact in facts].count("booking_created") <= 1
                assert row.memory.revision == newest


STATES = st.lists(
    st.tuples(st.sampled_from(["CONFIRMED", "PENDING", "CANCELED"]), st.integers(0, 3)),
    min_size=1,
    max_size=6,
)


@given(STATES, st.data())
def test_any_life_told_and_read_in_part_and_in_any_order_ends_in_its_newest_known_state(
    states: list[tuple[str, int]], data: st.DataObject
) -> None:
    kinds = {"CONFIRMED": "updated", "PENDING": "markedAsPending", "CANCELED": "canceled"}
    known = data.draw(
        st.lists(st.tuples(st.integers(1, len(states)), st.booleans()), min_size=1, max_size=8),
        label="what arrives",
    )
    numbered = data.draw(st.booleans(), label="revisions")
    arriving = []
    for state, is_read in known:
        status, day = states[state - 1]
        at = T0 + timedelta(days=day)
        made = read(state, status, at) if is_read else told(kinds[status], state, status, at)
        arriving.append(made if numbered else Delivery(**{**_fields(made), "revision": None}))
    row, facts = fold(arriving)
    newest, _ = max(known)
    status, day = states[newest - 1]
    assert row.starts_at == T0 + timedelta(days=day)
    assert (row.status == "cancelled") == (status == "CANCELED")
    assert (row.status == "pending") == (status == "PENDING")
    again, more = fold([*arriving, *arriving[-1:]])
    assert (again, more) == (row, facts)


def _fields(delivery: Delivery) -> dict[str, Any]:
    return {name: getattr(delivery, name) for name in Delivery.__dataclass_fields__}


def test_a_read_beside_forms_without_order() -> None:
    simple = Delivery("created", None, "", T0, None, snapshot=False)
    row, _ = fold([read(2, "CONFIRMED", T1), simple])
    assert row.starts_at == T1  # What was created is older than anything.
    gone = Delivery("canceled", None, "", None, None, snapshot=False)
    row, _facts = fold([simple, gone, read(3, "CONFIRMED", T1)])
    assert row.status == "cancelled"  # A cancellation in a form without order is final.
    news = Delivery("updated", None, "confirmed", T2, None, snapshot=False, at=T0 + 9 * MINUTE)
    assert fold([simple, news, read(2, "CONFIRMED", T1)])[0].starts_at == T2  # Read before it came.
    late = read(12, "CONFIRMED", T1)
    assert fold([simple, news, late])[0].starts_at == T1
    # News counts from its arrival, also after a state of the same number was read.
    assert fold([told("confirmed", 2, "CONFIRMED", T0), read(2, "CONFIRMED", T0), news])[0].starts_at == T2
    # A webhook of an older state that comes after the news is older than it.
    order = [told("confirmed", 4, "CONFIRMED", T0), news, told("updated", 3, "CONFIRMED", T1)]
    assert fold(order)[0].starts_at == T2


def test_what_was_cancelled_here_comes_back_when_the_list_shows_it_at_another_time() -> None:
    row, _ = fold([told("confirmed", 1, "CONFIRMED", T0)])
    here = Stored("cancelled", starts_at=T0, details=row.details, ever_stood=True, memory=row.memory)
    assert merge(here, read(2, "CONFIRMED", T0)).status == "cancelled"
    moved = merge(here, read(2, "CONFIRMED", T1))
    assert (moved.status, moved.facts) == ("rescheduled", (Fact("booking_rescheduled", T0, T1),))
    assert merge(here, read(1, "CONFIRMED", T0)).facts == ()


A = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.mark.parametrize(
    ("new", "old", "expected"),
    [
        (Stamp(5, 1), Stamp(4, 9), True),
        (Stamp(4, 1), Stamp(4, 1), True),
        (Stamp(4, 0), Stamp(4, 1), False),
        (Stamp(0, READ, 9), Stamp(FINAL, 0), False),
        (Stamp(FINAL, 0), Stamp(0, READ, 9), True),
        (OLDEST, Stamp(0, READ), False),
        (Stamp(0, READ), OLDEST, True),
        (Stamp(0, READ, 3), Stamp(9, 1, 2), True),
        (Stamp(0, READ, 2), Stamp(9, 1, 2), False),
        (Stamp(9, 1, 2), Stamp(99, READ, 2), True),
        (Stamp(9, 1, 2), Stamp(9, NEWS, 2), False),
        (Stamp(0, READ, None, A), Stamp(9, 1, 2, A), False),
        (Stamp(9, 1, 2, A), Stamp(0, READ, None, A), True),
        (Stamp(0, READ, None, A + MINUTE), Stamp(9, 1, 2, A), True),
        (Stamp(0, READ, None, A), Stamp(9, 1, 2, A + MINUTE), False),
        (Stamp(0, READ), Stamp(9, 1), True),
        (Stamp(9, 1), Stamp(0, READ), True),
        (Stamp(9, NEWS), Stamp(8, 1, 3), True),
    ],
)
def test_which_is_newer(new: Stamp, old: Stamp, expected: bool) -> None:
    assert supersedes(new, old) is expected


def test_a_stamp_is_kept_short_where_it_can_be() -> None:
    for stamp in (Stamp(4, 1), Stamp(4, 1, 2, A), Stamp(4, 1, None, A), Stamp(4, 1, 2)):
        kept = json.loads(json.dumps(delivery_order.stored(stamp)))
        assert delivery_order.restored(kept) == stamp
    assert delivery_order.stored(Stamp(4, 1)) == [4, 1]
