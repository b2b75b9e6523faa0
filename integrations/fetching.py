"""Asking providers for what their deliveries only named: claim, call, record.

A receipt in state `fetching` has a row of `Fetch`. `claim` takes those that are due, with a lease and a fencing
number, and commits; the provider is called with nothing open; `record` puts the answer into the receipt's
body, which is then applied like any other. Asking twice does no harm, so a lease that ran out is simply
claimed again. An account that may not ask now (too often, or not let in) is left alone as a whole.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic

from django.db import transaction
from django.db.models import F, Q

from core import clock
from core.causes import Cause
from core.crashpoints import crashpoint, declare
from core.errors import DomainError, Malformed
from core.events import record as record_event
from core.registry import Registry
from integrations import inbound
from integrations.events import WEBHOOK_FAILED
from integrations.models import Fetch, ProviderAccount, Receipt
from integrations.ports import FetchAnswer

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=90)
BATCH = 50
#: Real seconds that one call of `fetch_due` may take; what is left then goes back in line.
SECONDS = 15
MAX_TRIES = 8
FIRST_PAUSE = timedelta(seconds=15)
LONGEST_PAUSE = timedelta(hours=1)
#: How long an account waits that asked too often and was not told how long, and one that is not let in.
TOO_OFTEN = timedelta(minutes=15)
NOT_LET_IN = timedelta(hours=1)

declare("fetch.claimed", "fetch.called", "fetch.recorded")


@dataclass(frozen=True)
class Fetcher:
    """How one provider is asked: `ask` calls it, `put` joins its answer to the stored body, `instance_of` says
    whose the body is."""

    ask: Callable[[ProviderAccount, bytes], FetchAnswer]
    put: Callable[[bytes, bytes], bytes]
    instance_of: Callable[[bytes], str]


_fetchers: Registry[Fetcher] = Registry("fetcher")


def register(provider: str, fetcher: Fetcher) -> None:
    """Let `fetcher` ask this provider. Called from AppConfig.ready()."""
    _fetchers.register(provider, fetcher)


def fetch_due(*, limit: int = BATCH) -> int:
    """Fetch what is due. Returns how many were looked at, so that a caller can go on until none is."""
    started = monotonic()
    claimed = claim(limit=limit)
    stopped: set[int] = set()
    if claimed:
        crashpoint("fetch.claimed")
    for fetch in claimed:
        if fetch.account_id in stopped or monotonic() - started > SECONDS:
            release(fetch)
            continue
        answer = call(fetch)
        crashpoint("fetch.called")
        if record(fetch, answer) and answer.kind in ("wait", "refused"):
            stopped.add(fetch.account_id)
        crashpoint("fetch.recorded")
    return len(claimed)


@transaction.atomic
def claim(*, limit: int = BATCH) -> list[Fetch]:
    """Claim what is due, and see whose it is: what belongs to no account is parked."""
    now = clock.sql_now()
    due = Fetch.objects.filter(next_at__lte=now).filter(Q(lease_until__isnull=True) | Q(lease_until__lt=now))
    ids = list(
        due.order_by("next_at", "id")
        .select_for_update(no_key=True, skip_locked=True)
        .values_list("pk", flat=True)[:limit]
    )
    if not ids:
        return []
    Fetch.objects.filter(pk__in=ids).update(lease_until=now + LEASE, fence=F("fence") + 1)
    claimed = Fetch.objects.filter(pk__in=ids).select_related(
        "receipt__account__location", "receipt__location"
    )
    return [fetch for fetch in claimed.order_by("next_at", "id") if _is_somebodys(fetch)]


def _is_somebodys(fetch: Fetch) -> bool:
    receipt = fetch.receipt
    try:
        owner = inbound.account_of(receipt, _fetchers.get(receipt.account.provider).instance_of(receipt.raw))
    except inbound.Ignored as reason:
        _end(fetch)
        inbound.settle(receipt, Receipt.State.IGNORED, str(reason))
    except DomainError as error:
        _end(fetch, error.code)
        inbound.park(receipt, error.code, error.code)
    else:
        if fetch.account_id != owner.pk:
            fetch.account, fetch.location = owner, owner.location
            fetch.save(update_fields=["account", "location"])
        return True
    return False


def call(fetch: Fetch) -> FetchAnswer:
    """Ask, with no transaction open. An error that nobody could name counts as no answer."""
    account = fetch.receipt.account
    try:
        return _fetchers.get(account.provider).ask(account, fetch.receipt.raw)
    except Exception as error:
        # Not the message: it may hold the address with its keys.
        logger.error("fetch failed", extra={"fetch": fetch.pk, "error": type(error).__name__})
        return FetchAnswer("retry", code=type(error).__name__)


@transaction.atomic
def record(fetch: Fetch, answer: FetchAnswer) -> bool:
    """Store what came of a call. False when somebody else has taken it over."""
    if not Fetch.objects.select_for_update(no_key=True).filter(pk=fetch.pk, fence=fetch.fence).exists():
        return False
    receipt = fetch.receipt
    if answer.kind == "found":
        try:
            body = _fetchers.get(receipt.account.provider).put(receipt.raw, answer.body)
        except Malformed:
            answer = FetchAnswer("retry", code="unreadable_answer")
        else:
            _found(fetch, body)
            return True
    if answer.kind == "gone":
        _give_up(fetch, answer)
    elif answer.kind == "retry":
        _again(fetch, answer)
    else:
        _leave_alone(fetch, answer)
    return True


def _found(fetch: Fetch, body: bytes) -> None:
    _end(fetch)
    receipt = fetch.receipt
    receipt.body, receipt.state, receipt.error = Receipt.as_text(body), Receipt.State.STORED, ""
    receipt.save(update_fields=["body", "state", "error"])
    inbound.enqueue(receipt, dedupe_key=f"receipt:{receipt.pk}:fetched:{fetch.fence}")


def _again(fetch: Fetch, answer: FetchAnswer) -> None:
    tries = fetch.tries + 1
    if tries >= MAX_TRIES:
        _give_up(fetch, answer)
        return
    pause = min(FIRST_PAUSE * 2**tries, LONGEST_PAUSE) * (1 + random.random() / 4)
    Fetch.objects.filter(pk=fetch.pk).update(
        tries=tries, next_at=clock.now() + pause, lease_until=None, error=answer.code[:60]
    )
    _tell(fetch.receipt, f"asked {tries} times, tried again ({answer.code})")


def _give_up(fetch: Fetch, answer: FetchAnswer) -> None:
    _end(fetch, answer.code or answer.kind)
    inbound.park(
        fetch.receipt, f"fetch_{answer.kind}", f"The provider does not give it ({answer.code or answer.kind})"
    )


def _leave_alone(fetch: Fetch, answer: FetchAnswer) -> None:
    """Nothing of this account is asked for until the time is over, or somebody changes the account."""
    refused = answer.kind == "refused"
    pause = (
        timedelta(seconds=answer.retry_after) if answer.retry_after else NOT_LET_IN if refused else TOO_OFTEN
    )
    Fetch.objects.filter(account_id=fetch.account_id, next_at__isnull=False).update(
        next_at=clock.now() + pause, lease_until=None, error=answer.code[:60]
    )
    why = "the provider does not let the account in" if refused else "the account asked too often"
    Receipt.objects.filter(fetch__account_id=fetch.account_id, state=Receipt.State.FETCHING).update(
        error=f"Waits: {why} ({answer.code})", updated_at=clock.now()
    )
    if refused:
        account, day = fetch.receipt.account, fetch.receipt.location.local(clock.now()).date()
        record_event(
            WEBHOOK_FAILED,
            cause=Cause.provider(account.pk),
            location_id=account.location_id,
            data={
                "receipt": str(fetch.receipt.public_id),
                "provider": account.provider,
                "reason": "not_let_in",
            },
            source=inbound.event_source(account.provider),
            receipt_id=fetch.receipt_id,
            dedupe_key=f"not_let_in:{account.pk}:{day}",
        )


def _end(fetch: Fetch, error: str = "") -> None:
    Fetch.objects.filter(pk=fetch.pk).update(next_at=None, lease_until=None, error=error[:60])


def _tell(receipt: Receipt, error: str) -> None:
    Receipt.objects.filter(pk=receipt.pk).update(error=error[:300], updated_at=clock.now())


def release(fetch: Fetch) -> None:
    """Give a claimed row back, unasked."""
    Fetch.objects.filter(pk=fetch.pk, fence=fetch.fence).update(lease_until=None)


def resume(account: ProviderAccount) -> int:
    """Ask again at once for what waits, because the account was changed. Returns how many."""
    return Fetch.objects.filter(account=account, next_at__isnull=False).update(next_at=clock.now())
