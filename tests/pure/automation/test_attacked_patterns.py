"""Patterns that bring other engines to a standstill: here each is answered, or refused when it is written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from automation.condition_tree import FieldSpec
from automation.conditions import MAX_INPUT, evaluate, parse
from core.errors import Invalid

ATTACKS = json.loads((Path(__file__).parents[2] / "data" / "redos_attack_strings.json").read_text("utf-8"))
FIELDS = {"message_body": FieldSpec("message_body", "text", "event")}
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
#: Nested repetition whose tail fails: exponential work for an engine that goes back.
HOPELESS = ("^([a-z]+)+$", "(.|\\n)*!", "^(.*a){20}$")


def refusal_of(pattern: str) -> dict[str, list[str]]:
    """What is said of a pattern when it is written, by path; nothing when it will do."""
    try:
        parse({"message_body": {"matches": pattern}}, FIELDS)
    except Invalid as refusal:
        return refusal.fields
    return {}


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack["regex"][:20])
def test_a_pattern_that_others_choke_on_is_answered_or_refused_by_path(attack: dict[str, str]) -> None:
    pattern = attack["regex"]
    refused = refusal_of(pattern)
    if refused:
        assert "this pattern cannot be read" in refused["conditions.message_body.matches"][0]
        # Looking around and references to groups are what a linear engine cannot do.
        assert "(?!" in pattern or "(?=" in pattern or "\\1" in pattern
        return
    node = parse({"message_body": {"matches": pattern}}, FIELDS)
    for text in (attack["attack"], (attack["attack"] * 20)[:MAX_INPUT]):
        verdict = evaluate(node, {"message_body": text}, now=NOW, zone=ZoneInfo("UTC"))
        assert verdict.ok in (True, False)


def test_the_hopeless_ones_are_answered_with_no() -> None:
    said = {attack["regex"]: attack["attack"] for attack in ATTACKS}
    for pattern in HOPELESS:
        node = parse({"message_body": {"matches": pattern}}, FIELDS)
        verdict = evaluate(node, {"message_body": said[pattern]}, now=NOW, zone=ZoneInfo("UTC"))
        assert not verdict.ok, pattern
