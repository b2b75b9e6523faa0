"""Booking visits by staff, and changing what they are: most clinic bookings come by phone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import transaction

from accounts.models import Location
from bookings import events, lifecycle, overlap
from bookings.locks import booking_for_update
from bookings.models import LIVE, STANDING, Booking, Practitioner, Room, Service, Source, Status, Urgency
from contacts import services as contact_services
from core import clock
from core import events as log
from core.causes import Cause
from core.errors import Conflict, Invalid

#: What `update_booking` may set.
EDITABLE = frozenset(
    {"service", "urgency_level", "practitioner", "room", "ends_at", "payment_status", "price_cents", "notes"}
)


@transaction.atomic
def create_booking(
    *,
    location: Location,
    contact_id: int,
    service: Service,
    appointment_datetime: datetime,
    cause: Cause,
    ends_at: datetime | None = None,
    practitioner: Practitioner | None = None,
    room: Room | None = None,
    status: str = Status.SCHEDULED,
    source: str = Source.MANUAL,
    notes: str = "",
    price_cents: int | None = None,
    awaits_deposit: bool = False,
    capture_attribution: bool = True,
) -> Booking:
    """Book a visit here. It ends after the service's duration unless `ends_at` says otherwise, and costs what the
    service costs unless `price_cents` does.

    The contact's first and last touch are copied once, unless `capture_attribution` is False. With status
    pending it triggers nothing and lapses after 48 hours, or 30 minutes when it awaits a deposit. Raises
    Conflict (409) when the practitioner or the room is taken or the contact has this very visit already,
    Invalid for what does not fit together.
    """
    contact = contact_services.contacts_for_update([contact_id])[contact_id]
    ends_at = ends_at or appointment_datetime + service.duration
    _check_fit(location, service=service, practitioner=practitioner, room=room)
    if contact.location_id != location.pk or contact.deleted_at or contact.merged_into_id:
        raise Invalid("Choose a contact of this clinic.", fields={"contact": "Not a contact of this clinic."})
    if status not in (Status.PENDING, Status.SCHEDULED):
        raise Invalid(
            "A new booking is pending or scheduled.", fields={"status": "Use pending or scheduled."}
        )
    _check_times(appointment_datetime, ends_at)
    _refuse_twin(contact_id, service, appointment_datetime)
    now = clock.now()
    pending = status == Status.PENDING
    booking = Booking(
        location=location, contact=contact, service=service, service_type=service.service_type,
        urgency_level=service.urgency_level,
        price_cents=service.price_cents if price_cents is None else price_cents,
        practitioner=practitioner, room=room,
        appointment_datetime=appointment_datetime, ends_at=ends_at, status=status, source=source, notes=notes,
        first_touch_attribution=contact.first_touch if capture_attribution else {},
        last_touch_attribution=contact.last_touch if capture_attribution else {},
        became_live_at=None if pending else now,
        expires_at=lifecycle.pending_until(now, awaits_deposit=awaits_deposit) if pending else None,
    )  # fmt: skip
    overlap.save_or_refuse(booking, cause=cause)
    if not pending:
        log.record(
            events.BOOKING_CREATED,
            cause=cause,
            source=said_by(cause),
            data={"source": source},
            **_about(booking),
        )
    return booking


@transaction.atomic
def reschedule_booking(
    *,
    booking_id: int,
    appointment_datetime: datetime,
    cause: Cause,
    ends_at: datetime | None = None,
    places: Mapping[str, Any] | None = None,
) -> Booking:
    """Move a visit to another time; it keeps its length unless `ends_at` is given. `places` are a practitioner or a
    room to go to together with the new time, so that nothing is in the way of a step in between.

    A visit that stood is rescheduled, and the patient's yes to the old time no longer counts. The same time
    is a no-op. Raises Conflict (409) for a taken practitioner or room and for a cancelled or finished visit,
    Invalid for a time that has passed.
    """
    booking = booking_for_update(booking_id)
    old, now = booking.appointment_datetime, clock.now()
    ends_at = ends_at or appointment_datetime + booking.duration
    if (old, booking.ends_at) == (appointment_datetime, ends_at):
        return booking
    status = lifecycle.status_after_moving(booking.status, outcome=booking.outcome)
    _check_times(appointment_datetime, ends_at)
    if appointment_datetime <= now:
        raise Invalid("Choose a time to come.", fields={"appointment_datetime": "This time has passed."})
    booking.appointment_datetime, booking.ends_at = appointment_datetime, ends_at
    booking.overlap_accepted = False
    fields = ["appointment_datetime", "ends_at", "overlap_accepted", *(places or {})]
    _check_fit(booking.location, **(places or {}))
    for name, row in (places or {}).items():
        setattr(booking, name, row)
    moved = old != appointment_datetime
    if moved:
        booking.status = status
        booking.confirmed_at = booking.outcome_asked_at = booking.arrived_at = None
        fields += ["status", "confirmed_at", "outcome_asked_at", "arrived_at"]
    overlap.save_or_refuse(booking, cause=cause, fields=fields)
    if moved and booking.status in STANDING:
        log.record(
            events.BOOKING_RESCHEDULED, cause=cause, source=said_by(cause),
            data={"old": old.isoformat(), "new": appointment_datetime.isoformat()}, **_about(booking),
        )  # fmt: skip
    else:
        _record_times(booking, ["appointment_datetime", "ends_at"] if moved else ["ends_at"], cause)
    return booking


@transaction.atomic
def reinstate_booking(*, booking_id: int, status: str, cause: Cause) -> Booking:
    """Take a cancellation back; `status` is what the visit was. One that is still ahead stands at its time anew: the
    patient hears of it and is reminded. Twice is a no-op.

    Raises Conflict (409) when the practitioner or the room was given away meanwhile, Invalid for another status.
    """
    if status not in LIVE:
        raise Invalid("A visit comes back as what it was.", fields={"status": "Use a live status."})
    booking, now = booking_for_update(booking_id), clock.now()
    if booking.status != Status.CANCELLED:
        return booking
    at, ahead = booking.appointment_datetime, booking.appointment_datetime > now
    booking.status = lifecycle.status_after_reinstating(status, is_ahead=ahead)
    booking.cancelled_at, booking.cancellation_reason = None, ""
    if booking.status == Status.PENDING:
        booking.expires_at = lifecycle.pending_until(now, awaits_deposit=False)
    fields = ["status", "cancelled_at", "cancellation_reason", "expires_at"]
    overlap.save_or_refuse(booking, cause=cause, fields=fields)
    if ahead and booking.status in STANDING:
        log.record(
            events.BOOKING_RESCHEDULED, cause=cause, source=said_by(cause),
            data={"old": at.isoformat(), "new": at.isoformat()}, **_about(booking),
        )  # fmt: skip
    else:
        _record_times(booking, ["status"], cause)
    return booking


@transaction.atomic
def update_booking(*, booking_id: int, fields: Mapping[str, Any], cause: Cause) -> Booking:
    """Change details of a visit: see `EDITABLE`. Rows (service, practitioner, room) are given as objects.

    A new service brings its type, urgency and price along, unless they are given too; its duration does not
    move the end. Raises Conflict (409) when the practitioner or the room is taken, Invalid for what does not
    fit together.
    """
    unknown = sorted(set(fields) - EDITABLE)
    if unknown:
        raise Invalid(
            "The visit could not be changed.", fields=dict.fromkeys(unknown, "This cannot be set here.")
        )
    booking = booking_for_update(booking_id)
    places = {name: fields[name] for name in ("service", "practitioner", "room") if name in fields}
    _check_fit(booking.location, **places)
    ends_at = fields.get("ends_at") or booking.ends_at
    _check_times(booking.appointment_datetime, ends_at)
    before = (booking.ends_at, booking.practitioner_id, booking.room_id)
    if "service" in fields and fields["service"].pk != booking.service_id:
        service: Service = fields["service"]
        booking.service_type, booking.urgency_level = service.service_type, service.urgency_level
        booking.price_cents = service.price_cents
    for name, value in fields.items():
        setattr(booking, name, value)
    booking.ends_at = ends_at
    _check_choices(booking)
    longer = before[0] != ends_at
    if before != (booking.ends_at, booking.practitioner_id, booking.room_id):
        booking.overlap_accepted = False
    overlap.save_or_refuse(booking, cause=cause)
    if longer:
        _record_times(booking, ["ends_at"], cause)
    return booking


@transaction.atomic
def change_booking(*, booking_id: int, fields: Mapping[str, Any], cause: Cause) -> Booking:
    """Details and time of a visit together, as a form or the API gives them: one refusal undoes both.

    A changed `appointment_datetime` reschedules; without a new `ends_at` the visit keeps its length.
    """
    details = {name: value for name, value in fields.items() if name != "appointment_datetime"}
    at = fields.get("appointment_datetime")
    if at is not None:
        places = {name: row for name, row in details.items() if name in ("practitioner", "room")}
        reschedule_booking(
            booking_id=booking_id, appointment_datetime=at, ends_at=details.pop("ends_at", None), places=places,
            cause=cause,
        )  # fmt: skip
    return update_booking(booking_id=booking_id, fields=details, cause=cause)


def said_by(cause: Cause) -> str:
    """The event log's word for where a change came from."""
    return "user" if cause.kind == "user" else "system"


