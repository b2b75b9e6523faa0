"""Saving a booking beside the database's guard against double booking."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from bookings.models import LIVE, Booking
from core.causes import Cause
from core.errors import Conflict

CONSTRAINTS = {"booking_one_per_practitioner": "practitioner", "booking_one_per_room": "room"}
_MESSAGES = {
    "practitioner": "This practitioner has another visit at that time. Choose another time or practitioner.",
    "room": "This room is taken at that time. Choose another time or room.",
}


def save_or_refuse(booking: Booking, *, cause: Cause, fields: Iterable[str] | None = None) -> None:
    """Save what was booked here. Conflict (409) when the practitioner or the room is taken."""
    taken = _save(booking, cause, fields)
    if taken is None:
        return
    raise Conflict(_MESSAGES[taken], code="overlap", fields={taken: "Taken at that time."})


def save_and_tell(booking: Booking, *, cause: Cause) -> Booking | None:
    """Save what a provider reported, whatever it meets. Returns the visit it newly clashes with: a person
    must choose.
    """
    if _save(booking, cause, None) is None:
        return None
    booking.overlap_accepted = True
    booking.save(cause=cause)
    return clash_of(booking)


def clash_of(booking: Booking) -> Booking | None:
    """The earliest other live visit of its practitioner or room that takes place at the same time."""
    place = Q()
    if booking.practitioner_id:
        place |= Q(practitioner_id=booking.practitioner_id)
    if booking.room_id:
        place |= Q(room_id=booking.room_id)
    if not place:
        return None
    return (
        Booking.objects.filter(place, status__in=LIVE)
        .filter(appointment_datetime__lt=booking.ends_at, ends_at__gt=booking.appointment_datetime)
        .exclude(pk=booking.pk)
        .order_by("appointment_datetime", "pk")
        .first()
    )


def clashing(visits: QuerySet[Booking]) -> QuerySet[Booking]:
    """Those of the visits that are live and take place while another live one has their practitioner or room."""
    same_place = Q(practitioner_id=OuterRef("practitioner_id")) | Q(room_id=OuterRef("room_id"))
    others = (
        Booking.objects.filter(same_place, status__in=LIVE)
        .filter(appointment_datetime__lt=OuterRef("ends_at"), ends_at__gt=OuterRef("appointment_datetime"))
        .exclude(pk=OuterRef("pk"))
    )
    return visits.filter(Exists(others), status__in=LIVE)


def _save(booking: Booking, cause: Cause, fields: Iterable[str] | None) -> str | None:
    """Save; which of practitioner and room was taken, None when it was saved."""
    names = None if fields is None else list(fields)
    try:
        with transaction.atomic():
            booking.save(cause=cause, update_fields=names)
    except IntegrityError as error:
        taken = CONSTRAINTS.get(_constraint(error))
        if taken is None:
            raise
        return taken
    return None


def _constraint(error: IntegrityError) -> str:
    diagnosis = getattr(error.__cause__, "diag", None)
    return getattr(diagnosis, "constraint_name", None) or ""
