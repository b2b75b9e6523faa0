"""From what the engine decides about a moment of the past to a verdict, its steps included."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from automation import conditions, engine
from automation.condition_tree import Node
from automation.engine import Outcome, RuleText, RunPlan, StepPlan, Turn
from automation.facts import Wanted
from automation.past.journal import Moment
from automation.past.people import People
from automation.past.question import PastStep, Question, Verdict
from automation.subjects import Happening, Subject

NOT_YET = "Its time had not come by the end of what was looked at."


def wanted(text: RuleText) -> Wanted:
    """The groups of facts that a wording looks at."""
    nodes: list[Node] = [text.conditions, *(step.conditions for step in text.steps)]
    return Wanted.of({leaf.field for node in nodes for leaf in conditions.leaves(node)})


def verdict(
    question: Question,
    people: People,
    plan: RunPlan,
    subject: Subject,
    said: Mapping[str, object],
    at: datetime,
) -> Verdict:
    """What a plan made at `at` would have come to: steps that wait are looked at again when their time came."""
    happening = subject.happening
    steps: tuple[PastStep, ...] = ()
    if plan.outcome is Outcome.MATCHED:
        steps = tuple(_step(question, people, planned, happening, said, at) for planned in plan.steps)
    return Verdict(
        outcome=plan.outcome, reason=plan.reason, at=at, anchor=happening.anchor, contact_id=happening.contact_id,
        booking_id=subject.visit_id, event_id=happening.event_id or None, steps=steps,
    )  # fmt: skip


def _step(
    question: Question, people: People, planned: StepPlan, happening: Happening, said: Mapping[str, object],
    at: datetime,
) -> PastStep:  # fmt: skip
    step = planned.step
    if planned.turn is Turn.LATER:
        at = planned.run_at
        if at >= question.until:
            return PastStep(step.index, step.action, at, False, NOT_YET)
        subject = people.subject(happening, said, Moment(at))
        planned = engine.plan_step(subject, question.text, step, now=at, due=True)
    if planned.turn is not Turn.DO:
        return PastStep(step.index, step.action, at, False, planned.reason)
    contact = people.standing_at(happening.contact_id, Moment(at)).contact
    kept_back = people.texts.kept_back(contact, step.action, at)
    return PastStep(step.index, step.action, at, not kept_back, kept_back or planned.reason)
