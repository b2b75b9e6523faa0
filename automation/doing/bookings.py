"""What rules do with visits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from accounts.models import Location
from automation.doing.base import Done, Order, State
from bookings import services as booking_services
from bookings.models import Booking, Practitioner, Service
from core.errors import DomainError

STORED = "The visit was stored when the booking came in."
NO_SERVICE = "The clinic has no active service of that name."
NO_PRACTITIONER = "The clinic has no active practitioner of that name."

Named = Mapping[tuple[int, str], Any]


def book_visits(orders: Sequence[Order]) -> list[Done]:
    """Visits are booked one by one: each has to find its practitioner free after the ones before it."""
    fresh = [o for o in orders if o.intent.booking_id is None]
    stored = Booking.objects.in_bulk({o.intent.booking_id for o in orders if o.intent.booking_id is not None})
    places = Location.objects.in_bulk({o.intent.location_id for o in fresh})
    services = _by_name(Service, [(o.intent.location_id, o.intent.service) for o in fresh])
    practitioners = _by_name(Practitioner, [(o.intent.location_id, o.intent.practitioner) for o in fresh])
    return [
        _book(o, places[o.intent.location_id], services, practitioners)
        if o.intent.booking_id is None
        else _known(stored.get(o.intent.booking_id))
        for o in orders
    ]


def _known(booking: Booking | None) -> Done:
    return Done(reason=STORED, result={} if booking is None else {"booking": str(booking.public_id)})


def _by_name(model: type[Any], wanted: Sequence[tuple[int, str]]) -> dict[tuple[int, str], Any]:
    """Active rows by location and lower-cased name, the oldest where two are alike; one query."""
    names = {name.lower() for _, name in wanted if name}
    if not names:
        return {}
    rows = model.objects.filter(location_id__in={place for place, _ in wanted}, is_active=True)
    found = {}
    for row in rows.order_by("-pk"):
        found[row.location_id, row.name.lower()] = row
    return {key: row for key, row in found.items() if key[1] in names}


def _book(order: Order, location: Location, services: Named, practitioners: Named) -> Done:
    wish = order.intent
    service = services.get((location.pk, wish.service.lower()))
    practitioner = practitioners.get((location.pk, wish.practitioner.lower()))
    if service is None:
        return Done(State.FAILED, NO_SERVICE)
    if wish.practitioner and practitioner is None:
        return Done(State.FAILED, NO_PRACTITIONER)
    try:
        with transaction.atomic():
            booking = booking_services.create_booking(
                location=location,
                contact_id=wish.contact_id,
                service=service,
                practitioner=practitioner,
                appointment_datetime=wish.at,
                capture_attribution=wish.capture_attribution,
                cause=order.cause,
            )
    except DomainError as refusal:
        return Done(State.FAILED, refusal.message)
    return Done(result={"booking": str(booking.public_id)})


def set_booking_status(orders: Sequence[Order]) -> list[Done]:
    results = booking_services.set_status(
        [
            booking_services.StatusChange(
                booking_id=o.intent.booking_id, status=o.intent.status, cause=o.cause
            )
            for o in orders
        ]
    )
    return [
        Done(State.FAILED, result.refused) if result.refused else Done(result={"changed": result.changed})
        for result in results
    ]
