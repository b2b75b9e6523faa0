"""Putting messages in line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from bookings.models import Booking
from contacts.models import Contact
from core import clock, doorbell
from core.causes import Cause
from core.crashpoints import crashpoint, declare
from core.errors import NotFound
from core.events import NewEvent, record_many
from messaging import judging, kept_back, policy, rendering, storms, wordings
from messaging.events import MESSAGE_QUEUED
from messaging.models import (
    PURPOSE_RANK,
    Category,
    Channel,
    Conversation,
    Message,
    Purpose,
    Status,
    Template,
)

#: After this long past its time a message has lost its meaning.
LASTS = {
    Category.WELCOME: timedelta(hours=24),
    Category.BOOKING: timedelta(hours=48),
    Category.REMINDER: timedelta(hours=24),
    Category.RESCUE: timedelta(hours=48),
    Category.REPLY: timedelta(hours=24),
    Category.DEPOSIT: timedelta(hours=24),
    Category.FOLLOW_UP: timedelta(days=3),
    Category.RECALL: timedelta(days=14),
    Category.REVIEW: timedelta(days=7),
    Category.REFERRAL: timedelta(days=7),
    Category.CAMPAIGN: timedelta(days=3),
}
#: What is meant for many waits for what is meant for one.
BULK_RANK = max(PURPOSE_RANK.values()) + 1
#: What answers something the person has just done; quiet hours do not hold it back for a quarter of an hour.
ACTS = frozenset({Category.WELCOME, Category.BOOKING, Category.RESCUE, Category.REPLY, Category.DEPOSIT})
#: What is pointless unless its visit still stands at the time it was planned for.
VISIT_BOUND = frozenset({Category.BOOKING, Category.REMINDER})


declare("message.queued")

KEY_REUSED = "This Idempotency-Key was used for another request: a new request needs a key of its own."


@dataclass(frozen=True)
class NewMessage:
    """A wish for a message: a template by name, or a text of its own (with placeholders).

    `dedupe_key` names its business cause: a second wish with the same key finds the first one's message.
    `send_at` None means now. `skip` is a reason code: the message is only recorded, as skipped. `acted_at` is
    when the person did what this answers, now unless said; `exempt_quiet` marks a turn of a conversation.
    `bulk_id` marks one of a text to many: it goes out after everything that is meant for one person. `language`
    chooses a wording of the template other than that of the person's own language.
    """

    contact_id: int
    dedupe_key: str
    cause: Cause
    template: str = ""
    body: str = ""
    subject: str = ""
    purpose: str = ""
    category: str = ""
    channel: str = Channel.SMS
    send_at: datetime | None = None
    expires_at: datetime | None = None
    booking_id: int | None = None
    exempt_quiet: bool = False
    acted_at: datetime | None = None
    skip: str = ""
    bulk_id: int | None = None
    language: str = ""


@dataclass(frozen=True)
class QueueResult:
    """The message that stands for the wish, whether it was made for it, and why it will not go now, if so."""

    message: Message
    created: bool
    reason: str


@transaction.atomic
def queue_messages(wishes: Sequence[NewMessage]) -> list[QueueResult]:
    """Record every wish as a message: scheduled, or suppressed, held or skipped with its reason.

    Raises NotFound when a contact is not there, Invalid for a text with unknown placeholders.
    """
    if not wishes:
        return []
    for wish in wishes:
        if wish.body:
            rendering.validate(wish.body)
    known = _by_key(wishes)
    fresh = list(
        {wish.dedupe_key: wish for wish in reversed(wishes) if wish.dedupe_key not in known}.values()
    )[::-1]
    made = _make(fresh) if fresh else {}
    found = known | made
    return [
        QueueResult(
            found[wish.dedupe_key], created=wish.dedupe_key in made, reason=found[wish.dedupe_key].reason
        )
        for wish in wishes
    ]


def foresee(wish: NewMessage) -> tuple[Message, judging.Verdict]:
    """What a wish would become now, and why. Nothing is written; the text and its price are on the message.

    Raises NotFound when the contact is not there.
    """
    contact = _contacts([wish])[wish.contact_id]
    by_language: dict[str, Template] = {}
    if wish.template:
        key = (contact.location_id, wish.template, wish.channel)
        by_language = wordings.find([key]).get(key, {})
    template = wordings.choose(by_language, wish.language or contact.language)
    message = unsaved(wish, contact, template if template and template.is_active else None)
    [verdict] = judging.judge([message])
    judging.fill(message, verdict)
    return message, verdict


def _by_key(wishes: Sequence[NewMessage]) -> dict[str, Message]:
    rows = Message.objects.filter(dedupe_key__in={wish.dedupe_key for wish in wishes})
    return {str(row.dedupe_key): row for row in rows}


def _make(wishes: Sequence[NewMessage]) -> dict[str, Message]:
    contacts = _contacts(wishes)
    bookings = Booking.objects.select_related("practitioner").in_bulk(
        {wish.booking_id for wish in wishes if wish.booking_id is not None}
    )
    templates = wordings.find(
        (contacts[wish.contact_id].location_id, wish.template, wish.channel)
        for wish in wishes
        if wish.template
    )
    talks = conversations({(wish.contact_id, wish.channel) for wish in wishes}, contacts)
    rows = []
    for wish in wishes:
        contact = contacts[wish.contact_id]
        by_language = templates.get((contact.location_id, wish.template, wish.channel), {})
        template = wordings.choose(by_language, wish.language or contact.language)
        message = unsaved(wish, contact, template if template and template.is_active else None)
        message.booking = bookings.get(wish.booking_id or 0)
        message.conversation = talks[wish.contact_id, wish.channel]
        if message.booking is not None and message.category in VISIT_BOUND:
            message.visit_at = message.booking.appointment_datetime
        rows.append(message)
    for wish, message, verdict in zip(wishes, rows, judging.judge(rows), strict=True):
        _plan(wish, message, verdict)
    storms.hold_back([row for wish, row in zip(wishes, rows, strict=True) if wish.send_at is None])
    return _insert(rows)


def _contacts(wishes: Sequence[NewMessage]) -> dict[int, Contact]:
    wanted = {wish.contact_id for wish in wishes}
    found = Contact.objects.select_related("location", "guardian").in_bulk(wanted)
    missing = wanted - found.keys()
    if missing:
        raise NotFound(f"There is no contact {', '.join(map(str, sorted(missing)))}.")
    return found


def conversations(
    wanted: set[tuple[int, str]], contacts: dict[int, Contact]
) -> dict[tuple[int, str], Conversation]:
    """The conversation of each (contact id, channel), made where there is none; two or three queries."""
    ids = {contact_id for contact_id, _ in wanted}
    found = _conversations(ids)
    missing = wanted - found.keys()
    if missing:
        Conversation.objects.bulk_create(
            [
                Conversation(contact_id=pk, channel=channel, location_id=contacts[pk].location_id)
                for pk, channel in sorted(missing)
            ],
            ignore_conflicts=True,
        )
        found = _conversations(ids)
    return found


def _conversations(contact_ids: set[int]) -> dict[tuple[int, str], Conversation]:
    return {
        (row.contact_id, row.channel): row for row in Conversation.objects.filter(contact_id__in=contact_ids)
    }


def unsaved(
    wish: NewMessage, contact: Contact, template: Template | None, *, now: datetime | None = None
) -> Message:
    """The message a wish would become, not yet judged; made at `now` (aware), the present moment unless said."""
    now = now or clock.now()
    category = wish.category or (template.category if template else Category.REPLY)
    purpose = wish.purpose or (template.purpose if template else Purpose.SERVICE)
    send_at = wish.send_at or now
    acted_at = wish.acted_at or (now if wish.send_at is None and category in ACTS else None)
    rank = PURPOSE_RANK.get(Purpose(purpose), max(PURPOSE_RANK.values()))
    return Message(
        location=contact.location, contact=contact, channel=wish.channel, template=template,
        subject=wish.subject, wording=wish.body, category=category, purpose=purpose,
        rank=rank if wish.bulk_id is None else BULK_RANK, bulk_id=wish.bulk_id, origin=storms.origin_of(wish.cause),
        asks_answer=template.asks_answer if template and not wish.body else False,
        exempt_quiet=wish.exempt_quiet, acted_at=acted_at, send_at=send_at,
        expires_at=wish.expires_at or send_at + LASTS[Category(category)],
        dedupe_key=wish.dedupe_key, cause_kind=wish.cause.kind, cause_id=str(wish.cause.id),
        chain=list(wish.cause.chain), created_at=now,
    )  # fmt: skip


def _plan(wish: NewMessage, message: Message, verdict: judging.Verdict) -> None:
    """Status and reason as of now. What only stands in the way today does not hold what is planned for later."""
    judging.fill(message, verdict)
    if wish.skip:
        message.status, message.reason = Status.SKIPPED, wish.skip
        return
    if passes_by_then(message, verdict.decision, clock.now()):
        verdict = judging.Verdict(
            policy.Decision("wait", "not_due", message.send_at), verdict.address, verdict.subject, verdict.body,
            verdict.segments, verdict.cost_cents, verdict.sender,
        )  # fmt: skip
    judging.put(message, verdict)


def passes_by_then(message: Message, decision: policy.Decision, now: datetime) -> bool:
    """Whether what stands in a message's way now may be gone by its time."""
    later = message.send_at is not None and message.send_at > now
    passes = decision.kind in ("hold", "expire") or decision.reason == "cap"
    return later and passes and decision.reason != "no_template"


