"""The log of events as the filled rows would have left it: of which rows an event tells, and its data as SQL.

The keys are those that services record; a test plays these events through the doors and compares.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bookings import events as visits
from contacts import events as people
from core.events import EventType
from messaging import events as texts
from tasks import events as todo


@dataclass(frozen=True)
class Told:
    """Events of one type: one for each row `r` of `rows` that meets `where`. `data` and `at` are SQL over it."""

    type: EventType
    rows: str
    at: str
    where: str = "true"
    data: Mapping[str, str] = field(default_factory=dict)
    contact: str = "r.contact_id"
    booking: str = "NULL::bigint"

    def select(self) -> str:
        """A query with the columns (type, location_id, contact_id, booking_id, at, data)."""
        pairs = ", ".join(f"'{key}', {value}" for key, value in self.data.items())
        return (
            f"SELECT '{self.type.name}', r.location_id, {self.contact}, {self.booking}, {self.at}, "
            f"jsonb_build_object({pairs}) FROM {self.rows} r WHERE {self.where}"
        )


_ISO = "'YYYY-MM-DD\"T\"HH24:MI:SS+00:00'"


def _visit(type_: EventType, at: str, where: str = "true", **data: str) -> Told:
    return Told(type_, "bookings_booking", at, where, data, booking="r.id")


def _task(type_: EventType, at: str, where: str = "true", **data: str) -> Told:
    of = {"task": "r.public_id", "type": "r.type"}
    return Told(type_, "tasks_task", at, where, of | data, booking="r.booking_id")


def _text(type_: EventType, at: str, where: str, **data: str) -> Told:
    return Told(type_, "messaging_message", at, where, {"message": "r.id"} | data, booking="r.booking_id")


def _moment(column: str) -> str:
    return f"to_char(({column}) AT TIME ZONE 'UTC', {_ISO})"


#: Every tenth touchpoint and every fourth move stand for all: the log is large enough without the others.
EVENTS: tuple[Told, ...] = (
    Told(people.CONTACT_CREATED, "contacts_contact", "r.created_at", data={"source": "r.source"}, contact="r.id"),
    Told(people.LEAD_CREATED, "contacts_contact", "r.lead_at", "r.lead_at IS NOT NULL", {"source": "r.source"}, "r.id"),
    Told(
        people.STAGE_MOVED, "contacts_stagechange", "r.at", "r.id %% 4 = 0",
        {key: f"r.{key}" for key in ("from_pipeline", "from_stage", "to_pipeline", "to_stage")} | {"reason": "''"},
    ),
    Told(
        people.TOUCHPOINT_LOGGED, "contacts_touchpoint", "r.at", "r.id %% 10 = 0",
        {"type": "r.type", "touchpoint": "r.id"},
    ),
    _visit(visits.BOOKING_CREATED, "r.created_at", source="r.source"),
    _visit(
        visits.BOOKING_CONFIRMED, "least(r.created_at + interval '1 day', r.appointment_datetime)",
        "r.status = 'confirmed'",
    ),
    _visit(
        visits.BOOKING_RESCHEDULED, "least(r.created_at + interval '2 days', r.appointment_datetime)",
        "r.status = 'rescheduled'", old=_moment("r.appointment_datetime - interval '3 days'"),
        new=_moment("r.appointment_datetime"),
    ),
    _visit(visits.BOOKING_CANCELLED, "r.cancelled_at", "r.status = 'cancelled'", reason="'provider'"),
    _visit(visits.BOOKING_ARRIVED, "r.arrived_at", "r.arrived_at IS NOT NULL"),
    _visit(
        visits.BOOKING_OUTCOME_UPDATED, "coalesce(r.outcome_at, r.ends_at)", "r.outcome <> 'none'",
        old="'none'", new="r.outcome",
    ),
    _task(todo.TASK_CREATED, "r.created_at"),
    _task(todo.TASK_COMPLETED, "r.completed_at", "r.status = 'completed'", outcome="r.outcome"),
    _task(todo.TASK_CANCELLED, "r.completed_at", "r.status = 'cancelled'", reason="r.closed_reason"),
    _text(
        texts.SMS_RECEIVED, "r.received_at", "r.direction = 'inbound'",
        intent="r.intent", clear="true", asked="'[]'::jsonb",
    ),
    _text(
        texts.MESSAGE_SENT, "r.sent_at", "r.status IN ('sent', 'delivered')",
        template="coalesce((SELECT t.name FROM messaging_template t WHERE t.id = r.template_id), '')",
        category="r.category",
    ),
    _text(texts.MESSAGE_FAILED, "r.send_at", "r.status = 'failed'", reason="r.reason"),
    _text(texts.MESSAGE_SUPPRESSED, "r.send_at", "r.status = 'suppressed'", reason="r.reason"),
)  # fmt: skip
