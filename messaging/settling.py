"""What the sender left open: leases that ran out, sends nobody knows the end of, messages kept too long."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic

from django.db import transaction
from django.db.models import F, Min, Q

from contacts import locks as contact_locks
from core import clock
from core.causes import Cause
from core.crashpoints import crashpoint, declare
from core.errors import Conflict
from core.rows import update_rows
from integrations.ports import LookupAnswer
from messaging import batches, judging, limits, outcomes, repeating, restored, stops
from messaging.models import Message, SendAttempt, Status

logger = logging.getLogger(__name__)

declare("message.recovered", "message.asked", "message.looked_up", "message.settled")

BATCH = 100
#: Real seconds that one round of asking may take, after which no more is asked.
SECONDS = 20
#: Held messages that are put back in line together.
RECONSIDERED = 1000
#: When to ask the provider again, counted from the call. After the last only a receipt or a person settles
#: it.
LOOKS = (timedelta(seconds=60), timedelta(minutes=5), timedelta(minutes=30))
#: Clocks of the provider and ours may differ by this much.
SKEW = timedelta(minutes=10)
#: Held for these reasons: looked at again, because somebody may have mended the cause meanwhile.
MAY_BE_MENDED = ("no_sender", "no_credit", "no_template", "missing_value", "kill_switch", "safe_mode", "cap")


def recover_leases() -> int:
    """Leases that ran out: not begun goes back in line, begun becomes unknown. Returns how many."""
    with transaction.atomic():
        late = list(
            Message.objects.filter(
                status__in=(Status.CLAIMED, Status.SENDING), lease_until__lt=clock.sql_now()
            )
            .select_for_update(no_key=True, skip_locked=True, of=("self",))
            .values_list("pk", "status")[:BATCH]
        )
        unbegun = [pk for pk, status in late if status == Status.CLAIMED]
        Message.objects.filter(pk__in=unbegun).update(status=Status.QUEUED, lease_until=None)
        with outcomes.writing() as became:
            for message in judging.load([pk for pk, status in late if status == Status.SENDING]):
                became.unknown(message, look_at=clock.now())
    if late:
        crashpoint("message.recovered")
    return len(late)


def ask_about_unknown() -> int:
    """Settle what can be settled of sends of which nobody knows the end: by calling again where the provider knows a
    second call by our reference, else by asking. Returns how many were due; those that time ran out for are asked
    about next time.
    """
    asked = _claim_unknown()
    if asked:
        crashpoint("message.asked")
    ends = monotonic() + SECONDS
    for place, message in enumerate(asked):
        if monotonic() > ends:
            _put_off(asked[place:])
            break
        _ask(message)
    return len(asked)


def _ask(message: Message) -> None:
    gateway = batches.asked_about(message)
    if gateway is None:
        return
    first = message.send_attempts.order_by("id").values_list("started_at", flat=True).first()
    if repeating.remembered(gateway.capabilities, first) and repeating.repeat(message):
        return
    if not gateway.capabilities.search:
        return
    try:
        answer = gateway.lookup(batches.as_sms(message), sent_after=(first or message.created_at) - SKEW)
    except Exception:
        logger.exception("look-up failed", extra={"message_id": message.pk})
        return
    crashpoint("message.looked_up")
    if answer.kind == "absent" and restored.proves_nothing(message, gateway.capabilities):
        return
    _apply_answer(message, answer, lag=gateway.capabilities.search_lag)
    crashpoint("message.settled")


def _put_off(messages: Sequence[Message]) -> None:
    """Let them be asked about next time."""
    ids = [message.pk for message in messages]
    Message.objects.filter(pk__in=ids, status=Status.UNKNOWN).update(next_try_at=clock.now())


@transaction.atomic
def _claim_unknown() -> list[Message]:
    """Unknown messages whose next look is due; each is given the moment of the look after that."""
    now = clock.now()
    due = list(
        Message.objects.filter(status=Status.UNKNOWN, next_try_at__lte=now)
        .select_for_update(no_key=True, skip_locked=True, of=("self",))
        .order_by("next_try_at")
        .values_list("pk", flat=True)[:BATCH]
    )
    messages = judging.load(due)
    calls = SendAttempt.objects.filter(
        Q(fence=F("message__fence")) | Q(outcome=repeating.REPEATED), message_id__in=due
    )
    started = dict(
        calls.values("message_id").annotate(first=Min("started_at")).values_list("message_id", "first")
    )
    for message in messages:
        begun = started.get(message.pk, now)
        message.next_try_at = next((begun + step for step in LOOKS if begun + step > now), None)
    update_rows(messages, ("next_try_at",))
    return messages


@transaction.atomic
def _apply_answer(message: Message, answer: LookupAnswer, *, lag: timedelta) -> None:
    if answer.kind == "unsure" or (answer.kind == "absent" and _called_since(message, clock.now() - lag)):
        return
    contact_locks.lock_those_there([message.contact_id])
    fresh = judging.load([message.pk], lock=True, fence=message.fence)
    if not fresh or fresh[0].status != Status.UNKNOWN:
        return
    message = fresh[0]
    if answer.kind == "found" and _is_anothers(message, answer.provider_message_id):
        return
    SendAttempt.objects.filter(message_id=message.pk, fence=message.fence, finished_at__isnull=True).update(
        finished_at=clock.now(), outcome="found" if answer.kind == "found" else "absent"
    )
    with outcomes.writing() as became:
        if answer.kind == "absent":
            became.back_in_line(message, at=None)
            return
        became.sent(message, provider_message_id=answer.provider_message_id)
        cause = Cause.provider(message.provider_account_id or 0)
        became.receipt(message, answer.status, at=None, error="", cause=cause)


def _called_since(message: Message, moment: datetime) -> bool:
    """Whether a call for it began after that moment, so that the provider may not list it yet."""
    return message.send_attempts.filter(started_at__gt=moment).exists()


def _is_anothers(message: Message, provider_message_id: str) -> bool:
    """Whether what was found is another message of ours, with the same words to the same number."""
    same = Message.objects.filter(
        provider_account_id=message.provider_account_id, provider_message_id=provider_message_id
    )
    return same.exclude(pk=message.pk).exists()


@transaction.atomic
def expire_kept() -> int:
    """Held messages that have lost their meaning. Scheduled ones are judged when they are claimed."""
    now = clock.now()
    return Message.objects.filter(status=Status.HELD, expires_at__lte=now).update(
        status=Status.EXPIRED, updated_at=now
    )


@transaction.atomic
def reconsider_held() -> int:
    """Put held messages back in line when the cause may be mended; the sender judges them again.

    Those held for the day's cost go once there is room again, on the next day or under a higher cap. Those held
    for a storm or a loop, or looked at within the quarter of an hour, wait.
    """
    now = clock.now()
    held = Message.objects.filter(status=Status.HELD, reason__in=MAY_BE_MENDED).filter(
        Q(expires_at__isnull=True) | Q(expires_at__gt=now), updated_at__lte=now - timedelta(minutes=14)
    )
    full = limits.spent_up(held.filter(reason="cap").values_list("location_id", flat=True).distinct(), now)
    ids = list(
        stops.free(
            held.exclude(reason="cap", location_id__in=full).exclude(
                reason="no_template", template__isnull=True
            )
        )
        .select_for_update(no_key=True, skip_locked=True, of=("self",))
        .order_by("rank", "send_at", "id")
        .values_list("pk", flat=True)[:RECONSIDERED]
    )
    return Message.objects.filter(pk__in=ids).update(status=Status.QUEUED, next_try_at=None, updated_at=now)


@transaction.atomic
def resolve(*, message_id: int, was_sent: bool, cause: Cause) -> Message:
    """A person says what became of an unknown or parked message: sent, or send it again.

    Raises Conflict when the message is neither. Sending again may mean that the patient gets it twice: only a
    person may choose that.
    """
    contact_locks.lock_those_there(Message.objects.filter(pk=message_id).values_list("contact_id", flat=True))
    found = judging.load([message_id], lock=True)
    if not found or found[0].status not in (Status.UNKNOWN, Status.PARKED):
        raise Conflict(
            "This message is not waiting for a decision; it moved on meanwhile.", code="not_waiting"
        )
    message = found[0]
    if was_sent:
        with outcomes.writing() as became:
            became.sent(message, provider_message_id="", at=clock.now())
    else:
        message.status = Status.QUEUED
        message.reason = ""
        message.attempts = 0
        message.next_try_at = None
        message.send_at = clock.now()
        message.save()
    return message
