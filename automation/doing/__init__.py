"""Handing intents to the services, as sets: one call for all intents of a kind, whatever their number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from automation import intents
from automation.doing import bookings, calls, contacts, messages, notices, tasks
from automation.doing.base import Doer, Done, Order

__all__ = ["Done", "Order", "do"]


def do(kind: type[Any], orders: Sequence[Order]) -> list[Done]:
    """Carry out orders of one kind of intent, in a constant number of queries."""
    return _DOERS[kind](orders)


_DOERS: Mapping[type[Any], Doer] = {
    intents.CalculateWarmness: contacts.calculate_warmness,
    intents.AdjustWarmness: contacts.adjust_warmness,
    intents.QueueMessage: messages.queue_messages,
    intents.CancelMessages: messages.cancel_messages,
    intents.CreateTask: tasks.create_tasks,
    intents.UpdateTasks: tasks.update_tasks,
    intents.AssignContact: tasks.assign_contacts,
    intents.CancelTasks: tasks.cancel_tasks,
    intents.MoveStage: contacts.move_stages,
    intents.MatchContact: contacts.match_contacts,
    intents.BookVisit: bookings.book_visits,
    intents.SetBookingStatus: bookings.set_booking_status,
    intents.UpdateContact: contacts.update_contacts,
    intents.TagContact: contacts.tag_contacts,
    intents.LogTouchpoint: contacts.log_touchpoints,
    intents.ScheduleReminders: messages.schedule_reminders,
    intents.SetRecallDate: contacts.set_recall_dates,
    intents.NotifyStaff: notices.notify_staff,
    intents.CallWebhook: calls.call_webhooks,
}
