from __future__ import annotations

import json
import logging
import secrets

import pytest
import structlog
from django.test import RequestFactory
from django.urls import reverse

from avatar_cms.logs import configuration


@pytest.fixture
def formatter() -> logging.Formatter:
    """What production writes its lines with."""
    made = configuration(json=True, level="INFO")["formatters"]["lines"]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=made["foreign_pre_chain"], processors=made["processors"]
    )


def line(formatter: logging.Formatter, message: str, **extra: object) -> dict[str, object]:
    record = logging.LogRecord("test", logging.WARNING, __file__, 1, message, None, None)
    record.__dict__.update(extra)
    written: dict[str, object] = json.loads(formatter.format(record))
    return written


def test_numbers_and_addresses_are_masked_wherever_they_hide(formatter: logging.Formatter) -> None:
    written = line(formatter, "sent to +61 412 345 678", who="ana@example.com", item=61412345678)
    assert written["event"] == "sent to [phone]"
    assert written["who"] == "[email]"
    assert written["item"] == 61412345678


def test_a_request_is_named_without_what_was_searched_for(formatter: logging.Formatter) -> None:
    request = RequestFactory().get("/api/contacts/search", {"q": "Ana Silva"})
    written = line(formatter, "Not Found: %s", request=request)
    assert written["request"] == "GET /api/contacts/search"
    assert "Ana" not in json.dumps(written)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("manychat_token", "/webhooks/manychat/[token]"),
        ("web_form", "/webhooks/forms/[token]"),
        ("sms_inbound", "/webhooks/sms/inbound/[token]"),
        ("sms_incoming", "/webhooks/sms/incoming/[token]"),
        ("sms_receipt", "/webhooks/sms/receipt/[token]"),
        ("meta_leads_token", "/webhooks/meta/leads/[token]"),
        ("wix_bookings_token", "/webhooks/wix/bookings/[token]"),
    ],
)
def test_a_secret_address_of_a_webhook_is_masked(name: str, shown: str, formatter: logging.Formatter) -> None:
    path = reverse(f"integrations:{name}", args=(secrets.token_urlsafe(32),))
    written = line(formatter, f"Not Found: {path}", request=RequestFactory().post(path))
    assert (written["event"], written["request"]) == (f"Not Found: {shown}", f"POST {shown}")
