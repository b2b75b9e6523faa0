"""The engine decides without a database: facts and rules in, plans with reasons out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from automation import engine
from automation.conditions import All
from automation.engine import Outcome, Turn
from core.causes import Cause
from tests.pure.automation.situations import (
    NOW,
    TAG,
    rule,
    subject,
)

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
