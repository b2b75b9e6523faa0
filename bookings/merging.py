"""What merging two contacts asks of visits. The visits themselves are re-pointed like any row."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bookings import selectors
from bookings.models import Booking
from contacts import merging, unmerging


def next_visits(contact_ids: Iterable[int], now: datetime) -> dict[int, datetime]:
    """When each of these contacts comes next."""
    coming = selectors.next_visits(contact_ids, now)
    return {pk: booking.appointment_datetime for pk, booking in coming.items()}


def connect() -> None:
    """Called when the app is ready."""
    merging.next_visits.register("bookings", next_visits)
    unmerging.carriers.register("bookings.booking", Booking)
