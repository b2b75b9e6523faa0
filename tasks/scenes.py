"""What a look at Today rests on: who looks, at what, where and when. The page, its refresh and its acts share it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest

from accounts import access, roles
from accounts.models import Location, User
from accounts.staff import colleagues
from core import clock
from tasks import filters, priority, queue, rows
from tasks.models import Task

PAGE_SIZE = 25


@dataclass
class Scene:
    """One look. `now` is the moment it is of."""

    user: User
    now: datetime
    places: list[Location]
    people: list[User]
    filters: filters.Filters

    @cached_property
    def own(self) -> dict[int, priority.Weights]:
        """The weights of locations that have their own."""
        return queue.weights_by_location(place.pk for place in self.places)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Overdue, today and upcoming, and visits without an outcome, within the filters."""
        open_ones = filters.open_tasks(self.user, self.filters, self.now)
        return queue.counts(
            open_ones, now=self.now, locations=self.places, no_outcome=queue.without_outcome()
        )

    def due(self) -> QuerySet[Task]:
        """The tasks of the list."""
        return filters.due_tasks(self.user, self.filters, self.now, self.places)

    def page(self, cursor: str | None = None) -> queue.Page:
        """A page of the list. Malformed for a cursor that is not ours."""
        return queue.page(
            rows.shown(self.due()), now=self.now, location_ids=[place.pk for place in self.places], size=PAGE_SIZE,
            cursor=cursor, own=self.own,
        )  # fmt: skip

    def context(self) -> dict[str, Any]:
        """What the templates of the queue show around the rows."""
        found = self.filters
        return {
            "filters": found,
            "wanted": found.wanted,
            "here": found.address(),
            "counts": self.counts,
            "whose": [(key, label, found.address(assigned_to=key)) for key, label in filters.WHOSE],
            "when": [(key, label, found.address(timeframe=key)) for key, label in filters.WHEN],
            "views": [(key, label, found.address(view=key)) for key, label in filters.VIEWS],
            "several_locations": len(self.places) > 1,
            "people": self.people,
            "may_act": access.allowed(self.user, roles.UPDATE, "tasks"),
        }


def of(request: HttpRequest, given: Any) -> Scene:
    """The look that an address asks for."""
    user = request.user
    assert isinstance(user, User)
    people, places = list(colleagues(request)), access.places(user)
    return Scene(user, clock.now(), places, people, filters.read(given, people, places))
