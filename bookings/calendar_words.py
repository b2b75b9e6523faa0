"""How a visit shows in the calendar: a state with a sign, a word and a class for its colour. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from bookings import lifecycle


@dataclass(frozen=True, slots=True)
class State:
    """What a visit looks like; the sign and the word say it without colour."""

    code: str
    sign: str
    word: str


STATES = {
    state.code: state
    for state in (
        State("pending", "?", "Pending"),
        State("scheduled", "○", "Scheduled"),
        State("rescheduled", "↻", "Moved"),
        State("confirmed", "✓", "Confirmed"),
        State("arrived", "●", "Arrived"),
        State("asks", "!", "No outcome yet"),
        State("attended", "★", "Attended"),
        State("no_show", "✗", "Did not attend"),
        State("cancelled", "⊘", "Cancelled"),
    )
}


def state_of(status: str, outcome: str, *, arrived: bool, ends_at: datetime, now: datetime) -> State:
    """The state that matters most at the desk: the outcome, then presence, then where the booking stands."""
    if outcome != lifecycle.NO_OUTCOME:
        return STATES[outcome]
    if status == lifecycle.CANCELLED:
        return STATES[status]
    if ends_at <= now and status in lifecycle.STANDING:
        return STATES["asks"]
    return STATES["arrived"] if arrived else STATES[status]
