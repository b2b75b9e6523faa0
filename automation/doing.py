"""Handing intents to the services, as sets: one call for all intents of a kind, whatever their number."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from automation import intents
from automation.events import STAFF_NOTIFIED
from automation.models import ActionRun
from bookings import services as booking_services
from contacts import services as contact_services
from contacts import warmness
from contacts.models import Contact, Touchpoint
from core import clock
from core.causes import Cause
from core.events import NewEvent, record_many
from messaging import reasons as message_reasons
from messaging import services as message_services
from messaging.models import Status as MessageStatus
from tasks import services as task_services
from tasks.models import Task

State = ActionRun.State
IN_TIMELINE = "The timeline has it already."


@dataclass(frozen=True)
class Order:
    """An intent, and on whose behalf it is carried out. `rule` is the rule's public id."""

    intent: Any
    cause: Cause
    rule: str


@dataclass(frozen=True)
class Done:
    """How it came out. `reason` is empty where the plan's own reason says enough; `result` holds ids."""

    state: str = State.DONE
    reason: str = ""
    result: dict[str, Any] = field(default_factory=dict)


Doer = Callable[[Sequence[Order]], list[Done]]


def do(kind: type[Any], orders: Sequence[Order]) -> list[Done]:
    """Carry out orders of one kind of intent, in a constant number of queries."""
    return _DOERS[kind](orders)


def _calculate_warmness(orders: Sequence[Order]) -> list[Done]:
    causes = {o.intent.contact_id: o.cause for o in orders}
    with transaction.atomic():
        warmness.rescore(contact_services.contacts_for_update(causes), causes)
    return [Done() for _ in orders]


def _adjust_warmness(orders: Sequence[Order]) -> list[Done]:
    rows = contact_services.adjust_warmness(
        [
            contact_services.WarmnessAdjustment(
                o.intent.contact_id, o.intent.delta, o.intent.reason, cause=o.cause
            )
            for o in orders
        ]
    )
    return [Done(result={"warmness_delta": row.pk}) for row in rows]


_NOT_GOING = {
    MessageStatus.SUPPRESSED: State.SKIPPED,
    MessageStatus.SKIPPED: State.SKIPPED,
    MessageStatus.EXPIRED: State.SKIPPED,
    MessageStatus.HELD: State.HELD,
}


def _queue_messages(orders: Sequence[Order]) -> list[Done]:
    results = message_services.queue_messages(
        [
            message_services.NewMessage(
                contact_id=o.intent.contact_id,
                booking_id=o.intent.booking_id,
                template=o.intent.template,
                body=o.intent.body,
                dedupe_key=o.intent.dedupe_key,
                exempt_quiet=o.intent.exempt_quiet,
                acted_at=o.intent.acted_at,
                cause=o.cause,
            )
            for o in orders
        ]
    )
    return [_queued(result) for result in results]


def _queued(result: message_services.QueueResult) -> Done:
    ids = {"message": str(result.message.public_id)}
    state = _NOT_GOING.get(MessageStatus(result.message.status), State.DONE)
    if state == State.DONE:
        return (
            Done(result=ids)
            if result.created
            else Done(reason="The same message was asked for already.", result=ids)
        )
    return Done(state, message_reasons.words(result.reason), ids)


def _cancel_messages(orders: Sequence[Order]) -> list[Done]:
    message_services.cancel_pending_messages(
        [message_services.CancelMessages(o.intent.booking_id, o.intent.reason, o.cause) for o in orders]
    )
    return [Done() for _ in orders]


def _create_tasks(orders: Sequence[Order]) -> list[Done]:
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
    return [_task_made(result) for result in results]


def _task_made(result: task_services.TaskResult) -> Done:
    reason = "" if result.created else "An open task of this kind took the wish over."
    return Done(reason=reason, result={"task": str(result.task.public_id)})


def _owners(wishes: Sequence[intents.CreateTask]) -> dict[int, int | None]:
    asked = {wish.contact_id for wish in wishes if wish.assign == "owner" and wish.contact_id is not None}
    return dict(Contact.objects.filter(pk__in=asked).values_list("pk", "owner_id")) if asked else {}


def _cancel_tasks(orders: Sequence[Order]) -> list[Done]:
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


def _move_stages(orders: Sequence[Order]) -> list[Done]:
    results = contact_services.move_stages(
        [
            contact_services.StageMove(
                o.intent.contact_id, o.intent.pipeline, o.intent.stage, o.intent.reason, cause=o.cause
            )
            for o in orders
        ]
    )
    return [
        Done(State.FAILED, result.refused) if result.refused else Done(result={"moved": result.moved})
        for result in results
    ]


def _set_booking_status(orders: Sequence[Order]) -> list[Done]:
    results = booking_services.set_status(
        [
            booking_services.StatusChange(
                booking_id=o.intent.booking_id, status=o.intent.status, cause=o.cause
            )
            for o in orders
        ]
    )
    return [
        Done(State.FAILED, result.refused) if result.refused else Done(result={"changed": result.changed})
        for result in results
    ]


