"""What a booking provider reports becomes a contact and a booking, in whatever order it arrives.

`bookings.deliveries` decides (pure); this module loads, locks, writes, and records what followed. What a
provider reports is always stored: where it meets another visit, the overlap is accepted and told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from django.db import transaction

from bookings import catalogue, events, lifecycle, overlap
from bookings.deliveries import (
    BOOKING_CANCELLED,
    BOOKING_CREATED,
    BOOKING_RESCHEDULED,
    Delivery,
    Fact,
    Memory,
    Merge,
    Stored,
    merge,
)
from bookings.locks import booking_for_update
from bookings.models import STANDING, Booking, Service, Source, Status
from contacts import services as contact_services
from contacts.models import Contact
from core import clock
from core import events as log
from core.causes import Cause
from integrations import inbound, ports
from integrations.models import ProviderAccount, Receipt

PAYMENTS = {
    "NOT_PAID": Booking.Payment.UNPAID,
    "UNDEFINED": "",
    "PAID": Booking.Payment.PAID,
    "EXEMPT": Booking.Payment.PAID,
    "PARTIALLY_PAID": Booking.Payment.PENDING,
    "PENDING": Booking.Payment.PENDING,
    "FAILED": Booking.Payment.UNPAID,
    "REFUNDED": Booking.Payment.REFUNDED,
    "UNPAID": Booking.Payment.UNPAID,
}
#: Of something that happened longer ago than this, nobody is told as if it were new.
HEARD_LATE = timedelta(hours=48)
WAITS_FOR_TIME = "waits_for_the_time_of_the_visit"
ABOUT_NOBODY_HERE = "erased_person_without_visit"


@transaction.atomic(savepoint=False)
def apply_provider_event(
    parsed: ports.BookingDelivery, *, account: ProviderAccount, receipt: Receipt | None, cause: Cause
) -> tuple[Contact, Booking]:
    """Fold one delivery into the booking it is about; both the contact and the booking are made where needed.

    Raises `inbound.Waiting` for a visit of which nobody has said when it is, and `inbound.Ignored` for the
    erasing of a person who has no visit here. The caller holds the lock of the delivery's subject.
    """
    booking = _find(parsed, account)
    if parsed.triggered_by_anonymize:
        if booking is None:
            raise inbound.Ignored(ABOUT_NOBODY_HERE)
        parsed = _without_person(parsed)
    heard_at = receipt.created_at if receipt is not None else clock.now()
    early = inbound.take_waiting(receipt) if booking is None and receipt is not None else []
    stored = _stored(booking)
    facts: list[Fact] = []
    for earlier in early:
        # It made no sense without a time; the one that has come stands in until something newer says another.
        filled = replace(earlier, start=earlier.start or parsed.start, end=earlier.end or parsed.end)
        merged = merge(stored, _delivery(filled, account, heard_at))
        facts.extend(merged.facts)
        stored = _after(stored, merged)
    merged = merge(stored, _delivery(parsed, account, heard_at))
    facts.extend(merged.facts)
    if merged.starts_at is None:
        raise inbound.Waiting(WAITS_FOR_TIME)
    if booking is None:
        contact = _contact(parsed, early, account, cause)
        booking = _new(parsed, account, contact)
    else:
        contact = _same_contact(booking, parsed, account, cause)
    # An erased person's visit may end, but nothing may be sent because of it: no fact that rules listen to.
    told = [] if parsed.triggered_by_anonymize else facts
    _write(booking, merged, told, parsed=parsed, receipt=receipt, cause=cause)
    return contact, booking


def _find(parsed: ports.BookingDelivery, account: ProviderAccount) -> Booking | None:
    """The booking, locked after its contact."""
    known = Booking.objects.filter(
        location_id=account.location_id, source=Source.WIX, external_id=parsed.booking_id
    )
    booking_id = known.values_list("pk", flat=True).first()
    return None if booking_id is None else booking_for_update(booking_id)


def _without_person(parsed: ports.BookingDelivery) -> ports.BookingDelivery:
    """What a provider writes in place of an erased person's details must not reach our contact."""
    return replace(parsed, customer=ports.Customer())


