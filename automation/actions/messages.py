"""Actions that send messages, plan them or withdraw them. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from automation import intents
from automation.actions.base import SECONDS, Action, Name, Text, because, the_contact, the_visit
from automation.intents import Intent
from automation.subjects import Subject

#: Events by which the person acted: quiet hours do not hold back what answers them at once.
SPOKE = frozenset({"sms_received", "message_received"})
ACTED = SPOKE | {"lead_created", "booking_created", "booking_rescheduled", "booking_cancelled"}
#: Events that may come again for one visit (an outcome is corrected to and fro) and still want one text.
ONCE_PER_VISIT = frozenset({"booking_created", "booking_outcome_updated", "booking_outcome_missing"})


class SendSms(Action):
    """Queues a text, from a template or worded here with the placeholders of templates."""

    title = "Send a text"
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
        return intents.QueueMessage(
            contact_id=the_contact(subject),
            booking_id=subject.visit_id,
            template=self.template or "",
            body=self.message or "",
            dedupe_key=self.once_per(_about(subject), rule_key=rule_key, step=step),
            exempt_quiet=happening.type in SPOKE and not self.delay_seconds,
            acted_at=happening.occurred_at if happening.type in ACTED else None,
        )

    def once_per(self, about: str, *, rule_key: str, step: int) -> str:
        """The business cause: the same text about the same thing goes once, whichever rule or wording asks."""
        return f"{self.template or f'{rule_key}.{step}'}:{about}"


def _about(subject: Subject) -> str:
    happening = subject.happening
    return about(happening.type, happening.booking_id, happening.anchor)


def about(event: str, booking_id: int | None, anchor: str) -> str:
    """What a message is about: its event, or its visit where the event may come again for one visit."""
    if event in ONCE_PER_VISIT and booking_id is not None:
        return f"visit:{booking_id}"
    return anchor


class SendEmail(Action):
    """Queues an e-mail, from a template or worded here with the placeholders of templates."""

    title = "Send an e-mail"
    type: Literal["send_email"]
    template: Name | None = None
    subject: Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)] | None = (
        None
    )
    message: Text | None = None

    @model_validator(mode="after")
    def one_text(self) -> Self:
        if (self.template is None) == (self.message is None):
            raise ValueError("give either a template or a message.")
        if (self.message is None) != (self.subject is None):
            raise ValueError("give a subject with a message, and only then: a template has its own.")
        return self

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        happening = subject.happening
        return intents.QueueMessage(
            contact_id=the_contact(subject),
            booking_id=subject.visit_id,
            template=self.template or "",
            body=self.message or "",
            dedupe_key=self.once_per(_about(subject), rule_key=rule_key, step=step),
            exempt_quiet=False,
            acted_at=happening.occurred_at if happening.type in ACTED else None,
            channel="email",
            subject=self.subject or "",
        )

    def once_per(self, about: str, *, rule_key: str, step: int) -> str:
        """The business cause, as of a text."""
        return f"email:{self.template or f'{rule_key}.{step}'}:{about}"


class CancelPendingMessages(Action):
    """Withdraws the visit's messages that have not gone out."""

    title = "Withdraw unsent messages of the visit"
    type: Literal["cancel_pending_messages"]

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.CancelMessages(the_visit(subject), because(subject))


class ScheduleReminders(Action):
    """Plans the visit's reminders anew: one template for each number of seconds before it."""

    title = "Plan reminders of the visit"
    row_by_row = ("offsets", "templates")
    type: Literal["schedule_reminders"]
    offsets: list[Annotated[int, Field(gt=0, le=60 * 86400, json_schema_extra=SECONDS)]] = Field(
        min_length=1, max_length=10
    )
    templates: list[Name]

    @model_validator(mode="after")
    def pairs(self) -> Self:
        if len(self.offsets) != len(self.templates):
            raise ValueError("give one template for each offset.")
        if len(set(self.offsets)) != len(self.offsets):
            raise ValueError("two reminders stand at the same time.")
        return self

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.ScheduleReminders(the_visit(subject), tuple(self.offsets), tuple(self.templates))
