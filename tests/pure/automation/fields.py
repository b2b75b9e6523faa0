"""The fields that the tests of conditions speak of."""

from __future__ import annotations

from automation.conditions import FieldSpec

SPECS = (
    FieldSpec("warmness_score", "number", "contact"),
    FieldSpec("stage_age_seconds", "duration", "contact", "time in stage"),
    FieldSpec("city", "text", "contact"),
    FieldSpec(
        "current_stage", "choice", "contact", "stage", {"new_lead": "New lead", "contacted": "Contacted"}
    ),
    FieldSpec("source", "choice", "contact"),
    FieldSpec("is_high_risk", "bool", "contact", "high risk"),
    FieldSpec("recall_due_date", "date", "contact"),
    FieldSpec("last_seen", "datetime", "contact"),
    FieldSpec("tags", "list", "contact"),
    FieldSpec("custom.*", "text", "contact"),
    FieldSpec("consent.*", "choice", "contact", "consent for"),
    FieldSpec("visit_type", "text", "booking"),
    FieldSpec("message_body", "text", "event", private=True),
    FieldSpec("local_hour", "number", "clock"),
)
FIELDS = {spec.name: spec for spec in SPECS}
