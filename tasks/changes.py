"""Changing open tasks of contacts as a set: a constant number of queries however many. See `tasks.services`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from contacts import services as contact_services
from core import clock
from core.causes import Cause
from core.events import record_many
from tasks import assignment, events, priority
from tasks.models import Task
from tasks.sets import event_of

_FIELDS = ("due_datetime", "priority_floor", "notes", "assigned_to_id")


@dataclass(frozen=True)
class TaskChange:
    """What is to change about a contact's open tasks; what is empty or None stays.

    All types when `types` is None. `note` is added to what a task says. With `only_unassigned` a task that
    somebody has stays theirs.
    """

    contact_id: int
    cause: Cause
    types: tuple[str, ...] | None = None
    due_at: datetime | None = None
    priority: str = ""
    note: str = ""
    assigned_to_id: int | None = None
    only_unassigned: bool = False


@transaction.atomic
def change_open_tasks(changes: Sequence[TaskChange]) -> list[int]:
    """Change open tasks of contacts. Returns how many tasks each change changed.

    Whoever may not work at a task's location is not given it. Raises Invalid for an unknown priority.
    """
    if not changes:
        return []
    contact_services.contacts_for_update(change.contact_id for change in changes)
    where = Q()
    for change in changes:
        where |= _matching(change)
    rows = (
        Task.objects.filter(where, status__in=Task.OPEN)
        .select_for_update(no_key=True, of=("self",))
        .order_by("pk")
    )
    tasks = list(rows)
    workers = assignment.workers({task.location_id for task in tasks}) if tasks else {}
    counts, news, changed = [0] * len(changes), [], {}
    for index, change in enumerate(changes):
        for task in tasks:
            fields = _apply(task, change, workers[task.location_id]) if _is_meant(task, change) else []
            if fields:
                counts[index] += 1
                changed[task.pk] = task
                news.append(event_of(events.TASK_UPDATED, task, change.cause, fields=fields))
    Task.objects.bulk_update(
        list(changed.values()),
        ["due_datetime", "priority_floor", "notes", "assigned_to", "overdue_told_at", "updated_at"],
    )
    record_many(news)
    return counts


def _matching(change: TaskChange) -> Q:
    where = Q(contact_id=change.contact_id)
    if change.types is not None:
        where &= Q(type__in=change.types)
    return where & Q(assigned_to__isnull=True) if change.only_unassigned else where


def _is_meant(task: Task, change: TaskChange) -> bool:
    return (
        task.contact_id == change.contact_id
        and (change.types is None or task.type in change.types)
        and not (change.only_unassigned and task.assigned_to_id is not None)
    )


def _apply(task: Task, change: TaskChange, workers: set[int]) -> list[str]:
    """Set what is wanted on the task; the names of the fields that changed."""
    before = [getattr(task, name) for name in _FIELDS]
    now = clock.now()
    if change.due_at is not None:
        task.due_datetime = change.due_at
        if change.due_at > now:
            task.overdue_told_at = None
    if change.priority:
        task.priority_floor = priority.floor_for(change.priority)
    if change.note and change.note not in task.notes:
        task.notes = f"{task.notes}\n{change.note}".strip()
    if change.assigned_to_id in workers:
        task.assigned_to_id = change.assigned_to_id
    changed = [
        name.removesuffix("_id")
        for name, old in zip(_FIELDS, before, strict=True)
        if getattr(task, name) != old
    ]
    if changed:
        task.updated_at = now
    return changed
