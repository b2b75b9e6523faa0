"""What Beat's fixed ticks call: apps register functions by interval.

A tick function must be safe to run twice at once: it claims what it works on.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable
from typing import Literal

from core import clock
from core.crashpoints import crashpoint, declare
from core.models import Heartbeat

logger = logging.getLogger(__name__)

Interval = Literal["10s", "1min", "15min"]
TickFunction = Callable[[], int]

declare("tick.begun", "tick.ended")

_functions: dict[Interval, dict[str, TickFunction]] = defaultdict(dict)


def register(interval: Interval, name: str, function: TickFunction) -> None:
    """Call `function` at each tick of that interval. It returns how many things it did."""
    if name in _functions[interval]:
        raise ValueError(f"A tick called {name} is registered already.")
    _functions[interval][name] = function


def run(interval: Interval) -> int:
    """Call every function of an interval; one that fails is logged and does not keep the others from running."""
    did = 0
    for name, function in _functions[interval].items():
        crashpoint("tick.begun")
        try:
            did += function()
        except Exception:
            logger.exception("tick failed", extra={"tick": name})
        crashpoint("tick.ended")
    return did


def beat(name: str) -> None:
    """Show life."""
    Heartbeat.objects.update_or_create(name=name, defaults={"at": clock.now()})
