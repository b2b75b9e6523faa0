"""This app's part of the contact's page and of the contact API's detail."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.db.models.functions import Coalesce
from django.urls import reverse

from accounts import access
from accounts.models import User
from contacts import panels, timeline
from contacts.models import Contact
from contacts.panels import Act
from contacts.timeline import Moment, Source
from core.explain import explainers
from core.models import Event
from messaging import composer, numbers, reasons, threads
from messaging.models import PENDING, Direction, Message, Status

DETAIL = 50


def connect() -> None:
    """Called from AppConfig.ready()."""
    panels.register_panel(
        "messages", "Messages", 30, template="messaging/panel.html", context=for_panel, lazy=True,
        resource="messages",
    )  # fmt: skip
    panels.acts.register("text", Act("Text", 10, "t", "messages", "create", link=_write))
    timeline.sources.register(
        "message", Source("Messages", 4, _rows, _in_words, "messages", frozenset(COVERED), "stood_at")
    )
    panels.register_detail("messages", for_detail)
    explainers.register("messages", explained)


#: Touchpoints that say the same as a message.
COVERED = ("sms_sent", "sms_received", "sms_delivered", "sms_failed", "email_sent")


def _rows(contact: Contact) -> QuerySet[Message]:
    """What was said and what was not, each at its moment; what is planned stands elsewhere."""
    said = Message.objects.filter(contact=contact).exclude(
        status__in=(*PENDING, Status.CLAIMED, Status.SENDING)
    )
    return said.select_related("template").annotate(stood_at=Coalesce("received_at", "sent_at", "updated_at"))


def _in_words(row: Any) -> Moment:
    if row.direction == Direction.INBOUND:
        text, note = f"{row.get_channel_display()} from them", ""
    else:
        name = row.template.name.replace("_", " ") if row.template is not None else "written by hand"
        text = f"{row.get_channel_display()}: {name}"
        note = f"{row.get_status_display()}. {reasons.words(row.reason)}".strip()
    return Moment(
        "message", row.pk, row.stood_at, row.status, text, row.cause_kind, row.cause_id, body=row.body, note=note,
        link=reverse("admin:messaging_message_change", args=(row.public_id,)),
    )  # fmt: skip


def _write(contact: Contact) -> str:
    return reverse("admin:messaging_write", args=(contact.public_id,))


def for_panel(contact: Contact, user: User) -> dict[str, Any] | None:
    """The latest messages, what is planned, and why something was not sent."""
    if not access.allowed(user, "read", "messages", contact.location_id):
        return None
    bubbles = threads.of_contact(contact, limit=12)
    # A number that cannot be reached leaves its mark on the last text to it, so nothing is asked without one.
    marked = any(bubble.failed for bubble in bubbles)
    return {
        "bubbles": bubbles[::-1],
        "compose": composer.for_contact(contact, user),
        "number": numbers.standing(contact.location_id, contact.reach_phone) if marked else None,
    }


def for_detail(contact: Contact, user: User) -> list[dict[str, Any]]:
    """The contact's messages in the shape of /api/messages, newest first."""
    from messaging.api import MESSAGES, MessageSerializer

    newest = access.visible(MESSAGES, user).filter(contact=contact).order_by("-id")[:DETAIL]
    return [dict(row) for row in MessageSerializer(newest, many=True).data]


def explained(event: Event) -> list[str]:
    """What became of the message an event speaks of, for `explain_event`. No text and no number."""
    message = Message.objects.filter(pk=event.data.get("message", 0)).select_related("template").first()
    if message is None:
        return []
    name = message.template.name if message.template is not None else message.category
    line = f"{message.get_direction_display().lower()}, {name}, {message.public_id}: {message.get_status_display()}"
    return [f"{line}. {reasons.words(message.reason)}".strip()]
