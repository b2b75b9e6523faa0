"""Visits as the diary shows them, in its list, its grid, its dialogs and the evening list: where each stands, and what
may be done with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.utils.safestring import SafeString

from accounts import access, pages, roles
from accounts.models import User
from bookings import overlap
from bookings.calendar_walls import wall
from bookings.calendar_words import State, state_of
from bookings.models import LIVE, STANDING, Booking


@dataclass(frozen=True)
class Row:
    """A visit with what the person may do about it; times are on its clinic's wall."""

    visit: Booking
    state: State
    at: datetime
    until: datetime
    clashes: bool
    may: bool
    begun: bool

    @property
    def page(self) -> SafeString:
        """The address of the visit's dialog; its acts are below it."""
        return pages.address("bookings_calendar_visit", self.visit.public_id)

    @property
    def begins(self) -> str:
        return f"{self.at:%H:%M}"

    @property
    def ends(self) -> str:
        return f"{self.until:%H:%M}"

    @property
    def open(self) -> bool:
        """Whether it can be moved or cancelled."""
        return self.may and self.visit.status in LIVE and self.visit.outcome == "none"

    @property
    def may_arrive(self) -> bool:
        return self.open and self.visit.status in STANDING and self.visit.arrived_at is None

    @property
    def may_end(self) -> bool:
        return self.may and self.visit.status in STANDING


def rows_of(visits: Sequence[Booking], user: User, now: datetime) -> list[Row]:
    """Rows for these visits, in their order; one query for all of them."""
    met = set(
        overlap.clashing(Booking.objects.filter(pk__in=[row.pk for row in visits])).values_list(
            "pk", flat=True
        )
    )
    return [
        Row(
            visit=row,
            state=state_of(
                row.status, row.outcome, arrived=row.arrived_at is not None, ends_at=row.ends_at, now=now
            ),
            at=wall(row.appointment_datetime, row.location),
            until=wall(row.ends_at, row.location),
            clashes=row.pk in met,
            may=access.allowed_on(user, roles.UPDATE, row),
            begun=row.appointment_datetime <= now or row.arrived_at is not None,
        )
        for row in visits
    ]
