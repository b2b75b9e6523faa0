from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import (
    BigIntegerRangeField,
    DateTimeRangeField,
    RangeBoundary,
    RangeOperators,
)
from django.db import models
from django.db.models import F, Func, Q, Value

from accounts.roles import Access
from bookings import lifecycle
from core.fields import EncryptedTextField
from core.models import BaseModel, TrackedModel


class Status(models.TextChoices):
    """Where a booking stands. `confirmed` means that the patient said yes."""

    PENDING = "pending", "Pending"
    SCHEDULED = "scheduled", "Scheduled"
    CONFIRMED = "confirmed", "Confirmed by the patient"
    RESCHEDULED = "rescheduled", "Rescheduled"
    CANCELLED = "cancelled", "Cancelled"


#: Live while the visit is not over. `STANDING` bookings are those that automation knows of.
LIVE = lifecycle.LIVE
STANDING = lifecycle.STANDING


class ServiceType(models.TextChoices):
    PROCEDURE = "procedure", "Procedure"
    FOLLOW_UP = "follow_up", "Follow-up"
    ROUTINE = "routine", "Routine"


class Urgency(models.TextChoices):
    HIGH = "high", "High"
    MEDIUM = "medium", "Medium"
    LOW = "low", "Low"


class Source(models.TextChoices):
    WIX = "wix", "Wix"
    EMR = "emr", "Practice software"
    MANUAL = "manual", "Clinic staff"
    CONVERSATION = "conversation", "Conversation"


class Service(TrackedModel):
    """What a visit is for."""

    access: ClassVar[Access] = Access(resource="settings", location="location")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="services")
    name = models.CharField(max_length=255)
    service_type = models.CharField(max_length=12, choices=ServiceType, default=ServiceType.ROUTINE)
    urgency_level = models.CharField("urgency", max_length=8, choices=Urgency, default=Urgency.MEDIUM)
    duration_minutes = models.PositiveSmallIntegerField(default=30)
    buffer_minutes = models.PositiveSmallIntegerField(default=0, help_text="Kept free after the visit.")
    recall_interval_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="When the patient should come again; empty follows the usual table."
    )
    price_cents = models.PositiveIntegerField("price (cents)", null=True, blank=True)
    deposit_rule = models.JSONField(default=dict, blank=True, editable=False)
    is_high_risk = models.BooleanField("high risk", default=False)
    is_active = models.BooleanField("active", default=True)
    needs_review = models.BooleanField(
        "to be checked",
        default=False,
        help_text="Made from a booking whose service was unknown. Untick once it is right.",
    )

    class Meta:
        ordering = ("location", "name")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                name="service_once_per_location",
                fields=("location", "name"),
                violation_error_message="There is a service of this name already.",
            ),
            models.CheckConstraint(name="service_lasts", condition=Q(duration_minutes__gt=0)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def duration(self) -> timedelta:
        return timedelta(minutes=self.duration_minutes)


class Practitioner(BaseModel):
    """Who sees the patient."""

    access: ClassVar[Access] = Access(resource="settings", location="location")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="practitioners")
    name = models.CharField(max_length=255)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="practitioners",
    )
    services = models.ManyToManyField(Service, blank=True, related_name="practitioners")
    roster = models.JSONField(
        default=dict, blank=True, help_text='Working hours, e.g. {"mon": [["09:00", "17:00"]]}.'
    )
    recall_interval_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Default recall after a procedure."
    )
    is_active = models.BooleanField("active", default=True)
    needs_review = models.BooleanField(
        "to be checked", default=False, help_text="Made from a booking whose practitioner was unknown."
    )

    class Meta:
        ordering = ("location", "name")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                name="practitioner_once_per_location",
                fields=("location", "name"),
                violation_error_message="There is a practitioner of this name already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class ExternalId(models.Model):
    """The id by which a provider knows a service or a practitioner."""

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="+")
    provider = models.CharField(max_length=12, choices=Source, default=Source.WIX)
    external_id = models.CharField(max_length=255)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.provider} {self.external_id}"


class ServiceExternalId(ExternalId):
    """The id by which a provider knows a service."""

    access: ClassVar[Access] = Access(resource="settings", location="location")

    service = models.ForeignKey(Service, on_delete=models.CASCADE, related_name="external_ids")

    class Meta:
        verbose_name = "provider's id"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                name="service_id_once_per_provider", fields=("location", "provider", "external_id")
            ),
        ]


