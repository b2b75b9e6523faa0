"""The engine decides without a database: facts and rules in, plans with reasons out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from automation import action_parser, actions, engine, fields, intents, sentences
from automation.anchors import AnchorFacts, anchor, of_event
from automation.conditions import All, Node, parse
from automation.engine import Outcome, RuleText, Step, Turn
from automation.subjects import Happening, Subject, Visit
from automation.triggers import TRIGGERS, event_names
from core.causes import Cause
from core.errors import Invalid

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
CLOSING = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
SYDNEY = ZoneInfo("Australia/Sydney")
NAMES = [name for name in fields.FIELDS if not name.endswith(".*")]


def node(tree: Mapping[str, Any]) -> Node:
    return parse(tree, fields.FIELDS)


def rule(
    *raw: Mapping[str, Any], when: Mapping[str, Any] | None = None, key: str = "r1", pk: int = 1, priority: int = 100,
    broken: str = "",
) -> RuleText:  # fmt: skip
    read = action_parser.read_actions(list(raw), facts=NAMES)
    steps = tuple(Step(i, action, node(action.conditions)) for i, action in enumerate(read))
    return RuleText(pk, pk * 10, key, key.title(), priority, node(when or {}), steps, broken)


def subject(
    facts: Mapping[str, object] | None = None, *, type: str = "stage_moved", cause: Cause | None = None,
    contact_id: int | None = 7, booking_id: int | None = None, visit: Visit | None = None, absent: str = "",
    occurred_at: datetime = NOW,
) -> Subject:  # fmt: skip
    happening = Happening(
        event_id=5, type=type, location_id=3, anchor="event:5", cause=cause or Cause.user(1), occurred_at=occurred_at,
        contact_id=contact_id, booking_id=booking_id,
    )  # fmt: skip
    return Subject(happening, facts or {}, SYDNEY, CLOSING, visit, absent)


def intent(raw: Mapping[str, Any], about: Subject | None = None) -> intents.Intent:
    [plan] = engine.decide(about or subject(), [rule(raw)], now=NOW)
    [step] = plan.steps
    assert step.turn is Turn.DO, step.reason
    assert step.intent is not None
    return step.intent


def refusal(raw: Mapping[str, Any], about: Subject) -> str:
    [plan] = engine.decide(about, [rule(raw)], now=NOW)
    [step] = plan.steps
    assert step.turn is Turn.SKIP
    assert step.intent is None
    return step.reason


TAG = {"type": "add_tag", "tag": "seen"}
VISIT = Visit(id=9, at=datetime(2026, 11, 30, 23, 0, tzinfo=UTC), service_type="routine")


# Whether a rule runs


def test_a_rule_without_conditions_runs_every_time() -> None:
    [plan] = engine.decide(subject(), [rule(TAG)], now=NOW)
    assert plan.outcome is Outcome.MATCHED
    assert plan.reason == "Runs every time."
    assert plan.seen == ()
    [step] = plan.steps
    assert (step.turn, step.run_at, step.reason, step.step.index) == (Turn.DO, NOW, "Runs every time.", 0)


def test_a_match_says_because_and_a_miss_says_what_it_needs_and_saw() -> None:
    warm = rule(TAG, when={"warmness_score": {"gte": 70}, "current_stage": "engaged"})
    [hit] = engine.decide(subject({"warmness_score": 70, "current_stage": "engaged"}), [warm], now=NOW)
    assert hit.outcome is Outcome.MATCHED
    assert hit.reason == 'Because the warmness is at least 70 and the stage is "engaged".'
    assert [reason.ok for reason in hit.seen] == [True, True]
    [miss] = engine.decide(subject({"warmness_score": 69, "current_stage": "engaged"}), [warm], now=NOW)
    assert miss.outcome is Outcome.NOT_MATCHED
    assert miss.reason == "Needs: the warmness is at least 70 (it is 69)."
    assert [reason.ok for reason in miss.seen] == [False, True]
    assert miss.steps == ()


@pytest.mark.parametrize(
    ("tree", "facts", "expected"),
    [
        ({"tags": {"contains": "vip"}}, {"tags": []}, 'Needs: the tags include "vip" (it is empty).'),
        ({"tags": {"contains": "vip"}}, {"tags": ["a", "b"]}, 'Needs: the tags include "vip" (it is a, b).'),
        ({"is_high_risk": True}, {"is_high_risk": False}, "Needs: high risk is yes (it is no)."),
        ({"is_high_risk": False}, {"is_high_risk": True}, "Needs: high risk is no (it is yes)."),
        ({"intent": "procedure"}, {}, 'Needs: the intent is "procedure" (it is not known).'),
        ({"not": {"warmness_score": 5}}, {"warmness_score": 5}, "Needs: not the warmness is 5 (it is 5)."),
        (
            {"any": [{"warmness_score": 1}, {"warmness_score": 2}]},
            {"warmness_score": 3},
            "Needs: the warmness is 1 (it is 3); the warmness is 2 (it is 3).",
        ),
        (
            {"all": [{"warmness_score": 3}, {"any": [{"warmness_score": 4}, {"warmness_score": 4}]}]},
            {"warmness_score": 3},
            "Needs: the warmness is 4 (it is 3).",
        ),
        (
            {"not": {"any": [{"warmness_score": 3}, {"warmness_score": 4}]}},
            {"warmness_score": 3},
            "Needs: not the warmness is 3 (it is 3).",
        ),
    ],
)
def test_the_reason_names_the_comparisons_that_decided(
    tree: Mapping[str, Any], facts: Mapping[str, object], expected: str
) -> None:
    [plan] = engine.decide(subject(facts), [rule(TAG, when=tree)], now=NOW)
    assert plan.reason == expected


def test_rules_take_turns_by_priority_then_key() -> None:
    rules = [
        rule(TAG, key=key, pk=pk, priority=p) for key, pk, p in [("c", 1, 20), ("b", 2, 10), ("a", 3, 20)]
    ]
    plans = engine.decide(subject(), rules, now=NOW)
    assert [plan.rule.key for plan in plans] == ["b", "a", "c"]


def test_nothing_runs_for_a_contact_that_is_absent() -> None:
    [plan] = engine.decide(subject(absent="The contact is hidden."), [rule(TAG)], now=NOW)
    assert (plan.outcome, plan.reason, plan.steps) == (Outcome.NOT_MATCHED, "The contact is hidden.", ())


def test_a_rule_that_cannot_be_read_stops() -> None:
    [plan] = engine.decide(subject(), [rule(TAG, broken="conditions.x: no.")], now=NOW)
    assert plan.outcome is Outcome.STOPPED
    assert plan.reason == "Stopped: this rule can no longer be read. conditions.x: no."
    assert plan.steps == ()


# The guard against loops


@pytest.mark.parametrize(("links", "stops"), [(8, False), (9, True)])
def test_a_chain_may_be_eight_rules_long(links: int, stops: bool) -> None:
    cause = Cause.rule_run(1, tuple(f"{100 + n}:7" for n in range(links)))
    [plan] = engine.decide(subject(cause=cause), [rule(TAG)], now=NOW)
    assert (plan.outcome is Outcome.STOPPED) is stops
    assert (plan.reason == engine.TOO_DEEP) is stops
    assert bool(plan.steps) is not stops


@pytest.mark.parametrize(("link", "stops"), [("1:7", True), ("1:8", False), ("2:7", False), ("1:-", False)])
def test_a_rule_runs_once_for_a_contact_in_a_chain(link: str, stops: bool) -> None:
    [plan] = engine.decide(subject(cause=Cause.rule_run(1, (link,))), [rule(TAG)], now=NOW)
    assert (plan.outcome is Outcome.STOPPED) is stops
    assert (plan.reason == engine.TWICE) is stops


def test_the_guard_speaks_only_of_rules_that_would_run() -> None:
    looping = subject({"warmness_score": 1}, cause=Cause.rule_run(1, ("1:7",)))
    [plan] = engine.decide(looping, [rule(TAG, when={"warmness_score": 2})], now=NOW)
    assert plan.outcome is Outcome.NOT_MATCHED


# Steps


def test_a_step_with_conditions_of_its_own_may_be_skipped() -> None:
    both = rule({**TAG, "conditions": {"warmness_score": {"lt": 5}}}, TAG)
    [plan] = engine.decide(subject({"warmness_score": 5}), [both], now=NOW)
    assert plan.outcome is Outcome.MATCHED
    assert [step.turn for step in plan.steps] == [Turn.SKIP, Turn.DO]
    assert plan.steps[0].reason == "Needs: the warmness is less than 5 (it is 5)."
    assert plan.steps[0].seen[0].saw == 5
    assert [step.step.is_conditional for step in plan.steps] == [True, False]


def test_a_delayed_step_waits_and_looks_again_when_due() -> None:
    delayed = rule({**TAG, "delay_seconds": 600, "conditions": {"warmness_score": 5}})
    [plan] = engine.decide(subject({"warmness_score": 1}), [delayed], now=NOW)
    [step] = plan.steps
    assert (step.turn, step.run_at, step.intent) == (Turn.LATER, NOW + timedelta(seconds=600), None)
    assert step.reason == "Waits 600 seconds, then looks again."
    later = engine.plan_step(subject({"warmness_score": 5}), delayed, delayed.steps[0], now=NOW, due=True)
    assert (later.turn, later.reason) == (Turn.DO, "Because the warmness is 5.")
    changed = engine.plan_step(subject({"warmness_score": 1}), delayed, delayed.steps[0], now=NOW, due=True)
    assert changed.turn is Turn.SKIP
    gone = engine.plan_step(subject(absent="Hidden."), delayed, delayed.steps[0], now=NOW, due=True)
    assert (gone.turn, gone.reason) == (Turn.SKIP, "Hidden.")


# What each action leads to


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


# Reading actions


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


# Intents, triggers, anchors


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


def test_an_empty_tree_is_no_condition() -> None:
    [step] = rule(TAG).steps
    assert step.conditions == All(())
    assert not step.is_conditional


def turns(plans: Sequence[engine.RunPlan]) -> list[Turn]:
    return [step.turn for plan in plans for step in plan.steps]


def test_deciding_twice_gives_the_same_answer() -> None:
    about = subject({"warmness_score": 50})
    rules = [
        rule(TAG, {**TAG, "delay_seconds": 5}, key="a"),
        rule(TAG, when={"warmness_score": 1}, key="b", pk=2),
    ]
    first, second = (engine.decide(about, rules, now=NOW) for _ in range(2))
    assert first == second
    assert turns(first) == [Turn.DO, Turn.LATER]


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


def test_the_words_that_are_stored_are_these() -> None:
    assert [str(outcome) for outcome in Outcome] == ["matched", "not_matched", "stopped"]
    assert [str(turn) for turn in Turn] == ["do", "skip", "later"]
    assert engine.TOO_DEEP == "Stopped: more than 8 rules set each other off, one after the other."
    assert engine.TWICE == (
        "Stopped: this rule already ran for this contact in the same chain, so it would go round in circles."
    )


def test_what_was_decided_cannot_be_changed() -> None:
    [plan] = engine.decide(subject(), [rule(TAG)], now=NOW)
    for thing, name in (
        (plan, "reason"),
        (plan.rule, "key"),
        (plan.steps[0], "turn"),
        (plan.steps[0].step, "index"),
    ):
        with pytest.raises(AttributeError):
            setattr(thing, name, "changed")