def _insert(rows: list[Message]) -> dict[str, Message]:
    """Write the set; a rival with the same key wins, and its message stands for ours."""
    Message.objects.bulk_create(rows, ignore_conflicts=True)
    ids = {row.public_id: row for row in rows}
    stored = Message.objects.filter(dedupe_key__in=[row.dedupe_key for row in rows]).values_list(
        "dedupe_key", "public_id", "pk"
    )
    made: dict[str, Message] = {}
    for key, public_id, pk in stored:
        row = ids.get(public_id)
        if row is None:
            row = Message.objects.get(pk=pk)
        row.pk = pk
        made[str(key)] = row
    ours = [row for row in made.values() if row.public_id in ids]
    record_many([*(_queued(row) for row in ours if row.status in (Status.SCHEDULED, Status.QUEUED)),
                 *kept_back.told_of(ours)])  # fmt: skip
    if any(row.status == Status.QUEUED for row in ours):
        doorbell.ring_on_commit()
    crashpoint("message.queued")
    return made


def _queued(message: Message) -> NewEvent:
    return NewEvent(
        type=MESSAGE_QUEUED,
        cause=message.cause,
        location_id=message.location_id,
        contact_id=message.contact_id,
        booking_id=message.booking_id,
        data={"message": message.pk, "template": message.template.name if message.template else ""},
    )
