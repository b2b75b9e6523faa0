from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.errors import Malformed
from integrations.ports import Customer, LeadDelivery, Permission
from integrations.providers import manychat

SAMPLES = Path(__file__).parents[2] / "webhooks" / "manychat"
SYDNEY = ZoneInfo("Australia/Sydney")


def sample(name: str) -> LeadDelivery:
    return manychat.parse((SAMPLES / f"{name}.json").read_bytes(), zone=SYDNEY)


def parse(**payload: object) -> LeadDelivery:
    return manychat.parse(json.dumps(payload).encode(), zone=SYDNEY)


def test_the_simple_form_is_read_whole() -> None:
    lead = sample("flow_completed")
    assert lead == LeadDelivery(
        kind="completed",
        person=Customer("John Smith", "+61411222333", "John@Example.com"),
        form="High Risk Inquiry",
        intent="procedure",
        buttons=("Book Now", "Learn More"),
    )


def test_the_three_events_are_told_apart_and_any_other_is_an_interaction() -> None:
    assert sample("subscriber_created").kind == "subscribed"
    assert sample("custom_field_updated").kind == "changed"
    assert sample("external_request").kind == "interacted"
    assert sample("full_contact_data").kind == "interacted"


def test_full_contact_data_is_read_whole() -> None:
    lead = sample("full_contact_data")
    assert lead.person == Customer("Maria Rossi", "+61 412 555 123", "", "9007199254740993012")
    assert lead.instance_id == "104512998877"
    assert lead.occurred_at == datetime(2026, 11, 23, 0, 58, tzinfo=UTC)
    assert lead.form == "Skin check ad"
    assert lead.intent == "Skin check"
    assert lead.answers == {"last_input_text": "Is the mole check painful?", "preferred_day": "Tuesday"}
    assert lead.permissions == (Permission(("sms",), False, "Opted in to texts in ManyChat."),)
    assert lead.arrival.campaign == "Summer skin"
    assert lead.language == "English"
    assert manychat.page_id((SAMPLES / "full_contact_data.json").read_bytes()) == "104512998877"


def test_a_flows_own_body_is_read_and_unfilled_values_are_none() -> None:
    lead = sample("external_request")
    assert lead.person == Customer("John", "0411 222 333", "", "24531968")
    assert (lead.form, lead.answers) == ("mole", {"last_input_text": "MOLE"})


def test_a_changed_field_counts_before_what_was_known() -> None:
    lead = sample("custom_field_updated")
    assert (lead.intent, lead.answers) == ("high risk", {})
    apart = parse(
        event="custom_field_updated", contact={"id": 7}, custom_field={"name": "Skin type", "value": 2}
    )
    assert (apart.person, apart.answers) == (Customer(contact_id="7"), {"skin_type": "2"})
    emptied = parse(event="custom_field_updated", contact={"id": 7}, custom_field={"name": "Skin type"})
    assert emptied.answers == {}
    known = parse(subscriber={"id": 7, "custom_fields": {"intent": "old"}}, field="intent", value="new")
    assert known.intent == "new"


def test_custom_fields_may_hold_the_phone_and_email() -> None:
    lead = parse(subscriber={"id": 7, "custom_fields": {"Mobile": "0411", "E-mail": "a@b.example"}})
    assert lead.person == Customer("", "0411", "a@b.example", "7")


def test_custom_fields_may_be_a_list() -> None:
    listed = [{"id": 1, "name": "Mobile", "value": "0411"}, {"name": "Skin type", "value": 2}, {"value": "x"}]
    lead = parse(subscriber={"id": 7, "custom_fields": listed})
    assert (lead.person, lead.answers) == (Customer("", "0411", "", "7"), {"skin_type": "2"})
    assert parse(subscriber={"id": 7, "custom_fields": []}).person.contact_id == "7"


def test_a_whatsapp_number_stands_in_for_a_phone() -> None:
    assert parse(id="1", whatsapp_phone="61411222333").person.phone == "+61411222333"
    assert parse(id="1", whatsapp_phone="+61411222333").person.phone == "+61411222333"
    assert parse(id="1", whatsapp_phone="6141", phone="0411").person.phone == "0411"


def test_the_id_may_stand_in_the_key() -> None:
    assert parse(key="user:55").person.contact_id == "55"


@pytest.mark.parametrize(
    ("buttons", "read"),
    [
        ("Book Now, Prices,,Book Now", ("Book Now", "Prices")),
        ([{"title": "Book Now"}, {"caption": "Prices"}, {}, 7, None], ("Book Now", "Prices", "7")),
        ({"a": 1}, ()),
        (None, ()),
        ([f"b{number}" for number in range(50)], tuple(f"b{number}" for number in range(20))),
    ],
)
def test_buttons_are_read_however_they_are_sent(buttons: object, read: tuple[str, ...]) -> None:
    assert parse(id="1", buttons_clicked=buttons).buttons == read


def test_the_moment_is_the_events_own_and_an_unreadable_one_is_none() -> None:
    times = {"subscribed": "2026-11-20T09:00:00+11:00", "last_interaction": "2026-11-21T09:00:00+11:00"}
    assert parse(event="subscriber_created", subscriber={"id": 1, **times}).occurred_at == datetime(
        2026, 11, 19, 22, tzinfo=UTC
    )
    assert parse(event="x", subscriber={"id": 1, **times}).occurred_at == datetime(
        2026, 11, 20, 22, tzinfo=UTC
    )
    assert parse(id="1", last_interaction="just now").occurred_at is None


def test_email_opt_in_is_a_permission() -> None:
    assert parse(id="1", optin_email="true").permissions == (
        Permission(("email",), False, "Opted in to e-mails in ManyChat."),
    )


@pytest.mark.parametrize("payload", [{}, {"event": "flow_completed"}, {"subscriber": {"status": "active"}}])
def test_nobody_is_refused(payload: dict[str, object]) -> None:
    with pytest.raises(Malformed) as refused:
        parse(**payload)
    assert set(refused.value.fields) == {"subscriber"}


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"subscriber": 7}', b'{"subscriber": {"custom_fields": [1]}}']
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        manychat.parse(body, zone=SYDNEY)
