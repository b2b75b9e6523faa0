"""The form of a clinic: every setting a field of its own, with its unit."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminDecimalFieldWidget, UnfoldAdminTextareaWidget

from accounts import access, calendars, golive, location_settings, roles
from accounts.form_fields import (
    DaysField,
    MoneyField,
    TimeWidget,
    WeekField,
    calendar_choices,
    choice,
    zone_choices,
)
from accounts.models import Location, default_kpi_targets
from core import clock

CURRENCIES = [("AUD", "Australian dollar"), ("USD", "US dollar"), ("CAD", "Canadian dollar")]
#: KPI target -> its name and its unit.
KPI: dict[str, tuple[str, str]] = {
    "speed_to_lead_minutes": ("Speed to lead, at most", "minutes on average"),
    "speed_to_lead_under_5min_percentage": ("Leads answered within 5 minutes", "%"),
    "attendance_rate": ("Attendance", "% of visits"),
    "attendance_rate_of_confirmed": ("Attendance of confirmed visits", "%"),
    "no_show_rate": ("No-shows, at most", "% of visits"),
    "no_show_rate_stretch": ("No-shows, stretch target", "% of visits"),
    "rescue_rate": ("Cancelled visits rebooked", "%"),
    "recall_conversion_rate": ("Recalls booked", "%"),
    "qualified_rate": ("Qualified", "% of leads"),
    "booked_of_qualified_rate": ("Booked", "% of qualified leads"),
    "cost_per_acquisition": ("Cost per new patient, at most", "in the clinic's currency"),
    "return_on_spend": ("Return on advertising", "times the spend"),
}
OWN, TARGET = "own_", "kpi_"
#: Fields of the form that are the model's own.
PLAIN = (
    "name", "code", "phone", "address", "booking_link", "review_link", "time_zone", "region", "currency",
    "legal_profile", "opening_hours", "holiday_own_days", "quiet_hours_start", "quiet_hours_end", "daily_at",
    "daily_sms_cap_cents",
)  # fmt: skip


class LocationForm(forms.ModelForm):
    """A clinic. `own_…` fields are the apps' settings, `kpi_…` fields the targets; both are stored as JSON."""

    time_zone = forms.ChoiceField()
    region = forms.ChoiceField()
    currency = forms.ChoiceField()
    opening_hours = WeekField(help_text="Leave the second pair empty unless the clinic closes in between.")
    holiday_calendar = forms.ChoiceField(required=False)
    holiday_own_days = DaysField(label="Own closing days", help_text="More room appears after saving.")
    quiet_hours_start = forms.TimeField(
        label="Quiet from", widget=TimeWidget(), help_text="No care or marketing text from this local time,"
    )
    quiet_hours_end = forms.TimeField(label="Quiet until", widget=TimeWidget(), help_text="until this one.")
    daily_at = forms.TimeField(
        label="Daily rules at", widget=TimeWidget(),
        help_text="Recall, dormant contacts and the nightly checks, on the clinic's clock. Texts wait for the morning.",
    )  # fmt: skip
    daily_sms_cap_cents = MoneyField(
        required=True, label="Most for texts in a day",
        help_text="In the clinic's currency. Texts above it are held for a person.",
    )  # fmt: skip

    class Meta:
        model = Location
        fields = ("name", "code")  # the admin adds those of its fieldsets

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "name" not in self.fields:
            return  # only looked at
        row = self.instance
        for name in PLAIN:
            # A field that is declared here does not take the model's default by itself.
            self.initial.setdefault(name, getattr(row, name))
        self._choose("time_zone", zone_choices(), row.time_zone)
        self._choose("region", list(calendars.COUNTRIES.items()), row.region)
        self._choose("currency", CURRENCIES, row.currency)
        calendar = f"{row.holiday_country}:{row.holiday_state}" if row.holiday_country else ""
        self._choose("holiday_calendar", calendar_choices(), calendar)
        self.initial["holiday_calendar"] = calendar
        self.fields["region"].label = "Country"
        self.fields["region"].help_text = "Phone numbers without a prefix belong to it."
        self.fields["holiday_calendar"].help_text = closed_days(row)
        for key, field in self.fields.items():
            if key.startswith(OWN):
                field.initial = (row.settings or {}).get(key.removeprefix(OWN))
            elif key.startswith(TARGET):
                field.initial = row.kpi_targets.get(key.removeprefix(TARGET))

    def _choose(self, name: str, pairs: list[Any], present: str) -> None:
        old = self.fields[name]
        self.fields[name] = choice(pairs, present, label=old.label, required=old.required)

    def service_fields(self) -> dict[str, Any]:
        """What was typed, as the service takes it: only what differs from what is stored."""
        data, changed = self.cleaned_data, set(self.changed_data)
        fields = {name: data[name] for name in changed if name in PLAIN}
        if "holiday_calendar" in changed:
            country, _, state = data["holiday_calendar"].partition(":")
            fields |= {"holiday_country": country, "holiday_state": state}
        for prefix, name in ((OWN, "settings"), (TARGET, "kpi_targets")):
            typed = {key.removeprefix(prefix): data[key] for key in changed if key.startswith(prefix)}
            if typed:
                merged = {**(getattr(self.instance, name) or {}), **typed}
                fields[name] = {key: value for key, value in merged.items() if not _is_empty(value)}
        return fields


def _is_empty(value: object) -> bool:
    return value is None or value == "" or value is False


def location_form() -> type[LocationForm]:
    """The form with the fields that apps registered and the targets."""
    own = {f"{OWN}{setting.key}": setting.field() for _, setting in location_settings.settings.items()}
    defaults = default_kpi_targets()
    targets = {
        f"{TARGET}{key}": forms.FloatField(
            label=label, required=False, min_value=0, max_value=100 if unit.startswith("%") else 1_000_000,
            widget=UnfoldAdminDecimalFieldWidget(),
            help_text=f"{unit[:1].upper()}{unit[1:]}. Usual: {defaults[key]:g}.",
        )
        for key, (label, unit) in KPI.items()
    }  # fmt: skip
    return type("LocationForm", (LocationForm,), {**own, **targets})


def closed_days(location: Location) -> str:
    """The next five days on which the clinic is closed, as stored."""
    today = location.local(clock.now()).date()
    own = [date.fromisoformat(day) for day in location.holiday_own_days]
    found = calendars.next_closed_days(location.holiday_country, location.holiday_state, own, today)
    lines = format_html_join(", ", "{} ({})", ((f"{day:%a %-d %b %Y}", name) for day, name in found))
    return format_html("Closed next: {}.", lines) if found else "No closed day is known."


class GoLiveForm(BaseDialogForm):
    """What going live will do and what is missing; an admin may go live all the same, and says why."""

    form_before_template = "accounts/go_live.html"
    reason = forms.CharField(
        label="Go live all the same, because",
        max_length=400,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        rows = access.visible(Location, self.request.user)
        self.location = rows.filter(public_id=self.object_id).first()
        self.missing = golive.lacking(self.location) if self.location is not None else []
        if not self.missing or not access.allowed(self.request.user, roles.UPDATE, "users"):
            del self.fields["reason"]

    def get_before_template_context(self, request: Any, object_id: Any = None) -> dict[str, Any]:
        said = [say(self.location) for _, say in golive.consequences.items()] if self.location else []
        return {
            "missing": self.missing,
            "consequences": [line for line in said if line],
            "force": "reason" in self.fields,
        }
