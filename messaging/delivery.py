"""The life of a message: its states, what a provider's answer means, and what receipts may change.

Nothing that may have gone out is ever sent again blindly: only what provably was not accepted is retried.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.machine import Machine
from integrations.answers import LONGEST_RETRY_AFTER
from integrations.ports import ReceiptStatus, SendOutcome

_ASIDE = frozenset({"suppressed", "skipped", "held", "expired", "cancelled"})
_WAITING = frozenset({"scheduled", "queued"})

MESSAGE = Machine(
    "message",
    {
        "scheduled": {"queued", "claimed", "parked", *_ASIDE},
        "queued": {"scheduled", "claimed", "parked", *_ASIDE},
        "claimed": {*_WAITING, "sending", *_ASIDE},
        "sending": {*_WAITING, "sent", "delivered", "failed", "unknown", "parked"},
        "sent": {"delivered", "failed"},
        "unknown": {*_WAITING, "sent", "delivered", "failed", "parked", "cancelled"},
        "held": {*_WAITING, "suppressed", "skipped", "expired", "cancelled"},
        "parked": {*_WAITING, "sent", "delivered", "failed", "cancelled"},
        "delivered": set(),
        "failed": set(),
        "received": set(),
    },
)

# How far a message has come; a receipt only ever moves it up. Both ends rank alike, so the first one stays.
RANK: Mapping[str, int] = {"sending": 0, "unknown": 0, "parked": 0, "sent": 1, "delivered": 2, "failed": 2}
RECEIPT_STATUS: Mapping[ReceiptStatus, str] = {
    "accepted": "sent",
    "sent": "sent",
    "delivered": "delivered",
    "failed": "failed",
}

#: Codes of what provably was not accepted, for reasons of the account: another account may take the message.
ACCOUNTS_FAULT = frozenset({"not_connected", "busy", "no_credit", "bad_credentials"})
#: Those that do not go away by waiting a little: the other account is asked at once.
NOT_SOON = ACCOUNTS_FAULT - {"busy"}

MAX_ATTEMPTS = 5
FIRST_RETRY = timedelta(seconds=30)


def after_receipt(status: str, receipt: ReceiptStatus) -> str | None:
    """The status a receipt moves a message to; None when it is late, lower or a repeat, or cannot be."""
    target = RECEIPT_STATUS[receipt]
    if status not in RANK or RANK[target] <= RANK[status]:
        return None
    return target


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a message after a call. `at` is when it is tried again, for `queued` alone."""

    status: str
    reason: str = ""
    at: datetime | None = None


def after_send(outcome: SendOutcome, *, attempt: int, now: datetime, jitter: float) -> Next:
    """What becomes of a message after its call number `attempt` (from 1). `jitter` is a number from 0 to 1.

    Retries wait 30 s, 2 min, 8 min, 32 min, and up to half as long again; longer when the provider asks.
    After the fifth call the message is parked.
    """
    if outcome.kind == "accepted":
        return Next("sent")
    if outcome.kind == "refused":
        return Next("failed", outcome.error_code or "refused")
    if outcome.kind != "retry":
        return Next("unknown", outcome.error_code or "no_answer")
    if attempt >= MAX_ATTEMPTS:
        return Next("parked", outcome.error_code or "not_accepted")
    return Next("queued", outcome.error_code or "not_accepted", now + _pause(outcome, attempt, jitter))


def _pause(outcome: SendOutcome, attempt: int, jitter: float) -> timedelta:
    own = FIRST_RETRY * float(4 ** (attempt - 1)) * (1 + jitter / 2)
    asked = timedelta(seconds=min(outcome.retry_after or 0, LONGEST_RETRY_AFTER))
    return max(own, asked)
