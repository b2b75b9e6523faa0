"""Forms of the clinic's website: from listed pages, not too often, with how they came and what they allow."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.cache import cache

from contacts.models import Consent, Contact, Touchpoint
from contacts.services import set_consent
from core.causes import Cause
from core.models import Event
from integrations import inbound
from integrations.models import Provider, ProviderAccount, Receipt
from tests.factories.contacts import make_contact
from tests.factories.integrations import make_account, token_of

pytestmark = pytest.mark.django_db

SAMPLES = Path(__file__).parents[1] / "webhooks" / "web_form"
SITE = "https://www.clinic.example"
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


@pytest.fixture
def form(sydney) -> ProviderAccount:
    return make_account(
        sydney,
        Provider.WEB_FORM,
        credentials={"origins": f"{SITE}\nclinic.example", "webhook_secret": "server"},
    )


@pytest.fixture
def path(form) -> str:
    cache.clear()
    return f"/webhooks/forms/{token_of(form)}"


@pytest.fixture
def send(client, path):
    """Send fields as JSON from the clinic's page."""

    def post(fields: dict[str, Any], **headers: str) -> Any:
        given = {"Origin": SITE, **{name.replace("_", "-"): value for name, value in headers.items()}}
        return client.generic(
            "POST", path, json.dumps(fields).encode(), content_type="application/json", headers=given
        )

    return post


def enquiry() -> dict[str, Any]:
    fields: dict[str, Any] = json.loads((SAMPLES / "enquiry.json").read_bytes())
    return fields


def test_a_form_becomes_a_lead_with_its_answers_and_how_they_came(send, run_work) -> None:
    assert send(enquiry()).status_code == 200
    run_work()
    contact = Contact.objects.get()
    assert (contact.name, contact.phone, contact.email) == ("Ana Silva", "+61412345678", "ana@example.com")
    assert (contact.source, contact.intent) == ("google_ads", "routine_check")
    expected = {
        "source": "google_ads", "channel": "Contact us", "campaign": "Spring", "gclid": "Cj0KCQ",
        "utm_source": "google", "utm_medium": "cpc", "utm_campaign": "Spring",
        "referrer": "https://www.google.com/search", "landing_page": "https://www.clinic.example/skin-check",
    }  # fmt: skip
    first = dict(contact.first_touch)
    assert first.pop("at")
    assert first == expected
    [touchpoint] = Touchpoint.objects.filter(type="form_submit")
    assert touchpoint.answers == {
        "intent": "Skin check", "message": "I have a question\nabout Tuesday."
    }  # fmt: skip
    assert touchpoint.is_attribution_event
    assert Event.objects.filter(type="lead_created").count() == 1
    said = Consent.objects.filter(state="granted").values_list("channel", "purpose", "wording", "basis")
    wording = "The clinic may text and e-mail me about my enquiry."
    assert set(said) == {
        (channel, purpose, wording, "form") for channel in ("sms", "email") for purpose in ("service", "care")
    }


