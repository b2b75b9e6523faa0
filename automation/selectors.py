"""Reading what ran and why, and what would run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q, QuerySet

from accounts import access
from accounts.models import Location, User
from automation import (
    actions,
    anchors,
    clock_rules,
    conditions,
    engine,
    facts,
    intents,
    rulebook,
    sentences,
)
from automation.engine import Outcome, RunPlan, StepPlan
from automation.handlers import RULE_IN_SHADOW, happening_of
from automation.models import ActionRun, Rule, RuleRun, RuleVersion
from automation.subjects import Happening, Subject
from automation.triggers import CLOCK, RULE_DUE, TRIGGERS
from contacts.models import Contact
from core import clock
from core.causes import Cause
from core.errors import NotFound
from core.models import Event

#: Of an intent, what only the machine reads.
_INNER = frozenset(
    {
        "contact_id",
        "booking_id",
        "location_id",
        "dedupe_key",
        "text_key",
        "anchor",
        "cause_key",
        "acted_at",
        "exempt_quiet",
    }
)

#: Runs of rules that did nothing.
PASSED_OVER = Q(state__in=(RuleRun.State.NOT_MATCHED, RuleRun.State.STOPPED))


def runs() -> QuerySet[RuleRun]:
    """Runs with what showing them needs, newest first."""
    return (
        RuleRun.objects.select_related("rule__current", "version", "contact", "booking", "facts")
        .prefetch_related("actions")
        .order_by("-pk")
    )


def why(contact: Contact, *, limit: int = 50, did: bool | None = None) -> list[RuleRun]:
    """What rules did (`did`), did not do (`did=False`), or both about this contact, newest first: what they saw, and
    the reason.
    """
    rows = runs().filter(contact=contact)
    if did is not None:
        rows = rows.exclude(PASSED_OVER) if did else rows.filter(PASSED_OVER)
    return list(rows[:limit])


@dataclass
class Notice:
    """What rules told the staff, once or several times in the last day; `at` is the last time."""

    text: str
    contact: Contact | None
    at: datetime
    times: int = 1


def notices(user: User, now: datetime, *, limit: int = 6) -> list[Notice]:
    """The notices of the last 24 hours at the person's locations, newest first, repeated ones as one."""
    rows = access.visible(ActionRun, user).filter(
        type="notify_staff", state=ActionRun.State.DONE, run_at__gt=now - timedelta(hours=24)
    )
    found: dict[tuple[str, int | None], Notice] = {}
    for row in rows.select_related("run__version", "run__facts", "run__contact").order_by("-pk")[:200]:
        action = row.run.version.actions[row.step]
        if "in_app" not in action.get("channels", ["in_app"]):
            continue
        known = row.run.facts.values if row.run.facts is not None else {}
        text = actions.fill(action["text"], known)
        notice = found.setdefault((text, row.run.contact_id), Notice(text, row.run.contact, row.run_at, 0))
        notice.times += 1
    return list(found.values())[:limit]


def sentence(rule: Rule, version: RuleVersion | None = None) -> str:
    """A rule in plain words: when, under which conditions, what."""
    text = rulebook.text_of(rule, version)
    if text.broken:
        return f"Cannot be read: {text.broken}"
    return sentence_of(rule.trigger, rule.every, rule.anchor, text.conditions, text.steps)


def sentence_of(
    trigger: str, every: str, anchor: str, node: conditions.Node, steps: Sequence[engine.Step]
) -> str:
    """A wording in plain words, saved or not."""
    when = TRIGGERS[trigger].label
    if trigger == CLOCK:
        how_often = dict(Rule.Every.choices).get(every, "By the clock") if every else "By the clock"
        when = f"{how_often}, once per {dict(anchors.CHOICES).get(anchor, '…')}"
    only = "" if node == conditions.All(()) else f", if {conditions.describe(node)}"
    does = ", then ".join(sentences.describe(step) for step in steps) or "nothing yet"
    return f"{when}{only}: {does}."


@dataclass(frozen=True)
class Preview:
    """What a rule would do for a contact now. `basis` says what stood in for the event."""

    rule: Rule
    plan: RunPlan
    subject: Subject
    basis: str
    obstacles: tuple[str, ...] = ()

    @property
    def matched(self) -> bool:
        """Whether it would run: conditions met, and nothing in the way."""
        return self.plan.outcome is Outcome.MATCHED and not self.obstacles

    @property
    def reason(self) -> str:
        return " ".join((*self.obstacles, self.plan.reason))

    def as_dict(self) -> dict[str, Any]:
        """As the API answers it; nothing in it is an inner id."""
        return {
            "rule": {"id": str(self.rule.public_id), "key": self.rule.key, "name": self.rule.name},
            "matched": self.matched,
            "outcome": str(self.plan.outcome),
            "reason": self.reason,
            "basis": self.basis,
            "facts": facts.stored(self.subject.facts),
            "seen": [reason.as_dict() for reason in self.plan.seen],
            "actions": [_planned(step) for step in self.plan.steps],
        }


def _planned(step: StepPlan) -> dict[str, Any]:
    intent = {} if step.intent is None else intents.as_dict(step.intent)
    return {
        "step": step.step.index + 1,
        "type": step.step.action.kind,
        "turn": str(step.turn),
        "reason": step.reason,
        "run_at": step.run_at.isoformat(),
        "intent": {name: value for name, value in intent.items() if name not in _INNER} or None,
    }


def preview(contact: Contact, rule: Rule, text: engine.RuleText | None = None) -> Preview:
    """What the rule would do for this contact now; in the wording given, which need not be saved. Writes nothing."""
    return why_not(contact, [rule], {} if text is None else {rule.pk: text})[0]


