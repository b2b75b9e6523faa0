"""Texts and delivery receipts of the console provider: stored at the door, handed on to whoever applies them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from core.causes import Cause
from core.models import Work
from core.registry import Registry
from integrations import inbound
from integrations.models import Kind, Receipt
from integrations.ports import DeliveryReceipt, InboundSms
from tests.factories.integrations import make_console_account, token_of
from tests.integrations.conftest import TOKEN

pytestmark = pytest.mark.django_db

INBOUND = f"/webhooks/sms/inbound/{TOKEN}"
TEXT = {
    "message_id": "m-1",
    "from": "+61412345678",
    "to": "+61480000001",
    "body": "Yes please",
    "timestamp": "2026-11-20T10:00:00+11:00",
}


@pytest.fixture
def applied(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[tuple[Any, Cause]]]:
    """What was handed on, in place of what the messaging app would do with it."""
    seen: list[tuple[Any, Cause]] = []

    def apply(parsed: Any, *, account: Any, receipt: Receipt, cause: Cause) -> dict[str, str]:
        seen.append((parsed, cause))
        return {"message": "m"}

    registry: Registry[Any] = Registry("applier of deliveries")
    for kind in (Kind.SMS_INBOUND, Kind.SMS_RECEIPT):
        registry.register(kind, apply)
    monkeypatch.setattr(inbound, "appliers", registry)
    return seen


@pytest.mark.parametrize("path", [INBOUND, f"/webhooks/sms/incoming/{TOKEN}"])
@pytest.mark.parametrize("form", [False, True], ids=["json", "form"])
def test_a_text_is_stored_and_applied_as_json_or_form(path, form, client, console, applied, run_work):
    body, kind = (
        (urlencode(TEXT), "application/x-www-form-urlencoded")
        if form
        else (json.dumps(TEXT), "application/json")
    )
    response = client.generic("POST", path, body, content_type=kind)
    assert response.status_code == 200
    assert applied == [], "stored before it is understood"
    run_work()
    [(sms, cause)] = applied
    assert isinstance(sms, InboundSms)
    assert (sms.external_id, sms.from_, sms.body) == ("m-1", "+61412345678", "Yes please")
    assert (cause.kind, cause.id, cause.chain) == ("provider", str(console.pk), ())
    assert Receipt.objects.get().state == "applied"


@pytest.mark.usefixtures("console")
def test_a_text_that_comes_twice_is_applied_once(client, applied, run_work):
    answers = [client.post(INBOUND, json.dumps(TEXT), content_type="application/json") for _ in range(3)]
    run_work()
    assert len(applied) == 1
    assert {answer.json()["receiptId"] for answer in answers} == {str(Receipt.objects.get().public_id)}


@pytest.mark.usefixtures("console")
def test_receipts_of_one_text_are_kept_by_status(client, applied, run_work):
    path = f"/webhooks/sms/receipt/{TOKEN}"
    for status in ("sent", "delivered", "delivered"):
        body = json.dumps({"message_id": "p-1", "status": status})
        assert client.post(path, body, content_type="application/json").status_code == 200
    run_work()
    assert [told.status for told, _ in applied] == ["sent", "delivered"]
    assert all(isinstance(told, DeliveryReceipt) for told, _ in applied)


@pytest.mark.usefixtures("console")
@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ("{}", "application/json", 400),
        ("{", "application/json", 400),
        ("body=hello", "application/x-www-form-urlencoded", 400),
        ("from=%2B61412345678&body=hello", "multipart/form-data; boundary=x", 415),
        ("<sms/>", "application/xml", 415),
        ("x" * (1024 * 1024 + 1), "application/json", 413),
    ],
)
def test_what_cannot_be_read_is_refused_and_not_kept(client, body, kind, status):
    assert client.generic("POST", INBOUND, body, content_type=kind).status_code == status
    assert not Receipt.objects.exists()


def test_each_clinic_has_its_own_address(client, console, melbourne, applied, run_work):
    other = make_console_account(melbourne)
    for path in (INBOUND, f"/webhooks/sms/inbound/{token_of(other)}"):
        assert client.post(path, json.dumps(TEXT), content_type="application/json").status_code == 200
    run_work()
    assert {int(cause.id) for _, cause in applied} == {console.pk, other.pk}


def test_a_token_of_its_own_ends_the_one_from_the_environment(client, console, applied):
    fresh = token_of(console)
    assert client.post(INBOUND, json.dumps(TEXT), content_type="application/json").status_code == 404
    path = f"/webhooks/sms/inbound/{fresh}"
    assert client.post(path, json.dumps(TEXT), content_type="application/json").status_code == 200


@pytest.mark.usefixtures("console")
def test_neither_work_nor_log_holds_the_number_or_the_words(client, applied, caplog, run_work):
    caplog.set_level("DEBUG")
    client.post(INBOUND, json.dumps(TEXT), content_type="application/json")
    run_work()
    item = Work.objects.get(handler=inbound.APPLY)
    assert item.args == {"receipt": Receipt.objects.get().pk}
    for text in (TEXT["from"], "412345678", TEXT["body"]):
        assert text not in item.subject
        assert text not in caplog.text
