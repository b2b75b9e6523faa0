"""This app's part of the contact's page and of the contact API's detail."""

from __future__ import annotations

from typing import Any

from accounts import access
from accounts.models import User
from contacts import panels
from contacts.models import Contact
from core.explain import explainers
from core.models import Event
from messaging import numbers, reasons, threads
from messaging.models import Message

DETAIL = 50


def connect() -> None:
    """Called from AppConfig.ready()."""
    panels.register_panel("messages", "Messages", 30, template="messaging/panel.html", context=for_panel)
    panels.register_detail("messages", for_detail)
    explainers.register("messages", explained)


def for_panel(contact: Contact, user: User) -> dict[str, Any] | None:
    """The latest messages, what is planned, and why something was not sent."""
    if not access.allowed(user, "read", "messages", contact.location_id):
        return None
    bubbles = threads.of_contact(contact, limit=12)
    # A number that cannot be reached leaves its mark on the last text to it, so nothing is asked without one.
    marked = any(bubble.failed for bubble in bubbles)
    return {
        "bubbles": bubbles[::-1],
        "may_write": access.allowed(user, "create", "messages", contact.location_id),
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
