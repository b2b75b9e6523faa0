"""A clinic that lacks nothing, for tests of what going live needs."""

from __future__ import annotations

from accounts import new_clinic
from accounts.models import Location
from bookings.models import Practitioner, Room, Service
from core import clock
from core.models import Heartbeat


def make_ready(location: Location) -> Location:
    """Give a demo clinic all that `doctor` asks for."""
    new_clinic.complete(location)
    service = Service.objects.create(location=location, name="Skin check")
    doctor = Practitioner.objects.create(
        location=location, name="Dr Lee", roster={"mon": [["09:00", "17:00"]]}
    )
    doctor.services.add(service)
    Room.objects.create(location=location, name="Room 1")
    for name in ("worker", "beat"):
        Heartbeat.objects.update_or_create(name=name, defaults={"at": clock.now()})
    return location
