"""What each action leads to, and when there is nothing for it to do."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from automation import engine, intents
from automation.subjects import Visit
from tests.pure.automation.situations import (
    CLOSING,
    NOW,
    VISIT,
    intent,
    refusal,
    rule,
    subject,
)


def test_each_action_leads_to_its_intent() -> None:
    here = subject({"current_pipeline": "lead_to_booking", "warmness_score": 12}, visit=VISIT, booking_id=9)
    cases: list[tuple[dict[str, Any], intents.Intent]] = [
        ({"type": "calculate_warmness"}, intents.CalculateWarmness(7)),
        (
            {"type": "update_warmness", "delta": -5, "reason": "was {warmness_score}"},
            intents.AdjustWarmness(7, -5, "was 12"),
        ),
        ({"type": "cancel_pending_messages"}, intents.CancelMessages(9, "stage_moved")),
        (
            {"type": "cancel_pending_tasks", "task_types": ["call", "sms_followup"]},
            intents.CancelTasks(7, None, ("call", "sms_followup"), "A contact moves to another stage."),
        ),
        ({"type": "cancel_all_tasks"}, intents.CancelTasks(None, 9, None, "A contact moves to another stage.")),
        (
            {"type": "update_pipeline", "pipeline": "pre_appointment", "stage": "ready"},
            intents.MoveStage(7, "pre_appointment", "ready", "stage_moved"),
        ),
        (
            {"type": "move_pipeline", "stage": "engaged"},
            intents.MoveStage(7, "lead_to_booking", "engaged", "stage_moved"),
        ),
        ({"type": "update_booking", "status": "confirmed"}, intents.SetBookingStatus(9, "confirmed")),
        (
            {"type": "update_contact", "fields": {"is_existing_patient": True}},
            intents.UpdateContact(7, {"is_existing_patient": True}),
        ),
        ({"type": "add_tag", "tag": "a"}, intents.TagContact(7, add=("a",))),
        ({"type": "remove_tag", "tag": "a"}, intents.TagContact(7, remove=("a",))),
        (
            {"type": "log_touchpoint", "touchpoint_type": "booking_created", "is_attribution": True},
            intents.LogTouchpoint(7, 9, "booking_created", True, False),
        ),
        (
            {"type": "schedule_reminders", "offsets": [7200, 60], "templates": ["a", "b"]},
            intents.ScheduleReminders(9, (7200, 60), ("a", "b")),
        ),
        (
            {"type": "notify_staff", "text": "Score {warmness_score}", "task_type": "reconcile"},
            intents.NotifyStaff(3, 7, 9, "Score 12", "r1.0", "reconcile", NOW, anchor="event:5"),
        ),
    ]  # fmt: skip
    for raw, expected in cases:
        assert intent(raw, here) == expected


def test_a_touchpoint_of_the_message_that_just_came_names_it() -> None:
    came = subject({"message_id": "m-1"}, type="sms_received")
    logged = intent(
        {"type": "log_touchpoint", "touchpoint_type": "sms_received", "update_last_touch": True}, came
    )
    assert logged == intents.LogTouchpoint(7, None, "sms_received", False, True, message="m-1")
    other = intent({"type": "log_touchpoint", "touchpoint_type": "form_submit"}, came)
    assert other == intents.LogTouchpoint(7, None, "form_submit", False, False, message="")


@pytest.mark.parametrize(
    ("given", "due"),
    [
        ({}, NOW),
        ({"due_in_seconds": 300}, NOW + timedelta(seconds=300)),
        ({"due_at": "end_of_business_day"}, CLOSING),
    ],
)
def test_a_task_is_due_now_later_or_at_closing(given: dict[str, Any], due: datetime) -> None:
    made = intent({"type": "create_task", "task_type": "call", **given})
    assert made == intents.CreateTask(7, None, 3, "call", due, "", "", "")


def test_a_task_takes_priority_notes_and_the_events_visit() -> None:
    raw = {
        "type": "create_task",
        "task_type": "call",
        "priority": "high",
        "notes": "{intent}!",
        "assign": "owner",
    }
    made = intent(raw, subject({}, booking_id=9, visit=VISIT))
    assert made == intents.CreateTask(7, 9, 3, "call", NOW, "high", "unknown!", "owner")


@pytest.mark.parametrize(
    ("type", "booking_id", "key", "exempt", "acted"),
    [
        ("stage_moved", None, "hello:event:5", False, False),
        ("sms_received", None, "hello:event:5", True, True),
        ("message_received", None, "hello:event:5", True, True),
        ("lead_created", None, "hello:event:5", False, True),
        ("booking_created", 9, "hello:visit:9", False, True),
        ("booking_outcome_updated", 9, "hello:visit:9", False, False),
        ("booking_outcome_updated", None, "hello:event:5", False, False),
        ("booking_rescheduled", 9, "hello:event:5", False, True),
        ("booking_cancelled", 9, "hello:event:5", False, True),
    ],
)
def test_a_text_knows_its_business_cause_and_whether_the_person_just_acted(
    type: str, booking_id: int | None, key: str, exempt: bool, acted: bool
) -> None:
    before = NOW - timedelta(minutes=3)
    about = subject(type=type, booking_id=booking_id, visit=VISIT, occurred_at=before)
    text = intent({"type": "send_sms", "template": "hello"}, about)
    assert text == intents.QueueMessage(7, 9, "hello", "", key, exempt, before if acted else None)


def test_a_text_worded_in_the_rule_is_known_by_the_rule_and_its_step() -> None:
    text = intent({"type": "send_sms", "message": "Hi {first_name}"}, subject())
    assert text == intents.QueueMessage(7, None, "", "Hi {first_name}", "r1.0:event:5", False, None)


def test_a_delayed_text_is_no_turn_of_a_conversation() -> None:
    delayed = rule({"type": "send_sms", "template": "hello", "delay_seconds": 60})
    step = engine.plan_step(subject(type="sms_received"), delayed, delayed.steps[0], now=NOW, due=True)
    assert isinstance(step.intent, intents.QueueMessage)
    assert step.intent.exempt_quiet is False


MAPPING = {"high_risk": 15552000, "routine": 31536000, "procedure": "per_practitioner"}


@pytest.mark.parametrize(
    ("facts", "visit", "expected"),
    [
        ({}, {"service_type": "routine"}, date(2027, 12, 1)),
        ({"is_high_risk": True}, {"service_type": "routine"}, date(2027, 5, 30)),
        ({"is_high_risk": False}, {"service_type": "routine", "high_risk_service": True}, date(2027, 5, 30)),
        ({}, {"service_type": "procedure", "practitioner_recall_days": 10}, date(2026, 12, 11)),
        (
            {},
            {"service_type": "procedure", "practitioner_recall_days": 10, "service_recall_days": 20},
            date(2026, 12, 11),
        ),
        ({}, {"service_type": "procedure", "service_recall_days": 20}, date(2026, 12, 21)),
        (
            {},
            {"service_type": "follow_up", "service_recall_days": 20, "practitioner_recall_days": 10},
            date(2026, 12, 21),
        ),
    ],
)
def test_the_recall_date_counts_from_the_local_day_of_the_visit(
    facts: dict[str, object], visit: dict[str, Any], expected: date
) -> None:
    about = subject(facts, visit=Visit(id=9, at=VISIT.at, **visit))
    assert intent({"type": "calculate_recall_date", "mapping": MAPPING}, about) == intents.SetRecallDate(
        7, expected, 9
    )


def test_without_a_visit_a_high_risk_contact_is_recalled_from_today() -> None:
    about = subject({"is_high_risk": True})
    expected = date(2026, 11, 23) + timedelta(days=180)
    assert intent({"type": "calculate_recall_date", "mapping": MAPPING}, about) == intents.SetRecallDate(
        7, expected
    )


@pytest.mark.parametrize(
    ("facts", "visit", "mapping"),
    [
        ({}, None, MAPPING),
        ({}, Visit(id=9, at=VISIT.at, service_type="procedure"), MAPPING),
        ({}, Visit(id=9, at=VISIT.at, service_type=""), MAPPING),
        ({"is_high_risk": True}, None, {"routine": 31536000}),
    ],
)
def test_no_interval_no_recall(
    facts: dict[str, object], visit: Visit | None, mapping: dict[str, Any]
) -> None:
    raw = {"type": "calculate_recall_date", "mapping": mapping}
    assert refusal(raw, subject(facts, visit=visit)) == "No recall interval is set for this kind of visit."


@pytest.mark.parametrize(
    "raw",
    [
        {"type": "calculate_warmness"},
        {"type": "update_warmness", "delta": 1, "reason": "x"},
        {"type": "send_sms", "template": "x"},
        {"type": "cancel_pending_tasks", "task_types": ["call"]},
        {"type": "update_pipeline", "stage": "engaged"},
        {"type": "update_contact", "fields": {"is_high_risk": True}},
        {"type": "add_tag", "tag": "x"},
        {"type": "remove_tag", "tag": "x"},
        {"type": "log_touchpoint", "touchpoint_type": "form_submit"},
    ],
)
def test_actions_about_a_contact_are_skipped_where_there_is_none(raw: dict[str, Any]) -> None:
    assert refusal(raw, subject(contact_id=None)) == "There is no contact to do this for."


@pytest.mark.parametrize(
    "raw",
    [
        {"type": "cancel_pending_messages"},
        {"type": "cancel_all_tasks"},
        {"type": "update_booking", "status": "cancelled"},
        {"type": "schedule_reminders", "offsets": [60], "templates": ["x"]},
    ],
)
def test_actions_about_a_visit_are_skipped_where_there_is_none(raw: dict[str, Any]) -> None:
    assert refusal(raw, subject()) == "There is no visit to do this for."


def test_a_task_and_a_notice_need_no_contact() -> None:
    nobody = subject(contact_id=None, type="webhook_failed")
    assert intent({"type": "create_task", "task_type": "reconcile"}, nobody) == intents.CreateTask(
        None, None, 3, "reconcile", NOW
    )
    assert intent({"type": "notify_staff", "text": "Look"}, nobody) == intents.NotifyStaff(
        3, None, None, "Look", "r1.0", "", NOW, anchor="event:5"
    )
