"""Recall dates that move and go, and what going live leaves of visits from before."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from automation import action_parser, engine, golive, intents
from automation.conditions import All
from automation.engine import RuleText, Step, StepPlan, Turn
from automation.subjects import Happening, Limit, Recall, Subject, Visit
from core.causes import Cause

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
HALF_YEAR, YEAR = 15552000, 31536000
RECALL = {
    "type": "calculate_recall_date",
    "mapping": {"high_risk": HALF_YEAR, "routine": YEAR, "procedure": "per_practitioner"},
}


def visit(pk: int, *, days_ago: int = 0, **fields: Any) -> Visit:
    fields.setdefault("service_type", "routine")
    return Visit(id=pk, at=NOW - timedelta(days=days_ago), **fields)


def happening(type: str = "booking_outcome_updated", *, at: datetime = NOW) -> Happening:
    return Happening(1, type, 1, "event:1", Cause.user(1), at, 7, 9)


def plan(action: dict[str, Any], *, outcome: str = "attended", **fields: Any) -> StepPlan:
    about = Subject(
        happening(), {"outcome": outcome}, ZoneInfo("Australia/Sydney"), NOW + timedelta(hours=5), **fields
    )
    [read] = action_parser.read_actions([action], facts=())
    step = Step(0, read, All(()))
    text = RuleText(1, 1, "c1", "C1", 10, All(()), (step,))
    return engine.plan_step(about, text, step, now=NOW)


def recall(**fields: Any) -> object:
    return plan(RECALL, **fields).intent


def test_the_latest_attended_visit_gives_the_date_whichever_was_recorded_last() -> None:
    old, new = visit(9, days_ago=30), visit(10, days_ago=2)
    assert recall(visit=old, recall=Recall(new, None)) == intents.SetRecallDate(7, date(2027, 11, 21), 10)


def test_an_attendance_taken_back_takes_its_date_along() -> None:
    gone = visit(9)
    assert recall(outcome="none", visit=gone, recall=Recall(None, 9)) == intents.SetRecallDate(7, None)


def test_an_earlier_visit_gives_its_date_again() -> None:
    gone, earlier = visit(9), visit(5, days_ago=100)
    assert recall(outcome="no_show", visit=gone, recall=Recall(earlier, 9)) == intents.SetRecallDate(
        7, date(2027, 8, 15), 5
    )


def test_an_earlier_visit_without_an_interval_leaves_no_date() -> None:
    gone, earlier = visit(9), visit(5, days_ago=100, service_type="procedure")
    assert recall(outcome="no_show", visit=gone, recall=Recall(earlier, 9)) == intents.SetRecallDate(7, None)


@pytest.mark.parametrize("given_by", [None, 5])
def test_a_date_that_a_person_or_another_visit_gave_stays(given_by: int | None) -> None:
    found = plan(RECALL, outcome="no_show", visit=visit(9), recall=Recall(None, given_by))
    assert (found.turn, found.intent) == (Turn.SKIP, None)
    assert found.reason == "The recall date does not come from this visit, so it stays."


def test_what_is_about_no_visit_takes_nothing_back() -> None:
    assert plan(RECALL, outcome="none", visit=None, recall=Recall(None, 9)).turn is Turn.SKIP


@pytest.mark.parametrize(
    ("fields", "days"),
    [
        ({}, 365),
        ({"service_recall_days": 90}, 90),
        ({"service_type": "procedure", "practitioner_recall_days": 30, "service_recall_days": 90}, 30),
        ({"service_type": "procedure", "service_recall_days": 90}, 90),
        ({"high_risk_service": True}, 180),
        ({"high_risk_service": True, "service_recall_days": 90}, 90),
        ({"high_risk_service": True, "service_recall_days": 300}, 180),
    ],
)
def test_the_interval_is_of_the_risk_the_practitioner_the_service_or_the_kind(
    fields: dict[str, Any], days: int
) -> None:
    here = visit(9, **fields)
    expected = date(2026, 11, 23) + timedelta(days=days)
    assert recall(visit=here) == intents.SetRecallDate(7, expected, 9)


# Going live


@pytest.mark.parametrize(
    ("type", "happened", "over", "expected"),
    [
        ("booking_created", -1, 100, golive.BOOKED_BEFORE),
        ("booking_created", 0, 100, None),
        ("booking_rescheduled", -1, 100, None),
        ("booking_outcome_updated", 5, -1, golive.OVER_BEFORE),
        ("booking_outcome_updated", 5, 0, None),
        ("booking_outcome_updated", 5, None, None),
    ],
)
def test_only_bookings_and_outcomes_from_before_are_limited(
    type: str, happened: int, over: int | None, expected: Limit | None
) -> None:
    heard = happening(type, at=NOW + timedelta(seconds=happened))
    over_at = None if over is None else NOW + timedelta(seconds=over)
    assert golive.limit(heard, live_since=NOW, over_at=over_at, now=NOW) is expected
    assert golive.limit(heard, live_since=None, over_at=over_at, now=NOW) is None


def test_a_booking_that_is_heard_again_when_the_clinic_goes_live_is_limited_whenever_it_was_made() -> None:
    heard = Happening(1, "booking_created", 1, "event:1", Cause.user(1), NOW, 7, 9, taken_over=True)
    before = golive.limit(heard, live_since=NOW - timedelta(days=1), over_at=None, now=NOW)
    assert before is golive.BOOKED_BEFORE


@pytest.mark.parametrize(
    ("type", "found", "over", "expected"),
    [
        ("booking_created", "first_run", 1, golive.FOUND_AT_FIRST),
        ("booking_created", "first_run", 0, golive.FOUND_OVER),
        ("booking_created", "first_run", None, golive.FOUND_OVER),
        ("booking_cancelled", "first_run", 1, golive.FOUND_OVER),
        ("booking_cancelled", "late", 1, golive.FOUND_LATE),
        ("booking_created", "late", 1, golive.FOUND_LATE),
        ("booking_created", "", 1, None),
    ],
)
@pytest.mark.parametrize("live_since", [None, NOW - timedelta(days=9)])
def test_what_a_providers_list_told_of_is_limited_by_when_it_was_found(
    type: str, found: str, over: int | None, expected: Limit | None, live_since: datetime | None
) -> None:
    heard = Happening(1, type, 1, "event:1", Cause.provider(1), NOW, 7, 9, found=found)
    over_at = None if over is None else NOW + timedelta(hours=over)
    assert golive.limit(heard, live_since=live_since, over_at=over_at, now=NOW) is expected


def test_the_first_look_leads_to_no_text_of_its_own() -> None:
    for limit in (golive.FOUND_AT_FIRST, golive.FOUND_OVER, golive.FOUND_LATE):
        assert not any(limit.allows(kind) for kind in ("send_sms", "send_email", "start_conversation"))
    assert golive.FOUND_AT_FIRST.allows("schedule_reminders")
    assert not golive.FOUND_OVER.allows("create_task")


@pytest.mark.parametrize(
    ("limit", "action", "turn"),
    [
        (golive.BOOKED_BEFORE, {"type": "add_tag", "tag": "x"}, Turn.SKIP),
        (golive.BOOKED_BEFORE, {"type": "update_pipeline", "stage": "attended"}, Turn.DO),
        (golive.OVER_BEFORE, {"type": "add_tag", "tag": "x"}, Turn.DO),
        (golive.OVER_BEFORE, {"type": "send_sms", "message": "Hi", "delay_seconds": 600}, Turn.SKIP),
        (None, {"type": "send_sms", "message": "Hi"}, Turn.DO),
    ],
)
def test_a_limit_leaves_some_actions_and_says_why_no_others(
    limit: Limit | None, action: dict[str, Any], turn: Turn
) -> None:
    found = plan(action, visit=visit(9), limit=limit)
    assert found.turn is turn
    if turn is Turn.SKIP and limit is not None:
        assert found.reason == limit.reason
