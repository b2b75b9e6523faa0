"""What going live means for the visits that are in the diary already."""

from __future__ import annotations

from accounts import golive
from accounts.models import Location
from bookings.models import Booking
from core import clock


def to_come(location: Location) -> str:
    """How many visits to come were booked before, in words; "" for none."""
    now = clock.now()
    standing = Booking.objects.standing().filter(location=location, outcome=Booking.Outcome.NONE)
    count = standing.filter(appointment_datetime__gt=now).count()
    if not count:
        return ""
    visits = "1 visit to come is" if count == 1 else f"{count} visits to come are"
    return f"{visits} in the diary already: reminders only, nothing else about having been booked."


def connect() -> None:
    """Called from AppConfig.ready()."""
    golive.consequences.register("bookings.to_come", to_come)
