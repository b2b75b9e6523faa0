"""What stops all sending, and which installation a database belongs to. See `accounts.sending_stops`."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.roles import Access
from core import clock
from core.models import BaseModel


class SendingStop(BaseModel):
    """Nothing goes out at a clinic, or anywhere, from its making until `resumed_at`."""

    access: ClassVar[Access] = Access(resource="settings", location="location")

    class Kind(models.TextChoices):
        KILL_SWITCH = "kill_switch", "Stopped by a person"
        SAFE_MODE = "safe_mode", "Safe mode"

    kind = models.CharField(max_length=12, choices=Kind.choices)
    location = models.ForeignKey(
        "accounts.Location", null=True, blank=True, on_delete=models.PROTECT, related_name="+",
        help_text="Empty: everywhere.",
    )  # fmt: skip
    reason = models.CharField(max_length=300)
    backed_up_at = models.DateTimeField(
        null=True, blank=True, help_text="The moment that a restored backup shows."
    )
    stopped_at = models.DateTimeField(default=clock.now)
    stopped_by_kind = models.CharField(max_length=20)
    stopped_by_id = models.CharField(max_length=80)
    resumed_at = models.DateTimeField(null=True, blank=True)
    resumed_reason = models.CharField(max_length=300, blank=True, default="")
    resumed_by_kind = models.CharField(max_length=20, blank=True, default="")
    resumed_by_id = models.CharField(max_length=80, blank=True, default="")

    class Meta:
        ordering = ("-id",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                name="one_stop_per_clinic",
                fields=("kind", "location"),
                condition=Q(resumed_at__isnull=True, location__isnull=False),
            ),
            models.UniqueConstraint(
                name="one_stop_everywhere",
                fields=("kind",),
                condition=Q(resumed_at__isnull=True, location__isnull=True),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.reason}"


class Installation(models.Model):
    """The name of the installation that this database belongs to; one row, written at its first start."""

    name = models.CharField(max_length=80)
    since = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return self.name
