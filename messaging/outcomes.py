"""What became of a message: one place where it turns sent, delivered, failed or unknown, whoever found out.

The caller holds the contact's lock and then the message's. A message only moves forward: sent, then delivered
or failed; what arrives late or twice changes nothing. Being sent is told once, by its event's dedupe key.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from contacts import services as contact_services
from contacts.services import NewTouchpoint
from core import clock, events
from core.causes import Cause
from core.crashpoints import crashpoint, declare
from integrations.ports import ReceiptStatus
from messaging import delivery, kept_back, numbers
from messaging.events import MESSAGE_FAILED, MESSAGE_HELD, MESSAGE_SENT, MESSAGE_UNKNOWN, OPT_OUT
from messaging.models import Channel, Message, Purpose, Status

#: Codes by which a gateway says that the number itself cannot be reached, now or later.
BAD_NUMBER = frozenset(
    {"invalid_address", "invalid_number", "undeliverable", "landline", "blocked", "unreachable", "no_route"}
)
#: The person asked the carrier not to be texted, and it will not let any text through.
OPTED_OUT = "opted_out"
#: Refusals that are the clinic's to mend; the message is kept, held, with this reason.
OURS_TO_MEND = {
    "no_credit": "no_credit",
    "no_sender": "no_sender",
    "sender_not_registered": "no_sender",
    "bad_credentials": "no_sender",
    "not_configured": "no_sender",
}
declare("message.unknown")
_KIND = {Channel.SMS: "sms", Channel.MMS: "sms", Channel.EMAIL: "email"}


def sent(
    message: Message, *, provider_message_id: str, at: datetime | None = None,
    segments: int | None = None, cost_cents: int | None = None,
) -> None:  # fmt: skip
    """The provider has it. Tells of it once, logs the touchpoint, and never takes back what a receipt said."""
    if message.status not in (Status.DELIVERED, Status.FAILED):
        message.status = Status.SENT
        message.reason = ""
    message.sent_at = message.sent_at or at or clock.now()
    message.provider_message_id = provider_message_id or message.provider_message_id
    message.segments = segments if segments is not None else message.segments
    message.cost_cents = cost_cents if cost_cents is not None else message.cost_cents
    message.lease_until = message.next_try_at = None
    message.save()
    told = _record(
        MESSAGE_SENT,
        message,
        key=f"message_sent:{message.pk}",
        template=template_name(message),
        category=message.category,
    )
    if told:
        message.conversation.last_message_at = message.sent_at
        message.conversation.save(update_fields=["last_message_at"])
        _touchpoint(message, "sent", at=message.sent_at, cause=message.cause)


def delivered(message: Message, *, at: datetime | None, cause: Cause) -> None:
    """It is on the person's phone."""
    if message.status in (Status.DELIVERED, Status.FAILED):
        return
    sent(message, provider_message_id=message.provider_message_id, at=at)
    message.status = Status.DELIVERED
    message.delivered_at = at or clock.now()
    message.save()
    if message.channel != Channel.EMAIL:
        _touchpoint(message, "delivered", at=message.delivered_at, cause=cause)


def failed(message: Message, *, code: str, cause: Cause | None = None) -> None:
    """It will not arrive. A number that cannot be reached is remembered, so that nothing else goes there."""
    if message.status in (Status.DELIVERED, Status.FAILED):
        return
    message.status = Status.FAILED
    message.reason = (code or "refused")[:40]
    message.lease_until = message.next_try_at = None
    message.save()
    if code in BAD_NUMBER:
        numbers.block(message, code=code, cause=cause or message.cause)
    if code == OPTED_OUT:
        _opted_out(message, cause=cause or message.cause)
    _record(MESSAGE_FAILED, message, key=f"message_failed:{message.pk}", reason=message.reason)
    if message.channel != Channel.EMAIL:
        _touchpoint(message, "failed", at=clock.now(), cause=cause or message.cause)


def _opted_out(message: Message, *, cause: Cause) -> None:
    """What the carrier knows and we did not: the holder of the number opted out. Only a START lifts it."""
    changed = contact_services.set_consent(
        location_id=message.location_id, address=message.address, channel=message.channel,
        purposes=list(Purpose.values), state="withdrawn", basis="reply", source="sms", cause=cause,
        contact_id=message.contact_id,
    )  # fmt: skip
    if changed:
        events.record(
            OPT_OUT,
            cause=cause,
            location_id=message.location_id,
            contact_id=message.contact_id,
            data={"channel": message.channel},
        )


def held(message: Message, *, reason: str) -> None:
    """Kept back until somebody mends what is wrong; told once for each reason."""
    message.status = Status.HELD
    message.reason = reason
    message.lease_until = message.next_try_at = None
    message.save()
    _record(MESSAGE_HELD, message, key=f"message_held:{message.pk}:{reason}", reason=reason)
    events.record_many(kept_back.waiting_events([message]))


def parked(message: Message, *, reason: str = "too_many_tries") -> None:
    """Given up after several tries that provably did not reach the provider; a person may send it again."""
    message.status = Status.PARKED
    message.reason = reason[:40]
    message.lease_until = message.next_try_at = None
    message.save()
    _record(
        MESSAGE_FAILED, message, key=f"message_parked:{message.pk}:{message.fence}", reason=message.reason
    )


def unknown(message: Message, *, look_at: datetime) -> None:
    """The call was begun and nobody knows how it ended. Never sent again blindly."""
    message.status = Status.UNKNOWN
    message.reason = "no_answer"
    message.lease_until = None
    message.next_try_at = look_at
    message.save()
    _record(MESSAGE_UNKNOWN, message, key=f"message_unknown:{message.pk}:{message.fence}")
    crashpoint("message.unknown")


def receipt(
    message: Message, status: ReceiptStatus, *, at: datetime | None, error: str, cause: Cause
) -> None:
    """Apply what a provider reports; what is late, lower or repeated changes nothing."""
    target = delivery.after_receipt(message.status, status)
    if target == Status.DELIVERED:
        delivered(message, at=at, cause=cause)
    elif target == Status.FAILED:
        failed(message, code=error or "undelivered", cause=cause)
    elif target == Status.SENT:
        sent(message, provider_message_id=message.provider_message_id, at=at)


def template_name(message: Message) -> str:
    """The name of its template, empty for a text a person wrote."""
    return message.template.name if message.template is not None else ""


def _record(type: events.EventType, message: Message, *, key: str, **data: Any) -> bool:
    recorded = events.record(
        type,
        cause=message.cause,
        location_id=message.location_id,
        contact_id=message.contact_id,
        booking_id=message.booking_id,
        data={"message": message.pk, **data},
        dedupe_key=key,
    )
    return recorded is not None


def _touchpoint(message: Message, what: str, *, at: datetime, cause: Cause) -> None:
    kind = _KIND.get(Channel(message.channel))
    if kind is None:
        return
    contact_services.log_touchpoints(
        [
            NewTouchpoint(
                contact_id=message.contact_id,
                type=f"{kind}_{what}",
                at=at,
                source="system",
                channel=template_name(message),
                details={"message": str(message.public_id), "category": message.category},
                staff_id=int(cause.id) if cause.kind == "user" else None,
                cause=cause,
            )
        ]
    )
