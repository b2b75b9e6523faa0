"""What the clock does to bookings. Both functions may run twice at once: they skip what another run holds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.db.models import QuerySet

from bookings import events
from bookings.models import STANDING, Booking, Status
from core import clock
from core.causes import Cause
from core.events import EventType, NewEvent, record_many

OUTCOME_EXPECTED_AFTER = timedelta(minutes=60)
BATCH = 200


def ask_for_outcomes() -> int:
    """Visits that ended an hour ago or more without an outcome: booking_outcome_missing, once for each."""
    cause = Cause.clock("visits_without_outcome")

    def late() -> QuerySet[Booking]:
        return Booking.objects.filter(
            status__in=STANDING,
            outcome=Booking.Outcome.NONE,
            outcome_asked_at__isnull=True,
            ends_at__lte=clock.now() - OUTCOME_EXPECTED_AFTER,
        ).order_by("ends_at")

    def ask(booking: Booking) -> NewEvent:
        booking.outcome_asked_at = clock.now()
        return _event(events.BOOKING_OUTCOME_MISSING, booking, cause)

    return _in_batches(late, ask, ["outcome_asked_at"])


def expire_pending() -> int:
    """Pending bookings that nobody confirmed in time end as cancelled. They triggered nothing, and nor does
    this.
    """
    cause = Cause.clock("pending_bookings")

    def lapsed() -> QuerySet[Booking]:
        return Booking.objects.filter(status=Status.PENDING, expires_at__lte=clock.now()).order_by(
            "expires_at"
        )

    def expire(booking: Booking) -> NewEvent:
        booking.status, booking.cancelled_at, booking.expires_at = Status.CANCELLED, clock.now(), None
        return _event(events.BOOKING_EXPIRED, booking, cause, source=booking.source)

    return _in_batches(lapsed, expire, ["status", "cancelled_at", "expires_at"])


def _in_batches(
    due: Callable[[], QuerySet[Booking]], change: Callable[[Booking], NewEvent], fields: list[str]
) -> int:
    did = 0
    while True:
        with transaction.atomic():
            # Skipping never waits, so holding bookings without their contacts cannot end in a deadlock.
            rows = list(due().select_for_update(no_key=True, skip_locked=True)[:BATCH])
            news = [change(booking) for booking in rows]
            for row in rows:
                row.updated_at = clock.now()
            if rows:
                Booking.objects.bulk_update(rows, [*fields, "updated_at"])
                record_many(news)
        did += len(rows)
        if len(rows) < BATCH:
            return did


def _event(kind: EventType, booking: Booking, cause: Cause, **data: str) -> NewEvent:
    return NewEvent(
        type=kind, cause=cause, data=data, location_id=booking.location_id, contact_id=booking.contact_id,
        booking_id=booking.pk,
    )  # fmt: skip
