"""Tasks of two contacts that become one: of twins the survivor's stays, with what the other one asked for."""

from __future__ import annotations

from contacts import merging, unmerging
from contacts.merge_journal import values
from contacts.merging import Merge
from contacts.unmerging import Undo
from core.events import record_many
from tasks import events
from tasks.models import Task
from tasks.sets import event_of

MERGED = "Merged"
_FOLDED = (
    "priority_floor", "due_datetime", "notes", "urgency", "assigned_to", "status", "claimed_by", "claimed_until",
    "updated_at",
)  # fmt: skip

_CHANGED = (
    "priority_floor", "due_datetime", "notes", "urgency", "assigned_to_id", "status", "claimed_by_id", "claimed_until",
    "closed_reason",
)  # fmt: skip


def move(merge: Merge) -> int:
    """Give the survivor the other's tasks. An open one that has a twin there closes, and its twin takes it over."""
    open_ = list(
        Task.objects.filter(
            contact_id__in=[merge.keep.pk, merge.away.pk], booking__isnull=True, status__in=Task.OPEN
        )
        .select_for_update(no_key=True, of=("self",))
        .order_by("pk")
    )
    own = {task.type: task for task in open_ if task.contact_id == merge.keep.pk}
    twins = [task for task in open_ if task.contact_id == merge.away.pk and task.type in own]
    folded = [*twins, *(own[twin.type] for twin in twins)]
    before = {task.pk: values(task, _CHANGED) for task in folded}
    news = []
    for twin in twins:
        _fold(own[twin.type], twin, merge)
        twin.status, twin.closed_reason, twin.updated_at = Task.Status.CANCELLED, MERGED, merge.now
        twin.claimed_by_id = twin.claimed_until = None
        news.append(event_of(events.TASK_CANCELLED, twin, merge.cause, type=twin.type, reason=MERGED))
        fields = ["due_datetime", "notes", "priority_floor"]
        news.append(event_of(events.TASK_UPDATED, own[twin.type], merge.cause, fields=fields))
    for task in folded:
        merge.journal.changed(task, before[task.pk])
    Task.objects.bulk_update(twins, ["status", "closed_reason", "claimed_by", "claimed_until", "updated_at"])
    Task.objects.bulk_update([own[twin.type] for twin in twins], _FOLDED)
    moved = merge.repoint(Task.objects.filter(contact=merge.away), "contact_id")
    record_many(news)
    return moved


def _fold(task: Task, twin: Task, merge: Merge) -> None:
    task.priority_floor = max(task.priority_floor, twin.priority_floor)
    task.due_datetime = min(task.due_datetime, twin.due_datetime)
    if twin.notes and twin.notes not in task.notes:
        task.notes = f"{task.notes}\n{twin.notes}".strip()
    task.urgency = task.urgency or twin.urgency
    task.assigned_to_id = task.assigned_to_id or twin.assigned_to_id
    if task.claimed_by_id is None and twin.claimed_by_id is not None:
        # Whoever is working on it goes on working on it.
        task.status, task.claimed_by_id, task.claimed_until = (
            twin.status,
            twin.claimed_by_id,
            twin.claimed_until,
        )
    task.updated_at = merge.now


def tell_restored(undo: Undo) -> None:
    """A task that the merge had closed or changed is as it was before."""
    restored = undo.restored.rows.get("tasks.task", {})
    news = []
    for task in Task.objects.filter(pk__in=restored).order_by("pk"):
        names = [name.removesuffix("_id") for name in restored[task.pk]]
        news.append(event_of(events.TASK_UPDATED, task, undo.cause, fields=sorted(names)))
    record_many(news)


def connect() -> None:
    """Called when the app is ready."""
    unmerging.afterwards.register("tasks", tell_restored)
    merging.movers.register("tasks.task", move)
