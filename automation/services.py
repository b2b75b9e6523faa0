"""What changes rules, and what people do about runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Max

from accounts.models import Location, User
from automation import actions, anchors, executor, references, rulebook, taking_over, triggers
from automation.engine import Step
from automation.events import RULE_CHANGED
from automation.models import ActionRun, Rule, RuleRun, RuleVersion
from contacts import locks as contact_locks
from contacts import pipeline
from contacts.vocabulary import TouchpointType
from core import clock, work
from core.causes import Cause
from core.errors import Conflict, DomainError, Invalid
from core.events import record
from messaging import linting, safety
from messaging.models import Template


@dataclass(frozen=True)
class RuleInput:
    """A rule as somebody writes it."""

    name: str
    trigger: str
    conditions: Mapping[str, Any]
    actions: list[dict[str, Any]]
    priority: int = 100
    every: str = ""
    anchor: str = ""
    is_active: bool = True
    is_shadow: bool = False


def check(location: Location, wanted: RuleInput) -> None:
    """Do nothing for a rule that can be saved; raise Invalid naming the path of everything that is wrong
    with it.
    """
    wrong = _shape(wanted)
    try:
        _, steps = rulebook.parse(wanted.trigger, wanted.conditions, wanted.actions)
    except Invalid as error:
        wrong |= error.fields
    else:
        wrong |= _references(location, steps) | references.wrong_names(location, steps)
    if wrong:
        where, what = next(iter(wrong.items()))
        raise Invalid(f"{where}: {what[0]}", code="invalid_rule", fields=wrong)


def _shape(wanted: RuleInput) -> dict[str, list[str]]:
    wrong: dict[str, list[str]] = {}
    if not wanted.name.strip():
        wrong["name"] = ["give the rule a name."]
    if not wanted.actions:
        wrong["actions"] = ["give at least one action."]
    if not 0 <= wanted.priority <= 10_000:
        wrong["priority"] = ["use a number from 0 to 10000."]
    by_clock = wanted.trigger == triggers.CLOCK
    if by_clock and wanted.every not in (Rule.Every.HOURLY, Rule.Every.DAILY):
        wrong["every"] = ["say how often the clock looks: hourly or daily."]
    if by_clock and wanted.anchor not in dict(anchors.CHOICES):
        wrong["anchor"] = [f"say what it acts on once: {', '.join(dict(anchors.CHOICES))}."]
    if not by_clock and (wanted.every or wanted.anchor):
        wrong["every"] = ["only a rule that runs by the clock has this."]
    return wrong


def _references(location: Location, steps: tuple[Step, ...]) -> dict[str, list[str]]:
    """Names that must exist: templates of the location, stages, touchpoints."""
    known = set(Template.objects.filter(location=location).values_list("name", flat=True))
    wrong: dict[str, list[str]] = {}
    for step in steps:
        action, path = step.action, f"actions[{step.index}]"
        if isinstance(action, actions.SendSms) and action.template and action.template not in known:
            wrong[f"{path}.template"] = [f"there is no template {action.template!r} at this location."]
        if isinstance(action, actions.SendSms) and action.message:
            wrong |= _wording(location, action.message, f"{path}.message")
        if isinstance(action, actions.ScheduleReminders):
            for i, name in enumerate(action.templates):
                if name not in known:
                    wrong[f"{path}.templates[{i}]"] = [f"there is no template {name!r} at this location."]
        if isinstance(action, actions.UpdatePipeline):
            wrong |= _stage(action, path)
        if isinstance(action, actions.LogTouchpoint) and action.touchpoint_type not in TouchpointType.values:
            wrong[f"{path}.touchpoint_type"] = [f"there is no touchpoint {action.touchpoint_type!r}."]
    return wrong


def _wording(location: Location, text: str, path: str) -> dict[str, list[str]]:
    """What is wrong with a text that a rule words itself."""
    wrong = [
        finding.text for finding in linting.errors(safety.findings(location, body=text, kind="template"))
    ]
    return {path: wrong} if wrong else {}


def _stage(action: actions.UpdatePipeline, path: str) -> dict[str, list[str]]:
    if action.pipeline is None:
        stages = {stage for names in pipeline.PIPELINES.values() for stage in names}
        return {} if action.stage in stages else {f"{path}.stage": [f"there is no stage {action.stage!r}."]}
    try:
        pipeline.place(action.pipeline, action.stage)
    except DomainError as error:
        return {f"{path}.{name}": [error.message] for name in error.fields}
    return {}


@transaction.atomic
def create_rule(
    *,
    location: Location,
    key: str,
    wanted: RuleInput,
    author: User | None,
    cause: Cause,
    is_seed: bool = False,
) -> Rule:
    """Add a rule. Raises Invalid by path; Conflict when the location has one of that key."""
    check(location, wanted)
    if Rule.objects.filter(location=location, key=key).exists():
        raise Conflict(
            f"This location has a rule {key!r} already.",
            code="key_taken",
            fields={"key": "Choose another one."},
        )
    rule = Rule(location=location, key=key, is_seeded=is_seed)
    _describe(rule, wanted)
    rule.save()
    _new_version(rule, wanted, author=author, is_seed=is_seed)
    _tell(rule, cause)
    return rule


@transaction.atomic
def save_rule(
    rule_id: int, *, wanted: RuleInput, author: User | None, cause: Cause, is_seed: bool = False
) -> Rule:
    """Change a rule. A changed wording is a new version; steps that wait finish on the old one. Raises
    Invalid by path.
    """
    rule = _locked(rule_id)
    check(rule.location, wanted)
    before = _described(rule)
    _describe(rule, wanted)
    after = _described(rule)
    current = rule.current
    reworded = current is None or (current.conditions, current.actions) != (wanted.conditions, wanted.actions)
    if before == after and not reworded:
        return rule
    rule.save()
    if reworded:
        _new_version(rule, wanted, author=author, is_seed=is_seed)
    _tell(rule, cause)
    return rule


@transaction.atomic
def set_active(rule_id: int, *, active: bool, cause: Cause) -> Rule:
    """Switch a rule on or off. Off, its waiting steps are not taken either."""
    rule = _locked(rule_id)
    return set_mode(rule_id, mode=mode_of(active, rule.is_shadow), cause=cause)


def mode_of(active: bool, shadow: bool) -> Rule.Mode:
    """On, in shadow or off, of the two columns that say it."""
    if not active:
        return Rule.Mode.OFF
    return Rule.Mode.SHADOW if shadow else Rule.Mode.LIVE


@transaction.atomic
def set_mode(rule_id: int, *, mode: Rule.Mode, cause: Cause) -> Rule:
    """Switch a rule off, on, or into shadow, where what it would do is recorded and nothing is done.

    Its waiting steps are not taken while it is off or in shadow. A clock rule that leaves the shadow may act on what it
    only recorded there.
    """
    rule = _locked(rule_id)
    if rule.mode != mode:
        shadow = rule.is_shadow if mode == Rule.Mode.OFF else mode == Rule.Mode.SHADOW
        _switch(rule, mode != Rule.Mode.OFF, shadow=shadow)
        rule.save(update_fields=["is_active", "is_shadow", "paused_reason", "watched_from"])
        _tell(rule, cause)
    return rule


@transaction.atomic
def pause(rule_id: int, *, reason: str, cause: Cause) -> Rule:
    """Switch a rule off because something is wrong with it, and say so on it until it is switched on again."""
    rule = _locked(rule_id)
    _switch(rule, False)
    rule.paused_reason = reason
    rule.save(update_fields=["is_active", "paused_reason", "watched_from"])
    _tell(rule, cause)
    return rule


def _switch(rule: Rule, active: bool, *, shadow: bool | None = None) -> None:
    if active and not rule.is_active:
        rule.paused_reason, rule.watched_from = "", clock.now()
    if rule.pk and rule.is_shadow and shadow is False:
        taking_over.free_occasions(RuleRun.objects.filter(rule=rule))
    rule.is_active = active
    rule.is_shadow = rule.is_shadow if shadow is None else shadow


@transaction.atomic
def restore_version(rule_id: int, *, number: int, author: User | None, cause: Cause) -> Rule:
    """Make an earlier wording the present one again, as a new version. Raises Invalid when there is no such
    version.
    """
    rule = _locked(rule_id)
    version = rule.versions.filter(number=number).first()
    if version is None:
        raise Invalid(
            f"This rule has no version {number}.", code="no_version", fields={"number": "No such version."}
        )
    wanted = input_of(rule, version)
    return save_rule(rule.pk, wanted=wanted, author=author, cause=cause, is_seed=version.is_seed)


def input_of(rule: Rule, version: RuleVersion | None = None) -> RuleInput:
    """A rule as it stands, in the wording of a version (the present one unless said)."""
    version = version or rule.current
    assert version is not None
    return RuleInput(
        name=rule.name,
        trigger=rule.trigger,
        conditions=version.conditions,
        actions=version.actions,
        priority=rule.priority,
        every=rule.every,
        anchor=rule.anchor,
        is_active=rule.is_active,
        is_shadow=rule.is_shadow,
    )


def _locked(rule_id: int) -> Rule:
    rule = Rule.objects.select_for_update(no_key=True, of=("self",)).get(pk=rule_id)
    if rule.current_id is not None:
        rule.current = RuleVersion.objects.get(pk=rule.current_id)
    return rule


def _describe(rule: Rule, wanted: RuleInput) -> None:
    rule.name, rule.trigger, rule.every, rule.anchor = (
        wanted.name.strip(),
        wanted.trigger,
        wanted.every,
        wanted.anchor,
    )
    rule.priority = wanted.priority
    _switch(rule, wanted.is_active, shadow=wanted.is_shadow)


def _described(rule: Rule) -> tuple[Any, ...]:
    return (rule.name, rule.trigger, rule.every, rule.anchor, rule.priority, rule.is_active, rule.is_shadow)


def _new_version(rule: Rule, wanted: RuleInput, *, author: User | None, is_seed: bool) -> None:
    last = rule.versions.aggregate(last=Max("number"))["last"] or 0
    rule.current = RuleVersion.objects.create(
        rule=rule,
        number=last + 1,
        conditions=dict(wanted.conditions),
        actions=list(wanted.actions),
        author=author,
        is_seed=is_seed,
    )
    rule.save(update_fields=["current"])


def _tell(rule: Rule, cause: Cause) -> None:
    assert rule.current is not None
    record(
        RULE_CHANGED,
        cause=cause,
        location_id=rule.location_id,
        data={"rule": str(rule.public_id), "version": rule.current.number},
        source="user" if cause.kind == "user" else "system",
    )


@transaction.atomic
def retry_action(action_run_id: int, *, cause: Cause) -> ActionRun:
    """Put a failed step back in line. Raises Conflict for one that did not fail."""
    contact_id = ActionRun.objects.values_list("run__contact_id", flat=True).get(pk=action_run_id)
    contact_locks.lock_those_there([contact_id])
    row = (
        ActionRun.objects.select_for_update(no_key=True, of=("self",))
        .select_related("run")
        .get(pk=action_run_id)
    )
    if row.state != ActionRun.State.FAILED:
        raise Conflict("Only a step that failed can be tried again.", code="not_failed")
    now = clock.now()
    row.state, row.run_at, row.reason = ActionRun.State.PENDING, now, "To be tried again."
    row.save(update_fields=["state", "run_at", "reason"])
    row.run.state, row.run.finished_at = RuleRun.State.RUNNING, None
    row.run.save(update_fields=["state", "finished_at"])
    # Without a key of its own: the state under lock lets nobody ask twice, and each try is new work.
    work.enqueue_many([executor.delayed(row.run, row.step, due_at=now)])
    return row
