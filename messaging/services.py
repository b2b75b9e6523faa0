"""What changes messages. Lists are sets: the same few queries however long the list is."""

from __future__ import annotations

from messaging.planning import (
    CancelMessages,
    ReminderPlan,
    cancel_pending_messages,
    schedule_reminders,
    withdraw_messages,
)
from messaging.queueing import NewMessage, QueueResult, foresee, queue_messages
from messaging.settling import resolve
from messaging.staff import cancel_message, send_now, send_text, sent_before, text_wish
from messaging.talks import (
    assign_conversation,
    close_conversation,
    mark_seen,
    mark_unread,
    reopen_conversation,
    snooze_conversation,
)
from messaging.wordings import create_template, restore_seed, restore_version, save_template

__all__ = [
    "CancelMessages",
    "NewMessage",
    "QueueResult",
    "ReminderPlan",
    "assign_conversation",
    "cancel_message",
    "cancel_pending_messages",
    "close_conversation",
    "create_template",
    "foresee",
    "mark_seen",
    "mark_unread",
    "queue_messages",
    "reopen_conversation",
    "resolve",
    "restore_seed",
    "restore_version",
    "save_template",
    "schedule_reminders",
    "send_now",
    "send_text",
    "sent_before",
    "snooze_conversation",
    "text_wish",
    "withdraw_messages",
]
