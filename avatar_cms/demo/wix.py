"""Deliveries as Wix would make them, for the demo's bookings: tokens signed RS256, with JSON text in JSON text."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

from accounts.models import Location
from avatar_cms.demo.diary import Slot
from avatar_cms.demo.people import Person
from core import clock
from integrations import inbound
from integrations.models import Kind, Provider, ProviderAccount

STATUS = {
    "created": "CONFIRMED", "confirmed": "CONFIRMED", "rescheduled": "CONFIRMED", "canceled": "CANCELED",
    "declined": "DECLINED",
}  # fmt: skip


def deliver(
    location: Location, person: Person, phone: str, booking_id: str, slot: Slot, service: str, *, kind: str,
    sequence: int, status: str = "",
) -> None:  # fmt: skip
    """Store what Wix says of a booking, as the door does; it is applied when work is drained."""
    accounts = ProviderAccount.objects.select_related("location")
    account = accounts.get(location=location, provider=Provider.WIX)
    event = _event(person, phone, booking_id, slot, service, kind=kind, sequence=sequence, status=status)
    outer = {
        "eventType": f"wix.bookings.v2.booking_{kind}",
        "instanceId": account.external_instance_id,
        "data": json.dumps(event),
    }
    body = jwt.encode({"data": json.dumps(outer)}, _private_key(), algorithm="RS256").encode()
    inbound.store(
        inbound.Delivery(account=account, kind=Kind.BOOKING, key=event["id"], thread=booking_id, body=body)
    )


def _event(
    person: Person,
    phone: str,
    booking_id: str,
    slot: Slot,
    service: str,
    *,
    kind: str,
    sequence: int,
    status: str,
) -> dict[str, Any]:
    first, _, last = person.name.partition(" ")
    times = {"startDate": _iso(slot.start), "endDate": _iso(slot.end)}
    entity = {
        "id": booking_id,
        "status": status or STATUS[kind],
        "paymentStatus": "NOT_PAID",
        **times,
        "bookedEntity": {
            "title": service,
            "slot": {
                "serviceId": f"service-{service.lower().replace(' ', '-')}",
                "resource": {"name": slot.practitioner},
                **times,
            },
        },
        "contactDetails": {
            "contactId": f"wix-{person.name.lower().replace(' ', '-')}",
            "firstName": first,
            "lastName": last,
            "email": person.email,
            "phone": phone,
        },
    }
    event = {
        "id": f"{booking_id}-{sequence}",
        "slug": kind,
        "entityId": booking_id,
        "eventTime": _iso(clock.now()),
        "entityEventSequence": str(sequence),
        "triggeredByAnonymizeRequest": False,
    }
    if kind == "created":
        return event | {"createdEvent": {"entity": entity}}
    return event | {"actionEvent": {"body": {"booking": entity}}}


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@lru_cache(maxsize=1)
def _private_key() -> rsa.RSAPrivateKey:
    """The demo's stand-in for Wix's key; one of this process alone where the checkout has none."""
    file = Path(settings.WIX_PUBLIC_KEY_FILE.replace(".pub.pem", ".pem"))
    if file.name == "wix_demo.pem" and file.exists():
        key = serialization.load_pem_private_key(file.read_bytes(), password=None)
        if isinstance(key, rsa.RSAPrivateKey):
            return key
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
