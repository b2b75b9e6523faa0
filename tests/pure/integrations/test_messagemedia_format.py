from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Malformed
from integrations import ports
from integrations.answers import Answer
from integrations.ports import DeliveryReceipt, InboundSms, OutboundSms, SendOutcome
from integrations.providers import messagemedia_format as form

SYDNEY = ZoneInfo("Australia/Sydney")
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
AT = "2026-11-20T12:00:00.000Z"
SMS = OutboundSms(to="+61412345678", from_="+61480000001", body="Hi Ana, see you at 3pm.", reference="ref-1")
REPLY = {
    "callback_url": "https://cms.example/webhooks/sms/callback/t", "content": "Yes \"please\"\nthanks",
    "date_received": AT, "destination_number": "+61480000001", "message_id": "MM-1", "reply_id": "R-1",
    "metadata": {"ref": "ref-1", "account": "acc-1"}, "source_number": "+61412345678",
    "vendor_account_id": {"vendor_id": "MessageMedia", "account_id": "Clinic"},
}  # fmt: skip
REPORT = {
    "callback_url": "https://cms.example/webhooks/sms/callback/t", "date_received": "2026-11-20T12:00:05.000Z",
    "delay": 0, "billing_units": 1, "delivery_report_id": "D-1", "message_id": "MM-1",
    "metadata": {"ref": "ref-1", "account": "acc-1"}, "original_text": "Hi", "source_number": "+61412345678",
    "status": "delivered", "submitted_date": AT,
}  # fmt: skip


def as_json(fields: object) -> bytes:
    return json.dumps(fields).encode()


# Sending


def test_a_text_is_sent_with_our_reference_and_where_to_report() -> None:
    sms = replace(SMS, expires_at=datetime(2026, 11, 20, 23, 0, tzinfo=SYDNEY))
    assert form.request([sms], account="acc-1", callback="https://cms.example/c") == {
        "messages": [
            {
                "content": "Hi Ana, see you at 3pm.", "destination_number": "+61412345678", "format": "SMS",
                "delivery_report": True, "metadata": {"ref": "ref-1", "account": "acc-1"},
                "source_number": "+61480000001", "source_number_type": "INTERNATIONAL",
                "callback_url": "https://cms.example/c", "message_expiry_timestamp": AT,
            }
        ]
    }  # fmt: skip


def test_without_a_sender_an_end_or_an_address_none_is_named() -> None:
    [message] = form.request([replace(SMS, from_="")], account="a", callback="")["messages"]  # type: ignore[misc, attr-defined]
    assert not {"source_number", "source_number_type", "callback_url", "message_expiry_timestamp"} & set(
        message
    )


@pytest.mark.parametrize(
    ("sender", "kind"),
    [
        ("+61480000001", "INTERNATIONAL"),
        ("AvatarClinic", "ALPHANUMERIC"),
        ("12345", "SHORTCODE"),
        ("1 2", "ALPHANUMERIC"),
    ],
)
def test_the_kind_of_sender_is_told(sender: str, kind: str) -> None:
    [message] = form.request([replace(SMS, from_=sender)], account="a", callback="")["messages"]  # type: ignore[misc, attr-defined]
    assert message["source_number_type"] == kind


def texts(*references: str) -> list[OutboundSms]:
    return [replace(SMS, reference=one) for one in references]


def row(sid: str, reference: str = "", **more: Any) -> dict[str, Any]:
    metadata = {"ref": reference} if reference else None
    return {"message_id": sid, "status": "queued", "destination_number": SMS.to, "metadata": metadata, **more}


def outcomes(asked: list[OutboundSms], *rows: object) -> list[SendOutcome]:
    return form.outcomes(Answer(202, as_json({"messages": list(rows)})), asked, now=NOW)


def test_an_accepted_text_has_its_id() -> None:
    assert outcomes([SMS], row("MM-1", "ref-1")) == [SendOutcome("accepted", "MM-1")]


def test_each_text_is_read_by_its_reference_whatever_the_order() -> None:
    found = outcomes(texts("a", "b"), row("2", "b"), row("1", "a"))
    assert [one.provider_message_id for one in found] == ["1", "2"]