def check_event(user: User | AnonymousUser, event: Event) -> None:
    """Raise NotFound unless the person may see what an event is about."""
    if event.contact_id is not None:
        seen = access.visible(Contact.objects.filter(pk=event.contact_id), user)
        if not seen.exists():
            raise NotFound("There is no such event.")


def preview_event(event: Event, rule: Rule, text: engine.RuleText | None = None) -> Preview:
    """What the rule would do about an event, by the facts as they are now; in the wording given, which need not be
    saved. Writes nothing.
    """
    happening = happening_of(event)
    text = text or rulebook.text_of(rule)
    known = facts.event_facts([event])
    places = {rule.location_id: rule.location}
    subject = facts.load([happening], known, now=clock.now(), locations=places)[event.pk]
    obstacles = _switches(rule)
    if event.type != (RULE_DUE if rule.trigger == CLOCK else rule.trigger):
        obstacles.append(f"It starts on something else: {TRIGGERS[rule.trigger].label.lower()}.")
    if rule.pk and RuleRun.objects.filter(rule=rule, anchor=happening.anchor).exists():
        obstacles.append("It has met this before.")
    plan = engine.plan_run(subject, text, now=clock.now())
    basis = f"About {event.type}, {event.occurred_at.isoformat()}, by what is known now."
    return Preview(rule, plan, subject, basis, tuple(obstacles))


def why_not(
    contact: Contact,
    rules: Sequence[Rule] | None = None,
    wordings: Mapping[int | None, engine.RuleText] | None = None,
) -> list[Preview]:
    """For each rule that is on at the contact's location (or these): would it run now, and if not, why not?

    `wordings` stand in for those of some rules.

    A few queries, however many the rules. Writes nothing.
    """
    if rules is None:
        rules = list(
            Rule.objects.filter(location=contact.location_id, is_active=True).select_related(
                "current", "location"
            )
        )
    now = clock.now()
    last = _last_events(contact, {rule.trigger for rule in rules})
    said = facts.event_facts(list(last.values()))
    happenings, known = [], {}
    for rule in rules:
        event = last.get(rule.trigger)
        happenings.append(_imagined(contact, rule, event, now))
        known[-rule.pk] = {} if event is None else said[event.pk]
    places = {contact.location_id: contact.location}
    subjects = facts.load(happenings, known, now=now, locations=places)
    texts = wordings or {}
    plans = {
        rule.pk: engine.plan_run(subjects[-rule.pk], texts.get(rule.pk) or rulebook.text_of(rule), now=now)
        for rule in rules
    }
    held = [rule for rule in rules if rule.trigger == CLOCK and plans[rule.pk].outcome is Outcome.MATCHED]
    occasions = _occasions(contact, held, subjects)
    pairs = (
        RuleRun.objects.filter(rule_id__in=occasions, anchor__in=set(occasions.values())) if occasions else ()
    )
    met = {run.rule_id for run in pairs if run.anchor == occasions[run.rule_id]}
    return [
        Preview(
            rule,
            plans[rule.pk],
            subjects[-rule.pk],
            _basis(rule, last.get(rule.trigger)),
            tuple(_obstacles(rule, met, occasions)),
        )
        for rule in rules
    ]


def _imagined(contact: Contact, rule: Rule, event: Event | None, now: datetime) -> Happening:
    """The rule's event, as if it happened now. It has no row: a negative id stands for it."""
    return Happening(
        event_id=-rule.pk,
        type=rule.trigger,
        location_id=contact.location_id,
        anchor="preview",
        cause=Cause.clock("preview"),
        occurred_at=now,
        contact_id=contact.pk,
        booking_id=None if event is None else event.booking_id,
    )


def _last_events(contact: Contact, names: Collection[str]) -> dict[str, Event]:
    """The last event of each of these triggers that was about the contact; one query."""
    rows = Event.objects.filter(contact_id=contact.pk, type__in=set(names) - {CLOCK})
    return {event.type: event for event in rows.order_by("type", "-pk").distinct("type")}


def _basis(rule: Rule, event: Event | None) -> str:
    return f"{_occasion(rule, event)}{' ' + RULE_IN_SHADOW if rule.is_shadow else ''}"


def _occasion(rule: Rule, event: Event | None) -> str:
    if rule.trigger == CLOCK:
        return "As if the clock looked now."
    if event is None:
        return f"As if it happened now: {TRIGGERS[rule.trigger].label.lower()}. It has not happened yet."
    when = event.occurred_at.isoformat()
    return f"As if the last time happened now: {TRIGGERS[rule.trigger].label.lower()}, {when}."


def _obstacles(rule: Rule, met: Collection[int], anchors_of: Mapping[int, str]) -> list[str]:
    found = _switches(rule)
    if rule.pk in met:
        found.append(f"It acted on this {rule.get_anchor_display()} already.")
    elif not anchors_of.get(rule.pk, "-"):
        found.append(f"There is no {rule.get_anchor_display()} that it has not answered itself.")
    return found


def _switches(rule: Rule) -> list[str]:
    found = []
    if not rule.is_active:
        found.append("The rule is switched off.")
    if rule.location.automation_mode == Location.AutomationMode.OFF:
        found.append("Automation is switched off at this clinic.")
    return found


def _occasions(contact: Contact, rules: Sequence[Rule], subjects: Mapping[int, Subject]) -> dict[int, str]:
    """What each of these clock rules would act on, by rule; empty for none."""
    now = clock.now()
    found = {}
    for rule in rules:
        own = clock_rules.own_last_words(rule, [contact.pk]) if rule.anchor == "outbound" else ()
        subject = subjects[-rule.pk]
        known = clock_rules.anchor_facts(
            contact, subject.visit, subject.local_day(now), answered=contact.pk not in own
        )
        found[rule.pk] = anchors.anchor(rule.anchor, known)
    return found
