"""What a rule can do: the shape of each action, and the intent it leads to for a subject.

Pure. Staff write a list of these as JSON; `automation.action_parser` checks it and names the path of every error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal, Self, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from automation import intents
from automation.intents import Intent
from automation.subjects import Subject
from automation.triggers import CLOCK, TRIGGERS

MAX_DELAY = 90 * 86400
MAX_DUE = 366 * 86400
#: Events by which the person acted: quiet hours do not hold back what answers them at once.
SPOKE = frozenset({"sms_received", "message_received"})
ACTED = SPOKE | {"lead_created", "booking_created", "booking_rescheduled", "booking_cancelled"}
#: Events that may come again for one visit (an outcome is corrected to and fro) and still want one text.
ONCE_PER_VISIT = frozenset({"booking_created", "booking_outcome_updated", "booking_outcome_missing"})
NO_CONTACT = "There is no contact to do this for."
NO_VISIT = "There is no visit to do this for."

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,60}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=1000, strip_whitespace=True)]
TaskType = Literal[
    "call", "call_hot_lead", "welcome_call", "sms_followup", "rescue_call", "recall_call", "recall_reminder",
    "review_request", "referral_invite", "no_show_followup", "confirmation_call", "reply_needed",
    "record_outcome", "duplicate_check", "delivery_problem", "reconcile", "custom",
]  # fmt: skip
Priority = Literal["low", "medium", "high", "urgent"]


class NotNow(Exception):
    """An action that has nothing to act on; the message says what is missing."""


class Action(BaseModel):
    """Common to all: own conditions, on facts read afresh, and a delay in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    #: Names of parameters that may hold {facts}.
    filled: ClassVar[tuple[str, ...]] = ()

    conditions: dict[str, Any] = Field(
        default_factory=dict, description="Looked at when it is this action's turn."
    )
    delay_seconds: int = Field(
        default=0, ge=0, le=MAX_DELAY, description="How long to wait; checked again then."
    )

    @property
    def kind(self) -> str:
        """The name by which rules ask for it."""
        return str(getattr(self, "type", ""))

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        """What is to be done for this subject. Raises NotNow when it has nothing to act on."""
        raise NotImplementedError


class CalculateWarmness(Action):
    type: Literal["calculate_warmness"]

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.CalculateWarmness(_contact(subject))


class UpdateWarmness(Action):
    type: Literal["update_warmness"]
    filled = ("reason",)
    delta: int = Field(ge=-100, le=100)
    reason: Annotated[str, StringConstraints(min_length=1, max_length=120)]

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.AdjustWarmness(_contact(subject), self.delta, fill(self.reason, subject.facts)[:120])


class SendSms(Action):
    """Queues a text, from a template or worded here with the placeholders of templates."""

    type: Literal["send_sms"]
    template: Name | None = None
    message: Text | None = None

    @model_validator(mode="after")
    def one_text(self) -> Self:
        if (self.template is None) == (self.message is None):
            raise ValueError("give either a template or a message.")
        return self

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        happening = subject.happening
        # The business cause: the same text about the same thing goes once, whichever rule or wording asks.
        what = self.template or f"{rule_key}.{step}"
        about = happening.anchor
        if happening.type in ONCE_PER_VISIT and happening.booking_id is not None:
            about = f"visit:{happening.booking_id}"
        return intents.QueueMessage(
            contact_id=_contact(subject),
            booking_id=subject.visit_id,
            template=self.template or "",
            body=self.message or "",
            dedupe_key=f"{what}:{about}",
            exempt_quiet=happening.type in SPOKE and not self.delay_seconds,
            acted_at=happening.occurred_at if happening.type in ACTED else None,
        )


class CancelPendingMessages(Action):
    """Withdraws the visit's messages that have not gone out."""

    type: Literal["cancel_pending_messages"]

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.CancelMessages(_visit(subject), _because(subject))


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
        return intents.CancelTasks(_contact(subject), None, tuple(self.task_types), _in_words(subject))


class CancelAllTasks(Action):
    """Closes every open task of the visit."""

    type: Literal["cancel_all_tasks"]

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.CancelTasks(None, _visit(subject), None, _in_words(subject))


class UpdatePipeline(Action):
    """Moves the contact; without a pipeline, within the present one."""

    type: Literal["update_pipeline", "move_pipeline"]
    pipeline: Name | None = None
    stage: Name

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        pipeline = self.pipeline or str(subject.facts.get("current_pipeline") or "")
        return intents.MoveStage(_contact(subject), pipeline, self.stage, _because(subject))


class UpdateBooking(Action):
    type: Literal["update_booking"]
    status: Literal["confirmed", "cancelled"]

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.SetBookingStatus(_visit(subject), self.status)