def _stored(booking: Booking | None) -> Stored:
    if booking is None:
        return Stored()
    return Stored(
        status=booking.status,
        outcome=booking.outcome,
        starts_at=booking.appointment_datetime,
        duration=booking.duration,
        details={
            "service": booking.service_id,
            "practitioner": booking.practitioner_id,
            "payment_status": booking.payment_status,
        },
        ever_stood=booking.became_live_at is not None,
        memory=Memory.from_json(booking.provider_state),
    )


def _after(stored: Stored, merged: Merge) -> Stored:
    """What would be stored had the row been written in between."""
    if merged.starts_at is None:
        return stored
    return replace(
        stored,
        status=merged.status,
        starts_at=merged.starts_at,
        duration=merged.duration,
        details=merged.details,
        ever_stood=stored.ever_stood or merged.status in STANDING,
        memory=merged.memory,
    )


def _delivery(parsed: ports.BookingDelivery, account: ProviderAccount, heard_at: datetime) -> Delivery:
    """The delivery in our ids and codes. One that does not say when it happened did so when it came."""
    location, provider = account.location, Source.WIX
    details: dict[str, str | int | None] = {"payment_status": PAYMENTS.get(parsed.payment_status.upper(), "")}
    if parsed.service_id or parsed.service_name:
        details["service"] = catalogue.service_for(
            location=location, provider=provider, external_id=parsed.service_id, name=parsed.service_name
        ).pk
    practitioner = catalogue.practitioner_for(
        location=location, provider=provider, external_id=parsed.staff_id, name=parsed.staff_name
    )
    details["practitioner"] = practitioner.pk if practitioner is not None else None
    return Delivery(
        kind=parsed.kind,
        sequence=parsed.sequence,
        status=parsed.status,
        starts_at=parsed.start,
        ends_at=parsed.end,
        details=details,
        snapshot=parsed.form in ("jwt", "read"),
        revision=parsed.revision,
        at=parsed.updated_at or parsed.occurred_at or heard_at,
        read=parsed.form == "read",
    )


def _contact(
    parsed: ports.BookingDelivery,
    early: Sequence[ports.BookingDelivery],
    account: ProviderAccount,
    cause: Cause,
) -> Contact:
    """Who it is for: what the deliveries say together."""
    people = [parsed.customer, *(delivery.customer for delivery in early)]

    def said(name: str) -> str:
        return next((value for person in people if (value := getattr(person, name))), "")

    return _match(
        ports.Customer(said("name"), said("phone"), said("email"), said("contact_id")), account, cause
    )


def _match(customer: ports.Customer, account: ProviderAccount, cause: Cause) -> Contact:
    matched = contact_services.match_or_create(
        location=account.location,
        name=customer.name,
        phone=customer.phone,
        email=customer.email,
        external=("wix", customer.contact_id[:128]) if customer.contact_id else None,
        source="wix",
        cause=cause,
    )
    return matched.contact


def _same_contact(
    booking: Booking, parsed: ports.BookingDelivery, account: ProviderAccount, cause: Cause
) -> Contact:
    """Whose booking it is, now that more may be known of the person.

    The booking goes to another contact only from one that could not be reached at all.
    """
    contact, customer = booking.contact, parsed.customer
    reachable = bool(contact.phone or contact.guardian_id)
    news = (
        (customer.phone and not reachable)
        or (customer.email and not contact.email)
        or (customer.name and not contact.name)
    )
    if not news:
        return contact
    found = _match(customer, account, cause)
    if found.pk != contact.pk and (reachable or contact.email):
        return contact
    booking.contact = found
    return found


def _new(parsed: ports.BookingDelivery, account: ProviderAccount, contact: Contact) -> Booking:
    return Booking(
        location=account.location,
        contact=contact,
        source=Source.WIX,
        external_id=parsed.booking_id,
        first_touch_attribution=contact.first_touch,
        last_touch_attribution=contact.last_touch,
    )


