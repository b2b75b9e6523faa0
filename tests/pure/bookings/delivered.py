"""Deliveries of one visit, and what becomes of them."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bookings.deliveries import Delivery, Fact, Memory, Merge, Stored, merge

T0 = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
T1 = T0 + timedelta(days=1)
T2 = T0 + timedelta(days=2)
HALF = timedelta(minutes=30)


def jwt(
    kind: str, sequence: int, status: str = "CONFIRMED", at: datetime | None = T0, **details: Any
) -> Delivery:
    return Delivery(kind, sequence, status, at, at + HALF if at else None, details)


def simple(kind: str, at: datetime | None = T0, status: str = "", **details: Any) -> Delivery:
    return Delivery(kind, None, status, at, None, details, snapshot=False)


def after(stored: Stored, step: Merge) -> Stored:
    """The row as the service would save it, its memory through JSON as it is kept."""
    if step.starts_at is None:
        return stored
    return Stored(
        status=step.status,
        outcome=stored.outcome,
        starts_at=step.starts_at,
        duration=step.duration,
        details=step.details,
        ever_stood=stored.ever_stood or step.status in ("scheduled", "confirmed", "rescheduled"),
        memory=Memory.from_json(json.loads(json.dumps(step.memory.as_json()))),
    )


def run(deliveries: Iterable[Delivery], stored: Stored | None = None) -> tuple[Stored, list[Fact]]:
    row = stored or Stored()
    facts: list[Fact] = []
    for delivery in deliveries:
        step = merge(row, delivery)
        facts += step.facts
        row = after(row, step)
    return row, facts


def row_of(stored: Stored) -> tuple[object, ...]:
    return (stored.status, stored.starts_at, stored.duration, dict(stored.details), stored.memory.sequence)


def names(facts: Sequence[Fact]) -> list[str]:
    return [fact.name for fact in facts]


CREATED = jwt("created", 1, "CREATED", service="s1", staff="a")
APPROVED = jwt("confirmed", 2, service="s1", staff="a")
MOVED = jwt("rescheduled", 3, at=T1, service="s1", staff="b")
CANCELED = jwt("canceled", 4, "CANCELED", at=T1, staff="")
FOUR = (CREATED, APPROVED, MOVED, CANCELED)


def orders(deliveries: Sequence[Delivery]) -> Iterable[tuple[Delivery, ...]]:
    """Every order of the deliveries, each arriving once or twice."""
    for copies in itertools.product((1, 2), repeat=len(deliveries)):
        yield from _arrangements(deliveries, copies)


def _arrangements(deliveries: Sequence[Delivery], left: tuple[int, ...]) -> Iterable[tuple[Delivery, ...]]:
    if not any(left):
        yield ()
    for index, count in enumerate(left):
        if count:
            rest = (*left[:index], count - 1, *left[index + 1 :])
            yield from ((deliveries[index], *tail) for tail in _arrangements(deliveries, rest))
