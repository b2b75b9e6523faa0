"""Tasks on the contact's page and in the contact's API detail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.urls import reverse
from django.utils.http import urlencode

from accounts import access
from accounts.models import User
from contacts import panels, timeline
from contacts.models import Contact
from contacts.panels import Act
from contacts.timeline import Told
from core import clock
from core.models import Event
from tasks import calls, queue
from tasks.models import Task

SHOWN = 10
CALL_OUTCOMES = [(str(outcome), outcome.label) for outcome in calls.OUTCOMES]
IN_DETAIL = 50


def connect() -> None:
    """Join the contact's page and detail."""
    panels.register_panel(
        "tasks", "Tasks", 30, template="tasks/panel.html", context=_panel, aside=True, lazy=True,
        resource="tasks",
    )  # fmt: skip
    panels.acts.register(
        "call",
        Act(
            "Call and log",
            20,
            "c",
            "contacts",
            "update",
            template="tasks/acts/log_call.html",
            context=_outcomes,
        ),
    )
    panels.acts.register("task", Act("Task", 50, "a", "tasks", "create", link=_new_task))
    panels.register_detail("tasks", _detail)
    timeline.events.register("task", timeline.Events("Tasks", TOLD, _told, "tasks"))


#: What stands in a timeline. That a task is overdue is said by the queue.
TOLD = ("task_created", "task_completed", "task_cancelled")


def _told(events: Sequence[Event]) -> dict[int, Told]:
    return {event.pk: _in_words(event) for event in events}


def _in_words(event: Event) -> Told:
    data = event.data
    words = {"task_created": "Task", "task_completed": "Task done", "task_cancelled": "Task closed"}[
        event.type
    ]
    kind = dict(Task.Type.choices).get(data["type"], data["type"])
    outcome = data.get("outcome", "")
    note = dict(Task.Outcome.choices).get(outcome, "") if outcome else ""
    link = reverse("admin:tasks_task_change", args=(data["task"],))
    return Told(f"{words}: {str(kind).lower()}", str(note).lower(), link)


def _outcomes(contact: Contact) -> dict[str, Any]:
    return {"outcomes": CALL_OUTCOMES}


def _new_task(contact: Contact) -> str:
    back = reverse("admin:contacts_contact_change", args=(contact.public_id,))
    query = urlencode({"contact": str(contact.pk), "location": str(contact.location_id), "next": back})
    return f"{reverse('admin:tasks_task_add')}?{query}"


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
    return {"rows": rows}


def _detail(contact: Contact, user: User) -> Any:
    from tasks.api import TaskSerializer

    return TaskSerializer(_tasks(contact, user, IN_DETAIL), many=True).data
