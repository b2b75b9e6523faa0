"""How a contact's warmness came about, and the weights it is made with. See `contacts.warmness`."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.roles import Access
from core import clock
from core.models import BaseModel


class WarmnessDelta(models.Model):
    """An adjustment of a contact's warmness, in points. Append-only; a recalculation adds all of them."""

    access: ClassVar[Access] = Access(resource="contacts", location="location", owner="contact__owner")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="+")
    contact = models.ForeignKey("contacts.Contact", on_delete=models.PROTECT, related_name="warmness_deltas")
    delta = models.SmallIntegerField()
    reason = models.CharField(max_length=120)
    at = models.DateTimeField(default=clock.now)
    cause_kind = models.CharField(max_length=20)
    cause_id = models.CharField(max_length=80)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("contact", "-at", "-id"), name="warmnessdelta_timeline"),
        ]

    def __str__(self) -> str:
        return f"{self.delta:+d} {self.reason}"


class WarmnessHistory(models.Model):
    """What a contact's warmness became, with its parts: {"intent": 30, "speed": 10, …}."""

    access: ClassVar[Access] = Access(resource="contacts", location="location", owner="contact__owner")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="+")
    contact = models.ForeignKey("contacts.Contact", on_delete=models.CASCADE, related_name="warmness_history")
    score = models.PositiveSmallIntegerField()
    parts = models.JSONField(default=dict)
    at = models.DateTimeField(default=clock.now)

    class Meta:
        verbose_name_plural = "warmness history"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("contact", "-at", "-id"), name="warmnesshistory_timeline"),
        ]

    def __str__(self) -> str:
        return f"{self.score} at {self.at:%Y-%m-%d %H:%M}"


class ScoringTable(BaseModel):
    """One weight of the warmness score (or another score), for one location.

    Where a location has no row for a key, the default of domain.md counts (`contacts.scoring`).
    """

    access: ClassVar[Access] = Access(resource="settings", location="location")

    location = models.ForeignKey("accounts.Location", on_delete=models.CASCADE, related_name="scoring")
    kind = models.CharField(max_length=24)
    key = models.CharField(max_length=40)
    points = models.SmallIntegerField()

    class Meta:
        verbose_name = "scoring weight"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=("location", "kind", "key"), name="scoring_one_weight"),
            models.CheckConstraint(name="scoring_points_range", condition=Q(points__range=(-200, 200))),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.key} = {self.points}"
