from __future__ import annotations

import json
import logging
import secrets
import uuid

import pytest
import structlog
from django.db import DataError, connection
from django.test import RequestFactory
from django.urls import reverse

from avatar_cms.logs import configuration, job_failed
from core import log_context


@pytest.fixture
def formatter() -> logging.Formatter:
    """What production writes its lines with."""
    made = configuration(json=True, level="INFO")["formatters"]["lines"]
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=made["foreign_pre_chain"], processors=made["processors"]
    )


def line(
    formatter: logging.Formatter, message: str, *, error: BaseException | None = None, **extra: object
) -> dict[str, object]:
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    record = logging.LogRecord("test", logging.WARNING, __file__, 1, message, None, exc_info)
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
        ("sms_callback", "/webhooks/sms/callback/[token]"),
        ("sms_opt_out", "/webhooks/sms/opt-out/[token]"),
        ("meta_leads_token", "/webhooks/meta/leads/[token]"),
        ("wix_bookings_token", "/webhooks/wix/bookings/[token]"),
    ],
)
def test_a_secret_address_of_a_webhook_is_masked(name: str, shown: str, formatter: logging.Formatter) -> None:
    path = reverse(f"integrations:{name}", args=(f"{uuid.uuid4()}.{secrets.token_urlsafe(32)}",))
    written = line(formatter, f"Not Found: {path}", request=RequestFactory().post(path))
    assert (written["event"], written["request"]) == (f"Not Found: {shown}", f"POST {shown}")


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


def test_of_an_error_its_kind_and_frames_are_told_and_not_its_words(formatter: logging.Formatter) -> None:
    try:
        try:
            raise KeyError("Ana Silva")
        except KeyError as first:
            raise ValueError("row of Ana Silva") from first
    except ValueError as caught:
        written = line(formatter, "failed", error=caught)
    told = str(written["exception"])
    assert "Ana" not in json.dumps(written)
    assert told.index("KeyError") < told.index("ValueError")
    assert "test_logs.py:" in told
    assert "in test_of_an_error" in told


def test_an_error_of_the_code_says_what_it_is(formatter: logging.Formatter) -> None:
    written = line(
        formatter, "failed", error=raised(AttributeError("'NoneType' object has no attribute 'pk'"))
    )
    assert str(written["exception"]).endswith("AttributeError: 'NoneType' object has no attribute 'pk'")


@pytest.mark.django_db
def test_of_a_database_error_the_code_is_told_and_not_the_row(formatter: logging.Formatter) -> None:
    with pytest.raises(DataError) as caught, connection.cursor() as cursor:
        cursor.execute("SELECT %s::int", ["Ana Silva"])
    written = line(formatter, "failed", error=caught.value)
    assert "SQL state 22P02" in str(written["exception"])
    assert "Ana" not in json.dumps(written)


def test_what_hides_in_lists_and_unknown_things_is_masked_too(formatter: logging.Formatter) -> None:
    written = line(formatter, "x", told=[{"to": "ana@example.com"}], error_of=ValueError("Ana"), thing=raised)
    assert written["told"] == [{"to": "[email]"}]
    assert (written["error_of"], written["thing"]) == ("ValueError", "<function>")


def test_a_job_that_failed_is_told_without_its_arguments(formatter: logging.Formatter) -> None:
    told = {
        "name": "core.drain",
        "id": "j1",
        "args": "('Ana',)",
        "exc": "ValueError('Ana')",
        "traceback": "Ana",
    }
    record = logging.LogRecord(
        "celery.app.trace", logging.ERROR, __file__, 1, "Task %(name)s[%(id)s] raised: %(exc)s", (told,), None
    )
    record.__dict__["data"] = told
    assert job_failed(record)
    written = json.loads(formatter.format(record))
    assert (written["event"], written["job"], written["job_id"]) == ("job failed", "core.drain", "j1")
    assert "Ana" not in json.dumps(written)


def test_lines_carry_the_ids_they_are_bound_to(formatter: logging.Formatter) -> None:
    with log_context.bound(work=[3], event_id=7, run=None):
        inside = line(formatter, "inside")
    outside = line(formatter, "outside")
    assert (inside["work"], inside["event_id"]) == ([3], 7)
    assert "run" not in inside
    assert "work" not in outside
    assert log_context.some(list(range(25)))[-1] == "and 5 more"
