"""Actions are read from JSON, refused by path, and say themselves in plain words."""

from __future__ import annotations

from typing import Any

import pytest

from automation import action_parser, actions, sentences
from core.errors import Invalid
from tests.pure.automation.situations import (
    NAMES,
    TAG,
    rule,
)


@pytest.mark.parametrize(
    ("raw", "path", "words"),
    [
        ({}, "actions", "this must be a list of actions."),
        ([TAG] * 31, "actions", "30 actions at most"),
        ([TAG, 3], "actions[1]", "valid dictionary"),
        ([{"tag": "x"}], "actions[0]", "discriminator"),
        ([{"type": "fly"}], "actions[0]", "'fly'"),
        ([{**TAG, "delay_seconds": -1}], "actions[0].delay_seconds", "greater than or equal to 0."),
        ([{**TAG, "delay_seconds": 90 * 86400 + 1}], "actions[0].delay_seconds", "less than or equal to"),
        ([{**TAG, "extra": 1}], "actions[0].extra", "not permitted."),
        ([{"type": "add_tag", "tag": ""}], "actions[0].tag", "at least 1 character."),
        ([{"type": "send_sms"}], "actions[0]", "give either a template or a message."),
        (
            [{"type": "send_sms", "template": "a", "message": "b"}],
            "actions[0]",
            "give either a template or a message.",
        ),
        ([{"type": "send_sms", "template": "A b"}], "actions[0].template", "should match pattern"),
        ([{"type": "create_task", "task_type": "fly"}], "actions[0].task_type", "'call'"),
        (
            [{"type": "create_task", "task_type": "call", "due_in_seconds": "5"}],
            "actions[0].due_in_seconds",
            "integer.",
        ),
        (
            [
                {
                    "type": "create_task",
                    "task_type": "call",
                    "due_in_seconds": 5,
                    "due_at": "end_of_business_day",
                }
            ],
            "actions[0]",
            "give either due_in_seconds or due_at, not both.",
        ),
        (
            [{"type": "create_task", "task_type": "call", "due_at": "noon"}],
            "actions[0].due_at",
            "end_of_business_day",
        ),
        (
            [{"type": "create_task", "task_type": "call", "notes": "{x}"}],
            "actions[0].notes",
            "there is no fact {x}.",
        ),
        ([{"type": "notify_staff", "text": "{x}"}], "actions[0].text", "there is no fact {x}."),
        ([{"type": "update_warmness", "delta": 101, "reason": "x"}], "actions[0].delta", "100."),
        (
            [{"type": "update_warmness", "delta": 1, "reason": "{x}"}],
            "actions[0].reason",
            "there is no fact {x}.",
        ),
        (
            [{"type": "update_booking", "status": "pending"}],
            "actions[0].status",
            "'confirmed' or 'cancelled'.",
        ),
        ([{"type": "update_contact", "fields": {}}], "actions[0].fields", "give at least one field."),
        ([{"type": "update_contact", "fields": {"name": "x"}}], "actions[0].fields.name", "not permitted."),
        ([{"type": "cancel_pending_tasks", "task_types": []}], "actions[0].task_types", "at least 1 item"),
        (
            [{"type": "cancel_pending_tasks", "task_types": ["call", "x"]}],
            "actions[0].task_types[1]",
            "'call'",
        ),
        (
            [{"type": "schedule_reminders", "offsets": [60], "templates": []}],
            "actions[0]",
            "give one template for each offset.",
        ),
        (
            [{"type": "schedule_reminders", "offsets": [60, 60], "templates": ["a", "b"]}],
            "actions[0]",
            "two reminders stand at the same time.",
        ),
        (
            [{"type": "schedule_reminders", "offsets": [0], "templates": ["a"]}],
            "actions[0].offsets[0]",
            "greater than 0.",
        ),
        ([{"type": "calculate_recall_date", "mapping": {"routine": 5}}], "actions[0].mapping.routine", ""),
    ],
)
def test_a_wrong_action_is_named_by_its_path(raw: Any, path: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        action_parser.read_actions(raw, facts=NAMES)
    assert caught.value.code == "invalid_actions"
    found = {where: what for where, what in caught.value.fields.items() if where.startswith(path)}
    assert path in {where if where == path else path for where in found}
    assert words in " ".join(what[0] for what in found.values())
    assert caught.value.message == "{}: {}".format(
        *(lambda w: (w, caught.value.fields[w][0]))(min(caught.value.fields))
    )


def test_every_error_is_named_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        action_parser.read_actions([{"type": "fly"}, {"type": "add_tag", "tag": "x", "more": 1}], facts=NAMES)
    assert set(caught.value.fields) == {"actions[0]", "actions[1].more"}


def test_the_schema_names_every_action() -> None:
    schema = action_parser.json_schema()
    assert schema["type"] == "array"
    names = set(schema["items"]["discriminator"]["mapping"])
    assert {"send_sms", "create_task", "move_pipeline", "update_pipeline", "notify_staff"} <= names
    assert len(names) == 23


def test_an_action_knows_its_name() -> None:
    [action] = action_parser.read_actions([TAG], facts=NAMES)
    assert action.kind == "add_tag"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no braces", "no braces"),
        ("{intent} at {local_hour}", "procedure at 9"),
        ("{source}", "unknown"),
        ("{current_stage}", "unknown"),
        ("{is_high_risk}", "False"),
    ],
)
def test_facts_fill_the_braces(text: str, expected: str) -> None:
    facts = {
        "intent": "procedure",
        "local_hour": 9,
        "source": None,
        "current_stage": "",
        "is_high_risk": False,
    }
    assert actions.fill(text, facts) == expected


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ({"type": "calculate_warmness"}, "work out the warmness"),
        ({"type": "update_warmness", "delta": -5, "reason": "x"}, "change the warmness by -5"),
        ({"type": "send_sms", "template": "hello"}, "text hello"),
        ({"type": "send_sms", "message": "Hi"}, 'text "Hi"'),
        ({"type": "cancel_pending_messages"}, "withdraw the visit's unsent messages"),
        ({"type": "create_task", "task_type": "welcome_call"}, "create a task welcome call, due now"),
        (
            {"type": "create_task", "task_type": "call", "priority": "high", "due_in_seconds": 5400},
            "create a high task call, due in 90 minutes",
        ),
        (
            {"type": "create_task", "task_type": "call", "due_at": "end_of_business_day"},
            "create a task call, due by the end of the business day",
        ),
        (
            {"type": "cancel_pending_tasks", "task_types": ["call", "sms_followup"]},
            "close open tasks call, sms followup",
        ),
        ({"type": "cancel_all_tasks"}, "close the visit's open tasks"),
        (
            {"type": "update_pipeline", "pipeline": "pre_appointment", "stage": "ready"},
            "move to Before the visit: Ready",
        ),
        ({"type": "move_pipeline", "stage": "booking_attempted"}, "move to the stage booking attempted"),
        ({"type": "update_pipeline", "pipeline": "nowhere", "stage": "ready"}, "move to the stage ready"),
        ({"type": "update_booking", "status": "confirmed"}, "mark the visit as confirmed"),
        (
            {"type": "update_contact", "fields": {"is_high_risk": True, "intent": "high_risk"}},
            "set is high risk to yes, intent to high risk",
        ),
        ({"type": "update_contact", "fields": {"is_high_risk": False}}, "set is high risk to no"),
        ({"type": "add_tag", "tag": "a"}, "add the tag a"),
        ({"type": "remove_tag", "tag": "a"}, "remove the tag a"),
        ({"type": "log_touchpoint", "touchpoint_type": "form_submit"}, "log form submit"),
        (
            {"type": "schedule_reminders", "offsets": [172800, 86400, 7200], "templates": ["a", "b", "c"]},
            "plan reminders 2 days, 1 day, 2 hours before the visit",
        ),
        ({"type": "calculate_recall_date", "mapping": {}}, "set the recall date"),
        ({"type": "notify_staff", "text": "x"}, "tell the staff"),
        ({**TAG, "delay_seconds": 61}, "add the tag seen after 61 seconds"),
        ({**TAG, "delay_seconds": 1}, "add the tag seen after 1 second"),
        (
            {**TAG, "conditions": {"warmness_score": 5}, "delay_seconds": 600},
            "add the tag seen after 10 minutes (if the warmness is 5)",
        ),
    ],
)
def test_an_action_says_itself_in_plain_words(raw: dict[str, Any], words: str) -> None:
    [step] = rule(raw).steps
    assert sentences.describe(step) == words
