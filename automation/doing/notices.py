"""How rules tell the staff."""

from __future__ import annotations

from collections.abc import Sequence

from automation.doing import calls
from automation.doing.base import Done, Order, State
from automation.doing.tasks import task_made
from automation.events import STAFF_NOTIFIED
from core.events import NewEvent, record_many
from tasks import services as task_services
from tasks.models import Task


def notify_staff(orders: Sequence[Order]) -> list[Done]:
    record_many(
        [
            NewEvent(
                type=STAFF_NOTIFIED,
                cause=o.cause,
                location_id=o.intent.location_id,
                contact_id=o.intent.contact_id,
                booking_id=o.intent.booking_id,
                data={"rule": o.rule, "text_key": o.intent.text_key},
            )
            for o in orders
        ]
    )
    sent = calls.notices(orders)
    asked = [i for i, o in enumerate(orders) if o.intent.task]
    tasks = dict(zip(asked, _notice_tasks([orders[i] for i in asked]), strict=True)) if asked else {}
    return [_together(sent[i], tasks.get(i)) for i in range(len(orders))]


def _together(sent: Done, task: Done | None) -> Done:
    """A channel that cannot be used is told, though the others were."""
    if task is None or sent.state == State.FAILED:
        return sent
    return Done(reason=task.reason, result={**sent.result, **task.result})


def _notice_tasks(orders: Sequence[Order]) -> list[Done]:
    """One open task for each notice; those about no contact are told apart by what they say."""
    open_tasks = Task.objects.filter(
        location_id__in={o.intent.location_id for o in orders},
        type__in={o.intent.task for o in orders},
        contact__isnull=True,
        booking__isnull=True,
        status__in=Task.OPEN,
    )
    known = {(task.location_id, task.type, task.notes): str(task.public_id) for task in open_tasks}
    results: list[Done | None] = []
    wishes = []
    for o in orders:
        key = (o.intent.location_id, o.intent.task, o.intent.text)
        if o.intent.contact_id is None and key in known:
            results.append(Done(reason="The desk has this notice already.", result={"task": known[key]}))
            continue
        if o.intent.contact_id is None:
            known[key] = ""
        results.append(None)
        wishes.append(
            task_services.NewTask(
                contact_id=o.intent.contact_id,
                booking_id=o.intent.booking_id,
                location_id=o.intent.location_id,
                type=o.intent.task,
                due_at=o.intent.due_at,
                notes=o.intent.text,
                cause=o.cause,
            )
        )
    made = iter(task_services.create_tasks(wishes))
    return [task_made(next(made)) if done is None else done for done in results]
