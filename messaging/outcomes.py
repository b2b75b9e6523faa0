"""What became of messages: one place where they turn sent, delivered, failed or unknown, whoever found out.

The caller holds the contacts' locks and then the messages'. A message only moves forward: sent, then delivered
or failed; what arrives late or twice changes nothing. Being sent is told once, by its event's dedupe key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from contacts import services as contact_services
from contacts.services import NewTouchpoint
from core import clock, events
from core.causes import Cause
from core.crashpoints import crashpoint, declare
from core.events import NewEvent
from core.rows import update_rows
from integrations.ports import ReceiptStatus
from messaging import delivery, kept_back, numbers
from messaging.events import MESSAGE_FAILED, MESSAGE_HELD, MESSAGE_SENT, MESSAGE_UNKNOWN, OPT_OUT
from messaging.models import Channel, Conversation, Message, Purpose, Status

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
_FIELDS = (
    "status", "reason", "sent_at", "delivered_at", "provider_message_id", "segments", "cost_cents", "lease_until",
    "next_try_at", "updated_at",
)  # fmt: skip


@contextmanager
def writing() -> Iterator[Outcomes]:
    """Gather what became of a set of messages, and write it as a set at the end of the block."""
    became = Outcomes()
    yield became
    became._write()


class Outcomes:
    """What became of a set of messages: their rows, events and touchpoints, to be written in a few statements."""

    def __init__(self) -> None:
        self._messages: dict[int, Message] = {}
        self._events: list[NewEvent] = []
        self._told: set[str] = set()
        # With the key of the event without which the touchpoint is not logged: a second telling adds none.
        self._touchpoints: list[tuple[str, NewTouchpoint]] = []

    def sent(
        self, message: Message, *, provider_message_id: str, at: datetime | None = None,
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
        self._keep(message)
        key = f"message_sent:{message.pk}"
        if key in self._told:
            return
        self._told.add(key)
        self._tell(MESSAGE_SENT, message, key=key, template=template_name(message), category=message.category)
        self._touch(message, "sent", at=message.sent_at, cause=message.cause, if_told=key)

    def delivered(self, message: Message, *, at: datetime | None, cause: Cause) -> None:
        """It is on the person's phone."""
        if message.status in (Status.DELIVERED, Status.FAILED):
            return
        self.sent(message, provider_message_id=message.provider_message_id, at=at)
        message.status = Status.DELIVERED
        message.delivered_at = at or clock.now()
        if message.channel != Channel.EMAIL:
            self._touch(message, "delivered", at=message.delivered_at, cause=cause)

    def failed(self, message: Message, *, code: str, cause: Cause | None = None) -> None:
        """It will not arrive. A number that cannot be reached is remembered, so that nothing else goes there."""
        if message.status in (Status.DELIVERED, Status.FAILED):
            return
        self._end(message, Status.FAILED, (code or "refused"))
        if code in BAD_NUMBER:
            numbers.block(message, code=code, cause=cause or message.cause)
        if code == OPTED_OUT:
            _opted_out(message, cause=cause or message.cause)
        self._tell(MESSAGE_FAILED, message, key=f"message_failed:{message.pk}", reason=message.reason)
        if message.channel != Channel.EMAIL:
            self._touch(message, "failed", at=clock.now(), cause=cause or message.cause)

    def held(self, message: Message, *, reason: str) -> None:
        """Kept back until somebody mends what is wrong; told once for each reason."""
        self._end(message, Status.HELD, reason)
        self._tell(MESSAGE_HELD, message, key=f"message_held:{message.pk}:{reason}", reason=reason)
        self._events += kept_back.waiting_events([message])

    def parked(self, message: Message, *, reason: str = "too_many_tries") -> None:
        """Given up after several tries that provably did not reach the provider; a person may send it again."""
        self._end(message, Status.PARKED, reason)
        key = f"message_parked:{message.pk}:{message.fence}"
        self._tell(MESSAGE_FAILED, message, key=key, reason=message.reason)

    def unknown(self, message: Message, *, look_at: datetime | None, reason: str = "no_answer") -> None:
        """A call was begun, or may have been, and nobody knows how it ended. Never sent again blindly. The provider is
        asked at `look_at`; for None a person must say.
        """
        self._end(message, Status.UNKNOWN, reason)
        message.next_try_at = look_at
        self._tell(MESSAGE_UNKNOWN, message, key=f"message_unknown:{message.pk}:{message.fence}")

    def back_in_line(self, message: Message, *, at: datetime | None, reason: str = "") -> None:
        """It provably did not go out, and may be tried again then; at once for None."""
        self._end(message, Status.QUEUED, reason)
        message.next_try_at = at

    def receipt(
        self, message: Message, status: ReceiptStatus, *, at: datetime | None, error: str, cause: Cause
    ) -> None:
        """Apply what a provider reports; what is late, lower or repeated changes nothing."""
        target = delivery.after_receipt(message.status, status)
        if target == Status.DELIVERED:
            self.delivered(message, at=at, cause=cause)
        elif target == Status.FAILED:
            self.failed(message, code=error or "undelivered", cause=cause)
        elif target == Status.SENT:
            self.sent(message, provider_message_id=message.provider_message_id, at=at)

    def _end(self, message: Message, status: str, reason: str) -> None:
        message.status, message.reason = status, reason[:40]
        message.lease_until = message.next_try_at = None
        self._keep(message)

    def _keep(self, message: Message) -> None:
        message.updated_at = clock.now()
        self._messages[message.pk] = message

    def _tell(self, type: events.EventType, message: Message, *, key: str, **data: Any) -> None:
        self._events.append(
            NewEvent(
                type=type,
                cause=message.cause,
                location_id=message.location_id,
                contact_id=message.contact_id,
                booking_id=message.booking_id,
                data={"message": message.pk, **data},
                dedupe_key=key,
            )
        )

    def _touch(self, message: Message, what: str, *, at: datetime, cause: Cause, if_told: str = "") -> None:
        kind = _KIND.get(Channel(message.channel))
        if kind is None:
            return
        touchpoint = NewTouchpoint(
            contact_id=message.contact_id,
            type=f"{kind}_{what}",
            at=at,
            source="system",
            channel=template_name(message),
            details={"message": str(message.public_id), "category": message.category},
            staff_id=int(cause.id) if cause.kind == "user" else None,
            cause=cause,
        )
        self._touchpoints.append((if_told, touchpoint))

    def _write(self) -> None:
        update_rows(self._messages.values(), _FIELDS)
        told = {event.dedupe_key for event in events.record_many(self._events)}
        talks: dict[int, Conversation] = {}
        for message in self._messages.values():
            if f"message_sent:{message.pk}" in told:
                talk = talks.setdefault(message.conversation_id, message.conversation)
                talk.last_message_at, talk.updated_at = message.sent_at, message.updated_at
        update_rows(talks.values(), ("last_message_at", "updated_at"))
        touchpoints = [touchpoint for key, touchpoint in self._touchpoints if not key or key in told]
        if touchpoints:
            contact_services.log_touchpoints(touchpoints)
        if any(message.status == Status.UNKNOWN for message in self._messages.values()):
            crashpoint("message.unknown")


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


def template_name(message: Message) -> str:
    """The name of its template, empty for a text a person wrote."""
    return message.template.name if message.template is not None else ""
