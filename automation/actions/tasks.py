"""Actions that give the desk work, or take it away. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from automation import intents
from automation.actions.base import Action, Priority, TaskType, Text, fill, in_words, the_contact, the_visit
from automation.intents import Intent
from automation.subjects import Subject

MAX_DUE = 366 * 86400


class CreateTask(Action):
    type: Literal["create_task"]
    filled = ("notes",)
    task_type: TaskType
    priority: Priority | None = None
    due_in_seconds: int | None = Field(default=None, ge=0, le=MAX_DUE)
    due_at: Literal["end_of_business_day"] | None = None
    notes: Text | None = None
    assign: Literal["", "owner"] = ""

    @model_validator(mode="after")
    def one_time(self) -> Self:
        if self.due_in_seconds is not None and self.due_at is not None:
            raise ValueError("give either due_in_seconds or due_at, not both.")
        return self

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.CreateTask(
            contact_id=subject.happening.contact_id,
            booking_id=subject.happening.booking_id,
            location_id=subject.happening.location_id,
            type=self.task_type,
            due_at=subject.closing if self.due_at else now + timedelta(seconds=self.due_in_seconds or 0),
            priority=self.priority or "",
            notes=fill(self.notes or "", subject.facts),
            assign=self.assign,
        )


class CancelPendingTasks(Action):
    """Closes the contact's open tasks of these types."""

    type: Literal["cancel_pending_tasks"]
    task_types: list[TaskType] = Field(min_length=1)

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.CancelTasks(the_contact(subject), None, tuple(self.task_types), in_words(subject))


class CancelAllTasks(Action):
    """Closes every open task of the visit."""

    type: Literal["cancel_all_tasks"]

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.CancelTasks(None, the_visit(subject), None, in_words(subject))
