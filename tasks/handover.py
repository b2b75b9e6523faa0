"""Tasks of somebody who left: they go to whom was named, else as the location gives out tasks, and say so.

An account that is closed, or no longer works at a location, loses its open tasks there and what it has claimed. The
event of the closing says who takes over; the tick finds whatever a race or a change of roles left behind. An account
that is opened again does not take anything back.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import Q

from accounts import events as account_events
from accounts.models import User
from contacts import locks as contact_locks
from core import clock, events, work
from core.causes import Cause
from core.events import record_many
from core.models import Work
from tasks import assignment
from tasks.events import TASK_UPDATED
from tasks.models import Task
from tasks.sets import event_of

BATCH = 200
MOST_BATCHES = 50


@work.handler("tasks.hand_over")
def hand_over_leavers(items: list[Work]) -> None:
    """Somebody's account was closed: hand over what is theirs."""
    for item in items:
        if item.event is not None:
            hand_over_all(item.event.data["user"])


def tick() -> int:
    """Hand over the open tasks of everybody who may no longer work where they are. Returns how many."""
    held = Task.objects.filter(status__in=Task.OPEN)
    pairs = {
        *held.filter(assigned_to__isnull=False).values_list("assigned_to", "location_id").distinct(),
        *held.filter(claimed_by__isnull=False).values_list("claimed_by", "location_id").distinct(),
    }
    at = assignment.workers({location_id for _, location_id in pairs}) if pairs else {}
    gone = {user_id for user_id, location_id in pairs if user_id not in at[location_id]}
    return sum(hand_over_all(user_id) for user_id in sorted(gone))


def hand_over_all(user_id: int) -> int:
    """Hand over a person's open tasks in every location where they may not work now. Returns how many."""
    user = User.objects.get(pk=user_id)
    places = set(
        Task.objects.filter(_held_by(user), status__in=Task.OPEN).values_list("location_id", flat=True)
    )
    gone = (
        {pk for pk, people in assignment.workers(places).items() if user_id not in people}
        if places
        else set()
    )
    left = None if user.is_active else account_events.last_hand_over(user_id)
    to = User.objects.filter(pk=left.data["hand_over_to"], is_active=True).first() if left else None
    done = 0
    for _ in range(MOST_BATCHES):
        moved = hand_over_tasks(
            user, location_ids=gone, to=to, cause=left.cause if left else Cause.clock("tasks.hand_over"),
            said=f"{user} has left." if left else f"{user} no longer works here.",
        )  # fmt: skip
        done += moved
        if moved < BATCH:
            break
    return done


@transaction.atomic
def hand_over_tasks(
    user: User, *, location_ids: Collection[int], cause: Cause, said: str, to: User | None = None,
    by_policy: bool = True,
) -> int:  # fmt: skip
    """Take at most BATCH open tasks from a person, claims included. Returns how many.

    They go to `to` where that person may work, else as the location gives out tasks (`by_policy`), else to nobody.
    `said` begins the note that staff see on each.
    """
    tasks = _locked(user, location_ids)
    at = assignment.workers({task.location_id for task in tasks}) if to is not None else {}
    theirs = [task for task in tasks if task.assigned_to_id == user.pk]
    for task in tasks:
        if task.claimed_by_id == user.pk:
            # They were in the middle of it: it is to be begun again.
            task.claimed_by_id = task.claimed_until = None
            task.status = Task.Status.TODO
        task.updated_at = clock.now()
    for task in theirs:
        takes = to is not None and to.pk in at[task.location_id]
        task.assigned_to_id = to.pk if to is not None and takes else None
        task.assignment_note = f"{said} Handed over to {to}." if takes else said
    nobodys = [task for task in theirs if task.assigned_to_id is None]
    if by_policy:
        assignment.give_new([(task, None) for task in nobodys], without={user.pk})
    for task in nobodys:
        if task.assignment_note == said:
            task.assignment_note = f"{said} Whoever comes first takes it."
        task.assignment_note = task.assignment_note[: assignment.NOTE_LENGTH]
    Task.objects.bulk_update(
        tasks, ["assigned_to", "assignment_note", "claimed_by", "claimed_until", "status", "updated_at"]
    )
    record_many(
        [event_of(TASK_UPDATED, task, cause, fields=["assigned_to_id", "claimed_by_id"]) for task in tasks]
    )
    return len(tasks)


def _held_by(user: User) -> Q:
    return Q(assigned_to=user) | Q(claimed_by=user)


def _locked(user: User, location_ids: Collection[int]) -> Sequence[Task]:
    """Open tasks of a person there, locked after their contacts as everywhere."""
    held = Task.objects.filter(_held_by(user), status__in=Task.OPEN, location_id__in=location_ids)
    wanted = dict(held.order_by("pk").values_list("pk", "contact_id")[:BATCH])
    contact_locks.lock_those_there(wanted.values())
    return list(held.filter(pk__in=wanted).select_for_update(no_key=True, of=("self",)).order_by("pk"))


def connect() -> None:
    """Subscribe; called once the apps are ready."""
    events.subscribe(("user_deactivated",), handler="tasks.hand_over")
