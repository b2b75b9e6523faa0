"""Rules that set each other off in a circle, found before it happens. Pure.

An action of one rule leads to events that start others. Where the way comes back to where it began, the engine would
stop it when it goes round; here it is told when the rule is written. What is certain of an event is held against the
conditions of the rules it starts: those that it surely fails are not followed.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from automation import conditions, leading_to, sentences
from automation.condition_tree import All, Any, Leaf, Node, Not
from automation.engine import Step
from automation.triggers import CLOCK, TRIGGERS

_NOW, _ZONE = datetime(2000, 1, 1, tzinfo=UTC), ZoneInfo("UTC")


@dataclass(frozen=True, slots=True)
class Known:
    """A rule as far as circles go."""

    id: str
    name: str
    trigger: str
    conditions: Node
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Link:
    """One turn of a circle: this rule does this, which is what the next one starts on."""

    rule: str
    does: str
    event: str

    def __str__(self) -> str:
        started = TRIGGERS[self.event].label
        return f"“{self.rule}” would {self.does}. {started}."


def circle(
    rule: Known, others: Sequence[Known], categories: Mapping[str, str] | None = None
) -> tuple[Link, ...]:
    """The shortest way on which a rule would set itself off; empty when there is none."""
    rules = [rule, *(other for other in others if other.id != rule.id)]
    waiting: deque[tuple[Known, tuple[Link, ...]]] = deque([(rule, ())])
    seen: set[str] = set()
    while waiting:
        current, way = waiting.popleft()
        for link, following in _links(current, categories):
            for target in rules:
                if target.trigger != following.event or target.trigger == CLOCK:
                    continue
                if may_hold(target.conditions, following.facts) is False:
                    continue
                if target.id == rule.id:
                    return (*way, link)
                if target.id not in seen:
                    seen.add(target.id)
                    waiting.append((target, (*way, link)))
    return ()


def _links(rule: Known, categories: Mapping[str, str] | None) -> list[tuple[Link, leading_to.Following]]:
    return [
        (Link(rule.name, sentences.describe(step), following.event), following)
        for step in rule.steps
        for following in leading_to.of_action(step.action, categories)
    ]


def may_hold(node: Node, facts: Mapping[str, object]) -> bool | None:
    """Whether conditions hold when only these facts are known: None for "it depends"."""
    if isinstance(node, Leaf):
        if node.field not in facts:
            return None
        return conditions.evaluate(node, facts, now=_NOW, zone=_ZONE).ok
    if isinstance(node, Not):
        inner = may_hold(node.part, facts)
        return None if inner is None else not inner
    assert isinstance(node, All | Any)
    parts = {may_hold(part, facts) for part in node.parts}
    decisive = isinstance(node, Any)
    if decisive in parts:
        return decisive
    return None if None in parts else not decisive
