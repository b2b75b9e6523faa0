"""Rules as a file: taken from one clinic, looked at, and put into another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from accounts.models import Location, User
from automation import drafts, rulebook, selectors, services
from automation.editor import checking
from automation.models import Rule
from core import clock, diffs
from core.causes import Cause
from core.errors import Conflict, Invalid

FORMAT = "avatar-imaging-rules"
MOST = 500
MOST_BYTES = 2_000_000


@dataclass
class Planned:
    """What a file would do with one rule: `new`, `changed`, `same`, or `wrong` with the errors by path."""

    key: str
    name: str
    what: str
    wording: dict[str, Any] = field(default_factory=dict)
    errors: dict[str, list[str]] = field(default_factory=dict)
    sentence: str = ""
    lines: list[diffs.Piece] = field(default_factory=list)


def export(rules: Sequence[Rule]) -> str:
    """These rules as JSON; whether they are on is the clinic's own business and left out."""
    rows = [drafts.wording_of(rule) for rule in rules if rule.current is not None]
    body = {"format": FORMAT, "version": 1, "exported_at": clock.now().isoformat(), "rules": rows}
    return json.dumps(body, indent=2, ensure_ascii=False)


def plan(text: str, location: Location) -> list[Planned]:
    """What the file would do here. Writes nothing. Raises Invalid for a file that is none of ours."""
    rows = _rows(text)
    here = {
        rule.key: rule
        for rule in Rule.objects.filter(location=location).select_related("current", "location")
    }
    found, seen = [], set()
    for index, row in enumerate(rows):
        one = _planned(index, row, here, location)
        if one.key in seen:
            one.what, one.errors = "wrong", {"key": ["The file has two rules of this short name."]}
        seen.add(one.key)
        found.append(one)
    return found


def _rows(text: str) -> list[Any]:
    if len(text.encode()) > MOST_BYTES:
        raise Invalid("The file is larger than 2 MB. Export fewer rules at once.")
    try:
        body = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
        raise Invalid(f"This is no JSON{where}. Give a file that “Export” made.") from None
    if not isinstance(body, dict) or body.get("format") != FORMAT or not isinstance(body.get("rules"), list):
        raise Invalid("This file holds no rules of this system. Give one that “Export” made.")
    if len(body["rules"]) > MOST:
        raise Invalid(f"A file may hold {MOST} rules at most.")
    return list(body["rules"])


def _planned(index: int, row: Any, here: dict[str, Rule], location: Location) -> Planned:
    if not isinstance(row, dict):
        return Planned(
            f"rules[{index}]", "?", "wrong", errors={f"rules[{index}]": ["This must be an object."]}
        )
    wording = {name: row.get(name) for name in drafts.PARTS}
    one = Planned(str(wording["key"] or f"rules[{index}]"), str(wording["name"] or "?"), "new", wording)
    rule = here.get(one.key)
    mode = rule.mode if rule is not None else Rule.Mode.OFF
    try:
        if (
            not isinstance(wording["key"], str)
            or not wording["key"].replace("_", "").replace("-", "").isalnum()
        ):
            raise Invalid("key", fields={"key": "Give it a short name of letters, digits, - and _."})
        wanted = drafts.input_of(wording, mode)
        services.check(location, wanted)
    except Invalid as refusal:
        one.what, one.errors = "wrong", refusal.fields
        return one
    node, steps = rulebook.parse(wanted.trigger, wanted.conditions, wanted.actions)
    one.sentence = selectors.sentence_of(wanted.trigger, wanted.every, wanted.anchor, node, steps)
    if rule is not None:
        before = drafts.wording_of(rule)
        one.what = "same" if before == wording else "changed"
        one.lines = diffs.lines(_text(before), _text(wording))
    return one


def _text(wording: dict[str, Any]) -> str:
    head = {name: wording[name] for name in ("name", "trigger", "every", "anchor", "priority")}
    return f"{json.dumps(head, indent=2, ensure_ascii=False)}\n{checking.as_json(wording)}"


@transaction.atomic
def apply(
    text: str, location: Location, *, keys: Sequence[str], author: User, cause: Cause
) -> dict[str, int]:
    """Do what the plan says for these rules: new ones come switched off, changed ones keep their switch and get a new
    version. Raises Conflict when one of them cannot be saved any more; then nothing is changed.
    """
    counts = {"new": 0, "changed": 0}
    here = {rule.key: rule for rule in Rule.objects.filter(location=location)}
    for one in plan(text, location):
        if one.key not in keys or one.what == "same":
            continue
        if one.what == "wrong":
            raise Conflict(f"{one.key} cannot be saved: look at the plan again. Nothing was changed.")
        rule = here.get(one.key)
        if rule is None:
            wanted = drafts.input_of(one.wording, Rule.Mode.OFF)
            services.create_rule(location=location, key=one.key, wanted=wanted, author=author, cause=cause)
        else:
            services.save_rule(
                rule.pk, wanted=drafts.input_of(one.wording, rule.mode), author=author, cause=cause
            )
        counts[one.what] += 1
    return counts
