from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.errors import Malformed
from integrations.ports import BookingDelivery, Customer
from integrations.providers import wix
from integrations.providers.wix import Envelope, UnknownEvent

SYDNEY = ZoneInfo("Australia/Sydney")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def booking(**changes: Any) -> dict[str, Any]:
    return {
        "id": "b-1",
        "status": "CONFIRMED",
        "paymentStatus": "NOT_PAID",
        "startDate": "2026-12-01T15:00:00Z",
        "endDate": "2026-12-01T15:30:00Z",
        "bookedEntity": {
            "title": "Skin cancer check",
            "slot": {"serviceId": "s-1", "resource": {"id": "r-1", "name": "Dr Lee"}},
        },
        "contactDetails": {
            "contactId": "c-1",
            "firstName": "Ana",
            "lastName": "Li",
            "email": "ana@example.test",
            "phone": "+61400000001",
        },
        **changes,
    }


def event(slug: str = "confirmed", **changes: Any) -> dict[str, Any]:
    carrier = {
        "created": {"createdEvent": {"entity": booking()}},
        "updated": {"updatedEvent": {"currentEntity": booking()}},
    }.get(slug, {"actionEvent": {"body": {"booking": booking()}}})
    return {
        "id": "evt-1",
        "entityFqdn": "wix.bookings.v2.booking",
        "slug": slug,
        "entityId": "b-1",
        "eventTime": "2026-11-20T12:00:01Z",
        "entityEventSequence": "7",
        "triggeredByAnonymizeRequest": False,
        **carrier,
        **changes,
    }


def claims(
    inner: object, event_type: str | None = "wix.bookings.v2.booking_confirmed", **outer: Any
) -> dict[str, object]:
    layer = {"eventType": event_type, "instanceId": "inst-1", "data": json.dumps(inner), **outer}
    return {"data": json.dumps(layer), "iat": 1, "exp": 2}


def read(inner: object, event_type: str | None = "wix.bookings.v2.booking_confirmed") -> BookingDelivery:
    return wix.parse(claims(inner, event_type), zone=SYDNEY)


EXPECTED = BookingDelivery(
    kind="confirmed",
    form="jwt",
    booking_id="b-1",
    external_event_id="evt-1",
    sequence=7,
    occurred_at=utc("2026-11-20T12:00:01"),
    status="CONFIRMED",
    start=utc("2026-12-01T15:00"),
    end=utc("2026-12-01T15:30"),
    service_id="s-1",
    service_name="Skin cancer check",
    staff_name="Dr Lee",
    staff_id="r-1",
    customer=Customer(name="Ana Li", phone="+61400000001", email="ana@example.test", contact_id="c-1"),
    payment_status="NOT_PAID",
    instance_id="inst-1",
)


def complaint(payload: object, *, how: Any = None) -> str:
    with pytest.raises(Malformed) as caught:
        (how or wix.parse)(payload, zone=SYDNEY)
    (field,) = caught.value.fields
    assert caught.value.message.startswith(f"{field}: ")
    return caught.value.message


# The app's webhooks


def test_an_app_webhook_is_read_whole() -> None:
    assert read(event()) == EXPECTED


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("created", "created"),
        ("confirmed", "confirmed"),
        ("rescheduled", "rescheduled"),
        ("canceled", "canceled"),
        ("cancelled", "canceled"),
        ("declined", "declined"),
        ("updated", "updated"),
        ("markedAsPending", "markedAsPending"),
        ("marked_as_pending", "markedAsPending"),
        ("number_of_participants_updated", "number_of_participants_updated"),
    ],
)
def test_all_booking_events_are_known_by_type_or_slug(name: str, kind: str) -> None:
    for event_type in (f"wix.bookings.v2.booking_{name}", None, ""):
        delivery = read(event(name), event_type)
        assert delivery.kind == kind
        assert delivery.status == "CONFIRMED"
        assert delivery.customer == EXPECTED.customer


def test_the_event_type_wins_over_the_slug() -> None:
    assert read(event("created"), "wix.bookings.v2.booking_updated").kind == "updated"


@pytest.mark.parametrize(
    "carrier",
    [
        {"createdEvent": {"entityAsJson": json.dumps(booking())}},
        {"createdEvent": json.dumps({"entity": json.dumps(booking())})},
        {"updatedEvent": {"currentEntityAsJson": json.dumps(booking())}},
        {"updatedEvent": {"currentEntity": json.dumps(booking())}},
        {"actionEvent": {"bodyAsJson": json.dumps({"booking": booking()})}},
        {"actionEvent": json.dumps({"body": json.dumps({"booking": json.dumps(booking())})})},
        {"createdEvent": {}, "actionEvent": {"body": {"booking": booking()}}},
    ],
)
def test_the_booking_may_come_under_other_names_and_as_json_text(carrier: dict[str, Any]) -> None:
    inner = {key: value for key, value in event().items() if key != "actionEvent"}
    assert read({**inner, **carrier}) == EXPECTED


