"""Deliveries from outside: stored first, understood later, applied once.

A door verifies a delivery and stores it (`store`): the receipt and the work item that applies it commit
together, and only then is the provider answered. A higher app registers what applies deliveries of a kind,
so that nothing here knows bookings or messages.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F

from core import clock, doorbell, work
from core.causes import Cause
from core.crashpoints import crashpoint, declare
from core.errors import Conflict, DomainError
from core.events import record
from core.registry import Registry
from integrations import accounts, ports
from integrations.events import WEBHOOK_FAILED
from integrations.models import Fetch, Kind, Provider, ProviderAccount, Receipt
from integrations.providers import (
    clicksend_format,
    console_format,
    manychat,
    messagemedia_format,
    meta,
    twilio_format,
    web_form,
    wix,
)

logger = logging.getLogger(__name__)

APPLY = "integrations.apply_receipt"
BODIES_KEPT = timedelta(days=90)
LOCK_TIMEOUT_MS = 500
#: Under this name a receipt's headers hold our own reference, where the provider's address brought it back.
REFERENCE = "Reference"

declare("receipt.storing", "receipt.stored", "receipt.applied")


class Waiting(Exception):
    """Raised while applying: it makes sense only after another delivery of its subject. The text is a code."""


class Ignored(Exception):
    """Raised while applying: understood, and nothing to do. Its text is a code."""


class Applier(Protocol):
    """What applies a parsed delivery inside a transaction and says what it made: names and public ids.

    It may raise `Waiting` or `Ignored`; a DomainError parks the receipt; anything else is tried again.
    """

    def __call__(
        self, parsed: Any, *, account: ProviderAccount, receipt: Receipt, cause: Cause
    ) -> Mapping[str, str]: ...


Parser = Callable[..., Any]

appliers: Registry[Applier] = Registry("applier of deliveries")

PARSERS: Mapping[tuple[str, str], Parser] = {
    (Provider.WIX, Kind.BOOKING): wix.parse_body,
    (Provider.CONSOLE, Kind.SMS_INBOUND): console_format.parse_inbound,
    (Provider.CONSOLE, Kind.SMS_RECEIPT): console_format.parse_receipt,
    (Provider.TWILIO, Kind.SMS_INBOUND): twilio_format.parse_inbound,
    (Provider.TWILIO, Kind.SMS_RECEIPT): twilio_format.parse_receipt,
    (Provider.CLICKSEND, Kind.SMS_INBOUND): clicksend_format.parse_inbound,
    (Provider.CLICKSEND, Kind.SMS_RECEIPT): clicksend_format.parse_receipt,
    (Provider.MESSAGEMEDIA, Kind.SMS_INBOUND): messagemedia_format.parse_inbound,
    (Provider.MESSAGEMEDIA, Kind.SMS_RECEIPT): messagemedia_format.parse_receipt,
    (Provider.MANYCHAT, Kind.LEAD): manychat.parse,
    (Provider.META, Kind.LEAD): meta.parse,
    (Provider.WEB_FORM, Kind.LEAD): web_form.parse,
}
_EVENT_SOURCES: Mapping[str, str] = {
    Provider.WIX: "wix",
    Provider.MANYCHAT: "manychat",
    Provider.META: "meta",
    Provider.WEB_FORM: "system",
}
# The database asked for another go, or is away: nothing is wrong with the delivery.
_AGAIN = (OperationalError, InterfaceError)
# Of an instance id that no account has; such a delivery waits for a person, for it may be another clinic's.
UNKNOWN_INSTANCE = "unknown_instance"


def register(kind: str, applier: Applier) -> None:
    """Apply deliveries of this kind with `applier`. Called once, from an AppConfig.ready()."""
    appliers.register(kind, applier)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A verified delivery, about to be stored (with `fetch`, one that only names what is to be applied). `key` is
    its identity at the account, `thread` what it is
    about (a booking's id, a sender's number): deliveries of one thread are applied in order."""

    account: ProviderAccount
    kind: Kind
    key: str
    thread: str
    body: bytes
    by_token: bool = False
    headers: dict[str, str] = field(default_factory=dict)
    fetch: bool = False


def subject_of(delivery: Delivery) -> str:
    """The work subject of a delivery. The thread is hashed: it may be a phone number."""
    digest = hashlib.sha256(delivery.thread.encode("utf-8", "replace")).hexdigest()[:24]
    return f"{delivery.account.provider}:{delivery.kind}:{delivery.account.location_id}:{digest}"


