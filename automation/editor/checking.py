"""A draft held against what rules may be: its JSON, what is wrong where, what it says in words, what is doubtful."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from accounts.models import Location
from automation import cycles, doubts, drafts, facts, rulebook, selectors, services
from automation.editor import reading
from automation.editor.choices import Choices
from automation.editor.draft import Draft
from automation.engine import RuleText
from automation.models import Rule
from core.errors import Invalid

#: Fields of the head of the form, which are places of their own.
HEAD = ("name", "key", "trigger", "every", "anchor", "priority")


@dataclass
class Checked:
    """What a draft comes to. `errors` are by place of the form, `stray` those that belong to no field, `unfinished`
    what is still to be filled in, by place; `places` lead from paths of the JSON to places.
    """

    wording: dict[str, Any]
    errors: dict[str, list[str]] = field(default_factory=dict)
    stray: dict[str, list[str]] = field(default_factory=dict)
    unfinished: dict[str, str] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    text: RuleText | None = None
    sentence: str = ""
    doubts: list[doubts.Doubt] = field(default_factory=list)

    @property
    def is_ready(self) -> bool:
        """Whether it can be published as it is."""
        return not (self.errors or self.stray or self.unfinished)

    @property
    def json(self) -> str:
        """Conditions and actions, for experts."""
        return as_json(self.wording)


def as_json(wording: dict[str, Any]) -> str:
    """The part of a wording that experts edit."""
    return json.dumps(
        {name: wording[name] for name in ("conditions", "actions")}, indent=2, ensure_ascii=False
    )


def draft_of(wording: dict[str, Any]) -> Draft:
    """A wording as the form shows it. Raises CannotShow by path."""
    registry = facts.registry()
    draft = head_of(wording)
    draft.conditions = reading.conditions_of(wording.get("conditions") or {}, registry)
    draft.cards = reading.cards_of(wording.get("actions") or [], registry)
    return draft


def head_of(wording: dict[str, Any]) -> Draft:
    """A wording without its conditions and actions."""
    draft = Draft()
    for name in HEAD:
        given = wording.get(name)
        setattr(draft, name, "" if given is None else str(given))
    return draft


def check(
    draft: Draft, location: Location, *, rule: Rule | None = None, choices: Choices | None = None
) -> Checked:
    """Everything there is to say about a draft."""
    registry = facts.registry()
    conditions = reading.write_conditions(draft.conditions, registry)
    actions = reading.write_cards(draft.cards, registry)
    wording: dict[str, Any] = {
        **{name: getattr(draft, name).strip() for name in HEAD},
        "priority": _whole(draft.priority),
        "conditions": conditions.value,
        "actions": actions.value,
    }
    if rule is not None:
        wording = _as_it_was(wording, rule)
    checked = Checked(
        wording,
        unfinished=conditions.missing | actions.missing,
        places=conditions.places | actions.places | {name: name for name in HEAD},
    )
    _find_errors(checked, location)
    _read(checked, location, rule, choices or Choices(location))
    return checked


def _whole(typed: str) -> object:
    text = typed.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 8 else text


def _as_it_was(wording: dict[str, Any], rule: Rule) -> dict[str, Any]:
    """Parts that mean what the live wording says, in its spelling: showing a rule in a form changes nothing of it."""
    live = drafts.wording_of(rule)
    try:
        shown = draft_of(live)
    except reading.CannotShow:
        return wording
    registry = facts.registry()
    same = {
        "conditions": reading.write_conditions(shown.conditions, registry).value,
        "actions": reading.write_cards(shown.cards, registry).value,
    }
    return wording | {name: live[name] for name, value in same.items() if wording[name] == value}


def _find_errors(checked: Checked, location: Location) -> None:
    try:
        services.check(location, drafts.input_of(checked.wording, Rule.Mode.LIVE))
    except Invalid as refusal:
        for path, wrong in refusal.fields.items():
            place = reading.place_of(path, checked.places)
            if path == "actions" and not checked.wording["actions"]:
                checked.unfinished["a"] = "Add at least one action."
            elif path == "name" and not checked.wording["name"]:
                checked.unfinished["name"] = "Give the rule a name."
            elif place:
                checked.errors.setdefault(place, []).extend(_sentences(wrong))
            else:
                checked.stray[path] = _sentences(wrong)


def _sentences(wrong: list[str]) -> list[str]:
    return [text[:1].upper() + text[1:] for text in wrong]


def _read(checked: Checked, location: Location, rule: Rule | None, choices: Choices) -> None:
    """The rule in words and what is doubtful, as far as it can be read."""
    wording = checked.wording
    try:
        node, steps = rulebook.parse(wording["trigger"], wording["conditions"], wording["actions"])
    except Invalid:
        return
    pk = rule.pk if rule is not None else 0
    priority = wording["priority"] if isinstance(wording["priority"], int) else 100
    checked.text = RuleText(pk, 0, wording["key"] or "draft", wording["name"], priority, node, steps)
    checked.sentence = selectors.sentence_of(
        wording["trigger"], wording["every"], wording["anchor"], node, steps
    )
    known = cycles.Known(str(pk), wording["name"] or "This rule", wording["trigger"], node, steps)
    checked.doubts = doubts.of_rule(
        known, templates=choices.templates, anchor=wording["anchor"], others=doubts.active_rules(location)
    )
