"""Where automation speaks to people: the log of an event, the contact's page, the start page."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts import access
from accounts.models import User
from automation import selectors
from contacts import panels
from contacts.models import Contact
from core.explain import explainers
from core.models import Event
from tasks import home

SHOWN = 12
SHOWN_PASSED_OVER = 8


def of_event(event: Event) -> list[str]:
    """A line for each run of the event and for each of its steps."""
    lines = []
    for run in selectors.runs().filter(event_id=event.pk).order_by("pk"):
        lines.append(f"{run.rule.key} version {run.version.number}: {run.state}. {run.reason}")
        lines += [f"  {row.step + 1}. {row.type}: {row.state}. {row.reason}" for row in run.actions.all()]
    return lines


def for_contact(contact: Contact, user: User) -> dict[str, Any] | None:
    """What the panel shows: what ran, and for each rule that is on why it would not run now."""
    if not access.allowed(user, "read", "settings", contact.location_id):
        return None
    return {
        "ran": selectors.why(contact, limit=SHOWN, did=True),
        "passed_over": selectors.why(contact, limit=SHOWN_PASSED_OVER, did=False),
        "previews": selectors.why_not(contact),
    }


def notices(user: User, now: datetime) -> dict[str, Any] | None:
    """The card of the start page: what rules told the staff; None on a quiet day."""
    told = selectors.notices(user, now)
    return {"notices": told} if told else None


def connect() -> None:
    """Called when the app is ready."""
    home.cards.register("notices", home.Card(20, "automation/notices_card.html", notices))
    explainers.register("automation", of_event)
    panels.register_panel(
        "why", "Why? / Why not?", 70, template="automation/why_panel.html", context=for_contact
    )
