"""The sender: claim, call, record; in batches.

Each message passes three short transactions with nothing open between them:

1. `claim` takes what is due, in order of purpose, with a lease and a fencing number, judges it, and says which go
   in one call.
2. `begin` judges a batch again, writes the final texts, moves it to `sending` and commits a `SendAttempt` for
   each message; only then is the provider called.
3. `record` stores the answers of those whose fence still is ours.

Whoever dies in between leaves leases behind: one that ran out before `begin` goes back in line, one that ran
out after it is `unknown`, and is settled by asking the provider or by a receipt (`messaging.settling`).
"""

from __future__ import annotations

import logging
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from time import monotonic, sleep

from django.db import OperationalError, transaction
from django.db.models import F, Q, QuerySet

from bookings.models import Booking
from contacts import locks as contact_locks
from core import clock
from core.crashpoints import crashpoint, declare
from core.rows import update_rows
from integrations import pacing
from integrations.models import ProviderAccount, SenderIdentity
from integrations.ports import SendOutcome
from messaging import batches, delivery, failover, judging, outcomes, wordings
from messaging.batches import Batch, Way
from messaging.models import CLAIMABLE, Message, SendAttempt, Status

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=90)
MOST = 100
#: Real seconds that one call of `send_due` may take; what is left then goes back in line.
SECONDS = 20
FIRST_LOOK = timedelta(seconds=60)
#: A call takes at most this long, also where its gateway divides it; none is begun when less than that is left of the
#: lease.
CALL_TAKES = timedelta(seconds=65)

_AT_BEGIN = (
    "address", "subject", "body", "segments", "cost_cents", "asks_answer", "template_version", "status", "reason",
    "lease_until", "attempts", "provider_account", "sender", "next_try_at", "updated_at",
)  # fmt: skip

declare(
    "messaging.claimed",
    "messaging.before_call",
    "messaging.after_call",
    "messaging.before_commit",
    "messaging.recorded",
)


@dataclass(frozen=True)
class Ready:
    """Messages that may be sent now, in one call, and how they are handed over."""

    messages: list[Message]
    way: Way


def send_due(*, limit: int = MOST) -> int:
    """Send what is due. Returns how many messages were looked at, so that a caller can go on until none is."""
    started = monotonic()
    claimed, looked_at = _claim_all(limit)
    if claimed:
        crashpoint("messaging.claimed")
    turns = pacing.Turns()
    for batch in claimed:
        if monotonic() - started > SECONDS:
            release(batch)
            continue
        ready = _begin_in_turn(batch, turns)
        if ready is None:
            continue
        crashpoint("messaging.before_call")
        answers = call(ready)
        crashpoint("messaging.after_call")
        record(ready.messages, answers)
        crashpoint("messaging.recorded")
    return looked_at


def _begin_in_turn(batch: Batch, turns: pacing.Turns) -> Ready | None:
    """`begin`, at the pace of the sender: a turn that comes soon is waited for with nothing open, and the messages
    judged once more when it has come; one further off puts them back in line.
    """
    ready = begin(batch, turns=turns)
    if not isinstance(ready, pacing.Turn):
        return ready
    sleep(ready.seconds)
    begun = begin(batch)
    return None if isinstance(begun, pacing.Turn) else begun


def _claim_all(limit: int) -> tuple[list[Batch], int]:
    """`claim`; where a message that cannot even be judged spoils it, each by itself, and that one is parked."""
    try:
        return claim(limit=limit)
    except OperationalError:
        raise
    except Exception:
        logger.exception("claimed one by one")
    claimed: list[Batch] = []
    due = list(_due().values_list("pk", flat=True)[:limit])
    for message_id in due:
        try:
            claimed += claim(only=message_id)[0]
        except OperationalError:
            raise
        except Exception:
            logger.exception("not judged", extra={"message_id": message_id})
            _park(message_id)
    return claimed, len(due)


@transaction.atomic
def _park(message_id: int) -> None:
    contact_locks.lock_those_there(Message.objects.filter(pk=message_id).values_list("contact_id", flat=True))
    with outcomes.writing() as became:
        for message in judging.load([message_id], lock=True):
            if message.status in CLAIMABLE:
                became.parked(message, reason="broken")


def _due() -> QuerySet[Message]:
    now = clock.sql_now()
    return (
        Message.objects.filter(Q(next_try_at__isnull=True) | Q(next_try_at__lte=now))
        .filter(status__in=CLAIMABLE, send_at__lte=now)
        .order_by("rank", "send_at", "id")
    )