def test_an_encoded_form_counts_alike_and_marketing_needs_its_own_box(client, path, run_work) -> None:
    body = (SAMPLES / "enquiry.form").read_bytes()
    answer = client.generic("POST", path, body, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 200
    run_work()
    contact = Contact.objects.get()
    assert (contact.source, contact.intent, contact.phone) == ("meta_ads", "procedure", "+61412345678")
    [consent] = Consent.objects.all()
    assert (consent.channel, consent.purpose, consent.state, consent.wording) == (
        "sms", "marketing", "granted", "Send me offers"
    )  # fmt: skip


def test_a_form_proves_nothing_so_a_stop_stands(send, sydney, run_work) -> None:
    set_consent(
        location_id=sydney.pk, address="+61412345678", channel="sms", purposes=["service", "care", "marketing"],
        state="withdrawn", basis="reply", cause=Cause.system("test"),
    )  # fmt: skip
    send(enquiry())
    run_work()
    standing = Consent.objects.filter(address="+61412345678", superseded_at__isnull=True)
    assert set(standing.values_list("state", flat=True)) == {"withdrawn"}


def test_somebody_known_gets_a_touchpoint_and_keeps_the_first_touch(
    send, sydney, run_work, frozen_time
) -> None:
    time = frozen_time(NOW)
    known = make_contact(sydney, name="Ana Silva", phone="+61412345678", is_lead=True, source="phone")
    first = known.first_touch
    run_work()
    time.advance(timedelta(days=1))
    send(enquiry())
    run_work()
    known.refresh_from_db()
    assert Contact.objects.count() == 1
    assert (known.source, known.first_touch) == ("phone", first)
    assert (known.last_touch["source"], known.last_touch["type"]) == ("google_ads", "form_submit")
    assert known.email == "ana@example.com"
    assert Event.objects.filter(type="lead_created").count() == 1


def test_a_hidden_contact_who_writes_again_is_back_and_a_lead_again(send, sydney, run_work) -> None:
    from contacts.services import delete_contact

    known = make_contact(sydney, name="Ana Silva", phone="+61412345678")
    delete_contact(contact_id=known.pk, cause=Cause.system("test"))
    send(enquiry())
    run_work()
    known.refresh_from_db()
    assert known.deleted_at is None
    assert Event.objects.filter(type="lead_created", contact_id=known.pk).count() == 1


def test_another_name_on_the_same_phone_is_another_of_the_household_and_staff_are_asked(
    send, run_work
) -> None:
    send(enquiry())
    send({**enquiry(), "Your Name": "Pedro Costa", "email": "pedro@example.com", "submission_id": "2"})
    run_work()
    ana, pedro = Contact.objects.order_by("pk")
    assert (pedro.name, pedro.guardian) == ("Pedro Costa", ana)
    assert Event.objects.filter(type="duplicate_suspected").count() == 1


def test_a_phone_that_cannot_be_read_is_kept_as_it_was_typed(send, run_work) -> None:
    send({"name": "Ana", "phone": "041234", "email": "a@b.example"})
    run_work()
    contact = Contact.objects.get()
    assert (contact.phone, contact.custom_fields["phone_as_given"]) == ("", "041234")


def test_a_submission_sent_twice_is_taken_once(send, run_work) -> None:
    first = send(enquiry())
    again = send({**enquiry(), "message": "edited meanwhile"})
    run_work()
    assert again.json() == first.json()
    assert Touchpoint.objects.filter(type="form_submit").count() == 1


def test_a_download_counts_as_interest(send, run_work) -> None:
    send({"email": "a@b.example", "resource": "Skin guide"})
    run_work()
    assert Touchpoint.objects.filter(type="resource_download").count() == 1
    assert Contact.objects.get().warmness_score == 10


def test_what_a_machine_filled_in_is_set_aside_until_a_person_says_otherwise(send, run_work) -> None:
    assert send({**enquiry(), "_gotcha": "http://spam.example"}).status_code == 200
    run_work()
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.error) == ("ignored", "filled_in_by_a_machine")
    assert not Contact.objects.exists()
    inbound.apply_again(receipt)
    run_work()
    assert Contact.objects.get().name == "Ana Silva"


def test_a_listed_page_may_ask_and_hears_of_it(client, path) -> None:
    asked = client.options(path, headers={"Origin": SITE, "Access-Control-Request-Method": "POST"})
    assert asked.status_code == 204
    assert asked["Access-Control-Allow-Origin"] == SITE
    assert asked["Access-Control-Allow-Headers"] == "Content-Type"
    assert "Access-Control-Allow-Credentials" not in asked
    assert asked["Vary"] == "Origin"
    other = client.options(path, headers={"Origin": "https://clinic.example.evil.example"})
    assert "Access-Control-Allow-Origin" not in other
    unknown = client.options("/webhooks/forms/wrong", headers={"Origin": SITE})
    assert "Access-Control-Allow-Origin" not in unknown


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "http://www.clinic.example",
        "https://www.clinic.example:8443",
        "https://[",
        "https://somebody@www.clinic.example",
    ],
)
def test_a_page_that_is_not_listed_is_refused(origin: str, send) -> None:
    answer = send(enquiry(), Origin=origin)
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "not_allowed")
    assert "Access-Control-Allow-Origin" not in answer
    assert not Receipt.objects.exists()


