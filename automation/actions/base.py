"""What all actions share: their common parameters, the words they are made of, and {placeholders}. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, StringConstraints

from automation.intents import Intent
from automation.subjects import Subject
from automation.triggers import CLOCK, TRIGGERS

MAX_DELAY = 90 * 86400
#: Marks a number in the schema as one of seconds.
SECONDS: dict[str, JsonValue] = {"unit": "seconds"}
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
How = Literal["named", "round_robin", "least_loaded", "by_skill"]
Assign = Literal["", "owner", "named", "round_robin", "least_loaded", "by_skill"]
StaffEmail = Annotated[
    str,
    StringConstraints(pattern=r"^([^@\s]+@[^@\s]+)?$", max_length=254, strip_whitespace=True, to_lower=True),
]
Skill = Annotated[str, StringConstraints(max_length=60, strip_whitespace=True)]


class NotNow(Exception):
    """An action that has nothing to act on; the message says what is missing."""


class Action(BaseModel):
    """Common to all: own conditions, on facts read afresh, and a delay in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    #: Names of parameters that may hold {facts}.
    filled: ClassVar[tuple[str, ...]] = ()
    #: What people call it; its name in words unless given.
    title: ClassVar[str] = ""
    #: Lists that belong together row by row.
    row_by_row: ClassVar[tuple[str, ...]] = ()

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

    def texts(self) -> Iterator[tuple[str, str]]:
        """The parameters that may hold {facts}: where each stands, and what it says."""
        for name in self.filled:
            yield name, getattr(self, name) or ""


# Placeholders

PLACEHOLDER = re.compile(r"\{([a-z0-9_.]+)\}")


def fill(text: str, facts: Mapping[str, object]) -> str:
    """The text with its {facts} filled in; a missing one reads "unknown"."""

    def value(found: re.Match[str]) -> str:
        fact = facts.get(found[1])
        return "unknown" if fact is None or fact == "" else str(fact)

    return PLACEHOLDER.sub(value, text)


def the_contact(subject: Subject) -> int:
    """The contact the action is about. Raises NotNow when there is none."""
    if subject.happening.contact_id is None:
        raise NotNow(NO_CONTACT)
    return subject.happening.contact_id


def the_visit(subject: Subject) -> int:
    """The visit the action is about. Raises NotNow when there is none."""
    if subject.visit is None:
        raise NotNow(NO_VISIT)
    return subject.visit.id


def check_whom(how: str, staff: str, skill: str) -> None:
    """Raise ValueError unless a person named has an e-mail and a skill is only asked for by_skill."""
    if (how == "named") != bool(staff):
        raise ValueError("give the person's e-mail as staff for named, and only then.")
    if (how == "by_skill") != bool(skill):
        raise ValueError("give a skill for by_skill, and only then.")


def because(subject: Subject) -> str:
    """A code for what made the rule act, kept with what it changed."""
    return subject.happening.type


def in_words(subject: Subject) -> str:
    """What made the rule act, for staff to read."""
    trigger = TRIGGERS.get(subject.happening.type, TRIGGERS[CLOCK])
    return f"{trigger.label}."