def _write(
    booking: Booking,
    merged: Merge,
    facts: Sequence[Fact],
    *,
    parsed: ports.BookingDelivery,
    receipt: Receipt | None,
    cause: Cause,
) -> None:
    now, is_new = clock.now(), booking.pk is None
    assert merged.starts_at is not None
    _take_details(booking, merged)
    before = _slot(booking)
    ends_at = merged.ends_at or merged.starts_at + booking.service.duration
    longer = bool(booking.pk) and (merged.starts_at == before[0]) and ends_at != before[1]
    booking.appointment_datetime, booking.ends_at = merged.starts_at, ends_at
    quiet = ["status"] if parsed.triggered_by_anonymize and booking.status != merged.status else []
    _take_status(booking, merged, now)
    booking.provider_state = merged.memory.as_json()
    booking.provider_sequence = merged.memory.sequence
    booking.overlap_accepted = booking.overlap_accepted and before == _slot(booking)
    clash = overlap.save_and_tell(booking, cause=cause)
    about = {"cause": cause, "source": "wix", "receipt_id": receipt.pk if receipt is not None else None}
    about |= booking.event_subject()
    if parsed.found == "first_run" and booking.ends_at <= now and booking.outcome_asked_at is None:
        # Nobody is asked for the outcomes of three months on the day a clinic is connected.
        booking.outcome_asked_at = now
        Booking.objects.filter(pk=booking.pk).update(outcome_asked_at=now)
    for fact in facts:
        _record(fact, booking, about, parsed=parsed, is_new=is_new, now=now)
    fields = [*(["ends_at"] if longer else []), *quiet]
    if fields:
        log.record(events.BOOKING_UPDATED, data={"fields": fields}, **about)  # type: ignore[arg-type]
    if clash is not None:
        log.record(events.BOOKING_CLASH, data={"other": str(clash.public_id)}, **about)  # type: ignore[arg-type]


def _slot(booking: Booking) -> tuple[datetime | None, datetime | None, int | None, int | None]:
    return (booking.appointment_datetime, booking.ends_at, booking.practitioner_id, booking.room_id)


def _take_details(booking: Booking, merged: Merge) -> None:
    details = merged.details
    service_id = details.get("service")
    if service_id is None:
        service = catalogue.service_for(
            location=booking.location, provider=booking.source, external_id="", name=""
        )
    else:
        service = booking.service if booking.service_id == service_id else Service.objects.get(pk=service_id)
    if booking.service_id != service.pk:
        booking.service = service
        booking.service_type, booking.urgency_level = service.service_type, service.urgency_level
        booking.price_cents = service.price_cents
    practitioner_id = details.get("practitioner")
    booking.practitioner_id = int(practitioner_id) if practitioner_id else None
    booking.payment_status = str(details.get("payment_status") or Booking.Payment.UNPAID)


def _take_status(booking: Booking, merged: Merge, now: datetime) -> None:
    was, booking.status = booking.status if booking.pk else "", merged.status
    moved = any(fact.name == BOOKING_RESCHEDULED for fact in merged.facts)
    if moved or merged.status in (Status.PENDING, Status.CANCELLED):
        booking.confirmed_at = None
    if moved:
        booking.outcome_asked_at = None
    if merged.status == Status.PENDING:
        booking.expires_at = booking.expires_at or lifecycle.pending_until(now, awaits_deposit=False)
    else:
        booking.expires_at = None
    if merged.status in STANDING:
        booking.became_live_at = booking.became_live_at or now
        booking.cancelled_at = None
    if merged.status == Status.CANCELLED and was != Status.CANCELLED:
        booking.cancelled_at = now


def _record(
    fact: Fact,
    booking: Booking,
    about: dict[str, object],
    *,
    parsed: ports.BookingDelivery,
    is_new: bool,
    now: datetime,
) -> None:
    made = fact.name == BOOKING_CREATED
    happened = min((parsed.booked_at if made else None) or parsed.occurred_at or now, now)
    kinds: dict[str, tuple[log.EventType, dict[str, str | None]]] = {
        BOOKING_CREATED: (events.BOOKING_CREATED, {"source": booking.source}),
        BOOKING_RESCHEDULED: (events.BOOKING_RESCHEDULED, {"old": _iso(fact.old), "new": _iso(fact.new)}),
        BOOKING_CANCELLED: (events.BOOKING_CANCELLED, {"reason": "provider"}),
    }
    kind, said = kinds[fact.name]
    data = {**said, **_how_found(parsed, is_new, now - happened)}
    log.record(kind, data=data, occurred_at=happened, **about)  # type: ignore[arg-type]


def _how_found(parsed: ports.BookingDelivery, is_new: bool, age: timedelta) -> dict[str, str]:
    """Why nobody may be told of it as of news: it was there before we looked, or it is long ago."""
    first_look = parsed.found == "first_run"
    if first_look and is_new:
        return {"found": "first_run"}
    return {"found": "late"} if first_look or (parsed.found and age > HEARD_LATE) else {}


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
