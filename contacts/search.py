"""Finding a contact by the beginning of a name, any run of digits of a phone, or an e-mail.

Each contact has a few keys: one per word of its name, its e-mail, and each tail of its phone number. A search
looks for keys that begin with what was typed, which a b-tree answers; so any run of digits within a number is
found too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from django.db.models import Case, IntegerField, Q, QuerySet, Value, When

from contacts import identity
from contacts.models import Contact, SearchKey

MIN_DIGITS = 3
MOST_CANDIDATES = 500
_KEY_LENGTH = 260


def keys_of(contact: Contact) -> set[str]:
    """The keys under which a contact is found."""
    keys = {f"n:{token}" for token in identity.name_tokens(contact.name)}
    if contact.email:
        keys.add(f"e:{contact.email}")
    digits = contact.phone.removeprefix("+")
    keys |= {f"p:{digits[start:]}" for start in range(len(digits) - MIN_DIGITS + 1)}
    return {key[:_KEY_LENGTH] for key in keys}


def refresh(contacts: Iterable[Contact], *, fresh: bool = False) -> None:
    """Write the keys of these contacts anew, in two statements; `fresh` says that they have none yet."""
    rows = list(contacts)
    if not fresh:
        SearchKey.objects.filter(contact__in=rows).delete()
    SearchKey.objects.bulk_create(
        SearchKey(contact=contact, location_id=contact.location_id, key=key)
        for contact in rows
        for key in sorted(keys_of(contact))
    )


def prefixes(text: str, region: str | None) -> list[list[str]]:
    """What to look for:
    each inner list is one thing that was typed, in the spellings it may be stored under.
    """
    text = text.strip()
    if "@" in text:
        return [[f"e:{text.lower()}"]]
    digits = re.sub(r"\D", "", text)
    if len(digits) >= MIN_DIGITS and not re.search(r"[^\W\d_]", text):
        phone = identity.read_phone(text, region)
        spellings = {digits, digits.removeprefix("00"), digits.removeprefix("0")}
        if phone.valid:
            spellings = {phone.e164.removeprefix("+")}
        return [[f"p:{spelling}" for spelling in sorted(spellings) if len(spelling) >= MIN_DIGITS]]
    return [[f"n:{token}", f"e:{token}"] for token in identity.name_tokens(text)]


def search(
    contacts: QuerySet[Contact], text: str, *, location_ids: Iterable[int], region: str | None
) -> QuerySet[Contact]:
    """Those of `contacts` (already limited to what the person may see) that match, best first.

    At most MOST_CANDIDATES contacts are weighed, so that one letter typed costs no more than a whole name.
    """
    wanted = prefixes(text, region)
    if not wanted:
        return contacts.none()
    keys = SearchKey.objects.filter(location_id__in=list(location_ids))
    matching = Contact.objects.all()
    for spellings in wanted:
        starts = Q()
        for spelling in spellings:
            starts |= Q(key__startswith=spelling)
        matching = matching.filter(pk__in=keys.filter(starts).values("contact_id"))
    # Whoever was merged into another is found as that other.
    found = list(matching.order_by("-pk").who()[:MOST_CANDIDATES])
    exact = keys.filter(key__in=[spelling for group in wanted for spelling in group], contact_id__in=found)
    rank = Case(
        When(pk__in=exact.values("contact_id"), then=Value(0)), default=Value(1), output_field=IntegerField()
    )
    # Household members are found by the phone of their guardian.
    return contacts.filter(Q(pk__in=found) | Q(guardian_id__in=found if _is_phone(wanted) else [])).order_by(
        rank, "-warmness_score", "-pk"
    )


def _is_phone(wanted: list[list[str]]) -> bool:
    return wanted[0][0].startswith("p:")
