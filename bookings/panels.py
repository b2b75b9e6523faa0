"""A contact's visits on the contact's page and in the contact's API detail."""

from __future__ import annotations

from typing import Any

from accounts import access
from accounts.models import User
from bookings import selectors
from contacts import panels
from contacts.models import Contact
from core import clock

SHOWN = 20


def visits_for_panel(contact: Contact, user: User) -> dict[str, Any] | None:
    """What the panel shows: visits to come, then past ones; None for people who may not see visits."""
    if not access.allowed(user, "read", "bookings", contact.location_id):
        return None
    visits = list(access.visible(selectors.for_contact(contact.pk), user)[: SHOWN + 1])
    now = clock.now()
    coming = sorted(
        (visit for visit in visits if visit.is_live(now)), key=lambda visit: visit.appointment_datetime
    )
    return {
        "coming": coming,
        "past": [visit for visit in visits[:SHOWN] if visit not in coming],
        "more": len(visits) > SHOWN,
        "may_book": access.allowed(user, "create", "bookings", contact.location_id),
    }


def visits_for_detail(contact: Contact, user: User) -> Any:
    """The newest visits in the shape of /api/bookings."""
    from bookings.serializers import BookingSerializer

    visits: Any = access.visible(selectors.for_contact(contact.pk), user)[:SHOWN]
    return BookingSerializer(visits, many=True).data


def connect() -> None:
    """Called from AppConfig.ready()."""
    panels.register_panel("bookings", "Visits", 20, template="bookings/panel.html", context=visits_for_panel)
    panels.register_detail("bookings", visits_for_detail)
