from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

from core.errors import Malformed
from integrations.ports import DeliveryReceipt, InboundSms
from integrations.providers import console_format

SYDNEY = ZoneInfo("Australia/Sydney")
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SMS = {
    "message_id": "m-1",
    "from": "+61400000001",
    "to": "+61400000099",
    "body": "Yes\nplease & thanks 👍",
    "timestamp": "2026-11-20T23:00:00",
}


def as_json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def as_form(fields: dict[str, Any]) -> bytes:
    return urlencode(fields).encode()


def inbound(body: bytes) -> InboundSms:
    return console_format.parse_inbound(body, zone=SYDNEY)


def receipt(body: bytes) -> DeliveryReceipt:
    return console_format.parse_receipt(body, zone=SYDNEY)


@pytest.mark.parametrize("encode", [as_json, as_form])
def test_a_text_is_read_from_json_and_from_a_form(encode: Any) -> None:
    assert inbound(encode(SMS)) == InboundSms(
        external_id="m-1",
        from_="+61400000001",
        to="+61400000099",
        body="Yes\nplease & thanks 👍",
        at=AT,
    )


def test_a_text_needs_only_its_sender() -> None:
    assert inbound(b'{"from": "0400000001"}') == InboundSms("", "0400000001", "", "", None)
    assert inbound(b" \xef\xbb\xbf".strip() + b'{"from": "1"}').from_ == "1"


@pytest.mark.parametrize(
    ("raw", "number"),
    [
        ("+61400000001", "+61400000001"),
        (" 61400000001", "+61400000001"),
        ("CLINIC", "CLINIC"),
        ("%20CLINIC", "CLINIC"),
    ],
)
def test_a_plus_that_a_form_lost_is_put_back(raw: str, number: str) -> None:
    assert inbound(f"from={raw}&to={raw}".encode()) == InboundSms("", number, number, "", None)


def test_control_characters_are_taken_out_of_a_text() -> None:
    assert inbound(as_json({**SMS, "body": "a\x00b"})).body == "a b"


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "from: the sender's number is missing."),
        (b"[]", "body: this must be a JSON object."),
        (b"{", "body: this is not JSON."),
        (b"\xff=1", "body: this is not a form that can be read."),
        (as_json({**SMS, "from": " "}), "from: the sender's number is missing."),
        (as_json({**SMS, "body": 5}), "body: this must be a text."),
        (
            as_json({**SMS, "timestamp": "soon"}),
            "timestamp: this must be a date and time, such as 2026-12-01T15:00:00+11:00.",
        ),
    ],
)
def test_what_a_text_has_wrong_is_named(body: bytes, message: str) -> None:
    with pytest.raises(Malformed) as caught:
        inbound(body)
    assert caught.value.message == message


@pytest.mark.parametrize("encode", [as_json, as_form])
def test_a_receipt_is_read_from_json_and_from_a_form(encode: Any) -> None:
    fields = {"message_id": "m-1", "status": "delivered", "timestamp": "2026-11-20T12:00:00Z"}
    assert receipt(encode(fields)) == DeliveryReceipt("m-1", "delivered", AT, "")


@pytest.mark.parametrize(
    ("said", "status"),
    [
        ("accepted", "accepted"),
        ("queued", "accepted"),
        ("SENT", "sent"),
        ("Delivered ", "delivered"),
        ("failed", "failed"),
        ("undelivered", "failed"),
        ("rejected", "failed"),
        ("expired", "failed"),
    ],
)
def test_a_receipts_words_are_ours(said: str, status: str) -> None:
    assert receipt(as_json({"message_id": "m", "status": said})) == DeliveryReceipt("m", status, None, "")  # type: ignore[arg-type]


def test_a_receipt_may_name_the_error() -> None:
    assert (
        receipt(as_json({"message_id": "m", "status": "failed", "error": "", "error_code": 30005})).error
        == "30005"
    )
    assert (
        receipt(as_json({"message_id": "m", "status": "failed", "error": "gone", "error_code": 1})).error
        == "gone"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"status=sent", "message_id: the message's id is missing."),
        (
            b"message_id=m",
            "status: this must be one of: accepted, queued, sent, delivered, failed, undelivered, rejected, expired.",
        ),
        (
            b"message_id=m&status=lost",
            "status: this must be one of: accepted, queued, sent, delivered, failed, undelivered, rejected, expired.",
        ),
        (
            b"message_id=m&status=sent&timestamp=x",
            "timestamp: this must be a date and time, such as 2026-12-01T15:00:00+11:00.",
        ),
    ],
)
def test_what_a_receipt_has_wrong_is_named(body: bytes, message: str) -> None:
    with pytest.raises(Malformed) as caught:
        receipt(body)
    assert caught.value.message == message


def test_a_receipt_is_known_by_its_message_and_status() -> None:
    body = as_form({"message_id": "m-1", "status": "undelivered"})
    assert console_format.receipt_key(receipt(body), body) == "receipt:failed:m-1"
