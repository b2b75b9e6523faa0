from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.errors import Malformed
from integrations.ports import BookingDelivery, Customer
from integrations.providers import wix
from integrations.providers.wix import UnknownEvent

SYDNEY = ZoneInfo("Australia/Sydney")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def complaint(payload: object, *, how: Any = None) -> str:
    with pytest.raises(Malformed) as caught:
        (how or wix.parse)(payload, zone=SYDNEY)
    (field,) = caught.value.fields
    assert caught.value.message.startswith(f"{field}: ")
    return caught.value.message


# Our own tooling's form

SIMPLE: dict[str, Any] = {
    "event": "bookings/created",
    "bookingId": "b-1",
    "contactId": "c-1",
    "serviceId": "s-1",
    "startTime": "2026-12-01T15:00:00+11:00",
    "status": "confirmed",
    "customerInfo": {"name": "Ana Li", "phone": "0400 000 001", "email": "ana@example.test"},
}


def test_the_simple_form_is_read_as_documented() -> None:
    assert wix.parse_simple(SIMPLE, zone=SYDNEY) == BookingDelivery(
        kind="created",
        form="simple",
        booking_id="b-1",
        status="confirmed",
        start=utc("2026-12-01T04:00"),
        service_id="s-1",
        customer=Customer("Ana Li", "0400 000 001", "ana@example.test", "c-1"),
    )


def test_the_simple_form_may_say_more() -> None:
    more = {
        "endTime": "2026-12-01T15:30",
        "serviceName": "Follow-up",
        "staffName": "Dr Lee",
        "staffId": "r-1",
        "paymentStatus": "PAID",
        "eventId": "e-1",
        "timestamp": "2026-11-20T12:00:00Z",
        "instanceId": "demo-instance",
    }
    delivery = wix.parse_simple({**SIMPLE, **more}, zone=SYDNEY)
    assert delivery == BookingDelivery(
        kind="created",
        form="simple",
        booking_id="b-1",
        external_event_id="e-1",
        occurred_at=utc("2026-11-20T12:00"),
        status="confirmed",
        start=utc("2026-12-01T04:00"),
        end=utc("2026-12-01T04:30"),
        service_id="s-1",
        service_name="Follow-up",
        staff_name="Dr Lee",
        staff_id="r-1",
        customer=Customer("Ana Li", "0400 000 001", "ana@example.test", "c-1"),
        payment_status="PAID",
        instance_id="demo-instance",
    )


@pytest.mark.parametrize(
    ("name", "kind"),
    [("created", "created"), ("updated", "updated"), ("cancelled", "canceled"), ("canceled", "canceled")],
)
def test_the_simple_events(name: str, kind: str) -> None:
    assert wix.parse_simple({**SIMPLE, "event": f"bookings/{name}"}, zone=SYDNEY).kind == kind


def test_only_a_new_booking_needs_its_time() -> None:
    for name in ("updated", "cancelled"):
        bare = {"event": f"bookings/{name}", "bookingId": "b-1"}
        assert wix.parse_simple(bare, zone=SYDNEY).start is None
    assert (
        complaint({**SIMPLE, "startTime": ""}, how=wix.parse_simple)
        == "startTime: a new booking needs its time."
    )


@pytest.mark.parametrize(
    "name", ["created", "bookings/confirmed", "contacts/created", "bookings/", "xbookings/created"]
)
def test_an_event_the_simple_form_does_not_have_is_unknown(name: str) -> None:
    with pytest.raises(UnknownEvent) as caught:
        wix.parse_simple({**SIMPLE, "event": name}, zone=SYDNEY)
    what = f"there is no event {name}; send bookings/created, bookings/updated or bookings/cancelled."
    assert caught.value.message == f"event: {what}"
    assert caught.value.fields == {"event": [what]}


WHEN = "this must be a date and time, such as 2026-12-01T15:00:00+11:00."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"event": None},
            "event: this says what happened: bookings/created, bookings/updated or bookings/cancelled.",
        ),
        ({"bookingId": ""}, "bookingId: the booking's id is missing."),
        ({"bookingId": "x" * 256}, "bookingId: an id may have 255 characters at most."),
        ({"startTime": "noon"}, f"startTime: {WHEN}"),
        ({"endTime": "noon"}, f"endTime: {WHEN}"),
        ({"timestamp": "noon"}, f"timestamp: {WHEN}"),
        ({"customerInfo": "Ana"}, "customerInfo: this is not JSON."),
        *(
            ({name: "x" * 256}, f"{name}: an id may have 255 characters at most.")
            for name in ("serviceId", "contactId", "staffId", "eventId", "instanceId")
        ),
    ],
)
def test_what_the_simple_form_has_wrong_is_named(change: dict[str, Any], message: str) -> None:
    assert complaint({**SIMPLE, **change}, how=wix.parse_simple) == message


# Wix Automations

AUTOMATION: dict[str, Any] = {
    "booking_id": "b-1",
    "service_id": "s-1",
    "service_name": "Follow-up",
    "start_date": "2026-12-01T15:00:00Z",
    "end_date": "2026-12-01T15:15:00Z",
    "staff_member_name": "Dr Lee",
    "booking_contact_first_name": "Ana",
    "booking_contact_last_name": "Li",
    "booking_contact_phone": "+61400000001",
    "contact_id": "c-1",
    "contact": {"email": "ana@example.test"},
    "instance_id": "inst-1",
    "_context": {"activation": {"id": "act-1"}},
}


