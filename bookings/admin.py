"""Visits at the desk: the diary, one visit with its moves as buttons, and what can be booked."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.admin import TabularInline
from unfold.decorators import display
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from accounts import access, roles
from accounts.staff import Badge, LocationFilter, ScopedAdmin, cause_of, link_to, move_button
from bookings import services
from bookings.admin_forms import (
    BookingForm,
    NewTimeForm,
    PractitionerForm,
    ReasonForm,
    RoomForm,
    ServiceForm,
    at_clinic,
)
from bookings.models import (
    LIVE,
    STANDING,
    Booking,
    Practitioner,
    PractitionerExternalId,
    Room,
    Service,
    ServiceExternalId,
    Status,
)
from core.causes import Cause

_STATUS_COLOURS = {
    "pending": "warning",
    "scheduled": "info",
    "confirmed": "success",
    "rescheduled": "info",
    "cancelled": "danger",
}
_OUTCOME_COLOURS = {"attended": "success", "no_show": "danger", "none": ""}


def _open(row: Booking) -> bool:
    return row.status in LIVE and row.outcome == Booking.Outcome.NONE


def _may_confirm(row: Booking) -> bool:
    return row.status in (Status.SCHEDULED, Status.RESCHEDULED) and row.outcome == Booking.Outcome.NONE


def _confirm(row: Booking, data: dict[str, Any], cause: Cause) -> str:
    services.confirm_booking(booking_id=row.pk, cause=cause)
    return "The visit is confirmed."


def _arrived(row: Booking, data: dict[str, Any], cause: Cause) -> str:
    services.arrive(booking_id=row.pk, cause=cause)
    return "The patient is here."


def _outcome(outcome: str, said: str) -> Any:
    def record(row: Booking, data: dict[str, Any], cause: Cause) -> str:
        services.record_outcome(booking_id=row.pk, outcome=outcome, cause=cause)
        return said

    return record


def _cancel(row: Booking, data: dict[str, Any], cause: Cause) -> str:
    services.cancel_booking(booking_id=row.pk, reason=data["reason"], cause=cause)
    return "The visit is cancelled."


def _reschedule(row: Booking, data: dict[str, Any], cause: Cause) -> str:
    at = at_clinic(data["appointment_datetime"], row.location)
    booking = services.reschedule_booking(booking_id=row.pk, appointment_datetime=at, cause=cause)
    return f"The visit is on {row.location.local(booking.appointment_datetime):%a %d %b %Y at %H:%M}."


@admin.register(Booking)
class BookingAdmin(ScopedAdmin):
    form = BookingForm
    list_display = (
        "show_time",
        "show_contact",
        "service",
        "practitioner",
        "show_status",
        "show_outcome",
        "urgency_level",
        "source",
    )
    list_filter = (
        LocationFilter,
        "status",
        "outcome",
        ("service", admin.RelatedOnlyFieldListFilter),
        "urgency_level",
        "source",
        "overlap_accepted",
    )
    list_select_related = ("location", "contact", "service", "practitioner")
    search_fields = ("contact__name", "contact__phone", "external_id")
    search_help_text = "Name or phone of the patient, or the provider's id"
    date_hierarchy = "appointment_datetime"
    ordering = ("-appointment_datetime", "-id")
    sortable_by = ("show_time",)
    autocomplete_fields = ("contact", "service", "practitioner", "room")
    readonly_fields = (
        "show_time",
        "show_end",
        "show_contact",
        "show_status",
        "show_outcome",
        "show_arrived",
        "cancellation_reason",
        "source",
        "external_id",
        "overlap_accepted",
        "show_first_touch",
        "show_last_touch",
    )
    add_fieldsets = (
        (
            None,
            {
                "fields": (
                    "location",
                    "contact",
                    ("service", "practitioner"),
                    "appointment_datetime",
                    "ends_at",
                    "room",
                    "notes",
                )
            },
        ),
    )
    fieldsets = (
        (None, {"fields": (("show_contact", "show_status"), ("show_time", "show_end"))}),
        (
            "Visit",
            {
                "fields": (
                    ("service", "practitioner"),
                    ("room", "urgency_level"),
                    ("payment_status", "price_cents"),
                    "notes",
                )
            },
        ),
        ("Outcome", {"fields": (("show_outcome", "show_arrived"), "cancellation_reason")}),
        (
            "Where it came from",
            {
                "fields": (
                    ("source", "external_id"),
                    ("show_first_touch", "show_last_touch"),
                    "overlap_accepted",
                )
            },
        ),
    )

    confirm = move_button(
        "Confirm",
        _confirm,
        name="confirm",
        icon="check",
        question="The patient said yes to this time.",
        when=_may_confirm,
    )
    arrived = move_button(
        "Arrived",
        _arrived,
        name="arrived",
        icon="login",
        when=lambda row: row.status in STANDING and _open(row) and row.arrived_at is None,
    )
    attended = move_button(
        "Attended",
        _outcome("attended", "Recorded: the patient attended."),
        name="attended",
        icon="event_available",
        variant=ActionVariant.SUCCESS,
        question="The follow-up starts in a few minutes, so a slip can still be corrected.",
        when=lambda row: row.status in STANDING and row.outcome != "attended",
    )
    no_show = move_button(
        "Did not attend",
        _outcome("no_show", "Recorded: the patient did not attend."),
        name="no_show",
        icon="event_busy",
        when=lambda row: row.status in STANDING and row.outcome != "no_show",
    )
    clear_outcome = move_button(
        "Take outcome back",
        _outcome("none", "The outcome is taken back."),
        name="clear_outcome",
        icon="undo",
        when=lambda row: row.outcome != "none",
    )
    reschedule = move_button(
        "Reschedule", _reschedule, name="reschedule", form=NewTimeForm, icon="schedule", when=_open
    )
    cancel = move_button(
        "Cancel visit",
        _cancel,
        name="cancel",
        form=ReasonForm,
        icon="cancel",
        variant=ActionVariant.DANGER,
        question="Reminders are withdrawn, and the clinic tries to book another time.",
        when=_open,
    )
    actions_detail = (
        "confirm",
        "arrived",
        "attended",
        "no_show",
        "reschedule",
        "cancel",
        "clear_outcome",
    )
    actions_row = ("confirm", "attended", "no_show")

    # -- the list

    @display(description="Time", ordering="appointment_datetime")
    def show_time(self, row: Booking) -> str:
        return f"{row.location.local(row.appointment_datetime):%a %d %b %Y, %H:%M}"

    @display(description="Until")
    def show_end(self, row: Booking) -> str:
        return f"{row.location.local(row.ends_at):%H:%M}"

    @display(description="Contact")
    def show_contact(self, row: Booking) -> SafeString | str:
        return link_to(row.contact)

    @display(description="Status", label=_STATUS_COLOURS)
    def show_status(self, row: Booking) -> Badge:
        return Badge(row.status, row.get_status_display())

    @display(description="Outcome", label=_OUTCOME_COLOURS)
    def show_outcome(self, row: Booking) -> Badge:
        return Badge(row.outcome, row.get_outcome_display())

    @display(description="Arrived", empty_value="Not yet")
    def show_arrived(self, row: Booking) -> str | None:
        return None if row.arrived_at is None else f"{row.location.local(row.arrived_at):%H:%M}"

    @display(description="First heard of us by")
    def show_first_touch(self, row: Booking) -> str:
        return _touch(row.first_touch_attribution)

    @display(description="Came this time by")
    def show_last_touch(self, row: Booking) -> str:
        return _touch(row.last_touch_attribution)

    # -- the form

    def get_queryset(self, request: HttpRequest) -> Any:
        wanted = ("location", "contact", "contact__guardian", "service", "practitioner", "room")
        return super().get_queryset(request).select_related(*wanted)

    def get_fieldsets(self, request: HttpRequest, obj: Booking | None = None) -> Any:
        return super().get_fieldsets(request, obj) if obj else self.add_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: Booking | None = None) -> Any:
        return super().get_readonly_fields(request, obj) if obj else ()

    def save_through(self, request: HttpRequest, obj: Booking, form: Any, change: bool) -> Booking:
        data = form.cleaned_data
        if change:
            fields = {name: data[name] for name in form.changed_data if name in data}
            return services.update_booking(booking_id=obj.pk, fields=fields, cause=cause_of(request))
        return services.create_booking(
            location=data["location"],
            contact_id=data["contact"].pk,
            service=data["service"],
            practitioner=data.get("practitioner"),
            room=data.get("room"),
            appointment_datetime=data["appointment_datetime"],
            ends_at=data.get("ends_at"),
            notes=data.get("notes") or "",
            cause=cause_of(request),
        )


def _touch(touch: dict[str, Any]) -> str:
    words = [str(touch[name]) for name in ("source", "channel", "campaign") if touch.get(name)]
    return ", ".join(word.replace("_", " ") for word in words) or "Not known"


class _Ids(TabularInline):
    """The ids providers know a row by."""

    fields = ("provider", "external_id")
    extra = 0

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.allowed(request.user, roles.READ, "settings")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.allowed(request.user, roles.UPDATE, "settings")

    has_change_permission = has_add_permission
    has_delete_permission = has_add_permission


class ServiceIds(_Ids):
    model = ServiceExternalId


class PractitionerIds(_Ids):
    model = PractitionerExternalId


class ServicesField(forms.ModelMultipleChoiceField):
    """Services to tick; with their clinic where one works in several."""

    widget = UnfoldAdminCheckboxSelectMultipleWidget
    several = False

    def label_from_instance(self, obj: Service) -> str:
        return f"{obj.name} ({obj.location.name})" if self.several else obj.name


class CatalogueAdmin(ScopedAdmin):
    """Plain settings: what staff type is what is stored, within the clinic."""

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        offered = access.visible(Service, request.user).filter(is_active=True).select_related("location")
        field = ServicesField(offered.order_by("location__name", "name"), required=False, label="Services")
        field.several = access.locations(request.user)[1:2].exists()
        return field

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change=change, **kwargs)
        if obj is not None and "services" in form.base_fields:
            here = Service.objects.filter(location=obj.location_id).order_by("name")
            form.base_fields["services"].queryset, form.base_fields["services"].several = here, False
        return form

    @display(description="To be checked", ordering="needs_review", label={"yes": "warning"}, empty_value="-")
    def to_check(self, row: Any) -> Badge | None:
        return Badge("yes", "Check it") if row.needs_review else None

    list_select_related: tuple[str, ...] = ("location",)
    search_fields = ("name",)
    ordering = ("location", "name")

    def save_through(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> Any:
        obj.save()
        return obj

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        for row in formset.save(commit=False):
            row.location = form.instance.location
            row.save()
        for row in formset.deleted_objects:
            row.delete()
        formset.save_m2m()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        # A row that visits refer to stays in its clinic.
        return (*super().get_readonly_fields(request, obj), *(("location",) if obj else ()))


@admin.register(Service)
class ServiceAdmin(CatalogueAdmin):
    form = ServiceForm
    list_display = (
        "name",
        "service_type",
        "urgency_level",
        "duration_minutes",
        "is_high_risk",
        "is_active",
        "to_check",
    )
    list_filter = (LocationFilter, "service_type", "urgency_level", "is_active", "needs_review")
    inlines = (ServiceIds,)
    fieldsets = (
        (
            None,
            {
                "fields": (
                    ("location", "name"),
                    ("service_type", "urgency_level"),
                    ("duration_minutes", "buffer_minutes"),
                    ("price_cents", "recall_interval_days"),
                    ("is_high_risk", "is_active"),
                    "needs_review",
                )
            },
        ),
    )

    def save_through(self, request: HttpRequest, obj: Service, form: Any, change: bool) -> Service:
        obj.save(cause=cause_of(request))
        return obj


@admin.register(Practitioner)
class PractitionerAdmin(CatalogueAdmin):
    form = PractitionerForm
    list_display = ("name", "user", "recall_interval_days", "is_active", "to_check")
    list_filter = (LocationFilter, "is_active", "needs_review")
    list_select_related = ("location", "user")
    inlines = (PractitionerIds,)
    fields = (
        ("location", "name"),
        ("user", "recall_interval_days"),
        ("is_active", "needs_review"),
        "roster",
        "services",
    )

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new practitioner works when the clinic is open, until somebody says otherwise."""
        here = getattr(request, "location", None)
        return {"roster": here.opening_hours if here else {}, **super().get_changeform_initial_data(request)}


@admin.register(Room)
class RoomAdmin(CatalogueAdmin):
    form = RoomForm
    list_display = ("name", "is_active")
    list_filter = (LocationFilter, "is_active")
    fields = (("location", "name"), "is_active", "services")
