"""The rules a clinic starts with, kept as data in `automation/packs`."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.db import transaction

from accounts import new_clinic
from accounts.models import Location, User
from automation import services
from automation.models import Rule
from automation.services import RuleInput
from core.causes import Cause
from core.errors import Conflict

PACKS = Path(__file__).parent / "packs"
CAUSE = Cause.system("seed")


@lru_cache(maxsize=1)
def packs() -> dict[str, dict[str, Any]]:
    """The delivered rules by key, in the order of their files."""
    rules = [rule for path in sorted(PACKS.glob("*.json")) for rule in json.loads(path.read_text("utf-8"))]
    return {rule["key"]: rule for rule in rules}


def input_of(seed: dict[str, Any], *, is_active: bool = True, is_shadow: bool = False) -> RuleInput:
    """A delivered rule as the services take it."""
    return RuleInput(
        name=seed["name"],
        trigger=seed["trigger"],
        conditions=seed["conditions"],
        actions=seed["actions"],
        priority=seed["priority"],
        every=seed.get("every", ""),
        anchor=seed.get("anchor", ""),
        is_active=is_active,
        is_shadow=is_shadow,
    )


@transaction.atomic
def add_rules(location: Location) -> None:
    """Give a location the rules it lacks, and newer wordings of those that nobody changed. Edited ones stay."""
    delivered_here = Rule.objects.filter(location=location, is_seeded=True).select_related("current")
    known = {rule.key: rule for rule in delivered_here}
    for key, delivered in packs().items():
        rule = known.get(key)
        if rule is None:
            services.create_rule(
                location=location, key=key, wanted=input_of(delivered), author=None, cause=CAUSE, is_seed=True
            )
        elif rule.current is not None and rule.current.is_seed:
            _freshen(rule, delivered)


def seed(*, demo: bool) -> None:
    """Give every location its rules."""
    for location in Location.objects.order_by("pk"):
        add_rules(location)


def connect() -> None:
    """Called from AppConfig.ready()."""
    new_clinic.parts.register("automation.rules", add_rules)


def _freshen(rule: Rule, delivered: dict[str, Any]) -> None:
    """Bring the wording of an unchanged rule up to date; its name, priority and switch are the clinic's."""
    assert rule.current is not None
    if (rule.current.conditions, rule.current.actions) == (delivered["conditions"], delivered["actions"]):
        return
    wanted = RuleInput(
        name=rule.name,
        trigger=delivered["trigger"],
        conditions=delivered["conditions"],
        actions=delivered["actions"],
        priority=rule.priority,
        every=delivered.get("every", ""),
        anchor=delivered.get("anchor", ""),
        is_active=rule.is_active,
        is_shadow=rule.is_shadow,
    )
    services.save_rule(rule.pk, wanted=wanted, author=None, cause=CAUSE, is_seed=True)


def restore_rule(rule_id: int, *, author: User | None, cause: Cause) -> Rule:
    """Make a delivered rule say again what it said when it was delivered, as a new version; it stays on or
    off.

    Raises Conflict for a rule that staff wrote.
    """
    rule = Rule.objects.get(pk=rule_id)
    delivered = packs().get(rule.key) if rule.is_seeded else None
    if delivered is None:
        raise Conflict("Only a rule that came with the system can be restored.", code="not_delivered")
    wanted = input_of(delivered, is_active=rule.is_active, is_shadow=rule.is_shadow)
    return services.save_rule(rule.pk, wanted=wanted, author=author, cause=cause, is_seed=True)
