from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Malformed
from integrations import ports
from integrations.answers import Answer
from integrations.ports import LookupAnswer, OutboundSms, SendOutcome
from integrations.providers import twilio_format as form

SYDNEY = ZoneInfo("Australia/Sydney")
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SMS = OutboundSms(to="+61412345678", from_="+61480000001", body="Hi Ana, see you at 3pm.", reference="ref-1")
INBOUND = {
    "MessageSid": "SM1", "SmsSid": "SM1", "AccountSid": "AC1", "From": "+61412345678", "To": "+61480000001",
    "Body": "Yes\nplease & thanks 👍", "NumMedia": "0", "SmsStatus": "received",
}  # fmt: skip
STATUS = {"MessageSid": "SM1", "MessageStatus": "delivered", "AccountSid": "AC1", "ErrorCode": ""}


def as_json(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields).encode()


def as_form(fields: dict[str, Any]) -> bytes:
    return urlencode(fields).encode()


# Sending


def test_a_text_is_sent_as_a_form_from_its_sender() -> None:
    asked = form.request(SMS, service="", status_callback="", now=NOW)
    assert asked == {"To": SMS.to, "From": SMS.from_, "Body": SMS.body}


def test_a_service_and_an_address_to_report_to_are_named_where_there_are_some() -> None:
    asked = form.request(SMS, service="MG1", status_callback="https://cms.example/s?ref=1", now=NOW)
    assert asked["MessagingServiceSid"] == "MG1"
    assert asked["StatusCallback"] == "https://cms.example/s?ref=1"


@pytest.mark.parametrize(
    ("left", "seconds"), [(90, "90"), (-5, "1"), (0, "1"), (36_000, "36000"), (90_000, "36000")]
)
def test_a_text_that_loses_its_meaning_is_not_tried_for_longer(left: int, seconds: str) -> None:
    sms = OutboundSms("+1", "+2", "x", "r", expires_at=NOW + timedelta(seconds=left))
    assert form.request(sms, service="", status_callback="", now=NOW)["ValidityPeriod"] == seconds


def outcome(status: int | None, body: object = None, **more: Any) -> SendOutcome:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return form.outcome(Answer(status, raw, **more), currency="USD", now=NOW)


def test_an_accepted_text_has_its_id_its_segments_and_its_price() -> None:
    said = {"sid": "SM1", "status": "queued", "num_segments": "2", "price": "-0.0150", "price_unit": "USD"}
    assert outcome(201, said) == SendOutcome("accepted", "SM1", segments=2, cost_cents=2)


def test_a_price_that_is_not_known_yet_is_none() -> None:
    said = {"sid": "SM1", "num_segments": "0", "price": None, "price_unit": "USD"}
    assert outcome(201, said) == SendOutcome("accepted", "SM1")


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"status": "queued"}', b"[]", b'{"sid": null}'])
def test_a_2xx_without_an_id_proves_nothing(body: bytes) -> None:
    assert outcome(201, body) == SendOutcome("unknown", error_code="http_201")


@pytest.mark.parametrize(
    ("status", "code", "kind", "word"),
    [
        (400, 21610, "refused", "opted_out"),
        (400, 21211, "refused", "invalid_number"),
        (400, 21614, "refused", "invalid_number"),
        (400, 21635, "refused", "landline"),
        (400, 21606, "refused", "no_sender"),
        (400, 21408, "refused", "country_not_allowed"),
        (400, 99999, "refused", "twilio_99999"),
        (400, None, "refused", "http_400"),
        (400, 0, "refused", "http_400"),
        (400, 21611, "retry", "busy"),
        (401, 20003, "retry", "bad_credentials"),
        (401, None, "retry", "bad_credentials"),
        (402, None, "retry", "no_credit"),
        (403, 20005, "retry", "no_credit"),
        (404, 20404, "refused", "bad_credentials"),
        (429, 20429, "retry", "busy"),
    ],
)
def test_refusals_are_told_apart(status: int, code: int | None, kind: Any, word: str) -> None:
    assert outcome(status, {"code": code, "message": "…", "status": status}) == SendOutcome(
        kind, error_code=word
    )


def test_a_throttled_call_waits_as_long_as_it_is_told() -> None:
    assert outcome(429, {"code": 20429}, retry_after="7").retry_after == 7.0


@pytest.mark.parametrize(
    ("answer", "kind", "word"),
    [
        (Answer(), "unknown", "no_answer"),
        (Answer(request_left=False), "retry", "not_connected"),
        (Answer(500, b'{"code": 20500}'), "unknown", "http_500"),
        (Answer(503), "unknown", "http_503"),
        (Answer(302), "unknown", "http_302"),
    ],
)
def test_what_is_not_proven_is_unknown(answer: Answer, kind: Any, word: str) -> None:
    assert form.outcome(answer, currency="AUD", now=NOW) == SendOutcome(kind, error_code=word)