def test_what_the_answer_leaves_out_or_names_twice_is_unknown() -> None:
    found = outcomes(texts("a", "b", "c"), row("1", "a"), row("2", "b"), row("3", "b"))
    assert found[0].kind == "accepted"
    assert found[1:] == [SendOutcome("unknown", error_code="http_202")] * 2


def test_an_answer_without_references_is_read_in_order_as_far_as_the_numbers_agree() -> None:
    found = outcomes(texts("a", "b"), row("1"), row("2", destination_number="+61499999999"))
    assert [one.kind for one in found] == ["accepted", "unknown"]
    assert [one.kind for one in outcomes(texts("a", "b"), row("1"))] == ["unknown", "unknown"]
    assert [one.kind for one in outcomes([SMS], "no object")] == ["unknown"]


def test_a_text_that_is_withheld_at_once_is_refused() -> None:
    found = outcomes([SMS], row("MM-1", "ref-1", status="REJECTED", status_code=305))
    assert found == [SendOutcome("refused", "MM-1", error_code="duplicate")]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"messages": 1}', b'{"messages": []}'])
def test_an_answer_that_names_nothing_proves_nothing(body: bytes) -> None:
    assert form.outcomes(Answer(202, body), [SMS], now=NOW) == [SendOutcome("unknown", error_code="http_202")]


@pytest.mark.parametrize(
    ("details", "word"),
    [
        (["/messages/0/destination_number is invalid"], "invalid_number"),
        (["source_number must be registered"], "no_sender"),
        (["Number is on the blacklist"], "opted_out"),
        (["The recipient has opted out"], "opted_out"),
        (["content may have 5000 characters"], "too_long"),
        (["Failed to parse message body."], "http_400"),
        (["content", "destination_number"], "invalid_number"),
        ([], "http_400"),
        ("no list", "http_400"),
    ],
)
def test_a_refusal_says_what_it_is_about(details: object, word: str) -> None:
    body = as_json({"message": "Request validation failed.", "details": details})
    asked = texts("a", "b")
    assert form.outcomes(Answer(400, body), asked, now=NOW) == [SendOutcome("refused", error_code=word)] * 2


def test_where_no_details_are_told_the_message_counts() -> None:
    for body in ({"message": "Source number is not yours."}, {"message": "source", "details": None}):
        [one] = form.outcomes(Answer(400, as_json(body)), [SMS], now=NOW)
        assert one.error_code == "no_sender"


def test_a_call_without_an_end() -> None:
    def end(status: int | None, **more: Any) -> SendOutcome:
        [one] = form.outcomes(Answer(status, **more), [SMS], now=NOW)
        return one

    assert end(None) == SendOutcome("unknown", error_code="no_answer")
    assert end(503) == SendOutcome("unknown", error_code="http_503")
    assert end(None, request_left=False) == SendOutcome("retry", error_code="not_connected")
    assert end(402) == SendOutcome("retry", error_code="no_credit")
    assert end(403) == SendOutcome("retry", error_code="bad_credentials")
    assert end(429, retry_after="30") == SendOutcome("retry", error_code="busy", retry_after=30.0)


@given(st.binary(), st.sampled_from([None, 200, 202, 400, 500]))
def test_no_answer_breaks_the_reading(body: bytes, status: int | None) -> None:
    found = form.outcomes(Answer(status, body), texts("a", "b"), now=NOW)
    assert len(found) == 2
    assert all(one.kind != "accepted" or one.provider_message_id for one in found)


def test_every_word_for_an_error_has_a_sentence_for_staff() -> None:
    assert {*form.ERRORS.values(), *(word for _, word in form._ABOUT)} <= set(ports.ERRORS)


@pytest.mark.parametrize(
    ("answer", "works", "words"),
    [
        (Answer(200, b'{"replies": []}'), True, "accepts the credentials"),
        (Answer(401), False, "does not accept"),
        (Answer(403), False, "does not accept"),
        (Answer(None, request_left=False), False, "could not be reached"),
        (Answer(502), False, "no usable answer"),
    ],
)
def test_a_try_of_the_connection(answer: Answer, works: bool, words: str) -> None:
    said = form.checked(answer)
    assert (said.works, words in said.words) == (works, True)


