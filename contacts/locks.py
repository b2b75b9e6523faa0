"""Locks on contacts: rows in order of id, and what has no row yet by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import connection

from contacts.models import Contact
from core import claims
from core.errors import NotFound
from core.models import Work


def contacts_for_update(ids: Iterable[int]) -> dict[int, Contact]:
    """The contacts by id, locked until the transaction ends. Raises NotFound when one is not there."""
    wanted = set(ids)
    rows = Contact.objects.select_for_update(no_key=True, of=("self",)).filter(pk__in=wanted).order_by("pk")
    found = {contact.pk: contact for contact in rows}
    missing = wanted - found.keys()
    if missing:
        raise NotFound(f"There is no contact {', '.join(map(str, sorted(missing)))}.")
    return found


def lock_those_there(ids: Iterable[int | None]) -> None:
    """Lock those of the contacts that are there until the transaction ends; None is nobody.

    Contact rows come first, in order of id: everything else is locked after them.
    """
    wanted = {pk for pk in ids if pk is not None}
    rows = Contact.objects.filter(pk__in=wanted).order_by("pk")
    list(rows.select_for_update(no_key=True, of=("self",)).values_list("pk"))


def lock_for(items: Sequence[Work]) -> None:
    """Lock the contacts that claimed work is about until the transaction ends, and let the work be about whoever
    they are now: between the claim and the lock one may have been merged into another.
    """
    locked: set[int] = set()
    while wanted := {pk for item in items if (pk := _contact_of(item)) is not None} - locked:
        lock_those_there(wanted)
        locked |= wanted
        claims.reread_subjects(items)


def _contact_of(item: Work) -> int | None:
    kind, _, pk = item.subject.partition(":")
    return int(pk) if kind == "contact" else item.event.contact_id if item.event is not None else None


def hold(names: Iterable[str]) -> None:
    """Wait for, and hold until the transaction ends, the advisory locks of these names.

    They guard what a row lock cannot: a phone nobody owns yet. Taken in sorted order, so that two callers
    that want the same ones never wait for each other.
    """
    ordered = sorted(set(names))
    if not ordered:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended(name, 0)) FROM unnest(%s::text[]) AS name",
            [ordered],
        )


def phone_lock(location_id: int, phone: str) -> str:
    return f"contacts:{location_id}:phone:{phone}"


def email_lock(location_id: int, email: str) -> str:
    return f"contacts:{location_id}:email:{email}"


def identity_lock(location_id: int, provider: str, external_id: str) -> str:
    return f"contacts:{location_id}:{provider}:{external_id}"


def consent_lock(location_id: int, address: str) -> str:
    return f"contacts:{location_id}:consent:{address}"