def test_every_word_for_an_error_has_a_sentence_for_staff() -> None:
    assert set(form.ERRORS.values()) <= set(ports.ERRORS)


# Asking


def row(**more: Any) -> dict[str, Any]:
    return {
        "sid": "SM9", "to": SMS.to, "body": SMS.body, "status": "delivered", "direction": "outbound-api",
        "date_created": format_datetime(NOW), **more,
    }  # fmt: skip


def found(rows: object, *, status: int = 200, next_page: str | None = None) -> LookupAnswer:
    body = json.dumps({"messages": rows, "next_page_uri": next_page}).encode()
    return form.found(Answer(status, body), SMS, sent_after=NOW - timedelta(minutes=10))


def test_the_list_is_of_that_number_whatever_the_day() -> None:
    assert form.search(SMS) == {"To": SMS.to, "PageSize": "200"}


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [("delivered", "delivered"), ("queued", "accepted"), ("undelivered", "failed"), ("?", "accepted")],
)
def test_a_text_is_found_by_its_words_and_time(theirs: str, ours: Any) -> None:
    others = [
        row(sid="SM1", body="Something else"),
        row(sid="SM2", date_created=format_datetime(NOW - timedelta(hours=1))),
    ]
    assert found([*others, row(status=theirs)]) == LookupAnswer("found", "SM9", ours)


@pytest.mark.parametrize(
    "created",
    ["", None, "no date", "Fri, 20 Nov 2026 12:00:00 -0000", f"Fri, 20 Nov {'9' * 20} 12:00:00 GMT"],
)
def test_a_text_without_a_clear_time_is_still_found(created: object) -> None:
    assert found([row(date_created=created)]).kind == "found"


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (SMS.body, f"  {SMS.body}\n"),
        ("It\u2019s at 3pm \u2013 \u201cZoë\u201d", 'It\'s at 3pm - "Zoe"'),
        ("👍", "👍"),
    ],
)
def test_what_is_changed_on_the_way_does_not_matter(ours: str, theirs: str) -> None:
    body = json.dumps({"messages": [row(body=theirs)]}).encode()
    assert form.found(Answer(200, body), replace(SMS, body=ours), sent_after=NOW).kind == "found"


def test_a_text_with_a_line_put_before_is_never_taken_for_absent() -> None:
    assert found([row(body=f"Sent from your Twilio trial account - {SMS.body}")]) == LookupAnswer("unsure")


@pytest.mark.parametrize(
    "other",
    [{"to": "+61400000000"}, {"direction": "inbound"}, {"body": None}, {"body": "Other"}],
)
def test_others_are_not_taken_for_it(other: dict[str, Any]) -> None:
    assert found([row(**other)]) == LookupAnswer("absent")


def test_two_that_read_alike_cannot_be_told_apart() -> None:
    assert found([row(), row(sid="SM8")]) == LookupAnswer("unsure")


def test_one_without_an_id_is_unsure() -> None:
    assert found([row(sid="")]) == LookupAnswer("unsure")


def test_a_list_that_goes_on_proves_absence_only_when_it_reaches_back_far_enough() -> None:
    old = row(body="Old", date_created=format_datetime(NOW - timedelta(hours=1)))
    new = row(body="New")
    assert found([new], next_page="/more") == LookupAnswer("unsure")
    assert found([new, old], next_page="/more") == LookupAnswer("absent")
    assert found([], next_page="/more") == LookupAnswer("unsure")
    assert found([]) == LookupAnswer("absent")


@pytest.mark.parametrize(("rows", "status"), [(None, 200), ({}, 200), ([], 500), ([], 401), (["?"], 200)])
def test_a_list_nobody_can_read_is_unsure(rows: object, status: int) -> None:
    assert found(rows, status=status) == LookupAnswer("unsure")


@pytest.mark.parametrize(
    ("answer", "works"),
    [
        (Answer(200, b'{"status": "active"}'), True),
        (Answer(200, b'{"status": "suspended"}'), False),
        (Answer(200, b""), False),
        (Answer(401), False),
        (Answer(404), False),
        (Answer(500), False),
        (Answer(), False),
        (Answer(request_left=False), False),
    ],
)
def test_a_try_of_the_connection_has_a_plain_answer(answer: Answer, works: bool) -> None:
    said = form.checked(answer)
    assert said.works is works
    assert said.words.startswith("Twilio")
    assert said.words.endswith((".", "?"))


# Webhooks


@pytest.mark.parametrize("encode", [as_json, as_form])
def test_a_text_is_read_from_a_form_and_from_json(encode: Any) -> None:
    sms = form.parse_inbound(encode(INBOUND), zone=SYDNEY)
    assert (sms.external_id, sms.from_, sms.to) == ("SM1", "+61412345678", "+61480000001")
    assert sms.body == "Yes\nplease & thanks 👍"
    assert (sms.media, sms.carrier_word, sms.carrier_answered) == ((), "", False)


