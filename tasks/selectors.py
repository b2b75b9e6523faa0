"""What the task list is: whose, which state, when due."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from accounts import access
from accounts.models import User
from core.errors import Invalid
from tasks import queue
from tasks.models import Task


@dataclass(frozen=True)
class Wanted:
    """What a list asks for. `assigned_to` is "me" (mine or nobody's), "anyone", "nobody" (also "none") or a public
    id; `status` also "open", "any" and "snoozed".
    """

    assigned_to: str = "me"
    status: str = "todo"
    timeframe: str = "now"
    priority: str = ""
    type: str = ""
    contact: str = ""
    location: str = ""


def listed(user: User, wanted: Wanted, *, now: datetime) -> QuerySet[Task]:
    """The tasks a person asked for, in any timeframe. Invalid for a word the list does not know."""
    tasks = access.visible(Task, user).filter(_whose(user, wanted.assigned_to))
    if wanted.status == "open":
        tasks = tasks.filter(status__in=Task.OPEN)
    elif wanted.status == "snoozed":
        tasks = tasks.filter(status__in=Task.OPEN, snoozed_until__gt=now)
    elif wanted.status != "any":
        more = ("open", "snoozed", "any")
        tasks = tasks.filter(status=_known(wanted.status, Task.Status.values, "status", more))
    if wanted.status in ("todo", "open"):
        tasks = tasks.filter(queue.awake(now))
    if wanted.type:
        tasks = tasks.filter(type=_known(wanted.type, Task.Type.values, "type"))
    if wanted.contact:
        tasks = tasks.filter(contact__public_id=wanted.contact)
    if wanted.location:
        tasks = tasks.filter(location__public_id=wanted.location)
    if wanted.priority:
        tasks = _of_category(tasks, wanted.priority, user, now)
    return tasks


def _whose(user: User, assigned_to: str) -> Q:
    if assigned_to == "me":
        return queue.mine(user)
    if assigned_to == "anyone":
        return Q()
    if assigned_to in ("nobody", "none"):
        return Q(assigned_to__isnull=True)
    return Q(assigned_to__public_id=assigned_to)


def _of_category(tasks: QuerySet[Task], name: str, user: User, now: datetime) -> QuerySet[Task]:
    bounds = {"urgent": (150, 201), "high": (100, 150), "medium": (50, 100), "low": (0, 50)}
    least, below = bounds[_known(name.lower(), list(bounds), "priority")]
    ids = access.locations(user).values_list("pk", flat=True)
    scored = queue.with_score(tasks, as_of=now, own=queue.weights_by_location(ids))
    return scored.filter(score__gte=least, score__lt=below)  # type: ignore[misc]


def _known(value: str, choices: list[str], name: str, more: tuple[str, ...] = ()) -> str:
    if value not in choices:
        allowed = ", ".join([*choices, *more])
        raise Invalid(
            f"{value!r} is not a {name}. Use one of: {allowed}.",
            code=f"unknown_{name}",
            fields={name: f"Use one of: {allowed}."},
        )
    return value
