"""Twilio and ClickSend at the doors: who is let in, whose delivery it is, what is answered."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.test import Client

from accounts.models import Location
from core.models import Work
from integrations.models import Provider, ProviderAccount, Receipt
from tests.factories.integrations import make_sender, token_of
from tests.fakes.clicksend import FakeClickSend
from tests.fakes.twilio import FakeTwilio, signature

pytestmark = pytest.mark.django_db

PUBLIC = "https://cms.example"
SMS = f"{PUBLIC}/webhooks/twilio/sms"
PATIENT, CLINIC, OTHER_CLINIC = "+61412345678", "+61480000001", "+61480000002"
FORM = "application/x-www-form-urlencoded"


def through(client: Client) -> Callable[[str, bytes, Mapping[str, str]], tuple[int, bytes]]:
    """Post as a provider does, with this client in place of the network."""

    def deliver(url: str, body: bytes, headers: Mapping[str, str]) -> tuple[int, bytes]:
        parts = urlsplit(url)
        path = f"{parts.path}?{parts.query}" if parts.query else parts.path
        more = {name: value for name, value in headers.items() if name != "Content-Type"}
        answer = client.generic("POST", path, body, content_type=headers["Content-Type"], headers=more)
        return answer.status_code, answer.content

    return deliver


@pytest.fixture
def twilio(client: Client, settings: Any) -> Iterator[FakeTwilio]:
    settings.PUBLIC_URL = PUBLIC
    with FakeTwilio(sms_url=SMS) as fake:
        fake.deliver = through(client)
        yield fake


@pytest.fixture
def account(sydney: Location, twilio: FakeTwilio) -> ProviderAccount:
    return twilio_account(sydney, twilio)


def twilio_account(location: Location, fake: FakeTwilio, **credentials: str) -> ProviderAccount:
    return ProviderAccount.objects.create(
        location=location, provider=Provider.TWILIO, name="Twilio",
        credentials={"account_sid": fake.account_sid, "auth_token": fake.auth_token, **credentials},
    )  # fmt: skip


# Twilio


def test_a_signed_text_is_stored_and_answered_with_no_reply(twilio, account):
    status, body = twilio.reply(PATIENT, CLINIC, "Yes", FromCity="")
    assert (status, body) == (200, b'<?xml version="1.0" encoding="UTF-8"?><Response></Response>')
    receipt = Receipt.objects.get()
    assert (receipt.account, receipt.kind, receipt.location) == (account, "sms_inbound", account.location)
    assert Work.objects.count() == 1


def test_the_answer_is_xml(client, twilio, account):
    fields = {
        "MessageSid": "SM1",
        "AccountSid": twilio.account_sid,
        "From": PATIENT,
        "To": CLINIC,
        "Body": "Hi",
    }
    signed = {"X-Twilio-Signature": signature(SMS, fields, twilio.auth_token)}
    answer = client.generic(
        "POST", "/webhooks/twilio/sms", urlencode(fields), content_type=FORM, headers=signed
    )
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/xml")


def test_a_text_as_json_is_covered_by_the_hash_in_its_address(twilio, account):
    fields = {
        "MessageSid": "SM1",
        "AccountSid": twilio.account_sid,
        "From": PATIENT,
        "To": CLINIC,
        "Body": "Hi",
    }
    assert twilio.post_json(SMS, fields)[0] == 200
    assert Receipt.objects.count() == 1


def test_a_text_that_comes_twice_is_kept_once(twilio, account):
    for _ in range(3):
        twilio.reply(PATIENT, CLINIC, "Yes", MessageSid="SM1")
    assert Receipt.objects.count() == 1


@pytest.mark.parametrize("path", ["/webhooks/twilio/sms", "/webhooks/twilio/status"])
def test_without_twilios_signature_nothing_is_stored(client, twilio, account, path):
    fields = {
        "MessageSid": "SM1", "AccountSid": twilio.account_sid, "From": PATIENT, "To": CLINIC, "MessageStatus": "sent",
    }  # fmt: skip
    forged = {"X-Twilio-Signature": signature(f"{PUBLIC}{path}", fields, "another-token")}
    for headers in ({}, forged):
        answer = client.generic("POST", path, urlencode(fields), content_type=FORM, headers=headers)
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "bad_signature")
    assert not Receipt.objects.exists()


def test_a_changed_field_does_not_pass(client, twilio, account):
    fields = {
        "MessageSid": "SM1",
        "AccountSid": twilio.account_sid,
        "From": PATIENT,
        "To": CLINIC,
        "Body": "Yes",
    }
    signed = {"X-Twilio-Signature": signature(SMS, fields, twilio.auth_token)}
    body = urlencode({**fields, "Body": "STOP"})
    assert (
        client.generic("POST", "/webhooks/twilio/sms", body, content_type=FORM, headers=signed).status_code
        == 401
    )


def test_the_token_before_still_fits_while_it_is_replaced(twilio, sydney):
    twilio_account(sydney, twilio, auth_token="new", previous_auth_token=twilio.auth_token)
    assert twilio.reply(PATIENT, CLINIC, "Yes")[0] == 200


def test_an_account_nobody_entered_or_switched_off_is_a_404(twilio, account):
    account.enabled = False
    account.save()
    assert twilio.reply(PATIENT, CLINIC, "Yes")[0] == 404


def test_an_account_without_a_token_takes_nothing(twilio, sydney):
    twilio_account(sydney, twilio, auth_token="")
    assert twilio.reply(PATIENT, CLINIC, "Yes")[0] == 503


@pytest.mark.parametrize(
    ("to", "service", "owner"),
    [(CLINIC, "", "sydney"), (OTHER_CLINIC, "", "melbourne"), ("+61480000009", "MG2", "melbourne"),
     ("+61480000009", "", "sydney")],
)  # fmt: skip
def test_clinics_that_share_an_account_are_told_apart_by_number_and_service(
    twilio, sydney, melbourne, to, service, owner
):
    make_sender(twilio_account(sydney, twilio, messaging_service="MG1"), value=CLINIC)
    make_sender(twilio_account(melbourne, twilio, messaging_service="MG2"), value=OTHER_CLINIC)
    more = {"MessagingServiceSid": service} if service else {}
    assert twilio.reply(PATIENT, to, "Yes", **more)[0] == 200
    assert Receipt.objects.get().location.code == owner


def test_a_status_goes_to_the_clinic_whose_number_sent_the_text(client, twilio, sydney, melbourne):
    twilio_account(sydney, twilio)
    make_sender(twilio_account(melbourne, twilio), value=OTHER_CLINIC)
    fields = {
        "MessageSid": "SM1", "AccountSid": twilio.account_sid, "From": OTHER_CLINIC, "To": PATIENT,
        "MessageStatus": "sent",
    }  # fmt: skip
    url = f"{PUBLIC}/webhooks/twilio/status?ref=abc"
    signed = {"X-Twilio-Signature": signature(url, fields, twilio.auth_token), "Content-Type": FORM}
    for _ in range(2):
        assert through(client)(url, urlencode(fields).encode(), signed)[0] == 200
    receipt = Receipt.objects.get()
    assert (receipt.location.code, receipt.kind) == ("melbourne", "sms_receipt")
    assert receipt.headers["Reference"] == "abc"


def test_an_address_with_a_token_still_wants_the_signature(client, twilio, account):
    path = f"/webhooks/sms/incoming/{token_of(account)}"
    fields = {
        "MessageSid": "SM1",
        "AccountSid": twilio.account_sid,
        "From": PATIENT,
        "To": CLINIC,
        "Body": "Yes",
    }
    answers = [
        client.generic("POST", path, urlencode(fields), content_type=FORM, headers=headers)
        for headers in ({}, {"X-Twilio-Signature": signature(PUBLIC + path, fields, twilio.auth_token)})
    ]
    assert [answer.status_code for answer in answers] == [401, 200]


def test_where_nobody_said_how_the_server_is_reached_the_called_address_counts(
    client, twilio, account, settings
):
    settings.PUBLIC_URL = ""
    fields = {
        "MessageSid": "SM1",
        "AccountSid": twilio.account_sid,
        "From": PATIENT,
        "To": CLINIC,
        "Body": "Yes",
    }
    signed = signature("http://testserver/webhooks/twilio/sms", fields, twilio.auth_token)
    answer = client.generic(
        "POST",
        "/webhooks/twilio/sms",
        urlencode(fields),
        content_type=FORM,
        headers={"X-Twilio-Signature": signed},
    )
    assert answer.status_code == 200


def test_what_is_missing_is_named(client, twilio, account):
    fields = {"AccountSid": twilio.account_sid, "From": PATIENT, "To": CLINIC}
    signed = {"X-Twilio-Signature": signature(SMS, fields, twilio.auth_token)}
    answer = client.generic(
        "POST", "/webhooks/twilio/sms", urlencode(fields), content_type=FORM, headers=signed
    )
    assert answer.status_code == 400
    assert list(answer.json()["error"]["fields"]) == ["MessageSid"]


# ClickSend


@pytest.fixture
def clicksend_account(sydney: Location) -> ProviderAccount:
    return ProviderAccount.objects.create(
        location=sydney,
        provider=Provider.CLICKSEND,
        name="ClickSend",
        credentials={"username": "u", "api_key": "k"},
    )


@pytest.fixture(params=["post", "json"])
def clicksend(request, client: Client, clicksend_account: ProviderAccount) -> Iterator[FakeClickSend]:
    token = token_of(clicksend_account)
    with FakeClickSend(
        inbound_url=f"{PUBLIC}/webhooks/sms/inbound/{token}", receipt_url=f"{PUBLIC}/webhooks/sms/receipt/{token}",
        webhook_type=request.param,
    ) as fake:  # fmt: skip
        fake.deliver = through(client)
        yield fake


def test_a_text_by_clicksend_is_stored_once_and_answered_with_its_receipt(clicksend, clicksend_account):
    answers = [clicksend.reply(PATIENT, CLINIC, "Yes", message_id="IN-1") for _ in range(2)]
    receipt = Receipt.objects.get()
    assert (receipt.account, receipt.kind, receipt.external_id) == (clicksend_account, "sms_inbound", "IN-1")
    assert {json.loads(body)["receiptId"] for _, body in answers} == {str(receipt.public_id)}


def test_receipts_by_clicksend_are_kept_by_message_code_and_time(clicksend):
    row = {"date": 1764090000, "custom_string": "ref", "to": PATIENT}
    clicksend.messages["CS-1"] = dict(row)
    for code in ("200", "201", "201"):
        assert clicksend.report("CS-1", code, timestamp="1764090001")[0] == 200
    keys = Receipt.objects.order_by("id").values_list("external_id", flat=True)
    assert list(keys) == ["receipt:200:1764090001:CS-1", "receipt:201:1764090001:CS-1"]


def test_one_providers_token_opens_no_other_providers_form(client, clicksend_account):
    path = f"/webhooks/sms/receipt/{token_of(clicksend_account)}"
    answer = client.post(path, {"message_id": "m-1", "status": "delivered"}, content_type="application/json")
    assert (answer.status_code, list(answer.json()["error"]["fields"])) == (400, ["status_code"])
