"""What is measured: the pages of the desk, the lists with filters and searches, rows with much behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.db.models import Count
from django.urls import reverse

from accounts import access, desk_actions
from accounts.models import DeskAction, Location, User
from automation.models import Rule
from benchmarks.measuring import Ask
from bookings.models import Booking
from contacts import desk_kinds
from contacts.models import Contact
from core import clock
from messaging.models import Conversation, Template
from tasks.models import Task
from tests.browser.looks import PAGES

LISTS = (
    "contacts_contact", "contacts_touchpoint", "contacts_consent", "contacts_stagechange", "bookings_booking",
    "tasks_task", "messaging_message", "messaging_conversation", "messaging_template", "automation_rule",
    "automation_rulerun", "automation_actionrun", "core_event", "core_work", "core_auditentry",
    "integrations_receipt", "accounts_user",
)  # fmt: skip
#: A list narrowed, searched, sorted, and turned to a late page.
NARROWED = {
    "contacts_contact": (
        "?warmness=hot", "?place=lead_to_booking/contacted", "?source__exact=wix", "?p=200", "?o=3", "?hidden=yes",
        "?q=nguyen", "?q=wiliams", "?q=sarah+jones", "?q=0412+345", "?q=olivia", "?q=a", "?q=zzzz", "?location=sydney",
        "?recall_due_date_from=2026-01-01",
    ),
    "bookings_booking": ("?q=nguyen", "?p=200", "?status__exact=cancelled", "?location=brisbane"),
    "tasks_task": ("?q=nguyen", "?status__exact=completed", "?p=200"),
    "messaging_message": ("?q=nguyen", "?q=0412345", "?status__exact=failed", "?p=200"),
    "messaging_conversation": ("?q=nguyen", "?p=200"),
    "automation_rulerun": ("?state__exact=stopped", "?p=200"),
    "core_event": ("?p=200",),
}  # fmt: skip
#: What is typed into the search over everything.
SEARCHED = ("nguyen", "0412345", "wiliams", "zzzz")


def asks(user: User) -> list[Ask]:
    """Everything this person is measured on."""
    firsts = _busiest(user)
    found = [Ask(name, pattern.format(**firsts)) for name, pattern in PAGES.items()]
    known = {ask.url for ask in found}
    for name in LISTS:
        url = reverse(f"admin:{name}_changelist")
        found += [Ask(name, url)] if url not in known else []
        found += [Ask(f"  {query}", url + query) for query in NARROWED.get(name, ())]
    found += [Ask(f"  find {text}", PAGES["find"], live=True, data={"q": text}) for text in SEARCHED]
    return found


def _busiest(user: User) -> dict[str, Any]:
    """Rows with more behind them than nearly all others of their kind."""

    def of(model: Any, order: Callable[[Any], Any]) -> Any:
        return order(access.visible(model, user)).values_list("public_id", flat=True).first()

    contact = (
        access.visible(Contact, user)
        .filter(deleted_at=None)
        .order_by("pk")[:40]
        .annotate(n=Count("touchpoints"))
    )
    busiest = max(contact, key=lambda row: row.n)
    talk = access.visible(Conversation, user).filter(contact__pk__lt=busiest.pk + 200).order_by("pk")
    return {
        "contact": busiest.public_id,
        "booking": of(
            Booking,
            lambda rows: rows.filter(appointment_datetime__gt=clock.now()).order_by("appointment_datetime"),
        ),
        "conversation": talk.values_list("public_id", flat=True).first(),
        "template": of(Template, lambda rows: rows.order_by("pk")),
        "rule": of(Rule, lambda rows: rows.order_by("pk")),
        "task": of(Task, lambda rows: rows.filter(status="todo").order_by("pk")),
        "action": _action(user).public_id,
    }


def _action(user: User) -> DeskAction:
    """What this person did to many contacts at once; done now where they never did."""
    done = access.visible(DeskAction, user).filter(user=user).first()
    if done is not None:
        return done
    place = Location.objects.get(code="sydney")
    theirs = access.visible(Contact, user).filter(location=place, deleted_at=None).order_by("-pk")
    return desk_actions.start(
        desk_kinds.ASSIGN_OWNER, location=place, user=user, parameters={"owner": None}, reason="Measured",
        items=theirs.values_list("pk", flat=True)[: desk_actions.INLINE],
    )  # fmt: skip
