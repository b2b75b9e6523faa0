"""What a clock rule acts on once.

Pure. An event rule meets each event once; a rule that runs by the clock would meet the same person every
hour, so it names what it is about, and that is the key of its run.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class AnchorFacts:
    """What an anchor may be made of. `today` is the local day. `last_outbound_at` is empty where the last
    thing that went out was the asking rule's own: that is no new occasion for it.
    """

    contact_id: int
    today: date
    booking_id: int | None = None
    appointment_at: datetime | None = None
    last_outbound_at: datetime | None = None
    last_touchpoint_at: datetime | None = None
    stage_entered_at: datetime | None = None
    recall_due_date: date | None = None


def _booking(facts: AnchorFacts) -> str:
    # A visit that moves is a new one to worry about.
    if facts.booking_id is None or facts.appointment_at is None:
        return ""
    return f"booking:{facts.booking_id}:{facts.appointment_at.isoformat()}"


def _outbound(facts: AnchorFacts) -> str:
    return _dated(facts.contact_id, "outbound", facts.last_outbound_at)


def _silence(facts: AnchorFacts) -> str:
    # Who was never in touch has been silent for as long as they stand where they stand.
    return _dated(facts.contact_id, "silence", facts.last_touchpoint_at or facts.stage_entered_at)


def _recall(facts: AnchorFacts) -> str:
    return _dated(facts.contact_id, "recall", facts.recall_due_date)


def _day(facts: AnchorFacts) -> str:
    return _dated(facts.contact_id, "day", facts.today)


def _dated(contact_id: int, what: str, at: date | datetime | None) -> str:
    return f"contact:{contact_id}:{what}:{at.isoformat()}" if at is not None else ""


_ANCHORS: Mapping[str, tuple[str, Callable[[AnchorFacts], str]]] = {
    "booking": ("visit, at its time", _booking),
    "outbound": ("text or call of ours", _outbound),
    "silence": ("silence since the last touchpoint", _silence),
    "recall_date": ("recall date", _recall),
    "day": ("day", _day),
}

#: Those that change while nothing happens: a visit passes, a day begins.
BY_TIME = frozenset({"booking", "day"})

CHOICES = [(name, label) for name, (label, _) in _ANCHORS.items()]


def anchor(name: str, facts: AnchorFacts) -> str:
    """The key of what the rule would act on; empty when there is no such thing."""
    return _ANCHORS[name][1](facts)


def of_event(event_id: int) -> str:
    """The anchor of a rule that an event triggers."""
    return f"event:{event_id}"
