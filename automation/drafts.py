"""Rules as they are being written: kept until they are published, and doing nothing until then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.text import slugify

from accounts.models import Location, User
from automation import services
from automation.events import RULE_DRAFT_DISCARDED, RULE_DRAFT_SAVED
from automation.models import Rule, RuleDraft
from automation.services import RuleInput
from core.causes import Cause
from core.errors import Conflict, Invalid, NotFound
from core.events import record

PARTS = ("name", "key", "trigger", "every", "anchor", "priority", "conditions", "actions")
COPY = "Copy of {}"
CHANGED = "The draft was changed meanwhile. This is what it says now: look again."
SAVED_MEANWHILE = (
    "Somebody else saved this draft meanwhile. What you wrote is still here: save again to replace theirs."
)


def wording_of(rule: Rule) -> dict[str, Any]:
    """What a rule says now, as a draft holds it."""
    found = services.input_of(rule)
    return {name: rule.key if name == "key" else getattr(found, name) for name in PARTS}


@transaction.atomic
def save_draft(
    *, location: Location, wording: Mapping[str, Any], author: User, cause: Cause, rule: Rule | None = None,
    draft_id: int | None = None, seen: str | None = None,
) -> RuleDraft:  # fmt: skip
    """Keep what is being written: the one draft of a rule, or a draft of a new one. It may be incomplete.

    `seen` is the moment it was last saved, as its writer knows it ("" for no draft yet). Raises Conflict when somebody
    else saved it since.
    """
    if draft_id is not None:
        draft = _locked(draft_id)
    elif rule is not None:
        draft = RuleDraft.objects.select_for_update(no_key=True, of=("self",)).filter(
            rule=rule
        ).first() or RuleDraft(rule=rule, location=location)
    else:
        draft = RuleDraft(location=location)
    if seen is not None and seen != saved_at(draft):
        raise Conflict(SAVED_MEANWHILE, code="changed_meanwhile")
    wanted = {name: wording.get(name) for name in PARTS}
    if draft.pk and draft.wording == wanted:
        return draft
    draft.wording, draft.author = wanted, author
    draft.save()
    _tell(RULE_DRAFT_SAVED, draft, cause)
    return draft


@transaction.atomic
def discard_draft(draft_id: int, *, cause: Cause) -> None:
    """Throw a draft away; its rule, if it has one, stays as it is."""
    draft = _locked(draft_id)
    _tell(RULE_DRAFT_DISCARDED, draft, cause)
    draft.delete()


@transaction.atomic
def publish(draft_id: int, *, seen: str, mode: Rule.Mode, author: User, cause: Cause) -> Rule:
    """Make a draft what the rule says from now on; runs that wait finish on the wording they began with.

    Raises Conflict when it was saved since the moment `seen`, Invalid by path for a draft that is not finished.
    """
    draft = _locked(draft_id)
    if seen != saved_at(draft):
        raise Conflict(CHANGED, code="changed_meanwhile")
    wanted = input_of(draft.wording, mode)
    if draft.rule is not None:
        rule = services.save_rule(draft.rule.pk, wanted=wanted, author=author, cause=cause)
    else:
        key = str(draft.wording.get("key") or "") or free_key(draft.location, wanted.name)
        rule = services.create_rule(
            location=draft.location, key=key, wanted=wanted, author=author, cause=cause
        )
        draft.back_tests.update(draft=None, rule=rule)
    draft.delete()
    return rule


@transaction.atomic
def duplicate(rule_id: int, *, author: User, cause: Cause) -> RuleDraft:
    """A draft of a new rule that says what this one says."""
    rule = Rule.objects.select_related("current", "location").get(pk=rule_id)
    wording = {**wording_of(rule), "key": "", "name": COPY.format(rule.name)[:120]}
    return save_draft(location=rule.location, wording=wording, author=author, cause=cause)


def input_of(wording: Mapping[str, Any], mode: Rule.Mode) -> RuleInput:
    """A draft as the services take it. Raises Invalid where it is no rule at all."""
    wrong = {}
    if not isinstance(wording.get("priority"), int):
        wrong["priority"] = "use a number from 0 to 10000."
    if not isinstance(wording.get("conditions"), Mapping):
        wrong["conditions"] = "this must be an object of conditions."
    if not isinstance(wording.get("actions"), list):
        wrong["actions"] = "this must be a list of actions."
    if wrong:
        where, what = next(iter(wrong.items()))
        raise Invalid(f"{where}: {what}", code="invalid_rule", fields=wrong)
    return RuleInput(
        name=str(wording.get("name") or ""),
        trigger=str(wording.get("trigger") or ""),
        every=str(wording.get("every") or ""),
        anchor=str(wording.get("anchor") or ""),
        priority=wording["priority"],
        conditions=wording["conditions"],
        actions=wording["actions"],
        is_active=mode != Rule.Mode.OFF,
        is_shadow=mode == Rule.Mode.SHADOW,
    )


def free_key(location: Location, name: str) -> str:
    """A short name that no rule of the clinic has."""
    base = slugify(name).replace("-", "_")[:50] or "rule"
    taken = set(Rule.objects.filter(location=location, key__startswith=base).values_list("key", flat=True))
    return next(
        key for n in range(1, len(taken) + 2) if (key := base if n == 1 else f"{base}_{n}") not in taken
    )


def _locked(draft_id: int) -> RuleDraft:
    rows = RuleDraft.objects.select_for_update(no_key=True, of=("self",)).select_related("rule", "location")
    draft = rows.filter(pk=draft_id).first()
    if draft is None:
        raise NotFound("That draft is gone: somebody published or discarded it.")
    return draft


def saved_at(draft: RuleDraft | None) -> str:
    """When a draft was last saved, as its pages carry it; "" for one that never was."""
    return draft.updated_at.isoformat() if draft is not None and draft.pk else ""


def _tell(type: Any, draft: RuleDraft, cause: Cause) -> None:
    record(
        type, cause=cause, location_id=draft.location_id, data={"draft": str(draft.public_id)},
        source="user" if cause.kind == "user" else "system",
    )  # fmt: skip