class PractitionerExternalId(ExternalId):
    """The id by which a provider knows a practitioner."""

    access: ClassVar[Access] = Access(resource="settings", location="location")

    practitioner = models.ForeignKey(Practitioner, on_delete=models.CASCADE, related_name="external_ids")

    class Meta:
        verbose_name = "provider's id"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                name="practitioner_id_once_per_provider", fields=("location", "provider", "external_id")
            ),
        ]


class Room(BaseModel):
    """Where the visit takes place."""

    access: ClassVar[Access] = Access(resource="settings", location="location")

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="rooms")
    name = models.CharField(max_length=120)
    services = models.ManyToManyField(Service, blank=True, related_name="rooms")
    is_active = models.BooleanField("active", default=True)

    class Meta:
        ordering = ("location", "name")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                name="room_once_per_location",
                fields=("location", "name"),
                violation_error_message="There is a room of this name already.",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class BookingQuerySet(models.QuerySet["Booking"]):
    """Filters that lists, rules and reports share."""

    def live(self, now: datetime) -> BookingQuerySet:
        """Bookings that count and are not over."""
        return self.filter(status__in=LIVE, ends_at__gt=now, outcome=Booking.Outcome.NONE)

    def standing(self) -> BookingQuerySet:
        """Neither pending nor cancelled, over or not."""
        return self.filter(status__in=STANDING)


def _no_overlap(name: str, field: str, message: str) -> ExclusionConstraint:
    """Two live bookings of one practitioner or room never overlap. Who did not come left the time free: a visit
    with that outcome stands in nobody's way.

    Needs no extension: the id is a range of one number. Rows without one are left out, because the range of
    NULL is the whole line and would meet everybody's.
    """
    column = f"{field}_id"
    during = Func(
        "appointment_datetime",
        "ends_at",
        RangeBoundary(),
        function="TSTZRANGE",
        output_field=DateTimeRangeField(),
    )
    return ExclusionConstraint(
        name=name,
        expressions=[
            (
                Func(
                    F(column),
                    F(column),
                    Value("[]"),
                    function="int8range",
                    output_field=BigIntegerRangeField(),
                ),
                RangeOperators.OVERLAPS,
            ),
            (during, RangeOperators.OVERLAPS),
        ],
        condition=Q(status__in=LIVE, overlap_accepted=False)
        & ~Q(outcome="no_show")
        & Q(**{f"{field}__isnull": False}),
        violation_error_code="overlap",
        violation_error_message=message,
    )