# Webhooks


def inbound(**more: Any) -> InboundSms:
    return form.parse_inbound(as_json({**REPLY, **more}), zone=SYDNEY)


def receipt(**more: Any) -> DeliveryReceipt:
    return form.parse_receipt(as_json({**REPORT, **more}), zone=SYDNEY)


def test_a_text_that_came_in() -> None:
    assert inbound() == InboundSms(
        external_id="R-1", from_="+61412345678", to="+61480000001", body='Yes "please"\nthanks', at=NOW
    )


def test_what_a_template_could_not_fill_is_nothing() -> None:
    sms = inbound(reply_id="$moId", destination_number="$!destinationAddress", date_received="soon")
    assert (sms.external_id, sms.to, sms.at) == ("", "", None)
    assert inbound(content="It costs $10").body == "It costs $10"
    assert inbound(content=None).body == ""
    assert form.inbound_key(sms, as_json({**REPLY, "reply_id": "$moId"})) == ""


def test_an_opt_out_is_the_carriers_stop() -> None:
    body = form.as_opt_out(as_json(REPLY))
    sms = form.parse_inbound(body, zone=SYDNEY)
    assert (sms.external_id, sms.carrier_word, sms.carrier_answered) == ("R-1", "stop", True)
    assert (form.inbound_key(sms, body), form.inbound_key(sms, as_json(REPLY))) == ("opt_out:R-1", "R-1")
    assert form.is_receipt(body) is False


@pytest.mark.parametrize(
    ("words", "blocked"), [("Stop!", True), ("opt-out", True), ("stop it", False), ("", False)]
)
def test_whoever_texts_stop_alone_is_blocked_there_and_gets_no_answer_of_ours(
    words: str, blocked: bool
) -> None:
    sms = inbound(content=words)
    assert (sms.carrier_word, sms.carrier_answered) == ("", blocked)


def test_an_opt_out_without_words_or_id_is_kept_all_the_same() -> None:
    body = form.as_opt_out(as_json({"source_number": "+61412345678", "delivery_report_id": "x"}))
    sms = form.parse_inbound(body, zone=SYDNEY)
    assert (sms.body, form.inbound_key(sms, body), form.is_receipt(body)) == ("STOP", "", False)


@pytest.mark.parametrize(
    ("fields", "is_receipt"),
    [
        (REPLY, False),
        (REPORT, True),
        ({**REPORT, "reply_id": ""}, True),
        ({**REPORT, "reply_id": "$moId"}, True),
        ({**REPLY, "delivery_report_id": "$drId"}, False),
        ({**REPLY, "delivery_report_id": "D-1"}, False),
        ({}, False),
    ],
)
def test_ids_say_what_it_is(fields: dict[str, Any], is_receipt: bool) -> None:
    assert form.is_receipt(as_json(fields)) is is_receipt


def test_a_receipt() -> None:
    assert receipt() == DeliveryReceipt("MM-1", "delivered", at=NOW, reference="ref-1", segments=1)
    assert receipt(billing_units="$billingUnits").segments is None
    assert receipt(billing_units="2").segments == 2


@pytest.mark.parametrize(
    ("status", "ours"),
    [
        ("queued", "accepted"), ("processing", "accepted"), ("processed", "accepted"), ("scheduled", "accepted"),
        ("enroute", "accepted"), ("held", "accepted"), ("submitted", "sent"), ("DELIVERED", "delivered"),
        ("read", "delivered"), ("expired", "failed"), ("rejected", "failed"),
        ("undeliverable", "failed"), ("cancelled", "failed"), ("failed", "failed"), ("something new", "accepted"),
    ],
)  # fmt: skip
def test_each_status_has_its_place(status: str, ours: str) -> None:
    assert receipt(status=status).status == ours


