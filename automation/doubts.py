"""What may be read over when a rule is written: nothing is forbidden here, it is said before it happens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from accounts.models import Location
from automation import contradictions, cycles, rulebook
from automation.actions import SendEmail, SendSms, UpdateBooking
from automation.condition_tree import All, Node, leaves
from automation.engine import Step
from automation.models import Rule
from automation.triggers import CLOCK, TRIGGERS
from messaging.models import Template
from messaging.vocabulary import Purpose

#: Actions that need nobody in particular.
_FOR_NOBODY = frozenset({"notify_staff", "call_webhook", "create_task", "match_or_create_contact"})


@dataclass(frozen=True, slots=True)
class Doubt:
    """A warning. A grave one is to be acknowledged before the rule is published; `place` is where it belongs."""

    code: str
    text: str
    grave: bool = False
    place: str = ""


def of_rule(
    rule: cycles.Known,
    *,
    templates: Sequence[Template],
    anchor: str,
    others: Sequence[cycles.Known],
) -> list[Doubt]:
    """Everything that is doubtful about a rule as it is written; `others` are the active rules of the clinic."""
    found = [*_never(rule), *_circle(rule, templates, others)]
    by_name = {(template.channel, template.name): template for template in templates}
    for step in rule.steps:
        found += _of_step(rule, step, by_name)
    texts = [step for step in rule.steps if isinstance(step.action, SendSms | SendEmail)]
    if rule.trigger == CLOCK and rule.conditions == All(()):
        found.append(
            Doubt("everybody", "Without conditions the clock meets every contact of the clinic.", grave=True)
        )
    elif rule.trigger == CLOCK and anchor == "day" and texts:
        found.append(
            Doubt(
                "daily",
                "Once per day: the same person gets this every day while the conditions hold.",
                grave=True,
            )
        )
    return found


def _never(rule: cycles.Known) -> list[Doubt]:
    why = contradictions.why_never(rule.conditions)
    found = (
        [Doubt("never", f"Nothing can ever meet these conditions. {why}", grave=True, place="c")]
        if why
        else []
    )
    for step in rule.steps:
        if step.is_conditional and (why := contradictions.why_never(step.conditions)):
            text = f"Action {step.index + 1} is never taken. {why}"
            found.append(Doubt(f"never_{step.index}", text, place=f"a.{step.index}"))
    return found


def _circle(rule: cycles.Known, templates: Sequence[Template], others: Sequence[cycles.Known]) -> list[Doubt]:
    links = cycles.circle(rule, others, {t.name: t.category for t in templates})
    if not links:
        return []
    way = " ".join(map(str, links))
    text = f"This rule can set itself off. {way} So it begins again; the second turn for the same contact is stopped."
    return [Doubt("circle", text, grave=True)]


def active_rules(location: Location) -> list[cycles.Known]:
    """The rules of a clinic that are on, as circles see them; one query."""
    rows = Rule.objects.filter(location=location, is_active=True, current__isnull=False)
    return known(rows.select_related("current"))


def known(rules: Iterable[Rule]) -> list[cycles.Known]:
    """Saved rules as circles see them, without those that cannot be read."""
    texts = [(rule, rulebook.text_of(rule)) for rule in rules]
    return [
        cycles.Known(str(rule.pk), rule.name, rule.trigger, text.conditions, text.steps)
        for rule, text in texts
        if not text.broken
    ]


def _of_step(rule: cycles.Known, step: Step, by_name: Mapping[tuple[str, str], Template]) -> list[Doubt]:
    action, place = step.action, f"a.{step.index}"
    number = step.index + 1
    found = []
    if not TRIGGERS[rule.trigger].contact and action.kind not in _FOR_NOBODY:
        text = f"Action {number} needs a contact, and what the rule starts on is about none."
        found.append(Doubt(f"nobody_{step.index}", text, grave=True, place=place))
    if isinstance(action, UpdateBooking) and action.status == "cancelled":
        text = f"Action {number} cancels visits without anybody being asked."
        found.append(Doubt(f"cancels_{step.index}", text, grave=True, place=place))
    if isinstance(action, SendSms | SendEmail):
        template = by_name.get(("email" if isinstance(action, SendEmail) else "sms", action.template or ""))
        found += _of_text(rule, step, template)
    return found


def _of_text(rule: cycles.Known, step: Step, template: Template | None) -> list[Doubt]:
    number, place = step.index + 1, f"a.{step.index}"
    if template is None:
        text = (
            f"Action {number} is worded here, so it counts as service: about a visit or an enquiry the person made. "
            "For care or marketing, use a template with that purpose."
        )
        return [] if step.action.template else [Doubt(f"purpose_{step.index}", text, place=place)]  # type: ignore[attr-defined]
    if not template.is_active:
        return [
            Doubt(f"inactive_{step.index}", f"Action {number}: the template is switched off.", True, place)
        ]
    if template.purpose == Purpose.MARKETING and not _asks_consent(rule.conditions, step.conditions):
        text = (
            f"Action {number} is marketing, and the rule does not ask for consent: "
            "whoever did not grant it is passed over."
        )
        return [Doubt(f"consent_{step.index}", text, place=place)]
    return []


def _asks_consent(*nodes: Node) -> bool:
    names = {leaf.field for node in nodes for leaf in leaves(node)}
    return bool(names & {"consent.marketing", "consent.email_marketing"})
