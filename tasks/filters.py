"""What a person wants to see on Today: whose, when, where, which, as a list or a board. It lives in the address."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.urls import reverse

from accounts.models import Location, User
from tasks import queue, selectors
from tasks.models import Task

WHOSE = (("me", "Mine and nobody's"), ("anyone", "Everybody's"), ("nobody", "Nobody's yet"))
WHEN = (
    ("now", "Due by tonight"),
    ("overdue", "Overdue"),
    ("today", "Later today"),
    ("upcoming", "Coming days"),
    ("snoozed", "Snoozed"),
)
RANKS = ("urgent", "high", "medium", "low")
VIEWS = (("list", "List"), ("board", "Board"))
#: What an address may say, and what it means when it does not.
NAMES = {"assigned_to": "me", "timeframe": "now", "location": "", "type": "", "priority": "", "view": "list"}


@dataclass(frozen=True)
class Filters:
    """What is wanted, checked: a word nobody knows means nothing was asked."""

    wanted: selectors.Wanted
    view: str = "list"

    @property
    def asleep(self) -> bool:
        """Whether snoozed tasks are asked for."""
        return self.wanted.timeframe == "snoozed"

    @property
    def values(self) -> dict[str, str]:
        """What the address says, without what goes without saying."""
        said = {name: getattr(self.wanted, name) for name in NAMES if name != "view"} | {"view": self.view}
        return {name: value for name, value in said.items() if value != NAMES[name]}

    @property
    def narrowed(self) -> bool:
        """Whether rows are left out that would be there without any choice of person, place, type or priority."""
        return bool(set(self.values) - {"timeframe", "view"})

    def address(self, **changes: str) -> str:
        """The page with these filters, some of them changed."""
        said = {name: value for name, value in {**self.values, **changes}.items() if value != NAMES.get(name)}
        query = QueryDict(mutable=True)
        query.update(said)
        start = reverse("admin:index")
        return f"{start}?{query.urlencode()}" if said else start


def read(given: Any, people: Iterable[User], places: Iterable[Location]) -> Filters:
    """The filters an address asks for."""
    whose = given.get("assigned_to", "me")
    known = {*dict(WHOSE), *(str(person.public_id) for person in people)}
    there = given.get("location", "")
    rank, when, kind = given.get("priority", ""), given.get("timeframe", "now"), given.get("type", "")
    wanted = selectors.Wanted(
        assigned_to=whose if whose in known else "me",
        priority=rank if rank in RANKS else "",
        timeframe=when if when in dict(WHEN) else "now",
        type=kind if kind in Task.Type.values else "",
        location=there if there in {str(place.public_id) for place in places} else "",
    )
    return Filters(wanted, given.get("view") if given.get("view") in dict(VIEWS) else "list")


def open_tasks(user: User, filters: Filters, now: datetime) -> QuerySet[Task]:
    """Open tasks that fit, awake, whenever they are due."""
    return selectors.listed(user, replace(filters.wanted, status="open"), now=now)


def due_tasks(user: User, filters: Filters, now: datetime, places: Iterable[Location]) -> QuerySet[Task]:
    """The tasks of the list: those that fit and are due when it was asked for, or sleep."""
    if filters.asleep:
        return selectors.listed(user, replace(filters.wanted, status="snoozed"), now=now)
    due: Q = queue.due_by(filters.wanted.timeframe, now=now, locations=places)
    return open_tasks(user, filters, now).filter(due)