class ContactFields(BaseModel):
    """What a rule may write on a contact."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    is_existing_patient: bool | None = None
    is_high_risk: bool | None = None
    intent: Literal["procedure", "high_risk", "follow_up", "routine_check", "general_inquiry"] | None = None

    @model_validator(mode="after")
    def something(self) -> Self:
        if not self.model_dump(exclude_none=True):
            raise ValueError("give at least one field.")
        return self


class UpdateContact(Action):
    type: Literal["update_contact"]
    fields: ContactFields

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.UpdateContact(_contact(subject), self.fields.model_dump(exclude_none=True))


Tag = Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)]


class AddTag(Action):
    type: Literal["add_tag"]
    tag: Tag

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.TagContact(_contact(subject), add=(self.tag,))


class RemoveTag(Action):
    type: Literal["remove_tag"]
    tag: Tag

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.TagContact(_contact(subject), remove=(self.tag,))


class LogTouchpoint(Action):
    type: Literal["log_touchpoint"]
    touchpoint_type: Name
    is_attribution: bool = False
    update_last_touch: bool = False

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        arrived = self.touchpoint_type == subject.happening.type
        return intents.LogTouchpoint(
            _contact(subject), subject.happening.booking_id, self.touchpoint_type, self.is_attribution,
            self.update_last_touch, message=str(subject.facts.get("message_id") or "") if arrived else "",
        )  # fmt: skip


class ScheduleReminders(Action):
    """Plans the visit's reminders anew: one template for each number of seconds before it."""

    type: Literal["schedule_reminders"]
    offsets: list[Annotated[int, Field(gt=0, le=60 * 86400)]] = Field(min_length=1, max_length=10)
    templates: list[Name]

    @model_validator(mode="after")
    def pairs(self) -> Self:
        if len(self.offsets) != len(self.templates):
            raise ValueError("give one template for each offset.")
        if len(set(self.offsets)) != len(self.offsets):
            raise ValueError("two reminders stand at the same time.")
        return self

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.ScheduleReminders(_visit(subject), tuple(self.offsets), tuple(self.templates))


Interval: TypeAlias = Annotated[int, Field(ge=86400, le=10 * 366 * 86400)]


class RecallMapping(BaseModel):
    """Seconds from the visit to the recall: for high risk, else by the kind of service."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    high_risk: Interval | None = None
    routine: Interval | Literal["per_practitioner"] | None = None
    procedure: Interval | Literal["per_practitioner"] | None = None
    follow_up: Interval | Literal["per_practitioner"] | None = None


class CalculateRecallDate(Action):
    type: Literal["calculate_recall_date"]
    mapping: RecallMapping

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        seconds = self.seconds(subject)
        if seconds is None:
            raise NotNow("No recall interval is set for this kind of visit.")
        visited = subject.visit.at if subject.visit is not None else now
        return intents.SetRecallDate(
            _contact(subject), subject.local_day(visited) + timedelta(days=seconds // 86400)
        )

    def seconds(self, subject: Subject) -> int | None:
        """The interval that holds: high risk first, then the kind of visit, else the service's own."""
        visit = subject.visit
        risky = subject.facts.get("is_high_risk") is True or (visit is not None and visit.high_risk_service)
        if risky and self.mapping.high_risk is not None:
            return self.mapping.high_risk
        if visit is None:
            return None
        wanted = getattr(self.mapping, visit.service_type, None) if visit.service_type else None
        if isinstance(wanted, int):
            return wanted
        days = visit.service_recall_days
        if wanted == "per_practitioner" and visit.practitioner_recall_days is not None:
            days = visit.practitioner_recall_days
        return days * 86400 if days is not None else None


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


# Placeholders

PLACEHOLDER = re.compile(r"\{([a-z0-9_.]+)\}")


def fill(text: str, facts: Mapping[str, object]) -> str:
    """The text with its {facts} filled in; a missing one reads "unknown"."""

    def value(found: re.Match[str]) -> str:
        fact = facts.get(found[1])
        return "unknown" if fact is None or fact == "" else str(fact)

    return PLACEHOLDER.sub(value, text)


def _contact(subject: Subject) -> int:
    if subject.happening.contact_id is None:
        raise NotNow(NO_CONTACT)
    return subject.happening.contact_id


def _visit(subject: Subject) -> int:
    if subject.visit is None:
        raise NotNow(NO_VISIT)
    return subject.visit.id


def _because(subject: Subject) -> str:
    """A code for what made the rule act, kept with what it changed."""
    return subject.happening.type


def _in_words(subject: Subject) -> str:
    """What made the rule act, for staff to read."""
    trigger = TRIGGERS.get(subject.happening.type, TRIGGERS[CLOCK])
    return f"{trigger.label}."
