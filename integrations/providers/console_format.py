"""The console provider's webhooks: a text that came in, and how far one that went out has come.

Both arrive as JSON or as a form. Inbound: `message_id, from, to, body, timestamp`. Receipt: `message_id,
status, timestamp, error`. Times without an offset are wall-clock times in `zone`, the location's.
"""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from integrations import reading
from integrations.ports import DeliveryReceipt, InboundSms, ReceiptStatus

STATUSES: Mapping[str, ReceiptStatus] = {
    "accepted": "accepted",
    "queued": "accepted",
    "sent": "sent",
    "delivered": "delivered",
    "failed": "failed",
    "undelivered": "failed",
    "rejected": "failed",
    "expired": "failed",
}


def parse_inbound(body: bytes, *, zone: ZoneInfo) -> InboundSms:
    """A text that came in. Without `message_id` its external id is empty: the body's hash is its key then."""
    fields = read_fields(body)
    sender = reading.sender(fields.get("from"))
    if not sender:
        reading.fail("from", "the sender's number is missing.")
    words = fields.get("body")
    if words is not None and not isinstance(words, str):
        reading.fail("body", "this must be a text.")
    return InboundSms(
        external_id=reading.message_id(fields.get("message_id")),
        from_=sender,
        to=reading.sender(fields.get("to")),
        body=reading.clean(words or ""),
        at=reading.moment(fields.get("timestamp"), "timestamp", zone),
    )


def parse_receipt(body: bytes, *, zone: ZoneInfo) -> DeliveryReceipt:
    """How far a text that went out has come."""
    fields = read_fields(body)
    message_id = reading.message_id(fields.get("message_id"))
    if not message_id:
        reading.fail("message_id", "the message's id is missing.")
    status = STATUSES.get(reading.text(fields.get("status")).lower())
    if status is None:
        reading.fail("status", f"this must be one of: {', '.join(STATUSES)}.")
    return DeliveryReceipt(
        provider_message_id=message_id,
        status=status,
        at=reading.moment(fields.get("timestamp"), "timestamp", zone),
        error=reading.first(fields.get("error"), fields.get("error_code")),
    )


def receipt_key(told: DeliveryReceipt, body: bytes) -> str:
    """A receipt's identity: it says each thing of a message once."""
    return f"receipt:{told.status}:{told.provider_message_id}"


def read_fields(body: bytes) -> dict[str, object]:
    """The fields of a body, whether it is JSON or a form."""
    if body.lstrip().startswith((b"{", b"[", b"\xef\xbb\xbf")):
        return reading.json_object(body)
    return reading.form(body)
