"""Calls: each is logged as a touchpoint, with or without a task, and a wrong number is put right."""

from __future__ import annotations

from django.db import transaction

from contacts import services as contact_services
from core import clock
from core.causes import Cause
from core.errors import Invalid
from tasks.models import Task
from tasks.sets import NewTask, create_tasks

OUTCOMES = {
    Task.Outcome.CONNECTED: "call_connected",
    Task.Outcome.VOICEMAIL: "call_voicemail",
    Task.Outcome.NO_ANSWER: "call_attempted",
    Task.Outcome.WRONG_NUMBER: "call_attempted",
}
#: After these another attempt makes sense.
UNREACHED = (Task.Outcome.VOICEMAIL, Task.Outcome.NO_ANSWER)
WRONG_NUMBER_NOTE = "The phone number is wrong. Find the right one and correct the contact."


@transaction.atomic
def log_call(contact_id: int, *, outcome: str, cause: Cause, notes: str = "") -> None:
    """Log a call that no task asked for; notes are added to the contact's. Raises Invalid for an unknown outcome."""
    if outcome not in OUTCOMES:
        raise Invalid(
            f"{outcome!r} is not how a call went. Use one of: {', '.join(OUTCOMES)}.",
            code="unknown_outcome", fields={"outcome": "unknown"},
        )  # fmt: skip
    contact_services.contacts_for_update([contact_id])
    record_call(contact_id, outcome=outcome, cause=cause, details={})
    if notes.strip():
        contact_services.add_note(contact_id=contact_id, text=notes, cause=cause, what="call")


def record_call(contact_id: int, *, outcome: str, cause: Cause, details: dict[str, str]) -> None:
    """The touchpoint of a call, and a task to correct the number when it was wrong."""
    contact_services.log_touchpoints(
        [
            contact_services.NewTouchpoint(
                contact_id=contact_id,
                type=OUTCOMES[Task.Outcome(outcome)],
                source="phone",
                details={**details, "outcome": outcome},
                staff_id=int(cause.id) if cause.kind == "user" else None,
                cause=cause,
            )
        ]
    )
    if outcome == Task.Outcome.WRONG_NUMBER:
        create_tasks(
            [
                NewTask(
                    contact_id=contact_id, type=Task.Type.CUSTOM, due_at=clock.now(), priority="medium",
                    notes=WRONG_NUMBER_NOTE, cause=cause,
                )
            ]
        )  # fmt: skip
