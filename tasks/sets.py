"""Making and closing tasks as sets: a constant number of queries however many. See `tasks.services`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q

from bookings.models import Booking
from contacts.models import Contact
from core import clock
from core.causes import Cause
from core.crashpoints import crashpoint, declare
from core.errors import Invalid
from core.events import NewEvent, record_many
from core.registry import Registry
from tasks import assignment, events, priority
from tasks.models import Task

declare("task.created")

#: By type of task: which of these tasks ask what only a person can answer. They stay when rules and goals close
#: others. Joined by apps above.
still_asking: Registry[Callable[[Sequence[Task]], set[int]]] = Registry("question of tasks")


@dataclass(frozen=True)
class NewTask:
    """A wish for a task. An open one of the same type and booking (or contact) takes the wish over.

    A new task goes to `assigned_to_id` if that person may work there, else to whom `assign` finds, else to whom the
    location's policy finds.
    """

    contact_id: int | None
    type: str
    due_at: datetime
    cause: Cause
    booking_id: int | None = None
    location_id: int | None = None
    priority: str = ""
    notes: str = ""
    assigned_to_id: int | None = None
    created_by: str = Task.CreatedBy.SYSTEM
    urgency: str = ""
    assign: assignment.AssignBy | None = None


@dataclass(frozen=True)
class TaskResult:
    """The task that stands for the wish, and whether it was made for it."""

    task: Task
    created: bool


@dataclass(frozen=True)
class CancelTasks:
    """Which open tasks to close, and why. A booking, a contact, or both; all types when `types` is None.

    `made_before` spares tasks made later: those that the very event which closes others may have asked for.
    `created_by` (of `Task.CreatedBy`) spares what the other made. What still asks a person stays, unless `even_asking`.
    """

    reason: str
    cause: Cause
    contact_id: int | None = None
    booking_id: int | None = None
    types: tuple[str, ...] | None = None
    made_before: datetime | None = None
    created_by: str = ""
    even_asking: bool = False


@transaction.atomic
def create_tasks(wishes: Sequence[NewTask]) -> list[TaskResult]:
    """Make the tasks wished for, or let an open twin take the wish over: higher floor, earlier due, note added."""
    if not wishes:
        return []
    for wish in wishes:
        _check(wish)
    contacts = _locked_contacts(wish.contact_id for wish in wishes)
    bookings = Booking.objects.in_bulk({w.booking_id for w in wishes if w.booking_id is not None})
    twins = {_key(task): task for task in _open_tasks(wishes)}
    made: dict[tuple[Any, ...], Task] = {}
    results: list[TaskResult] = []
    merged: dict[int, tuple[Task, Cause]] = {}
    for wish in wishes:
        key = (wish.type, "b", wish.booking_id) if wish.booking_id else (wish.type, "c", wish.contact_id)
        twin = twins.get(key) or made.get(key)
        if twin is not None and wish.contact_id is not None:
            if _merge(twin, wish) and twin.pk:
                merged[twin.pk] = (twin, wish.cause)
            results.append(TaskResult(twin, created=False))
            continue
        task = _new(wish, contacts.get(wish.contact_id or 0), bookings.get(wish.booking_id or 0))
        made[key if wish.contact_id is not None else (id(wish),)] = task
        results.append(TaskResult(task, created=True))
    fresh = [
        (result.task, wish.assign) for result, wish in zip(results, wishes, strict=True) if result.created
    ]
    assignment.give_new(fresh)
    Task.objects.bulk_create([task for task, _ in fresh])
    if merged:
        changed = [task for task, _ in merged.values()]
        Task.objects.bulk_update(
            changed, ["priority_floor", "due_datetime", "notes", "urgency", "updated_at"]
        )
    _tell_created(results, wishes, merged)
    crashpoint("task.created")
    return results


def _check(wish: NewTask) -> None:
    if wish.type not in Task.Type.values:
        raise Invalid(
            f"{wish.type!r} is not a type of task. Use one of: {', '.join(Task.Type.values)}.",
            code="unknown_task_type",
            fields={"type": "unknown"},
        )
    priority.floor_for(wish.priority)


def _locked_contacts(ids: Iterable[int | None]) -> dict[int, Contact]:
    wanted = sorted({pk for pk in ids if pk is not None})
    locked = Contact.objects.filter(pk__in=wanted).select_for_update(no_key=True, of=("self",)).order_by("pk")
    return {contact.pk: contact for contact in locked}


def _open_tasks(wishes: Sequence[NewTask]) -> list[Task]:
    bookings = [wish.booking_id for wish in wishes if wish.booking_id is not None]
    contacts = [wish.contact_id for wish in wishes if wish.booking_id is None and wish.contact_id is not None]
    where = Q(booking_id__in=bookings) | Q(booking__isnull=True, contact_id__in=contacts)
    return list(
        Task.objects.filter(where, status__in=Task.OPEN)
        .select_for_update(no_key=True, of=("self",))
        .order_by("pk")
    )


def _key(task: Task) -> tuple[str, str, int | None]:
    return (task.type, "b", task.booking_id) if task.booking_id else (task.type, "c", task.contact_id)


def _new(wish: NewTask, contact: Contact | None, booking: Booking | None) -> Task:
    location_id = wish.location_id or (contact.location_id if contact else None)
    if location_id is None:
        raise Invalid("A task needs a contact or a location.", code="no_location")
    return Task(
        location_id=location_id,
        contact=contact,
        booking=booking,
        type=wish.type,
        due_datetime=wish.due_at,
        urgency=wish.urgency or (booking.urgency_level if booking else ""),
        warmness=contact.warmness_score if contact else 0,
        priority_floor=priority.floor_for(wish.priority),
        notes=wish.notes,
        assigned_to_id=wish.assigned_to_id,
        created_by=wish.created_by,
        cause_kind=wish.cause.kind,
        cause_id=str(wish.cause.id),
    )


def _merge(task: Task, wish: NewTask) -> bool:
    """Let an open task take a wish over. True when that changed it."""
    floor = max(task.priority_floor, priority.floor_for(wish.priority))
    due = min(task.due_datetime, wish.due_at)
    notes = task.notes
    if wish.notes and wish.notes not in notes:
        notes = f"{notes}\n{wish.notes}".strip()
    changed = (floor, due, notes) != (task.priority_floor, task.due_datetime, task.notes)
    task.priority_floor, task.due_datetime, task.notes = floor, due, notes
    task.urgency = task.urgency or wish.urgency
    task.updated_at = clock.now()
    return changed


def _tell_created(
    results: Sequence[TaskResult], wishes: Sequence[NewTask], merged: dict[int, tuple[Task, Cause]]
) -> None:
    news = [
        event_of(events.TASK_CREATED, result.task, wish.cause, type=result.task.type)
        for result, wish in zip(results, wishes, strict=True)
        if result.created
    ]
    news += [
        event_of(events.TASK_UPDATED, task, cause, fields=["due_datetime", "notes", "priority_floor"])
        for task, cause in merged.values()
    ]
    record_many(news)


def event_of(type_: Any, task: Task, cause: Cause, **data: Any) -> NewEvent:
    return NewEvent(
        type=type_,
        cause=cause,
        location_id=task.location_id,
        contact_id=task.contact_id,
        booking_id=task.booking_id,
        data={"task": str(task.public_id), **data},
        source="user" if cause.kind == "user" else "system",
    )


def cancel_tasks(
    *, reason: str, cause: Cause, contact_id: int | None = None, booking_id: int | None = None,
    types: Iterable[str] | None = None,
) -> int:  # fmt: skip
    """Close the open tasks of a contact or booking. Returns how many."""
    wish = CancelTasks(reason, cause, contact_id, booking_id, None if types is None else tuple(types))
    return cancel_tasks_many([wish])[0]


@transaction.atomic
def cancel_tasks_many(wishes: Sequence[CancelTasks]) -> list[int]:
    """Close open tasks whose goal is met or moot, each with its reason. Returns the count for each wish."""
    if not wishes:
        return []
    where = Q()
    for wish in wishes:
        if wish.contact_id is None and wish.booking_id is None:
            raise Invalid("Say whose tasks to cancel: a contact or a booking.", code="no_subject")
        where |= _matching(wish)
    tasks = list(
        Task.objects.filter(where, status__in=Task.OPEN)
        .select_for_update(no_key=True, of=("self",))
        .order_by("pk")
    )
    meant = [(task, *next((i, w) for i, w in enumerate(wishes) if _is_meant(task, w))) for task in tasks]
    asking = _asking([task for task, _, wish in meant if not wish.even_asking])
    meant = [each for each in meant if each[0].pk not in asking]
    counts, now, news = [0] * len(wishes), clock.now(), []
    for task, index, wish in meant:
        task.status, task.closed_reason, task.updated_at = Task.Status.CANCELLED, wish.reason, now
        task.claimed_by_id = task.claimed_until = None
        counts[index] += 1
        news.append(event_of(events.TASK_CANCELLED, task, wish.cause, type=task.type, reason=wish.reason))
    closed = [task for task, _, _ in meant]
    Task.objects.bulk_update(closed, ["status", "closed_reason", "updated_at", "claimed_by", "claimed_until"])
    record_many(news)
    return counts


def _asking(tasks: Sequence[Task]) -> set[int]:
    found: set[int] = set()
    for type_, ask in still_asking.items():
        asked = [task for task in tasks if task.type == type_]
        found |= ask(asked) if asked else set()
    return found


def _matching(wish: CancelTasks) -> Q:
    where = Q()
    if wish.contact_id is not None:
        where &= Q(contact_id=wish.contact_id)
    if wish.booking_id is not None:
        where &= Q(booking_id=wish.booking_id)
    if wish.types is not None:
        where &= Q(type__in=wish.types)
    if wish.made_before is not None:
        where &= Q(created_at__lte=wish.made_before)
    if wish.created_by:
        where &= Q(created_by=wish.created_by)
    return where


def _is_meant(task: Task, wish: CancelTasks) -> bool:
    return (
        (wish.contact_id is None or task.contact_id == wish.contact_id)
        and (wish.booking_id is None or task.booking_id == wish.booking_id)
        and (wish.types is None or task.type in wish.types)
        and (wish.made_before is None or task.created_at <= wish.made_before)
        and (not wish.created_by or task.created_by == wish.created_by)
    )
