"""What a person of the staff did to one row or to many, kept so that it can be watched, stopped and taken back."""

from __future__ import annotations

from typing import ClassVar

from django.db import models

from accounts.roles import Access
from core import clock
from core.fields import EncryptedTextField
from core.models import BaseModel


class DeskAction(BaseModel):
    """One act at the desk on a set of rows of one clinic. See `accounts.desk_actions`.

    `parameters` and `result` hold ids and codes; what a person typed is in `reason`, encrypted.
    """

    access: ClassVar[Access] = Access(resource="tasks", location="location", owner="user")

    class State(models.TextChoices):
        RUNNING = "running", "Running"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Stopped"
        UNDOING = "undoing", "Being undone"
        UNDONE = "undone", "Undone"
        UNDONE_PARTLY = "undone_partly", "Undone in part"

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey("accounts.User", on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=40)
    label = models.CharField(max_length=160, help_text="What was done, in words.")
    state = models.CharField(max_length=16, choices=State.choices, default=State.RUNNING)
    parameters = models.JSONField(default=dict)
    reason = EncryptedTextField(blank=True, default="")
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    undone = models.PositiveIntegerField(default=0)
    result = models.JSONField(default=dict)
    finished_at = models.DateTimeField(null=True)
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey("accounts.User", null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ("-id",)
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("location", "-id"), name="deskaction_newest"),
        ]

    def __str__(self) -> str:
        return self.label

    @property
    def is_going(self) -> bool:
        """Whether work on it is left."""
        return self.state in (self.State.RUNNING, self.State.UNDOING)

    @property
    def already(self) -> int:
        """How many of the done rows were so already."""
        return int(self.result.get("already", 0))

    @property
    def changed(self) -> int:
        """How many rows it changed: what an undo can put back."""
        return self.done - self.already


class DeskActionItem(models.Model):
    """What became of one row. `before` and `after` are its state as the kind reads it; ids and codes only."""

    access: ClassVar[Access] = Access(resource="tasks", location="action__location", owner="action__user")

    class Outcome(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        ALREADY = "already", "Was so already"
        REFUSED = "refused", "Not possible"
        FAILED = "failed", "Failed"
        LEFT = "left", "Left, because it was stopped"

    action = models.ForeignKey(DeskAction, on_delete=models.CASCADE, related_name="items")
    subject_id = models.BigIntegerField()
    contact_id = models.BigIntegerField(null=True)
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default=Outcome.WAITING)
    why = models.CharField(max_length=400, blank=True, default="")
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    events = models.JSONField(default=list, help_text="Ids of the events it recorded.")
    at = models.DateTimeField(default=clock.now)
    undone_at = models.DateTimeField(null=True)
    why_not_undone = models.CharField(max_length=400, blank=True, default="")
    #: Undoing asks each item once; this says which were asked.
    asked_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=("action", "subject_id"), name="deskaction_each_row_once"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("action", "outcome", "id"), name="deskaction_items"),
        ]

    def __str__(self) -> str:
        return f"{self.subject_id}: {self.get_outcome_display()}"
