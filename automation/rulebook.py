"""Rules as the engine reads them: JSON checked and parsed, once for each wording."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable
from functools import lru_cache

from accounts.models import Location
from automation import conditions, facts
from automation.action_parser import read_actions
from automation.actions import Action
from automation.condition_tree import All, Node
from automation.engine import RuleText, Step
from automation.models import Rule, RuleVersion
from automation.triggers import TRIGGERS, Trigger
from core.errors import Invalid

logger = logging.getLogger(__name__)

Parsed = tuple[Node, tuple[Step, ...]]


def active(location_ids: Collection[int], names: Collection[str]) -> dict[tuple[int, str], list[Rule]]:
    """The rules that are on, by location and trigger, with their present wording; one query."""
    found: dict[tuple[int, str], list[Rule]] = {}
    rows = Rule.objects.filter(
        location_id__in=location_ids, trigger__in=names, is_active=True, current__isnull=False
    )
    for rule in rows.select_related("current"):
        found.setdefault((rule.location_id, rule.trigger), []).append(rule)
    return found


def text_of(rule: Rule, version: RuleVersion | None = None) -> RuleText:
    """A rule in one of its wordings, the present one unless said. One that cannot be read says so in
    `broken`.
    """
    version = version or rule.current
    assert version is not None
    node: Node = All(())
    steps: tuple[Step, ...] = ()
    broken = ""
    try:
        node, steps = parse(rule.trigger, version.conditions, version.actions)
    except Invalid as error:
        logger.error("rule cannot be read", extra={"rule": rule.pk, "version": version.number})
        broken = error.message
    return RuleText(rule.pk, version.pk, rule.key, rule.name, rule.priority, node, steps, broken)


def parse(trigger: str, raw_conditions: object, raw_actions: object) -> Parsed:
    """Conditions and actions, checked. Raises Invalid naming the path of every error."""
    return _parse(
        trigger, json.dumps(raw_conditions, sort_keys=True), json.dumps(raw_actions, sort_keys=True)
    )


@lru_cache(maxsize=1024)
def _parse(trigger: str, raw_conditions: str, raw_actions: str) -> Parsed:
    about = TRIGGERS.get(trigger)
    if about is None:
        raise Invalid(
            f"trigger: there is no trigger {trigger!r}. Use one of: {', '.join(TRIGGERS)}.",
            code="unknown_trigger",
            fields={"trigger": "There is no such trigger."},
        )
    errors: dict[str, list[str]] = {}
    node: Node = All(())
    actions: list[Action] = []
    try:
        node = _conditions(json.loads(raw_conditions), about, "conditions")
    except Invalid as error:
        errors |= error.fields
    try:
        actions = read_actions(json.loads(raw_actions), facts=facts.public_names())
    except Invalid as error:
        errors |= error.fields
    steps = []
    for index, action in enumerate(actions):
        own: Node = All(())
        try:
            own = _conditions(action.conditions, about, f"actions[{index}].conditions")
        except Invalid as error:
            errors |= error.fields
        steps.append(Step(index, action, own))
    if errors:
        where, what = next(iter(errors.items()))
        raise Invalid(f"{where}: {what[0]}", code="invalid_rule", fields=errors)
    return node, tuple(steps)


def _conditions(raw: object, trigger: Trigger, path: str) -> Node:
    node = conditions.parse(raw, facts.registry(), scopes=trigger.scopes, path=path)
    wrong = {
        leaf.path: f"{leaf.field!r} is not carried by the trigger {trigger.name!r}, so it would never hold."
        for leaf in conditions.leaves(node)
        if leaf.spec.scope == "event" and leaf.field not in trigger.fields
    }
    if wrong:
        where, what = next(iter(wrong.items()))
        raise Invalid(f"{where}: {what}", code="invalid_conditions", fields=wrong)
    return node


def looked_at(steps: Iterable[Step]) -> set[str]:
    """The fields that steps look at when it is their turn."""
    return {leaf.field for step in steps for leaf in conditions.leaves(step.conditions)}


def locations(location_ids: Collection[int]) -> dict[int, Location]:
    """Locations by id, in one query."""
    return Location.objects.in_bulk(location_ids)