def test_a_refusal_can_be_read_by_the_listed_page(send) -> None:
    answer = send({"name": "Ana"})
    assert answer.status_code == 400
    assert answer["Access-Control-Allow-Origin"] == SITE
    assert answer.json()["error"]["fields"]["phone"]


def test_one_address_may_not_send_without_end_but_the_sites_server_may(send, settings, frozen_time) -> None:
    settings.FORMS_PER_MINUTE = 3
    time = frozen_time(NOW)
    codes = [send({"email": f"a{number}@b.example"}).status_code for number in range(5)]
    assert codes == [200, 200, 200, 429, 429]
    refused = send({"email": "a9@b.example"})
    assert refused["Retry-After"] == "60"
    assert send({"email": "a9@b.example"}, Authorization="Bearer server").status_code == 200
    time.advance(timedelta(minutes=1))
    assert send({"email": "a8@b.example"}).status_code == 200


def test_a_visitor_is_thanked_and_sent_on_only_to_the_clinics_own_pages(client, path) -> None:
    def visit(**fields: str) -> Any:
        body = urlencode({"email": "a@b.example", **fields}).encode()
        headers = {"Origin": SITE, "Accept": "text/html,*/*"}
        return client.generic(
            "POST", path, body, content_type="application/x-www-form-urlencoded", headers=headers
        )

    sent_on = visit(_next=f"{SITE}/thanks?a=1")
    assert (sent_on.status_code, sent_on["Location"]) == (303, f"{SITE}/thanks?a=1")
    assert visit(_next=f"{SITE}/merci/é")["Location"] == f"{SITE}/merci/%C3%A9"
    for elsewhere in (
        "https://evil.example/", "//evil.example", "javascript:alert(1)", "", "www.clinic.example/thanks",
        "https://evil.example\\@www.clinic.example/", "https://me@www.clinic.example/", "https://[",
    ):  # fmt: skip
        thanked = visit(_next=elsewhere)
        assert thanked.status_code == 200
        assert "Thank you" in thanked.content.decode()
    refused = visit(email="")
    assert refused.status_code == 400
    assert "Your message was not sent" in refused.content.decode()


def test_other_types_and_methods_and_addresses_are_refused(client, path) -> None:
    assert (
        client.generic("POST", path, b"x", content_type="multipart/form-data; boundary=x").status_code == 415
    )
    got = client.get(path)
    assert (got.status_code, got["Allow"]) == (405, "POST, OPTIONS")
    assert client.post("/webhooks/forms/wrong", {}, content_type="application/json").status_code == 404
    assert client.generic("POST", path, b"x" * (1024 * 1024 + 1), content_type="").status_code == 413
    assert not Receipt.objects.exists()


@pytest.mark.parametrize(
    "odd", [{"User-Agent": "a\x00b"}, {"Content-Length": "\xb2"}, {"Content-Length": "9" * 5000}]
)
def test_odd_headers_break_nothing(odd: dict[str, str], client, path) -> None:
    body, kind = b"email=a%40b.example", "application/x-www-form-urlencoded"
    if "Content-Length" in odd:
        answer = client.generic("POST", path, body, content_type=kind, CONTENT_LENGTH=odd["Content-Length"])
        assert answer.status_code in (400, 413)
    else:
        assert client.generic("POST", path, body, content_type=kind, headers=odd).status_code == 200
        assert Receipt.objects.get().headers["User-Agent"] == "a b"
