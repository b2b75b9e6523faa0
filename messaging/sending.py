"""The sender: claim, call, record.

Each message passes three short transactions with nothing open between them:

1. `claim` takes what is due, in order of purpose, with a lease and a fencing number, and judges it.
2. `begin` judges it again, writes the final text, moves it to `sending` and commits a `SendAttempt`; only
   then
   is the provider called.
3. `record` stores the answer, if the fence still is ours.

Whoever dies in between leaves a lease behind: one that ran out before `begin` goes back in line, one that ran
out after it is `unknown`, and is settled by asking the provider or by a receipt (`messaging.settling`).
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import formataddr
from time import monotonic, sleep

from django.db import transaction
from django.db.models import F, Q

from contacts import locks as contact_locks
from contacts.models import Contact
from core import clock
from core.crashpoints import crashpoint, declare
from integrations import gateways, pacing
from integrations.models import SenderIdentity
from integrations.ports import OutboundEmail, OutboundSms, SendOutcome
from messaging import delivery, judging, outcomes, wordings
from messaging.models import CLAIMABLE, Channel, Message, Purpose, SendAttempt, Status

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=90)
BATCH = 100
#: Real seconds that one call of `send_due` may take; what is left then goes back in line.
SECONDS = 20
FIRST_LOOK = timedelta(seconds=60)

declare(
    "messaging.claimed",
    "messaging.before_call",
    "messaging.after_call",
    "messaging.before_commit",
    "messaging.recorded",
)


@dataclass(frozen=True)
class Ready:
    """A message that may be sent now: its row, and how it is handed over."""

    message: Message
    hand_over: Callable[[], SendOutcome]


def send_due(*, limit: int = BATCH) -> int:
    """Send what is due. Returns how many messages were looked at, so that a caller can go on until none is."""
    started = monotonic()
    claimed, looked_at = claim(limit=limit)
    if claimed:
        crashpoint("messaging.claimed")
    turns = pacing.Turns()
    for message in claimed:
        if monotonic() - started > SECONDS:
            release(message)
            continue
        ready = _begin_in_turn(message, turns)
        if ready is None:
            continue
        crashpoint("messaging.before_call")
        outcome = call(ready)
        crashpoint("messaging.after_call")
        record(ready.message, outcome)
        crashpoint("messaging.recorded")
    return looked_at


def _begin_in_turn(message: Message, turns: pacing.Turns) -> Ready | None:
    """`begin`, at the pace of the sender: a turn that comes soon is waited for with nothing open, and the message
    judged once more when it has come; one further off puts the message back in line.
    """
    ready = begin(message, turns=turns)
    if not isinstance(ready, pacing.Turn):
        return ready
    sleep(ready.seconds)
    begun = begin(message)
    return None if isinstance(begun, pacing.Turn) else begun


@transaction.atomic
def claim(*, limit: int = BATCH) -> tuple[list[Message], int]:
    """Claim due messages, service before care before marketing; those that may not go get their state and
    reason.

    Returns the messages that are ours to send, and how many were looked at.
    """
    now = clock.sql_now()
    due = list(
        Message.objects.filter(Q(next_try_at__isnull=True) | Q(next_try_at__lte=now))
        .filter(status__in=CLAIMABLE, send_at__lte=now)
        .order_by("rank", "send_at", "id")
        .select_for_update(skip_locked=True, of=("self",))[:limit]
    )
    if not due:
        return [], 0
    ids = [message.pk for message in due]
    Message.objects.filter(pk__in=ids).update(
        status=Status.CLAIMED, lease_until=now + LEASE, fence=F("fence") + 1, updated_at=clock.now()
    )
    messages = judging.load(ids)
    verdicts = judging.judge(messages)
    return judging.settle(messages, verdicts), len(due)


def begin(message: Message, *, turns: pacing.Turns | None = None) -> Ready | pacing.Turn | None:
    """Judge once more and commit `sending` and the attempt. None when the message is no longer ours, or may
    not go. With `turns`, a Turn when the sender has to wait for one: it is this message's, then call again
    without.
    """
    with transaction.atomic():
        # An opt-out and a send to the same number wait for each other, so that none goes out after the other
        # commits.
        contact_locks.hold([contact_locks.consent_lock(message.location_id, message.address)])
        mine = Message.objects.filter(
            pk=message.pk, fence=message.fence, status=Status.CLAIMED, lease_until__gt=clock.sql_now()
        )
        if not mine.select_for_update(of=("self",)).exists():
            return None
        [message] = judging.load([message.pk])
        [verdict] = judging.judge([message])
        sender = verdict.sender
        if not judging.settle([message], [verdict]) or sender is None:
            return None
        if _paused(message, sender):
            return None
        hand_over, paced = _way(message, sender)
        if turns is not None and paced:
            turn = turns.take(sender)
            if not turn.taken:
                _back_in_line(message, clock.now() + timedelta(seconds=turn.seconds))
                return None
            if turn.seconds > 0:
                return turn
        judging.fill(message, verdict)
        message.template_version = wordings.newest_version(verdict.instead or message.template)
        message.status = Status.SENDING
        message.lease_until = clock.now() + LEASE
        message.attempts += 1
        message.provider_account = sender.account
        message.sender = sender.value
        message.next_try_at = None
        message.save()
        SendAttempt.objects.create(message=message, fence=message.fence)
    return Ready(message, hand_over)


def _way(message: Message, sender: SenderIdentity) -> tuple[Callable[[], SendOutcome], bool]:
    """How the message is handed over, and whether its sender has a pace to keep. Looked at before it is filled in,
    called after.
    """
    if message.channel == Channel.EMAIL:
        mailer = gateways.email_for(sender.account)
        return lambda: mailer.send(as_email(message)), False
    gateway = gateways.for_account(sender.account)
    return lambda: gateway.send_many([as_sms(message)])[0], gateway.capabilities.paced


def _paused(message: Message, sender: SenderIdentity) -> bool:
    """Whether the sender's account is left alone for a while; the message then waits, or is held."""
    pause = pacing.pause_of(sender.account)
    if pause is None:
        return False
    if pause.reason in outcomes.OURS_TO_MEND:
        outcomes.held(message, reason=outcomes.OURS_TO_MEND[pause.reason])
    else:
        _back_in_line(message, pause.until)
    return True


