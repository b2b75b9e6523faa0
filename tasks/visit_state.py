"""Where one of today's visits stands, as the desk sees it, and what may be pressed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class VisitState:
    """A state in words. `rank` orders a list (smaller first), `tone` is good, warn, bad, on or "", `moves` are names
    and words of what may be done.
    """

    key: str
    label: str
    rank: int
    tone: str
    moves: tuple[tuple[str, str], ...] = ()


_ARRIVED = ("arrived", "Arrived")
_ATTENDED = ("attended", "Attended")
_NO_SHOW = ("no_show", "Did not attend")

LATE = VisitState("late", "Not here yet", 0, "bad", (_ARRIVED, _NO_SHOW))
WAITING = VisitState("waiting", "Waiting for outcome", 1, "warn", (_ATTENDED, _NO_SHOW))
ARRIVED = VisitState("arrived", "Arrived", 2, "on", (_ATTENDED,))
IN_PROGRESS = VisitState("in_progress", "In progress", 3, "on", (_ATTENDED,))
EXPECTED = VisitState("expected", "Expected", 4, "", (_ARRIVED,))
PENDING = VisitState("pending", "Not confirmed by the provider", 5, "warn")
ATTENDED = VisitState("attended", "Attended", 6, "good")
NO_SHOW = VisitState("no_show", "Did not attend", 7, "bad")


def state(
    *, status: str, outcome: str, arrived: bool, starts: datetime, ends: datetime, now: datetime
) -> VisitState:
    """Where a visit that is not cancelled stands at `now`; all times aware."""
    if outcome == "attended":
        return ATTENDED
    if outcome == "no_show":
        return NO_SHOW
    if status == "pending":
        return PENDING
    if ends <= now:
        return WAITING
    if arrived:
        return IN_PROGRESS if starts <= now else ARRIVED
    return LATE if starts <= now else EXPECTED


def counts(states: Iterable[VisitState]) -> list[tuple[str, int]]:
    """How many stand where, in the order of a list; states nobody is in are left out."""
    found: dict[VisitState, int] = {}
    for one in states:
        found[one] = found.get(one, 0) + 1
    return [(one.label, count) for one, count in sorted(found.items(), key=lambda item: item[0].rank)]
