from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Malformed
from integrations import ports
from integrations.answers import Answer
from integrations.ports import DeliveryReceipt, InboundSms, LookupAnswer, OutboundSms, SendOutcome
from integrations.providers import clicksend_format as form

SYDNEY = ZoneInfo("Australia/Sydney")
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
STAMP = str(int(NOW.timestamp()))
SMS = OutboundSms(to="+61412345678", from_="AvatarClinic", body="Hi Ana, see you at 3pm.", reference="ref-1")
INBOUND = {
    "timestamp": STAMP, "from": "+61412345678", "body": "Yes please", "original_body": "Hi",
    "original_message_id": "CS-1", "to": "+61480000001", "custom_string": "ref-1", "message_id": "IN-1",
}  # fmt: skip
RECEIPT = {
    "timestamp_send": STAMP, "timestamp": STAMP, "message_id": "CS-1", "status_code": "201",
    "status_text": "Success: Message received on handset.", "error_code": "", "error_text": "",
    "custom_string": "ref-1", "message_type": "sms",
}  # fmt: skip


def as_json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def as_form(fields: dict[str, Any]) -> bytes:
    return urlencode(fields).encode()


# Sending


def test_a_text_is_sent_with_our_reference() -> None:
    assert form.request([SMS]) == {
        "messages": [
            {
                "source": "avatar-cms", "from": "AvatarClinic", "to": "+61412345678",
                "body": "Hi Ana, see you at 3pm.", "custom_string": "ref-1",
            }
        ]
    }  # fmt: skip


def test_without_a_sender_clicksend_chooses_one() -> None:
    [message] = form.request([OutboundSms("+1", "", "x", "r")])["messages"]  # type: ignore[misc, attr-defined]
    assert "from" not in message


def envelope(code: str = "SUCCESS", *, data: object = None, **row: Any) -> bytes:
    message = {
        "message_id": "CS-1",
        "status": "SUCCESS",
        "message_parts": 2,
        "message_price": "0.1584",
        "custom_string": "ref-1",
        **row,
    }
    own = {"messages": [message], "_currency": {"currency_name_short": "AUD"}}
    return as_json({"http_code": 200, "response_code": code, "data": own if data is None else data})


def outcome(status: int | None, body: bytes = b"", **more: Any) -> SendOutcome:
    [one] = form.outcomes(Answer(status, body, **more), [SMS], currency="AUD", now=NOW)
    return one


def test_an_accepted_text_has_its_id_its_segments_and_its_price() -> None:
    assert outcome(200, envelope()) == SendOutcome("accepted", "CS-1", segments=2, cost_cents=16)


@pytest.mark.parametrize(
    ("theirs", "kind", "word"),
    [
        ("INVALID_RECIPIENT", "refused", "invalid_number"),
        ("INVALID_SENDER_ID", "refused", "no_sender"),
        ("COUNTRY_NOT_ENABLED", "refused", "country_not_allowed"),
        ("INSUFFICIENT_CREDIT", "retry", "no_credit"),
        ("THROTTLED", "retry", "busy"),
        ("recipient_opted_out", "refused", "opted_out"),
        ("SOMETHING_NEW", "refused", "clicksend_something_new"),
    ],
)
def test_200_does_not_mean_sent(theirs: str, kind: Any, word: str) -> None:
    assert outcome(200, envelope(status=theirs)) == SendOutcome(kind, error_code=word)


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", envelope(message_id=""), envelope(status=""), envelope(data={}), envelope(data=[]),
        envelope(data={"messages": []}), envelope(data={"messages": ["?"]}), envelope(data={"messages": [{}, {}]}),
    ],
)  # fmt: skip
def test_a_200_that_says_nothing_of_the_message_proves_nothing(body: bytes) -> None:
    assert outcome(200, body) == SendOutcome("unknown", error_code="http_200")


@pytest.mark.parametrize(
    ("status", "code", "kind", "word"),
    [
        (400, "BAD_REQUEST", "refused", "http_400"),
        (400, "INSUFFICIENT_CREDIT", "retry", "no_credit"),
        (400, "INVALID_RECIPIENT", "refused", "invalid_number"),
        (401, "UNAUTHORIZED", "retry", "bad_credentials"),
        (402, "", "retry", "no_credit"),
        (403, "FORBIDDEN", "retry", "bad_credentials"),
        (404, "NOT_FOUND", "refused", "http_404"),
        (429, "TOO_MANY_REQUESTS", "retry", "busy"),
        (500, "INTERNAL_SERVER_ERROR", "unknown", "http_500"),
    ],
)
def test_errors_are_told_apart(status: int, code: str, kind: Any, word: str) -> None:
    assert outcome(status, as_json({"http_code": status, "response_code": code})) == SendOutcome(
        kind, error_code=word
    )


