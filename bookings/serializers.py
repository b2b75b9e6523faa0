"""Visits, services and practitioners as the API shows and takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from rest_framework import serializers

from accounts.models import Location
from bookings.models import Booking, Practitioner, Room, Service, Status, Urgency
from contacts.models import Contact
from core import clock
from core.api import MomentField, PublicIdField, PublicModelSerializer


class BookingContactSerializer(PublicModelSerializer):
    """Whose visit it is; `phone` is the number the person is reached on."""

    phone = serializers.CharField(source="reach_phone", read_only=True)

    class Meta:
        model = Contact
        fields = ("id", "name", "phone")


class NamedServiceSerializer(PublicModelSerializer):
    class Meta:
        model = Service
        fields = ("id", "name")


class NamedPractitionerSerializer(PublicModelSerializer):
    class Meta:
        model = Practitioner
        fields = ("id", "name")


class NamedRoomSerializer(PublicModelSerializer):
    class Meta:
        model = Room
        fields = ("id", "name")


class BookingSerializer(PublicModelSerializer):
    """A visit. Times carry the offset of the clinic's zone."""

    location = serializers.UUIDField(source="location.public_id", read_only=True)
    contact = BookingContactSerializer(read_only=True)
    service = NamedServiceSerializer(read_only=True)
    practitioner = NamedPractitionerSerializer(read_only=True, allow_null=True)
    room = NamedRoomSerializer(read_only=True, allow_null=True)
    appointment_datetime = serializers.SerializerMethodField()
    ends_at = serializers.SerializerMethodField()
    is_live = serializers.SerializerMethodField(help_text="Whether the visit may still take place.")

    class Meta:
        model = Booking
        fields = (
            "id", "external_id", "source", "location", "contact", "appointment_datetime", "ends_at", "service",
            "service_type", "urgency_level", "practitioner", "room", "status", "outcome", "payment_status",
            "price_cents", "cancellation_reason", "notes", "first_touch_attribution", "last_touch_attribution",
            "is_live", "overlap_accepted", "confirmed_at", "arrived_at", "outcome_at", "cancelled_at",
            "expires_at", "created_at", "updated_at",
        )  # fmt: skip

    def get_appointment_datetime(self, booking: Booking) -> str:
        return booking.location.local(booking.appointment_datetime).isoformat()

    def get_ends_at(self, booking: Booking) -> str:
        return booking.location.local(booking.ends_at).isoformat()

    def get_is_live(self, booking: Booking) -> bool:
        return booking.is_live(clock.now())


class _IdsUnderEitherName(serializers.Serializer):
    """Takes `contact` for `contact_id` and so on, so that what was read can be sent back."""

    either: ClassVar[tuple[str, ...]] = ("contact", "service", "practitioner", "room", "location")

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            data = dict(data)
            for name in self.either:
                if name in data and f"{name}_id" in self.fields:
                    given = data.pop(name)
                    data.setdefault(f"{name}_id", given["id"] if _is_row(given) else given)
        return super().to_internal_value(data)


def _is_row(value: object) -> bool:
    return isinstance(value, Mapping) and "id" in value


class BookingChange(_IdsUnderEitherName):
    """What may be changed of a visit. Its status and outcome have actions of their own."""

    appointment_datetime = MomentField()
    ends_at = MomentField(required=False)
    service_id = PublicIdField(queryset=Service.objects.all(), source="service")
    practitioner_id = PublicIdField(
        queryset=Practitioner.objects.all(), source="practitioner", required=False, allow_null=True
    )
    room_id = PublicIdField(queryset=Room.objects.all(), source="room", required=False, allow_null=True)
    urgency_level = serializers.ChoiceField(choices=Urgency.choices, required=False)
    payment_status = serializers.ChoiceField(choices=Booking.Payment.choices, required=False)
    price_cents = serializers.IntegerField(
        min_value=0, max_value=100_000_000, required=False, allow_null=True
    )
    notes = serializers.CharField(max_length=4000, required=False, allow_blank=True)


class NewBooking(_IdsUnderEitherName):
    """A visit booked by staff, usually by phone. It ends after the service's duration unless `ends_at` is
    given.
    """

    contact_id = PublicIdField(queryset=Contact.objects.live(), source="contact")
    service_id = PublicIdField(queryset=Service.objects.filter(is_active=True), source="service")
    appointment_datetime = MomentField()
    ends_at = MomentField(required=False, allow_null=True)
    practitioner_id = PublicIdField(
        queryset=Practitioner.objects.filter(is_active=True),
        source="practitioner",
        required=False,
        allow_null=True,
    )
    room_id = PublicIdField(
        queryset=Room.objects.filter(is_active=True), source="room", required=False, allow_null=True
    )
    status = serializers.ChoiceField(
        choices=(Status.SCHEDULED.value, Status.PENDING.value), default=Status.SCHEDULED.value
    )
    notes = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    location_id = PublicIdField(queryset=Location.objects.all(), source="location", required=False)


class ReasonInput(serializers.Serializer):
    """Why, in the staff's words."""

    reason = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")


class SyncInput(serializers.Serializer):
    """Whose bookings to look for; the person's own clinic unless said."""

    location_id = PublicIdField(queryset=Location.objects.all(), source="location", required=False)


class SyncAnswer(serializers.Serializer):
    """What will happen: for each account, since when changes are asked for; null means for the first time."""

    success = serializers.BooleanField()
    message = serializers.CharField()
    accounts = serializers.ListField(child=serializers.DictField())


class NewTimeInput(serializers.Serializer):
    """Another time for a visit; it keeps its length unless `ends_at` is given."""

    appointment_datetime = MomentField()
    ends_at = MomentField(required=False, allow_null=True)


class ServiceSerializer(PublicModelSerializer):
    """What a visit is for."""

    location = serializers.UUIDField(source="location.public_id", read_only=True)

    class Meta:
        model = Service
        fields = (
            "id", "location", "name", "service_type", "urgency_level", "duration_minutes", "buffer_minutes",
            "recall_interval_days", "price_cents", "is_high_risk", "is_active", "needs_review",
        )  # fmt: skip


class PractitionerSerializer(PublicModelSerializer):
    """Who sees patients, and for which services."""

    location = serializers.UUIDField(source="location.public_id", read_only=True)
    services = NamedServiceSerializer(many=True, read_only=True)

    class Meta:
        model = Practitioner
        fields = ("id", "location", "name", "services", "recall_interval_days", "is_active", "needs_review")
