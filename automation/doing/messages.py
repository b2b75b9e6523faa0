"""What rules do with messages."""

from __future__ import annotations

from collections.abc import Sequence

from automation.doing.base import Done, Order, State
from messaging import reasons as message_reasons
from messaging import services as message_services
from messaging.models import Status as MessageStatus

_NOT_GOING = {
    MessageStatus.SUPPRESSED: State.SKIPPED,
    MessageStatus.SKIPPED: State.SKIPPED,
    MessageStatus.EXPIRED: State.SKIPPED,
    MessageStatus.HELD: State.HELD,
}


def queue_messages(orders: Sequence[Order]) -> list[Done]:
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
                channel=o.intent.channel,
                subject=o.intent.subject,
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


def cancel_messages(orders: Sequence[Order]) -> list[Done]:
    message_services.cancel_pending_messages(
        [message_services.CancelMessages(o.intent.booking_id, o.intent.reason, o.cause) for o in orders]
    )
    return [Done() for _ in orders]


def schedule_reminders(orders: Sequence[Order]) -> list[Done]:
    message_services.schedule_reminders(
        [
            message_services.ReminderPlan(o.intent.booking_id, o.intent.offsets, o.intent.templates, o.cause)
            for o in orders
        ]
    )
    return [Done() for _ in orders]
