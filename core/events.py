"""The event log: what happened, recorded in the transaction of its change.

An app declares its event types with `define` and writes them with `record` or `record_many`. A higher app hears
of them with `subscribe`, which makes one work item for each event and handler, in the same transaction.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from core import clock, doorbell
from core.causes import Cause
from core.crashpoints import crashpoint, declare
from core.models import Event, Work
from core.registry import Registry


@dataclass(frozen=True)
class EventType:
    """A declared name, its label for people, and the only data keys it may carry."""

    name: str
    label: str
    keys: frozenset[str]


@dataclass(frozen=True)
class NewEvent:
    """An event about to be recorded. `data` holds ids, codes, times and field names, never personal values."""

    type: EventType
    cause: Cause
    location_id: int | None
    contact_id: int | None = None
    booking_id: int | None = None
    data: dict[str, Any] = field(default_factory=dict)
    source: str = "system"
    occurred_at: datetime | None = None
    dedupe_key: str | None = None
    receipt_id: int | None = None


declare("event.recorded")

_types: Registry[EventType] = Registry("event type")
_subscribers: dict[str, list[str]] = defaultdict(list)


def define(name: str, *, label: str, keys: Iterable[str] = ()) -> EventType:
    """Declare an event type, once, at module level."""
    event_type = EventType(name, label, frozenset(keys))
    _types.register(name, event_type)
    return event_type


def get(name: str) -> EventType:
    """The declared type of that name; KeyError when nobody declared it."""
    return _types.get(name)


def all_types() -> list[EventType]:
    """Every declared type, by name."""
    return [event_type for _, event_type in sorted(_types.items())]


def subscribe(names: Iterable[str], *, handler: str) -> None:
    """Deliver events of these names to the work handler called `handler`."""
    for name in names:
        if handler not in _subscribers[name]:
            _subscribers[name].append(handler)


def subscribers(name: str) -> Sequence[str]:
    """The handlers that hear of events called `name`."""
    return tuple(_subscribers.get(name, ()))


def record(
    type: EventType,
    *,
    cause: Cause,
    location_id: int | None,
    contact_id: int | None = None,
    booking_id: int | None = None,
    data: dict[str, Any] | None = None,
    source: str = "system",
    occurred_at: datetime | None = None,
    dedupe_key: str | None = None,
    receipt_id: int | None = None,
) -> Event | None:
    """Record one event and its deliveries. None when its dedupe key was recorded before."""
    new = NewEvent(
        type=type, cause=cause, location_id=location_id, contact_id=contact_id, booking_id=booking_id,
        data=data or {}, source=source, occurred_at=occurred_at, dedupe_key=dedupe_key, receipt_id=receipt_id,
    )  # fmt: skip
    if dedupe_key is not None:
        recorded = record_many([new])
        return recorded[0] if recorded else None
    event = _row(new)
    event.save(force_insert=True)  # post_save rings the doorbell (core.signals.nudge)
    _deliver([event])
    return event


def record_many(news: Sequence[NewEvent]) -> list[Event]:
    """Record a set of events in a few statements. Those whose dedupe key was there already are left out."""
    if not news:
        return []
    rows = [_row(new) for new in news]
    fresh = _insert_once([row for row in rows if row.dedupe_key is not None])
    Event.objects.bulk_create([row for row in rows if row.dedupe_key is None])
    rows = [row for row in rows if row.dedupe_key is None or row.public_id in fresh]
    _deliver(rows)
    return rows


def _insert_once(keyed: list[Event]) -> set[UUID]:
    """Insert those whose key is not there, and give them their ids. Returns their public ids.

    The unique index decides, and a rival that is recording the same is waited for: an error would abort the
    caller's transaction.
    """
    if not keyed:
        return set()
    Event.objects.bulk_create(keyed, ignore_conflicts=True)
    written = dict(
        Event.objects.filter(public_id__in=[row.public_id for row in keyed]).values_list("public_id", "pk")
    )
    for row in keyed:
        row.pk = written.get(row.public_id)
    return set(written)


def _row(new: NewEvent) -> Event:
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError(f"{new.type.name} must be recorded in the transaction of its change.")
    if _types.get(new.type.name) is not new.type:
        raise ValueError(f"{new.type.name} was not declared with events.define().")
    undeclared = set(new.data) - new.type.keys
    if undeclared:
        raise ValueError(f"{new.type.name} does not declare the data keys {sorted(undeclared)}.")
    now = clock.now()
    return Event(
        type=new.type.name, location_id=new.location_id, contact_id=new.contact_id, booking_id=new.booking_id,
        occurred_at=new.occurred_at or now, recorded_at=now, source=new.source, cause_kind=new.cause.kind,
        cause_id=str(new.cause.id), chain=list(new.cause.chain), dedupe_key=new.dedupe_key,
        receipt_id=new.receipt_id, data=new.data,
    )  # fmt: skip


def _deliver(rows: Sequence[Event]) -> None:
    items = [
        Work(
            handler=handler,
            event_id=event.pk,
            location_id=event.location_id,
            subject=f"contact:{event.contact_id}" if event.contact_id else f"location:{event.location_id}",
            due_at=event.recorded_at,
            dedupe_key=f"event:{event.pk}:{handler}",
        )
        for event in rows
        for handler in subscribers(event.type)
    ]
    if items:
        Work.objects.bulk_create(items)
        doorbell.ring_on_commit()
    crashpoint("event.recorded")
