"""What a person does with messages: write one, withdraw one, send one now, mark a conversation as seen."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from accounts.models import Location
from core import clock, doorbell
from core.causes import Cause
from core.errors import Conflict, Invalid, NotFound
from core.ids import uuid7
from messaging import planning, safety
from messaging.models import PENDING, Category, Channel, Message, Purpose, Status
from messaging.queueing import KEY_REUSED, NewMessage, QueueResult, queue_messages

#: What a text of one's own counts as, by what it is for.
OWN_CATEGORY = {
    Purpose.SERVICE: Category.REPLY, Purpose.CARE: Category.FOLLOW_UP, Purpose.MARKETING: Category.CAMPAIGN,
}  # fmt: skip


def text_wish(
    *, contact_id: int, cause: Cause, body: str = "", template: str = "", booking_id: int | None = None,
    key: str = "", purpose: str = "", send_at: datetime | None = None, language: str = "",
) -> NewMessage:  # fmt: skip
    """The wish that a person's text is: what `send_text` puts in line. Raises Invalid when neither or both of `body`
    and `template` are given.

    A text of one's own about a visit or an enquiry, sent now, is part of a conversation: quiet hours do not hold it
    back. `purpose` is for texts of one's own: a template has its own.
    """
    body = body.strip()
    if bool(body) == bool(template):
        raise Invalid("Give either a message or a template.", fields={"message": "Give this, or a template."})
    own = Purpose(purpose or Purpose.SERVICE)
    turn = bool(body) and own == Purpose.SERVICE and send_at is None
    return NewMessage(
        contact_id=contact_id, template=template, body=body, booking_id=booking_id, channel=Channel.SMS,
        category=OWN_CATEGORY[own] if body else "", purpose=own if body else "", exempt_quiet=turn,
        send_at=send_at, language=language, dedupe_key=_key(cause, key or str(uuid7())), cause=cause,
    )  # fmt: skip


def send_text(
    *, contact_id: int, cause: Cause, body: str = "", template: str = "", booking_id: int | None = None,
    key: str = "", purpose: str = "", send_at: datetime | None = None, language: str = "",
) -> QueueResult:  # fmt: skip
    """Send a text of one's own or a template to a contact, now or at `send_at` (aware). `key` makes a repetition of
    the request harmless.

    An opt-out holds back every text. Raises Invalid when neither or both are given, for what the linter calls an
    error in a text of one's own, and for a key that stood for another text.
    """
    wish = text_wish(
        contact_id=contact_id, body=body, template=template, booking_id=booking_id, key=key, purpose=purpose,
        send_at=send_at, language=language, cause=cause,
    )  # fmt: skip
    if wish.body:
        location = Location.objects.filter(contacts__pk=contact_id).first()
        if location is None:
            raise NotFound(f"There is no contact {contact_id}.")
        safety.refuse(location, body=wish.body, kind="reply", purpose=wish.purpose, field="message")
    result = queue_messages([wish])[0]
    if not result.created and not _is(result.message, wish):
        raise Invalid(KEY_REUSED, code="key_reused")
    return result


def sent_before(*, key: str, cause: Cause) -> Message | None:
    """The text that this person has sent under this key, if there is one."""
    return Message.objects.filter(dedupe_key=_key(cause, key)).first() if key else None


def _key(cause: Cause, key: str) -> str:
    return f"staff:{cause.id}:{key}"


def _is(message: Message, wish: NewMessage) -> bool:
    name = "" if message.template is None else message.template.name
    told = (message.contact_id, message.booking_id, message.wording, name)
    return told == (wish.contact_id, wish.booking_id, wish.body, wish.template)


@transaction.atomic
def cancel_message(*, message_id: int, cause: Cause) -> Message:
    """Withdraw a message that has not gone out. Raises Conflict when it has, or is on its way."""
    message = _locked(message_id)
    if message.status not in planning.WITHDRAWABLE:
        raise Conflict("Only a message that has not gone out can be cancelled.", code="not_pending")
    planning.withdraw(message, reason="by_staff", cause=cause)
    return message


@transaction.atomic
def send_now(*, message_id: int, cause: Cause) -> Message:
    """Send a waiting or held message at once; everything else that may stand in its way is checked again. One that
    the day's cost cap held goes in spite of it.

    Raises Conflict when it is not waiting.
    """
    message = _locked(message_id)
    if message.status not in PENDING:
        raise Conflict("Only a message that is waiting or held can be sent now.", code="not_pending")
    now = clock.now()
    if message.status == Status.HELD and message.reason == "cap":
        message.let_go_at = now
    message.status = Status.QUEUED
    message.reason = ""
    message.send_at = now
    message.next_try_at = None
    # A person decided that now is the time. Care and marketing still wait for the end of quiet hours.
    message.exempt_quiet = message.exempt_quiet or message.purpose == Purpose.SERVICE
    message.cause_kind, message.cause_id, message.chain = cause.kind, str(cause.id), list(cause.chain)
    message.save()
    doorbell.ring_on_commit()
    return message


def _locked(message_id: int) -> Message:
    message = Message.objects.select_for_update(no_key=True, of=("self",)).filter(pk=message_id).first()
    if message is None:
        raise NotFound("There is no such message.")
    return message
