from __future__ import annotations

import json
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.errors import Malformed
from integrations.ports import Customer, Permission
from integrations.providers import web_form

SAMPLES = Path(__file__).parents[2] / "webhooks" / "web_form"
SYDNEY = ZoneInfo("Australia/Sydney")


def parse(**fields: object) -> web_form.LeadDelivery:
    return web_form.parse(json.dumps({"phone": "1", **fields}).encode(), zone=SYDNEY)


def test_a_json_form_is_read_whole() -> None:
    lead = web_form.parse((SAMPLES / "enquiry.json").read_bytes(), zone=SYDNEY)
    assert lead.person == Customer("Ana Silva", "0412 345 678", "Ana@Example.com")
    assert (lead.kind, lead.form, lead.intent) == ("form", "Contact us", "Skin check")
    assert lead.external_event_id == "0192f0c1-7f7e-7c11-8d21-6a1c5d0c9a11"
    assert lead.answers == {"message": "I have a question\nabout Tuesday."}
    assert lead.arrival.utm == {"utm_source": "google", "utm_medium": "cpc", "utm_campaign": "Spring"}
    assert lead.arrival.landing_page == "https://www.clinic.example/skin-check"
    [permission] = lead.permissions
    assert permission == Permission(
        ("sms", "email"), False, "The clinic may text and e-mail me about my enquiry."
    )
    assert not lead.trap


def test_an_encoded_form_is_read_alike() -> None:
    lead = web_form.parse((SAMPLES / "enquiry.form").read_bytes(), zone=SYDNEY)
    assert lead.person == Customer("Ana Silva", "0412 345 678")
    assert lead.permissions == (Permission(("sms", "email"), True, "Send me offers"),)
    assert lead.arrival.clicks == {"fbclid": "IwAR0"}
    assert not lead.trap


def test_each_box_allows_what_it_says() -> None:
    lead = parse(sms_consent=True, email_consent="yes", email_consent_wording="By e-mail", newsletter="no")
    assert lead.permissions == (Permission(("sms",), False), Permission(("email",), False, "By e-mail"))


def test_a_field_that_people_do_not_see_gives_a_machine_away() -> None:
    assert parse(_gotcha="http://spam.example").trap


@pytest.mark.parametrize("body", [b'{"name": "Ana"}', b"name=Ana", b"{}", b""])
def test_a_form_that_names_neither_phone_nor_email_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        web_form.parse(body, zone=SYDNEY)
    assert refused.value.fields == {"phone": ["give a phone or an e-mail, so that the clinic can answer."]}


def test_the_page_to_go_to_afterwards_is_found() -> None:
    assert (
        web_form.thank_you_page(b"_next=https%3A%2F%2Fclinic.example%2Fthanks")
        == "https://clinic.example/thanks"
    )
    assert web_form.thank_you_page(b"phone=1") == ""
