"""The sample deliveries under tests/webhooks, posted as they stand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bookings.models import Booking
from integrations.models import Receipt
from tests.factories.integrations import token_of
from tests.integrations.conftest import TOKEN, WIX
from tests.webhooks.wix_builder import KINDS, sign

pytestmark = pytest.mark.django_db

SAMPLES = Path(__file__).parents[1] / "webhooks"


def sample(name: str) -> dict[str, Any]:
    return dict(json.loads((SAMPLES / f"{name}.json").read_text()))


@pytest.mark.parametrize("as_text", [True, False], ids=["json-in-json", "objects"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.usefixtures("wix")
def test_each_wix_event_is_applied_whatever_stands_as_text(kind, as_text, post_jwt, run_work):
    kept = sample(f"wix/{kind}")
    outer = {
        "eventType": kept["eventType"],
        "instanceId": kept["instanceId"],
        "data": json.dumps(kept["event"]) if as_text else kept["event"],
    }
    body = sign({"data": json.dumps(outer) if as_text else outer})
    assert post_jwt(body).status_code == 200
    run_work()
    assert Receipt.objects.get().state == "applied"
    booking = Booking.objects.select_related("practitioner", "service").get()
    assert booking.practitioner is not None
    assert (booking.practitioner.name, booking.service.name) == ("Dr Lee", "Skin cancer check")


@pytest.mark.parametrize("name", ["simple_created", "simple_updated", "simple_cancelled"])
@pytest.mark.usefixtures("wix")
def test_each_simple_form_is_answered_with_ids(name, post_simple):
    answer = post_simple((SAMPLES / "wix" / f"{name}.json").read_bytes()).json()
    assert answer["bookingId"] == str(Booking.objects.get().public_id)


def test_an_automation_is_applied(client, wix, run_work):
    body = (SAMPLES / "wix" / "automation.json").read_bytes()
    path = f"{WIX}/{token_of(wix)}"
    assert client.generic("POST", path, body, content_type="application/json").status_code == 200
    run_work()
    assert Booking.objects.get().status == "scheduled"
    assert Receipt.objects.get().external_id == "5d0a7f2e-0001"


@pytest.mark.parametrize(("door", "name"), [("inbound", "console/inbound"), ("receipt", "console/receipt")])
@pytest.mark.usefixtures("console")
def test_each_console_form_is_stored(door, name, client):
    body = json.dumps(sample(name))
    answer = client.post(f"/webhooks/sms/{door}/{TOKEN}", body, content_type="application/json")
    assert answer.status_code == 200
    assert Receipt.objects.get().kind == f"sms_{door}"
