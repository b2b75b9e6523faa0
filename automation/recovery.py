"""Patients won back: who booked again after a cancellation or a recall text, recorded as events.

A figure of rescued or recalled patients is the count of these events, and each names the visit that was
booked and what it followed.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from automation.events import CONTACT_RECOVERED
from bookings.events import BOOKING_CREATED
from bookings.models import Booking, Status
from contacts import locks as contact_locks
from core import events, work
from core.causes import Cause
from core.events import NewEvent, record_many
from core.models import Event, Work
from messaging.models import Category, Direction, Message

RECOVER = "automation.recover"
RESCUE, RECALL = "rescue", "recall"
WINDOWS: Mapping[str, timedelta] = {RESCUE: timedelta(days=30), RECALL: timedelta(days=90)}
"""How soon a new visit must be booked to count as won back: after a cancellation that left the patient without
any other visit, and after a recall text went out. Each cancellation and each text counts once.
"""


@work.handler(RECOVER, batch=100)
def recover(items: list[Work]) -> None:
    """Note which of the visits that were just booked win somebody back; a few queries however many."""
    contact_locks.lock_for(items)
    heard = [item.event for item in items if item.event is not None and item.event.contact_id is not None]
    contacts = {event.contact_id for event in heard if event.contact_id is not None}
    visits: dict[int, list[Booking]] = defaultdict(list)
    for booking in Booking.objects.filter(contact_id__in=contacts).order_by("pk"):
        visits[booking.contact_id].append(booking)
    texts = _recall_texts(contacts, heard)
    record_many([new for event in heard for new in _won_back(event, visits[event.contact_id or 0], texts)])


def _recall_texts(contacts: Iterable[int], heard: Sequence[Event]) -> dict[int, list[Message]]:
    """Recall texts that went out to these people lately enough, oldest first."""
    found: dict[int, list[Message]] = defaultdict(list)
    if heard:
        since = min(event.recorded_at for event in heard) - WINDOWS[RECALL]
        rows = Message.objects.filter(
            contact_id__in=list(contacts), category=Category.RECALL, direction=Direction.OUTBOUND,
            sent_at__gte=since,
        )  # fmt: skip
        for message in rows.order_by("sent_at", "pk"):
            found[message.contact_id].append(message)
    return found


def _won_back(
    event: Event, visits: Sequence[Booking], texts: Mapping[int, Sequence[Message]]
) -> Iterable[NewEvent]:
    new = next((visit for visit in visits if visit.pk == event.booking_id), None)
    if new is None:
        return
    lost = _lost_before(new, visits, event)
    if lost is not None:
        yield _recovered(event, RESCUE, lost.pk, lost=lost.pk)
    at = event.recorded_at
    told = [m for m in texts.get(event.contact_id or 0, ()) if m.sent_at and _within(RECALL, m.sent_at, at)]
    if told:
        yield _recovered(event, RECALL, told[-1].pk, message=told[-1].pk)


def _within(kind: str, then: object, now: object) -> bool:
    return timedelta() <= now - then <= WINDOWS[kind]  # type: ignore[operator]


def _lost_before(new: Booking, visits: Sequence[Booking], event: Event) -> Booking | None:
    """The last cancellation before a booking, if it left the patient without any other visit."""
    cancelled = [
        visit
        for visit in visits
        if visit.pk != new.pk
        and visit.status == Status.CANCELLED
        and visit.became_live_at is not None
        and visit.cancelled_at is not None
        and _within(RESCUE, visit.cancelled_at, event.recorded_at)
    ]
    if not cancelled:
        return None
    last = max(cancelled, key=lambda visit: (visit.cancelled_at, visit.pk))
    held = any(_stood_at(visit, last) for visit in visits if visit.pk not in (new.pk, last.pk))
    return None if held else last


def _stood_at(visit: Booking, lost: Booking) -> bool:
    """Whether a visit stood, and was still ahead, when the other one was cancelled."""
    at = lost.cancelled_at
    assert at is not None
    begun = visit.became_live_at is not None and visit.became_live_at <= at < visit.ends_at
    return begun and (visit.cancelled_at is None or visit.cancelled_at > at)


def _recovered(event: Event, kind: str, what: int, **data: int) -> NewEvent:
    return NewEvent(
        type=CONTACT_RECOVERED,
        cause=Cause("system", RECOVER, event.cause.chain),
        location_id=event.location_id,
        contact_id=event.contact_id,
        booking_id=event.booking_id,
        data={"kind": kind, **data},
        dedupe_key=f"recovered:{kind}:{what}",
    )


def connect() -> None:
    """Hear of every visit that is booked."""
    events.subscribe([BOOKING_CREATED.name], handler=RECOVER)
