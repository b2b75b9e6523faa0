"""What changes tasks. Doors, rules and handlers all come through here.

The services that take lists live in `tasks.sets`; each costs a constant number of queries however long its list.
What a person does to a task that a colleague holds is refused; rules and the clock are not asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from accounts import access
from accounts.models import Location, User
from contacts import locks as contact_locks
from core import clock
from core.causes import Cause
from core.errors import Conflict, Invalid
from core.events import NewEvent, record
from tasks import calls, events, priority
from tasks.assignment import AssignBy, AssignWish, choose_assignees
from tasks.calls import log_call
from tasks.changes import TaskChange, change_open_tasks
from tasks.models import Task
from tasks.sets import (
    CancelTasks,
    NewTask,
    TaskResult,
    cancel_tasks,
    cancel_tasks_many,
    create_tasks,
    event_of,
)

__all__ = [
    "AssignBy", "AssignWish", "CancelTasks", "NewTask", "TaskChange", "TaskResult", "Was", "add_note", "assign_task",
    "cancel_task", "cancel_tasks", "cancel_tasks_many", "change_open_tasks", "check_free", "choose_assignees",
    "claim_task", "complete_task", "create_tasks", "hold_task", "log_call", "release_task", "reopen_task",
    "restore_task", "snooze_task", "start_task", "try_again", "update_task", "works_at",
]  # fmt: skip

CLAIM_LASTS = timedelta(minutes=10)

MOST_ATTEMPTS = 5
"""After so many calls without an answer a task is completed, not tried again."""


def _locked(task_id: int) -> Task:
    """The task under lock, its contact's row locked first."""
    contact_id = Task.objects.values_list("contact_id", flat=True).get(pk=task_id)
    contact_locks.lock_those_there([contact_id])
    return Task.objects.select_for_update(no_key=True, of=("self",)).get(pk=task_id)


@transaction.atomic
def complete_task(task_id: int, *, cause: Cause, outcome: str = "", notes: str = "") -> Task:
    """Close a task as done. A call must say how it went, and is logged as a touchpoint.

    Raises Invalid for an outcome missing or unknown, Conflict when the task is closed already or a colleague holds it.
    """
    task = _locked(task_id)
    _refuse_when_closed(task)
    _refuse_colleague(task, cause)
    if outcome not in Task.Outcome.values:
        raise Invalid(
            f"{outcome!r} is not an outcome. Use one of: {', '.join(v for v in Task.Outcome.values if v)}.",
            code="unknown_outcome",
            fields={"outcome": "unknown"},
        )
    if task.type in Task.CALL_TYPES and not outcome:
        raise Invalid(
            "Say how the call went: connected, voicemail, no_answer or wrong_number.",
            code="outcome_required",
            fields={"outcome": "required for a call"},
        )
    task.status, task.outcome, task.completed_at = Task.Status.COMPLETED, outcome, clock.now()
    if notes:
        task.notes = f"{task.notes}\n{notes}".strip()
    task.claimed_by = task.claimed_until = None
    task.save(cause=cause)
    if task.contact_id is not None and outcome in calls.OUTCOMES:
        calls.record_call(
            task.contact_id, outcome=outcome, cause=cause, details={"task": str(task.public_id)}
        )
    _record(event_of(events.TASK_COMPLETED, task, cause, type=task.type, outcome=outcome))
    return task


@transaction.atomic
def try_again(task_id: int, *, outcome: str, at: datetime, cause: Cause, notes: str = "") -> Task:
    """Nobody was reached: log the call and keep the task open for another attempt then (aware, in the future).

    Raises Invalid for another outcome than voicemail and no_answer, Conflict after MOST_ATTEMPTS of them.
    """
    task = _locked(task_id)
    _refuse_when_closed(task)
    _refuse_colleague(task, cause)
    if task.type not in Task.CALL_TYPES or outcome not in calls.UNREACHED or task.contact_id is None:
        raise Invalid(
            "Only a call that reached nobody (voicemail or no_answer) is tried again.",
            code="nothing_to_try_again", fields={"outcome": "voicemail or no_answer"},
        )  # fmt: skip
    if at <= clock.now():
        raise Invalid(
            "Try again at a moment in the future.", code="in_the_past", fields={"at": "in the past"}
        )
    if task.attempts + 1 >= MOST_ATTEMPTS:
        raise Conflict(
            f"This would be call {task.attempts + 2}; after {MOST_ATTEMPTS} the task is completed instead.",
            code="too_many_attempts",
        )
    task.attempts += 1
    # What is tried again later today would stand in the way until then.
    sleeps = at < priority.day_end(clock.now(), task.location.zone)
    task.due_datetime, task.status, task.snoozed_until = at, Task.Status.TODO, at if sleeps else None
    task.claimed_by = task.claimed_until = None
    if notes:
        task.notes = f"{task.notes}\n{notes}".strip()
    task.save(cause=cause)
    calls.record_call(task.contact_id, outcome=outcome, cause=cause, details={"task": str(task.public_id)})
    return task


