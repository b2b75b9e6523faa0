"""Wix Bookings, from its wire formats to a BookingDelivery.

Three forms arrive, and a fourth is fetched. The app's webhooks are a signed token whose `data` is JSON text in
JSON text (`parse`). Our own tooling sends flat JSON with an `event` (`parse_simple`). Wix Automations sends flat
JSON with snake_case keys and no event at all (`parse_automation`). What was read from Wix's list is kept in a
form of our own (`parse_read`). Parts may be missing, and objects may come as JSON text; what is there but cannot
be read raises Malformed naming the field. The signature has been checked before anything here runs. Times
without an offset are wall-clock times in `zone`, the location's.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import get_args
from zoneinfo import ZoneInfo

from core.errors import Invalid
from integrations import reading
from integrations.ports import BookingDelivery, BookingKind, Customer

EVENT_PREFIX = "wix.bookings.v2.booking_"
SIMPLE_PREFIX = "bookings/"
KINDS: Mapping[str, BookingKind] = {
    **{kind: kind for kind in get_args(BookingKind)},
    "cancelled": "canceled",
    "marked_as_pending": "markedAsPending",
}
SIMPLE_KINDS: Mapping[str, BookingKind] = {
    "created": "created",
    "updated": "updated",
    "cancelled": "canceled",
    "canceled": "canceled",
}
SIMPLE_EVENTS = "bookings/created, bookings/updated or bookings/cancelled"
# What the key of an automation's trigger holds, when it says what happened.
TRIGGER_WORDS: tuple[tuple[str, BookingKind], ...] = (
    ("cancel", "canceled"),
    ("declin", "declined"),
    ("reschedul", "rescheduled"),
    ("confirm", "confirmed"),
)

# Under this key a stored body holds a booking as Wix's list gave it, under the other which run found it.
READ, FOUND = "extendedBooking", "found"

Json = Mapping[str, object]


class UnknownEvent(Invalid):
    """Properly sent, but not about something that happens to a booking. Kept, and not applied."""

    default_code = "unknown_event"


@dataclass(frozen=True, slots=True)
class Envelope:
    """The outside of an app webhook: enough to store it once and to know whose it is."""

    event_type: str
    instance_id: str
    event_id: str


def envelope(claims: Json) -> Envelope:
    """The outside of a token's claims. Raises Malformed when there is none."""
    outer, event = _layers(claims)
    return Envelope(
        event_type=reading.text(outer.get("eventType")),
        instance_id=reading.identifier(outer.get("instanceId"), "instanceId"),
        event_id=reading.identifier(event.get("id"), "id"),
    )


def parse_body(body: bytes, *, zone: ZoneInfo) -> BookingDelivery:
    """A stored delivery of any form, whose signature was checked when it came."""
    stripped = body.strip()
    if not stripped.startswith((b"{", b"[")) and stripped.count(b".") == 2:
        return parse(_claims(stripped), zone=zone)
    return parse_json(reading.json_object(body), zone=zone)


def parse_json(payload: Json, *, zone: ZoneInfo) -> BookingDelivery:
    """A delivery of one of the two flat forms, or a booking that was read."""
    if "event" in payload:
        return parse_simple(payload, zone=zone)
    if READ in payload:
        return parse_read(payload, zone=zone)
    return parse_automation(payload, zone=zone)


# The app's webhooks


def parse(claims: Json, *, zone: ZoneInfo) -> BookingDelivery:
    """A delivery of the app's webhook, from the claims of its token."""
    outer, event = _layers(claims)
    kind = _event_kind(outer, event)
    booking, action = _booking(event)
    booking_id = reading.identifier(booking.get("id") or booking.get("_id") or event.get("entityId"), "id")
    if not booking_id:
        reading.fail("entityId", "the booking's id is missing.")
    return replace(
        _described(booking, booking_id, zone=zone),
        kind=kind,
        external_event_id=reading.identifier(event.get("id"), "id"),
        sequence=reading.whole_number(event.get("entityEventSequence"), "entityEventSequence"),
        occurred_at=reading.moment(event.get("eventTime"), "eventTime", zone),
        instance_id=reading.identifier(outer.get("instanceId"), "instanceId"),
        previous_start=reading.moment(action.get("previousStartDate"), "previousStartDate", zone),
        triggered_by_anonymize=event.get("triggeredByAnonymizeRequest") in (True, "true"),
    )


def parse_read(payload: Json, *, zone: ZoneInfo) -> BookingDelivery:
    """A booking that was read from Wix's list, as `wix_rest_format.kept` stored it."""
    booking = reading.mapping(reading.mapping(payload.get(READ), READ).get("booking"), "booking")
    booking_id = reading.identifier(booking.get("id"), "id")
    if not booking_id:
        reading.fail("id", "the booking's id is missing.")
    described = _described(booking, booking_id, zone=zone)
    return replace(
        described,
        form="read",
        occurred_at=described.updated_at,
        booked_at=reading.moment_or_none(booking.get("createdDate"), zone),
        found="first_run" if payload.get(FOUND) == "first_run" else "later_run",
    )


