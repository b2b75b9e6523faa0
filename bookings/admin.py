"""Visits at the desk: the diary, one visit with its moves as buttons. What can be booked is in `catalogue_admin`."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.decorators import display
from unfold.enums import ActionVariant

from accounts import access
from accounts.models import User
from accounts.staff import Badge, LocationFilter, ScopedAdmin, cause_of, link_to, move_button
from accounts.staff_parts import SeenRelatedFilter
from bookings import bulk_acts, selectors, services
from bookings import catalogue_admin as catalogue_admin
from bookings.admin_filters import WhenFilter
from bookings.admin_forms import (
    BookingForm,
    NewTimeForm,
    OutcomeForm,
    ReasonForm,
    at_clinic,
)
from bookings.models import (
    LIVE,
    STANDING,
    Booking,
    Status,
)
from contacts.found_by import FoundByContact
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
class BookingAdmin(FoundByContact, ScopedAdmin):
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
        WhenFilter,
        ("service", SeenRelatedFilter),
        "urgency_level",
        "source",
        "overlap_accepted",
    )
    list_select_related = ("location", "contact", "service", "practitioner")
    search_help_text = "Name, phone or e-mail of the patient, or the provider's id"
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
        form=OutcomeForm,
        icon="event_available",
        variant=ActionVariant.SUCCESS,
        question="The follow-up starts in a few minutes, so a slip can still be corrected.",
        when=lambda row: row.status in STANDING and row.outcome != "attended",
    )
    no_show = move_button(
        "Did not attend",
        _outcome("no_show", "Recorded: the patient did not attend."),
        name="no_show",
        form=OutcomeForm,
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
    actions = bulk_acts.ACTIONS
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

    def found_also(self, user: User, text: str) -> Q:
        """By the provider's id."""
        return selectors.named(text, access.places(user))

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
