"""The posted form of the editor: the draft in it, the act that was asked for, and JSON that was edited beside it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpRequest

from automation import facts
from automation.editor import acts, checking, posted, reading
from automation.editor.at import At
from automation.editor.checking import Checked
from automation.editor.choices import Choices
from automation.editor.draft import Draft

BOTH = "Both the form and the JSON were changed. Choose which one counts; until then neither is saved."


@dataclass
class WithJson:
    """A form beside the same in JSON. `json` and `json_was` differ while JSON was edited and does not count yet."""

    json: str = ""
    json_was: str = ""
    json_errors: dict[str, list[str]] = field(default_factory=dict)
    both: bool = False

    @property
    def is_settled(self) -> bool:
        """Whether form and JSON say the same."""
        return not (self.json_errors or self.both)


@dataclass
class State(WithJson):
    """What the page shows."""

    at: At = field(kw_only=True)
    draft: Draft = field(kw_only=True)
    checked: Checked = field(kw_only=True)
    choices: Choices = field(kw_only=True)
    problem: str = ""
    focus: str = ""
    act: str = ""
    tried: Any = None
    insists: bool = False
    given: Mapping[str, str] = field(default_factory=dict)
    seen: str = ""


def fresh(at: At) -> State:
    """The page as it is opened."""
    choices = Choices(at.location)
    wording = at.wording
    try:
        draft = checking.draft_of(wording)
    except reading.CannotShow as error:
        draft = checking.head_of(wording)
        checked = checking.check(draft, at.location, rule=at.rule, choices=choices)
        return State(
            at=at, draft=draft, checked=checked, choices=choices, json=checking.as_json(wording), json_was="",
            json_errors={error.path: [error.what]}, seen=at.seen,
        )  # fmt: skip
    checked = checking.check(draft, at.location, rule=at.rule, choices=choices)
    return State(
        at=at,
        draft=draft,
        checked=checked,
        choices=choices,
        json=checked.json,
        json_was=checked.json,
        seen=at.seen,
    )


def of_post(request: HttpRequest, at: At) -> State:
    """The page as it was sent, with the act done that was asked for."""
    choices = Choices(at.location)
    draft = posted.draft_of(dict(request.POST.lists()), facts.registry())
    if at.rule is not None:
        draft.key = at.rule.key
    do = request.POST.get("do", "show")
    word = do.partition(":")[0]
    given = {name: request.POST.get(name, "") for name in ("try_contact", "try_event", "new_kind")}
    checked = checking.check(draft, at.location, rule=at.rule, choices=choices)
    state = State(at=at, draft=draft, checked=checked, choices=choices, given=given)
    state.seen = request.POST.get("seen", "")
    state.insists = request.POST.get("insists") == "1"
    settle_json(request.POST, state, checked.json, word, lambda value: _take(state, value))
    if word in acts.WORDS and state.is_settled:
        try:
            state.focus, state.act = acts.act(state.draft, do, given["new_kind"]), word
        except acts.CannotAct as refusal:
            state.problem = str(refusal)
        _check_again(state)
    return state


def _check_again(state: State) -> None:
    state.checked = checking.check(state.draft, state.at.location, rule=state.at.rule, choices=state.choices)
    state.json = state.json_was = state.checked.json


def settle_json(
    given: Mapping[str, str], state: WithJson, shown: str, word: str, take: Callable[[object], None]
) -> None:
    """Let JSON that was edited beside the form count, unless the form was edited too: then the person says which.

    `shown` is the form as JSON; `take` puts a value into the form, or raises CannotShow.
    """
    text = given.get("json", "").replace("\r\n", "\n").strip()
    was = given.get("json_was", "").replace("\r\n", "\n").strip()
    state.json = state.json_was = shown
    if text == was or word == "use_form" or not text:
        return
    if shown != was and was and word != "use_json":
        state.json, state.json_was, state.both = text, was, True
        return
    try:
        take(_loaded(text))
    except reading.CannotShow as error:
        state.json, state.json_was, state.json_errors = text, was, {error.path: [error.what]}


def _loaded(text: str) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise reading.CannotShow(where, f"This is no JSON: {error.msg}.") from None
    except RecursionError:
        raise reading.CannotShow("json", "This nests too deep.") from None


def _take(state: State, value: object) -> None:
    """Let the JSON count: the form shows what it says."""
    if not isinstance(value, dict) or not {"conditions", "actions"} >= set(value):
        raise reading.CannotShow("json", "Give an object with “conditions” and “actions”, and nothing else.")
    registry = facts.registry()
    conditions = reading.conditions_of(value.get("conditions", {}), registry)
    cards = reading.cards_of(value.get("actions", []), registry)
    state.draft.conditions, state.draft.cards = conditions, cards
    _check_again(state)
