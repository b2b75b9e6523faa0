"""Where automation speaks to people: the log of an event, the contact's page, the start page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import F, QuerySet
from django.urls import reverse

from accounts.models import User
from automation import selectors, why_panel
from automation.models import RuleRun
from contacts import panels, timeline
from contacts.models import Contact
from contacts.timeline import Moment, Source
from core.explain import explainers
from core.models import Event
from tasks import home


def of_event(event: Event) -> list[str]:
    """A line for each run of the event and for each of its steps."""
    lines = []
    for run in selectors.runs().filter(event_id=event.pk).order_by("pk"):
        lines.append(f"{run.rule.key} version {run.version.number}: {run.state}. {run.reason}")
        lines += [f"  {row.step + 1}. {row.type}: {row.state}. {row.reason}" for row in run.actions.all()]
    return lines


def _rows(contact: Contact) -> QuerySet[RuleRun]:
    """What rules did, or would have done; that one did not run is told by "why not"."""
    runs = RuleRun.objects.filter(contact=contact).exclude(state=RuleRun.State.NOT_MATCHED)
    return runs.select_related("rule").annotate(at=F("created_at"))


def _in_words(run: RuleRun) -> Moment:
    link = reverse("admin:automation_rulerun_change", args=(run.public_id,))
    note = run.get_state_display()
    return Moment("rule", run.pk, run.created_at, run.state, f"Rule: {run.rule.name}", "rule_run", str(run.pk),
                  note=note, link=link)  # fmt: skip


def notices(user: User, now: datetime) -> dict[str, Any] | None:
    """The card of the start page: what rules told the staff; None on a quiet day."""
    told = selectors.notices(user, now)
    return {"notices": told} if told else None


def connect() -> None:
    """Called when the app is ready."""
    home.cards.register("notices", home.Card(20, "automation/notices_card.html", notices))
    explainers.register("automation", of_event)
    panels.register_panel(
        "why", "Why? / Why not?", 70, template="automation/why_panel.html", asked=why_panel.for_contact,
        lazy=True, closed=True, resource="settings",
    )  # fmt: skip
    timeline.sources.register("rule", Source("Rules", 5, _rows, _in_words, "settings"))