def test_a_throttled_call_waits_as_long_as_it_is_told() -> None:
    assert outcome(429, retry_after="9") == SendOutcome("retry", error_code="busy", retry_after=9.0)


def test_a_call_without_an_end() -> None:
    assert outcome(None) == SendOutcome("unknown", error_code="no_answer")
    assert outcome(None, request_left=False) == SendOutcome("retry", error_code="not_connected")


def texts(*references: str) -> list[OutboundSms]:
    return [replace(SMS, reference=one) for one in references]


def said_of(*rows: dict[str, Any], asked: list[OutboundSms]) -> list[str]:
    body = envelope(data={"messages": list(rows)})
    return [
        one.provider_message_id or one.error_code
        for one in form.outcomes(Answer(200, body), asked, currency="AUD", now=NOW)
    ]


def row(sid: str, reference: str = "", to: str = SMS.to) -> dict[str, str]:
    return {"message_id": sid, "status": "SUCCESS", "custom_string": reference, "to": to}


def test_each_text_is_read_by_its_reference_whatever_the_order() -> None:
    assert said_of(row("2", "b"), row("1", "a"), asked=texts("a", "b")) == ["1", "2"]


def test_what_the_answer_leaves_out_or_names_twice_is_unknown() -> None:
    answered = said_of(row("1", "a"), row("2", "b"), row("3", "b"), asked=texts("a", "b", "c"))
    assert answered == ["1", "http_200", "http_200"]


def test_an_answer_without_references_is_read_in_order_as_far_as_the_numbers_agree() -> None:
    assert said_of(row("1"), row("2", to="+61499999999"), asked=texts("a", "b")) == ["1", "http_200"]
    assert said_of(row("1"), asked=texts("a", "b")) == ["http_200", "http_200"]


def test_an_end_of_the_call_is_that_of_each_text() -> None:
    ends = form.outcomes(Answer(429), texts("a", "b"), currency="AUD", now=NOW)
    assert ends == [SendOutcome("retry", error_code="busy")] * 2


def test_every_word_for_an_error_has_a_sentence_for_staff() -> None:
    assert {*form.ERRORS.values(), *(word for _, word in form._ABOUT)} <= set(ports.ERRORS)


# Asking


def test_the_history_is_asked_for_page_by_page() -> None:
    assert form.search(sent_after=NOW, page=3) == {"date_from": STAMP, "page": "3", "limit": "100"}


def history(rows: object, *, here: object = 1, last: object = 1, status: int = 200) -> LookupAnswer | None:
    body = as_json({"data": {"data": rows, "current_page": here, "last_page": last}})
    return form.found(Answer(status, body), SMS)


@pytest.mark.parametrize(
    ("code", "status"),
    [("201", "delivered"), ("200", "sent"), (301, "failed"), ("300", "accepted"), ("", "accepted")],
)
def test_a_text_is_found_by_our_reference(code: object, status: Any) -> None:
    rows = [
        "?",
        {"custom_string": "other"},
        {"custom_string": "ref-1", "message_id": "CS-9", "status_code": code},
    ]
    assert history(rows) == LookupAnswer("found", "CS-9", status)


def test_it_is_absent_only_after_the_last_page() -> None:
    assert history([], here=1, last=2) is None
    assert history([], here="2", last="2") == LookupAnswer("absent")
    assert history([], here=1, last=0) == LookupAnswer("unsure")
    assert history([], here=1, last=5000) == LookupAnswer("unsure")


@pytest.mark.parametrize(
    ("rows", "status"), [(None, 200), ([], 500), ([{"custom_string": "ref-1", "message_id": ""}], 200)]
)
def test_a_history_nobody_can_read_is_unsure(rows: object, status: int) -> None:
    assert history(rows, status=status) == LookupAnswer("unsure")


@pytest.mark.parametrize(
    ("answer", "works", "part"),
    [
        (
            Answer(200, as_json({"data": {"balance": "12.50", "_currency": {"currency_name_short": "AUD"}}})),
            True,
            "AUD 12.50",
        ),
        (Answer(200, b"{}"), True, "accepts"),
        (Answer(401), False, "does not accept"),
        (Answer(500), False, "no usable answer"),
        (Answer(request_left=False), False, "could not be reached"),
    ],
)
def test_a_try_of_the_connection_has_a_plain_answer(answer: Answer, works: bool, part: str) -> None:
    said = form.checked(answer)
    assert (said.works, part in said.words) == (works, True)


