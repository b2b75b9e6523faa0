"""Deciding: (facts, rule versions, event) -> what each rule would do, and why. Pure.

`decide` says what is to happen for one event; nothing happens by it. The executor runs a plan, a dry run
shows it, and "why?" reads back the reasons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from automation import conditions
from automation.actions import Action, NotNow
from automation.conditions import All, Leaf, Node, Not, Reason, Verdict
from automation.intents import Intent
from automation.subjects import Subject
from core.causes import MAX_DEPTH

TOO_DEEP = f"Stopped: more than {MAX_DEPTH} rules set each other off, one after the other."
TWICE = "Stopped: this rule already ran for this contact in the same chain, so it would go round in circles."
EVERY_TIME = "Runs every time."


@dataclass(frozen=True, slots=True)
class Step:
    """One action of a rule; without conditions of its own it is always taken."""

    index: int
    action: Action
    conditions: Node

    @property
    def is_conditional(self) -> bool:
        return self.conditions != All(())

    @property
    def delay(self) -> timedelta:
        return timedelta(seconds=self.action.delay_seconds)


@dataclass(frozen=True, slots=True)
class RuleText:
    """A version of a rule, read. `broken` says why it could not be; such a rule never runs."""

    rule_id: int
    version_id: int
    key: str
    name: str
    priority: int
    conditions: Node
    steps: tuple[Step, ...]
    broken: str = ""


class Outcome(StrEnum):
    MATCHED = "matched"
    NOT_MATCHED = "not_matched"
    STOPPED = "stopped"


class Turn(StrEnum):
    DO = "do"
    SKIP = "skip"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class StepPlan:
    """What becomes of a step: do the intent, skip it, or wait until `run_at` and look again."""

    step: Step
    turn: Turn
    run_at: datetime
    reason: str
    seen: tuple[Reason, ...] = ()
    intent: Intent | None = None


@dataclass(frozen=True, slots=True)
class RunPlan:
    """What a rule would do about an event; `reason` says why, or why not, in plain words."""

    rule: RuleText
    outcome: Outcome
    reason: str
    seen: tuple[Reason, ...] = ()
    steps: tuple[StepPlan, ...] = ()


def decide(subject: Subject, rules: Sequence[RuleText], *, now: datetime) -> list[RunPlan]:
    """What each rule would do, in the order in which they run: lower priority first, then by key."""
    return [plan_run(subject, rule, now=now) for rule in in_order(rules)]


def in_order(rules: Sequence[RuleText]) -> list[RuleText]:
    """Rules as they take their turns."""
    return sorted(rules, key=lambda rule: (rule.priority, rule.key))


def plan_run(subject: Subject, rule: RuleText, *, now: datetime) -> RunPlan:
    """Whether a rule runs, and with which steps."""
    if rule.broken:
        return RunPlan(rule, Outcome.STOPPED, f"Stopped: this rule can no longer be read. {rule.broken}")
    if subject.absent:
        return RunPlan(rule, Outcome.NOT_MATCHED, subject.absent)
    verdict = conditions.evaluate(rule.conditions, subject.facts, now=now, zone=subject.zone)
    if not verdict.ok:
        return RunPlan(rule, Outcome.NOT_MATCHED, why_not(rule.conditions, verdict), verdict.reasons)
    refusal = guard(subject, rule)
    if refusal:
        return RunPlan(rule, Outcome.STOPPED, refusal, verdict.reasons)
    steps = tuple(plan_step(subject, rule, step, now=now) for step in rule.steps)
    return RunPlan(rule, Outcome.MATCHED, because(rule.conditions), verdict.reasons, steps)


def guard(subject: Subject, rule: RuleText) -> str:
    """Why a rule must not run although it matches: its chain is too long, or goes round. Empty when it
    may.
    """
    cause = subject.happening.cause
    if cause.too_deep:
        return TOO_DEEP
    if cause.passed(rule.rule_id, subject.happening.contact_id):
        return TWICE
    return ""


def plan_step(subject: Subject, rule: RuleText, step: Step, *, now: datetime, due: bool = False) -> StepPlan:
    """What becomes of one step now; a delayed one waits unless it is `due`."""
    if subject.limit is not None and not subject.limit.allows(step.action.kind):
        return StepPlan(step, Turn.SKIP, now, subject.limit.reason)
    if step.delay and not due:
        at = now + step.delay
        return StepPlan(step, Turn.LATER, at, f"Waits {step.action.delay_seconds} seconds, then looks again.")
    if subject.absent:
        return StepPlan(step, Turn.SKIP, now, subject.absent)
    verdict = conditions.evaluate(step.conditions, subject.facts, now=now, zone=subject.zone)
    if not verdict.ok:
        return StepPlan(step, Turn.SKIP, now, why_not(step.conditions, verdict), verdict.reasons)
    try:
        intent = step.action.intent(subject, now=now, rule_key=rule.key, step=step.index)
    except NotNow as missing:
        return StepPlan(step, Turn.SKIP, now, str(missing), verdict.reasons)
    return StepPlan(step, Turn.DO, now, because(step.conditions), verdict.reasons, intent)


# Reasons


def because(node: Node) -> str:
    """Why something ran, from the conditions it met."""
    return EVERY_TIME if node == All(()) else f"Because {conditions.describe(node)}."


def why_not(node: Node, verdict: Verdict) -> str:
    """Which comparisons kept the conditions from being met, and what was seen instead."""
    _, parts = _account(node, iter(verdict.reasons))
    return f"Needs: {'; '.join(dict.fromkeys(parts))}."


def _account(node: Node, reasons: Iterator[Reason]) -> tuple[bool, list[str]]:
    """Whether a node held, and the comparisons that made it so, in the order in which they were evaluated."""
    if isinstance(node, Leaf):
        reason = next(reasons)
        return reason.ok, [f"{conditions.describe(node)} ({_saw(reason)})"]
    if isinstance(node, Not):
        held, parts = _account(node.part, reasons)
        return not held, [f"not {part}" for part in parts]
    accounts = [_account(part, reasons) for part in node.parts]
    held = all(ok for ok, _ in accounts) if isinstance(node, All) else any(ok for ok, _ in accounts)
    return held, [line for ok, lines in accounts if ok is held for line in lines]


def _saw(reason: Reason) -> str:
    if reason.saw is None:
        return "it is not known"
    if isinstance(reason.saw, bool):
        return "it is yes" if reason.saw else "it is no"
    if isinstance(reason.saw, list):
        return f"it is {', '.join(map(str, reason.saw)) or 'empty'}"
    return f"it is {reason.saw}"
