"""Which fields of a contact are watched.

Stage and warmness are not: their services record what a change means.
"""

from __future__ import annotations

from contacts import events
from contacts.models import Contact
from core.signals import track_model

PERSONAL = ("name", "phone", "email")

TRACKED = (
    *PERSONAL, "source", "intent", "owner_id", "guardian_id", "is_existing_patient", "is_high_risk", "tags",
    "recall_due_date", "preferred_channel", "language", "notes", "custom_fields",
)  # fmt: skip


def connect() -> None:
    track_model(Contact, fields=TRACKED, updated=events.CONTACT_UPDATED, personal=PERSONAL)
