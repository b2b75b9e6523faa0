"""MessageMedia at the doors: addresses, secret header and signature; which clinic a text is for; opt-outs; long ids."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.conf import settings as django_settings
from django.test import Client
from django.urls import reverse

from accounts.models import Location
from core.models import Work
from integrations import accounts, gateways
from integrations.models import Provider, ProviderAccount, Receipt
from integrations.ports import OutboundSms
from tests.factories.integrations import make_console_account, make_sender, token_of
from tests.fakes.messagemedia import FakeMessageMedia
from tests.integrations.test_sms_providers_doors import through

pytestmark = pytest.mark.django_db

PUBLIC = "https://cms.example"
PATIENT, CLINIC, OTHER_CLINIC = "+61412345678", "+61480000001", "+61480000002"
SMS = OutboundSms(PATIENT, CLINIC, "See you at 3pm.", "0199c0de-0000-7000-8000-000000000001")


@pytest.fixture
def media(client: Client, settings: Any) -> Iterator[FakeMessageMedia]:
    settings.PUBLIC_URL = PUBLIC
    with FakeMessageMedia() as fake:
        settings.MESSAGEMEDIA_API_URL = fake.url
        fake.deliver = through(client)
        yield fake


def media_account(location: Location, fake: FakeMessageMedia, **credentials: str) -> ProviderAccount:
    return ProviderAccount.objects.create(
        location=location, provider=Provider.MESSAGEMEDIA, name="MessageMedia",
        credentials={"api_key": fake.login[0], "api_secret": fake.login[1], **credentials},
    )  # fmt: skip


def addressed(fake: FakeMessageMedia, account: ProviderAccount) -> None:
    """Enter the account's addresses at MessageMedia."""
    token = token_of(account)
    fake.callback_url = PUBLIC + reverse("integrations:sms_callback", args=(token,))
    fake.opt_out_url = PUBLIC + reverse("integrations:sms_opt_out", args=(token,))


def send(account: ProviderAccount) -> str:
    [outcome] = gateways.for_account(account).send_many([SMS])
    return outcome.provider_message_id


def stored() -> list[tuple[str, str, str]]:
    rows = Receipt.objects.order_by("id").values_list("account__location__code", "kind", "external_id")
    return list(rows)


# Addresses


def test_each_text_names_an_address_to_which_its_receipt_and_its_reply_come(media, sydney):
    account = media_account(sydney, media)
    message_id = send(account)
    said = [
        media.report(message_id, "delivered", delivery_report_id="D-1"),
        media.reply(PATIENT, CLINIC, "Yes", reply_id="R-1"),
    ]
    assert [status for status, _ in said] == [200, 200]
    assert stored() == [("sydney", "sms_receipt", "receipt:D-1"), ("sydney", "sms_inbound", "R-1")]
    assert json.loads(said[0][1])["receiptId"] == str(Receipt.objects.get(kind="sms_receipt").public_id)
    assert Work.objects.count() == 2


def test_what_came_to_both_addresses_is_kept_once(media, sydney):
    account = media_account(sydney, media)
    message_id = send(account)
    addressed(media, account)
    media.report(message_id, "submitted", delivery_report_id="D-1")
    media.messages[message_id]["callback_url"] = None
    media.report(message_id, "submitted", delivery_report_id="D-1")
    assert stored() == [("sydney", "sms_receipt", "receipt:D-1")]


def test_a_new_address_ends_the_one_that_went_along_with_texts(media, sydney):
    account = media_account(sydney, media)
    message_id = send(account)
    token_of(account)
    assert media.report(message_id, "delivered")[0] == 404
    assert not Receipt.objects.exists()


def test_another_secret_key_still_knows_the_addresses_of_before(media, sydney, settings):
    message_id = send(media_account(sydney, media))
    settings.SECRET_KEY_FALLBACKS = [django_settings.SECRET_KEY]
    settings.SECRET_KEY = "another-key-" * 5
    assert media.report(message_id, "delivered")[0] == 200


@pytest.mark.parametrize("end", ["", "x", ".", "{name}.", "{name}.wrong", "{name}", "{other}.{signature}"])
def test_no_other_address_is_one(client, media, sydney, melbourne, end):
    account, other = media_account(sydney, media), media_account(melbourne, media)
    name, _, signature = accounts.callback_token(account).partition(".")
    token = end.format(name=name, signature=signature, other=other.public_id.hex)
    path = f"/webhooks/sms/callback/{token}"
    assert client.post(path, "{}", content_type="application/json").status_code == 404


