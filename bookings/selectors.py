"""Questions about visits that other apps ask; each costs one query however many they ask about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime

from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from accounts.models import Location
from bookings.models import Booking, Source
from core import clock
from core.localtime import start_of_day


def next_visits(contact_ids: Iterable[int], now: datetime) -> dict[int, Booking]:
    """The next visit of each contact that has one: the earliest live booking that is not over."""
    rows = (
        Booking.objects.live(now)
        .filter(contact_id__in=list(contact_ids))
        .select_related("service", "practitioner", "location")
        .order_by("contact_id", "appointment_datetime", "pk")
        .distinct("contact_id")
    )
    return {booking.contact_id: booking for booking in rows}


def last_booked(contact_ids: Iterable[int], now: datetime) -> dict[int, datetime]:
    """When each contact last got a visit that is still ahead of them; contacts without one are left out."""
    ids = list(contact_ids)
    if not ids:
        return {}
    rows = Booking.objects.live(now).filter(contact_id__in=ids, became_live_at__isnull=False)
    return dict(rows.values("contact_id").annotate(at=Max("became_live_at")).values_list("contact_id", "at"))


def has_other_live(booking_ids: Iterable[int], now: datetime | None = None) -> set[int]:
    """Which of these bookings belong to a contact who has another live one."""
    others = Booking.objects.live(now or clock.now()).filter(contact_id=OuterRef("contact_id"))
    rows = Booking.objects.filter(Exists(others.exclude(pk=OuterRef("pk"))), pk__in=list(booking_ids))
    return set(rows.values_list("pk", flat=True))


def for_contact(contact_id: int) -> QuerySet[Booking]:
    """A contact's visits, the latest first, with what a list of them shows."""
    return (
        Booking.objects.filter(contact_id=contact_id)
        .select_related("location", "contact", "contact__guardian", "service", "practitioner", "room")
        .order_by("-appointment_datetime", "-pk")
    )


def named(external_id: str, locations: Iterable[Location]) -> Q:
    """The visit that a provider calls so, in these locations; one index answers it."""
    return Q(
        location__in=[place.pk for place in locations], source__in=Source.values, external_id=external_id
    )


def on_days(locations: Iterable[Location], first: date, after: date) -> Q:
    """Visits at these locations whose local day there is from `first` up to, not including, `after`."""
    where = Q(pk__in=())
    for location in locations:
        where |= Q(
            location=location,
            appointment_datetime__gte=start_of_day(first, location.zone),
            appointment_datetime__lt=start_of_day(after, location.zone),
        )
    return where
