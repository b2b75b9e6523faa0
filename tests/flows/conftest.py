from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from accounts.models import User
from contacts.models import Contact
from tests.webhooks import wix_builder


@pytest.fixture
def clinic(db: None, settings: Any, tmp_path: Any) -> None:
    """The demo clinics as `make run` seeds them, with a Wix key of this test's own."""
    public = tmp_path / "wix.pub.pem"
    public.write_text(wix_builder.key_pair()[1])
    settings.WIX_PUBLIC_KEY_FILE = str(public)
    call_command("seed", verbosity=0)


@pytest.fixture
def wix(client: Client) -> Callable[..., None]:
    """Post a signed Wix delivery: wix("created", booking, sequence=1, …)."""

    def post(kind: str, booking: wix_builder.WixBooking, **more: Any) -> None:
        body = wix_builder.delivery(kind, booking, **more)
        answer = client.generic("POST", "/webhooks/wix/bookings", body, content_type="text/plain")
        assert answer.status_code == 200, answer.content

    return post


@pytest.fixture
def text(client: Client, settings: Any) -> Callable[[str, str], None]:
    """The patient writes: text("+614…", "Yes")."""
    keys = iter(range(1000))

    def arrive(phone: str, body: str) -> None:
        sms = {"message_id": f"in-{next(keys)}", "from": phone, "to": "", "body": body}
        answer = client.post(
            f"/webhooks/sms/inbound/{settings.SMS_WEBHOOK_TOKEN}",
            json.dumps(sms),
            content_type="application/json",
        )
        assert answer.status_code == 200, answer.content

    return arrive


@pytest.fixture
def staff_lead(client: Client) -> Callable[[str], Contact]:
    """The desk enters an enquiry through the API: staff_lead("0412 345 678")."""

    def enter(phone: str) -> Contact:
        client.force_login(User.objects.get(email="staff@demo.test"))
        body = {"name": "Ana Silva", "phone": phone, "source": "phone", "intent": "routine_check"}
        answer = client.post("/api/contacts", json.dumps(body), content_type="application/json")
        assert answer.status_code == 201, answer.content
        return Contact.objects.get(public_id=answer.json()["id"])

    return enter