@transaction.atomic
def claim(*, limit: int = MOST, only: int | None = None) -> tuple[list[Batch], int]:
    """Claim due messages, service before care before marketing; those that may not go get their state and
    reason.

    Returns the messages that are ours to send, in batches, and how many were looked at. `only` is a message's id.
    """
    now = clock.sql_now()
    rows = _due() if only is None else _due().filter(pk=only)
    due = list(rows.select_for_update(no_key=True, skip_locked=True, of=("self",))[:limit])
    if not due:
        return [], 0
    ids = [message.pk for message in due]
    Message.objects.filter(pk__in=ids).update(
        status=Status.CLAIMED, lease_until=now + LEASE, fence=F("fence") + 1, updated_at=clock.now()
    )
    going = _judged(judging.load(ids))
    return batches.plan((message, sender) for message, _, sender in going), len(due)


def _judged(messages: Sequence[Message]) -> list[tuple[Message, judging.Verdict, SenderIdentity]]:
    """Those that may go, with their verdicts and the senders they go by; the others get their state and reason."""
    verdicts = judging.judge(messages)
    going = {message.pk for message in judging.settle(messages, verdicts)}
    return [
        (message, verdict, verdict.sender)
        for message, verdict in zip(messages, verdicts, strict=True)
        if message.pk in going and verdict.sender is not None
    ]


def begin(batch: Batch, *, turns: pacing.Turns | None = None) -> Ready | pacing.Turn | None:
    """Judge once more and commit `sending` and the attempts, for those that are ours still and may go. None when
    there is none. With `turns`, a Turn when the sender has to wait for one: it is this batch's, then call again
    without.
    """
    with transaction.atomic():
        going = _judged(_locked(batch))
        mine = [(message, verdict) for message, verdict, sender in going if sender.pk == batch.sender.pk]
        # As it is now: its account's pace and pause may have changed since the claim.
        sender = next((sender for _, _, sender in going if sender.pk == batch.sender.pk), batch.sender)
        with outcomes.writing() as became:
            for message, _, other in going:
                if other.pk != sender.pk:
                    became.back_in_line(message, at=None)
            if not mine or _paused([message for message, _ in mine], sender.account, became):
                return None
            way = batches.way_of(sender)
            if turns is not None and way.paced:
                turn = turns.take(sender, len(mine))
                if not turn.taken:
                    for place, (message, _) in enumerate(mine):
                        wait = timedelta(seconds=turn.seconds + place / pacing.pace_of(sender))
                        became.back_in_line(message, at=clock.now() + wait)
                    return None
                if turn.seconds > 0:
                    return turn
        _to_sending(mine, sender)
    return Ready([message for message, _ in mine], way)


def _locked(batch: Batch) -> list[Message]:
    """The batch's messages that are claimed by us still, locked."""
    stand_still(batch.messages)
    ours = {message.pk: message.fence for message in batch.messages}
    rows = Message.objects.filter(
        pk__in=ours, status=Status.CLAIMED, lease_until__gt=clock.sql_now()
    ).order_by("pk")
    fences = dict(rows.select_for_update(no_key=True, of=("self",)).values_list("pk", "fence"))
    return judging.load(pk for pk, fence in ours.items() if fences.get(pk) == fence)


def stand_still(messages: Sequence[Message]) -> None:
    """Until the transaction ends a visit that is being moved, an opt-out that is being recorded and a send of these
    messages wait for each other, so that none goes out after the other commits.
    """
    visits = {message.booking_id for message in messages if message.booking_id is not None}
    if visits:
        standing = Booking.objects.filter(pk__in=visits).order_by("pk")
        list(standing.select_for_update(no_key=True, of=("self",)).values_list("pk"))
    # The number may have changed since it was put in line.
    contact_locks.hold(
        contact_locks.consent_lock(message.location_id, address)
        for message in messages
        for address in (message.address, judging.address_of(message))
    )


def _paused(messages: Sequence[Message], account: ProviderAccount, became: outcomes.Outcomes) -> bool:
    """Whether the account is left alone for a while; the messages then wait, or are held."""
    pause = pacing.pause_of(account)
    if pause is None:
        return False
    for message in messages:
        if pause.reason in outcomes.OURS_TO_MEND:
            became.held(message, reason=outcomes.OURS_TO_MEND[pause.reason])
        else:
            became.back_in_line(message, at=pause.until)
    return True


def _to_sending(mine: Sequence[tuple[Message, judging.Verdict]], sender: SenderIdentity) -> None:
    """Write the final texts and, for each message, the attempt that is about to be made."""
    now = clock.now()
    versions = wordings.newest_versions({(verdict.instead or message.template) for message, verdict in mine})
    for message, verdict in mine:
        template = verdict.instead or message.template
        judging.fill(message, verdict)
        message.template_version = versions.get(template.pk) if template is not None else None
        message.status, message.reason = Status.SENDING, ""
        message.lease_until = now + LEASE
        message.attempts += 1
        message.provider_account, message.sender = sender.account, sender.value
        message.next_try_at = None
        message.updated_at = now
    update_rows([message for message, _ in mine], _AT_BEGIN)
    SendAttempt.objects.bulk_create(
        SendAttempt(message=message, account=sender.account, fence=message.fence, started_at=now)
        for message, _ in mine
    )


