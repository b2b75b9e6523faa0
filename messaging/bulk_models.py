"""One text to many, and too many texts at once."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.roles import Access
from core.models import BaseModel
from messaging.vocabulary import Purpose


class BulkSend(BaseModel):
    """One wording for everyone of an audience. Looked at as a draft, then confirmed once.

    The audience is found again when it is confirmed; its messages are queued in parts by work items, and each is
    judged by itself, now and when it is sent.
    """

    access: ClassVar[Access] = Access(resource="messages", location="location")

    class State(models.TextChoices):
        DRAFT = "draft", "Not confirmed yet"
        SENDING = "sending", "Being sent"
        DONE = "done", "Done"
        CANCELLED = "cancelled", "Cancelled"

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="bulk_sends")
    audience = models.CharField(max_length=20, help_text="The kind of audience, as it is registered.")
    audience_ref = models.CharField(max_length=80, blank=True, default="", editable=False)
    contact_ids = models.JSONField(default=list, editable=False)
    label = models.CharField("to whom", max_length=160)
    template = models.ForeignKey(
        "messaging.Template", null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    wording = models.TextField("text", blank=True, default="")
    purpose = models.CharField(max_length=10, choices=Purpose.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.DRAFT)
    looked_at = models.PositiveIntegerField(
        "people when it was drafted",
        default=0,
        help_text="An audience that grew much since is looked at again.",
    )
    recipients = models.PositiveIntegerField(default=0, help_text="People it was confirmed for.")
    same_number = models.PositiveIntegerField(
        default=0, help_text="People left out because another one of the audience answers their phone."
    )
    parts_left = models.PositiveIntegerField(default=0, editable=False)
    confirmed_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    dedupe_key = models.CharField(max_length=200, null=True, unique=True, editable=False)
    cause_kind = models.CharField(max_length=20)
    cause_id = models.CharField(max_length=80)

    class Meta:
        verbose_name = "text to many"
        verbose_name_plural = "texts to many"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("location", "-id"), name="bulk_location"),
            models.Index(fields=("id",), name="bulk_going", condition=Q(state="sending")),
        ]

    def __str__(self) -> str:
        return f"{self.label}"


class Storm(BaseModel):
    """More automatic messages of one rule within a minute than the clinic's setting allows: the rest waits here
    until a person lets it go or drops it.
    """

    access: ClassVar[Access] = Access(resource="messages", location="location")

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting for a person"
        LET_GO = "let_go", "Sent after all"
        DROPPED = "dropped", "Not sent"

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="storms")
    origin = models.CharField("rule", max_length=40)
    state = models.CharField(max_length=8, choices=State.choices, default=State.WAITING)
    settled_at = models.DateTimeField(null=True, blank=True)
    settled_by_kind = models.CharField(max_length=20, blank=True, default="", editable=False)
    settled_by_id = models.CharField(max_length=80, blank=True, default="", editable=False)

    class Meta:
        verbose_name = "held storm"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                name="one_storm_waiting_per_origin",
                fields=("location", "origin"),
                condition=Q(state="waiting"),
            ),
        ]

    def __str__(self) -> str:
        return f"storm #{self.pk}"
