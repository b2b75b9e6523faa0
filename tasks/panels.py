"""Tasks on the contact's page and in the contact's API detail."""

from __future__ import annotations

from typing import Any

from accounts import access
from accounts.models import User
from contacts import panels
from contacts.models import Contact
from core import clock
from tasks import calls, queue
from tasks.models import Task

SHOWN = 10
CALL_OUTCOMES = [(str(outcome), outcome.label) for outcome in calls.OUTCOMES]
IN_DETAIL = 50


def connect() -> None:
    """Join the contact's page and detail."""
    panels.register_panel("tasks", "Tasks", 20, template="tasks/panel.html", context=_panel, aside=True)
    panels.register_detail("tasks", _detail)


def _tasks(contact: Contact, user: User, most: int) -> list[Task]:
    found = access.visible(Task, user).filter(contact=contact)
    return list(found.select_related("contact", "booking", "assigned_to", "location").order_by("-pk")[:most])


def _panel(contact: Contact, user: User) -> dict[str, Any] | None:
    if not access.allowed(user, "read", "tasks", contact.location_id):
        return None
    own = queue.weights_by_location([contact.location_id])
    now = clock.now()
    rows = [
        {
            "task": task,
            "place": queue.explain(task, now=now, own=own),
            "due": contact.location.local(task.due_datetime),
        }
        for task in _tasks(contact, user, SHOWN)
    ]
    may_call = access.allowed(user, "update", "contacts", contact.location_id)
    return {"rows": rows, "may_call": may_call, "outcomes": CALL_OUTCOMES}


def _detail(contact: Contact, user: User) -> Any:
    from tasks.api import TaskSerializer

    return TaskSerializer(_tasks(contact, user, IN_DETAIL), many=True).data
