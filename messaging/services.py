"""What changes messages. Lists are sets: the same few queries however long the list is."""

from __future__ import annotations

from messaging.planning import CancelMessages, ReminderPlan, cancel_pending_messages, schedule_reminders
from messaging.queueing import NewMessage, QueueResult, queue_messages
from messaging.settling import resolve
from messaging.staff import cancel_message, mark_seen, send_now, send_text
from messaging.wordings import create_template, restore_seed, restore_version, save_template

__all__ = [
    "CancelMessages",
    "NewMessage",
    "QueueResult",
    "ReminderPlan",
    "cancel_message",
    "cancel_pending_messages",
    "create_template",
    "mark_seen",
    "queue_messages",
    "resolve",
    "restore_seed",
    "restore_version",
    "save_template",
    "schedule_reminders",
    "send_now",
    "send_text",
]
