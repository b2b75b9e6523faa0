"""The journal of facts: how rows that rules look at stood before each change, and where in it a decision was made.

PostgreSQL's triggers write it, in the transaction of the change and whoever makes it, so that nothing is left out.
It holds codes, ids and times, nobody's name, address or words.
"""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Func, Value

from accounts.roles import Access
from core import clock


def position() -> Func:
    """The newest entry of the journal at the moment a row is written: what was known is known up to here."""
    return Func(
        Value("automation_factchange_id_seq"),
        function="pg_sequence_last_value",
        output_field=models.BigIntegerField(),
    )


class FactChange(models.Model):
    """How a row stood before a change; `before` is empty where it was not there yet.

    `kind` is what the row is (contact, booking, task), `at` the time of the change by the product's clock. A row that
    went from one contact to another has an entry for each of the two.
    """

    access: ClassVar[Access] = Access(resource="settings", location="location_id")

    kind = models.CharField(max_length=8)
    row_id = models.BigIntegerField()
    contact_id = models.BigIntegerField(null=True)
    location_id = models.BigIntegerField(null=True)
    at = models.DateTimeField()
    before = models.JSONField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("contact_id", "id"), name="factchange_contact"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.row_id}"


class ClockLook(models.Model):
    """That the rules of an hour or a day were looked at, at a clinic: when, and how far the journal had come."""

    access: ClassVar[Access] = Access(resource="settings", location="location_id")

    location_id = models.BigIntegerField()
    slot = models.CharField(max_length=24)
    at = models.DateTimeField(default=clock.now)
    position = models.BigIntegerField(null=True, db_default=position())

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=("location_id", "slot"), name="one_look_per_slot"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=("location_id", "at"), name="clocklook_at"),
        ]

    def __str__(self) -> str:
        return f"{self.slot} at location {self.location_id}"