def _described(booking: Json, booking_id: str, *, zone: ZoneInfo) -> BookingDelivery:
    """What Wix's object of a booking says, wherever it stands."""
    slot, booked = _slot(booking)
    resource = reading.mapping(slot.get("resource"), "resource")
    return BookingDelivery(
        kind="updated",
        form="jwt",
        booking_id=booking_id,
        status=reading.text(booking.get("status")),
        start=_either_time("startDate", booking, slot, zone),
        end=_either_time("endDate", booking, slot, zone),
        service_id=reading.identifier(slot.get("serviceId") or booked.get("serviceId"), "serviceId"),
        service_name=reading.text(booked.get("title")),
        staff_name=reading.text(resource.get("name")),
        staff_id=reading.identifier(resource.get("id"), "resource.id"),
        customer=_contact_details(booking),
        payment_status=reading.text(booking.get("paymentStatus")),
        revision=revision_of(booking),
        updated_at=reading.moment_or_none(booking.get("updatedDate"), zone),
    )


def revision_of(booking: Json) -> int | None:
    """The number of a booking's present state; None where it has none that can be read."""
    digits = reading.text(booking.get("revision"))
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def _claims(token: bytes) -> dict[str, object]:
    try:
        payload = base64.b64decode(token.split(b".")[1] + b"==", altchars=b"-_")
    except binascii.Error:
        reading.fail("", "the token cannot be read.")
    return reading.json_object(payload)


def _layers(claims: Json) -> tuple[Json, Json]:
    outer = reading.mapping(claims.get("data"), "data")
    if not outer:
        reading.fail("data", "the token holds no event.")
    event = reading.mapping(outer.get("data"), "data.data")
    if not event:
        reading.fail("data.data", "the event is empty.")
    return outer, event


def _event_kind(outer: Json, event: Json) -> BookingKind:
    event_type = reading.text(outer.get("eventType"))
    if event_type and not event_type.startswith(EVENT_PREFIX):
        raise UnknownEvent(f"Events of type {event_type} are not about bookings.")
    name = event_type.removeprefix(EVENT_PREFIX) or reading.text(event.get("slug"))
    if not name:
        reading.fail("eventType", "the kind of event is missing.")
    if name not in KINDS:
        raise UnknownEvent(f"Nothing is known of the booking event {name}.")
    return KINDS[name]


def _booking(event: Json) -> tuple[Json, Json]:
    """The booking that an event carries, and the action around it; either may be empty."""
    for part, names in (
        ("createdEvent", ("entity", "entityAsJson")),
        ("updatedEvent", ("currentEntity", "currentEntityAsJson")),
    ):
        holder = reading.mapping(event.get(part), part)
        for name in names:
            if holder.get(name):
                return reading.mapping(holder[name], f"{part}.{name}"), {}
    holder = reading.mapping(event.get("actionEvent"), "actionEvent")
    action = reading.mapping(holder.get("body") or holder.get("bodyAsJson"), "actionEvent.body")
    return reading.mapping(action.get("booking"), "actionEvent.body.booking"), action


def _slot(booking: Json) -> tuple[Json, Json]:
    booked = reading.mapping(booking.get("bookedEntity"), "bookedEntity")
    item = reading.mapping(booked.get("item"), "bookedEntity.item")
    slot = reading.mapping(booked.get("slot") or item.get("slot"), "bookedEntity.slot")
    return slot, booked


def _either_time(name: str, booking: Json, slot: Json, zone: ZoneInfo) -> datetime | None:
    return reading.first_moment(((name, booking.get(name)), (f"slot.{name}", slot.get(name))), zone)


def _contact_details(booking: Json) -> Customer:
    details = reading.mapping(booking.get("contactDetails"), "contactDetails")
    return Customer(
        name=_full_name(details.get("firstName"), details.get("lastName")),
        phone=reading.text(details.get("phone")),
        email=reading.text(details.get("email")),
        contact_id=reading.identifier(details.get("contactId"), "contactId"),
    )


def _full_name(given: object, family: object) -> str:
    return reading.text(f"{reading.text(given)} {reading.text(family)}")


# Our own tooling's form


