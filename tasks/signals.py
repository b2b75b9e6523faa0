from __future__ import annotations

from core.signals import track_model
from tasks import events
from tasks.models import Task


def connect() -> None:
    """Watch what a person may edit; states and claims are told of by the services that change them."""
    track_model(
        Task,
        fields=("assigned_to_id", "due_datetime", "priority_floor", "snoozed_until"),
        updated=events.TASK_UPDATED,
    )