@transaction.atomic
def store(delivery: Delivery) -> tuple[Receipt, bool]:
    """Keep a delivery and the work of applying it. Returns the receipt and whether it is new.

    A rival that is storing the same delivery is waited for; one of the two finds the other's receipt.
    """
    account = delivery.account
    mine = _unsaved(delivery)
    Receipt.objects.bulk_create([mine], ignore_conflicts=True)
    receipt = Receipt.objects.get(account=account, external_id=delivery.key)
    receipt.account = account
    created = receipt.public_id == mine.public_id
    if created:
        if delivery.fetch:
            Fetch.objects.create(location_id=account.location_id, account=account, receipt=receipt)
            doorbell.ring_on_commit()
        else:
            enqueue(receipt)
        crashpoint("receipt.storing")
    return receipt, created


@transaction.atomic
def store_all(account: ProviderAccount, deliveries: Sequence[Delivery]) -> int:
    """Keep deliveries of one account that hold what is to be applied, and the work of applying them, in a few
    statements. Those that are there already are left alone. Returns how many were new.
    """
    keys = [delivery.key for delivery in deliveries]
    there = set(
        Receipt.objects.filter(account=account, external_id__in=keys).values_list("external_id", flat=True)
    )
    rows = [_unsaved(delivery) for delivery in deliveries if delivery.key not in there]
    if not rows:
        return 0
    Receipt.objects.bulk_create(rows, ignore_conflicts=True)
    # A rival may have stored some of them in between: those are its own to apply.
    mine = Receipt.objects.filter(public_id__in=[row.public_id for row in rows]).order_by("pk")
    new = [_to_apply(receipt) for receipt in mine.only("location_id", "subject")]
    work.enqueue_many(new)
    return len(new)


def _unsaved(delivery: Delivery) -> Receipt:
    account = delivery.account
    return Receipt(
        location_id=account.location_id, account=account, kind=delivery.kind, external_id=delivery.key,
        subject=subject_of(delivery), headers=delivery.headers, body=Receipt.as_text(delivery.body),
        by_token=delivery.by_token, state=Receipt.State.FETCHING if delivery.fetch else Receipt.State.STORED,
    )  # fmt: skip


def enqueue(receipt: Receipt, *, dedupe_key: str = "") -> None:
    """Put the work of applying a stored receipt in line."""
    work.enqueue_many([_to_apply(receipt, dedupe_key)])


def _to_apply(receipt: Receipt, dedupe_key: str = "") -> work.NewWork:
    return work.NewWork(
        handler=APPLY,
        location_id=receipt.location_id,
        subject=receipt.subject,
        dedupe_key=dedupe_key or f"receipt:{receipt.pk}",
        args={"receipt": receipt.pk},
    )


def apply_now(receipt: Receipt) -> Mapping[str, str]:
    """Apply a stored receipt at once, in a transaction of its own that waits for locks half a second at most.

    Returns what it made; empty when it could not be applied. Its work item stays and finds it done, or does
    it.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT_MS}ms'")
        return apply_receipt(receipt.pk)


def made_earlier(receipt: Receipt) -> Mapping[str, str]:
    """What the latest applied delivery about the same subject made; empty when there was none."""
    applied = Receipt.objects.filter(subject=receipt.subject, state=Receipt.State.APPLIED).order_by("-pk")
    return applied.values_list("result", flat=True).first() or {}


@transaction.atomic(savepoint=False)
def apply_receipt(receipt_id: int, *, last_try: bool = False) -> Mapping[str, str]:
    """Apply a receipt unless that was done. What cannot be applied is parked and told as webhook_failed.

    On the last try any error parks it; before, only those that a repetition cannot cure. Returns what the
    delivery made.
    """
    receipt = Receipt.objects.select_related("account__location", "location").get(pk=receipt_id)
    _take_turn(receipt)
    receipt.refresh_from_db(fields=["state", "result", "attempts"])
    if receipt.state not in (Receipt.State.STORED, Receipt.State.WAITING):
        return receipt.result
    try:
        # A savepoint, so that a receipt can be parked without what its failed application did.
        with transaction.atomic():
            result = _apply(receipt)
    except Waiting as reason:
        settle(receipt, Receipt.State.WAITING, str(reason))
    except (Ignored, wix.UnknownEvent) as reason:
        code = reason.code if isinstance(reason, DomainError) else str(reason)
        settle(receipt, Receipt.State.IGNORED, code)
    except DomainError as error:
        park(receipt, error.code, f"{error.code}: {_safe(error)}")
    except Exception as error:
        if not last_try or isinstance(error, _AGAIN):
            raise
        park(receipt, "error", work.describe(error))
    else:
        for each in (receipt, *receipt.taken):
            settle(each, Receipt.State.APPLIED, "", dict(result))
        crashpoint("receipt.applied")
    return receipt.result


def _take_turn(receipt: Receipt) -> None:
    """Wait until nobody else applies deliveries of this subject; held until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [receipt.subject])


