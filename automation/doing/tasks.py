"""What rules do with the desk's work."""

from __future__ import annotations

from collections.abc import Sequence

from automation import intents
from automation.doing.base import Done, Order
from contacts.models import Contact
from tasks import services as task_services


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
                cause=o.cause,
            )
            for o in orders
        ]
    )
    return [task_made(result) for result in results]


def task_made(result: task_services.TaskResult) -> Done:
    reason = "" if result.created else "An open task of this kind took the wish over."
    return Done(reason=reason, result={"task": str(result.task.public_id)})


def _owners(wishes: Sequence[intents.CreateTask]) -> dict[int, int | None]:
    asked = {wish.contact_id for wish in wishes if wish.assign == "owner" and wish.contact_id is not None}
    return dict(Contact.objects.filter(pk__in=asked).values_list("pk", "owner_id")) if asked else {}


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
