"""Actions that give the desk work, or take it away. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, Self

from pydantic import Field, model_validator

from automation import intents
from automation.actions.base import (
    Action,
    Assign,
    How,
    Priority,
    Skill,
    StaffEmail,
    TaskType,
    Text,
    check_whom,
    fill,
    in_words,
    the_contact,
    the_visit,
)
from automation.intents import Intent
from automation.subjects import Subject

MAX_DUE = 366 * 86400


class CreateTask(Action):
    title = "Create a task"
    type: Literal["create_task"]
    filled = ("notes",)
    task_type: TaskType
    priority: Priority | None = None
    due_in_seconds: int | None = Field(default=None, ge=0, le=MAX_DUE)
    due_at: Literal["end_of_business_day"] | None = Field(default=None, title="Or due at")
    notes: Text | None = None
    assign: Assign = Field(
        default="", description="Whose it is; without it, as the clinic shares out its tasks."
    )
    staff: StaffEmail = Field(default="", description="E-mail of the person named.")
    skill: Skill = Field(default="", description="What the person must be able to do.")

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        _one_time(self.due_in_seconds, self.due_at)
        check_whom(self.assign, self.staff, self.skill)
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
            staff=self.staff,
            skill=self.skill,
        )


class UpdateTask(Action):
    """Changes the contact's open tasks of these types: when they are due, how urgent, whose, what they say."""

    title = "Change open tasks"
    type: Literal["update_task"]
    filled = ("notes",)
    task_types: list[TaskType] = Field(min_length=1)
    priority: Priority | None = None
    due_in_seconds: int | None = Field(default=None, ge=0, le=MAX_DUE)
    due_at: Literal["end_of_business_day"] | None = Field(default=None, title="Or due at")
    notes: Text | None = Field(default=None, description="Added to what the task says.")
    assign: Assign = ""
    staff: StaffEmail = ""
    skill: Skill = ""

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        _one_time(self.due_in_seconds, self.due_at)
        check_whom(self.assign, self.staff, self.skill)
        if not (self.priority or self.is_timed or self.notes or self.assign):
            raise ValueError("give at least one of priority, due_in_seconds, due_at, notes, assign.")
        return self

    @property
    def is_timed(self) -> bool:
        return self.due_in_seconds is not None or self.due_at is not None

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        due = subject.closing if self.due_at else now + timedelta(seconds=self.due_in_seconds or 0)
        return intents.UpdateTasks(
            contact_id=the_contact(subject),
            location_id=subject.happening.location_id,
            types=tuple(self.task_types),
            due_at=due if self.is_timed else None,
            priority=self.priority or "",
            notes=fill(self.notes or "", subject.facts),
            assign=self.assign,
            staff=self.staff,
            skill=self.skill,
        )


class AssignToStaff(Action):
    """Makes somebody the contact's owner, and gives them the contact's open tasks that are nobody's."""

    title = "Give the contact to somebody"
    type: Literal["assign_to_staff"]
    how: How
    staff: StaffEmail = Field(default="", description="E-mail of the person named.")
    skill: Skill = Field(default="", description="What the person must be able to do.")

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        check_whom(self.how, self.staff, self.skill)
        return self

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.AssignContact(
            the_contact(subject), subject.happening.location_id, self.how, self.staff, self.skill
        )


def _one_time(seconds: int | None, at: str | None) -> None:
    if seconds is not None and at is not None:
        raise ValueError("give either due_in_seconds or due_at, not both.")


class CancelPendingTasks(Action):
    """Closes the contact's open tasks of these types."""

    title = "Close open tasks of some types"
    type: Literal["cancel_pending_tasks"]
    task_types: list[TaskType] = Field(min_length=1)

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.CancelTasks(the_contact(subject), None, tuple(self.task_types), in_words(subject))


class CancelAllTasks(Action):
    """Closes every open task of the visit."""

    title = "Close all of the visit's tasks"
    type: Literal["cancel_all_tasks"]

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.CancelTasks(None, the_visit(subject), None, in_words(subject))