def _apply(receipt: Receipt) -> Mapping[str, str]:
    account = receipt.account
    parse = PARSERS[account.provider, receipt.kind]
    parsed = parse(receipt.raw, zone=account.location.zone)
    account = account_of(receipt, getattr(parsed, "instance_id", ""))
    apply = appliers.get(receipt.kind)
    return apply(parsed, account=account, receipt=receipt, cause=Cause.provider(account.pk))


def account_of(receipt: Receipt, instance_id: str) -> ProviderAccount:
    """The account a delivery belongs to: the address's, else the payload's, else the one it was stored under."""
    account = receipt.account
    if receipt.by_token or not instance_id or instance_id == account.external_instance_id:
        return account
    owner = accounts.by_instance(account.provider, instance_id)
    if owner is None:
        raise Conflict(
            "No account has the instance id of this delivery. Enter it on the clinic's account, then apply again.",
            code=UNKNOWN_INSTANCE,
        )
    if Receipt.objects.filter(account=owner, external_id=receipt.external_id).exists():
        raise Ignored("came_again")
    receipt.account, receipt.location = owner, owner.location
    receipt.save(update_fields=["account", "location"])
    return owner


def settle(receipt: Receipt, state: str, error: str, result: dict[str, str] | None = None) -> None:
    """Write what became of a receipt."""
    receipt.state = state
    receipt.error = error[:300]
    receipt.attempts += 1
    if result is not None:
        receipt.result = result
        receipt.applied_at = clock.now()
    receipt.save(update_fields=["state", "error", "attempts", "result", "applied_at"])


def park(receipt: Receipt, reason: str, error: str) -> None:
    """A person must look at it; automation hears of it."""
    settle(receipt, Receipt.State.PARKED, error)
    logger.error("delivery parked", extra={"receipt": receipt.pk, "reason": reason})
    record(
        WEBHOOK_FAILED,
        cause=Cause.provider(receipt.account_id),
        location_id=receipt.location_id,
        data={"receipt": str(receipt.public_id), "provider": receipt.account.provider, "reason": reason},
        source=event_source(receipt.account.provider),
        receipt_id=receipt.pk,
    )


def _safe(error: DomainError) -> str:
    """The fields that were wrong, without their values."""
    return ", ".join(sorted(error.fields)) or type(error).__name__


def take_waiting(receipt: Receipt) -> list[Any]:
    """For an applier: the parsed deliveries of this subject that wait, oldest first. It applies them along
    with its own; once it has succeeded they count as applied with the same result.
    """
    waiting = list(
        Receipt.objects.filter(subject=receipt.subject, state=Receipt.State.WAITING)
        .exclude(pk=receipt.pk)
        .order_by("pk")
    )
    receipt.taken = waiting
    zone = receipt.account.location.zone
    return [PARSERS[receipt.account.provider, each.kind](each.raw, zone=zone) for each in waiting]


@transaction.atomic
def apply_again(receipt: Receipt) -> None:
    """Put a parked or ignored receipt back in line, as a person asked. Conflict for any other, or without a
    body.
    """
    unanswered = Fetch.objects.filter(receipt=receipt, next_at__isnull=True).exclude(error="")
    fetched = unanswered.update(next_at=clock.now(), tries=0, error="") == 0
    changed = (
        Receipt.objects.filter(pk=receipt.pk, state__in=(Receipt.State.PARKED, Receipt.State.IGNORED))
        .exclude(body="")
        .update(
            state=Receipt.State.STORED if fetched else Receipt.State.FETCHING,
            error="",
            attempts=F("attempts") + 1,
            updated_at=clock.now(),
        )
    )
    if not changed:
        raise Conflict(
            "Only a delivery that could not be applied, and whose body is still kept, can be applied again."
        )
    receipt.refresh_from_db()
    if fetched:
        enqueue(receipt, dedupe_key=f"receipt:{receipt.pk}:{receipt.attempts}")
    else:
        doorbell.ring_on_commit()


def remove_old_bodies() -> int:
    """Empty the bodies of deliveries older than 90 days; their keys stay. Returns how many."""
    before = clock.now() - BODIES_KEPT
    return Receipt.objects.filter(created_at__lt=before).exclude(body="").update(body="", headers={})


def event_source(provider: str) -> str:
    """The event log's word for where something came from."""
    return _EVENT_SOURCES.get(provider, "sms_provider")


def key_of(external_id: str, body: bytes) -> str:
    """The key under which a delivery is stored once."""
    return ports.delivery_key(external_id, body)
