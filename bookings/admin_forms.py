"""Forms of the visit pages. Times that staff type are times on the wall of the visit's clinic."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.utils import timezone
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from accounts import access
from accounts.form_fields import MoneyField, WeekField
from accounts.models import Location
from bookings.models import Booking, Practitioner, Room, Service
from core import clock, localtime


def at_clinic(typed: datetime, location: Location) -> datetime:
    """The instant (UTC) meant by a typed time, which the form has read in the zone of the page."""
    return localtime.to_utc(timezone.make_naive(typed), location.zone)


class ServiceForm(forms.ModelForm):
    """What the clinic offers."""

    price_cents = MoneyField(label="Price")

    class Meta:
        model = Service
        fields = "__all__"


class OfOneClinic(forms.ModelForm):
    """A row whose services are its own clinic's."""

    def clean(self) -> dict[str, Any]:
        data = dict(super().clean() or {})
        location = data.get("location") or getattr(self.instance, "location", None)
        strange = [
            row.name for row in data.get("services") or () if location and row.location_id != location.pk
        ]
        if strange:
            self.add_error("services", f"Another clinic's: {', '.join(strange)}. Take them out.")
        return data


class PractitionerForm(OfOneClinic):
    """Who sees patients, with their working hours."""

    roster = WeekField(
        label="Working hours",
        closed="Not working",
        help_text="Leave the second pair empty unless there is a break.",
    )

    class Meta:
        model = Practitioner
        fields = "__all__"


class RoomForm(OfOneClinic):
    """Where visits take place."""

    class Meta:
        model = Room
        fields = "__all__"


class BookingForm(forms.ModelForm):
    """A visit: everything when it is booked; afterwards its details, while the buttons move it."""

    appointment_datetime = forms.SplitDateTimeField(
        label="Time", widget=UnfoldAdminSplitDateTimeWidget(), help_text="On the clinic's clock."
    )
    ends_at = forms.SplitDateTimeField(
        label="Until",
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget(),
        help_text="Leave empty for the service's usual length.",
    )

    price_cents = MoneyField(label="Price")

    class Meta:
        model = Booking
        fields = (
            "location",
            "contact",
            "service",
            "practitioner",
            "room",
            "urgency_level",
            "payment_status",
            "price_cents",
            "notes",
        )
        widgets = {"notes": UnfoldAdminTextareaWidget(attrs={"rows": 4})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.pk:
            # Changing times is a move, with a button of its own.
            del self.fields["appointment_datetime"], self.fields["ends_at"]

    def clean(self) -> dict[str, Any]:
        data = dict(super().clean() or {})
        location = data.get("location")
        for name in ("appointment_datetime", "ends_at"):
            if data.get(name) and location is not None:
                data[name] = at_clinic(data[name], location)
        return data

    def _post_clean(self) -> None:
        # The service has the say, and the database behind it: the model's constraints would only repeat it.
        return


class ReasonForm(BaseDialogForm):
    """Why, in the staff's words."""

    reason = forms.CharField(
        label="Reason",
        required=False,
        max_length=500,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="For the clinic only. It is never sent.",
    )


def _visit_of(form: Any) -> Booking | None:
    """The visit a dialog is about, if the person may see it."""
    visible = access.visible(Booking.objects.select_related("location"), form.request.user)
    return visible.filter(public_id=form.object_id).first()


class OutcomeForm(BaseDialogForm):
    """Nothing to fill in, but a tick where the visit has not begun: that is usually a slip."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        visit = _visit_of(self)
        if visit is not None and visit.appointment_datetime > clock.now():
            at = visit.location.local(visit.appointment_datetime)
            self.fields["sure"] = forms.BooleanField(
                label=f"It begins only on {at:%a %-d %b at %H:%M}. Record it all the same",
                widget=UnfoldBooleanSwitchWidget,
                error_messages={"required": "Tick this to record an outcome before the visit."},
            )


class NewTimeForm(BaseDialogForm):
    """Another time for a visit, on its clinic's clock."""

    appointment_datetime = forms.SplitDateTimeField(
        label="New time", widget=UnfoldAdminSplitDateTimeWidget(), help_text="On the clinic's clock."
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        booking = _visit_of(self)
        if booking is not None:
            self.initial["appointment_datetime"] = booking.location.local(
                booking.appointment_datetime
            ).replace(tzinfo=None)
