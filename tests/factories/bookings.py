"""Services and visits for tests, made through the services so that their events are real."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from accounts.models import Location
from bookings import services
from bookings.models import Booking, Practitioner, Room, Service
from contacts.models import Contact
from core import clock
from core.causes import Cause

CAUSE = Cause.system("test")


def make_service(location: Location, *, name: str = "Skin cancer check", **fields: Any) -> Service:
    """A service of the location: routine, medium, 30 minutes unless told otherwise."""
    return Service.objects.get_or_create(location=location, name=name, defaults=fields)[0]


def make_practitioner(location: Location, *, name: str = "Dr Lee", **fields: Any) -> Practitioner:
    """Somebody who sees patients."""
    return Practitioner.objects.get_or_create(location=location, name=name, defaults=fields)[0]


def make_room(location: Location, *, name: str = "Room 1", **fields: Any) -> Room:
    """Where visits take place."""
    return Room.objects.get_or_create(location=location, name=name, defaults=fields)[0]


def make_booking(
    contact: Contact,
    *,
    at: datetime | None = None,
    service: Service | None = None,
    cause: Cause = CAUSE,
    **fields: Any,
) -> Booking:
    """A visit booked by staff, three days from now unless told otherwise."""
    return services.create_booking(
        location=contact.location,
        contact_id=contact.pk,
        service=service or make_service(contact.location),
        appointment_datetime=at or clock.now() + timedelta(days=3),
        cause=cause,
        **fields,
    )
