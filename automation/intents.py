"""What a rule wants done, as plain data. Pure: the engine makes them, the executor hands them to the
services.

A dry run is a list of these that nobody executes. Ids are primary keys; times are aware, in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class CalculateWarmness:
    contact_id: int


@dataclass(frozen=True, slots=True)
class AdjustWarmness:
    contact_id: int
    delta: int
    reason: str


@dataclass(frozen=True, slots=True)
class QueueMessage:
    """`acted_at` is when the person did what this answers; `exempt_quiet` marks a turn of a conversation."""

    contact_id: int
    booking_id: int | None
    template: str
    body: str
    dedupe_key: str
    exempt_quiet: bool
    acted_at: datetime | None
    channel: str = "sms"
    subject: str = ""


@dataclass(frozen=True, slots=True)
class CancelMessages:
    booking_id: int
    reason: str


@dataclass(frozen=True, slots=True)
class CreateTask:
    contact_id: int | None
    booking_id: int | None
    location_id: int
    type: str
    due_at: datetime
    priority: str = ""
    notes: str = ""
    assign: str = ""
    staff: str = ""
    skill: str = ""


@dataclass(frozen=True, slots=True)
class UpdateTasks:
    """Changes to the contact's open tasks of these types; what is empty or None stays."""

    contact_id: int
    location_id: int
    types: tuple[str, ...]
    due_at: datetime | None = None
    priority: str = ""
    notes: str = ""
    assign: str = ""
    staff: str = ""
    skill: str = ""


@dataclass(frozen=True, slots=True)
class AssignContact:
    """`how` is a way of finding a person: named (by the e-mail `staff`), round_robin, least_loaded, by_skill."""

    contact_id: int
    location_id: int
    how: str
    staff: str = ""
    skill: str = ""


@dataclass(frozen=True, slots=True)
class MatchContact:
    """`contact_id` is who the event is about already; name, phone and e-mail are of somebody else, if given."""

    contact_id: int | None
    location_id: int
    name: str = ""
    phone: str = ""
    email: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class BookVisit:
    """A visit to book; `booking_id` is the one the event is about already, when no service is wanted."""

    contact_id: int
    location_id: int
    booking_id: int | None
    service: str = ""
    at: datetime | None = None
    practitioner: str = ""
    capture_attribution: bool = True


@dataclass(frozen=True, slots=True)
class CancelTasks:
    contact_id: int | None
    booking_id: int | None
    types: tuple[str, ...] | None
    reason: str


@dataclass(frozen=True, slots=True)
class MoveStage:
    contact_id: int
    pipeline: str
    stage: str
    reason: str


@dataclass(frozen=True, slots=True)
class SetBookingStatus:
    booking_id: int
    status: str


@dataclass(frozen=True, slots=True)
class UpdateContact:
    contact_id: int
    fields: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class TagContact:
    contact_id: int
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogTouchpoint:
    """`message` is the public id of a message whose arrival stands in the timeline already, if it does."""

    contact_id: int
    booking_id: int | None
    type: str
    is_attribution: bool
    update_last_touch: bool
    message: str = ""


@dataclass(frozen=True, slots=True)
class ScheduleReminders:
    booking_id: int
    offsets: tuple[int, ...]
    templates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SetRecallDate:
    """`booking_id` is the visit that the date comes from; no date takes the present one back."""

    contact_id: int
    date: date | None
    booking_id: int | None = None


@dataclass(frozen=True, slots=True)
class NotifyStaff:
    """`task` is the type of the task that keeps the notice until somebody dealt with it; empty for none."""

    location_id: int
    contact_id: int | None
    booking_id: int | None
    text: str
    text_key: str
    task: str
    due_at: datetime
    channels: tuple[str, ...] = ("in_app",)
    to: tuple[str, ...] = ()
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class CallWebhook:
    """`account` names whose secret signs the call; `cause_key` is what keeps it from being made twice."""

    location_id: int
    contact_id: int | None
    booking_id: int | None
    url: str
    event: str
    occurred_at: datetime
    data: Mapping[str, str]
    account: str
    cause_key: str


Intent: TypeAlias = (
    CalculateWarmness | AdjustWarmness | QueueMessage | CancelMessages | CreateTask | CancelTasks | UpdateTasks |
    AssignContact | MatchContact | BookVisit | MoveStage
    | SetBookingStatus | UpdateContact | TagContact | LogTouchpoint | ScheduleReminders | SetRecallDate |
    NotifyStaff | CallWebhook
)  # fmt: skip


def as_dict(intent: Intent) -> dict[str, object]:
    """The intent as JSON can hold it, with the name of what is wanted under `intent`."""
    values: dict[str, object] = {"intent": type(intent).__name__}
    for item in fields(intent):
        value = getattr(intent, item.name)
        if isinstance(value, datetime | date):
            value = value.isoformat()
        elif isinstance(value, tuple):
            value = list(value)
        elif isinstance(value, Mapping):
            value = dict(value)
        values[item.name] = value
    return values
