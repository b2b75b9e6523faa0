"""What Beat's fixed ticks call: apps register functions by interval.

A tick function must be safe to run twice at once: it claims what it works on.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import timedelta
from time import monotonic
from typing import Literal

from django.db import DatabaseError

from core import clock
from core.crashpoints import crashpoint, declare
from core.models import Heartbeat

logger = logging.getLogger(__name__)

Interval = Literal["10s", "1min", "15min"]
TickFunction = Callable[[], int]

declare("tick.begun", "tick.ended")

#: How far apart the ticks of an interval are.
APART: dict[Interval, timedelta] = {
    "10s": timedelta(seconds=10),
    "1min": timedelta(minutes=1),
    "15min": timedelta(minutes=15),
}
#: Drains run the 10 s functions far more often than their life need be written down.
NOTED_EVERY = 10.0

_noted: dict[Interval, tuple[float, Mapping[str, str]]] = {}
_functions: dict[Interval, dict[str, TickFunction]] = defaultdict(dict)


def register(interval: Interval, name: str, function: TickFunction) -> None:
    """Call `function` at each tick of that interval. It returns how many things it did."""
    if name in _functions[interval]:
        raise ValueError(f"A tick called {name} is registered already.")
    _functions[interval][name] = function


def registered() -> list[tuple[Interval, str]]:
    """Every function that ticks call: its interval and its name."""
    return [(interval, name) for interval in APART for name in _functions[interval]]


def heartbeat_of(name: str) -> str:
    """The name of a tick function's heartbeat."""
    return f"tick:{name}"[:60]


def run(interval: Interval) -> int:
    """Call every function of an interval; one that fails is logged and does not keep the others from running."""
    did, failed = 0, {}
    for name, function in _functions[interval].items():
        crashpoint("tick.begun")
        try:
            did += function()
        except Exception as error:
            failed[name] = type(error).__name__
            logger.exception("tick failed", extra={"tick": name})
        crashpoint("tick.ended")
    _note(interval, failed)
    return did


def _note(interval: Interval, failed: Mapping[str, str]) -> None:
    """Write down that the functions ran and which failed; at most every ten seconds while that stays the same."""
    at, before = _noted.get(interval, (-NOTED_EVERY, {}))
    if monotonic() - at < NOTED_EVERY and before == failed:
        return
    now = clock.now()
    rows = [
        Heartbeat(name=heartbeat_of(name), at=now, error=failed.get(name, "")[:80])
        for name in sorted(_functions[interval])
    ]
    try:
        Heartbeat.objects.bulk_create(
            rows, update_conflicts=True, update_fields=["at", "error"], unique_fields=["name"]
        )
    except DatabaseError:
        logger.warning("heartbeats of ticks could not be written", extra={"interval": interval})
        return
    _noted[interval] = (monotonic(), dict(failed))


def beat(name: str) -> None:
    """Show life."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": clock.now()})
