from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from core.errors import Malformed
from integrations.ports import Customer, Permission
from integrations.providers import meta

SAMPLES = Path(__file__).parents[2] / "webhooks" / "meta"
NOTICE = (SAMPLES / "leadgen.json").read_bytes()
LEAD = (SAMPLES / "lead.json").read_bytes()
ANSWERED = (SAMPLES / "leadgen_with_answers.json").read_bytes()
SYDNEY = ZoneInfo("Australia/Sydney")


def entry(*changes: object, **more: object) -> bytes:
    return json.dumps({"object": "page", "entry": [{"id": "p", "changes": list(changes), **more}]}).encode()


def change(lead_id: object, field: str = "leadgen", **value: object) -> dict[str, object]:
    return {"field": field, "value": {"leadgen_id": lead_id, **value}}


def test_a_notice_is_taken_apart_lead_by_lead() -> None:
    body = entry(change("1"), change("9", field="feed"), change(2, page_id="q"), time=5)
    first, second = meta.notices(body)
    assert (first.page_id, first.lead_id) == ("p", "1")
    assert (second.page_id, second.lead_id) == ("q", "2")
    assert json.loads(first.body) == {
        "object": "page", "entry": [{"id": "p", "time": 5, "changes": [change("1")]}]
    }  # fmt: skip
    assert meta.lead_id(first.body) == "1"
    assert meta.notices(b"{}") == meta.notices(b'{"entry": [{}]}') == []


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b'{"entry": 7}',
        b'{"entry": ["x"]}',
        entry("x"),
        entry({"field": "leadgen", "value": "x"}),
        entry(change("")),
    ],
)
def test_a_notice_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(Malformed):
        meta.notices(body)


def test_a_notice_is_complete_once_its_lead_is_with_it() -> None:
    assert not meta.is_complete(NOTICE)
    assert meta.is_complete(ANSWERED)
    assert meta.is_complete(meta.with_lead(NOTICE, LEAD))
    assert meta.lead_id(b"{}") == ""
    assert meta.page_id(b"{}") == ""


@pytest.mark.parametrize("lead", [b"<html>", b"[]", b"{}", b'{"field_data": "x"}'])
def test_what_is_no_lead_is_not_kept(lead: bytes) -> None:
    with pytest.raises(Malformed):
        meta.with_lead(NOTICE, lead)


def test_a_fetched_lead_is_read_whole() -> None:
    lead = meta.parse(meta.with_lead(NOTICE, LEAD), zone=SYDNEY)
    assert lead.person == Customer("Ana Silva", "+61412345678", "Ana@Example.com")
    assert (lead.external_event_id, lead.instance_id) == ("1958340478236214", "724302907610309")
    assert lead.occurred_at == datetime(2025, 11, 20, 0, 53, 20, tzinfo=UTC)
    assert (lead.intent, lead.form) == ("Mole removal", "Lead form 793235552669212")
    assert lead.answers == {
        "what_are_you_interested_in": "Mole removal", "best_time_to_call": "Morning, Evening"
    }  # fmt: skip
    assert lead.arrival.campaign == "Spring skin checks"
    assert lead.arrival.ids == {
        "campaign_id": "6798698430000", "adset_id": "6798698430001", "adset_name": "Women 35-60",
        "ad_id": "6798698439993", "ad_name": "Skin check carousel", "form_id": "793235552669212", "platform": "ig",
    }  # fmt: skip
    assert lead.permissions == (Permission(("sms", "email"), False, "send_me_texts_about_my_enquiry"),)
    assert not lead.test


def test_answers_in_the_notice_itself_are_enough() -> None:
    lead = meta.parse(ANSWERED, zone=SYDNEY)
    assert lead.person == Customer("Test User", "+61412999888", "test@example.com")
    assert lead.occurred_at == datetime.fromtimestamp(1735291689, tz=UTC)
    assert lead.permissions == ()


def test_made_up_values_are_known() -> None:
    assert meta.parse(meta.with_lead(NOTICE, (SAMPLES / "test_lead.json").read_bytes()), zone=SYDNEY).test


def test_boxes_may_be_true_and_may_be_for_marketing() -> None:
    boxes = [{"checkbox_key": "Marketing_ok", "is_checked": True}, {"checkbox_key": "x", "is_checked": False}]
    body = entry(
        change(
            "1", field_data=[{"name": "email", "values": "a@b.example"}], custom_disclaimer_responses=boxes
        )
    )
    lead = meta.parse(body, zone=SYDNEY)
    assert lead.person.email == "a@b.example"
    assert lead.permissions == (Permission(("sms", "email"), True, "Marketing_ok"),)


@pytest.mark.parametrize("body", [NOTICE, b"{}"])
def test_a_notice_without_answers_is_no_lead(body: bytes) -> None:
    with pytest.raises(Malformed):
        meta.parse(body, zone=SYDNEY)