def test_layers_may_come_as_objects() -> None:
    layer = {"eventType": "wix.bookings.v2.booking_confirmed", "instanceId": "inst-1", "data": event()}
    assert wix.parse({"data": layer}, zone=SYDNEY) == EXPECTED


def test_the_slot_may_lie_in_an_item_and_hold_the_times() -> None:
    slot = {"serviceId": "s-2", "startDate": "2026-12-01T15:00:00Z", "endDate": "2026-12-01T16:00:00Z"}
    delivery = read(
        event(actionEvent={"body": {"booking": {"id": "b-1", "bookedEntity": {"item": {"slot": slot}}}}})
    )
    assert (delivery.service_id, delivery.start, delivery.end) == (
        "s-2",
        utc("2026-12-01T15:00"),
        utc("2026-12-01T16:00"),
    )
    course = read(
        event(actionEvent={"body": {"booking": {"id": "b-1", "bookedEntity": {"serviceId": "s-3"}}}})
    )
    assert course.service_id == "s-3"


def test_a_reschedule_tells_the_time_before() -> None:
    body = {"booking": booking(), "previousStartDate": "2026-11-30T15:00:00Z"}
    assert read(event("rescheduled", actionEvent={"body": body})).previous_start == utc("2026-11-30T15:00")


def test_an_event_without_its_booking_is_still_about_it() -> None:
    inner = event("canceled")
    del inner["actionEvent"]
    assert read(inner, "wix.bookings.v2.booking_canceled") == BookingDelivery(
        kind="canceled",
        form="jwt",
        booking_id="b-1",
        external_event_id="evt-1",
        sequence=7,
        occurred_at=utc("2026-11-20T12:00:01"),
        instance_id="inst-1",
    )


def test_the_id_may_have_the_sdks_spelling() -> None:
    delivery = read({"slug": "confirmed", "actionEvent": {"body": {"booking": {"_id": "b-9"}}}})
    assert (delivery.booking_id, delivery.external_event_id, delivery.sequence) == ("b-9", "", None)


@pytest.mark.parametrize(
    ("value", "erased"), [(True, True), ("true", True), (False, False), (None, False), ("x", False)]
)
def test_an_erased_person_is_marked(value: object, erased: bool) -> None:
    assert read(event(triggeredByAnonymizeRequest=value)).triggered_by_anonymize is erased


def test_times_without_an_offset_are_the_clinics() -> None:
    delivery = read(event("created", createdEvent={"entity": booking(startDate="2026-12-01T15:00:00")}))
    assert delivery.start == utc("2026-12-01T04:00")


def test_the_envelope_is_enough_to_store_a_delivery() -> None:
    assert wix.envelope(claims(event())) == Envelope("wix.bookings.v2.booking_confirmed", "inst-1", "evt-1")
    assert wix.envelope(claims({"slug": "x"}, None)) == Envelope("", "inst-1", "")


