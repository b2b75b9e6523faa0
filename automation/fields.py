"""The fields a rule may look at: names, types, scopes and words.

Pure. `automation.facts` reads them, `automation.query` finds contacts by them.
"""

from __future__ import annotations

from collections.abc import Mapping

from automation.condition_tree import FieldSpec

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

CONTACT: tuple[FieldSpec, ...] = (
    FieldSpec("warmness_score", "number", "contact", "the warmness"),
    FieldSpec("intent", "choice", "contact", "the intent"),
    FieldSpec("source", "choice", "contact", "the source"),
    FieldSpec("current_pipeline", "choice", "contact", "the pipeline"),
    FieldSpec("current_stage", "choice", "contact", "the stage"),
    FieldSpec("is_existing_patient", "bool", "contact", "existing patient"),
    FieldSpec("is_high_risk", "bool", "contact", "high risk"),
    FieldSpec("tags", "list", "contact", "the tags"),
    FieldSpec("owner", "text", "contact", "the owner's e-mail"),
    FieldSpec("recall_due_date", "date", "contact", "the recall date"),
    FieldSpec("last_touchpoint_age_seconds", "duration", "contact", "the time since the last touchpoint"),
    FieldSpec("no_reply_received", "bool", "contact", "no reply since our last message"),
    FieldSpec("stage_age_seconds", "duration", "contact", "the time in the stage"),
    FieldSpec("open_tasks", "list", "contact", "the open tasks"),
    FieldSpec("has_future_booking", "bool", "contact", "a visit ahead"),
    FieldSpec("consent.*", "choice", "contact", "the consent for"),
    FieldSpec("custom.*", "text", "contact", "custom field", private=True),
)
BOOKING: tuple[FieldSpec, ...] = (
    FieldSpec("service", "text", "booking", "the service"),
    FieldSpec("service_type", "choice", "booking", "the kind of service"),
    FieldSpec("urgency_level", "choice", "booking", "the urgency"),
    FieldSpec("practitioner", "text", "booking", "the practitioner"),
    FieldSpec("status", "choice", "booking", "the visit's status"),
    FieldSpec("outcome", "choice", "booking", "the visit's outcome"),
    FieldSpec("payment_status", "choice", "booking", "the payment"),
    FieldSpec("hours_to_appointment", "number", "booking", "the hours to the visit"),
    FieldSpec("has_other_live_booking", "bool", "booking", "another visit ahead"),
)
EVENT: tuple[FieldSpec, ...] = (
    FieldSpec("message_body", "text", "event", "the message", private=True),
    FieldSpec("message_intent", "choice", "event", "the meaning of the message"),
    FieldSpec("reply_is_clear", "bool", "event", "clear whom and what the reply means"),
    FieldSpec("message_reason", "choice", "event", "the reason of the message's state"),
    FieldSpec("template", "choice", "event", "the template"),
    FieldSpec("category", "choice", "event", "the kind of message"),
    FieldSpec("touchpoint_type", "choice", "event", "the touchpoint"),
    FieldSpec("link", "text", "event", "the link opened"),
    FieldSpec("campaign", "text", "event", "the campaign"),
    FieldSpec("from_pipeline", "choice", "event", "the pipeline left"),
    FieldSpec("from_stage", "choice", "event", "the stage left"),
    FieldSpec("to_pipeline", "choice", "event", "the new pipeline"),
    FieldSpec("to_stage", "choice", "event", "the new stage"),
    FieldSpec("task_type", "choice", "event", "the task"),
    FieldSpec("task_outcome", "choice", "event", "the task's outcome"),
    FieldSpec("old_outcome", "choice", "event", "the outcome before"),
    FieldSpec("new_outcome", "choice", "event", "the outcome recorded"),
    FieldSpec("threshold", "number", "event", "the threshold"),
    FieldSpec("changed_fields", "list", "event", "the changed fields"),
    FieldSpec("event_source", "choice", "event", "where it came from"),
)
CLOCK: tuple[FieldSpec, ...] = (
    FieldSpec("local_hour", "number", "clock", "the local hour"),
    FieldSpec("local_weekday", "choice", "clock", "the day of the week", choices={day: day for day in DAYS}),
    FieldSpec("in_opening_hours", "bool", "clock", "opening hours"),
)

FIELDS: Mapping[str, FieldSpec] = {spec.name: spec for spec in (*CONTACT, *BOOKING, *EVENT, *CLOCK)}
