"""The on-screen phone: what a contact received, and a way to answer as the contact.

Only for clinics whose texts go to the console provider. An answer takes the way of a real one: it is stored
as that provider's delivery and applied by what applies all of them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import suppress

from django.contrib.auth.models import AnonymousUser
from django.db import OperationalError, transaction
from django.db.models import F, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts import access
from accounts.models import Location, User
from contacts import identity
from contacts.models import Contact
from core import clock
from core.errors import Invalid, NotConfigured
from core.ids import uuid7
from core.registry import Registry
from integrations import inbound as deliveries
from integrations.models import Kind, Provider, ProviderAccount, Receipt
from messaging.models import Direction, Message, Status

#: What else stands beside the phones: functions of the request that answer HTML, or None to leave it out.
beside: Registry[Callable[[HttpRequest], SafeString | None]] = Registry("card beside the on-screen phone")

LISTED = 30
#: Phones that lie side by side at most.
IN_HAND = 3
LONGEST = 1600


def reachable(user: User | AnonymousUser) -> QuerySet[Contact]:
    """Visible contacts with a number, of clinics whose texts go to the on-screen phone; the latest talk
    first.
    """
    console = ProviderAccount.objects.filter(provider=Provider.CONSOLE, enabled=True).values("location_id")
    return (
        access.visible(Contact.objects.live(), user)
        .filter(location_id__in=console)
        .exclude(phone="", guardian__isnull=True)
        .select_related("location", "guardian")
        .order_by(F("last_touchpoint_at").desc(nulls_last=True), "-id")
    )


def account_of(location: Location) -> ProviderAccount:
    """The clinic's console account. Raises NotConfigured when its texts go elsewhere."""
    accounts = ProviderAccount.objects.select_related("location")
    account = accounts.filter(location=location, provider=Provider.CONSOLE, enabled=True).first()
    if account is None:
        raise NotConfigured(
            "This clinic's texts do not go to the on-screen phone.", code="no_console_account"
        )
    return account


def answer(*, contact: Contact, body: str) -> Receipt:
    """Answer as the holder of the contact's phone. Returns the stored delivery; it is applied before this
    returns unless somebody holds a lock, and by a worker then.

    Raises Invalid for an empty or far too long text, NotConfigured when there is no console account.
    """
    body = _checked(body)
    account = account_of(contact.location)
    arrived(account=account, address=contact.reach_phone)
    return _write(account, number=contact.reach_phone, body=body)


def with_phones(locations: Sequence[Location]) -> list[Location]:
    """Those of these clinics whose texts go to the on-screen phone."""
    console = ProviderAccount.objects.filter(provider=Provider.CONSOLE, enabled=True, location__in=locations)
    known = set(console.values_list("location_id", flat=True))
    return [location for location in locations if location.pk in known]


def stranger(*, location: Location, number: str, body: str) -> Contact | None:
    """Write to a clinic from a number as somebody types it. Returns whoever holds it now, None while a worker has
    still to apply the delivery.

    Raises Invalid for an empty or far too long text, or a number that is none there; NotConfigured when the
    clinic's texts go elsewhere.
    """
    body = _checked(body)
    try:
        known = identity.normalise_phone(number, location.region)
    except identity.PhoneRefused as error:
        raise Invalid(error.message, fields={"number": error.message}) from error
    _write(account_of(location), number=known, body=body)
    return Contact.objects.live().reached_by(location, known).order_by("guardian_id", "id").first()


def report(*, message: Message, delivered: bool) -> Receipt:
    """Let the carrier report a sent text: it arrived, or could not. Returns the stored delivery.

    Raises Invalid for a text that is not under way to an on-screen phone.
    """
    account = message.provider_account
    under_way = message.status == Status.SENT and message.direction == Direction.OUTBOUND
    if account is None or account.provider != Provider.CONSOLE or not under_way:
        raise Invalid("Only a text that is on its way can arrive or fail.", code="not_under_way")
    return _report(account, message.provider_message_id, "delivered" if delivered else "failed")


def _report(account: ProviderAccount, number: str, status: str) -> Receipt:
    fields = {"message_id": number, "status": status, "timestamp": clock.now().isoformat()}
    return _deliver(account, Kind.SMS_RECEIPT, key=f"receipt:{status}:{number}", thread=number, fields=fields)


def _checked(body: str) -> str:
    body = body.strip()
    if not body or len(body) > LONGEST:
        raise Invalid(f"Write something, at most {LONGEST} characters.", fields={"body": "empty or too long"})
    return body


def _write(account: ProviderAccount, *, number: str, body: str) -> Receipt:
    sms = {
        "message_id": f"phone-{uuid7()}",
        "from": number,
        "to": account.location.phone,
        "body": body,
        "timestamp": clock.now().isoformat(),
    }
    thread = "".join(filter(str.isdigit, number))
    return _deliver(account, Kind.SMS_INBOUND, key=sms["message_id"], thread=thread, fields=sms)


def arrived(*, account: ProviderAccount, address: str) -> int:
    """Report the texts on a number as delivered: whoever answers has them. Returns how many were reported."""
    sent = Message.objects.filter(
        location_id=account.location_id, address=address, provider_account=account, status=Status.SENT,
        direction=Direction.OUTBOUND,
    ).exclude(provider_message_id="")  # fmt: skip
    ids = list(sent.order_by("-id").values_list("provider_message_id", flat=True)[:20])
    for message_id in reversed(ids):
        _report(account, message_id, "delivered")
    return len(ids)


def _deliver(
    account: ProviderAccount, kind: Kind, *, key: str, thread: str, fields: dict[str, str]
) -> Receipt:
    receipt, _ = deliveries.store(
        deliveries.Delivery(
            account=account,
            kind=kind,
            key=key,
            thread=thread,
            body=json.dumps(fields).encode(),
            by_token=True,
        )
    )
    # If a lock cannot be had, the stored delivery stays and a worker applies it.
    with suppress(OperationalError), transaction.atomic():
        deliveries.apply_now(receipt)
    receipt.refresh_from_db()
    return receipt
