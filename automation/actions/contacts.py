"""Actions that change a person: warmness, stage, details, tags, timeline, recall. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from automation import intents
from automation.actions.base import SECONDS, Action, Name, NotNow, because, fill, the_contact
from automation.intents import Intent
from automation.subjects import Subject, Visit


class CalculateWarmness(Action):
    title = "Work out the warmness"
    type: Literal["calculate_warmness"]

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.CalculateWarmness(the_contact(subject))


class UpdateWarmness(Action):
    title = "Change the warmness"
    type: Literal["update_warmness"]
    filled = ("reason",)
    delta: int = Field(ge=-100, le=100, title="Points")
    reason: Annotated[str, StringConstraints(min_length=1, max_length=120)]

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.AdjustWarmness(
            the_contact(subject), self.delta, fill(self.reason, subject.facts)[:120]
        )


class UpdatePipeline(Action):
    """Moves the contact; without a pipeline, within the present one."""

    title = "Move to a stage"
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
    title = "Set what is known of the contact"
    type: Literal["update_contact"]
    fields: ContactFields

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.UpdateContact(the_contact(subject), self.fields.model_dump(exclude_none=True))


Tag = Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)]


class AddTag(Action):
    title = "Add a tag"
    type: Literal["add_tag"]
    tag: Tag

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.TagContact(the_contact(subject), add=(self.tag,))


class RemoveTag(Action):
    title = "Remove a tag"
    type: Literal["remove_tag"]
    tag: Tag

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        return intents.TagContact(the_contact(subject), remove=(self.tag,))


class LogTouchpoint(Action):
    title = "Log in the timeline"
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


SHORTEST, LONGEST = 86400, 10 * 366 * 86400
PER_PRACTITIONER = "per_practitioner"


def _interval(value: object) -> object:
    if value in (None, PER_PRACTITIONER):
        return value
    if type(value) is not int or not SHORTEST <= value <= LONGEST:
        raise ValueError(f"give seconds from {SHORTEST} to {LONGEST}, or {PER_PRACTITIONER}.")
    return value


Interval: TypeAlias = Annotated[int, Field(ge=SHORTEST, le=LONGEST, json_schema_extra=SECONDS)]
#: One type for the reader, so that a wrong value has one error, at its own path.
IntervalOrOwn: TypeAlias = Annotated[
    Any,
    AfterValidator(_interval),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "integer", "minimum": SHORTEST, "maximum": LONGEST},
                {"const": PER_PRACTITIONER},
                {"type": "null"},
            ]
        }
    ),
]


class RecallMapping(BaseModel):
    """Seconds from the visit to the recall: for high risk, else by the kind of service."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    high_risk: Interval | None = None
    routine: IntervalOrOwn = None
    procedure: IntervalOrOwn = None
    follow_up: IntervalOrOwn = None


class CalculateRecallDate(Action):
    """Sets the recall date from the contact's latest attended visit; for an attendance that was taken back, withdraws
    the date it gave.
    """

    title = "Set the recall date"
    type: Literal["calculate_recall_date"]
    mapping: RecallMapping

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        visit, recall = subject.visit, subject.recall
        took_back = (
            subject.happening.type == "booking_outcome_updated" and subject.facts.get("outcome") != "attended"
        )
        if took_back and (visit is None or recall.given_by != visit.id):
            raise NotNow("The recall date does not come from this visit, so it stays.")
        base = recall.last_attended if took_back else recall.last_attended or visit
        seconds = self.seconds(subject, base)
        if took_back and (base is None or seconds is None):
            return intents.SetRecallDate(the_contact(subject), None)
        if seconds is None:
            raise NotNow("No recall interval is set for this kind of visit.")
        day = subject.local_day(base.at if base is not None else now) + timedelta(days=seconds // 86400)
        return intents.SetRecallDate(the_contact(subject), day, base.id if base is not None else None)

    def seconds(self, subject: Subject, visit: Visit | None) -> int | None:
        """The interval after a visit: that of high risk, or the service's own if sooner; else the
        practitioner's, where the mapping says so; else the service's own; else the mapping's.
        """
        own = visit.service_recall_days * 86400 if visit and visit.service_recall_days is not None else None
        risky = subject.facts.get("is_high_risk") is True or (visit is not None and visit.high_risk_service)
        if risky and self.mapping.high_risk is not None:
            return min(self.mapping.high_risk, own or self.mapping.high_risk)
        if visit is None:
            return None
        wanted = getattr(self.mapping, visit.service_type, None) if visit.service_type else None
        if wanted == PER_PRACTITIONER:
            days = visit.practitioner_recall_days
            return own if days is None else days * 86400
        return own if own is not None else wanted


class MatchOrCreateContact(Action):
    """Makes sure that somebody is a contact: whom the event is about, or the person given here.

    Whom an event is about was matched or made when the event came in, by phone, e-mail and the provider's id.
    """

    title = "Make sure somebody is a contact"
    type: Literal["match_or_create_contact"]
    filled = ("name",)
    by: Literal["phone", "email", "any"] = Field(
        default="any", title="Known by", description="What the person given here is known by."
    )
    name: Annotated[str, StringConstraints(max_length=200, strip_whitespace=True)] = ""
    phone: Annotated[str, StringConstraints(max_length=40, strip_whitespace=True)] = ""
    email: Annotated[str, StringConstraints(max_length=254, strip_whitespace=True)] = ""
    source: Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{0,60}$")] = ""

    @model_validator(mode="after")
    def is_known_by(self) -> Self:
        given = {"phone": bool(self.phone), "email": bool(self.email), "any": bool(self.phone or self.email)}
        if (self.name or self.phone or self.email) and not given[self.by]:
            raise ValueError(
                f"give the {'phone or e-mail' if self.by == 'any' else self.by} the person is known by."
            )
        return self

    def intent(self, subject: Subject, *, now: datetime, rule_key: str, step: int) -> Intent:
        happening = subject.happening
        if not (self.phone or self.email):
            return intents.MatchContact(the_contact(subject), happening.location_id)
        return intents.MatchContact(
            None,
            happening.location_id,
            name=fill(self.name, subject.facts),
            phone="" if self.by == "email" else self.phone,
            email="" if self.by == "phone" else self.email,
            source=self.source,
        )
