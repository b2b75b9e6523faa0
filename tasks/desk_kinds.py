"""What people do to tasks, one row or many, so that it can be undone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError

from accounts import roles
from accounts.desk_actions import Doing, Kind, back_one_by_one, kinds, one_by_one
from accounts.models import User
from bookings import services as booking_services
from contacts import locks as contact_locks
from core.errors import Conflict, DomainError, Invalid
from tasks import services
from tasks.models import Task
from tasks.row_parts import visit_of

COMPLETE, AGAIN, SNOOZE, ASSIGN = "tasks.complete", "tasks.again", "tasks.snooze", "tasks.assign"
CANCEL, OUTCOME = "tasks.cancel", "tasks.outcome"

_WORDS = dict(Task.Outcome.choices)
_STATE = ("status", "due_datetime", "snoozed_until", "attempts", "outcome", "assigned_to_id")


def read(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """What an undo puts back, by which it also sees whether somebody changed the task since."""
    rows = Task.objects.filter(pk__in=ids).values_list("pk", *_STATE)
    return {pk: dict(zip(_STATE, [_plain(value) for value in values], strict=True)) for pk, *values in rows}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _was(state: Mapping[str, Any]) -> services.Was:
    slept = state["snoozed_until"]
    return services.Was(
        status=state["status"], due=datetime.fromisoformat(state["due_datetime"]),
        snoozed_until=datetime.fromisoformat(slept) if slept else None, attempts=state["attempts"],
        outcome=state["outcome"], assigned_to_id=state["assigned_to_id"],
    )  # fmt: skip


def _lock(ids: Sequence[int]) -> None:
    contact_locks.lock_those_there(Task.objects.filter(pk__in=ids).values_list("contact_id", flat=True))
    list(Task.objects.filter(pk__in=ids).order_by("pk").select_for_update(no_key=True, of=("self",)))


def _contacts(ids: Sequence[int]) -> dict[int, int]:
    rows = Task.objects.filter(pk__in=ids, contact__isnull=False)
    return {
        pk: contact_id for pk, contact_id in rows.values_list("pk", "contact_id") if contact_id is not None
    }


def _complete(doing: Doing, pk: int) -> None:
    services.complete_task(pk, outcome=doing.parameters["outcome"], notes=doing.reason, cause=doing.cause)


def _cancel(doing: Doing, pk: int) -> None:
    services.cancel_task(pk, reason=doing.reason, cause=doing.cause)


def _again(doing: Doing, pk: int) -> None:
    at = datetime.fromisoformat(doing.parameters["at"])
    services.try_again(pk, outcome=doing.parameters["outcome"], at=at, notes=doing.reason, cause=doing.cause)


def _snooze(doing: Doing, pk: int) -> None:
    until = datetime.fromisoformat(doing.parameters["until"])
    services.snooze_task(pk, until=until, cause=doing.cause)


def _assign(doing: Doing, pk: int) -> None:
    services.assign_task(pk, to=_person(doing), cause=doing.cause)


def _person(doing: Doing) -> User | None:
    asked = doing.parameters.get("to")
    return User.objects.filter(pk=asked, is_active=True).first() if asked else None


def whom(asked: str) -> User | None:
    """The colleague with this public id, None for "" (nobody). Raises Invalid for one who is not there."""
    if not asked:
        return None
    try:
        return User.objects.get(public_id=asked, is_active=True)
    except (User.DoesNotExist, ValidationError):
        raise Invalid("There is no such colleague here.", fields={"to": "unknown"}) from None


def _restore(doing: Doing, pk: int, before: Mapping[str, Any]) -> None:
    services.restore_task(pk, was=_was(before), cause=doing.cause)


def _judge(doing: Doing, ids: Sequence[int]) -> dict[int, DomainError]:
    """Which of these tasks would refuse to be completed or put off."""
    refused: dict[int, DomainError] = {}
    for task in Task.objects.filter(pk__in=ids).select_related("claimed_by", "location"):
        try:
            services.check_free(task, doing.cause)
        except DomainError as refusal:
            refused[task.pk] = refusal
    return refused


def _judge_assign(doing: Doing, ids: Sequence[int]) -> dict[int, DomainError]:
    """Which of these tasks cannot be given to the person."""
    to = _person(doing)
    if to is not None and not services.works_at(to, doing.location):
        why = Invalid(f"{to} does not work at {doing.location}.", code="not_at_location")
        return dict.fromkeys(ids, why)
    return _closed(doing, ids)


def _closed(doing: Doing, ids: Sequence[int]) -> dict[int, DomainError]:
    """Which of these tasks are closed already."""
    closed = Task.objects.filter(pk__in=ids).exclude(status__in=Task.OPEN)
    return {
        task.pk: Conflict(f"It is {task.get_status_display().lower()} already.", code="closed")
        for task in closed
    }


def _title(task: Task) -> str:
    who = str(task.contact) if task.contact_id else "about nobody"
    return f"{task.get_type_display()}: {who}"


# What became of a visit


def _read_outcome(ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    found = read(ids)
    visits = Task.objects.filter(pk__in=ids).values_list("pk", "booking__outcome")
    return {pk: {**found[pk], "visit": outcome} for pk, outcome in visits if pk in found}


def _outcome(doing: Doing, pk: int) -> None:
    task = services.hold_task(pk, user=doing.user)
    # The visit first: its task closes by itself too, once the event is read.
    booking_services.record_outcome(
        booking_id=visit_of(task).pk, outcome=doing.parameters["outcome"], cause=doing.cause
    )
    services.complete_task(pk, outcome=Task.Outcome.SUCCESS, notes=doing.reason, cause=doing.cause)


def _take_outcome_back(doing: Doing, pk: int, before: Mapping[str, Any]) -> None:
    task = Task.objects.get(pk=pk)
    booking_services.record_outcome(
        booking_id=task.booking_id or 0, outcome=before["visit"], cause=doing.cause
    )
    services.restore_task(pk, was=_was(before), cause=doing.cause)


_OUTCOMES = {"attended": "attended", "no_show": "did not attend"}


def _of_tasks(
    act: Callable[[Doing, int], object], label: str, said: Callable[[Mapping[str, Any]], str], **more: Any
) -> Kind:
    how: dict[str, Any] = {
        "read": read, "run": one_by_one(act), "undo": back_one_by_one(_restore), "judge": _judge, **more,
    }  # fmt: skip
    return Kind(
        label=label, resource="tasks", model="tasks.Task", lock=_lock, contacts=_contacts, said=said, title=_title,
        related=("contact", "location"), gate=roles.UPDATE, **how,
    )  # fmt: skip


def connect() -> None:
    """Register the kinds; called when the app is ready."""
    kinds.register(
        COMPLETE,
        _of_tasks(_complete, "Complete tasks", lambda p: f"Tasks completed: {_WORDS.get(p['outcome'], '')}"),
    )
    kinds.register(CANCEL, _of_tasks(_cancel, "Cancel tasks", lambda p: "Tasks cancelled", judge=_closed))
    kinds.register(AGAIN, _of_tasks(_again, "Try a call again", lambda p: "Call put off: nobody answered"))
    kinds.register(SNOOZE, _of_tasks(_snooze, "Snooze tasks", lambda p: "Tasks snoozed"))
    given = _of_tasks(
        _assign,
        "Give tasks to somebody",
        lambda p: f"Tasks given to {p.get('name') or 'nobody'}",
        judge=_judge_assign,
    )
    kinds.register(ASSIGN, given)
    kinds.register(
        OUTCOME,
        _of_tasks(
            _outcome, "Record outcomes", lambda p: f"Outcome: {_OUTCOMES.get(p['outcome'], '')}",
            read=_read_outcome, undo=back_one_by_one(_take_outcome_back), judge=None,
        ),
    )  # fmt: skip
