"""Clinics in the admin: their settings as fields, and automation off, in shadow or live as buttons."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.decorators import display
from unfold.enums import ActionVariant

from accounts import access, golive, location_settings, roles, services, setup_page
from accounts.location_forms import KPI, OWN, PLAIN, TARGET, GoLiveForm, location_form
from accounts.middleware import choose_location
from accounts.models import Location
from accounts.staff import Badge, ScopedAdmin, cause_of, move_button
from core.causes import Cause

Mode = Location.AutomationMode
_COLOURS = {"live": "success", "shadow": "info", "off": "warning"}
_AFTER = {
    Mode.SHADOW: "Nothing is sent any more; what rules would do is recorded.",
    Mode.OFF: "No rule runs any more, and nothing is sent.",
}


def _go_live(row: Location, data: dict[str, Any], cause: Cause) -> str:
    golive.set_automation_mode(
        location_id=row.pk, mode=Mode.LIVE, cause=cause, force_reason=data.get("reason", "")
    )
    return f"{row.name} is live."


def _switch(mode: str) -> Any:
    def switch(row: Location, data: dict[str, Any], cause: Cause) -> str:
        golive.set_automation_mode(location_id=row.pk, mode=mode, cause=cause)
        return _AFTER[Mode(mode)]

    return switch


@admin.register(Location)
class LocationAdmin(ScopedAdmin):
    list_display = ("name", "code", "time_zone", "show_mode", "phone")
    search_fields = ("name", "code")
    readonly_fields = ("automation_mode", "live_since")
    go_live = move_button(
        "Go live", _go_live, name="go_live", form=GoLiveForm, icon="rocket_launch", variant=ActionVariant.SUCCESS,
        when=lambda row: row.automation_mode != Mode.LIVE,
    )  # fmt: skip
    shadow = move_button(
        "Shadow", _switch(Mode.SHADOW), name="shadow", icon="visibility",
        question="Nothing is sent from now on; what rules would do is recorded.",
        when=lambda row: row.automation_mode != Mode.SHADOW,
    )  # fmt: skip
    switch_off = move_button(
        "Switch off", _switch(Mode.OFF), name="switch_off", icon="power_settings_new", variant=ActionVariant.DANGER,
        question="No rule runs and nothing is sent from now on.", when=lambda row: row.automation_mode != Mode.OFF,
    )  # fmt: skip
    actions_detail = ("go_live", "shadow", "switch_off")

    @display(description="Automation", label=_COLOURS, ordering="automation_mode")
    def show_mode(self, row: Location) -> Badge:
        return Badge(row.automation_mode, row.get_automation_mode_display())

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return access.allowed(request.user, roles.CREATE, "users")

    def get_fieldsets(self, request: HttpRequest, obj: Location | None = None) -> Any:
        if not self.has_change_permission(request, obj):
            return _LOOK
        own = {
            section: [f"{OWN}{setting.key}" for setting in location_settings.in_section(section)]
            for section in ("Messages", "Work")
        }
        targets = [f"{TARGET}{key}" for key in KPI]
        pairs = [tuple(targets[start : start + 2]) for start in range(0, len(targets), 2)]
        moved = [("automation_mode", "live_since")] if obj else []
        return (
            *_FIRST,
            ("Messages", {"fields": (*_MESSAGES, *own["Messages"])}),
            *([("Work", {"fields": own["Work"]})] if own["Work"] else []),
            ("Automation", {"fields": (*moved, "daily_at")}),
            ("Targets", {"fields": pairs, "description": "Shown beside each figure as met or not met."}),
        )  # fmt: skip

    def get_form(
        self, request: HttpRequest, obj: Location | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        if not self.has_change_permission(request, obj) and obj is not None:
            return super().get_form(request, obj, change=change, **kwargs)
        return super().get_form(request, obj, change=change, **{"form": location_form(), **kwargs})

    def save_through(self, request: HttpRequest, obj: Location, form: Any, change: bool) -> Location:
        fields = form.service_fields()
        if change:
            return services.update_location(location_id=obj.pk, fields=fields, cause=cause_of(request))
        typed = {name: form.cleaned_data[name] for name in PLAIN if name in form.cleaned_data}
        return services.create_location(fields={**typed, **fields}, cause=cause_of(request))

    def response_add(
        self, request: HttpRequest, obj: Location, post_url_continue: Any = None
    ) -> HttpResponse:
        """On to what the new clinic still lacks, working in it."""
        choose_location(request, obj.code)
        self.message_user(
            request, f"{obj.name} is there, in shadow. This is what it still lacks.", level="SUCCESS"
        )
        return HttpResponseRedirect(setup_page.address(obj))


_FIRST: tuple[Any, ...] = (
    (
        None,
        {
            "fields": (
                ("name", "code"), ("phone", "address"), ("booking_link", "review_link"),
                ("region", "time_zone"), ("legal_profile", "currency"),
            )
        },
    ),
    ("Hours", {"fields": ("opening_hours", "holiday_calendar", "holiday_own_days")}),
)  # fmt: skip
_MESSAGES: tuple[Any, ...] = (("quiet_hours_start", "quiet_hours_end"), "daily_sms_cap_cents")
_LOOK: tuple[Any, ...] = (
    (None, {"fields": _FIRST[0][1]["fields"]}),
    ("Automation", {"fields": (("automation_mode", "live_since"),)}),
)
