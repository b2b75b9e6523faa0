"""Calling again about a text of which nobody knows the end, where the provider knows a second call by our reference.

Only for so long after the first call as the provider remembers it, only with the very words of that call, and only
while the text may still go. What the second call cannot tell stays unknown.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from core import clock
from core.crashpoints import crashpoint
from core.rows import update_rows
from integrations import pacing
from integrations.ports import Capabilities, SendOutcome
from messaging import batches, judging, restored, sending
from messaging.models import Channel, Message, SendAttempt, Status

#: After this long a person has the message in hand, and must not be overtaken.
LONGEST = timedelta(minutes=30)
#: Left over for the second call to reach the provider.
MARGIN = timedelta(seconds=30)
#: What stands in the ledger for a call that was made again.
REPEATED = "repeated"
_FIELDS = ("fence", "status", "lease_until", "attempts", "updated_at")


def remembered(known: Capabilities, first_call: datetime | None) -> bool:
    """Whether the provider would still know a second call by our reference."""
    if known.idempotency is None or first_call is None:
        return False
    return clock.now() - first_call < min(known.idempotency, LONGEST) - MARGIN


def repeat(message: Message) -> bool:
    """Call again about an unknown text, in the same three steps as the first time. False when it may not go now."""
    begun = _begin(message)
    if begun is None:
        return False
    crashpoint("messaging.before_call")
    [said] = sending.call(begun)
    crashpoint("messaging.after_call")
    # Only "we have it" answers for the first call as well.
    if said.kind != "accepted":
        said = SendOutcome("unknown", error_code=said.error_code)
    sending.record(begun.messages, [said])
    crashpoint("messaging.recorded")
    return True


@transaction.atomic
def _begin(message: Message) -> sending.Ready | None:
    sending.stand_still([message])
    mine = Message.objects.filter(pk=message.pk, fence=message.fence, status=Status.UNKNOWN)
    if not mine.select_for_update(no_key=True, of=("self",)).exists():
        return None
    [message] = judging.load([message.pk])
    [verdict] = judging.judge([message])
    account = message.provider_account
    may_go = verdict.may_go and verdict.address == message.address and message.channel != Channel.EMAIL
    if not may_go or account is None or pacing.pause_of(account) or message.reason == restored.REASON:
        return None
    now = clock.now()
    message.fence += 1
    message.status = Status.SENDING
    message.lease_until, message.updated_at = now + sending.LEASE, now
    message.attempts += 1
    update_rows([message], _FIELDS)
    message.send_attempts.filter(finished_at__isnull=True).update(finished_at=now, error_code="no_answer")
    message.send_attempts.filter(outcome__in=("", "unknown")).update(outcome=REPEATED)
    SendAttempt.objects.create(message=message, account=account, fence=message.fence, started_at=now)
    return sending.Ready([message], batches.way_by(account))