def automation(**changes: Any) -> BookingDelivery:
    return wix.parse_automation({"data": {**AUTOMATION, **changes}}, zone=SYDNEY)


def test_an_automation_is_read_in_data_or_at_the_top() -> None:
    expected = BookingDelivery(
        kind="created",
        form="automation",
        booking_id="b-1",
        external_event_id="act-1",
        start=utc("2026-12-01T15:00"),
        end=utc("2026-12-01T15:15"),
        service_id="s-1",
        service_name="Follow-up",
        staff_name="Dr Lee",
        customer=Customer("Ana Li", "+61400000001", "ana@example.test", "c-1"),
        instance_id="inst-1",
    )
    assert automation() == expected
    assert wix.parse_automation(AUTOMATION, zone=SYDNEY) == expected
    inner = {key: value for key, value in AUTOMATION.items() if key != "_context"}
    assert wix.parse_automation({"data": inner, "_context": AUTOMATION["_context"]}, zone=SYDNEY) == expected


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        (
            {
                "canceled_timestamp_with_timezone": "2026-11-20T10:00:00Z",
                "previous_start_date": "2026-11-30T15:00Z",
            },
            "canceled",
        ),
        ({"previous_start_date": "2026-11-30T15:00:00Z"}, "rescheduled"),
        ({"_context": {"trigger": {"key": "wix_bookings-Canceled"}}}, "canceled"),
        ({"_context": {"trigger": {"key": "booking_declined"}}}, "declined"),
        ({"_context": {"trigger": {"key": "booking_rescheduled"}}}, "rescheduled"),
        (
            {
                "_context": {"trigger": {"key": "booking_confirmed"}},
                "previous_start_date": "2026-11-30T15:00Z",
            },
            "confirmed",
        ),
        ({"_context": {"trigger": {"key": "booked"}}}, "created"),
    ],
)
def test_what_an_automation_is_about_is_told_from_its_trigger_or_fields(
    changes: dict[str, Any], kind: str
) -> None:
    assert automation(**changes).kind == kind


def test_an_automation_tells_the_time_before() -> None:
    assert automation(previous_start_date="2026-11-30T15:00:00Z").previous_start == utc("2026-11-30T15:00")


def test_an_automation_spells_its_times_in_four_ways() -> None:
    names = [
        "start_time_timestamp_with_timezone",
        "start_date",
        "start_date_by_business_tz",
        "start_time_timestamp",
    ]
    for name in names:
        changes = {other: "soon" for other in names if other != name} | {name: "2026-12-02T15:00:00Z"}
        assert automation(**changes).start == utc("2026-12-02T15:00"), name
    assert automation(end_date=None, end_time_timestamp="1796137200").end == utc("2026-12-01T15:00")


def test_an_automation_may_name_its_person_in_the_contact() -> None:
    contact = {
        "contactId": "c-2",
        "name": {"first": "Bo", "last": "Yu"},
        "phone": "1",
        "phones": [None, {"e164Phone": "+61400000002"}],
        "email": "bo@example.test",
    }
    bare = dict.fromkeys(
        ("booking_contact_first_name", "booking_contact_last_name", "booking_contact_phone", "contact_id")
    )
    assert automation(**bare, contact=contact).customer == Customer(
        "Bo Yu", "+61400000002", "bo@example.test", "c-2"
    )
    assert automation(**bare, contact={**contact, "phones": "none"}).customer.phone == "1"
    assert automation(booking_contact_email="a@b.test", contact=contact).customer == Customer(
        "Ana Li", "+61400000001", "a@b.test", "c-1"
    )


def test_an_automation_may_name_things_in_the_main_language() -> None:
    delivery = automation(
        service_name="",
        service_name_main_language="Check",
        staff_member_name=None,
        staff_member_name_main_language="Lee",
    )
    assert (delivery.service_name, delivery.staff_name) == ("Check", "Lee")


def test_only_a_new_booking_of_an_automation_needs_its_time() -> None:
    assert automation(start_date="", canceled_timestamp_with_timezone="x").start is None
    payload = {"data": {**AUTOMATION, "start_date": ""}}
    assert complaint(payload, how=wix.parse_automation) == "start_date: a new booking needs its time."


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"booking_id": None}, "booking_id: the booking's id is missing."),
        ({"_context": 1}, "_context: this must be an object."),
        ({"_context": {"activation": 1}}, "_context.activation: this must be an object."),
        (
            {"_context": {"activation": {"id": "x" * 256}}},
            "_context.activation.id: an id may have 255 characters at most.",
        ),
        ({"_context": {"trigger": 1}}, "_context.trigger: this must be an object."),
        ({"start_date": "soon"}, f"start_date: {WHEN}"),
        ({"end_date": "soon"}, f"end_date: {WHEN}"),
        ({"previous_start_date": "soon"}, f"previous_start_date: {WHEN}"),
        ({"contact": 1}, "contact: this must be an object."),
        ({"contact": {"name": 1}}, "contact.name: this must be an object."),
        *(
            ({name: "x" * 256}, f"{name}: an id may have 255 characters at most.")
            for name in ("booking_id", "service_id", "contact_id", "instance_id")
        ),
    ],
)
def test_what_an_automation_has_wrong_is_named(change: dict[str, Any], message: str) -> None:
    assert complaint({"data": {**AUTOMATION, **change}}, how=wix.parse_automation) == message


def test_data_of_an_automation_must_be_an_object() -> None:
    assert complaint({"data": 1}, how=wix.parse_automation) == "data: this must be an object."
