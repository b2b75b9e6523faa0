"""Calls to other people's servers: claim, call, record, like the sender of messages.

A call is a row, written in the transaction of its cause. `begin` takes one that is due and commits that it is
being made; only then is it made, with no transaction open; `record` stores the answer if the row still is ours.
Whoever dies in between leaves a lease behind. A webhook is tried again then, because its receiver knows it by
its id; a notice to staff, which would simply be there twice, is left unknown for a person to see.

While a location is not live, or sending is stopped (`accounts.sending_stops`), nothing is called; what waited too
long expires. A call without a location is an alert of the system itself: it tells of stops too, and only safe mode
keeps it back.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any

from django.db import transaction
from django.db.models import Q

from accounts import sending_stops
from accounts.models import Location, SendingStop
from core import clock, doorbell
from core.causes import Cause
from core.crashpoints import crashpoint, declare
from core.errors import Conflict
from core.events import record as record_event
from integrations import calling, calls
from integrations.calling import CallOutcome
from integrations.events import CALL_FAILED
from integrations.models import OutboundCall

logger = logging.getLogger(__name__)

Kind, State = OutboundCall.Kind, OutboundCall.State

LEASE = timedelta(seconds=90)
LASTS = timedelta(hours=48)
PAYLOADS_KEPT = timedelta(days=90)
BATCH = 100
#: Real seconds that one pass may take; messages are waiting behind it.
SECONDS = 10
#: Receivers of these tell a second try from a second call, by its id.
REPEATABLE = frozenset({Kind.WEBHOOK})
OPEN_ENDED = (State.UNKNOWN, State.PARKED, State.EXPIRED)

declare("outbox.enqueued", "outbox.begun", "outbox.called", "outbox.recorded")


@dataclass(frozen=True)
class NewCall:
    """A wish for a call. `dedupe_key` names its business cause: a second wish with the same key is the first one.

    `payload` is what `integrations.calls` makes the call from; it may hold personal data, `target` may not.
    """

    location_id: int | None
    kind: str
    target: str
    payload: Mapping[str, Any]
    dedupe_key: str
    cause: Cause
    account_id: int | None = None
    contact_id: int | None = None


@transaction.atomic
def enqueue_calls(wishes: Sequence[NewCall]) -> list[OutboundCall]:
    """Put calls in line, in the caller's transaction; the row that stands for each wish."""
    now = clock.now()
    rows = [
        OutboundCall(
            location_id=wish.location_id, account_id=wish.account_id, kind=wish.kind, target=wish.target,
            payload=dict(wish.payload),  # type: ignore[misc]
            contact_id=wish.contact_id, dedupe_key=wish.dedupe_key, next_try_at=now,
            expires_at=now + LASTS, cause_kind=wish.cause.kind, cause_id=str(wish.cause.id),
            chain=list(wish.cause.chain),
        )
        for wish in wishes
    ]  # fmt: skip
    if not rows:
        return []
    OutboundCall.objects.bulk_create(rows, ignore_conflicts=True)
    found = OutboundCall.objects.in_bulk([wish.dedupe_key for wish in wishes], field_name="dedupe_key")
    doorbell.ring_on_commit()
    crashpoint("outbox.enqueued")
    return [found[wish.dedupe_key] for wish in wishes]


def send_due() -> int:
    """Every 10 seconds, and whenever work is drained. Returns how many calls were made or given up."""
    did = recover_leases()
    started = monotonic()
    # A server that does not answer is not asked again in this pass: others wait.
    slow: set[str] = set()
    while monotonic() - started < SECONDS:
        call = begin(slow)
        if call is None:
            break
        crashpoint("outbox.begun")
        answer = _make(call)
        crashpoint("outbox.called")
        record(call, answer)
        crashpoint("outbox.recorded")
        if answer.kind in ("retry", "unknown"):
            slow.add(call.target)
        did += 1
    return did


@transaction.atomic
def begin(slow: set[str]) -> OutboundCall | None:
    """Take the next call that is due, and commit that it is being made."""
    call = (
        OutboundCall.objects.filter(_may_go(), state=State.WAITING, next_try_at__lte=clock.sql_now())
        .exclude(target__in=slow)
        .select_related("account", "location")
        .select_for_update(no_key=True, skip_locked=True, of=("self",))
        .order_by("next_try_at", "id")
        .first()
    )
    if call is None:
        return None
    call.state = State.CALLING
    call.lease_until = clock.now() + LEASE
    call.fence += 1
    call.attempts += 1
    call.save(update_fields=["state", "lease_until", "fence", "attempts"])
    return call


def _may_go() -> Q:
    everywhere, stopped = sending_stops.where()
    alert = Q(location__isnull=True)
    if everywhere:
        safe_mode = sending_stops.in_force().filter(kind=SendingStop.Kind.SAFE_MODE, location=None).exists()
        return Q(pk__in=()) if safe_mode else alert
    return alert | Q(location__automation_mode=Location.AutomationMode.LIVE) & ~Q(location_id__in=stopped)


def _make(call: OutboundCall) -> CallOutcome:
    """Make it, with no transaction open."""
    try:
        return calls.make(call)
    except Exception:
        logger.exception("call failed", extra={"call": call.pk})
        return CallOutcome("unknown", "no_answer")


