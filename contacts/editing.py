"""Changing what is known of contacts: values, tags, recall dates, hiding and bringing back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from django.db import transaction

from accounts.models import Location
from contacts import events, identity, search, warmness
from contacts.commands import ContactUpdate, RecallDate, TagChange
from contacts.locks import contacts_for_update, hold, phone_lock
from contacts.models import Contact
from contacts.signals import PERSONAL
from contacts.vocabulary import Channel, Intent, Source
from core import clock
from core import events as log
from core.causes import Cause
from core.errors import Conflict, Invalid
from core.events import NewEvent
from core.models import FieldChange

#: What staff, rules and providers may change. Stage, warmness, touches and moments have their own services.
EDITABLE = frozenset({
    "name", "phone", "email", "source", "intent", "owner_id", "is_existing_patient", "is_high_risk", "tags",
    "recall_due_date", "preferred_channel", "language", "notes", "custom_fields",
})  # fmt: skip

_CHOICES: dict[str, tuple[str, ...]] = {
    "source": tuple(Source.values),
    "intent": ("", *Intent.values),
    "preferred_channel": ("", *Channel.values),
}
_SCORED = ("source", "intent")
_FOUND_BY = ("name", "phone", "email")

Change = tuple[Contact, dict[str, Any], Cause]


@transaction.atomic
def update_contacts(updates: Sequence[ContactUpdate]) -> list[Contact]:
    """Set fields of contacts, as a set; later updates of one contact win. Unchanged values record nothing.

    Raises Invalid for unknown fields and unfit values, Conflict for a phone that somebody else owns, NotFound
    for an unknown contact; then nothing changes.
    """
    wanted: dict[int, dict[str, Any]] = {}
    causes: dict[int, Cause] = {}
    for update in updates:
        wanted.setdefault(update.contact_id, {}).update(checked(update.fields))
        causes[update.contact_id] = update.cause
    contacts = contacts_for_update(wanted)
    regions = _regions(contacts.values()) if any("phone" in fields for fields in wanted.values()) else {}
    changes = []
    for pk, fields in wanted.items():
        contact = contacts[pk]
        if fields.get("phone"):
            fields["phone"] = identity.normalise_phone(fields["phone"], regions[contact.location_id])
        changes.append((contact, fields, causes[pk]))
    _claim_phones(changes)
    write(changes)
    return [contacts[update.contact_id] for update in updates]


def update_contact(*, contact_id: int, fields: dict[str, Any], cause: Cause) -> Contact:
    """Set fields of one contact. See `update_contacts`."""
    return update_contacts([ContactUpdate(contact_id, fields, cause=cause)])[0]


@transaction.atomic
def add_note(*, contact_id: int, text: str, cause: Cause, what: str = "") -> Contact:
    """Add a line to what is noted of a contact, behind its moment on the clinic's clock (and `what` it is of).

    Raises Invalid for an empty text.
    """
    if not text.strip():
        raise Invalid("Write the note.", code="empty", fields={"text": "Write something."})
    contact = contacts_for_update([contact_id])[contact_id]
    when = f"{contact.location.local(clock.now()):%-d %b %Y, %H:%M}{f', {what}' if what else ''}"
    noted = f"{contact.notes}\n{when}: {text.strip()}".strip()
    return update_contact(contact_id=contact_id, fields={"notes": noted}, cause=cause)


@transaction.atomic
def tag_contacts(changes: Sequence[TagChange]) -> list[Contact]:
    """Add and remove tags, as a set. Tags are kept in alphabetical order, without doubles."""
    contacts = contacts_for_update(change.contact_id for change in changes)
    tags = {pk: set(contact.tags) for pk, contact in contacts.items()}
    causes = {change.contact_id: change.cause for change in changes}
    for change in changes:
        tags[change.contact_id] |= {tag.strip() for tag in change.add if tag.strip()}
        tags[change.contact_id] -= set(change.remove)
    write([(contacts[pk], {"tags": _checked_tags(sorted(held))}, causes[pk]) for pk, held in tags.items()])
    return [contacts[change.contact_id] for change in changes]


def set_recall_date(dates: Sequence[RecallDate]) -> list[Contact]:
    """Say when contacts are to be recalled, as a set."""
    return update_contacts([
        ContactUpdate(item.contact_id, {"recall_due_date": item.date}, cause=item.cause) for item in dates
    ])  # fmt: skip


@transaction.atomic
def delete_contact(*, contact_id: int, cause: Cause) -> Contact:
    """Hide a contact.

    It can be brought back, and its phone finds it again. Hiding a hidden one changes nothing.
    """
    contact = contacts_for_update([contact_id])[contact_id]
    if contact.deleted_at is None:
        _set_hidden(contact, True, cause)
    return contact


@transaction.atomic
def undo_delete(*, contact_id: int, cause: Cause) -> Contact:
    """Bring a hidden contact back. Raises Conflict when it was merged into another."""
    contact = contacts_for_update([contact_id])[contact_id]
    if contact.merged_into_id is not None:
        raise Conflict("This contact was merged into another one and cannot be brought back.", code="merged")
    if contact.deleted_at is not None:
        _set_hidden(contact, False, cause)
    return contact


def revive(contact: Contact, cause: Cause) -> None:
    """Bring a locked, hidden contact back because it returned."""
    _set_hidden(contact, False, cause)


def _set_hidden(contact: Contact, hidden: bool, cause: Cause) -> None:
    contact.deleted_at = clock.now() if hidden else None
    contact.save(update_fields=["deleted_at"], cause=cause)
    log.record(
        events.CONTACT_DELETED if hidden else events.CONTACT_REVIVED,
        cause=cause, location_id=contact.location_id, contact_id=contact.pk,
    )  # fmt: skip


def write(changes: Sequence[Change]) -> None:
    """Write checked values to locked contacts, and what goes with them, in a constant number of queries."""
    now = clock.now()
    changed: list[tuple[Contact, dict[str, tuple[Any, Any]], Cause]] = []
    for contact, fields, cause in changes:
        values = {
            name: (getattr(contact, name), new)
            for name, new in fields.items()
            if getattr(contact, name) != new
        }
        if not values:
            continue
        for name, (_, new) in values.items():
            setattr(contact, name, new)
        contact.updated_at = now
        changed.append((contact, values, cause))
    if not changed:
        return
    columns = {name for _, values, _ in changed for name in values}
    contacts = [contact for contact, _, _ in changed]
    Contact.objects.bulk_update(contacts, sorted(columns | {"updated_at"}))
    for contact in contacts:
        contact.remember(columns)
    _record(changed)
    if columns & set(_FOUND_BY):
        search.refresh(contact for contact, values, _ in changed if not values.keys().isdisjoint(_FOUND_BY))
    if columns & set(_SCORED):
        scored = {c.pk: c for c, values, _ in changed if not values.keys().isdisjoint(_SCORED)}
        warmness.rescore(scored, {contact.pk: cause for contact, _, cause in changed})


def _record(changed: Sequence[tuple[Contact, dict[str, tuple[Any, Any]], Cause]]) -> None:
    recorded = log.record_many([
        NewEvent(
            type=events.CONTACT_UPDATED, cause=cause, location_id=contact.location_id, contact_id=contact.pk,
            data={"fields": sorted(values)}, source=event_source(cause),
        )
        for contact, values, cause in changed
    ])  # fmt: skip
    FieldChange.objects.bulk_create(
        FieldChange(
            event_id=event.pk,
            location_id=contact.location_id,
            contact_id=contact.pk,
            model="contacts.contact",
            object_id=contact.pk,
            field=name,
            old=str(values[name][0]),
            new=str(values[name][1]),
            at=clock.now(),
        )
        for event, (contact, values, _) in zip(recorded, changed, strict=True)
        for name in PERSONAL
        if name in values
    )


def event_source(cause: Cause) -> str:
    """The word an event's `source` holds for a change of that cause."""
    return "user" if cause.kind == "user" else "system"


