"""What the pipeline board says of visits: the next one on a card, and who has none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from django.db.models import Exists, OuterRef, QuerySet

from bookings import selectors
from bookings.models import Booking
from contacts import board_rows
from contacts.models import Contact
from core import clock


def next_visit(ids: Sequence[int]) -> Mapping[int, str]:
    """The next visit of each of these contacts in words; those without one are left out."""
    return {
        pk: f"Visit {visit.location.local(visit.appointment_datetime):%a %-d %b, %H:%M}, {visit.service.name}"
        for pk, visit in selectors.next_visits(ids, clock.now()).items()
    }


def without_visit(contacts: QuerySet[Contact]) -> QuerySet[Contact]:
    """Those that have no visit ahead."""
    return contacts.filter(~Exists(Booking.objects.live(clock.now()).filter(contact_id=OuterRef("pk"))))


def connect() -> None:
    """Called from AppConfig.ready()."""
    board_rows.card_words.register("next visit", next_visit)
    board_rows.narrowers.register("no_visit", ("No next visit", without_visit))