def _record(new: NewEvent) -> None:
    record(
        new.type, cause=new.cause, location_id=new.location_id, contact_id=new.contact_id,
        booking_id=new.booking_id, data=new.data, source=new.source,
    )  # fmt: skip


@transaction.atomic
def cancel_task(task_id: int, *, reason: str, cause: Cause) -> Task:
    """Close a task undone, with a reason. Conflict when it is closed already."""
    if not reason.strip():
        raise Invalid("Say why the task is cancelled.", code="reason_required", fields={"reason": "required"})
    task = _locked(task_id)
    _refuse_when_closed(task)
    task.status, task.closed_reason = Task.Status.CANCELLED, reason.strip()[:120]
    task.claimed_by = task.claimed_until = None
    task.save(cause=cause)
    _record(event_of(events.TASK_CANCELLED, task, cause, type=task.type, reason=task.closed_reason))
    return task


@transaction.atomic
def start_task(task_id: int, *, user: User) -> Task:
    """Begin a task: it is in progress and claimed by this person."""
    task = _locked(task_id)
    _refuse_when_anothers(task, user)
    _refuse_when_closed(task)
    task.status = Task.Status.IN_PROGRESS
    return _claim(task, user)


@transaction.atomic
def claim_task(task_id: int, *, user: User) -> Task:
    """Reserve a task for ten minutes, so that two people do not call one patient. Conflict when another has it."""
    task = _locked(task_id)
    _refuse_when_anothers(task, user)
    _refuse_when_closed(task)
    return _claim(task, user)


@transaction.atomic
def release_task(task_id: int, *, user: User) -> Task:
    """Give back a task one has claimed or begun; whoever comes first may take it. Conflict when another has it."""
    task = _locked(task_id)
    _refuse_when_anothers(task, user)
    _refuse_when_closed(task)
    task.claimed_by = task.claimed_until = None
    task.status = Task.Status.TODO
    task.save(cause=Cause.user(user.pk))
    return task


def _claim(task: Task, user: User) -> Task:
    task.claimed_by, task.claimed_until = user, clock.now() + CLAIM_LASTS
    task.save(cause=Cause.user(user.pk))
    return task


def check_free(task: Task, cause: Cause) -> None:
    """Raise Conflict for a task that is closed, or that another person than the cause holds."""
    _refuse_when_closed(task)
    _refuse_colleague(task, cause)


@transaction.atomic
def hold_task(task_id: int, *, user: User) -> Task:
    """Lock an open task, its contact first, for what this person does about it until the transaction ends.

    Raises Conflict when it is closed or a colleague holds it.
    """
    task = _locked(task_id)
    _refuse_when_closed(task)
    _refuse_when_anothers(task, user)
    return task


def _refuse_when_anothers(task: Task, user: User) -> None:
    _refuse_colleague(task, Cause.user(user.pk))


def _refuse_colleague(task: Task, cause: Cause) -> None:
    """Refuse what a person does to a task that another one holds."""
    if cause.kind != "user" or task.claimed_by_id is None or cause.id == str(task.claimed_by_id):
        return
    until = task.claimed_until
    if until is None or until <= clock.now():
        return
    who = (task.claimed_by and task.claimed_by.name) or "A colleague"
    raise Conflict(
        f"{who} is working on this task right now, until {task.location.local(until):%H:%M} at the latest.",
        code="claimed",
    )


def _refuse_when_closed(task: Task) -> None:
    if not task.is_open:
        raise Conflict(f"This task is {task.get_status_display().lower()} already.", code="closed")


