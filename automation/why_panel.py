""" "Why?" on the contact's page: what each rule did or did not do, on which facts, and what became of its messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from accounts import access
from accounts.models import User
from automation import conditions, rulebook, selectors
from automation.models import ActionRun, Rule, RuleRun
from contacts.models import Contact
from core.errors import Malformed
from messaging import reasons
from messaging.models import Message

SHOWN = 12
SHOWN_PASSED_OVER = 8

_BLOCKED = (ActionRun.State.HELD, ActionRun.State.FAILED)


@dataclass(frozen=True)
class Fate:
    """A step of a run and, where it made a message, where that one stands now."""

    step: ActionRun
    message: Message | None

    @property
    def words(self) -> str:
        """Where its message stands and why, in words; empty without one."""
        if self.message is None:
            return ""
        why = reasons.words(self.message.reason)
        return f"{self.message.get_status_display()}{f': {why}' if why else ''}"

    @property
    def link(self) -> str:
        """The message's page."""
        return (
            reverse("admin:messaging_message_change", args=(self.message.public_id,)) if self.message else ""
        )


@dataclass(frozen=True)
class Told:
    """A run in words: `seen` are the facts that its conditions look at, `rest` what else was known."""

    run: RuleRun
    verdict: str
    seen: Mapping[str, object]
    rest: Mapping[str, object]
    fates: Sequence[Fate]


def for_contact(contact: Contact, user: User, query: Mapping[str, str]) -> dict[str, Any] | None:
    """What ran and, for each rule that is on, whether it would run now; of one rule with `rule`, its public id."""
    if not access.allowed(user, "read", "settings", contact.location_id):
        return None
    previews = selectors.why_not(contact)
    ran = selectors.runs().filter(contact=contact)
    choices = {str(item.rule.public_id): item.rule for item in previews}
    chosen = _chosen(query.get("rule", ""), choices, contact)
    if chosen is not None:
        choices.setdefault(str(chosen.public_id), chosen)
        ran = ran.filter(rule=chosen)
    did = list(ran.exclude(selectors.PASSED_OVER)[:SHOWN])
    not_done = list(ran.filter(selectors.PASSED_OVER)[:SHOWN_PASSED_OVER])
    messages = _messages([*did, *not_done], user)
    return {
        "ran": [_told(run, messages) for run in did],
        "passed_over": [_told(run, messages) for run in not_done],
        "previews": [item for item in previews if chosen is None or item.rule.pk == chosen.pk],
        "rules": sorted(choices.values(), key=lambda rule: rule.name),
        "chosen": chosen,
    }


def _chosen(wanted: str, choices: Mapping[str, Rule], contact: Contact) -> Rule | None:
    """The rule asked for; one that is off by now is still found. Raises Malformed for no rule of this clinic."""
    if not wanted:
        return None
    if wanted in choices:
        return choices[wanted]
    for rule in Rule.objects.filter(location=contact.location_id):
        if str(rule.public_id) == wanted:
            return rule
    raise Malformed("There is no such rule at this clinic. Choose one of the list.")


def _messages(runs: Sequence[RuleRun], user: User) -> dict[str, Message]:
    """The messages that these runs made, as far as this person may read them, in one query."""
    ids = {step.result.get("message") for run in runs for step in run.actions.all()} - {None}
    rows = access.visible(Message, user).filter(public_id__in=ids) if ids else ()
    return {str(row.public_id): row for row in rows}


def _told(run: RuleRun, messages: Mapping[str, Message]) -> Told:
    text = rulebook.text_of(run.rule, run.version)
    names = {leaf.field for leaf in conditions.leaves(text.conditions)} | rulebook.looked_at(text.steps)
    known = run.facts.values if run.facts is not None else {}
    steps = [Fate(step, messages.get(step.result.get("message", ""))) for step in run.actions.all()]
    return Told(
        run,
        _verdict(run, steps),
        {name: value for name, value in known.items() if name in names},
        {name: value for name, value in known.items() if name not in names},
        steps,
    )


def _verdict(run: RuleRun, fates: Sequence[Fate]) -> str:
    """Fired, skipped or blocked, in a word."""
    if run.state == RuleRun.State.NOT_MATCHED:
        return "Skipped"
    if run.state == RuleRun.State.STOPPED:
        return "Blocked"
    if run.state == RuleRun.State.MATCHED:
        return "Would have fired (shadow)"
    if run.state == RuleRun.State.FAILED or any(fate.step.state in _BLOCKED for fate in fates):
        return "Fired, with a step blocked"
    return "Fired"
