"""Whom a text to many is for. Apps register kinds of audiences; this one knows people chosen one by one.

audiences.register("segment", Audience("Saved segment", choices, find))      # automation, in ready()
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Value
from django.db.models.functions import Coalesce, NullIf

from accounts import access
from accounts.models import Location, User
from contacts.models import Contact
from core.errors import Invalid
from core.registry import Registry

#: The most people one text goes to; more are sent to in several.
MOST = 10_000


@dataclass(frozen=True)
class Audience:
    """One kind. `choices` lists what there is at a location, as (reference, name), for those who may see it; `find`
    answers the name of one and the inner ids of its contacts. `find` raises NotFound for a reference that is not
    there.
    """

    label: str
    choices: Callable[[Location, User], Sequence[tuple[str, str]]]
    find: Callable[[Location, str], tuple[str, Iterable[int]]]


audiences: Registry[Audience] = Registry("audience")
#: People chosen one by one: no app above has to register that.
CONTACTS = "contacts"


@dataclass(frozen=True)
class Found:
    """An audience as it is now. `ids` are contacts, one for each number; `same_number` counts those who are reached
    through another one of them.
    """

    label: str
    ids: tuple[int, ...]
    same_number: int


def find(location: Location, user: User, *, kind: str, ref: str = "", ids: Sequence[int] = ()) -> Found:
    """Who an audience is made of now: people of this location whom this person may see, and no others.

    Raises Invalid for an unknown kind, or more people than one text goes to; NotFound as its kind says.
    """
    if kind == CONTACTS:
        label, wanted = "", set(ids)
    elif kind in audiences:
        label, members = audiences.get(kind).find(location, ref)
        wanted = set(members)
    else:
        known = ", ".join((CONTACTS, *audiences))
        raise Invalid(f"There is no audience {kind!r}. Use one of: {known}.", fields={"audience": "unknown"})
    people = access.visible(Contact.objects.live(), user).filter(location=location)
    if len(wanted) <= MOST:
        people = people.filter(pk__in=wanted)
    rows = people.annotate(
        number=Coalesce(NullIf("guardian__phone", Value("")), "phone"), through=Coalesce("guardian_id", "pk")
    ).order_by("pk")
    found = [row for row in rows.values_list("pk", "number", "through") if row[0] in wanted]
    if len(found) > MOST:
        raise Invalid(
            f"That is {len(found)} people; one text goes to {MOST} at most. Make the segment smaller.",
            code="too_many", fields={"audience": "too many people"},
        )  # fmt: skip
    return _once_per_number(label or f"{len(found)} chosen contact{'' if len(found) == 1 else 's'}", found)


def _once_per_number(label: str, rows: Sequence[tuple[int, str, int]]) -> Found:
    """The owner of a number before others reached through it. Whoever has none stays: the preview says so."""
    first: dict[str, int] = {}
    for pk, number, _ in sorted(rows, key=lambda row: (row[0] != row[2], row[0])):
        if number:
            first.setdefault(number, pk)
    kept = tuple(pk for pk, number, _ in rows if not number or first[number] == pk)
    return Found(label, kept, len(rows) - len(kept))


def choices(location: Location, user: User) -> list[tuple[str, str]]:
    """Everything a text could be sent to here, as ("kind:reference", name), for a form."""
    return [
        (f"{kind}:{ref}", f"{audience.label}: {name}")
        for kind, audience in audiences.items()
        for ref, name in audience.choices(location, user)
    ]
