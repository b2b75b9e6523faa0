"""A rule, what it is about, and what comes of it, for the tests of the engine."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from automation import action_parser, engine, fields, intents
from automation.conditions import Node, parse
from automation.engine import RuleText, Step, Turn
from automation.subjects import Happening, Subject, Visit
from core.causes import Cause

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