def test_an_account_that_is_switched_off_takes_nothing(media, sydney):
    account = media_account(sydney, media)
    message_id = send(account)
    ProviderAccount.objects.filter(pk=account.pk).update(enabled=False)
    assert media.report(message_id, "delivered")[0] == 404


def test_the_address_of_another_provider_is_none(client, sydney):
    path = reverse("integrations:sms_callback", args=(token_of(make_console_account(sydney)),))
    assert client.post(path, "{}", content_type="application/json").status_code == 404


def test_what_cannot_be_read_is_refused_by_name(client, media, sydney):
    account = media_account(sydney, media)
    path = reverse("integrations:sms_callback", args=(token_of(account),))
    answers = [
        client.generic("POST", path, body, content_type=kind)
        for body, kind in (
            ("{", "application/json"),
            ("{}", "application/json"),
            ("<sms/>", "application/xml"),
        )
    ]
    assert [answer.status_code for answer in answers] == [400, 400, 415]
    assert list(answers[1].json()["error"]["fields"]) == ["source_number"]


# Secret header and signature


def test_with_a_secret_the_account_webhook_must_show_it(media, sydney):
    account = media_account(sydney, media, webhook_secret="new", previous_webhook_secret="old")
    message_id = send(account)
    addressed(media, account)
    media.messages[message_id]["callback_url"] = None
    seen = {}
    for secret in ("", "wrong", "old", "new"):
        media.secret = secret
        seen[secret] = [media.report(message_id, "enroute")[0], media.reply(PATIENT, CLINIC, "Hi")[0]]
    assert seen == {"": [401, 401], "wrong": [401, 401], "old": [200, 200], "new": [200, 200]}


def test_what_a_text_names_needs_no_header_because_none_can_come(media, sydney):
    account = media_account(sydney, media, webhook_secret="new")
    assert media.report(send(account), "delivered")[0] == 200


def public_key(key: rsa.RSAPrivateKey) -> str:
    raw = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(raw).decode()


def test_with_a_public_key_everything_must_be_signed(media, sydney):
    keys = [rsa.generate_private_key(public_exponent=65537, key_size=1024) for _ in range(3)]
    account = media_account(
        sydney, media, public_key=public_key(keys[0]), previous_public_key=public_key(keys[1])
    )
    addressed(media, account)
    message_id = send(account)
    seen = []
    for key in (None, keys[2], keys[1], keys[0]):
        media.key = key
        seen.append((media.report(message_id, "enroute")[0], media.opt_out(reply_fields())[0]))
    assert seen == [(401, 401), (401, 401), (200, 200), (200, 200)]


def reply_fields(**more: Any) -> dict[str, Any]:
    return {
        "reply_id": "R-1",
        "source_number": PATIENT,
        "destination_number": CLINIC,
        "content": "STOP",
        **more,
    }


# Whose it is


def test_clinics_that_share_a_login_are_told_apart_by_number_and_by_text(media, sydney, melbourne):
    ours, theirs = media_account(sydney, media), media_account(melbourne, media)
    make_sender(theirs, value=OTHER_CLINIC)
    addressed(media, ours)
    media.report(send(theirs), "delivered", delivery_report_id="D-1", callback_url=None)
    media.reply("+61499999999", OTHER_CLINIC, "Hi", reply_id="R-1")
    media.reply("+61499999999", CLINIC, "Hi", reply_id="R-2")
    media.reply("+61499999999", "", "Hi", reply_id="R-3")
    media.reply("+61499999999", "", "Hi", reply_id="R-4", metadata={"account": str(theirs.public_id)})
    assert [(code, key) for code, _, key in stored()] == [
        ("melbourne", "receipt:D-1"), ("melbourne", "R-1"), ("sydney", "R-2"), ("sydney", "R-3"), ("melbourne", "R-4"),
    ]  # fmt: skip


def test_one_key_at_two_clinics_is_two_deliveries(media, sydney, melbourne):
    for location, login in ((sydney, "a"), (melbourne, "b")):
        account = media_account(location, media, api_key=login)
        addressed(media, account)
        media.reply("+61499999999", CLINIC, "Hi", reply_id="R-1")
    assert stored() == [("sydney", "sms_inbound", "R-1"), ("melbourne", "sms_inbound", "R-1")]
