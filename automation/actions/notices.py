"""Actions that tell the staff. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from automation import intents
from automation.actions.base import Action, TaskType, Text, fill
from automation.intents import Intent
from automation.subjects import Subject


class NotifyStaff(Action):
    """Tells the desk: an event on the home page and, with a task type, a task that stays until it is done."""

    type: Literal["notify_staff"]
    filled = ("text",)
    text: Text
    task_type: TaskType | None = None

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        happening = subject.happening
        return intents.NotifyStaff(
            location_id=happening.location_id,
            contact_id=happening.contact_id,
            booking_id=happening.booking_id,
            text=fill(self.text, subject.facts),
            text_key=f"{rule_key}.{step}",
            task=self.task_type or "",
            due_at=now,
        )
