"""Pairs of contacts that may be one person: who suspects, who said no, what is still open."""

from __future__ import annotations

from django.db import transaction

from contacts import events
from contacts.locks import contacts_for_update
from contacts.models import Contact
from core import events as log
from core.causes import Cause
from core.errors import Conflict, Invalid
from core.models import Event

MOST_LOOKED_AT = 100


def suspect(contact: Contact, other: Contact, cause: Cause) -> None:
    """Ask staff whether two contacts are one person: once for a pair, and never after they said no."""
    if Event.objects.filter(dedupe_key=_key("not-duplicate", contact.pk, other.pk)).exists():
        return
    log.record(
        events.DUPLICATE_SUSPECTED, cause=cause, location_id=contact.location_id, contact_id=contact.pk,
        data={"other": other.pk}, dedupe_key=_key("duplicate", contact.pk, other.pk),
    )  # fmt: skip


@transaction.atomic
def dismiss_duplicate(*, contact_id: int, other_id: int, cause: Cause) -> None:
    """Record that two contacts are two people: the pair is not suspected again. Said twice, it is kept once.

    Raises Invalid for one and the same contact or two clinics, Conflict when one was merged already.
    """
    found = contacts_for_update({contact_id, other_id})
    contact, other = found[contact_id], found[other_id]
    if contact == other or contact.location_id != other.location_id:
        raise Invalid("Name two different contacts of one clinic.", code="not_a_pair")
    if contact.merged_into_id or other.merged_into_id:
        raise Conflict("One of these contacts was merged into another one meanwhile.", code="merged")
    log.record(
        events.DUPLICATE_DISMISSED, cause=cause, location_id=contact.location_id, contact_id=contact.pk,
        data={"other": other.pk}, dedupe_key=_key("not-duplicate", contact.pk, other.pk), source="user",
    )  # fmt: skip


def suspects(contact_id: int) -> list[Contact]:
    """Who this contact may be a double of, as far as nobody has merged or dismissed the pair. Four queries."""
    people = list(Contact.objects.filter(merged_into=contact_id).values_list("pk", flat=True))
    ours = {contact_id, *people}
    told = Event.objects.filter(type=events.DUPLICATE_SUSPECTED.name)
    pairs = list(told.filter(contact_id__in=ours).values_list("contact_id", "data")[:MOST_LOOKED_AT])
    others = {data["other"] for _, data in pairs}
    back = told.filter(data__other__in=list(ours)).order_by("-pk")
    others |= set(back.values_list("contact_id", flat=True)[:MOST_LOOKED_AT])
    today = set(Contact.objects.filter(pk__in=others).who()) - ours
    if not today:
        return []
    keys = {_key("not-duplicate", mine, pk): pk for mine in ours for pk in today}
    known = Event.objects.filter(dedupe_key__in=keys).values_list("dedupe_key", flat=True)
    dismissed = {keys[key] for key in known if key is not None}
    left = Contact.objects.live().filter(pk__in=today - dismissed)
    return list(left.select_related("location", "guardian").order_by("pk"))


def _key(what: str, one: int, other: int) -> str:
    return f"{what}:{min(one, other)}:{max(one, other)}"
