"""Reading what ran and why, and what would run."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from accounts import access
from accounts.models import Location, User
from automation import actions, conditions, engine, facts, intents, query, rulebook, sentences
from automation.engine import Outcome, RunPlan, StepPlan
from automation.models import ActionRun, Rule, RuleRun, RuleVersion
from automation.subjects import Happening, Subject
from automation.triggers import CLOCK, TRIGGERS
from contacts.models import Contact
from core import clock
from core.causes import Cause
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
        passed_over = Q(state__in=(RuleRun.State.NOT_MATCHED, RuleRun.State.STOPPED))
        rows = rows.exclude(passed_over) if did else rows.filter(passed_over)
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
    when = TRIGGERS[rule.trigger].label
    if rule.trigger == CLOCK:
        when = f"{rule.get_every_display()}, once per {rule.get_anchor_display()}"
    only = "" if text.conditions == conditions.All(()) else f", if {conditions.describe(text.conditions)}"
    return f"{when}{only}: {', then '.join(sentences.describe(step) for step in text.steps)}."


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


def preview(contact: Contact, rule: Rule) -> Preview:
    """What the rule would do for this contact now. Writes nothing."""
    return why_not(contact, [rule])[0]


def why_not(contact: Contact, rules: Sequence[Rule] | None = None) -> list[Preview]:
    """For each rule that is on at the contact's location (or these): would it run now, and if not, why not?

    A few queries, however many the rules. Writes nothing.
    """
    if rules is None:
        rules = list(
            Rule.objects.filter(location=contact.location_id, is_active=True).select_related("current")
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
    return [
        Preview(
            rule,
            engine.plan_run(subjects[-rule.pk], rulebook.text_of(rule), now=now),
            subjects[-rule.pk],
            _basis(rule, last.get(rule.trigger)),
            tuple(_obstacles(contact, rule)),
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
    if rule.trigger == CLOCK:
        return "As if the clock looked now."
    if event is None:
        return f"As if it happened now: {TRIGGERS[rule.trigger].label.lower()}. It has not happened yet."
    when = event.occurred_at.isoformat()
    return f"As if the last time happened now: {TRIGGERS[rule.trigger].label.lower()}, {when}."


def _obstacles(contact: Contact, rule: Rule) -> list[str]:
    found = []
    if not rule.is_active:
        found.append("The rule is switched off.")
    if contact.location.automation_mode == Location.AutomationMode.OFF:
        found.append("Automation is switched off at this clinic.")
    return found


def candidates(rule: Rule, *, limit: int = 50) -> list[Contact]:
    """The contacts a clock rule would look at now, by its query alone; for its page."""
    text = rulebook.text_of(rule)
    if text.broken or rule.trigger != CLOCK:
        return []
    found, _ = query.candidates(text.conditions, location=rule.location, now=clock.now())
    return list(found.order_by("pk")[:limit])
