"""Saving a booking beside the database's guard against double booking."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import combinations

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from bookings.lifecycle import NO_SHOW
from bookings.models import LIVE, Booking
from core.causes import Cause
from core.errors import Conflict

#: Visits that keep a practitioner or a room from others: who did not come left the time free.
BLOCKING = Q(status__in=LIVE) & ~Q(outcome=NO_SHOW)
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
    at = taken(
        practitioner=booking.practitioner_id, room=booking.room_id,
        start=booking.appointment_datetime, end=booking.ends_at,
    )  # fmt: skip
    return at.exclude(pk=booking.pk).order_by("appointment_datetime", "pk").first()


def taken(*, practitioner: int | None, room: int | None, start: datetime, end: datetime) -> QuerySet[Booking]:
    """The visits that have this practitioner or this room at some time from `start` to `end` (aware); none where
    neither is given.
    """
    place = Q()
    if practitioner:
        place |= Q(practitioner_id=practitioner)
    if room:
        place |= Q(room_id=room)
    if not place:
        return Booking.objects.none()
    return Booking.objects.filter(place, BLOCKING, appointment_datetime__lt=end, ends_at__gt=start)


def clashing(visits: QuerySet[Booking]) -> QuerySet[Booking]:
    """Those of the visits that are live and take place while another live one has their practitioner or room.

    The database lets two of them meet only where one was accepted so, and these are few.
    """
    others = _others()
    meets = Exists(others.filter(overlap_accepted=True)) | (Q(overlap_accepted=True) & Exists(others))
    return visits.filter(meets, BLOCKING)


def returning(bookings: Sequence[Booking]) -> set[int]:
    """Which of these visits, whose patients were thought not to have come, have their practitioner or room taken by
    another now, or by one another; one query.
    """
    found = set(
        Booking.objects.filter(Exists(_others()), pk__in=[row.pk for row in bookings], status__in=LIVE)
        .values_list("pk", flat=True)
    )  # fmt: skip
    for one, other in combinations(bookings, 2):
        same = (one.practitioner_id and one.practitioner_id == other.practitioner_id) or (
            one.room_id and one.room_id == other.room_id
        )
        if same and one.appointment_datetime < other.ends_at and other.appointment_datetime < one.ends_at:
            found |= {one.pk, other.pk}
    return found


def _others() -> QuerySet[Booking]:
    same_place = Q(practitioner_id=OuterRef("practitioner_id")) | Q(room_id=OuterRef("room_id"))
    return (
        Booking.objects.filter(same_place, BLOCKING)
        .filter(appointment_datetime__lt=OuterRef("ends_at"), ends_at__gt=OuterRef("appointment_datetime"))
        .exclude(pk=OuterRef("pk"))
    )


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