@pytest.mark.parametrize(
    ("event_type", "slug", "message"),
    [
        (
            "wix.contacts.v4.contact_created",
            "created",
            "Events of type wix.contacts.v4.contact_created are not about bookings.",
        ),
        ("wix.bookings.v2.booking_deleted", "deleted", "Nothing is known of the booking event deleted."),
        (None, "deleted", "Nothing is known of the booking event deleted."),
    ],
)
def test_other_events_are_told_apart(event_type: str | None, slug: str, message: str) -> None:
    with pytest.raises(UnknownEvent) as caught:
        read(event(slug), event_type)
    assert (caught.value.message, caught.value.code, caught.value.status) == (message, "unknown_event", 422)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ({}, "data: the token holds no event."),
        ({"data": "x"}, "data: this is not JSON."),
        ({"data": [1]}, "data: this must be an object."),
        ({"data": {}}, "data: the token holds no event."),
        ({"data": {"data": ""}}, "data.data: the event is empty."),
        ({"data": {"eventType": "x"}}, "data.data: the event is empty."),
        ({"data": {"data": "{"}}, "data.data: this is not JSON."),
        ({"data": {"data": {"id": "1"}}}, "eventType: the kind of event is missing."),
        (
            claims({"slug": "created", "createdEvent": {"entity": {}}}),
            "entityId: the booking's id is missing.",
        ),
        (claims(event(createdEvent=[1])), "createdEvent: this must be an object."),
        (claims(event(createdEvent={"entity": "x"})), "createdEvent.entity: this is not JSON."),
        (claims(event(updatedEvent=[1])), "updatedEvent: this must be an object."),
        (
            claims(event(updatedEvent={"currentEntity": [1]})),
            "updatedEvent.currentEntity: this must be an object.",
        ),
        (claims(event(actionEvent=1)), "actionEvent: this must be an object."),
        (claims(event(actionEvent={"body": 1})), "actionEvent.body: this must be an object."),
        (
            claims(event(actionEvent={"body": {"booking": 1}})),
            "actionEvent.body.booking: this must be an object.",
        ),
        (claims(event(entityEventSequence="x")), "entityEventSequence: this must be a whole number."),
        (
            claims(event(eventTime="x")),
            "eventTime: this must be a date and time, such as 2026-12-01T15:00:00+11:00.",
        ),
        (claims(event(id="x" * 256)), "id: an id may have 255 characters at most."),
        (claims(event(), instanceId="x" * 256), "instanceId: an id may have 255 characters at most."),
        *(
            (claims(event(actionEvent={"body": {"booking": booking(**change)}})), message)
            for change, message in [
                ({"id": "x" * 256}, "id: an id may have 255 characters at most."),
                (
                    {"startDate": "x"},
                    "startDate: this must be a date and time, such as 2026-12-01T15:00:00+11:00.",
                ),
                (
                    {"endDate": "x"},
                    "endDate: this must be a date and time, such as 2026-12-01T15:00:00+11:00.",
                ),
                ({"bookedEntity": 1}, "bookedEntity: this must be an object."),
                ({"bookedEntity": {"item": 1}}, "bookedEntity.item: this must be an object."),
                ({"bookedEntity": {"slot": 1}}, "bookedEntity.slot: this must be an object."),
                ({"bookedEntity": {"slot": {"resource": 1}}}, "resource: this must be an object."),
                (
                    {"bookedEntity": {"slot": {"resource": {"id": "x" * 256}}}},
                    "resource.id: an id may have 255 characters at most.",
                ),
                (
                    {"bookedEntity": {"slot": {"serviceId": "x" * 256}}},
                    "serviceId: an id may have 255 characters at most.",
                ),
                ({"contactDetails": 1}, "contactDetails: this must be an object."),
                (
                    {"contactDetails": {"contactId": "x" * 256}},
                    "contactId: an id may have 255 characters at most.",
                ),
            ]
        ),
        (
            claims(
                event("rescheduled", actionEvent={"body": {"booking": booking(), "previousStartDate": "x"}})
            ),
            "previousStartDate: this must be a date and time, such as 2026-12-01T15:00:00+11:00.",
        ),
        (
            claims(
                event(
                    "created",
                    createdEvent={"entity": {"id": "1", "bookedEntity": {"slot": {"startDate": "x"}}}},
                )
            ),
            "slot.startDate: this must be a date and time, such as 2026-12-01T15:00:00+11:00.",
        ),
    ],
)
def test_what_cannot_be_read_is_named(payload: object, message: str) -> None:
    assert complaint(payload) == message


# Bodies


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_a_stored_token_is_read_again() -> None:
    body = f" {encoded({'alg': 'RS256'})}.{encoded(claims(event()))}.c2ln\n"
    assert wix.parse_body(body.encode(), zone=SYDNEY) == EXPECTED


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"a.b.c", "body: the token cannot be read."),
        (b"a.bm8.c", "body: this is not JSON."),
        (b"a.b", "body: this is not JSON."),
        (b"", "body: this is not JSON."),
        (b'["a.b.c"]', "body: this must be a JSON object."),
        (b'{"a": "1.2.3"}', "booking_id: the booking's id is missing."),
    ],
)
def test_a_body_that_is_nothing_is_named(body: bytes, message: str) -> None:
    assert complaint(body, how=wix.parse_body) == message


def test_json_bodies_are_told_apart_by_their_event() -> None:
    simple = b'{"event": "bookings/cancelled", "bookingId": "b"}'
    assert wix.parse_body(simple, zone=SYDNEY).form == "simple"
    automation = b'{"data": {"booking_id": "b", "canceled_timestamp_with_timezone": "x"}}'
    assert wix.parse_body(automation, zone=SYDNEY).form == "automation"