@transaction.atomic
def snooze_task(task_id: int, *, until: datetime, cause: Cause) -> Task:
    """Hide a task from the queue until then (aware, in the future)."""
    if until <= clock.now():
        raise Invalid(
            "Snooze until a moment in the future.", code="in_the_past", fields={"until": "in the past"}
        )
    task = _locked(task_id)
    _refuse_when_closed(task)
    _refuse_colleague(task, cause)
    task.snoozed_until = until
    task.claimed_by = task.claimed_until = None
    task.status = Task.Status.TODO
    task.save(cause=cause)
    return task


@transaction.atomic
def add_note(task_id: int, *, text: str, cause: Cause) -> Task:
    """Write something down on an open task. Raises Invalid for nothing."""
    if not text.strip():
        raise Invalid("Write something first.", code="empty_note", fields={"notes": "required"})
    task = _locked(task_id)
    _refuse_when_closed(task)
    task.notes = f"{task.notes}\n{text.strip()}".strip()
    task.save(cause=cause)
    return task


@transaction.atomic
def assign_task(task_id: int, *, to: User | None, cause: Cause) -> Task:
    """Give a task to a colleague who works at its location, or to nobody."""
    task = _locked(task_id)
    _refuse_when_closed(task)
    if to is not None and not works_at(to, task.location):
        raise Invalid(
            "That person does not work at this location.",
            code="not_at_location",
            fields={"assigned_to": "elsewhere"},
        )
    task.assigned_to, task.assignment_note = to, ""
    task.save(cause=cause)
    return task


@dataclass(frozen=True, slots=True)
class Was:
    """What a task was before somebody did something to it. Times are aware."""

    status: str
    due: datetime
    snoozed_until: datetime | None
    attempts: int
    outcome: str
    assigned_to_id: int | None


@transaction.atomic
def restore_task(task_id: int, *, was: Was, cause: Cause) -> Task:
    """Put a task back to what it was: open again, awake, due or given as before. Its notes and logged calls stay.

    Raises Conflict when another task of its kind has been opened for the same visit or person meanwhile.
    """
    task = _locked(task_id)
    reopened = not task.is_open and was.status in Task.OPEN
    if reopened:
        twins = Task.objects.filter(type=task.type, status__in=Task.OPEN).exclude(pk=task.pk)
        about: dict[str, Any] = {"booking_id": task.booking_id}
        if task.booking_id is None:
            about["contact_id"] = task.contact_id
        if task.contact_id is not None and twins.filter(**about).exists():
            raise Conflict("Such a task is open again already.", code="open_twin")
    # Whoever was on it is not on it any more.
    task.status = Task.Status.TODO if was.status in Task.OPEN else was.status
    task.due_datetime, task.snoozed_until, task.attempts = was.due, was.snoozed_until, was.attempts
    task.outcome, task.assigned_to_id = was.outcome, was.assigned_to_id
    task.completed_at = task.completed_at if task.status == Task.Status.COMPLETED else None
    task.claimed_by = task.claimed_until = None
    if reopened:
        task.closed_reason = ""
    task.save(cause=cause)
    if reopened:
        _record(event_of(events.TASK_REOPENED, task, cause, type=task.type))
    return task


@transaction.atomic
def reopen_task(task_id: int, *, cause: Cause) -> Task:
    """Open a closed task again, as it was due and given. Raises Conflict for one that is open, or has an open twin."""
    task = _locked(task_id)
    if task.is_open:
        raise Conflict("It is open already.", code="open")
    was = Was(Task.Status.TODO, task.due_datetime, None, task.attempts, "", task.assigned_to_id)
    return restore_task(task_id, was=was, cause=cause)


@transaction.atomic
def update_task(task_id: int, *, cause: Cause, **fields: Any) -> Task:
    """Edit the due time, the notes or whose it is; other fields are moved by their own services."""
    task = _locked(task_id)
    _refuse_when_closed(task)
    if "assigned_to" in fields:
        assign_task(task_id, to=fields["assigned_to"], cause=cause)
        task.refresh_from_db()
    task.due_datetime = fields.get("due_datetime", task.due_datetime)
    task.notes = fields.get("notes", task.notes)
    task.save(cause=cause)
    return task


def works_at(user: User, location: Location) -> bool:
    """Whether an active person may work on this location's tasks."""
    return user.is_active and access.allowed(user, "update", "tasks", location)
