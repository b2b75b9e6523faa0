"""Visits over HTTP: the diary, one visit and its moves; services and practitioners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import django_filters
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from bookings import services
from bookings.models import Booking, Practitioner, Service, Source, Status
from bookings.serializers import (
    BookingChange,
    BookingSerializer,
    NewBooking,
    NewTimeInput,
    PractitionerSerializer,
    ReasonInput,
    ServiceSerializer,
    SyncAnswer,
    SyncInput,
)
from core.api import BaseViewSet, Creating, Deleting, ReadViewSet, Updating
from integrations import reconciling


class BookingFilter(django_filters.FilterSet):
    """What a list of visits can be narrowed by. Times are instants; give them with an offset."""

    contact = django_filters.UUIDFilter(field_name="contact__public_id")
    service = django_filters.UUIDFilter(field_name="service__public_id")
    practitioner = django_filters.UUIDFilter(field_name="practitioner__public_id")
    location = django_filters.UUIDFilter(field_name="location__public_id")
    status = django_filters.MultipleChoiceFilter(choices=Status.choices)
    outcome = django_filters.ChoiceFilter(choices=Booking.Outcome.choices)
    source = django_filters.ChoiceFilter(choices=Source.choices)
    external_id = django_filters.CharFilter()
    starts_after = django_filters.IsoDateTimeFilter(field_name="appointment_datetime", lookup_expr="gte")
    starts_before = django_filters.IsoDateTimeFilter(field_name="appointment_datetime", lookup_expr="lt")
    created_after = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    created_before = django_filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")

    class Meta:
        model = Booking
        fields = ("urgency_level", "service_type", "payment_status", "overlap_accepted")


@extend_schema_view(
    create=extend_schema(request=NewBooking, responses={201: BookingSerializer}),
    update=extend_schema(request=BookingChange, responses=BookingSerializer),
    partial_update=extend_schema(request=BookingChange, responses=BookingSerializer),
    destroy=extend_schema(
        description="Cancels the visit: nothing of a visit is ever removed.", responses={204: None}
    ),
)
class BookingViewSet(Creating, Updating, Deleting, BaseViewSet):
    """Visits, the latest first."""

    queryset = Booking.objects.select_related(
        "location", "contact", "contact__guardian", "service", "practitioner", "room"
    )
    serializer_class = BookingSerializer
    write_serializer_class = BookingChange
    filterset_class = BookingFilter
    ordering = ("-appointment_datetime",)
    ordering_fields = ("appointment_datetime", "created_at", "updated_at")
    search_fields = ("contact__name", "contact__phone", "contact__email", "external_id")

    def required_action(self) -> str:
        # DELETE cancels, which whoever may change visits may do.
        return "update" if self.action == "destroy" else super().required_action()

    def get_serializer_class(self) -> Any:
        return NewBooking if self.action == "create" else super().get_serializer_class()

    def create_through(self, data: dict[str, Any]) -> Booking:
        contact = data.pop("contact")
        asked = data.pop("location", None) or contact.location
        return services.create_booking(
            location=self.location(asked.public_id), contact_id=contact.pk, cause=self.cause, **data
        )

    def update_through(self, row: Booking, data: dict[str, Any]) -> Booking:
        return services.change_booking(booking_id=row.pk, fields=data, cause=self.cause)

    def delete_through(self, row: Booking) -> None:
        services.cancel_booking(booking_id=row.pk, cause=self.cause)

    @extend_schema(request=SyncInput, responses={202: SyncAnswer})
    @action(detail=False, methods=["post"], gate_action="update", pagination_class=None, filterset_class=None)
    def sync(self, request: Request, **_: Any) -> Response:
        """Look through the provider's list now, for bookings that no webhook told of. It begins within a minute."""
        asked = self.validated(SyncInput).get("location")
        location = self.location(asked.public_id if asked else None)
        begun = reconciling.ask_clinic_now(location.pk)
        accounts = [{"id": str(row.account.public_id), "changed_since": row.asks_from} for row in begun]
        said = "The provider is asked within a minute for every booking that changed; what is missing here is added."
        return Response({"success": True, "message": said, "accounts": accounts}, status=202)

    @extend_schema(request=None, responses=BookingSerializer)
    @action(detail=True, methods=["post"], gate_action="update")
    def confirm(self, request: Request, **_: Any) -> Response:
        """The patient said yes."""
        return self._move(services.confirm_booking)

    @extend_schema(request=ReasonInput, responses=BookingSerializer)
    @action(detail=True, methods=["post"], gate_action="update")
    def cancel(self, request: Request, **_: Any) -> Response:
        """Cancel the visit, saying why."""
        return self._move(services.cancel_booking, **self.validated(ReasonInput))

    @extend_schema(request=None, responses=BookingSerializer)
    @action(detail=True, methods=["post"], gate_action="update")
    def complete(self, request: Request, **_: Any) -> Response:
        """The patient attended."""
        return self._move(services.record_outcome, outcome=Booking.Outcome.ATTENDED)

    @extend_schema(request=None, responses=BookingSerializer)
    @action(detail=True, methods=["post"], url_path="no-show", gate_action="update")
    def no_show(self, request: Request, **_: Any) -> Response:
        """The patient did not attend."""
        return self._move(services.record_outcome, outcome=Booking.Outcome.NO_SHOW)

    @extend_schema(request=None, responses=BookingSerializer)
    @action(detail=True, methods=["post"], url_path="clear-outcome", gate_action="update")
    def clear_outcome(self, request: Request, **_: Any) -> Response:
        """Take a recorded outcome back."""
        return self._move(services.record_outcome, outcome=Booking.Outcome.NONE)

    @extend_schema(request=None, responses=BookingSerializer)
    @action(detail=True, methods=["post"], gate_action="update")
    def arrive(self, request: Request, **_: Any) -> Response:
        """The patient is at the desk."""
        return self._move(services.arrive)

    @extend_schema(request=NewTimeInput, responses=BookingSerializer)
    @action(detail=True, methods=["post"], gate_action="update")
    def reschedule(self, request: Request, **_: Any) -> Response:
        """Move the visit to another time."""
        return self._move(services.reschedule_booking, **self.validated(NewTimeInput))

    def _move(self, service: Callable[..., Booking], **data: Any) -> Response:
        row = self.get_object()
        return self.answer(service(booking_id=row.pk, cause=self.cause, **data))


class ServiceViewSet(ReadViewSet):
    """What visits are for."""

    queryset = Service.objects.select_related("location")
    serializer_class = ServiceSerializer
    filterset_fields = ("service_type", "urgency_level", "is_active", "needs_review", "is_high_risk")
    ordering = ("name",)
    ordering_fields = ("name", "created_at")
    search_fields = ("name",)


class PractitionerViewSet(ReadViewSet):
    """Who sees patients."""

    queryset = Practitioner.objects.select_related("location").prefetch_related("services")
    serializer_class = PractitionerSerializer
    filterset_fields = ("is_active", "needs_review")
    ordering = ("name",)
    ordering_fields = ("name", "created_at")
    search_fields = ("name",)


routes = [
    ("bookings", BookingViewSet, "booking"),
    ("services", ServiceViewSet, "service"),
    ("practitioners", PractitionerViewSet, "practitioner"),
]