@transaction.atomic
def record(call: OutboundCall, answer: CallOutcome) -> bool:
    """Store what became of a try. False when the call moved on meanwhile."""
    fresh = (
        OutboundCall.objects.select_for_update(no_key=True, of=("self",))
        .filter(pk=call.pk, fence=call.fence)
        .first()
    )
    if fresh is None or fresh.state in (State.DONE, State.PARKED, State.EXPIRED):
        return False
    then = calling.after(
        answer,
        repeatable=fresh.kind in REPEATABLE,
        attempt=fresh.attempts,
        now=clock.now(),
        jitter=random.random(),
    )
    _settle(fresh, then, answer.code)
    if then.at is not None and answer.retry_after:
        # Whoever asks for a pause means all calls, not this one alone.
        OutboundCall.objects.filter(
            state=State.WAITING, target=fresh.target, location=fresh.location_id, next_try_at__lt=then.at
        ).update(next_try_at=then.at)
    return True


def _settle(call: OutboundCall, then: calling.Next, code: str) -> None:
    was = call.state
    call.state, call.outcome, call.lease_until = then.state, code[:40], None
    if then.at is not None:
        call.next_try_at = then.at
    else:
        call.finished_at = clock.now()
    call.save()
    if call.location_id is not None and call.state in (State.UNKNOWN, State.PARKED) and was != call.state:
        record_event(
            CALL_FAILED,
            cause=call.cause,
            location_id=call.location_id,
            data={"call": str(call.public_id), "kind": call.kind, "reason": call.outcome},
            dedupe_key=f"call_failed:{call.pk}:{call.fence}",
        )


@transaction.atomic
def recover_leases() -> int:
    """Calls whose worker died: tried again where the receiver knows them by their id, else unknown."""
    late = OutboundCall.objects.filter(state=State.CALLING, lease_until__lt=clock.sql_now())
    found = list(late.select_for_update(no_key=True, skip_locked=True, of=("self",))[:BATCH])
    for call in found:
        answer = CallOutcome("unknown", "worker_ended")
        _settle(
            call,
            calling.after(
                answer,
                repeatable=call.kind in REPEATABLE,
                attempt=call.attempts,
                now=clock.now(),
                jitter=random.random(),
            ),
            answer.code,
        )
    return len(found)


@transaction.atomic
def expire() -> int:
    """Every minute: what waited too long, for instance because the clinic was not live."""
    now = clock.now()
    return OutboundCall.objects.filter(state=State.WAITING, expires_at__lte=now).update(
        state=State.EXPIRED, outcome="too_late", finished_at=now, updated_at=now
    )


def remove_old_payloads() -> int:
    """Every 15 minutes: what was sent is kept for 90 days; that it was sent stays."""
    old = OutboundCall.objects.filter(finished_at__lt=clock.now() - PAYLOADS_KEPT, payload__isnull=False)
    ids = list(old.values_list("pk", flat=True)[:BATCH])
    return OutboundCall.objects.filter(pk__in=ids).update(payload=None)


@transaction.atomic
def reconcile(stop: SendingStop, cause: Cause) -> dict[str, int]:
    """Leaving safe mode: calls that may have been made after the backup, and that their receivers would not know
    again, are left unknown for a person. Returns how many.
    """
    due = OutboundCall.objects.filter(state=State.WAITING, next_try_at__lte=clock.sql_now())
    twice = due.exclude(kind__in=REPEATABLE, created_at__lt=stop.stopped_at)
    return {
        "calls for a person": twice.update(
            state=State.UNKNOWN, outcome="restored", finished_at=clock.now(), updated_at=clock.now()
        )
    }


@transaction.atomic
def try_again(*, call_id: int, cause: Cause) -> OutboundCall:
    """A person wants a call made that did not arrive, or may not have. Raises Conflict for any other."""
    call = _ended(call_id)
    if not call.payload:
        raise Conflict("What was to be sent was removed after 90 days.", code="payload_removed")
    call.state, call.attempts, call.finished_at = State.WAITING, 0, None
    call.next_try_at = clock.now()
    call.expires_at = call.next_try_at + LASTS
    call.cause_kind, call.cause_id, call.chain = cause.kind, str(cause.id), list(cause.chain)
    call.save()
    doorbell.ring_on_commit()
    return call


@transaction.atomic
def note_arrived(*, call_id: int, cause: Cause) -> OutboundCall:
    """A person knows that a call arrived. Raises Conflict when that was not open."""
    call = _ended(call_id)
    call.state, call.outcome, call.finished_at = State.DONE, "by_staff", clock.now()
    call.cause_kind, call.cause_id, call.chain = cause.kind, str(cause.id), list(cause.chain)
    call.save()
    return call


def _ended(call_id: int) -> OutboundCall:
    call = OutboundCall.objects.select_for_update(no_key=True, of=("self",)).filter(pk=call_id).first()
    if call is None or call.state not in OPEN_ENDED:
        raise Conflict("This call is not waiting for a decision; it moved on meanwhile.", code="not_waiting")
    return call
