from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.answers import Answer, cents, classify, count, retry_after_seconds

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

# What a call's end proves


@pytest.mark.parametrize(
    ("left", "http", "readable", "kind"),
    [
        (False, None, True, "retry"),
        (False, 500, True, "retry"),
        (True, None, True, "unknown"),
        (True, 200, True, "accepted"),
        (True, 202, True, "accepted"),
        (True, 299, True, "accepted"),
        (True, 200, False, "unknown"),
        (True, 199, True, "unknown"),
        (True, 300, True, "unknown"),
        (True, 302, True, "unknown"),
        (True, 399, True, "unknown"),
        (True, 400, True, "refused"),
        (True, 400, False, "refused"),
        (True, 404, True, "refused"),
        (True, 422, True, "refused"),
        (True, 499, True, "refused"),
        (True, 408, True, "unknown"),
        *((True, status, True, "retry") for status in (401, 402, 403, 407, 421, 425, 429)),
        (True, 500, True, "unknown"),
        (True, 502, True, "unknown"),
        (True, 503, True, "unknown"),
        (True, 504, False, "unknown"),
    ],
)
def test_only_what_is_proven_safe_is_tried_again(
    left: bool, http: int | None, readable: bool, kind: str
) -> None:
    assert classify(request_left=left, http_status=http, readable=readable) == kind


def test_an_answer_is_readable_unless_told() -> None:
    assert classify(request_left=True, http_status=200) == "accepted"


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        (f"Fri, 20 Nov {'9' * 20} 12:00:00 GMT", None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("21600", 21600.0),
        ("99999999", 21600.0),
        ("9" * 400, 21600.0),
        ("Fri, 20 Nov 2026 12:00:30 GMT", 30.0),
        ("Fri, 20 Nov 2026 12:00:30 -0000", 30.0),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 0.0),
        ("Sat, 21 Nov 2026 12:00:00 GMT", 21600.0),
    ],
)
def test_retry_after_is_read(header: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(header, now=NOW) == seconds


@given(st.text())
def test_no_header_is_an_error(header: str) -> None:
    seconds = retry_after_seconds(header, now=NOW)
    assert seconds is None or 0 <= seconds <= 21600


# Answers


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_object_reads_as_an_empty_one(body: bytes) -> None:
    assert Answer(200, body).json() == {}


def test_an_object_is_read() -> None:
    assert Answer(200, b'{"sid": "SM1"}').json() == {"sid": "SM1"}


@pytest.mark.parametrize(
    ("answer", "kind", "word"),
    [
        (Answer(request_left=False), "retry", "not_connected"),
        (Answer(), "unknown", "no_answer"),
        (Answer(401), "retry", "bad_credentials"),
        (Answer(402), "retry", "no_credit"),
        (Answer(403), "retry", "bad_credentials"),
        (Answer(429), "retry", "busy"),
        (Answer(400), "refused", "http_400"),
        (Answer(500), "unknown", "http_500"),
    ],
)
def test_an_end_has_a_kind_and_a_word(answer: Answer, kind: str, word: str) -> None:
    assert (answer.kind(), answer.word()) == (kind, word)


def test_an_answer_that_nobody_can_read_proves_nothing() -> None:
    assert Answer(200).kind(readable=False) == "unknown"


def test_the_pause_is_what_the_header_says() -> None:
    assert Answer(429, retry_after="7").pause(NOW) == 7.0
    assert Answer(429).pause(NOW) is None


@pytest.mark.parametrize(
    ("price", "theirs", "ours", "found"),
    [
        ("0.0792", "AUD", "AUD", 8),
        (0.08, "aud", "AUD", 8),
        ("-0.00750", "USD", "usd", 1),
        ("0", "AUD", "AUD", 0),
        (None, "AUD", "AUD", None),
        ("0.08", "USD", "AUD", None),
        ("0.08", None, "AUD", None),
        ("0.08", "", "", None),
        ("cheap", "AUD", "AUD", None),
        ("NaN", "AUD", "AUD", None),
        ("Infinity", "AUD", "AUD", None),
        ("1e999999", "AUD", "AUD", None),
        ("1000", "AUD", "AUD", 100_000),
        ("1000.01", "AUD", "AUD", None),
    ],
)
def test_a_price_is_whole_cents_of_the_clinics_own_money(
    price: object, theirs: object, ours: str, found: int | None
) -> None:
    assert cents(price, price_currency=theirs, currency=ours) == found


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2", 2),
        (3, 3),
        (" 4 ", 4),
        ("0", None),
        ("-1", None),
        ("101", None),
        ("²", None),
        (True, None),
        (None, None),
        ("9" * 99, None),
    ],
)
def test_a_small_number_is_read(value: object, found: int | None) -> None:
    assert count(value) == found
