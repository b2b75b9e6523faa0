"""Sending is stopped: one row that every sender asks for before it claims and before it calls.

    stop(kind="kill_switch", reason="Wrong price in the offer", cause=cause)      everywhere
    stop(kind="kill_switch", reason="…", cause=cause, location_id=sydney.pk)      at one clinic
    resume(kind="kill_switch", cause=cause)
    stopped_for([sydney.pk])                                                      {sydney.pk: SendingStop}

Texts, e-mails and calls to others are held alike. A stop is a row, so it survives every restart; what is under way
when it commits (one call to a provider) is not taken back.

A database that was stored under another installation's name than the environment's is a copy, and stops by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.events import SENDING_RESUMED, SENDING_STOPPED
from accounts.models import Installation, Location, SendingStop
from core import clock, doorbell, events
from core.causes import Cause
from core.registry import Registry

Kind = SendingStop.Kind

Reconciler = Callable[[SendingStop, Cause], dict[str, int]]
#: Called in the transaction that ends safe mode, before anything may go: what may have been sent after the backup
#: is put aside. Each answers how many of what it put where.
reconcilers: Registry[Reconciler] = Registry("reconciler after a restore")

_known_here: set[str] = set()


@transaction.atomic
def stop(
    *,
    kind: str,
    reason: str,
    cause: Cause,
    location_id: int | None = None,
    backed_up_at: datetime | None = None,
) -> SendingStop:
    """Stop all sending at a clinic, or everywhere. Stopping twice keeps the first stop and its reason.

    `backed_up_at` (aware) is the moment a restored backup shows.
    """
    row, made = SendingStop.objects.get_or_create(
        kind=kind, location_id=location_id, resumed_at=None,  # type: ignore[misc]
        defaults={
            "reason": reason[:300], "backed_up_at": backed_up_at,
            "stopped_by_kind": cause.kind, "stopped_by_id": str(cause.id),
        },
    )  # fmt: skip
    if made:
        _tell(SENDING_STOPPED, row, cause)
    return row


def stop_restored(*, using: str, backed_up_at: datetime) -> None:
    """Safe mode of a restored database, written over the connection `using`, before the application is let in."""
    SendingStop.objects.using(using).get_or_create(
        kind=Kind.SAFE_MODE, location=None, resumed_at=None,
        defaults={
            "reason": f"Restored from a backup of {backed_up_at.astimezone(UTC):%-d %B %Y, %H:%M} UTC: what has fallen "
            "due since may have been sent already.",
            "backed_up_at": backed_up_at, "stopped_by_kind": "system", "stopped_by_id": "restore",
        },
    )  # fmt: skip


@transaction.atomic
def resume(
    *, kind: str, cause: Cause, location_id: int | None = None, reason: str = ""
) -> dict[str, int] | None:
    """Let sending go on. Returns None when there was no such stop, else what the reconcilers did (safe mode alone)."""
    row = (
        SendingStop.objects.select_for_update(no_key=True, of=("self",))
        .filter(kind=kind, location_id=location_id, resumed_at=None)  # type: ignore[misc]
        .first()
    )
    if row is None:
        return None
    did: dict[str, int] = {}
    if kind == Kind.SAFE_MODE:
        for _, reconcile in reconcilers.items():
            did |= reconcile(row, cause)
        _adopt()
    row.resumed_at, row.resumed_reason = clock.now(), reason[:300]
    row.resumed_by_kind, row.resumed_by_id = cause.kind, str(cause.id)
    row.save()
    _tell(SENDING_RESUMED, row, cause)
    doorbell.ring_on_commit()
    return did


def stopped_for(location_ids: Iterable[int]) -> dict[int, SendingStop]:
    """The stop in force at each of these clinics that has one, safe mode before the kill switch. One query."""
    _refuse_a_copy()
    wanted = set(location_ids)
    rows = in_force().filter(Q(location=None) | Q(location_id__in=wanted))
    found: dict[int, SendingStop] = {}
    for row in sorted(rows, key=lambda row: row.kind != Kind.SAFE_MODE):
        for pk in wanted if row.location_id is None else (row.location_id,):
            found.setdefault(pk, row)
    return found


def where() -> tuple[bool, set[int]]:
    """Whether sending is stopped everywhere, and the clinics where it is. One query."""
    _refuse_a_copy()
    stopped = set(in_force().values_list("location_id", flat=True))
    return None in stopped, {pk for pk in stopped if pk is not None}


def in_force() -> QuerySet[SendingStop]:
    """Every stop in force."""
    return SendingStop.objects.filter(resumed_at=None)


def shown_to(locations: Iterable[Location]) -> list[SendingStop]:
    """The stops that somebody who works at these clinics is told of."""
    here = [location.pk for location in locations]
    return list(in_force().filter(Q(location=None) | Q(location_id__in=here)).select_related("location"))


def _refuse_a_copy() -> None:
    """Safe mode, when this database belongs to another installation than this process. Asked once a process."""
    name = settings.INSTALLATION
    if not name or name in _known_here:
        return
    with transaction.atomic():
        known, _ = Installation.objects.get_or_create(pk=1, defaults={"name": name})
        if known.name != name:
            stop(
                kind=Kind.SAFE_MODE, cause=Cause.system("installation"),
                reason=f"This database belongs to the installation “{known.name}”, and this is “{name}”.",
            )  # fmt: skip
        transaction.on_commit(lambda: _known_here.add(name))


def _adopt() -> None:
    """Whoever leaves safe mode says that this database is this installation's own from now on."""
    if settings.INSTALLATION:
        Installation.objects.update_or_create(pk=1, defaults={"name": settings.INSTALLATION})


def _tell(type: events.EventType, row: SendingStop, cause: Cause) -> None:
    events.record(
        type, cause=cause, location_id=row.location_id, data={"stop": str(row.public_id), "kind": row.kind},
        source="user" if cause.kind == "user" else "system",
    )  # fmt: skip