def _update_contacts(orders: Sequence[Order]) -> list[Done]:
    contact_services.update_contacts(
        [
            contact_services.ContactUpdate(o.intent.contact_id, dict(o.intent.fields), cause=o.cause)
            for o in orders
        ]
    )
    return [Done() for _ in orders]


def _tag_contacts(orders: Sequence[Order]) -> list[Done]:
    contact_services.tag_contacts(
        [
            contact_services.TagChange(o.intent.contact_id, o.intent.add, o.intent.remove, cause=o.cause)
            for o in orders
        ]
    )
    return [Done() for _ in orders]


def _log_touchpoints(orders: Sequence[Order]) -> list[Done]:
    logged = _arrivals(orders)
    fresh = [o for o in orders if _arrival(o) not in logged]
    ids = {o.intent.contact_id for o in orders if o.intent.is_attribution or o.intent.update_last_touch}
    sources = dict(Contact.objects.filter(pk__in=ids).values_list("pk", "source")) if ids else {}
    made = iter(
        contact_services.log_touchpoints(
            [
                contact_services.NewTouchpoint(
                    o.intent.contact_id,
                    o.intent.type,
                    source=sources.get(o.intent.contact_id, ""),
                    details={} if o.intent.booking_id is None else {"booking": o.intent.booking_id},
                    is_attribution=o.intent.is_attribution,
                    update_last_touch=o.intent.update_last_touch,
                    cause=o.cause,
                )
                for o in fresh
            ]
        )
    )
    _touch_last([logged[_arrival(o)] for o in orders if _arrival(o) in logged and o.intent.update_last_touch])
    return [
        Done(reason=IN_TIMELINE, result={"touchpoint": str(logged[_arrival(o)].public_id)})
        if _arrival(o) in logged
        else Done(result={"touchpoint": str(next(made).public_id)})
        for o in orders
    ]


def _touch_last(rows: Sequence[Touchpoint]) -> None:
    """Make touchpoints that stand in the timeline the last touch of their contacts."""
    if not rows:
        return
    contacts = contact_services.contacts_for_update(row.contact_id for row in rows)
    for row in rows:
        contact = contacts[row.contact_id]
        touch = {"source": row.source, "channel": row.channel, "type": row.type, "at": row.at.isoformat()}
        contact.last_touch = {key: value for key, value in touch.items() if value}
        contact.updated_at = clock.now()
    Contact.objects.bulk_update(list(contacts.values()), ["last_touch", "updated_at"])


def _arrival(order: Order) -> tuple[int, str, str]:
    return order.intent.contact_id, order.intent.type, order.intent.message


def _arrivals(orders: Sequence[Order]) -> dict[tuple[int, str, str], Touchpoint]:
    """What the arrival of a message logged already, by contact, type and message."""
    messages = {o.intent.message for o in orders if o.intent.message}
    if not messages:
        return {}
    rows = Touchpoint.objects.filter(
        contact_id__in={o.intent.contact_id for o in orders},
        type__in={o.intent.type for o in orders},
        details__message__in=messages,
    )
    return {(row.contact_id, row.type, row.details["message"]): row for row in rows}


def _schedule_reminders(orders: Sequence[Order]) -> list[Done]:
    message_services.schedule_reminders(
        [
            message_services.ReminderPlan(o.intent.booking_id, o.intent.offsets, o.intent.templates, o.cause)
            for o in orders
        ]
    )
    return [Done() for _ in orders]


def _set_recall_dates(orders: Sequence[Order]) -> list[Done]:
    contact_services.set_recall_date(
        [contact_services.RecallDate(o.intent.contact_id, o.intent.date, cause=o.cause) for o in orders]
    )
    return [Done(result={"date": o.intent.date.isoformat()}) for o in orders]


def _notify_staff(orders: Sequence[Order]) -> list[Done]:
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
    asked = [i for i, o in enumerate(orders) if o.intent.task]
    tasks = dict(zip(asked, _notice_tasks([orders[i] for i in asked]), strict=True)) if asked else {}
    return [tasks.get(i, Done()) for i in range(len(orders))]


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
    return [_task_made(next(made)) if done is None else done for done in results]


_DOERS: Mapping[type[Any], Doer] = {
    intents.CalculateWarmness: _calculate_warmness,
    intents.AdjustWarmness: _adjust_warmness,
    intents.QueueMessage: _queue_messages,
    intents.CancelMessages: _cancel_messages,
    intents.CreateTask: _create_tasks,
    intents.CancelTasks: _cancel_tasks,
    intents.MoveStage: _move_stages,
    intents.SetBookingStatus: _set_booking_status,
    intents.UpdateContact: _update_contacts,
    intents.TagContact: _tag_contacts,
    intents.LogTouchpoint: _log_touchpoints,
    intents.ScheduleReminders: _schedule_reminders,
    intents.SetRecallDate: _set_recall_dates,
    intents.NotifyStaff: _notify_staff,
}