# Webhooks


@pytest.mark.parametrize("encode", [as_json, as_form])
def test_a_text_is_read_from_a_form_and_from_json(encode: Any) -> None:
    assert form.parse_inbound(encode(INBOUND), zone=SYDNEY) == InboundSms(
        "IN-1", "+61412345678", "+61480000001", "Yes please", NOW
    )


def test_the_old_names_are_read_too() -> None:
    old = {"sms": "+61412345678", "message": "Yes", "originalsenderid": " 61480000001", "messageid": "IN-2"}
    assert form.parse_inbound(as_json(old), zone=SYDNEY) == InboundSms(
        "IN-2", "+61412345678", "+61480000001", "Yes"
    )


@pytest.mark.parametrize("stamp", ["", "soon", None])
def test_a_text_with_a_strange_time_is_taken_all_the_same(stamp: object) -> None:
    assert form.parse_inbound(as_json({**INBOUND, "timestamp": stamp}), zone=SYDNEY).at is None


def test_a_text_needs_only_its_sender() -> None:
    assert form.parse_inbound(b'{"from": "0412345678", "body": 5}', zone=SYDNEY) == InboundSms(
        "", "0412345678", "", ""
    )


@pytest.mark.parametrize("encode", [as_json, as_form])
@pytest.mark.parametrize(
    ("code", "status"),
    [("200", "sent"), ("201", "delivered"), ("300", "accepted"), ("301", "failed"), ("999", "accepted")],
)
def test_every_status_code_has_its_meaning(encode: Any, code: str, status: Any) -> None:
    told = form.parse_receipt(encode({**RECEIPT, "status_code": code}), zone=SYDNEY)
    error = "undelivered" if status == "failed" else ""
    assert told == DeliveryReceipt("CS-1", status, NOW, error, "ref-1")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("Recipient has opted out", "opted_out"),
        ("Landline number", "landline"),
        ("Invalid destination", "invalid_number"),
        ("Absent subscriber", "unreachable_phone"),
        ("Call barred", "blocked"),
        ("Who knows", "undelivered"),
    ],
)
def test_a_failure_says_why_in_words(words: str, code: str) -> None:
    failed = {**RECEIPT, "status_code": "301", "status_text": "Failed", "error_text": words}
    assert form.parse_receipt(as_form(failed), zone=SYDNEY).error == code


@pytest.mark.parametrize(
    ("parse", "fields", "named"),
    [
        (form.parse_inbound, {"message_id": "1"}, "from"),
        (form.parse_receipt, {"status_code": "200"}, "message_id"),
        (form.parse_receipt, {"message_id": "1"}, "status_code"),
    ],
)
def test_what_is_missing_is_named(parse: Any, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse(as_form(fields), zone=SYDNEY)
    assert list(refused.value.fields) == [named]


def test_a_receipt_is_known_by_its_message_code_and_time() -> None:
    body = as_form(RECEIPT)
    assert form.receipt_key(form.parse_receipt(body, zone=SYDNEY), body) == f"receipt:201:{STAMP}:CS-1"
    long = as_form({"message_id": "1" * 255, "status_code": "2" * 255, "timestamp": "3" * 255})
    assert len(form.receipt_key(form.parse_receipt(long, zone=SYDNEY), long)) <= 300


@given(st.binary(max_size=200))
def test_no_body_is_worse_than_malformed(body: bytes) -> None:
    for parse in (form.parse_inbound, form.parse_receipt):
        try:
            parse(body, zone=SYDNEY)
        except Malformed:
            continue


# The list of texts nobody read yet


def test_the_list_of_unread_texts_is_read_from_its_beginning() -> None:
    assert form.first_page() == {"page": "1", "limit": "100"}
    page = {"data": {"current_page": 1, "last_page": 3, "data": [INBOUND, "no object"]}}
    assert form.listed(Answer(200, as_json(page))) == [INBOUND, {}]


@pytest.mark.parametrize(
    "answer", [Answer(None), Answer(401), Answer(200, b"{}"), Answer(200, b'{"data": {"data": 1}}')]
)
def test_a_list_that_did_not_come_is_none(answer: Answer) -> None:
    assert form.listed(answer) is None
