"""Rows everything stands on: events, work, field changes, audit, heartbeats."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable
from typing import Any, ClassVar

from django.db import models, transaction
from django.db.models import Q

from core import clock
from core.causes import Cause
from core.ids import uuid7


class BaseModel(models.Model):
    """A row that may leave the system: it has a public id, and times in UTC."""

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    created_at = models.DateTimeField(default=clock.now, editable=False)
    updated_at = models.DateTimeField(default=clock.now, editable=False)

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.updated_at = clock.now()
        fields = kwargs.get("update_fields")
        if fields is not None:
            kwargs["update_fields"] = {*fields, "updated_at"}
        super().save(*args, **kwargs)

    def event_subject(self) -> dict[str, int | None]:
        """Which location, contact and booking an event about this row speaks of."""
        return {
            "location_id": getattr(self, "location_id", None),
            "contact_id": getattr(self, "contact_id", None),
            "booking_id": getattr(self, "booking_id", None),
        }


class TrackedModel(BaseModel):
    """A row whose declared fields are watched: see `core.signals.track`.

    `save` opens a transaction, because the row and the event that tells of it live or die together. After a
    rolled-back save the object must be read again: it remembers values the database does not have.
    """

    tracked_fields: ClassVar[tuple[str, ...]] = ()
    cause: Cause | None = None
    loaded_values: dict[str, Any]

    class Meta:
        abstract = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.loaded_values = {}

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Any) -> Any:  # type: ignore[override]
        instance = super().from_db(db, field_names, values)
        instance.remember()
        return instance

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        super().refresh_from_db(*args, **kwargs)
        self.remember()

    def remember(self, fields: Iterable[str] | None = None) -> None:
        """Take the present values of tracked fields as the stored ones."""
        present = self.__dict__
        wanted = set(self.tracked_fields if fields is None else fields)
        self.loaded_values.update(
            {f: present[f] for f in self.tracked_fields if f in wanted and f in present}
        )

    def save(self, *args: Any, cause: Cause | None = None, **kwargs: Any) -> None:
        self.cause = cause
        with transaction.atomic():
            super().save(*args, **kwargs)


class Event(models.Model):
    """What happened, once and for ever. Immutable: triggers refuse UPDATE, DELETE and TRUNCATE.

    `data` holds ids, codes, times and field names only; personal values live in `FieldChange`, which can be
    erased. Whether the event was handled stands in its work items.
    """

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    type = models.CharField(max_length=60)
    location_id = models.BigIntegerField(null=True)
    contact_id = models.BigIntegerField(null=True)
    booking_id = models.BigIntegerField(null=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField(default=clock.now)
    source = models.CharField(max_length=20, default="system")
    cause_kind = models.CharField(max_length=20)
    cause_id = models.CharField(max_length=80)
    chain = models.JSONField(default=list)
    dedupe_key = models.CharField(max_length=200, null=True, unique=True)
    receipt_id = models.BigIntegerField(null=True)
    data = models.JSONField(default=dict)

    class Meta:
        indexes = (
            models.Index(fields=("contact_id", "-id"), name="event_contact"),
            models.Index(fields=("location_id", "-id"), name="event_location"),
            models.Index(fields=("type", "-id"), name="event_type"),
            models.Index(
                fields=("booking_id",),
                name="event_booking",
                condition=Q(booking_id__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.type} #{self.pk}"

    @property
    def depth(self) -> int:
        """How many rules led here; 0 for what came from outside."""
        return len(self.chain)

    @property
    def cause(self) -> Cause:
        """Who or what started this."""
        return Cause(self.cause_kind, self.cause_id, tuple(self.chain))


class Work(models.Model):
    """One piece of work for the machine, now or later. See `core.work`."""

    class State(models.TextChoices):
        PENDING = "pending"
        CLAIMED = "claimed"
        DONE = "done"
        PARKED = "parked"
        EXPIRED = "expired"
        CANCELLED = "cancelled"

    OPEN: ClassVar[tuple[str, ...]] = (State.PENDING, State.CLAIMED)

    public_id = models.UUIDField(default=uuid7, unique=True, editable=False)
    handler = models.CharField(max_length=60)
    location_id = models.BigIntegerField(null=True)
    event_id = models.BigIntegerField(null=True)
    subject = models.CharField(max_length=120, blank=True, default="")
    args = models.JSONField(default=dict)
    due_at = models.DateTimeField()
    retry_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)
    dedupe_key = models.CharField(max_length=200, null=True, unique=True)
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True, default="")
    created_at = models.DateTimeField(default=clock.now, editable=False)
    finished_at = models.DateTimeField(null=True)

    event: Event | None = None

    class Meta:
        verbose_name_plural = "work"
        indexes = (
            models.Index(fields=("location_id", "-id"), name="work_location"),
            models.Index(
                fields=("due_at", "id"),
                name="work_due",
                condition=Q(state__in=["pending", "claimed"]),
            ),
            models.Index(
                fields=("handler", "subject", "due_at", "id"),
                name="work_order",
                condition=Q(state__in=["pending", "claimed"]),
            ),
            models.Index(
                fields=("-finished_at",),
                name="work_parked",
                condition=Q(state="parked"),
            ),
            models.Index(
                fields=("event_id",),
                name="work_event",
                condition=Q(event_id__isnull=False),
            ),
        )

    def __str__(self) -> str:
        return f"{self.handler} #{self.pk} ({self.state})"


class FieldChange(models.Model):
    """Old and new value of a personal field, kept apart from the log so that a person can be erased."""

    event_id = models.BigIntegerField(db_index=True)
    location_id = models.BigIntegerField(null=True)
    contact_id = models.BigIntegerField(null=True, db_index=True)
    model = models.CharField(max_length=60)
    object_id = models.BigIntegerField()
    field = models.CharField(max_length=60)
    old = models.TextField(blank=True, default="")
    new = models.TextField(blank=True, default="")
    at = models.DateTimeField(default=clock.now)

    def __str__(self) -> str:
        return f"{self.model}.{self.field} #{self.object_id}"


class AuditEntry(models.Model):
    """One row for each request that reads or writes. Append-only. No personal values, only ids."""

    at = models.DateTimeField(default=clock.now)
    request_id = models.UUIDField(default=uuid.uuid4)
    user_id = models.BigIntegerField(null=True)
    location_id = models.BigIntegerField(null=True)
    method = models.CharField(max_length=10)
    route = models.CharField(max_length=200)
    object_ids = models.JSONField(default=list)
    fields = models.JSONField(default=list)
    personal_data = models.BooleanField(default=False)
    ip = models.GenericIPAddressField(null=True)
    request_hash = models.CharField(max_length=64, blank=True, default="")
    status = models.PositiveSmallIntegerField()
    duration_ms = models.PositiveIntegerField()

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = (
            models.Index(fields=("-at",), name="audit_at"),
            models.Index(fields=("user_id", "-at"), name="audit_user"),
            # What a person opened last, among all that the pages they leave open ask for by themselves.
            models.Index(
                fields=("user_id", "-at"),
                name="audit_opened",
                condition=models.Q(method="GET", status=200, route__endswith="_change"),
            ),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.route} {self.status}"


class Heartbeat(models.Model):
    """When a part of the system last showed life ("beat", "worker", "tick:messaging.send", …).

    `error` is the kind of error it ended with then, empty when it went well; `count` is how often, for what is counted.
    """

    name = models.CharField(max_length=60, primary_key=True)
    at = models.DateTimeField()
    error = models.CharField(max_length=80, blank=True, default="", db_default="")
    count = models.BigIntegerField(default=0, db_default=0)

    def __str__(self) -> str:
        return self.name


class Alarm(models.Model):
    """Whether a check of the system's state is bad, since when, and whether people were told. See `core.alarms`."""

    name = models.CharField(max_length=60, primary_key=True)
    bad_since = models.DateTimeField(null=True)
    well_since = models.DateTimeField(null=True)
    told_at = models.DateTimeField(null=True)
    text = models.CharField(max_length=300, blank=True, default="")

    def __str__(self) -> str:
        return self.name


class InvariantRun(models.Model):
    """One look at what must always be true: when, and what was not ([invariant, what, ids] each)."""

    at = models.DateTimeField(default=clock.now)
    breaches = models.JSONField(default=list)

    class Meta:
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"{len(self.breaches)} breaches at {self.at}"
