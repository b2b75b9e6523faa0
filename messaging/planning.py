"""Reminders of a visit, and withdrawing what has lost its point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import F, Q

from bookings.models import STANDING, Booking
from core import clock
from core.causes import Cause
from core.errors import Invalid
from core.events import NewEvent, record_many
from messaging import policy
from messaging.events import MESSAGE_CANCELLED
from messaging.models import PENDING, Category, Message, Status
from messaging.queueing import NewMessage, QueueResult, queue_messages
from messaging.quiet import QuietHours

#: Not handed to a provider yet, so it can still be withdrawn.
WITHDRAWABLE = (*PENDING, Status.CLAIMED)


@dataclass(frozen=True)
class ReminderPlan:
    """Reminders of one visit: one template for each offset, in seconds before it; whole days on the clinic's clock."""

    booking_id: int
    offsets: Sequence[int]
    templates: Sequence[str]
    cause: Cause


@dataclass(frozen=True)
class CancelMessages:
    """Withdraw what a booking's messages have not said yet, and why: a reason code."""

    booking_id: int
    reason: str
    cause: Cause


@transaction.atomic
def schedule_reminders(plans: Sequence[ReminderPlan]) -> list[QueueResult]:
    """Plan the reminders of visits that stand, and withdraw unsent ones of an earlier time.

    A reminder that cannot be sent in time is recorded as skipped. Planning the same visit twice adds nothing.
    Raises Invalid when a plan has not one template for each offset.
    """
    for plan in plans:
        if len(plan.offsets) != len(plan.templates):
            raise Invalid(
                "Give one template for each offset.", code="invalid_plan", fields={"templates": "count"}
            )
    bookings = Booking.objects.select_related("location").filter(
        status__in=STANDING, outcome=Booking.Outcome.NONE
    )
    found = bookings.in_bulk({plan.booking_id for plan in plans})
    _withdraw_old_times([plan.booking_id for plan in plans])
    wishes = [
        wish
        for plan in plans
        if plan.booking_id in found
        for wish in reminder_wishes(plan, found[plan.booking_id], clock.now())
    ]
    return queue_messages(wishes)


def reminder_wishes(plan: ReminderPlan, booking: Booking, now: datetime) -> list[NewMessage]:
    """The messages that a visit's reminders are, planned at `now` (aware); those that come too late are skipped."""
    visit = booking.appointment_datetime
    location = booking.location
    planned = policy.plan_reminders(
        visit,
        plan.offsets,
        plan.templates,
        now=now,
        zone=location.zone,
        quiet=QuietHours(location.quiet_hours_start, location.quiet_hours_end),
    )
    nominal = sorted({policy.moment_before(visit, offset, location.zone) for offset in plan.offsets})
    return [
        NewMessage(
            contact_id=booking.contact_id,
            template=reminder.template,
            category=Category.REMINDER,
            send_at=reminder.send_at or reminder.nominal,
            expires_at=_meaningless_from(reminder, nominal, visit),
            booking_id=booking.pk,
            dedupe_key=f"reminder:{booking.pk}:{reminder.template}:{visit:%Y%m%dT%H%M%S}",
            skip=reminder.skipped,
            cause=plan.cause,
        )
        for reminder in planned
    ]


def _meaningless_from(
    reminder: policy.PlannedReminder, nominal: Sequence[datetime], visit: datetime
) -> datetime:
    """When the next reminder takes over, else when the visit begins."""
    at = reminder.send_at or reminder.nominal
    return next((moment for moment in nominal if moment > max(at, reminder.nominal)), visit)


def _withdraw_old_times(booking_ids: Sequence[int]) -> None:
    """Unsent reminders of another time than the visit's present one. Their keys are freed: it may move back."""
    old = list(
        Message.objects.filter(
            booking_id__in=list(booking_ids), category=Category.REMINDER, status__in=WITHDRAWABLE
        )
        .exclude(visit_at=F("booking__appointment_datetime"))
        .order_by("pk")
        .select_for_update(no_key=True, of=("self",))
    )
    for message in old:
        message.status = Status.SKIPPED
        message.reason = "visit_moved"
        _free_key(message)
    _write(old)
    record_many([_withdrawn(message, message.cause) for message in old])


@transaction.atomic
def cancel_pending_messages(wishes: Sequence[CancelMessages]) -> int:
    """Withdraw everything these bookings' messages have not said yet. Returns how many messages were
    withdrawn.
    """
    by_booking = {wish.booking_id: wish for wish in wishes}
    unsent = _unsent(Q(booking_id__in=by_booking))
    return _cancel([(message, by_booking[message.booking_id or 0]) for message in unsent])


@transaction.atomic
def withdraw_messages(message_ids: Sequence[int], *, reason: str, cause: Cause) -> int:
    """Withdraw those of these messages that have not gone out; `reason` is a code. Returns how many."""
    unsent = _unsent(Q(pk__in=list(message_ids)))
    return _cancel([(message, CancelMessages(message.booking_id or 0, reason, cause)) for message in unsent])


def _unsent(which: Q) -> list[Message]:
    rows = Message.objects.filter(which, status__in=WITHDRAWABLE).order_by("pk")
    return list(rows.select_for_update(no_key=True, of=("self",)))


def _cancel(unsent: Sequence[tuple[Message, CancelMessages]]) -> int:
    for message, wish in unsent:
        message.status = Status.CANCELLED
        message.reason = wish.reason[:40]
        if message.category == Category.REMINDER:
            _free_key(message)  # The visit may be brought back, at the same time.
    _write([message for message, _ in unsent])
    record_many([_withdrawn(message, wish.cause) for message, wish in unsent])
    return len(unsent)


def _free_key(message: Message) -> None:
    """Let the same be planned again."""
    message.dedupe_key = f"{message.dedupe_key}:withdrawn:{message.pk}"


def _write(messages: Sequence[Message]) -> None:
    now = clock.now()
    for message in messages:
        message.lease_until = message.next_try_at = None
        message.updated_at = now
    Message.objects.bulk_update(
        messages, ["status", "reason", "dedupe_key", "lease_until", "next_try_at", "updated_at"]
    )


def _withdrawn(message: Message, cause: Cause) -> NewEvent:
    return NewEvent(
        type=MESSAGE_CANCELLED,
        cause=cause,
        location_id=message.location_id,
        contact_id=message.contact_id,
        booking_id=message.booking_id,
        data={"message": message.pk, "reason": message.reason},
    )


def withdraw(message: Message, *, reason: str, cause: Cause) -> None:
    """Withdraw one locked message."""
    message.status = Status.CANCELLED
    message.reason = reason
    _write([message])
    record_many([_withdrawn(message, cause)])