class Booking(TrackedModel):
    """One appointment. Status, outcome and time are moved by services; they are never edited directly.

    The two attributions are copies of the contact's first and last touch, taken once when the booking is
    made. `became_live_at` is when it first stood (automation heard `booking_created`); empty for one that
    never did. `first_attendance` marks the visit that made the contact an existing patient, so that a
    corrected misclick can take that back. `provider_state` is what the order-tolerant reading of a provider's
    deliveries remembers.
    """

    access: ClassVar[Access] = Access(resource="bookings", location="location", owner="contact__owner")

    class Outcome(models.TextChoices):
        NONE = "none", "—"
        ATTENDED = "attended", "Attended"
        NO_SHOW = "no_show", "Did not attend"

    class Payment(models.TextChoices):
        UNPAID = "unpaid", "Unpaid"
        PENDING = "pending", "Pending"
        PAID = "paid", "Paid"
        REFUNDED = "refunded", "Refunded"

    location = models.ForeignKey("accounts.Location", on_delete=models.PROTECT, related_name="bookings")
    contact = models.ForeignKey("contacts.Contact", on_delete=models.PROTECT, related_name="bookings")
    external_id = models.CharField("provider's id", max_length=255, blank=True, default="")
    source = models.CharField(max_length=12, choices=Source, default=Source.MANUAL)
    provider_sequence = models.BigIntegerField(null=True, blank=True, editable=False)
    provider_state = models.JSONField(default=dict, blank=True, editable=False)
    appointment_datetime = models.DateTimeField("time")
    ends_at = models.DateTimeField()
    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="bookings")
    service_type = models.CharField(max_length=12, choices=ServiceType)
    urgency_level = models.CharField("urgency", max_length=8, choices=Urgency)
    practitioner = models.ForeignKey(
        Practitioner, null=True, blank=True, on_delete=models.PROTECT, related_name="bookings"
    )
    room = models.ForeignKey(Room, null=True, blank=True, on_delete=models.PROTECT, related_name="bookings")
    status = models.CharField(max_length=12, choices=Status, default=Status.SCHEDULED)
    outcome = models.CharField(max_length=8, choices=Outcome, default=Outcome.NONE)
    outcome_at = models.DateTimeField(null=True, blank=True, editable=False)
    first_attendance = models.BooleanField(default=False, editable=False)
    outcome_asked_at = models.DateTimeField(null=True, blank=True, editable=False)
    payment_status = models.CharField(max_length=8, choices=Payment, default=Payment.UNPAID)
    price_cents = models.PositiveIntegerField("price (cents)", null=True, blank=True)
    cancellation_reason = EncryptedTextField(blank=True, default="")
    first_touch_attribution = models.JSONField(default=dict, blank=True, editable=False)
    last_touch_attribution = models.JSONField(default=dict, blank=True, editable=False)
    notes = EncryptedTextField(blank=True, default="")
    became_live_at = models.DateTimeField(null=True, blank=True, editable=False)
    confirmed_at = models.DateTimeField(null=True, blank=True, editable=False)
    cancelled_at = models.DateTimeField(null=True, blank=True, editable=False)
    arrived_at = models.DateTimeField(null=True, blank=True, editable=False)
    expires_at = models.DateTimeField(
        null=True, blank=True, editable=False, help_text="Pending bookings only: when it lapses."
    )
    overlap_accepted = models.BooleanField(
        "overlap accepted",
        default=False,
        help_text="A provider reported it over another visit, so it is kept.",
    )

    objects = BookingQuerySet.as_manager()

    class Meta:
        ordering = ("-appointment_datetime", "-id")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                name="booking_once_per_provider",
                fields=("location", "source", "external_id"),
                condition=~Q(external_id=""),
            ),
            models.CheckConstraint(
                name="booking_ends_after_it_begins", condition=Q(ends_at__gt=F("appointment_datetime"))
            ),
            models.CheckConstraint(name="booking_status_known", condition=Q(status__in=Status.values)),
            models.CheckConstraint(
                name="booking_outcome_known", condition=Q(outcome__in=("none", "attended", "no_show"))
            ),
            models.CheckConstraint(
                name="booking_expires_while_pending",
                condition=Q(expires_at__isnull=True) | Q(status="pending"),
            ),
            _no_overlap(
                "booking_one_per_practitioner",
                "practitioner",
                "This practitioner has another visit at that time.",
            ),
            _no_overlap("booking_one_per_room", "room", "This room is taken at that time."),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # Two for the diary: for those who see one clinic, and for those who see all.
            models.Index(fields=("location", "-appointment_datetime", "-id"), name="booking_diary"),
            models.Index(fields=("-appointment_datetime", "-id"), name="booking_diary_of_all"),
            models.Index(fields=("contact", "appointment_datetime"), name="booking_contact"),
            models.Index(fields=("location", "-created_at", "-id"), name="booking_newest"),
            models.Index(
                fields=("expires_at",), name="booking_expiring", condition=Q(expires_at__isnull=False)
            ),
            models.Index(
                fields=("ends_at",),
                name="booking_without_outcome",
                condition=Q(outcome="none", outcome_asked_at__isnull=True, status__in=STANDING),
            ),
            models.Index(
                fields=("-appointment_datetime", "-id"),
                name="booking_cancelled",
                condition=Q(status="cancelled"),
            ),
            models.Index(
                fields=("ends_at",), name="booking_overlap_accepted", condition=Q(overlap_accepted=True)
            ),
        ]

    def __str__(self) -> str:
        # On the clinic's clock where the clinic is at hand; a name must not cost a query.
        at = self.appointment_datetime
        at = self.location.local(at) if "location" in self._state.fields_cache else at
        return f"Visit on {at:%a %d %b %Y at %H:%M %Z}"

    def event_subject(self) -> dict[str, int | None]:
        return {"location_id": self.location_id, "contact_id": self.contact_id, "booking_id": self.pk}

    def is_live(self, now: datetime) -> bool:
        """Whether it counts and is not over."""
        return lifecycle.is_live(self.status, self.outcome, self.ends_at, now)

    @property
    def duration(self) -> timedelta:
        return self.ends_at - self.appointment_datetime
