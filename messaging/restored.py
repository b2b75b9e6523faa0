"""Leaving safe mode: what may have been sent after the backup's moment is never sent again blindly.

Put aside as *unknown* is every outward message that has fallen due by now, whatever state the backup shows it in, and
what rules wanted anew while safe mode was on. Providers whose lists hold our reference are asked: what they have is
sent, what they have not goes out. Elsewhere a person decides. What falls due later goes normally, and so does what a
person of the staff wrote since the restore.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q, QuerySet

from accounts import sending_stops
from accounts.models import SendingStop
from contacts.models import Contact
from core import clock
from core.causes import Cause, CauseKind
from core.rows import update_rows
from integrations import gateways
from integrations.models import ProviderAccount
from messaging import judging, outcomes
from messaging.models import Category, Channel, Direction, Message, Status

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
                message.address, message.subject, message.body = (
                    verdict.address,
                    verdict.subject,
                    verdict.body,
                )
                known_then = message.created_at < stop.stopped_at
                lag = _lag(message) if known_then else None
                message.fence += 1
                became.unknown(message, look_at=clock.now())
                message.reason = REASON
                message.next_try_at = None if lag is None else max(clock.now(), stop.stopped_at + lag)
                counts[FOR_A_PERSON if lag is None else TO_LOOK_UP] += 1
            update_rows(messages, ("provider_account", "sender", "address", "subject", "body", "fence"))
    return counts


def proves_nothing(message: Message) -> bool:
    """Whether a provider's "there is no such text" must not have a restored message sent: it searches by the words,
    which may have read otherwise then.
    """
    account = message.provider_account
    return message.reason == REASON and (
        account is None or not gateways.for_account(account).capabilities.search_ref
    )


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
        people = (
            Contact.objects.filter(messages__in=some).order_by("pk").distinct().values_list("pk", flat=True)
        )
        list(
            Contact.objects.filter(pk__in=list(people))
            .order_by("pk")
            .select_for_update(no_key=True, of=("self",))
        )
        yield judging.load(some, lock=True)


def _lag(message: Message) -> timedelta | None:
    """How far the list behind that its provider can be asked for; None when it cannot be asked."""
    account: ProviderAccount | None = message.provider_account
    if account is None or not account.enabled or message.channel == Channel.EMAIL:
        return None
    known = gateways.for_account(account).capabilities
    return known.search_lag if known.search else None


def connect() -> None:
    """Called when the app is ready."""
    sending_stops.reconcilers.register("messaging", reconcile)
