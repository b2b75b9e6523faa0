"""Locks on bookings: their contacts first, then their rows, each in order of id."""

from __future__ import annotations

from collections.abc import Iterable

from bookings.models import Booking
from contacts import services as contact_services
from core.errors import NotFound


def bookings_for_update(ids: Iterable[int]) -> dict[int, Booking]:
    """The bookings by id, with service and location, locked until the transaction ends; three queries in all.

    Raises NotFound when one is not there.
    """
    wanted = set(ids)
    contact_ids = set(Booking.objects.filter(pk__in=wanted).values_list("contact_id", flat=True))
    contacts = contact_services.contacts_for_update(contact_ids)
    rows = (
        Booking.objects.select_related("service", "location")
        .select_for_update(no_key=True, of=("self",))
        .filter(pk__in=wanted)
        .order_by("pk")
    )
    found = {booking.pk: booking for booking in rows}
    missing = wanted - found.keys()
    if missing:
        raise NotFound(f"There is no booking {', '.join(map(str, sorted(missing)))}.")
    moved = {booking.contact_id for booking in found.values()} - contacts.keys()
    if moved:  # Contacts were merged between the two looks.
        contacts |= contact_services.contacts_for_update(moved)
    for booking in found.values():
        booking.contact = contacts[booking.contact_id]
    return found


def booking_for_update(booking_id: int) -> Booking:
    """One booking, locked; see `bookings_for_update`."""
    return bookings_for_update([booking_id])[booking_id]
