"""Texts that come in, and what providers report of those that went out.

Both arrive as stored receipts (`integrations.inbound`) and are applied inside the transaction that marks the
receipt as applied, so that a second delivery changes nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Max, QuerySet

from accounts.models import Location
from contacts import identity
from contacts import services as contact_services
from contacts.models import Contact
from contacts.services import NewTouchpoint, Touch
from core import clock, events
from core.causes import Cause
from core.crashpoints import crashpoint, declare
from integrations import accounts
from integrations import inbound as deliveries
from integrations.models import Kind, ProviderAccount, Receipt
from integrations.ports import CarrierWord, DeliveryReceipt, InboundSms
from messaging import attribution, intents, judging, numbers, outcomes, talks
from messaging.events import MESSAGE_AMBIGUOUS, OPT_IN, OPT_OUT, REPLY_NEEDED, SMS_RECEIVED
from messaging.models import (
    Category,
    Channel,
    Conversation,
    Direction,
    Message,
    Purpose,
    Status,
)
from messaging.queueing import NewMessage, conversations, queue_messages

SOURCE = "sms_provider"
declare("message.receipt", "message.read")
#: A receipt may overtake the answer to the call it speaks of; after this long the message is not ours.
EARLY = timedelta(minutes=5)
#: What a START brings back. Marketing needs a consent of its own.
GIVEN_BACK = (Purpose.SERVICE, Purpose.CARE)
#: Words about the texts themselves: whoever begins with one of them is no lead.
ABOUT_TEXTS = frozenset({"stop", "start", "help"})


@dataclass(frozen=True, slots=True)
class Carrier:
    """What the provider did with a text that came in: the word it took it for, and whether it has answered."""

    word: CarrierWord = ""
    answered: bool = False

    def reading_of(self, read: intents.Intent) -> intents.Intent:
        """What the text means once that is known. What the provider blocked is blocked; that it frees a number
        because of a YES is no wish of the person's.
        """
        if self.word == "stop" and not read.opts_out:
            return intents.Intent(
                "stop", clear=True, carrier_optout=True, reasons=("the carrier took it for STOP",)
            )
        if self.word in ("start", "help") and read.name == "other":
            return intents.Intent(self.word, clear=True, reasons=("the carrier took it so",))
        return read


class NotYet(Exception):
    """The receipt came before the message it speaks of was recorded; it is applied again shortly."""


def connect() -> None:
    """Apply the deliveries of text messages. Called from AppConfig.ready()."""
    deliveries.register(Kind.SMS_INBOUND, apply_inbound)
    deliveries.register(Kind.SMS_RECEIPT, apply_receipt)


# Receipts


def apply_receipt(
    parsed: DeliveryReceipt, *, account: ProviderAccount, receipt: Receipt, cause: Cause
) -> Mapping[str, str]:
    """Move the message forward as the provider reports; what is late, lower or repeated changes nothing."""
    # Clinics behind one login may have one webhook there: it tells of the texts of all.
    sharing = [each.pk for each in accounts.sharing(account)]
    ours = Message.objects.filter(provider_account__in=sharing, direction=Direction.OUTBOUND)
    told = ours.filter(provider_message_id=parsed.provider_message_id)
    reference = parsed.reference or receipt.headers.get(deliveries.REFERENCE, "")
    found = told.values_list("pk", "contact_id").first() or _without_answer(ours, reference)
    if found is not None:
        message_id, contact_id = found
        contact_services.contacts_for_update([contact_id])
        [message] = judging.load([message_id], lock=True)
        message.provider_message_id = message.provider_message_id or parsed.provider_message_id
        if parsed.segments and parsed.segments != message.segments:
            message.segments = parsed.segments
            message.save(update_fields=["segments", "updated_at"])
        with outcomes.writing() as became:
            became.receipt(message, parsed.status, at=parsed.at, error=parsed.error, cause=cause)
        crashpoint("message.receipt")
        return {"message": str(message.public_id)}
    if clock.now() - receipt.created_at < EARLY:
        raise NotYet
    raise deliveries.Ignored("unknown_message")


def _without_answer(ours: QuerySet[Message], reference: str) -> tuple[int, int] | None:
    """The message with this reference, if nobody knows yet what became of its call: the receipt settles it."""
    try:
        public_id = UUID(reference)
    except ValueError:
        return None
    unknown = ours.filter(public_id=public_id, status=Status.UNKNOWN, provider_message_id="")
    return unknown.values_list("pk", "contact_id").first()


# Texts


def apply_inbound(
    parsed: InboundSms, *, account: ProviderAccount, receipt: Receipt, cause: Cause
) -> Mapping[str, str]:
    """Store a text that came in, and do what it asks of us at once: opt out, opt in, help. The rest is
    automation's.
    """
    message = receive_inbound(
        account=account, from_=parsed.from_, to=parsed.to, body=parsed.body, at=parsed.at,
        external_id=parsed.external_id, key=deliveries.key_of(parsed.external_id, receipt.raw), cause=cause,
        receipt_id=receipt.pk,
        media=parsed.media, carrier=Carrier(parsed.carrier_word, parsed.carrier_answered),
    )  # fmt: skip
    crashpoint("message.read")
    return {"message": str(message.public_id), "contact": str(message.contact.public_id)}


def receive_inbound(
    *, account: ProviderAccount, from_: str, to: str, body: str, at: datetime | None, external_id: str, key: str,
    cause: Cause, receipt_id: int | None = None, media: Sequence[str] = (), carrier: Carrier | None = None,
) -> Message:  # fmt: skip
    """Store one inbound text with its contact, visit, intent, touchpoints and events. Call it in a
    transaction.

    `key` is the text's identity at the account: a second call with it returns the first one's message, after
    having opted it out where the provider did so meanwhile.
    """
    dedupe_key = f"inbound:{account.pk}:{key}"
    carrier = carrier or Carrier()
    there = Message.objects.select_related("contact").filter(dedupe_key=dedupe_key).first()
    if there is not None:
        if carrier.word == "stop":
            contact_services.contacts_for_update([there.contact_id])
            _opted_out(there, cause=cause)
        return there
    location = account.location
    now = clock.now()
    read = carrier.reading_of(intents.detect(body))
    number = identity.read_phone(from_, location.region).e164
    address = number or from_.strip()
    lead = read.name not in ABOUT_TEXTS
    people = (
        _people(location, number, lead=lead, cause=cause) if number else [_sender(location, address, cause)]
    )
    meaning = attribution.meaning_of(
        location=location,
        address=address,
        people=people,
        body=body,
        intent="cancel" if read.clash else read.name,
        now=now,
    )
    contact = contact_services.contacts_for_update([meaning.contact.pk])[meaning.contact.pk]
    [conversation] = conversations({(contact.pk, Channel.SMS)}, {contact.pk: contact}).values()
    message = Message.objects.create(
        location=location, contact=contact, conversation=conversation, booking=meaning.booking, channel=Channel.SMS,
        direction=Direction.INBOUND, address=address, body=body, status=Status.RECEIVED, intent=read.name,
        received_at=now, sent_at=None, provider_account=account, provider_message_id=external_id,
        sender=to, media=list(media), dedupe_key=dedupe_key, cause_kind=cause.kind, cause_id=str(cause.id),
    )  # fmt: skip
    answered = [question.pk for question in meaning.asked]
    Message.objects.filter(pk__in=answered).update(answered_by=message, updated_at=now)
    numbers.heard_from(location.pk, address, cause=cause)
    _touchpoints(message, conversation, cause=cause)
    _seen(conversation, now, cause=cause)
    _tell(message, meaning, read, cause=cause, receipt_id=receipt_id)
    _about_texts(message, read, cause=cause, answered=carrier.answered)
    return message


def _people(location: Location, address: str, *, lead: bool, cause: Cause) -> list[Contact]:
    """Everyone on that number, its owner first; somebody new when nobody is."""
    reached = Contact.objects.live().reached_by(location, address).select_related("guardian")
    people = sorted(reached, key=lambda person: (person.guardian_id is not None, person.pk))
    if people and people[0].guardian_id is None:
        return people
    matched = contact_services.match_or_create(
        location=location, name="", phone=address, source="sms", cause=cause, is_lead=lead,
        touch=Touch(source="sms"),
    )  # fmt: skip
    return [matched.contact, *(person for person in people if person.pk != matched.contact.pk)]


def _sender(location: Location, address: str, cause: Cause) -> Contact:
    """Whoever texts from a name or short code: no number to answer to, so no lead; the same contact every time."""
    before = Message.objects.filter(location=location, address=address, direction=Direction.INBOUND)
    known = before.select_related("contact").order_by("-id").first()
    if known is not None:
        return known.contact
    return contact_services.match_or_create(
        location=location, name=address, source="sms", cause=cause, touch=Touch(source="sms")
    ).contact


def _touchpoints(message: Message, conversation: Conversation, *, cause: Cause) -> None:
    """The text itself and, where it is the first answer to what we sent, how quickly it came."""
    at = message.received_at or clock.now()
    kinds = ["sms_received"]
    asked = Message.objects.filter(
        location_id=message.location_id,
        address=message.address,
        direction=Direction.OUTBOUND,
        status__in=(Status.SENT, Status.DELIVERED),
    ).aggregate(last=Max("sent_at"))["last"]
    answered = conversation.last_inbound_at is not None and asked and conversation.last_inbound_at >= asked
    if asked is not None and not answered:
        if at - asked <= timedelta(hours=1):
            kinds.append("sms_reply_1hr")
        elif at - asked <= timedelta(hours=24):
            kinds.append("sms_reply_24hr")
    contact_services.log_touchpoints(
        [
            NewTouchpoint(
                contact_id=message.contact_id,
                type=kind,
                at=at,
                source="sms",
                details={"message": str(message.public_id), "intent": message.intent},
                cause=cause,
            )
            for kind in kinds
        ]
    )


def _seen(conversation: Conversation, now: datetime, *, cause: Cause) -> None:
    conversation.last_inbound_at = conversation.last_message_at = now
    conversation.save(update_fields=["last_inbound_at", "last_message_at"])
    talks.open_again(conversation, cause=cause)


def _tell(
    message: Message,
    meaning: attribution.Meaning,
    read: intents.Intent,
    *,
    cause: Cause,
    receipt_id: int | None,
) -> None:
    about: dict[str, Any] = {
        "cause": cause, "location_id": message.location_id, "contact_id": message.contact_id,
        "booking_id": message.booking_id, "source": SOURCE, "receipt_id": receipt_id,
    }  # fmt: skip
    events.record(
        SMS_RECEIVED,
        data={
            "message": message.pk,
            "intent": message.intent,
            "clear": meaning.clear and read.clear,
            "asked": [question.pk for question in meaning.asked],
        },
        dedupe_key=f"sms_received:{message.pk}",
        **about,
    )
    if not meaning.clear:
        events.record(MESSAGE_AMBIGUOUS, data={"message": message.pk, "intent": message.intent}, **about)
    elif read.clash or not read.clear:
        # A lone CANCEL: the carrier has opted the number out, and the patient may have meant the visit.
        reason = "carrier_word" if read.clash else "unclear"
        events.record(
            REPLY_NEEDED, data={"message": message.pk, "intent": message.intent, "reason": reason}, **about
        )


def _about_texts(message: Message, read: intents.Intent, *, cause: Cause, answered: bool) -> None:
    """Opt out, opt in, or say how to reach us; at once, whatever automation does. Nobody gets two answers:
    where the carrier has answered, we do not.
    """
    if read.opts_out:
        if _opted_out(message, cause=cause) and not answered:
            _answer(message, "stop_reply", f"stop_reply:{message.pk}", cause=cause)
    elif message.intent == "start":
        if _consent(message, GIVEN_BACK, "granted", cause=cause):
            _record(OPT_IN, message, cause)
    elif message.intent == "help" and not answered:
        day = message.location.local(clock.now()).date()
        _answer(message, "help_reply", f"help_reply:{message.contact_id}:{day}", cause=cause)


def _opted_out(message: Message, *, cause: Cause) -> bool:
    """Write to this number no more. False when it stood so already."""
    changed = _consent(message, tuple(Purpose), "withdrawn", cause=cause)
    if changed:
        _record(OPT_OUT, message, cause)
    return changed


def _consent(message: Message, purposes: tuple[str, ...], state: str, *, cause: Cause) -> bool:
    """Record what the holder of the number said. False when it stood so already."""
    rows = contact_services.set_consent(
        location_id=message.location_id, address=message.address, channel=Channel.SMS,
        purposes=[str(purpose) for purpose in purposes], state=state, basis="reply", wording=message.body[:500],
        source="sms", cause=cause, contact_id=message.contact_id,
    )  # fmt: skip
    return bool(rows)


def _answer(message: Message, template: str, key: str, *, cause: Cause) -> None:
    queue_messages(
        [
            NewMessage(
                contact_id=message.contact_id,
                template=template,
                category=Category.REPLY,
                dedupe_key=key,
                exempt_quiet=True,
                cause=cause,
            )
        ]
    )


def _record(type: events.EventType, message: Message, cause: Cause) -> None:
    events.record(
        type,
        cause=cause,
        location_id=message.location_id,
        contact_id=message.contact_id,
        data={"channel": Channel.SMS.value},
        source=SOURCE,
    )
