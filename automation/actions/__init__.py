"""What a rule can do: the shape of each action, and the intent it leads to for a subject.

Pure. Staff write a list of these as JSON; `automation.action_parser` checks it and names the path of every error.
"""

from __future__ import annotations

from automation.actions.base import PLACEHOLDER, Action, NotNow, Priority, TaskType, fill
from automation.actions.bookings import CreateBooking, UpdateBooking
from automation.actions.contacts import (
    AddTag,
    CalculateRecallDate,
    CalculateWarmness,
    LogTouchpoint,
    MatchOrCreateContact,
    RemoveTag,
    UpdateContact,
    UpdatePipeline,
    UpdateWarmness,
)
from automation.actions.messages import CancelPendingMessages, ScheduleReminders, SendEmail, SendSms
from automation.actions.notices import CallWebhook, NotifyStaff
from automation.actions.tasks import AssignToStaff, CancelAllTasks, CancelPendingTasks, CreateTask, UpdateTask

__all__ = [
    "PLACEHOLDER",
    "Action",
    "AddTag",
    "AssignToStaff",
    "CalculateRecallDate",
    "CalculateWarmness",
    "CallWebhook",
    "CancelAllTasks",
    "CancelPendingMessages",
    "CancelPendingTasks",
    "CreateBooking",
    "CreateTask",
    "LogTouchpoint",
    "MatchOrCreateContact",
    "NotNow",
    "NotifyStaff",
    "Priority",
    "RemoveTag",
    "ScheduleReminders",
    "SendEmail",
    "SendSms",
    "TaskType",
    "UpdateBooking",
    "UpdateContact",
    "UpdatePipeline",
    "UpdateTask",
    "UpdateWarmness",
    "fill",
]
