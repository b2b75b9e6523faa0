"""Deliveries as Wix makes them: a token signed RS256 whose `data` is JSON text in JSON text, and our simple
JSON.

Used by tests and by whoever wants to post a delivery by hand. `key_pair()` makes an RSA pair once per
process.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

KINDS = (
    "created",
    "confirmed",
    "rescheduled",
    "canceled",
    "declined",
    "updated",
    "markedAsPending",
    "number_of_participants_updated",
)
STATUS = {
    "created": "CREATED",
    "confirmed": "CONFIRMED",
    "rescheduled": "CONFIRMED",
    "canceled": "CANCELED",
    "declined": "DECLINED",
    "updated": "CONFIRMED",
    "markedAsPending": "PENDING",
    "number_of_participants_updated": "CONFIRMED",
}
START = datetime(2026, 12, 1, 4, 0, tzinfo=UTC)
"""Tuesday 15:00 in Sydney."""


@lru_cache(maxsize=4)
def key_pair(name: str = "wix") -> tuple[str, str]:
    """An RSA pair in PEM: private, public. One per name and process."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


@dataclass(frozen=True)
class WixBooking:
    """One booking at Wix, from which its deliveries are made. Empty texts are left out of the payload."""

    id: str = "b-1"
    start: datetime | None = START
    minutes: int = 30
    service_id: str = "s-1"
    service: str = "Skin cancer check"
    first_name: str = "Ana"
    last_name: str = "Silva"
    phone: str = "+61412345678"
    email: str = "ana@example.com"
    contact_id: str = "c-1"
    staff_id: str = ""
    staff: str = ""
    payment: str = ""
    instance_id: str = "demo-instance"

    def entity(self, status: str, start: datetime | None = None) -> dict[str, Any]:
        """The booking as it stands in an event."""
        begins = start or self.start
        ends = begins + timedelta(minutes=self.minutes) if begins else None
        slot = {"serviceId": self.service_id, "startDate": _iso(begins), "endDate": _iso(ends)}
        if self.staff_id or self.staff:
            slot["resource"] = _without_empty({"id": self.staff_id, "name": self.staff})  # type: ignore[assignment]
        return _without_empty(
            {
                "id": self.id,
                "status": status,
                "paymentStatus": self.payment,
                "startDate": _iso(begins),
                "endDate": _iso(ends),
                "bookedEntity": {"title": self.service, "slot": _without_empty(slot)},
                "contactDetails": _without_empty(
                    {
                        "contactId": self.contact_id,
                        "firstName": self.first_name,
                        "lastName": self.last_name,
                        "email": self.email,
                        "phone": self.phone,
                    }
                ),
            }
        )


def numbered(number: int, start: datetime) -> WixBooking:
    """The booking b-1, b-2 …, each of a person of its own."""
    return WixBooking(
        id=f"b-{number}", contact_id=f"c-{number}", first_name="Ana", last_name=f"Number{number}",
        phone=f"+614120{number:05}", email=f"ana{number}@example.com", start=start,
    )  # fmt: skip


def event(
    kind: str,
    booking: WixBooking,
    *,
    sequence: int | None,
    status: str = "",
    start: datetime | None = None,
    event_id: str = "",
    anonymize: bool = False,
    at: datetime | None = None,
    entity: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The domain event of a booking: created, updated, or an action. `entity` is its object where it is made
    elsewhere.
    """
    entity = entity or booking.entity(status or STATUS[kind], start)
    made: dict[str, Any] = {
        "id": event_id or f"evt-{booking.id}-{kind}-{sequence}",
        "entityFqdn": "wix.bookings.v2.booking",
        "slug": kind,
        "entityId": booking.id,
        "eventTime": _iso(at or datetime(2026, 11, 20, 12, tzinfo=UTC)),
        "entityEventSequence": str(sequence),
        "triggeredByAnonymizeRequest": anonymize,
    }
    if sequence is None:
        del made["entityEventSequence"]
    if kind == "created":
        return made | {"createdEvent": {"entity": entity}}
    if kind == "updated":
        return made | {"updatedEvent": {"currentEntity": entity}}
    body: dict[str, Any] = {"booking": entity, "previousStatus": "CREATED"}
    if kind == "rescheduled" and booking.start is not None:
        body["previousStartDate"] = _iso(booking.start)
    return made | {"actionEvent": {"body": body}}


def claims(domain_event: dict[str, Any], *, instance_id: str = "demo-instance") -> dict[str, Any]:
    """The claims of the token around an event."""
    outer = {
        "eventType": f"wix.bookings.v2.booking_{domain_event['slug']}",
        "instanceId": instance_id,
        "data": json.dumps(domain_event),
        "identity": json.dumps({"identityType": "ANONYMOUS_VISITOR", "anonymousVisitorId": "v-1"}),
    }
    now = int(datetime.now(UTC).timestamp())
    return {"data": json.dumps(outer), "iat": now, "exp": now + 3600}


def sign(payload: dict[str, Any], private_key: str = "") -> bytes:
    """The token Wix posts as the whole body."""
    return jwt.encode(payload, private_key or key_pair()[0], algorithm="RS256").encode()


def delivery(
    kind: str,
    booking: WixBooking | None = None,
    *,
    sequence: int | None = 1,
    private_key: str = "",
    **more: Any,
) -> bytes:
    """A signed delivery of one of the eight events; `more` goes to `event`."""
    booking = booking or WixBooking()
    made = event(kind, booking, sequence=sequence, **more)
    payload = claims(made, instance_id=booking.instance_id)
    # A moved clock of the test must not make the token look expired.
    payload.pop("iat"), payload.pop("exp")
    return sign(payload, private_key)


def simple(kind: str, booking: WixBooking | None = None, **fields: Any) -> bytes:
    """Our own tooling's JSON: `kind` is created, updated or cancelled."""
    booking = booking or WixBooking()
    person = {
        "name": f"{booking.first_name} {booking.last_name}".strip(),
        "phone": booking.phone,
        "email": booking.email,
    }
    payload = {
        "event": f"bookings/{kind}",
        "bookingId": booking.id,
        "contactId": booking.contact_id,
        "serviceId": booking.service_id,
        "serviceName": booking.service,
        "startTime": _iso(booking.start),
        "status": "confirmed" if kind != "cancelled" else "cancelled",
        "customerInfo": _without_empty(person),
    } | fields
    return json.dumps({key: value for key, value in payload.items() if value not in ("", None)}).encode()


def signature(body: bytes, secret: str) -> str:
    """What stands in X-Wix-Webhook-Signature."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _iso(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else ""


def _without_empty(values: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if value not in ("", None, {})}
