"""What people do with conversations: whose they are, for how long they may rest, whether they are over."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from accounts import access
from accounts.models import User
from contacts.models import Contact
from core import clock, events
from core.causes import Cause
from core.errors import Conflict, Invalid, NotFound
from messaging.events import (
    CONVERSATION_ASSIGNED,
    CONVERSATION_CLOSED,
    CONVERSATION_OPENED,
    CONVERSATION_SNOOZED,
)
from messaging.models import BlockedNumber, Conversation

State = Conversation.State
WOKEN = 200

#: The patient wrote after somebody last looked.
UNREAD = Q(last_inbound_at__isnull=False) & (Q(seen_at__isnull=True) | Q(seen_at__lt=F("last_inbound_at")))
#: Somebody looked, and nothing has been said since the patient's last word.
UNANSWERED = Q(last_inbound_at__isnull=False, seen_at__gte=F("last_inbound_at")) & Q(
    last_message_at__lte=F("last_inbound_at")
)


def undeliverable(rows: QuerySet[Conversation]) -> QuerySet[Conversation]:
    """Those conversations by text whose number cannot be reached. Found from the numbers, which are few."""
    standing = BlockedNumber.objects.filter(
        location_id=OuterRef("location_id"), address=OuterRef("phone"), lifted_at__isnull=True
    )
    known = BlockedNumber.objects.filter(lifted_at__isnull=True).values("address")
    owners = Contact.objects.filter(Exists(standing), phone__in=known).exclude(phone="").order_by()
    through = Contact.objects.filter(guardian__in=owners.values("pk")).order_by()
    return rows.filter(contact__in=owners.values("pk").union(through.values("pk")), channel="sms")


@transaction.atomic
def assign_conversation(*, conversation_id: int, to: User | None, cause: Cause) -> Conversation:
    """Give a conversation to a colleague who may answer there, or to nobody. Raises Invalid for anybody else."""
    talk = _locked(conversation_id)
    if to is not None and not (to.is_active and access.allowed(to, "update", "messages", talk.location_id)):
        raise Invalid(
            "That person does not answer messages at this location.", code="not_at_location",
            fields={"assigned_to": "elsewhere"},
        )  # fmt: skip
    if talk.assigned_to_id == (to.pk if to is not None else None):
        return talk
    talk.assigned_to = to
    talk.save()
    _tell(CONVERSATION_ASSIGNED, talk, cause, to=str(to.public_id) if to is not None else None)
    return talk


@transaction.atomic
def snooze_conversation(*, conversation_id: int, until: datetime, cause: Cause) -> Conversation:
    """Let a conversation rest until then (aware, in the future), or until the patient writes."""
    if until <= clock.now():
        raise Invalid(
            "Snooze until a moment in the future.", code="in_the_past", fields={"until": "in the past"}
        )
    talk = _locked(conversation_id)
    if talk.state == State.CLOSED:
        raise Conflict("This conversation is closed. Open it again first.", code="closed")
    talk.state, talk.snoozed_until = State.SNOOZED, until
    talk.save()
    _tell(CONVERSATION_SNOOZED, talk, cause, until=until.isoformat())
    return talk


@transaction.atomic
def close_conversation(*, conversation_id: int, cause: Cause) -> Conversation:
    """Nothing more is to be done; a new message opens it again. A second call changes nothing."""
    talk = _locked(conversation_id)
    if talk.state != State.CLOSED:
        talk.state, talk.snoozed_until = State.CLOSED, None
        talk.save()
        _tell(CONVERSATION_CLOSED, talk, cause)
    return talk


@transaction.atomic
def reopen_conversation(*, conversation_id: int, cause: Cause) -> Conversation:
    """Take a closed or resting conversation up again. A second call changes nothing."""
    talk = _locked(conversation_id)
    open_again(talk, cause=cause)
    return talk


def open_again(talk: Conversation, *, cause: Cause) -> None:
    """Open a conversation that rests or is closed, and tell of it. Call it in a transaction."""
    if talk.state == State.OPEN:
        return
    talk.state, talk.snoozed_until = State.OPEN, None
    talk.save()
    _tell(CONVERSATION_OPENED, talk, cause)


@transaction.atomic
def mark_seen(*, conversation_id: int) -> None:
    """Somebody looked at the conversation."""
    Conversation.objects.filter(pk=conversation_id).update(seen_at=clock.now(), updated_at=clock.now())


@transaction.atomic
def mark_unread(*, conversation_id: int) -> None:
    """Let the patient's last words count as new again. Raises Conflict where the patient has written nothing."""
    talk = _locked(conversation_id)
    if talk.last_inbound_at is None:
        raise Conflict("Nothing has come in here yet, so there is nothing to read.", code="nothing_inbound")
    if talk.state == State.CLOSED:
        raise Conflict("This conversation is closed. Open it again first.", code="closed")
    talk.seen_at = None
    talk.save()


@transaction.atomic
def wake() -> int:
    """Every minute: conversations that rested until now. Returns how many."""
    due = (
        Conversation.objects.filter(state=State.SNOOZED, snoozed_until__lte=clock.now())
        .select_for_update(no_key=True, skip_locked=True, of=("self",))
        .order_by("snoozed_until")[:WOKEN]
    )
    woken = 0
    for talk in due:
        open_again(talk, cause=Cause.clock("snooze"))
        woken += 1
    return woken


def _locked(conversation_id: int) -> Conversation:
    talk = (
        Conversation.objects.select_for_update(no_key=True, of=("self",)).filter(pk=conversation_id).first()
    )
    if talk is None:
        raise NotFound("There is no such conversation.")
    return talk


def _tell(type: events.EventType, talk: Conversation, cause: Cause, **data: str | None) -> None:
    events.record(
        type, cause=cause, location_id=talk.location_id, contact_id=talk.contact_id,
        data={"conversation": str(talk.public_id), **data}, source="user" if cause.kind == "user" else "system",
    )  # fmt: skip
