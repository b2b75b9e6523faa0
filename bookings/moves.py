"""Moves of a booking's status and outcome, one at a time or as a set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import transaction

from bookings import events, lifecycle, overlap
from bookings.commands import ChangeResult, OutcomeChange, StatusChange
from bookings.locks import bookings_for_update
from bookings.models import Booking, Status
from bookings.visits import said_by
from contacts import services as contact_services
from core import clock
from core.causes import Cause
from core.errors import DomainError, Invalid
from core.events import EventType, NewEvent, record_many

#: Who cancelled, as the event says it, by the kind of cause.
_CANCELLED_BY = {"user": "staff", "provider": "provider", "rule_run": "rule", "clock": "expired"}
_STATUS_FIELDS = (
    "status", "became_live_at", "confirmed_at", "cancelled_at", "cancellation_reason", "expires_at",
    "updated_at",
)  # fmt: skip
_OUTCOME_FIELDS = (
    "outcome", "outcome_at", "outcome_asked_at", "first_attendance", "overlap_accepted", "updated_at",
)  # fmt: skip


@transaction.atomic
def set_status(changes: Sequence[StatusChange], *, cause: Cause | None = None) -> list[ChangeResult]:
    """Confirm, cancel, or let stand a set of bookings; `cause` is for changes that name none.

    A move that is not allowed is refused in its result and changes nothing; the others go on. Each move
    records its event: booking_confirmed, booking_cancelled, or booking_created when a pending booking first
    stands.
    """
    bookings = bookings_for_update(change.booking_id for change in changes)
    news: list[NewEvent] = []
    results = []
    for change in changes:
        booking, by = bookings[change.booking_id], change.cause or cause or Cause.system("bookings")

        def move(booking: Booking = booking, change: StatusChange = change, by: Cause = by) -> bool:
            return _move(booking, change, by, news)

        results.append(_result(booking, move))
    _store([result.booking for result in results if result.changed], _STATUS_FIELDS, news)
    return results


def confirm_booking(*, booking_id: int, cause: Cause) -> Booking:
    """The patient said yes. Raises Conflict for a visit that is pending, cancelled or finished."""
    return _only(set_status([StatusChange(booking_id, Status.CONFIRMED, cause=cause)]))


def cancel_booking(*, booking_id: int, reason: str = "", cause: Cause) -> Booking:
    """Cancel a visit; `reason` is free text for the staff. Cancelling twice is a no-op."""
    return _only(set_status([StatusChange(booking_id, Status.CANCELLED, reason=reason, cause=cause)]))


@transaction.atomic
def record_outcomes(changes: Sequence[OutcomeChange]) -> list[ChangeResult]:
    """Say what became of a set of visits; every answer can be corrected.

    The first attendance makes the contact an existing patient; taking that attendance back undoes it. The time of
    who did not come may have gone to somebody else meanwhile: then the overlap is accepted, for what took place took
    place. Refusals stand in the results.
    """
    bookings = bookings_for_update(change.booking_id for change in changes)
    news: list[NewEvent] = []
    results = []
    patients: list[contact_services.ContactUpdate] = []
    absent = [booking for booking in bookings.values() if booking.outcome == Booking.Outcome.NO_SHOW]
    for change in changes:
        booking = bookings[change.booking_id]

        def move(booking: Booking = booking, change: OutcomeChange = change) -> bool:
            return _judge(booking, change, news, patients, bookings)

        results.append(_result(booking, move))
    contact_services.update_contacts(patients)
    _take_the_time_again([row for row in absent if row.outcome != Booking.Outcome.NO_SHOW])
    _store([result.booking for result in results if result.changed], _OUTCOME_FIELDS, news)
    return results


def record_outcome(*, booking_id: int, outcome: str, cause: Cause) -> Booking:
    """What became of one visit. Raises Conflict for one that does not stand, Invalid for another word."""
    return _only(record_outcomes([OutcomeChange(booking_id, outcome, cause)]))


@transaction.atomic
def arrive(*, booking_id: int, cause: Cause) -> Booking:
    """The patient is at the desk. Twice is a no-op. Raises Conflict for a visit that does not stand or is
    finished.
    """
    booking = bookings_for_update([booking_id])[booking_id]
    if booking.arrived_at is not None:
        return booking
    if booking.outcome != Booking.Outcome.NONE:
        lifecycle.check_status("", booking.status, outcome=booking.outcome)
    lifecycle.check_outcome(booking.status, booking.outcome, lifecycle.ATTENDED)
    booking.arrived_at = clock.now()
    booking.save(cause=cause, update_fields=["arrived_at"])
    record_many([_event(events.BOOKING_ARRIVED, booking, cause)])
    return booking


@transaction.atomic
def take_arrival_back(*, booking_id: int, cause: Cause) -> Booking:
    """The patient is not at the desk after all. Twice is a no-op."""
    booking = bookings_for_update([booking_id])[booking_id]
    if booking.arrived_at is None:
        return booking
    booking.arrived_at = None
    booking.save(cause=cause, update_fields=["arrived_at"])
    record_many([_event(events.BOOKING_UPDATED, booking, cause, fields=["arrived_at"])])
    return booking


def _move(booking: Booking, change: StatusChange, cause: Cause, news: list[NewEvent]) -> bool:
    if change.status not in (Status.SCHEDULED, Status.CONFIRMED, Status.CANCELLED):
        raise Invalid(
            f"A booking cannot be set to {change.status!r} directly.",
            fields={"status": "Use scheduled, confirmed or cancelled."},
        )
    if not lifecycle.check_status(booking.status, change.status, outcome=booking.outcome):
        return False
    now, was = clock.now(), booking.status
    booking.status, booking.expires_at = change.status, None
    if change.status == Status.CANCELLED:
        booking.cancelled_at, booking.confirmed_at = now, None
        booking.cancellation_reason = change.reason
        by = _CANCELLED_BY.get(cause.kind, "system")
        news.append(_event(events.BOOKING_CANCELLED, booking, cause, reason=by))
    elif change.status == Status.CONFIRMED:
        booking.confirmed_at = now
        news.append(_event(events.BOOKING_CONFIRMED, booking, cause))
    elif was == Status.PENDING:
        booking.became_live_at = booking.became_live_at or now
        news.append(_event(events.BOOKING_CREATED, booking, cause, source=booking.source))
    return True


def _judge(
    booking: Booking,
    change: OutcomeChange,
    news: list[NewEvent],
    patients: list[contact_services.ContactUpdate],
    bookings: Mapping[int, Booking],
) -> bool:
    old = booking.outcome
    if not lifecycle.check_outcome(booking.status, old, change.outcome):
        return False
    booking.outcome = change.outcome
    booking.outcome_at = clock.now()
    if change.outcome == Booking.Outcome.NONE:
        booking.outcome_at = booking.outcome_asked_at = None  # It is to be asked for again.
    contact = booking.contact
    if change.outcome == Booking.Outcome.ATTENDED and not contact.is_existing_patient:
        booking.first_attendance = contact.is_existing_patient = True
        patients.append(_patient(booking, True, change.cause))
    elif old == Booking.Outcome.ATTENDED and booking.first_attendance:
        booking.first_attendance = False
        if not _another_attended(booking, bookings):
            contact.is_existing_patient = False
            patients.append(_patient(booking, False, change.cause))
    news.append(_event(events.BOOKING_OUTCOME_UPDATED, booking, change.cause, old=old, new=change.outcome))
    return True


def _take_the_time_again(back: Sequence[Booking]) -> None:
    if back:
        met = overlap.returning(back)
        for booking in back:
            booking.overlap_accepted = booking.overlap_accepted or booking.pk in met


def _another_attended(booking: Booking, bookings: Mapping[int, Booking]) -> bool:
    """Whether the contact attended another visit; that one is the first attendance then. `bookings` are those
    being changed, as they will be.
    """
    here = (other for other in bookings.values() if other.contact_id == booking.contact_id)
    heir = next((other for other in here if other.outcome == Booking.Outcome.ATTENDED), None) or (
        Booking.objects.filter(contact_id=booking.contact_id, outcome=Booking.Outcome.ATTENDED)
        .exclude(pk__in=bookings)
        .order_by("appointment_datetime", "pk")
        .first()
    )
    if heir is not None:
        heir.first_attendance = True
        Booking.objects.filter(pk=heir.pk).update(first_attendance=True)
    return heir is not None


def _patient(booking: Booking, is_patient: bool, cause: Cause) -> contact_services.ContactUpdate:
    return contact_services.ContactUpdate(
        booking.contact_id, {"is_existing_patient": is_patient}, cause=cause
    )


def _event(kind: EventType, booking: Booking, cause: Cause, **data: Any) -> NewEvent:
    return NewEvent(
        type=kind, cause=cause, source=said_by(cause), data=data, location_id=booking.location_id,
        contact_id=booking.contact_id, booking_id=booking.pk,
    )  # fmt: skip


def _result(booking: Booking, move: Callable[[], bool]) -> ChangeResult:
    try:
        return ChangeResult(booking, changed=move())
    except DomainError as error:
        return ChangeResult(booking, changed=False, error=error)


def _store(changed: Sequence[Booking], fields: Sequence[str], news: Sequence[NewEvent]) -> None:
    if not changed:
        return
    now = clock.now()
    for booking in changed:
        booking.updated_at = now
    Booking.objects.bulk_update(changed, fields)
    record_many(news)


def _only(results: Sequence[ChangeResult]) -> Booking:
    """The booking of a set of one. Raises what refused it."""
    result = results[0]
    if result.error is not None:
        raise result.error
    return result.booking
