"""The only two signal receivers of the system.

`track` appends a row event, with old and new values, when a declared field of a tracked model changes.
`nudge` rings the doorbell on commit when an event was saved.
Both only write or hint; whatever follows is decided by handlers of the event.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models.signals import post_save

from core import clock, doorbell
from core.causes import Cause
from core.events import EventType, record, subscribers
from core.models import Event, FieldChange, TrackedModel


@dataclass(frozen=True)
class Tracking:
    """Which fields of a model are watched, which of them are personal, and which events tell of it."""

    fields: tuple[str, ...]
    personal: frozenset[str]
    updated: EventType
    created: EventType | None


_tracking: dict[type[TrackedModel], Tracking] = {}


def track_model(
    model: type[TrackedModel],
    *,
    fields: Iterable[str],
    updated: EventType,
    created: EventType | None = None,
    personal: Iterable[str] = (),
) -> None:
    """Watch `fields` of `model`. Call from the app's `signals.connect()`, in `AppConfig.ready()`.

    The events must declare the data key `fields`; `created` is recorded without data. A state column guarded by a
    machine is never tracked: its service records what the move means.
    """
    names = tuple(fields)
    unknown = set(personal) - set(names)
    if unknown:
        raise ValueError(
            f"{model.__name__}: personal fields {sorted(unknown)} are not among the tracked ones."
        )
    model.tracked_fields = names
    _tracking[model] = Tracking(names, frozenset(personal), updated, created)
    post_save.connect(track, sender=model, dispatch_uid=f"track:{model._meta.label}")


def connect() -> None:
    """Connect the receiver that rings for events."""
    post_save.connect(nudge, sender=Event, dispatch_uid="nudge")


def track(
    sender: Any,
    instance: TrackedModel,
    created: bool,
    raw: bool,
    update_fields: Any,
    **_: Any,
) -> None:
    """Record that a row was made or that tracked fields changed."""
    if raw:
        return
    tracking = _tracking[sender]
    cause = instance.cause or Cause.system("unattributed")
    subject = instance.event_subject()
    if created:
        instance.remember()
        if tracking.created is not None:
            record(tracking.created, cause=cause, **subject)  # type: ignore[arg-type]
        return
    looked_at = [f for f in tracking.fields if update_fields is None or f in update_fields]
    changed = {
        f: (instance.loaded_values[f], instance.__dict__[f])
        for f in looked_at
        if f in instance.loaded_values and f in instance.__dict__
        and instance.loaded_values[f] != instance.__dict__[f]
    }  # fmt: skip
    instance.remember(looked_at)
    if not changed:
        return
    event = record(tracking.updated, cause=cause, data={"fields": sorted(changed)}, **subject)  # type: ignore[arg-type]
    if event is not None:
        _keep_values(
            event,
            instance,
            {f: v for f, v in changed.items() if f in tracking.personal},
        )


def _keep_values(event: Event, instance: TrackedModel, changed: dict[str, tuple[Any, Any]]) -> None:
    FieldChange.objects.bulk_create(
        FieldChange(
            event_id=event.pk, location_id=event.location_id, contact_id=event.contact_id,
            model=instance._meta.label_lower, object_id=instance.pk, field=name,
            old="" if old is None else str(old), new="" if new is None else str(new), at=clock.now(),
        )
        for name, (old, new) in changed.items()
    )  # fmt: skip


def nudge(sender: Any, instance: Event, created: bool, raw: bool, **_: Any) -> None:
    """Ask a worker, once the transaction commits, to look for work."""
    if created and not raw and subscribers(instance.type):
        doorbell.ring_on_commit()
