"""The one clock.

Everything that asks "what time is it?" asks here, so that tests and the demo generator can move time for rows,
rules and claims alike. The override is per process and reaches every thread in it.

A demo's clock can also run ahead of real time, in all of its processes at once: each follows one small file.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from django.db.models import DateTimeField, DurationField, ExpressionWrapper, Func, Value
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


logger = logging.getLogger(__name__)

NONE = timedelta(0)
_stack: list[Frozen] = []
_followed: Path | None = None
_read: tuple[int, timedelta] = (0, NONE)


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"The clock takes aware datetimes only, got {at!r}.")
    return at.astimezone(UTC)


def now() -> datetime:
    """The present moment, aware, in UTC."""
    return _stack[-1].at if _stack else real() + ahead()


def real() -> datetime:
    """The moment outside, aware, in UTC, wherever the clock was moved to: for whoever moves it."""
    return datetime.now(UTC)


def follow(file: Path | None) -> None:
    """Run ahead of real time by `ahead_seconds` of this JSON file from now on; None: show real time.

    A file that is not there means nought. It is looked at anew whenever it changes.
    """
    global _followed, _read
    _followed, _read = file, (0, NONE)


def ahead() -> timedelta:
    """How far a demo's clock runs ahead of real time; nought everywhere else."""
    global _read
    if _followed is None:
        return NONE
    try:
        changed = _followed.stat().st_mtime_ns
        if changed != _read[0]:
            _read = (changed, timedelta(seconds=float(json.loads(_followed.read_text())["ahead_seconds"])))
    except FileNotFoundError:
        return NONE
    except (OSError, ValueError, KeyError, TypeError):
        logger.warning("the demo's clock could not be read", exc_info=True)
    return _read[1]


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
    present = Func(function="clock_timestamp", output_field=DateTimeField())
    by = ahead()
    if not by:
        return present
    return ExpressionWrapper(present + Value(by, output_field=DurationField()), output_field=DateTimeField())


@contextmanager
def frozen(at: datetime) -> Iterator[Frozen]:
    """Stop the clock at `at` (aware) until the block ends."""
    clock = Frozen(at)
    _stack.append(clock)
    try:
        yield clock
    finally:
        _stack.remove(clock)
