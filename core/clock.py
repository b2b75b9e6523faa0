"""The one clock.

Everything that asks "what time is it?" asks here, so that tests and the demo generator can move time for rows,
rules and claims alike. The override is per process and reaches every thread in it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from django.db.models import DateTimeField, Func, Value
from django.db.models.expressions import Combinable


class Frozen:
    """A stopped clock; `advance` and `set` move it."""

    def __init__(self, at: datetime) -> None:
        self.at = _aware(at)

    def advance(self, by: timedelta) -> datetime:
        self.at += by
        return self.at

    def set(self, at: datetime) -> None:
        self.at = _aware(at)


_stack: list[Frozen] = []


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"The clock takes aware datetimes only, got {at!r}.")
    return at.astimezone(UTC)


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _stack[-1].at if _stack else datetime.now(UTC)


def overridden() -> datetime | None:
    """The moment a moved clock shows; None while real time runs."""
    return _stack[-1].at if _stack else None


def sql_now() -> Combinable:
    """The present moment inside a query: the database's own clock unless time is moved.

    Claims and leases use the database's clock, so that workers whose clocks differ agree.
    """
    at = overridden()
    if at is not None:
        return Value(at, output_field=DateTimeField())
    return Func(function="clock_timestamp", output_field=DateTimeField())


@contextmanager
def frozen(at: datetime) -> Iterator[Frozen]:
    """Stop the clock at `at` (aware) until the block ends."""
    clock = Frozen(at)
    _stack.append(clock)
    try:
        yield clock
    finally:
        _stack.remove(clock)