def as_sms(message: Message) -> OutboundSms:
    """What goes to the gateway, under our public id as its reference."""
    return OutboundSms(
        to=message.address, from_=message.sender, body=message.body, reference=str(message.public_id),
        expires_at=message.expires_at,
    )  # fmt: skip


def as_email(message: Message) -> OutboundEmail:
    """What goes to the mail server, from the clinic by name. Marketing can be answered with a wish to hear no more."""
    headers = {}
    if message.purpose == Purpose.MARKETING:
        headers["List-Unsubscribe"] = f"<mailto:{message.sender}?subject=unsubscribe>"
    return OutboundEmail(
        to=message.address,
        from_=formataddr((message.location.name, message.sender)),
        subject=message.subject,
        body=message.body,
        reference=str(message.public_id),
        headers=headers,
    )


def call(ready: Ready) -> SendOutcome:
    """Hand the text over, with no transaction open. An error the gateway could not name counts as unknown."""
    try:
        return ready.hand_over()
    except Exception as error:
        logger.exception("gateway failed", extra={"message_id": ready.message.pk})
        return SendOutcome("unknown", error_code=type(error).__name__)


@transaction.atomic
def record(message: Message, outcome: SendOutcome) -> bool:
    """Store what became of a call. False when the message moved on meanwhile and the answer adds nothing."""
    SendAttempt.objects.filter(message_id=message.pk, fence=message.fence).update(
        finished_at=clock.now(), outcome=outcome.kind, error_code=outcome.error_code[:60]
    )
    Contact.objects.select_for_update(of=("self",)).filter(pk=message.contact_id).first()
    found = judging.load([message.pk], lock=True, fence=message.fence)
    if not found or found[0].status not in (Status.SENDING, Status.UNKNOWN):
        return False
    _apply(found[0], outcome)
    crashpoint("messaging.before_commit")
    return True


def _apply(message: Message, outcome: SendOutcome) -> None:
    after = delivery.after_send(
        outcome, attempt=message.attempts, now=clock.now(), jitter=random.random()
    )  # fmt: skip
    mend = outcomes.OURS_TO_MEND.get(outcome.error_code)
    _pause_account(message, outcome)
    if after.status == Status.SENT:
        outcomes.sent(
            message,
            provider_message_id=outcome.provider_message_id,
            segments=outcome.segments,
            cost_cents=outcome.cost_cents,
        )
    elif after.status == Status.UNKNOWN:
        if message.status != Status.UNKNOWN:
            outcomes.unknown(message, look_at=clock.now() + FIRST_LOOK)
    elif mend:
        outcomes.held(message, reason=mend)
    elif after.status == Status.FAILED:
        outcomes.failed(message, code=after.reason)
    elif after.status == Status.PARKED:
        outcomes.parked(message, reason=after.reason)
    else:
        _back_in_line(message, after.at)


def _pause_account(message: Message, outcome: SendOutcome) -> None:
    """What is wrong with the account, not with the message, keeps the others from trying too."""
    account = message.provider_account
    if account is None or outcome.kind == "unknown":
        return
    if outcome.kind == "accepted":
        if pacing.latest_pause(account) is not None:
            pacing.resume(account.pk)
        return
    wait = timedelta(seconds=outcome.retry_after or 0)
    if outcome.error_code in pacing.TO_MEND:
        wait = max(wait, pacing.MENDING)
    if wait:
        pacing.pause(account.pk, reason=outcome.error_code, until=clock.now() + wait)


def _back_in_line(message: Message, at: datetime | None) -> None:
    message.status = Status.QUEUED
    message.lease_until = None
    message.next_try_at = at
    message.save()


def release(message: Message) -> None:
    """Give a claimed message back, unsent."""
    Message.objects.filter(pk=message.pk, fence=message.fence, status=Status.CLAIMED).update(
        status=Status.QUEUED, lease_until=None
    )
