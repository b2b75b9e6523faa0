"""People in the search over everything: found as everywhere else, with what tells two of one name apart."""

from __future__ import annotations

from django.db.models import QuerySet

from accounts import access, palette
from accounts.palette import Asked, Group, Hit, Opened
from accounts.staff_links import change_url
from contacts import board_rows, pipeline, selectors
from contacts.models import Contact
from contacts.pipeline import Place

SHOWN = 7


def found(asked: Asked) -> list[Contact]:
    """The people that are found, best first; looked for once a search."""
    if "people" not in asked.known:
        places = [row for row in asked.places if access.allowed(asked.user, "read", "contacts", row)]
        people = access.visible(_contacts(), asked.user)
        asked.known["people"] = list(
            selectors.find(people, asked.text, locations=places, home=asked.home)[:SHOWN]
        )
    known: list[Contact] = asked.known["people"]
    return known


def people(asked: Asked) -> list[Hit]:
    """People with phone, stage, and what apps above say of them, such as the next visit."""
    rows = found(asked)
    ids = [row.pk for row in rows]
    said = [words(ids) for _, words in board_rows.card_words.items()] if ids else []
    several = len(asked.places) > 1
    return [
        _hit(row, *(text[row.pk] for text in said if row.pk in text), row.location.name if several else "")
        for row in rows
    ]


def _hit(row: Contact, *more: str) -> Hit:
    phone = f"{row.reach_phone} (of {row.guardian.name})" if row.guardian else row.phone
    stage = pipeline.label(Place(row.current_pipeline, row.current_stage))
    parts = ("hidden" if row.deleted_at else "", phone or row.email, stage, *more)
    note = " · ".join(part for part in parts if part)
    return Hit(row.name or "Unnamed", change_url(row), note, "person", row)


def _contacts() -> QuerySet[Contact]:
    return Contact.objects.filter(merged_into__isnull=True).select_related("location", "guardian__location")


def connect() -> None:
    """Called from AppConfig.ready()."""
    palette.groups.register("people", Group("People", 10, people))
    palette.opened.register("admin:contacts_contact_change", Opened(_contacts, _hit))
