"""What the clock's ticks call in this app."""

from __future__ import annotations

from bookings import timed
from core import ticks


def connect() -> None:
    """Called from AppConfig.ready()."""
    ticks.register("1min", "bookings.ask_for_outcomes", timed.ask_for_outcomes)
    ticks.register("1min", "bookings.expire_pending", timed.expire_pending)
