"""Who is this? Finding the contact somebody is, or making it: the household rule of the clinic.

A phone belongs to one contact of a location. Whoever comes with a known phone is that contact, or one of
those reached through it, when the names agree; else a new member of the household, and staff are asked
whether it is a duplicate. Two callers with one new phone wait for each other, and the unique constraint has
the last word.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Q

from accounts.models import Location
from contacts import duplicates, editing, events, identity, pipeline, search, touchpoints, warmness
from contacts.commands import MatchResult, Touch
from contacts.locks import contacts_for_update, email_lock, hold, identity_lock, phone_lock
from contacts.models import Contact, ExternalIdentity, StageChange
from core import clock
from core import events as log
from core.causes import Cause
from core.errors import Conflict, Invalid
from core.events import EventType

#: Which agreement of names counts more, when several of a household could be meant.
_CLOSENESS = ("provider_id", "equal", "subset", "initials", "empty")

#: What the log calls the outside that told us, by the source of the contact.
_OUTSIDE = {
    "wix": "wix",
    "manychat": "manychat",
    "manychat_completed": "manychat",
    "sms": "sms_provider",
    "meta_form": "meta",
    "meta_ads": "meta",
    "instagram": "meta",
    "email": "email",
    "web_chat": "webchat",
}


@dataclass(frozen=True)
class Person:
    """Somebody who came to a clinic, in the spellings that are stored.

    `extra` holds other values to fill in.
    """

    location: Location
    name: str
    phone: str
    email: str
    external: tuple[str, str] | None
    extra: dict[str, object] = field(default_factory=dict)

    def locks(self) -> list[str]:
        place = self.location.pk
        names = [phone_lock(place, self.phone)] if self.phone else []
        if self.email:
            names.append(email_lock(place, self.email))
        if self.external:
            names.append(identity_lock(place, *self.external))
        return names


@dataclass(frozen=True)
class Household:
    """The locked contacts somebody might be:
    known by the provider's id, owner of the phone, members, by e-mail.
    """

    known: Contact | None
    owner: Contact | None
    members: tuple[Contact, ...]
    by_email: tuple[Contact, ...]
    merged: tuple[Contact, ...] = ()

    def names(self, contact: Contact) -> list[str]:
        """The names the contact goes by here: its own, and those of whom was merged into it."""
        return [contact.name, *(other.name for other in self.merged if other.merged_into_id == contact.pk)]


@transaction.atomic
def match_or_create(
    *,
    location: Location,
    name: str,
    phone: str = "",
    email: str = "",
    external: tuple[str, str] | None = None,
    source: str,
    cause: Cause,
    is_lead: bool = False,
    intent: str = "",
    touch: Touch | None = None,
    language: str = "",
) -> MatchResult:
    """The contact this person is: found, brought back, or made. What was not known of it is filled in.

    `external` is (provider, the provider's id of the person). A phone or e-mail that cannot be read is left
    out, never an error: what a provider reports is always taken in; as given it is kept among the contact's
    custom fields. With `is_lead` a new (or returning) contact begins as a lead, and `lead_created` follows.
    """
    extra: dict[str, object] = {"intent": intent, "language": language}
    number = identity.read_phone(phone, location.region)
    address = _readable_email(email)
    unread = {
        "phone_as_given": "" if number.valid else phone.strip(),
        "email_as_given": "" if address else email.strip(),
    }
    if any(unread.values()):
        extra["custom_fields"] = {key: value for key, value in unread.items() if value}
    person = Person(location, " ".join(name.split())[:200], number.e164, address, external, extra)
    hold(person.locks())
    household = _look_up(person)
    found = _same(person, household)
    if found is None:
        return _make(person, household, source=source, cause=cause, is_lead=is_lead, touch=touch)
    return _welcome_back(found, person, household, source=source, cause=cause, is_lead=is_lead, touch=touch)


@transaction.atomic
def create_contact(
    *,
    location: Location,
    fields: dict[str, object],
    cause: Cause,
    is_lead: bool = True,
    touch: Touch | None = None,
) -> MatchResult:
    """A contact made by hand: a new lead unless `is_lead` says otherwise. A hidden one with this phone is
    brought back.

    `fields` are those of `contacts.editing.EDITABLE`. Raises Invalid for a phone or e-mail that cannot be
    read and when there is nothing to know the person by, Conflict when the person is here already.
    """
    values = editing.checked(fields)
    name, email = str(values.pop("name", "")), str(values.pop("email", ""))
    phone = str(values.pop("phone", "") or "")
    phone = identity.normalise_phone(phone, location.region) if phone else ""
    if not (name or phone or email):
        raise Invalid(
            "Give at least a name, a phone or an e-mail.", fields={"name": "Nothing was given to go by."}
        )
    source = str(values.pop("source", "") or "other")
    person = Person(location, name, phone, email, None, values)
    hold(person.locks())
    household = _look_up(person)
    found = _same(person, household)
    if found is None:
        return _make(person, household, source=source, cause=cause, is_lead=is_lead, touch=touch)
    if found.deleted_at is None:
        raise Conflict(
            "This person is here already.",
            code="contact_exists",
            fields={
                "id": str(found.public_id),
                "phone" if phone else "email": "Belongs to a contact of this clinic.",
            },
        )
    return _welcome_back(found, person, household, source=source, cause=cause, is_lead=is_lead, touch=touch)


def _readable_email(raw: str) -> str:
    try:
        return identity.normalise_email(raw or "")
    except identity.EmailRefused:
        return ""


def _look_up(person: Person) -> Household:
    """Everyone this person might be, locked in order of id."""
    here = Contact.objects.filter(location=person.location)
    known_id = owner_id = None
    if person.external:
        provider, external_id = person.external
        known_id = (
            ExternalIdentity.objects.filter(
                location=person.location, provider=provider, external_id=external_id
            )
            .values_list("contact_id", flat=True)
            .first()
        )
    if person.phone:
        owner_id = here.filter(phone=person.phone).who().first()
    ids = [pk for pk in (known_id, owner_id) if pk]
    if person.email and not owner_id:
        ids += here.filter(email=person.email).who()[:20]
    wanted = Q(pk__in=ids) | Q(merged_into__in=ids)
    if owner_id:
        wanted |= Q(guardian_id=owner_id)
    found = list(here.filter(wanted).select_for_update(no_key=True, of=("self",)).order_by("pk"))
    rows = {contact.pk: contact for contact in found if contact.merged_into_id is None}
    merged = tuple(contact for contact in found if contact.merged_into_id is not None)
    owner = rows.get(owner_id) if owner_id else None
    mailed = {c.merged_into_id or c.pk for c in found if person.email and c.email == person.email}
    return Household(
        known=rows.get(known_id) if known_id else None,
        owner=owner,
        members=tuple(c for c in rows.values() if owner and c.guardian_id == owner.pk),
        by_email=tuple(c for c in rows.values() if c.pk in mailed),
        merged=merged,
    )


def _same(person: Person, household: Household) -> Contact | None:
    """The contact this person is.

    By e-mail alone only where the name agrees and no other phone speaks against it.
    """
    if household.known is not None:
        return household.known
    if household.owner is not None:
        return _closest(person.name, [household.owner, *household.members], household)
    candidates = [
        contact
        for contact in household.by_email
        if not (person.phone and (contact.phone or contact.guardian_id))
    ]
    return _closest(person.name, candidates, household)


def _closest(name: str, candidates: list[Contact], household: Household) -> Contact | None:
    answers = [
        (identity.same_person(name, known), contact)
        for contact in candidates
        for known in household.names(contact)
    ]
    agreeing = [(_CLOSENESS.index(answer.code), contact) for answer, contact in answers if answer]
    return min(agreeing, key=lambda pair: pair[0])[1] if agreeing else None


def _make(
    person: Person, household: Household, *, source: str, cause: Cause, is_lead: bool, touch: Touch | None
) -> MatchResult:
    now = clock.now()
    owner = household.owner
    if owner is not None and owner.deleted_at is not None:
        editing.revive(owner, cause)
    came = (touch or Touch(source=source)).as_dict(now)
    contact = Contact(
        location=person.location, name=person.name, phone="" if owner else person.phone, email=person.email,
        source=source, guardian=owner, first_touch=came, last_touch=came, lead_at=now if is_lead else None,
        created_at=now, stage_entered_at=now, **{key: value for key, value in person.extra.items() if value},
    )  # fmt: skip
    contact.save(cause=cause)
    _introduce(contact, person, cause)
    suspect = owner or next((other for other in household.by_email if other.deleted_at is None), None)
    if suspect is not None:
        duplicates.suspect(contact, suspect, cause)
    return MatchResult(contact, created=True, duplicate_suspect=suspect)


def _introduce(contact: Contact, person: Person, cause: Cause) -> None:
    """What goes with a new contact: its place, its keys, its identity, its events, its first score."""
    StageChange.objects.create(
        contact=contact, location_id=contact.location_id, to_pipeline=pipeline.START.pipeline,
        to_stage=pipeline.START.stage, at=contact.created_at, cause_kind=cause.kind, cause_id=str(cause.id),
    )  # fmt: skip
    search.refresh([contact])
    _know(contact, person.external)
    _tell(events.CONTACT_CREATED, contact, contact.source, cause)
    warmness.rescore({contact.pk: contact}, {contact.pk: cause})
    if contact.lead_at is not None:
        warmness.expect_first_contact([contact])
        _tell(events.LEAD_CREATED, contact, contact.source, cause)


@transaction.atomic
def make_lead(*, contact_id: int, cause: Cause) -> Contact:
    """Somebody who wrote or was written down turns out to want something: a lead from now on, with all that follows.
    A second call changes nothing. Raises NotFound when there is no such contact.
    """
    contact = contacts_for_update([contact_id])[contact_id]
    if contact.lead_at is None:
        contact.lead_at = clock.now()
        contact.save(update_fields=["lead_at"])
        warmness.expect_first_contact([contact])
        warmness.rescore({contact.pk: contact}, {contact.pk: cause})
        _tell(events.LEAD_CREATED, contact, contact.source, cause)
    return contact


def _tell(type: EventType, contact: Contact, source: str, cause: Cause) -> None:
    log.record(
        type,
        cause=cause,
        location_id=contact.location_id,
        contact_id=contact.pk,
        data={"source": source},
        source=_heard_from(source, cause),
    )


def _welcome_back(
    contact: Contact, person: Person, household: Household, *, source: str, cause: Cause, is_lead: bool,
    touch: Touch | None,
) -> MatchResult:  # fmt: skip
    revived = contact.deleted_at is not None
    if revived:
        editing.revive(contact, cause)
    owner = household.owner
    if owner is not None and owner != contact and owner.deleted_at is not None:
        editing.revive(owner, cause)
    suspect = _fill_in(contact, person, household, cause)
    if household.known is None:
        _know(contact, person.external)
    if suspect is not None:
        duplicates.suspect(contact, suspect, cause)
    if touch is not None or (revived and is_lead):
        _came_again(contact, touch, revived and is_lead)
    if revived and is_lead:
        warmness.expect_first_contact([contact])
        warmness.rescore({contact.pk: contact}, {contact.pk: cause})
        _tell(events.LEAD_CREATED, contact, source, cause)
    return MatchResult(contact, revived=revived, duplicate_suspect=suspect)


def _came_again(contact: Contact, touch: Touch | None, leads: bool) -> None:
    now = clock.now()
    if touch is not None:
        came = touch.as_dict(now)
        contact.first_touch = contact.first_touch or came
        # What is told late happened before what is known already.
        if touchpoints.is_latest(contact, touch.at or now):
            contact.last_touch = came
    if leads:
        contact.lead_at = now
    contact.save(update_fields=["first_touch", "last_touch", "lead_at"])


def _fill_in(contact: Contact, person: Person, household: Household, cause: Cause) -> Contact | None:
    """Add what was not known. Returns the owner of the phone where that is unexpectedly somebody else."""
    fields = {name: value for name, value in person.extra.items() if value and not getattr(contact, name)}
    if person.extra.get("custom_fields") and contact.custom_fields:
        fields["custom_fields"] = {**person.extra["custom_fields"], **contact.custom_fields}  # type: ignore[dict-item]
    if person.name and not contact.name:
        fields["name"] = person.name
    if person.email and not contact.email:
        fields["email"] = person.email
    suspect = None
    if person.phone and person.phone != contact.phone:
        owner = household.owner
        if owner is None and _may_take(contact, person):
            fields |= {"phone": person.phone, "guardian_id": None}
        elif owner is not None and owner != contact and contact.guardian_id != owner.pk:
            suspect = owner
            if not contact.phone and contact.guardian_id is None and owner.guardian_id is None:
                fields["guardian_id"] = owner.pk
    editing.write([(contact, fields, cause)])
    return suspect


def _may_take(contact: Contact, person: Person) -> bool:
    """A phone nobody owns goes to who had none; and replaces the old one where the provider's id and the name
    say that it is the same person with a new number."""
    if not contact.phone:
        return contact.guardian_id is None
    return person.external is not None and identity.same_person(person.name, contact.name).same


def _know(contact: Contact, external: tuple[str, str] | None) -> None:
    if external:
        provider, external_id = external
        ExternalIdentity.objects.create(
            location_id=contact.location_id, contact=contact, provider=provider, external_id=external_id
        )


def _heard_from(source: str, cause: Cause) -> str:
    return _OUTSIDE.get(source, "system") if cause.kind == "provider" else editing.event_source(cause)
