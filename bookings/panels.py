"""A contact's visits on the contact's page and in the contact's API detail."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from accounts import access
from accounts.models import User
from accounts.staff_links import change_url
from bookings import selectors
from bookings.models import Booking
from contacts import panels, timeline
from contacts.models import Contact
from contacts.panels import Act, Fact
from contacts.timeline import Told
from core import clock
from core import events as event_types
from core.models import Event

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
        "book": _book(contact) if access.allowed(user, "create", "bookings", contact.location_id) else "",
    }


def visits_for_detail(contact: Contact, user: User) -> Any:
    """The newest visits in the shape of /api/bookings."""
    from bookings.serializers import BookingSerializer

    visits: Any = access.visible(selectors.for_contact(contact.pk), user)[:SHOWN]
    return BookingSerializer(visits, many=True).data


def next_visit(contact: Contact, user: User) -> Fact | None:
    """When the person comes next, beside the name."""
    if not access.allowed(user, "read", "bookings", contact.location_id):
        return None
    visit = selectors.next_visits([contact.pk], clock.now()).get(contact.pk)
    if visit is None:
        return Fact("Next visit", "None")
    at = contact.location.local(visit.appointment_datetime)
    link = reverse("admin:bookings_booking_change", args=(visit.public_id,))
    return Fact(
        "Next visit",
        f"{at:%a %-d %b, %H:%M}",
        link,
        f"{visit.service} · {visit.get_status_display().lower()}",
    )


def _told(events: Sequence[Event]) -> dict[int, Told]:
    """Events of visits in words; one query."""
    visits = Booking.objects.select_related("location", "service").in_bulk(
        {event.booking_id for event in events if event.booking_id is not None}
    )
    return {
        event.pk: _in_words(event, visits[event.booking_id]) for event in events if event.booking_id in visits
    }


def _in_words(event: Event, visit: Booking) -> Told:
    text = event_types.get(event.type).label
    at = visit.appointment_datetime
    if event.type == "booking_outcome_updated":
        text = f"Outcome of the visit: {Booking.Outcome(event.data['new']).label.lower()}"
    elif event.type == "booking_rescheduled" and event.data.get("new"):
        at = datetime.fromisoformat(event.data["new"])
    when = visit.location.local(at)
    link = reverse("admin:bookings_booking_change", args=(visit.public_id,))
    return Told(text, f"{visit.service}, {when:%a %-d %b %Y, %H:%M}", link)


def _book(contact: Contact) -> str:
    query = {
        "contact": str(contact.public_id),
        "location": contact.location.code,
        "next": change_url(contact),
    }
    return f"{reverse('admin:bookings_calendar_new')}?{urlencode(query)}"


TOLD = (
    "booking_created", "booking_rescheduled", "booking_cancelled", "booking_confirmed", "booking_arrived",
    "booking_outcome_updated", "booking_outcome_missing", "booking_expired",
)  # fmt: skip
#: Touchpoints that say the same as one of these.
COVERED = frozenset(
    {
        "booking_created",
        "booking_rescheduled",
        "booking_cancelled",
        "appointment_attended",
        "appointment_no_show",
    }
)


def connect() -> None:
    """Called from AppConfig.ready()."""
    panels.register_panel(
        "bookings", "Visits", 20, template="bookings/panel.html", context=visits_for_panel, aside=True,
        lazy=True, resource="bookings",
    )  # fmt: skip
    panels.facts.register("next_visit", next_visit)
    panels.acts.register("book", Act("Book", 30, "b", "bookings", "create", link=_book))
    timeline.events.register("booking", timeline.Events("Visits", TOLD, _told, "bookings", COVERED))
    panels.register_detail("bookings", visits_for_detail)