def test_pictures_are_kept_as_links() -> None:
    media = {
        "NumMedia": "3",
        "MediaUrl0": "https://api.twilio.com/a",
        "MediaUrl1": "javascript:x",
        "MediaUrl2": ["?"],
    }
    assert form.parse_inbound(as_json({**INBOUND, **media}), zone=SYDNEY).media == (
        "https://api.twilio.com/a",
    )
    many = {f"MediaUrl{n}": f"https://m.example/{n}" for n in range(20)}
    assert len(form.parse_inbound(as_form({**INBOUND, **many, "NumMedia": "10"}), zone=SYDNEY).media) == 10
    assert form.parse_inbound(as_form({**INBOUND, **many, "NumMedia": "x"}), zone=SYDNEY).media == ()


@pytest.mark.parametrize(
    ("told", "body", "word", "answered"),
    [
        ("STOP", "no more", "stop", True),
        ("START", "hello again", "start", True),
        ("help", "?", "help", True),
        ("", "stop!", "", True),
        ("", "Cancel", "", True),
        ("", "UNSTOP", "", True),
        ("", "stop please", "", False),
        ("", "yes", "", False),
        ("OTHER", "yes", "", False),
    ],
)
def test_it_is_known_what_twilio_did_with_a_text(told: str, body: str, word: str, answered: bool) -> None:
    sms = form.parse_inbound(as_form({**INBOUND, "OptOutType": told, "Body": body}), zone=SYDNEY)
    assert (sms.carrier_word, sms.carrier_answered) == (word, answered)


@pytest.mark.parametrize(
    ("parse", "fields", "named"),
    [
        (form.parse_inbound, {**INBOUND, "From": ""}, "From"),
        (form.parse_inbound, {"From": "+1"}, "MessageSid"),
        (form.parse_receipt, {"MessageSid": "SM1"}, "MessageStatus"),
        (form.parse_receipt, {"MessageStatus": "sent"}, "MessageSid"),
    ],
)
def test_what_is_missing_is_named(parse: Any, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse(as_form(fields), zone=SYDNEY)
    assert list(refused.value.fields) == [named]


def test_a_text_without_words_is_an_empty_one() -> None:
    fields = {name: value for name, value in INBOUND.items() if name != "Body"}
    assert form.parse_inbound(as_form(fields), zone=SYDNEY).body == ""


@pytest.mark.parametrize(
    ("theirs", "ours"), [*form.STATUSES.items(), ("DELIVERED", "delivered"), ("new-one", "accepted")]
)
def test_every_status_has_its_meaning(theirs: str, ours: str) -> None:
    assert form.parse_receipt(as_form({**STATUS, "MessageStatus": theirs}), zone=SYDNEY).status == ours


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("30003", "unreachable_phone"), ("30005", "invalid_number"), ("30006", "landline"), ("30007", "filtered"),
        ("30034", "sender_not_registered"), ("21610", "opted_out"), ("39999", "twilio_39999"), ("", ""),
    ],
)  # fmt: skip
def test_a_failure_says_why(code: str, word: str) -> None:
    told = form.parse_receipt(
        as_form({**STATUS, "MessageStatus": "undelivered", "ErrorCode": code}), zone=SYDNEY
    )
    assert told.error == word


def test_an_error_beside_a_good_status_is_none() -> None:
    assert form.parse_receipt(as_form({**STATUS, "ErrorCode": "30003"}), zone=SYDNEY).error == ""


@pytest.mark.parametrize(
    ("raw", "at"),
    [("2611201200", NOW), ("", None), ("tomorrow", None), ("9999999999", None)],
)
def test_when_the_phone_company_was_done(raw: str, at: datetime | None) -> None:
    assert form.parse_receipt(as_form({**STATUS, "RawDlrDoneDate": raw}), zone=SYDNEY).at == at


def test_a_receipt_is_known_by_its_message_and_status() -> None:
    body = as_form(STATUS)
    assert form.receipt_key(form.parse_receipt(body, zone=SYDNEY), body) == "receipt:delivered:SM1"
    long = as_form({"MessageSid": "S" * 255, "MessageStatus": "x" * 255})
    assert len(form.receipt_key(form.parse_receipt(long, zone=SYDNEY), long)) <= 300


def test_the_signature_covers_every_field_with_all_its_values() -> None:
    assert form.parameters(b"a=1&b=&a=2&c=%C3%A9") == {"a": ["1", "2"], "b": [""], "c": ["é"]}
    with pytest.raises(Malformed):
        form.parameters(b"\xff")


@given(st.binary(max_size=200))
def test_no_body_is_worse_than_malformed(body: bytes) -> None:
    for parse in (form.parse_inbound, form.parse_receipt):
        try:
            parse(body, zone=SYDNEY)
        except Malformed:
            continue