def parse_simple(payload: Json, *, zone: ZoneInfo) -> BookingDelivery:
    """A delivery of the simple form.

    Its keys are `event, bookingId, contactId, serviceId, startTime, status, customerInfo`. `endTime`,
    `serviceName`, `staffName`, `staffId`, `paymentStatus`, `eventId` and `timestamp` are read where given.
    """
    kind = _simple_kind(payload)
    booking_id = reading.identifier(payload.get("bookingId"), "bookingId")
    if not booking_id:
        reading.fail("bookingId", "the booking's id is missing.")
    start = reading.moment(payload.get("startTime"), "startTime", zone)
    if start is None and kind == "created":
        reading.fail("startTime", "a new booking needs its time.")
    info = reading.mapping(payload.get("customerInfo"), "customerInfo")
    return BookingDelivery(
        kind=kind,
        form="simple",
        booking_id=booking_id,
        external_event_id=reading.identifier(payload.get("eventId"), "eventId"),
        occurred_at=reading.moment(payload.get("timestamp"), "timestamp", zone),
        status=reading.text(payload.get("status")),
        start=start,
        end=reading.moment(payload.get("endTime"), "endTime", zone),
        service_id=reading.identifier(payload.get("serviceId"), "serviceId"),
        service_name=reading.text(payload.get("serviceName")),
        staff_name=reading.text(payload.get("staffName")),
        staff_id=reading.identifier(payload.get("staffId"), "staffId"),
        customer=Customer(
            name=reading.text(info.get("name")),
            phone=reading.text(info.get("phone")),
            email=reading.text(info.get("email")),
            contact_id=reading.identifier(payload.get("contactId"), "contactId"),
        ),
        payment_status=reading.text(payload.get("paymentStatus")),
        instance_id=reading.identifier(payload.get("instanceId"), "instanceId"),
    )


def _simple_kind(payload: Json) -> BookingKind:
    event = reading.text(payload.get("event"))
    if not event:
        reading.fail("event", f"this says what happened: {SIMPLE_EVENTS}.")
    name = event.removeprefix(SIMPLE_PREFIX)
    if name == event or name not in SIMPLE_KINDS:
        what = f"there is no event {event}; send {SIMPLE_EVENTS}."
        raise UnknownEvent(f"event: {what}", fields={"event": what})
    return SIMPLE_KINDS[name]


# Wix Automations


def parse_automation(payload: Json, *, zone: ZoneInfo) -> BookingDelivery:
    """A delivery of Wix Automations: snake_case keys, in `data` or at the top, and no word of what happened.

    The trigger's key tells where there is one; else a time of cancelling means canceled, a previous start
    means rescheduled, and anything else created.
    """
    data = reading.mapping(payload.get("data"), "data") or payload
    context = reading.mapping(data.get("_context") or payload.get("_context"), "_context")
    activation = reading.mapping(context.get("activation"), "_context.activation")
    booking_id = reading.identifier(data.get("booking_id"), "booking_id")
    if not booking_id:
        reading.fail("booking_id", "the booking's id is missing.")
    start = reading.first_moment(_spellings(data, "start"), zone)
    kind = _automation_kind(data, context)
    if start is None and kind == "created":
        reading.fail("start_date", "a new booking needs its time.")
    return BookingDelivery(
        kind=kind,
        form="automation",
        booking_id=booking_id,
        external_event_id=reading.identifier(activation.get("id"), "_context.activation.id"),
        start=start,
        end=reading.first_moment(_spellings(data, "end"), zone),
        service_id=reading.identifier(data.get("service_id"), "service_id"),
        service_name=reading.first(data.get("service_name"), data.get("service_name_main_language")),
        staff_name=reading.first(data.get("staff_member_name"), data.get("staff_member_name_main_language")),
        customer=_automation_customer(data),
        instance_id=reading.identifier(data.get("instance_id"), "instance_id"),
        previous_start=reading.moment(data.get("previous_start_date"), "previous_start_date", zone),
    )


def _spellings(data: Json, edge: str) -> list[tuple[str, object]]:
    names = (
        f"{edge}_time_timestamp_with_timezone",
        f"{edge}_date",
        f"{edge}_date_by_business_tz",
        f"{edge}_time_timestamp",
    )
    return [(name, data.get(name)) for name in names]


def _automation_kind(data: Json, context: Json) -> BookingKind:
    key = reading.text(reading.mapping(context.get("trigger"), "_context.trigger").get("key")).lower()
    for word, kind in TRIGGER_WORDS:
        if word in key:
            return kind
    if data.get("canceled_timestamp_with_timezone"):
        return "canceled"
    return "rescheduled" if data.get("previous_start_date") else "created"


def _automation_customer(data: Json) -> Customer:
    contact = reading.mapping(data.get("contact"), "contact")
    names = reading.mapping(contact.get("name"), "contact.name")
    phones = contact.get("phones")
    entries = phones if isinstance(phones, list) else []
    numbers = [entry.get("e164Phone") for entry in entries if isinstance(entry, Mapping)]
    booked_as = _full_name(data.get("booking_contact_first_name"), data.get("booking_contact_last_name"))
    return Customer(
        name=booked_as or _full_name(names.get("first"), names.get("last")),
        phone=reading.first(data.get("booking_contact_phone"), *numbers, contact.get("phone")),
        email=reading.first(data.get("booking_contact_email"), contact.get("email")),
        contact_id=reading.identifier(data.get("contact_id") or contact.get("contactId"), "contact_id"),
    )
