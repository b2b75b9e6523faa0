"""Questions about visits that other apps ask; each costs one query however many they ask about."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Exists, Max, OuterRef, QuerySet

from bookings.models import Booking
from core import clock


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
