"""One search over everything a person may open: people, visits, conversations, pages and acts, and what was opened
last. Apps register their groups; each costs a fixed number of queries, through the gate.

    palette.groups.register("people", palette.Group("People", 10, people))
    palette.opened.register("admin:contacts_contact_change", palette.Opened(contacts, hit_of))
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from accounts import access
from accounts.models import Location, User
from core.models import AuditEntry
from core.registry import Registry

LONGEST = 100
LATELY = 8
#: Looks of a person that are read to find the last LATELY different ones.
_LOOKS = 80


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that was found and where it opens. `row` is what the audit row is told of."""

    title: str
    address: str
    note: str = ""
    icon: str = "arrow_forward"
    row: Model | None = None


@dataclass(frozen=True)
class Asked:
    """What was typed, by whom, who works where. `known` is what one group found out for the next."""

    text: str
    user: User
    home: Location | None
    known: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, request: HttpRequest, text: str) -> Asked:
        """As a request asks; more than LONGEST letters are not looked at, and nothing that is no letter."""
        home = getattr(request, "location", None)
        return cls(" ".join(text.replace("\x00", " ").split())[:LONGEST], cast(User, request.user), home)

    @property
    def places(self) -> list[Location]:
        return access.places(self.user)

    def words(self, text: str) -> bool:
        """Whether each typed word begins a word of `text`."""
        there = text.casefold().split()
        return all(any(one.startswith(word) for one in there) for word in self.text.casefold().split())


@dataclass(frozen=True, slots=True)
class Group:
    """Hits under one heading. Groups stand in order of `order`. One that is `quiet` answers an empty search too;
    `leads`, given a search, may put the group before all others.
    """

    title: str
    order: int
    find: Callable[[Asked], list[Hit]]
    quiet: bool = False
    leads: Callable[[Asked], bool] | None = None


@dataclass(frozen=True, slots=True)
class Opened:
    """Rows of one kind whose pages are remembered: all there are, and how one of them is shown."""

    rows: Callable[[], QuerySet[Any]]
    hit: Callable[[Any], Hit]


groups: Registry[Group] = Registry("group of the search")
opened: Registry[Opened] = Registry("page whose rows are remembered")


def search(asked: Asked) -> list[tuple[str, list[Hit]]]:
    """What is found, group by group, none of them empty; for an empty search what was opened last and what can be
    done.
    """
    wanted = [group for _, group in groups.items() if asked.text or group.quiet]
    ranked = sorted(wanted, key=lambda one: (not (one.leads and one.leads(asked)), one.order))
    # Groups find in their own order, so that a later one may build on an earlier one wherever it is shown.
    hits = {group.title: group.find(asked) for group in sorted(wanted, key=lambda one: one.order)}
    return [(group.title, hits[group.title]) for group in ranked if hits[group.title]]


def lately(asked: Asked) -> list[Hit]:
    """The rows this person looked at last, latest first, as far as they may still see them. What was looked at is told
    by the audit rows: nothing else remembers it.
    """
    if asked.text:
        return []
    looks = (
        AuditEntry.objects.filter(user_id=asked.user.pk, method="GET", status=200, route__endswith="_change")
        .filter(route__in=list(opened))
        .order_by("-at")
        .values_list("route", "object_ids")[:_LOOKS]
    )
    keys = list(dict.fromkeys((route, ids[0]) for route, ids in looks if ids))[: 2 * LATELY]
    found: dict[tuple[str, str], Hit] = {}
    for route in {route for route, _ in keys}:
        found |= _of(route, [key for where, key in keys if where == route], asked)
    return [found[key] for key in keys if key in found][:LATELY]


def _of(route: str, ids: Sequence[str], asked: Asked) -> dict[tuple[str, str], Hit]:
    kind = opened.get(route)
    rows = access.visible(kind.rows(), asked.user).filter(public_id__in=ids)
    return {(route, str(row.public_id)): kind.hit(row) for row in rows}


def connect() -> None:
    """Called from AppConfig.ready()."""
    groups.register("lately", Group("Opened lately", 0, lately, quiet=True))
