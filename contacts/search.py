"""Finding contacts by what somebody types: parts of a name in any order and with a typo, a phone in any spelling or
some of its digits, an e-mail. What is looked for and how it fits decides `contacts.finding`; the keys are kept in
one row for each contact, written in the transaction that changes what they are made of.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from django.contrib.postgres.fields import ArrayField
from django.db.models import BigIntegerField, F, Func, IntegerField, Q, QuerySet, Value

from contacts import finding
from contacts.finding import Asked
from contacts.models import Contact, ContactSearch

#: At most so many are weighed, so that one letter typed costs no more than a whole name.
MOST_CANDIDATES = 500
#: Typos are looked for only where fewer than this are found as it was typed.
ENOUGH = 20
#: Contacts whose keys are compared at once.
CHECK_SIZE = 1_000


def keys_of(contact: Contact) -> list[str]:
    """The keys under which a contact is found."""
    return finding.keys_of(contact.location_id, name=contact.name, phone=contact.phone, email=contact.email)


def refresh(contacts: Iterable[Contact]) -> None:
    """Write the keys of these contacts, in one statement."""
    ContactSearch.objects.bulk_create(
        [
            ContactSearch(contact=contact, location_id=contact.location_id, keys=keys_of(contact))
            for contact in {contact.pk: contact for contact in contacts}.values()
        ],
        update_conflicts=True,
        unique_fields=["contact"],
        update_fields=["location_id", "keys"],
    )


def mend_part(location_id: int, *, after: int, mend: bool = True) -> tuple[list[int], int | None]:
    """The next contacts of a location behind `after` whose stored keys are not what they should be, and behind whom to
    go on, None at the end. With `mend` they are written anew.
    """
    rows = list(
        Contact.objects.filter(location=location_id, pk__gt=after).order_by("pk").only(
            "pk", "location_id", "name", "phone", "email"
        )[:CHECK_SIZE]
    )  # fmt: skip
    stored = dict(ContactSearch.objects.filter(contact__in=rows).values_list("contact_id", "keys"))
    wrong = [row for row in rows if stored.get(row.pk) != keys_of(row)]
    if mend:
        refresh(wrong)
    return [row.pk for row in wrong], rows[-1].pk if len(rows) == CHECK_SIZE else None


@dataclass(frozen=True, slots=True)
class _Found:
    """A contact that fits: `order` sorts the better ones first."""

    order: tuple[int, ...]
    who: int


def search(
    contacts: QuerySet[Contact],
    text: str,
    *,
    location_ids: Collection[int],
    region: str | None,
    home_id: int | None = None,
) -> QuerySet[Contact]:
    """Those of `contacts` (already limited to what the person may see) that match, best first: as it was typed before
    beginnings before typos, live ones before hidden ones, those of the location `home_id` before others, warm ones
    before cool ones. At most MOST_CANDIDATES are weighed.
    """
    asked = finding.read(text, region)
    if asked is None or not location_ids:
        return contacts.none()
    found = _candidates(asked, location_ids, home_id, typos=False)
    if asked.words and len(found) < ENOUGH:
        found += _candidates(asked, location_ids, home_id, typos=True)
    ids = list(dict.fromkeys(one.who for one in sorted(found, key=lambda one: one.order)))
    if asked.digits and ids:
        # Household members are found by the phone of their guardian.
        ids += Contact.objects.filter(guardian__in=ids).values_list("pk", flat=True)
    place = Func(
        Value(ids, output_field=ArrayField(BigIntegerField())), F("pk"),
        function="array_position", output_field=IntegerField(),
    )  # fmt: skip
    return contacts.filter(pk__in=ids).order_by(place)


def _candidates(
    asked: Asked, location_ids: Collection[int], home_id: int | None, *, typos: bool
) -> list[_Found]:
    matching = Q()
    for alternative in finding.wanted(asked, location_ids, typos=typos):
        fits = Q()
        for keys in alternative:
            fits &= Q(keys__overlap=keys)
        matching |= fits
    # The sum keeps the database from walking all contacts, newest first, where few or none have these keys.
    newest = ContactSearch.objects.filter(matching).order_by((F("contact_id") + 0).desc())
    rows = (
        ContactSearch.objects.filter(pk__in=newest.values("pk")[:MOST_CANDIDATES])
        .order_by("-contact_id")
        .values_list(
            "contact_id", "contact__merged_into_id", "location_id", "contact__name", "contact__phone",
            "contact__email", "contact__deleted_at", "contact__warmness_score",
        )
    )  # fmt: skip
    found = []
    for pk, merged_into, location_id, name, phone, email, hidden, warmness in rows:
        fits_so = finding.fit(asked, name=name, phone=phone, email=email)
        if fits_so is not None:
            away = home_id is not None and location_id != home_id
            # Whoever was merged into another is found as that other.
            order = (*fits_so, int(hidden is not None and merged_into is None), int(away), -warmness, -pk)
            found.append(_Found(order, merged_into or pk))
    return found
