"""ManyChat's flows become contacts, touchpoints and warmness; what is not from them is refused."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contacts.models import Consent, Contact, Touchpoint
from core.models import Event, Work
from integrations.models import Provider, ProviderAccount, Receipt
from tests.factories.integrations import make_account, token_of

pytestmark = pytest.mark.django_db

SAMPLES = Path(__file__).parents[1] / "webhooks" / "manychat"
PATH = "/webhooks/manychat"
SECRET = "a-secret-for-manychat"
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)


def sample(name: str, **changes: Any) -> bytes:
    body = (SAMPLES / f"{name}.json").read_bytes()
    return json.dumps({**json.loads(body), **changes}).encode() if changes else body


def signed(body: bytes, secret: str = SECRET) -> dict[str, str]:
    return {"X-Hub-Signature-256": f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"}


@pytest.fixture
def manychat(sydney) -> ProviderAccount:
    return make_account(sydney, Provider.MANYCHAT, credentials={"webhook_secret": SECRET})


@pytest.fixture
def post(client, manychat):
    """Post a body, signed unless told otherwise."""

    def send(body: bytes, headers: dict[str, str] | None = None, path: str = PATH) -> Any:
        given = signed(body) if headers is None else headers
        return client.generic("POST", path, body, content_type="application/json", headers=given)

    return send


def touchpoints() -> list[str]:
    return list(Touchpoint.objects.order_by("pk").values_list("type", flat=True))


def test_a_completed_flow_becomes_a_warm_lead_with_a_touchpoint_for_each_button(post, run_work) -> None:
    response = post(sample("flow_completed"))
    assert response.status_code == 200
    assert response.json()["success"]
    run_work()
    contact = Contact.objects.get()
    assert (contact.name, contact.phone, contact.email) == ("John Smith", "+61411222333", "john@example.com")
    assert (contact.source, contact.intent) == ("manychat_completed", "procedure")
    assert [kind for kind in touchpoints() if kind.startswith(("manychat", "booking_link"))] == [
        "manychat_flow_complete", "manychat_button_click", "booking_link_click", "manychat_button_click",
    ]  # fmt: skip
    assert Event.objects.filter(type="lead_created", contact_id=contact.pk).count() == 1
    assert contact.first_touch["source"] == contact.last_touch["source"] == "manychat_completed"
    assert contact.last_touch["channel"] == "High Risk Inquiry"
    assert contact.warmness_score == 30 + 15 + 15, "intent, source, and the booking link"
    assert Receipt.objects.get().result == {"contact": str(contact.public_id)}


def test_a_new_subscriber_is_a_lead_from_manychat(post, run_work) -> None:
    post(sample("subscriber_created"))
    run_work()
    contact = Contact.objects.get()
    assert contact.source == "manychat"
    assert "manychat_subscribe" in touchpoints()
    assert contact.identities.get().external_id == "24531968"


def test_the_three_events_of_one_person_make_one_contact_and_one_lead(post, run_work) -> None:
    for name in ("subscriber_created", "flow_completed", "custom_field_updated"):
        post(sample(name))
        run_work()
    contact = Contact.objects.get()
    assert Event.objects.filter(type="lead_created").count() == 1
    assert contact.source == "manychat", "the first source stays"
    assert contact.intent == "high_risk", "a change of the field takes the intent along"
    assert contact.first_touch["source"] == "manychat"
    assert {"manychat_subscribe", "manychat_flow_complete", "manychat_interaction"} <= set(touchpoints())


def test_an_intent_nobody_knows_is_kept_in_its_words(post, run_work) -> None:
    post(sample("flow_completed", intent="Blue moon package"))
    run_work()
    contact = Contact.objects.get()
    assert contact.intent == ""
    assert contact.custom_fields["intent_as_given"] == "Blue moon package"


def test_an_enquiry_does_not_take_a_known_intent_back(post, run_work) -> None:
    post(sample("flow_completed"))
    run_work()
    post(sample("flow_completed", intent="general enquiry"))
    run_work()
    assert Contact.objects.get().intent == "procedure"


def test_full_contact_data_keeps_custom_fields_and_consent(post, run_work, manychat) -> None:
    post(sample("full_contact_data"))
    run_work()
    contact = Contact.objects.get()
    assert (contact.phone, contact.intent, contact.language) == ("+61412555123", "routine_check", "English")
    assert contact.custom_fields["preferred_day"] == "Tuesday"
    [touchpoint] = Touchpoint.objects.filter(type="manychat_interaction")
    assert touchpoint.answers["last_input_text"] == "Is the mole check painful?"
    assert "painful" not in json.dumps(touchpoint.details)
    granted = Consent.objects.filter(address="+61412555123", state="granted")
    assert sorted(granted.values_list("purpose", flat=True)) == ["care", "service"]


def test_a_second_delivery_answers_200_with_the_same_id_and_changes_nothing(
    post, run_work, frozen_time
) -> None:
    time = frozen_time(NOW)
    first = post(sample("flow_completed"))
    run_work()
    before = (Event.objects.count(), Touchpoint.objects.count())
    time.advance(timedelta(hours=2))
    again = post(sample("flow_completed"))
    run_work()
    assert (again.status_code, again.json()) == (200, first.json())
    assert (Event.objects.count(), Touchpoint.objects.count()) == before
    time.advance(timedelta(days=3))
    assert post(sample("flow_completed")).json() != first.json(), "another day it is meant again"


def test_events_may_arrive_in_any_order(post, run_work) -> None:
    for name in ("custom_field_updated", "flow_completed", "subscriber_created"):
        post(sample(name))
    run_work()
    contact = Contact.objects.get()
    assert Event.objects.filter(type="lead_created").count() == 1
    assert (contact.name, contact.phone, contact.email) == ("John Smith", "+61411222333", "john@example.com")


@pytest.mark.parametrize("header", ["X-Api-Key", "X-Webhook-Secret", "Authorization"])
def test_a_secret_in_a_header_is_proof_enough(header: str, post) -> None:
    value = f"Bearer {SECRET}" if header == "Authorization" else SECRET
    assert post(sample("external_request"), {header: value}).status_code == 200
    assert post(sample("external_request"), {header: value[:-1]}).status_code == 401


def test_the_older_signature_is_accepted_and_a_newer_one_beside_it_must_fit(post) -> None:
    body = sample("flow_completed")
    old = hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()
    assert post(body, {"X-Hub-Signature": f"sha1={old}"}).status_code == 200
    assert post(body, {"X-Hub-Signature": old}).status_code == 200
    assert (
        post(body, {"X-Hub-Signature": f"sha1={old}", "X-Hub-Signature-256": "sha256=00"}).status_code == 401
    )
    assert post(body, {"X-Hub-Signature": f"md5={old}"}).status_code == 401


def test_an_address_with_a_token_needs_no_signature_but_one_that_is_there_must_fit(post, manychat) -> None:
    path = f"{PATH}/{token_of(manychat)}"
    assert post(sample("flow_completed"), {}, path).status_code == 200
    assert post(sample("flow_completed"), {"X-Hub-Signature-256": "sha256=00"}, path).status_code == 401
    assert post(sample("flow_completed"), {}, f"{PATH}/wrong").status_code == 404


def test_a_signature_names_the_clinic_and_another_clinics_does_not(post, melbourne, run_work) -> None:
    make_account(melbourne, Provider.MANYCHAT, credentials={"webhook_secret": "of melbourne"})
    body = sample("flow_completed")
    assert post(body, signed(body, "of melbourne")).status_code == 200
    run_work()
    assert Contact.objects.get().location == melbourne


def test_the_page_says_which_clinic_where_one_secret_serves_all(
    client, sydney, melbourne, settings, run_work
) -> None:
    settings.MANYCHAT_WEBHOOK_SECRET = "of all"
    make_account(sydney, Provider.MANYCHAT)
    make_account(melbourne, Provider.MANYCHAT, external_instance_id="104512998877")
    for name in ("full_contact_data", "flow_completed"):
        body = sample(name)
        answer = client.generic(
            "POST", PATH, body, content_type="application/json", headers=signed(body, "of all")
        )
        assert answer.status_code == 200
    run_work()
    assert {c.name: c.location.code for c in Contact.objects.all()} == {
        "Maria Rossi": "melbourne", "John Smith": "sydney",
    }  # fmt: skip


def test_two_secrets_fit_while_one_replaces_the_other(post, manychat) -> None:
    manychat.credentials = {"webhook_secret": "the new one", "previous_webhook_secret": SECRET}
    manychat.save()
    body = sample("flow_completed")
    assert post(body).status_code == 200
    assert post(body, signed(body, "the new one")).status_code == 200


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (sample("flow_completed"), {}, 401),
        (sample("flow_completed"), signed(sample("flow_completed"), "another"), 401),
        (sample("flow_completed") + b" ", signed(sample("flow_completed")), 401),
        (b"{", signed(b"{"), 400),
        (b"[]", signed(b"[]"), 400),
        (b"{}", signed(b"{}"), 400),
        (b'{"event": "flow_completed", "subscriber": 7}', None, 400),
        (b'{"a": "' + b"x" * 1024 * 1024 + b'"}', None, 413),
    ],
)
def test_what_is_not_theirs_or_not_readable_is_refused_and_not_kept(body, headers, status, post) -> None:
    answer = post(body, headers)
    assert answer.status_code == status
    assert set(answer.json()["error"]) == {"code", "message", "fields"}
    assert not Receipt.objects.exists()
    assert not Work.objects.exists()


def test_another_type_is_415_and_another_method_405(client, manychat) -> None:
    body = sample("flow_completed")
    wrong = client.generic("POST", PATH, body, content_type="application/xml", headers=signed(body))
    assert wrong.status_code == 415
    assert client.get(PATH).status_code == 405
    assert not Receipt.objects.exists()


def test_an_unset_secret_is_503_and_never_open(client, sydney) -> None:
    make_account(sydney, Provider.MANYCHAT)
    body = sample("flow_completed")
    for headers in ({}, signed(body, ""), {"X-Api-Key": ""}, {"Authorization": "Bearer "}):
        answer = client.generic("POST", PATH, body, content_type="application/json", headers=headers)
        assert answer.status_code == 503
    assert not Receipt.objects.exists()
