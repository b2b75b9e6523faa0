"""Actions that change a person: warmness, stage, details, tags, timeline, recall. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from automation import intents
from automation.actions.base import Action, Name, NotNow, because, fill, the_contact
from automation.intents import Intent
from automation.subjects import Subject


class CalculateWarmness(Action):
    type: Literal["calculate_warmness"]

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.CalculateWarmness(the_contact(subject))


class UpdateWarmness(Action):
    type: Literal["update_warmness"]
    filled = ("reason",)
    delta: int = Field(ge=-100, le=100)
    reason: Annotated[str, StringConstraints(min_length=1, max_length=120)]

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.AdjustWarmness(
            the_contact(subject), self.delta, fill(self.reason, subject.facts)[:120]
        )


class UpdatePipeline(Action):
    """Moves the contact; without a pipeline, within the present one."""

    type: Literal["update_pipeline", "move_pipeline"]
    pipeline: Name | None = None
    stage: Name

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        pipeline = self.pipeline or str(subject.facts.get("current_pipeline") or "")
        return intents.MoveStage(the_contact(subject), pipeline, self.stage, because(subject))


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
        return intents.UpdateContact(the_contact(subject), self.fields.model_dump(exclude_none=True))


Tag = Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)]


class AddTag(Action):
    type: Literal["add_tag"]
    tag: Tag

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.TagContact(the_contact(subject), add=(self.tag,))


class RemoveTag(Action):
    type: Literal["remove_tag"]
    tag: Tag

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.TagContact(the_contact(subject), remove=(self.tag,))


class LogTouchpoint(Action):
    type: Literal["log_touchpoint"]
    touchpoint_type: Name
    is_attribution: bool = False
    update_last_touch: bool = False

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        arrived = self.touchpoint_type == subject.happening.type
        return intents.LogTouchpoint(
            the_contact(subject), subject.happening.booking_id, self.touchpoint_type, self.is_attribution,
            self.update_last_touch, message=str(subject.facts.get("message_id") or "") if arrived else "",
        )  # fmt: skip


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
            the_contact(subject), subject.local_day(visited) + timedelta(days=seconds // 86400)
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