@pytest.mark.parametrize(
    ("more", "word"),
    [
        ({"status": "failed"}, "undelivered"),
        ({"status": "expired"}, "expired"),
        ({"status": "rejected", "status_code": "302"}, "blocked"),
        ({"status": "failed", "error_code": 413}, "landline"),
        ({"status": "failed", "status_code": "", "error_code": "411"}, "invalid_number"),
        ({"status": "expired", "status_code": "999"}, "expired"),
        ({"status": "delivered", "status_code": "220"}, ""),
    ],
)
def test_a_failure_is_told_in_our_words(more: dict[str, Any], word: str) -> None:
    assert receipt(**more).error == word


@pytest.mark.parametrize(
    ("codes", "word"),
    [
        ("301", "no_credit"), ("302 412", "blocked"), ("303 333 410", "no_sender"), ("304", "filtered"),
        ("305", "duplicate"), ("320 401", "expired"), ("332", "no_route"), ("411", "invalid_number"),
        ("413", "landline"), ("414", "unreachable_phone"), ("330 331 400 402 403 405 999", "undelivered"),
    ],
)  # fmt: skip
def test_each_code_of_a_failure_has_its_word(codes: str, word: str) -> None:
    assert {receipt(status="failed", status_code=code).error for code in codes.split()} == {word}


@pytest.mark.parametrize(
    ("parse", "fields", "field"),
    [
        (form.parse_inbound, {**REPLY, "source_number": None}, "source_number"),
        (form.parse_receipt, {**REPORT, "message_id": ""}, "message_id"),
        (form.parse_receipt, {**REPORT, "status": "$status"}, "status"),
        (form.parse_receipt, [], "body"),
    ],
)
def test_what_is_missing_is_named(parse: Any, fields: object, field: str) -> None:
    with pytest.raises(Malformed) as caught:
        parse(as_json(fields), zone=SYDNEY)
    assert list(caught.value.fields) == [field]


def test_a_time_is_the_status_own_or_when_it_came_in() -> None:
    later = datetime(2026, 11, 20, 12, 0, 5, tzinfo=UTC)
    assert receipt(submitted_date="$submittedTimestamp").at == later
    assert receipt(submitted_date="soon").at == later
    assert receipt(submitted_date=None, date_received=None).at is None
    assert inbound(submitted_date="2026-11-20T09:00:00Z").at == NOW, "that of the text it answers"


def test_a_receipt_is_known_by_its_id_or_by_what_it_says() -> None:
    assert form.receipt_key(receipt(), as_json(REPORT)) == "receipt:D-1"
    without = {**REPORT, "delivery_report_id": None}
    assert form.receipt_key(receipt(), as_json(without)) == "receipt:delivered:MM-1"


def test_no_key_is_longer_than_its_column() -> None:
    long = {**REPLY, **REPORT, "reply_id": "r" * 900, "message_id": "m" * 900, "status": "s" * 900}
    for report in ("d" * 900, ""):
        body = as_json({**long, "delivery_report_id": report})
        told = form.parse_receipt(body, zone=SYDNEY)
        assert len(told.provider_message_id) <= 120
        assert len(form.receipt_key(told, body)) <= 300
    body = form.as_opt_out(as_json(long))
    assert len(form.inbound_key(form.parse_inbound(body, zone=SYDNEY), body)) <= 300


def test_our_metadata_name_the_account() -> None:
    assert form.account_of(as_json(REPLY)) == "acc-1"
    assert form.account_of(as_json({**REPLY, "metadata": "none"})) == ""


# Lists


def test_a_list_that_came_is_its_rows() -> None:
    assert form.listed(Answer(200, as_json({"replies": [REPLY, 7]})), "replies") == [REPLY, {}]
    assert form.listed(Answer(200, as_json({"replies": None})), "replies") is None
    assert form.listed(Answer(403, as_json({"replies": []})), "replies") is None


@given(st.dictionaries(st.sampled_from(sorted({**REPLY, **REPORT})), st.text() | st.integers() | st.none()))
def test_whatever_comes_is_read_or_refused_by_name(fields: dict[str, Any]) -> None:
    for parse in (form.parse_inbound, form.parse_receipt):
        problem = None
        try:
            parse(as_json(fields), zone=SYDNEY)
        except Malformed as error:
            problem = error
        assert problem is None or problem.fields
