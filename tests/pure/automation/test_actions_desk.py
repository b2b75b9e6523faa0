"""Actions that change tasks, owners, people and visits: their shape, their intent, their words."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from automation import action_parser, intents, sentences
from automation.actions import Action
from core.errors import Invalid
from tests.pure.automation.situations import CLOSING, NAMES, NOW, VISIT, intent, refusal, rule, subject


def read(raw: dict[str, Any]) -> Action:
    [action] = action_parser.read_actions([raw], facts=NAMES)
    return action


@pytest.mark.parametrize(
    ("raw", "changes"),
    [
        ({"priority": "high"}, {"priority": "high"}),
        ({"due_in_seconds": 60}, {"due_at": NOW + timedelta(seconds=60)}),
        ({"due_in_seconds": 0}, {"due_at": NOW}),
        ({"due_at": "end_of_business_day"}, {"due_at": CLOSING}),
        ({"notes": "Was at {current_stage}"}, {"notes": "Was at engaged"}),
        ({"assign": "owner"}, {"assign": "owner"}),
        ({"assign": "named", "staff": "Sue@Clinic.test"}, {"assign": "named", "staff": "sue@clinic.test"}),
        ({"assign": "by_skill", "skill": "laser"}, {"assign": "by_skill", "skill": "laser"}),
    ],
)
def test_open_tasks_are_changed_in_what_is_given(raw: dict[str, Any], changes: dict[str, Any]) -> None:
    wish = {"type": "update_task", "task_types": ["call", "custom"], **raw}
    expected = replace(intents.UpdateTasks(7, 3, ("call", "custom")), **changes)
    assert intent(wish, subject({"current_stage": "engaged"})) == expected


def test_somebody_is_found_for_the_contact() -> None:
    wish = {"type": "assign_to_staff", "how": "by_skill", "skill": "laser"}
    assert intent(wish) == intents.AssignContact(7, 3, "by_skill", "", "laser")
    assert refusal(wish, subject(contact_id=None)) == "There is no contact to do this for."


def test_a_new_task_goes_to_whom_its_rule_says() -> None:
    wish = {"type": "create_task", "task_type": "call", "assign": "named", "staff": "sue@clinic.test"}
    made = intent(wish)
    assert isinstance(made, intents.CreateTask)
    assert (made.assign, made.staff, made.skill) == ("named", "sue@clinic.test", "")


def test_whom_an_event_is_about_is_a_contact_already() -> None:
    assert intent({"type": "match_or_create_contact"}) == intents.MatchContact(7, 3)
    assert refusal({"type": "match_or_create_contact"}, subject(contact_id=None)) == (
        "There is no contact to do this for."
    )


@pytest.mark.parametrize(
    ("by", "phone", "email"), [("any", "1", "a@b"), ("phone", "1", ""), ("email", "", "a@b")]
)
def test_another_person_is_matched_by_what_is_asked_for(by: str, phone: str, email: str) -> None:
    wish = {
        "type": "match_or_create_contact",
        "by": by,
        "name": "Friend of {source}",
        "phone": "1",
        "email": "a@b",
    }
    assert intent(wish, subject({"source": "wix"})) == intents.MatchContact(
        None, 3, name="Friend of wix", phone=phone, email=email
    )


def test_without_a_service_the_events_own_visit_is_meant() -> None:
    wish = {"type": "create_booking", "capture_attribution": False}
    assert intent(wish, subject(booking_id=9)) == intents.BookVisit(7, 3, 9, capture_attribution=False)
    assert "no service is given" in refusal(wish, subject())


def test_a_visit_is_booked_days_after_the_one_it_follows_at_its_local_time() -> None:
    # 10 am in Sydney, before and after the clocks change on 4 April.
    visit = replace(VISIT, at=datetime(2027, 4, 1, 23, 0, tzinfo=UTC))
    wish = {"type": "create_booking", "service": "Follow-up", "in_days": 7}
    made = intent(wish, subject(visit=visit))
    assert isinstance(made, intents.BookVisit)
    assert made.at == datetime(2027, 4, 9, 0, 0, tzinfo=UTC)


def test_a_visit_is_booked_from_now_at_the_time_of_day_given() -> None:
    wish = {
        "type": "create_booking",
        "service": "Follow-up",
        "in_days": 1,
        "at": "14:30",
        "practitioner": "Dr Lee",
    }
    assert intent(wish) == intents.BookVisit(
        7, 3, None, service="Follow-up", at=datetime(2026, 11, 24, 3, 30, tzinfo=UTC), practitioner="Dr Lee"
    )


def test_a_visit_needs_a_time_to_come() -> None:
    booked = {"type": "create_booking", "service": "Follow-up", "in_days": 0}
    assert refusal(booked, subject()) == "No time of day is given, and there is no visit to take it from."
    # It is noon in Sydney.
    assert refusal({**booked, "at": "12:00"}, subject()) == "That time has passed."
    assert intent({**booked, "at": "12:01"}) is not None


@pytest.mark.parametrize(
    ("raw", "path", "words"),
    [
        ({"type": "update_task", "task_types": ["call"]}, "actions[0]", "give at least one of"),
        ({"type": "update_task", "task_types": []}, "actions[0].task_types", "at least 1 item"),
        (
            {
                "type": "update_task",
                "task_types": ["call"],
                "due_in_seconds": 1,
                "due_at": "end_of_business_day",
            },
            "actions[0]",
            "not both",
        ),
        ({"type": "assign_to_staff", "how": "named"}, "actions[0]", "e-mail"),
        ({"type": "assign_to_staff", "how": "round_robin", "staff": "a@b"}, "actions[0]", "e-mail"),
        ({"type": "assign_to_staff", "how": "by_skill"}, "actions[0]", "skill"),
        ({"type": "assign_to_staff", "how": "named", "staff": "a@b", "skill": "x"}, "actions[0]", "skill"),
        ({"type": "assign_to_staff", "how": "luck"}, "actions[0].how", "'least_loaded'"),
        ({"type": "assign_to_staff", "how": "named", "staff": "nobody"}, "actions[0].staff", ""),
        ({"type": "calculate_recall_date", "mapping": {"routine": 5}}, "actions[0].mapping.routine", "86400"),
        (
            {"type": "calculate_recall_date", "mapping": {"procedure": "x"}},
            "actions[0].mapping.procedure",
            "",
        ),
        (
            {"type": "calculate_recall_date", "mapping": {"follow_up": True}},
            "actions[0].mapping.follow_up",
            "",
        ),
        ({"type": "create_task", "task_type": "call", "assign": "luck"}, "actions[0].assign", "'owner'"),
        ({"type": "create_task", "task_type": "call", "assign": "named"}, "actions[0]", "e-mail"),
        ({"type": "match_or_create_contact", "name": "Sue"}, "actions[0]", "phone or e-mail"),
        ({"type": "match_or_create_contact", "email": "a@b", "by": "phone"}, "actions[0]", "give the phone"),
        ({"type": "match_or_create_contact", "name": "{x}", "phone": "1"}, "actions[0].name", "{x}"),
        ({"type": "create_booking", "service": "x"}, "actions[0]", "in_days"),
        ({"type": "create_booking", "in_days": 1}, "actions[0]", "service"),
        ({"type": "create_booking", "service": "x", "in_days": 1, "at": "24:00"}, "actions[0].at", "pattern"),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(raw: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        action_parser.read_actions([raw], facts=NAMES)
    [(where, what)] = caught.value.fields.items()
    assert where == path
    assert words in what[0]


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (
            {"type": "create_task", "task_type": "call", "assign": "least_loaded"},
            "create a task call, due now, for whoever has the fewest open tasks",
        ),
        (
            {
                "type": "update_task", "task_types": ["call", "sms_followup"], "priority": "urgent",
                "due_in_seconds": 3600, "assign": "owner", "notes": "x",
            },
            "change open tasks call, sms followup: urgent priority, due in 1 hour, for the contact's owner, "
            "with a note",
        ),
        ({"type": "update_task", "task_types": ["call"], "due_in_seconds": 0}, "change open tasks call: due now"),
        (
            {"type": "update_task", "task_types": ["call"], "assign": "round_robin"},
            "change open tasks call: for the next in turn",
        ),
        (
            {"type": "update_task", "task_types": ["call"], "due_at": "end_of_business_day"},
            "change open tasks call: due by the end of the business day",
        ),
        ({"type": "assign_to_staff", "how": "round_robin"}, "give the contact to the next in turn"),
        ({"type": "assign_to_staff", "how": "named", "staff": "a@b.c"}, "give the contact to a@b.c"),
        (
            {"type": "assign_to_staff", "how": "by_skill", "skill": "laser"},
            "give the contact to somebody who can do laser",
        ),
        ({"type": "match_or_create_contact"}, "make sure the person is a contact"),
        ({"type": "match_or_create_contact", "phone": "1"}, "make sure the person given is a contact"),
        ({"type": "match_or_create_contact", "name": "Sue", "email": "a@b"}, "make sure Sue is a contact"),
        ({"type": "create_booking"}, "make sure the visit is stored"),
        ({"type": "create_booking", "service": "Check", "in_days": 7}, "book Check in 7 days"),
        (
            {"type": "create_booking", "service": "Check", "in_days": 0, "at": "09:00", "practitioner": "Dr Lee"},
            "book Check with Dr Lee the same day at 09:00",
        ),
    ],
)  # fmt: skip
def test_each_says_itself_in_plain_words(raw: dict[str, Any], words: str) -> None:
    [step] = rule(raw).steps
    assert sentences.describe(step) == words


def test_the_base_leaves_its_intent_to_each_action() -> None:
    with pytest.raises(NotImplementedError):
        Action().intent(subject(), now=NOW, rule_key="r", step=0)
