"""What rules do with the desk's work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from automation.doing.base import Done, Order, State
from contacts import services as contact_services
from contacts.models import Contact
from tasks import services as task_services

NOBODY = "There is nobody to give it to."
NO_TASK = "No open task of that kind is there to change."


def create_tasks(orders: Sequence[Order]) -> list[Done]:
    owners = _owners([o.intent for o in orders])
    results = task_services.create_tasks(
        [
            task_services.NewTask(
                contact_id=o.intent.contact_id,
                booking_id=o.intent.booking_id,
                location_id=o.intent.location_id,
                type=o.intent.type,
                due_at=o.intent.due_at,
                priority=o.intent.priority,
                notes=o.intent.notes,
                assigned_to_id=owners.get(o.intent.contact_id) if o.intent.assign == "owner" else None,
                assign=_way(o.intent),
                cause=o.cause,
            )
            for o in orders
        ]
    )
    return [task_made(result) for result in results]


def task_made(result: task_services.TaskResult) -> Done:
    """How a wish for a task came out."""
    reason = "" if result.created else "An open task of this kind took the wish over."
    return Done(reason=reason, result={"task": str(result.task.public_id)})


def _way(intent: Any) -> task_services.AssignBy | None:
    if intent.assign in ("", "owner"):
        return None
    return task_services.AssignBy(intent.assign, email=intent.staff, skill=intent.skill)


def _owners(wishes: Sequence[Any]) -> dict[int, int | None]:
    asked = {wish.contact_id for wish in wishes if wish.assign == "owner" and wish.contact_id is not None}
    return dict(Contact.objects.filter(pk__in=asked).values_list("pk", "owner_id")) if asked else {}


def update_tasks(orders: Sequence[Order]) -> list[Done]:
    owners = _owners([o.intent for o in orders])
    chosen = _chosen(orders, [o.intent.assign for o in orders])
    counts = task_services.change_open_tasks(
        [
            task_services.TaskChange(
                contact_id=o.intent.contact_id,
                types=o.intent.types,
                due_at=o.intent.due_at,
                priority=o.intent.priority,
                note=o.intent.notes,
                assigned_to_id=owners.get(o.intent.contact_id)
                if o.intent.assign == "owner"
                else chosen[index],
                cause=o.cause,
            )
            for index, o in enumerate(orders)
        ]
    )
    return [
        Done(result={"changed": count}) if count else Done(State.SKIPPED, NO_TASK, {"changed": 0})
        for count in counts
    ]


def assign_contacts(orders: Sequence[Order]) -> list[Done]:
    """The contact gets an owner, and the owner its open tasks that were nobody's."""
    chosen = _chosen(orders, [o.intent.how for o in orders])
    given = [(o, user_id) for o, user_id in zip(orders, chosen, strict=True) if user_id is not None]
    if given:
        contact_services.update_contacts(
            [
                contact_services.ContactUpdate(o.intent.contact_id, {"owner_id": user_id}, cause=o.cause)
                for o, user_id in given
            ]
        )
        task_services.change_open_tasks(
            [
                task_services.TaskChange(
                    o.intent.contact_id, o.cause, assigned_to_id=user_id, only_unassigned=True
                )
                for o, user_id in given
            ]
        )
    return [Done(State.SKIPPED, NOBODY) if user_id is None else Done() for user_id in chosen]


def _chosen(orders: Sequence[Order], hows: Sequence[str]) -> list[int | None]:
    """The person for each order that asks for one; the same contact's orders are each a turn of their own."""
    asked = [i for i, how in enumerate(hows) if how not in ("", "owner")]
    wishes = [
        task_services.AssignWish(
            orders[i].intent.location_id,
            hows[i],
            email=orders[i].intent.staff,
            skill=orders[i].intent.skill,
        )
        for i in asked
    ]
    found = dict(zip(asked, task_services.choose_assignees(wishes), strict=True))
    return [found.get(i) for i in range(len(orders))]


def cancel_tasks(orders: Sequence[Order]) -> list[Done]:
    counts = task_services.cancel_tasks_many(
        [
            task_services.CancelTasks(
                reason=o.intent.reason,
                cause=o.cause,
                contact_id=o.intent.contact_id,
                booking_id=o.intent.booking_id,
                types=o.intent.types,
            )
            for o in orders
        ]
    )
    return [Done(result={"closed": count}) for count in counts]
