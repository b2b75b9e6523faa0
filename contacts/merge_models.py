"""What merges did, kept so that they can be undone. See `contacts.unmerging`."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from accounts.roles import Access
from core import clock
from core.fields import EncryptedJSONField
from core.models import BaseModel


class ContactMerge(BaseModel):
    """One merge: `away` became `keep`. Never deleted; only its undoing is written to it afterwards.

    `moves` holds [model, column, old, new, [ids]], `changes` (which may be personal) holds [model, id, column,
    old, new], and `work` the ids of what waited. See `contacts.merge_journal`.
    """

    access: ClassVar[Access] = Access(resource="contacts", location="location", owner="keep__owner")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="+")
    keep = models.ForeignKey("contacts.Contact", on_delete=models.PROTECT, related_name="+")
    away = models.ForeignKey("contacts.Contact", on_delete=models.PROTECT, related_name="+")
    event_id = models.BigIntegerField()
    at = models.DateTimeField(default=clock.now)
    cause_kind = models.CharField(max_length=20)
    cause_id = models.CharField(max_length=80)
    moves = models.JSONField(default=list)
    changes: models.Field[Any, Any] = EncryptedJSONField(default=list)
    work = models.JSONField(default=list)
    undone_at = models.DateTimeField(null=True, blank=True)
    undone_by_kind = models.CharField(max_length=20, blank=True, default="")
    undone_by_id = models.CharField(max_length=80, blank=True, default="")

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=("away",), condition=Q(undone_at__isnull=True), name="merge_one_stands"
            ),
        ]

    def __str__(self) -> str:
        return f"merge #{self.pk}"
