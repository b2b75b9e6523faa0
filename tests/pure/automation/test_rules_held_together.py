"""Circles between rules, conditions that nothing meets, and what the editor offers by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import pytest

from automation import conditions, contradictions, cycles
from automation.action_parser import read_actions
from automation.actions.base import Action
from automation.condition_tree import FieldSpec
from automation.editor import acts, cards, fields, reading
from automation.editor.draft import Card, Draft, Group, Row
from automation.engine import Step
from automation.fields import FIELDS


def rule(name: str, trigger: str, *actions: Mapping[str, Any], **wanted: Any) -> cycles.Known:
    found = read_actions(list(actions), facts=[])
    steps = tuple(Step(index, action, conditions.All(())) for index, action in enumerate(found))
    return cycles.Known(name, name, trigger, conditions.parse(wanted, FIELDS), steps)


LOG = {"type": "log_touchpoint", "touchpoint_type": "form_submit"}
TEXT = {"type": "send_sms", "template": "welcome_lead"}


def test_a_rule_that_starts_on_what_it_does_goes_round() -> None:
    one = rule("one", "touchpoint_logged", LOG)
    [link] = cycles.circle(one, [])
    assert str(link) == "“one” would log form submit. A touchpoint is logged."


def test_a_circle_is_found_across_rules_by_its_shortest_way() -> None:
    one, two = rule("one", "touchpoint_logged", TEXT), rule("two", "message_sent", LOG)
    three = rule("three", "message_sent", {"type": "add_tag", "tag": "x"})
    assert [link.rule for link in cycles.circle(two, [one, three])] == ["two", "one"]


def test_conditions_that_surely_fail_break_a_circle() -> None:
    assert not cycles.circle(rule("one", "touchpoint_logged", LOG, touchpoint_type="ad_click"), [])
    assert cycles.circle(
        rule("one", "touchpoint_logged", LOG, touchpoint_type="form_submit", is_high_risk=True), []
    )
    assert not cycles.circle(
        rule("one", "message_sent", TEXT, category="reminder"), [], {"welcome_lead": "welcome"}
    )


def test_a_clock_rule_is_never_set_off_by_another() -> None:
    assert not cycles.circle(rule("one", "cron_check", LOG), [])


@pytest.mark.parametrize(
    "raw",
    [
        {"warmness_score": {"gt": 70, "lt": 40}},
        {"all": [{"warmness_score": 5}, {"warmness_score": {"gt": 5}}]},
        {"all": [{"intent": "routine_check"}, {"intent": {"in": ["procedure", "follow_up"]}}]},
        {"intent": {"in": ["procedure"], "ne": "procedure"}},
        {"is_high_risk": True, "all": [{"is_high_risk": False}]},
        {"source": {"exists": False, "eq": "wix"}},
        {"current_pipeline": "lead_to_booking", "current_stage": "attended"},
        {"current_stage": "attended", "not": {"current_stage": "attended"}},
        {
            "is_high_risk": True,
            "any": [{"is_high_risk": False}, {"warmness_score": {"between": [5, 6], "gt": 6}}],
        },
        {"not": {}},
    ],
)
def test_what_nothing_can_meet_is_told(raw: Any) -> None:
    assert contradictions.why_never(conditions.parse(raw, FIELDS))


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"warmness_score": {"gte": 70, "lte": 70}},
        {"any": [{"warmness_score": {"gt": 70, "lt": 40}}, {"is_high_risk": True}]},
        {"current_pipeline": "lead_to_booking", "current_stage": {"in": ["contacted", "attended"]}},
        {"not": {"current_stage": "attended"}},
        {"tags": {"contains": "a"}, "all": [{"tags": {"contains": "b"}}]},
    ],
)
def test_what_somebody_may_meet_is_not_told(raw: Any) -> None:
    assert contradictions.why_never(conditions.parse(raw, FIELDS)) == ""


def test_a_new_field_is_offered_with_its_label_and_comparisons_by_itself() -> None:
    registry = {**FIELDS, "shoe_size": FieldSpec("shoe_size", "number", "contact", "the shoe size")}
    [offer] = [one for one in fields.offers(registry, ("contact",), ()) if one.name == "shoe_size"]
    assert (offer.label, offer.group) == ("Shoe size", "Contact")
    assert fields.comparisons(registry["shoe_size"])["gte"] == "is at least"
    assert reading.write_conditions(
        Group("all", [Row("shoe_size", "", "gte", {"value": ["42"]})]), registry
    ).value == {"shoe_size": {"gte": 42}}


def test_a_new_action_is_offered_with_its_typed_fields_by_itself() -> None:
    class SendPostcard(Action):
        """Sends a postcard."""

        type: Literal["send_postcard"]
        motif: Literal["beach", "harbour"]
        after_seconds: int = 0

    try:
        kind = cards.kinds()["send_postcard"]
        assert (kind.label, kind.about) == ("Send postcard", "Sends a postcard.")
        assert [(p.label, p.input.kind) for p in kind.parameters] == [
            ("Motif", "choice"),
            ("After", "length"),
        ]
        raw = {"motif": {"value": ["beach"]}, "after_seconds": {"value": ["2"], "unit": ["hours"]}}
        written = reading.write_cards([Card("send_postcard", raw)], FIELDS)
        assert written.value == [{"type": "send_postcard", "motif": "beach", "after_seconds": 7200}]
    finally:
        del SendPostcard
        import gc

        gc.collect()


@pytest.mark.parametrize(
    "raw",
    [
        {"tags": {"in": ["a", "b"]}, "recall_due_date": {"lte": "-90d"}},
        {
            "any": [
                {"intent": "procedure", "warmness_score": {"gte": 3, "lt": 9}},
                {"not": {"is_high_risk": True}},
            ]
        },
        {"not": {"all": [{"intent": "procedure"}, {"consent.marketing": "granted"}]}},
        {"last_touchpoint_age_seconds": {"between": [60, 7200]}, "owner": {"exists": False}},
    ],
)
def test_conditions_mean_the_same_after_the_form(raw: Any) -> None:
    shown = reading.conditions_of(raw, FIELDS)
    written = reading.write_conditions(shown, FIELDS)
    assert not written.missing
    assert [leaf.field for leaf in conditions.leaves(conditions.parse(written.value, FIELDS))] == [
        leaf.field for leaf in conditions.leaves(conditions.parse(raw, FIELDS))
    ]
    assert (
        reading.write_conditions(reading.conditions_of(written.value, FIELDS), FIELDS).value == written.value
    )


def test_a_group_cannot_be_put_into_itself() -> None:
    draft = Draft(conditions=Group("all", [Group("any", [Row()])]))
    with pytest.raises(acts.CannotAct, match="into itself"):
        acts.act(draft, "move:c.0>c.0.0")
