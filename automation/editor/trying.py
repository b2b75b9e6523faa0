"""A dry run of what stands in the form: what it would do for somebody now, or about a past event."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from accounts import access
from accounts.models import Location, User
from automation import facts, selectors, sentences
from automation.editor import reading
from automation.editor.checking import Checked
from automation.engine import RunPlan, Turn
from automation.models import Rule
from contacts import selectors as contact_selectors
from contacts.models import Contact
from core.errors import Invalid, NotFound
from core.models import Event

_TURNS = {Turn.DO: "Would", Turn.SKIP: "Would not", Turn.LATER: "Would, later,"}


@dataclass
class Tried:
    """What a dry run found. `verdicts` are by place of the form: whether the comparison held, and what was seen."""

    matched: bool
    about: str
    basis: str
    reason: str
    steps: list[dict[str, Any]]
    facts: dict[str, Any]
    verdicts: dict[str, dict[str, Any]] = field(default_factory=dict)
    contact: Contact | None = None


def attempt(checked: Checked, rule: Rule, user: User, *, term: str, event_id: str) -> Tried:
    """Decide about a contact (name, phone or e-mail) or an event (its id). Writes nothing, sends nothing.

    `rule` is the one being written; a new one need not be saved. Raises NotFound, or Invalid for a draft that cannot be
    read or when neither or both are given.
    """
    if checked.text is None:
        raise Invalid("The rule cannot be tried while it cannot be read: mend what is marked first.")
    if bool(term) == bool(event_id):
        raise Invalid("Give either a contact or an event.")
    rule = _as_written(rule, checked)
    contact = None
    if event_id:
        event = _event(event_id, rule.location, user)
        seen, about = selectors.preview_event(event, rule, checked.text), str(event)
    else:
        people = access.visible(Contact.objects.live().filter(location=rule.location), user)
        contact = (
            contact_selectors.find(people, term, locations=[rule.location]).select_related("location").first()
        )
        if contact is None:
            raise NotFound("No contact of this clinic was found by that.")
        seen, about = selectors.preview(contact, rule, checked.text), str(contact)
    return Tried(
        matched=seen.matched, about=about, basis=seen.basis, reason=seen.reason, contact=contact,
        steps=[
            {
                "turn": _TURNS[plan.turn], "does": sentences.describe(plan.step), "reason": plan.reason,
                "ok": plan.turn != Turn.SKIP,
            }
            for plan in seen.plan.steps
        ],
        facts=facts.stored(seen.subject.facts),
        verdicts=_verdicts(seen.plan, checked),
    )  # fmt: skip


def _as_written(rule: Rule, checked: Checked) -> Rule:
    """The rule as it would be with this wording, switched on; not saved."""
    wording = checked.wording
    return Rule(
        pk=rule.pk or 0, location=rule.location, trigger=wording["trigger"], every=wording["every"],
        anchor=wording["anchor"], name=wording["name"], key=wording["key"], is_active=True, is_shadow=rule.is_shadow,
    )  # fmt: skip


def _event(public_id: str, location: Location, user: User) -> Event:
    try:
        wanted = UUID(public_id.strip())
    except ValueError:
        raise Invalid("That is no id of an event: copy it from the event's page.") from None
    event = Event.objects.filter(public_id=wanted, location_id=location.pk).first()
    if event is None:
        raise NotFound("No event of this clinic has that id.")
    selectors.check_event(user, event)
    return event


def _verdicts(plan: RunPlan, checked: Checked) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    seen = [*plan.seen, *(reason for step in plan.steps for reason in step.seen)]
    for reason in seen:
        place = reading.place_of(reason.path, checked.places)
        saw = "not known" if reason.saw is None else reason.saw
        if isinstance(saw, bool):
            saw = "yes" if saw else "no"
        if isinstance(saw, list):
            saw = ", ".join(map(str, saw)) or "nothing"
        found[place] = {"ok": reason.ok, "saw": saw}
    for step in plan.steps:
        found[f"a.{step.step.index}"] = {"ok": step.turn != Turn.SKIP, "saw": step.reason}
    return found
