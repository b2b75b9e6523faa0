"""Conversations in the search over everything: those of the people that were found; and wordings opened lately."""

from __future__ import annotations

from django.db.models import QuerySet
from django.urls import reverse

from accounts import access, palette
from accounts.palette import Asked, Group, Hit, Opened
from accounts.staff_links import change_url
from contacts import palette as contact_palette
from contacts.models import Contact
from messaging.models import Conversation, Template

SHOWN = 4


def talks(asked: Asked) -> list[Hit]:
    """Each of the people first found with the conversation that is newest, or where the first text is written."""
    people = [row for row in contact_palette.found(asked) if row.deleted_at is None][:SHOWN]
    rows = access.visible(Conversation, asked.user).filter(contact__in=people, last_message_at__isnull=False)
    # A person may have one for each channel: of those the last one stays.
    rows = rows.select_related("contact", "location").order_by("last_message_at")
    known = {row.contact_id: row for row in rows}
    may_write = access.allowed(asked.user, "create", "messages")
    hits = (_talk(known[row.pk]) if row.pk in known else _first(row) if may_write else None for row in people)
    return [hit for hit in hits if hit is not None]


def _first(row: Contact) -> Hit | None:
    if not row.reach_phone:
        return None
    address = reverse("admin:messaging_compose", args=(row.public_id,))
    return Hit(row.name or "Unnamed", address, f"write the first text, to {row.reach_phone}", "sms", row)


def _talk(row: Conversation) -> Hit:
    assert row.last_message_at is not None
    words = [
        "new" if row.unseen else "",
        f"last message {row.location.local(row.last_message_at):%-d %b %Y, %H:%M}",
    ]
    address = reverse("admin:messaging_conversation_thread", args=(row.public_id,))
    return Hit(row.contact.name or "Unnamed", address, " · ".join(filter(None, words)), "forum", row)


def _template(row: Template) -> Hit:
    return Hit(row.name, change_url(row), f"Template · {row.location.name}", "draft", row)


def _templates() -> QuerySet[Template]:
    return Template.objects.select_related("location")


def connect() -> None:
    """Called from AppConfig.ready()."""
    palette.groups.register("talks", Group("Texts", 30, talks))
    palette.opened.register("admin:messaging_template_change", Opened(_templates, _template))