def _about(booking: Booking) -> dict[str, Any]:
    return booking.event_subject()


def _record_times(booking: Booking, fields: list[str], cause: Cause) -> None:
    log.record(
        events.BOOKING_UPDATED, cause=cause, source=said_by(cause), data={"fields": fields}, **_about(booking)
    )


def _check_fit(location: Location, **rows: Service | Practitioner | Room | None) -> None:
    """Each of these must belong to the clinic; a service cannot be taken away."""
    wrong = {
        name: "Choose one of this clinic."
        for name, row in rows.items()
        if (row is None and name == "service") or (row is not None and row.location_id != location.pk)
    }
    if wrong:
        raise Invalid("The visit does not fit together.", fields=wrong)


def _check_choices(booking: Booking) -> None:
    wrong = {}
    if booking.payment_status not in Booking.Payment.values:
        wrong["payment_status"] = f"Use one of: {', '.join(Booking.Payment.values)}."
    if booking.urgency_level not in Urgency.values:
        wrong["urgency_level"] = f"Use one of: {', '.join(Urgency.values)}."
    if wrong:
        raise Invalid("The visit could not be changed.", fields=wrong)


def _check_times(starts_at: datetime, ends_at: datetime) -> None:
    if ends_at <= starts_at:
        raise Invalid(
            "A visit must end after it begins.", fields={"ends_at": "This is not after the beginning."}
        )


def _refuse_twin(contact_id: int, service: Service, at: datetime) -> None:
    """A form sent twice must not book twice."""
    twin = Booking.objects.filter(
        contact_id=contact_id, service=service, appointment_datetime=at, status__in=LIVE, outcome="none"
    )
    if twin.exists():
        raise Conflict("This contact already has this visit at that time.", code="already_booked")
