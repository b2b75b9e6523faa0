"""Filters of the list of visits."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

from django.contrib.admin import SimpleListFilter
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts import access
from accounts.models import User
from bookings import selectors
from bookings.models import Booking
from core import clock

#: Each choice with its words, and its days from today: the first, and the one behind the last.
_DAYS = {
    "today": ("Today", 0, 1), "tomorrow": ("Tomorrow", 1, 2), "next7": ("The next 7 days", 0, 7),
    "next30": ("The next 30 days", 0, 30), "last7": ("The last 7 days", -7, 0), "last30": ("The last 30 days", -30, 0),
}  # fmt: skip


class WhenFilter(SimpleListFilter):
    """Days around today on each clinic's own calendar; the calendar shows any other."""

    title = "when"
    parameter_name = "when"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, words) for name, (words, _, _) in _DAYS.items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Booking]) -> QuerySet[Booking]:
        chosen = _DAYS.get(self.value() or "")
        if chosen is None:
            return queryset
        _, first, after = chosen
        where = Q(pk__in=())
        for place in access.places(cast(User, request.user)):
            today = place.local(clock.now()).date()
            where |= selectors.on_days([place], today + timedelta(days=first), today + timedelta(days=after))
        return queryset.filter(where)
