"""Actions that tell somebody outside the patient's conversation: the staff, or another system. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from automation import intents
from automation.actions.base import Action, StaffEmail, TaskType, Text, fill
from automation.intents import Intent
from automation.subjects import Subject
from integrations import calling

Channel = Literal["in_app", "email", "slack"]
Key = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_]{1,40}$")]
Value = Annotated[str, StringConstraints(max_length=500)]


def _named_once(channels: list[Channel]) -> list[Channel]:
    if len(set(channels)) != len(channels):
        raise ValueError("name each channel once.")
    return channels


def _address(url: str) -> str:
    problem = calling.url_problem(url)
    # A private address may be one of the installation's own: that is known when the rule is saved at a clinic.
    if problem and problem != calling.PRIVATE:
        raise ValueError(problem)
    return url


class NotifyStaff(Action):
    """Tells the staff: on the home page, by e-mail, in Slack. With a task type, a task that stays until it is done.

    E-mails go to the addresses in `to`, else to the clinic's managers.
    """

    title = "Tell the staff"
    type: Literal["notify_staff"]
    filled = ("text",)
    text: Text
    task_type: TaskType | None = None
    channels: Annotated[list[Channel], AfterValidator(_named_once), Field(min_length=1)] = ["in_app"]
    to: list[StaffEmail] = Field(
        default=[],
        max_length=20,
        title="E-mail to",
        description="E-mails of staff; only for the channel email.",
    )

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        if self.to and "email" not in self.channels:
            raise ValueError("only the channel email has somebody to send to.")
        return self

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
            channels=tuple(self.channels),
            to=tuple(self.to),
            anchor=happening.anchor,
        )


class CallWebhook(Action):
    """Posts what happened to another system: signed, and never into a private network.

    The body names the event, the contact and the visit by their public ids; `data` adds to it.
    """

    title = "Call another system"
    type: Literal["call_webhook"]
    url: Annotated[str, StringConstraints(max_length=calling.MAX_URL), AfterValidator(_address)]
    data: dict[Key, Value] = Field(default={}, max_length=20)
    account: Annotated[str, StringConstraints(max_length=80, strip_whitespace=True)] = Field(
        default="", description="Whose secret signs it; the clinic's first webhook account unless named."
    )

    def texts(self) -> Iterator[tuple[str, str]]:
        for name, text in self.data.items():
            yield f"data.{name}", text

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        happening = subject.happening
        return intents.CallWebhook(
            location_id=happening.location_id,
            contact_id=happening.contact_id,
            booking_id=happening.booking_id,
            url=self.url,
            event=happening.type,
            occurred_at=happening.occurred_at,
            data={name: fill(text, subject.facts) for name, text in self.data.items()},
            account=self.account,
            cause_key=f"{rule_key}.{step}:{happening.anchor}",
        )