def call(ready: Ready) -> list[SendOutcome]:
    """Hand the texts over, with no transaction open. An error the gateway could not name, or an answer that is not
    one for each, counts as unknown for all.

    A call that was refused as a whole may have been so for one of them: each is tried again by itself. Whoever slept
    until the lease was nearly over calls nobody: others may have asked about these texts by then and sent them.
    """
    messages = ready.messages
    if any(clock.now() > message.lease_until - CALL_TAKES for message in messages if message.lease_until):
        return [SendOutcome("retry", error_code="overslept")] * len(messages)
    try:
        answers = ready.way.hand_over(messages)
    except Exception as error:
        logger.exception("gateway failed", extra={"message_ids": [message.pk for message in messages]})
        return [SendOutcome("unknown", error_code=type(error).__name__)] * len(messages)
    if len(answers) != len(messages):
        logger.error(
            "gateway answered for others", extra={"message_ids": [message.pk for message in messages]}
        )
        return [SendOutcome("unknown", error_code="no_answer")] * len(messages)
    first = answers[0]
    whole = first.kind == "refused" and first.error_code.startswith("http_")
    if whole and len(answers) > 1 and all(answer == first for answer in answers):
        return [replace(answer, kind="retry") for answer in answers]
    return answers


def record(messages: Sequence[Message], answers: Sequence[SendOutcome]) -> None:
    """Store what became of a call. Those that moved on meanwhile, so that the answer adds nothing, are left alone.

    When the set cannot be stored each is stored by itself, so that one that cannot be hurts no other: its lease
    runs out and it is unknown. Raises what kept it from being stored.
    """
    try:
        _record(messages, answers)
    except Exception:
        if len(messages) == 1:
            raise
        logger.exception("not recorded as a set", extra={"message_ids": [message.pk for message in messages]})
        failures = []
        for message, answer in zip(messages, answers, strict=True):
            try:
                _record([message], [answer])
            except Exception as error:
                failures.append(error)
        if failures:
            raise failures[0] from None


@transaction.atomic
def _record(messages: Sequence[Message], answers: Sequence[SendOutcome]) -> None:
    said = {message.pk: (message.fence, answer) for message, answer in zip(messages, answers, strict=True)}
    contact_locks.lock_those_there({message.contact_id for message in messages})
    found = [
        message
        for message in judging.load(said, lock=True)
        if message.fence == said[message.pk][0] and message.status in (Status.SENDING, Status.UNKNOWN)
    ]
    _finish_attempts(messages, answers)
    failing = [message for message in found if said[message.pk][1].error_code in delivery.NOT_SOON]
    elsewhere = failover.goes_elsewhere(failing)
    with outcomes.writing() as became:
        for message in found:
            _apply(message, said[message.pk][1], became, elsewhere=message.pk in elsewhere)
    if found:
        if (account := found[0].provider_account) is not None:
            pacing.heard(account, [said[message.pk][1] for message in found])
        crashpoint("messaging.before_commit")


def _finish_attempts(messages: Sequence[Message], answers: Sequence[SendOutcome]) -> None:
    now = clock.now()
    update_rows(
        [
            SendAttempt(
                message_id=message.pk, fence=message.fence, finished_at=now, outcome=answer.kind,
                error_code=answer.error_code[:60],
            )
            for message, answer in zip(messages, answers, strict=True)
        ],
        ("finished_at", "outcome", "error_code"),
        by=("message", "fence"),
    )  # fmt: skip


def _apply(message: Message, outcome: SendOutcome, became: outcomes.Outcomes, *, elsewhere: bool) -> None:
    """`elsewhere`: if it provably was not accepted, another account may take it."""
    after = delivery.after_send(outcome, attempt=message.attempts, now=clock.now(), jitter=random.random())
    mend = outcomes.OURS_TO_MEND.get(outcome.error_code)
    if after.status == Status.SENT:
        became.sent(
            message,
            provider_message_id=outcome.provider_message_id,
            segments=outcome.segments,
            cost_cents=outcome.cost_cents,
        )
    elif after.status == Status.UNKNOWN:
        if message.status != Status.UNKNOWN:
            became.unknown(message, look_at=message.next_try_at or clock.now() + FIRST_LOOK)
    elif elsewhere and after.status != Status.PARKED:
        became.back_in_line(message, at=None, reason=outcome.error_code)
    elif mend:
        became.held(message, reason=mend)
    elif after.status == Status.FAILED:
        became.failed(message, code=after.reason)
    elif after.status == Status.PARKED:
        became.parked(message, reason=after.reason)
    else:
        became.back_in_line(message, at=after.at, reason=after.reason)


def release(batch: Batch) -> None:
    """Give claimed messages back, unsent."""
    ours = Q()
    for message in batch.messages:
        ours |= Q(pk=message.pk, fence=message.fence)
    Message.objects.filter(ours, status=Status.CLAIMED).update(status=Status.QUEUED, lease_until=None)
