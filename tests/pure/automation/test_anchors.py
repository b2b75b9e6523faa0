"""Intents, triggers, and what a clock rule is about."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from automation import intents
from automation.anchors import AnchorFacts, anchor, of_event
from automation.triggers import TRIGGERS, event_names
from tests.pure.automation.situations import (
    NOW,
    VISIT,
)


def test_intents_can_be_shown_as_json() -> None:
    shown = intents.as_dict(intents.SetRecallDate(7, date(2027, 1, 2), 9))
    assert shown == {"intent": "SetRecallDate", "contact_id": 7, "date": "2027-01-02", "booking_id": 9}
    task = intents.as_dict(intents.CreateTask(7, None, 3, "call", NOW))
    assert task["due_at"] == "2026-11-23T01:00:00+00:00"
    assert intents.as_dict(intents.TagContact(7, add=("a",)))["add"] == ["a"]
    assert intents.as_dict(intents.UpdateContact(7, {"is_high_risk": True}))["fields"] == {
        "is_high_risk": True
    }


def test_clock_rules_hear_of_rule_due_and_know_no_event() -> None:
    assert "rule_due" in event_names()
    assert "cron_check" not in event_names()
    assert TRIGGERS["cron_check"].scopes == ("contact", "booking", "clock")
    assert "event" in TRIGGERS["sms_received"].scopes
    assert TRIGGERS["webhook_failed"].scopes == ("event", "clock")


ANCHOR_FACTS = AnchorFacts(
    contact_id=7, today=date(2026, 11, 23), booking_id=9, appointment_at=VISIT.at, last_outbound_at=NOW,
    last_touchpoint_at=NOW + timedelta(hours=1), recall_due_date=date(2026, 11, 20),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("booking", "booking:9:2026-11-30T23:00:00+00:00"),
        ("outbound", "contact:7:outbound:2026-11-23T01:00:00+00:00"),
        ("silence", "contact:7:silence:2026-11-23T02:00:00+00:00"),
        ("recall_date", "contact:7:recall:2026-11-20"),
        ("day", "contact:7:day:2026-11-23"),
    ],
)
def test_an_anchor_names_what_a_clock_rule_is_about(name: str, expected: str) -> None:
    assert anchor(name, ANCHOR_FACTS) == expected
    empty = AnchorFacts(contact_id=7, today=date(2026, 11, 23))
    assert anchor(name, empty) == (expected if name == "day" else "")


def test_who_was_never_in_touch_is_silent_since_they_came_to_their_stage() -> None:
    never = AnchorFacts(contact_id=7, today=date(2026, 11, 23), stage_entered_at=NOW)
    assert anchor("silence", never) == "contact:7:silence:2026-11-23T01:00:00+00:00"


def test_an_event_is_its_own_anchor() -> None:
    assert of_event(5) == "event:5"