def checked(fields: dict[str, Any]) -> dict[str, Any]:
    wrong = dict.fromkeys(sorted(fields.keys() - EDITABLE), "This cannot be set here.")
    checked = dict(fields)
    for name, choices in _CHOICES.items():
        if name in fields and fields[name] not in choices:
            wrong[name] = f"Choose one of: {', '.join(choice for choice in choices if choice)}."
    if isinstance(fields.get("recall_due_date"), str):
        checked["recall_due_date"] = _day(fields["recall_due_date"], wrong)
    if wrong:
        raise Invalid("The contact could not be changed.", fields=wrong)
    if "email" in fields:
        checked["email"] = identity.normalise_email(fields["email"] or "")
    if "name" in fields:
        checked["name"] = " ".join(str(fields["name"] or "").split())[:200]
    if "tags" in fields:
        checked["tags"] = _checked_tags(sorted({tag.strip() for tag in fields["tags"] if tag.strip()}))
    return checked


def _day(text: str, wrong: dict[str, str]) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        wrong["recall_due_date"] = "Give a date such as 2026-03-31."
        return None


def _checked_tags(tags: list[str]) -> list[str]:
    if any(len(tag) > 40 for tag in tags):
        raise Invalid("A tag may have at most 40 characters.", fields={"tags": "At most 40 characters each."})
    return tags


def _regions(contacts: Iterable[Contact]) -> dict[int, str]:
    ids = {contact.location_id for contact in contacts}
    return dict(Location.objects.filter(pk__in=ids).values_list("pk", "region"))


def _claim_phones(changes: Sequence[Change]) -> None:
    """See that every new phone is free, and that nobody loses the phone others are reached on."""
    moving = [(c, fields) for c, fields, _ in changes if "phone" in fields and fields["phone"] != c.phone]
    if not moving:
        return
    hold(
        phone_lock(contact.location_id, phone)
        for contact, fields in moving
        for phone in (contact.phone, fields["phone"])
        if phone
    )
    taken = set(
        Contact.objects.filter(
            location__in={c.location_id for c, _ in moving},
            phone__in=[f["phone"] for _, f in moving if f["phone"]],
        ).values_list("location_id", "phone")
    )
    guardians = set(
        Contact.objects.filter(guardian__in=[c for c, f in moving if not f["phone"]]).values_list(
            "guardian_id", flat=True
        )
    )
    for contact, fields in moving:
        key = (contact.location_id, fields["phone"])
        if fields["phone"] and key in taken:
            raise Conflict(
                "Another contact of this clinic owns that phone.", code="phone_taken",
                fields={"phone": "Another contact of this clinic owns that phone."},
            )  # fmt: skip
        taken.add(key)
        if contact.pk in guardians:
            raise Invalid(
                "Others of the household are reached on this phone, so it cannot be removed.",
                code="phone_shared",
                fields={"phone": "Others of the household are reached on this phone."},
            )
        if fields["phone"]:
            fields["guardian_id"] = None
