"""Leaving safe mode: what may have been sent after the backup's moment is never sent again blindly.

Put aside as *unknown* is every outward message that has fallen due by now, whatever state the backup shows it in, and
what rules wanted anew while safe mode was on. Providers whose lists hold our reference are asked: what they have is
sent, what they have not goes out. Elsewhere a person decides. What falls due later goes normally, and so does what a
person of the staff wrote since the restore.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from django.db.models import Q, QuerySet

from accounts import sending_stops
from accounts.models import SendingStop
from contacts import locks as contact_locks
from core import clock
from core.causes import Cause, CauseKind
from core.rows import update_rows
from integrations.ports import Capabilities
from messaging import batches, judging, outcomes
from messaging.models import Category, Direction, Message, Status

REASON = "restored"
TO_LOOK_UP = "messages to look up"
FOR_A_PERSON = "messages for a person"
BATCH = 500
#: What was being sent becomes unknown by itself, when its lease has run out.
_NOT_SENT_YET = (Status.SCHEDULED, Status.QUEUED, Status.CLAIMED, Status.HELD)


def reconcile(stop: SendingStop, cause: Cause) -> dict[str, int]:
    """Put aside what may have been sent. Returns how many are to be looked up and how many wait for a person."""
    counts = {TO_LOOK_UP: 0, FOR_A_PERSON: 0}
    for messages in _sets(_uncertain(stop)):
        verdicts = judging.judge(messages)
        with outcomes.writing() as became:
            for message, verdict in zip(messages, verdicts, strict=True):
                if message.provider_account is None and verdict.sender is not None:
                    message.provider_account = verdict.sender.account
                    message.sender = verdict.sender.value
                # As it would read: a provider's list may be searched for it.
                message.address = verdict.address
                message.subject, message.body = verdict.subject, verdict.body
                message.fence += 1
                look_at = _look_at(message, stop)
                became.unknown(message, look_at=look_at, reason=REASON)
                counts[FOR_A_PERSON if look_at is None else TO_LOOK_UP] += 1
            update_rows(messages, ("provider_account", "sender", "address", "subject", "body", "fence"))
    return counts


def proves_nothing(message: Message, known: Capabilities) -> bool:
    """Whether a provider's "there is no such text" must not have a restored message sent: it searches by the words,
    which may have read otherwise then.
    """
    return message.reason == REASON and not known.search_ref


def _uncertain(stop: SendingStop) -> QuerySet[Message]:
    due = Q(send_at__lte=clock.sql_now())
    wanted_anew = Q(created_at__gte=stop.stopped_at) & ~Q(category=Category.REMINDER)
    surely_new = Q(created_at__gte=stop.stopped_at, cause_kind=CauseKind.USER.value)
    rows = Message.objects.filter(direction=Direction.OUTBOUND, status__in=_NOT_SENT_YET)
    return rows.filter(due | wanted_anew).exclude(surely_new)


def _sets(rows: QuerySet[Message]) -> Iterator[list[Message]]:
    """The messages in sets, each locked behind its people."""
    ids = list(rows.order_by("id").values_list("pk", flat=True))
    for start in range(0, len(ids), BATCH):
        some = ids[start : start + BATCH]
        contact_locks.lock_those_there(
            Message.objects.filter(pk__in=some).values_list("contact_id", flat=True)
        )
        yield judging.load(some, lock=True)


def _look_at(message: Message, stop: SendingStop) -> datetime | None:
    """When its provider's list shows all that was sent before the restore; None when it cannot be asked, or the
    message was not known then.
    """
    gateway = batches.asked_about(message)
    if gateway is None or not gateway.capabilities.search or message.created_at >= stop.stopped_at:
        return None
    return max(clock.now(), stop.stopped_at + gateway.capabilities.search_lag)


def connect() -> None:
    """Called when the app is ready."""
    sending_stops.reconcilers.register("messaging", reconcile)
