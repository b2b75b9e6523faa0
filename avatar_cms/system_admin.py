"""The machine's own rows in the admin: events, work, audit, schedules and the admin's log.

They stand here and not in `core`, because core knows neither people nor the theme.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.http import HttpRequest
from django.utils.html import format_html
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin
from unfold.decorators import display

from accounts import access, roles
from accounts.models import User
from accounts.staff import Badge, LocationFilter, ReadOnlyAdmin, link_to, move_button
from bookings.models import Booking
from contacts.models import Contact
from core import events, work
from core.causes import Cause
from core.explain import explain
from core.models import AuditEntry, Event, Work


class EventAdmin(ReadOnlyAdmin):
    """What happened, and what followed from it."""

    list_display = ("occurred_at", "label", "who", "visit", "show_cause", "show_source")
    list_display_links = ("occurred_at", "label")
    list_filter = (LocationFilter, "type", "cause_kind")
    ordering = ("-id",)
    fields = ("label", "occurred_at", "recorded_at", "show_source", "show_cause", "data", "story")
    readonly_fields = ("label", "show_source", "show_cause", "story")

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        # Events hold plain ids, because they outlive what they speak of.
        changelist = super().get_changelist_instance(request)
        rows = changelist.result_list
        people = Contact.objects.in_bulk({row.contact_id for row in rows if row.contact_id})
        visits = Booking.objects.select_related("location").in_bulk(
            {row.booking_id for row in rows if row.booking_id}
        )
        for row in rows:
            row.person, row.visited = people.get(row.contact_id), visits.get(row.booking_id)
        return changelist

    @display(description="Contact")
    def who(self, row: Event) -> str:
        return link_to(getattr(row, "person", None))

    @display(description="Visit")
    def visit(self, row: Event) -> str:
        booking = getattr(row, "visited", None)
        at = booking and booking.location.local(booking.appointment_datetime)
        return link_to(booking, at and f"{at:%a %-d %b, %H:%M}")

    @display(description="Started by")
    def show_cause(self, row: Event) -> str:
        return _CAUSES.get(row.cause_kind, row.cause_kind)

    @display(description="Heard from")
    def show_source(self, row: Event) -> str:
        return row.source.replace("_", " ").capitalize()

    @display(description="Event", ordering="type")
    def label(self, row: Event) -> str:
        known = {entry.name: entry.label for entry in events.all_types()}
        return str(known.get(row.type, row.type))

    @display(description="What followed")
    def story(self, row: Event) -> str:
        return format_html(
            '<pre style="white-space:pre-wrap;overflow-wrap:anywhere">{}</pre>', "\n".join(explain(row))
        )


_CAUSES = {
    "user": "Staff",
    "provider": "A provider",
    "clock": "The clock",
    "system": "The system",
    "rule_run": "A rule",
}


def _retry(row: Work, data: dict[str, Any], cause: Cause) -> None:
    work.retry(row.pk)


class WorkAdmin(ReadOnlyAdmin):
    """What the machine still has to do, and what it gave up on."""

    list_display = ("handler", "show_state", "due_at", "attempts", "finished_at", "short_error")
    list_filter = (LocationFilter, "state", "handler")
    ordering = ("-id",)
    exclude = ("fence", "dedupe_key")
    retry = move_button(
        "Try again", _retry, name="retry", done="It will be tried again in a moment.", icon="replay",
        when=lambda row: row.state == Work.State.PARKED,
    )  # fmt: skip
    actions_detail = ("retry",)
    actions_row = ("retry",)

    @display(
        description="State",
        ordering="state",
        label={"parked": "danger", "pending": "info", "claimed": "warning", "done": "success"},
    )
    def show_state(self, row: Work) -> Badge:
        return Badge(row.state, row.get_state_display())

    @display(description="Last error")
    def short_error(self, row: Work) -> str:
        lines = row.last_error.strip().splitlines()
        return lines[-1][:80] if lines else ""


class AuditEntryAdmin(ReadOnlyAdmin):
    """Who read or wrote what. One row for each request; never changed."""

    list_display = ("at", "who", "method", "route", "status", "personal_data", "ip", "duration_ms")
    list_display_links = None
    list_filter = (LocationFilter, "method", "personal_data", "status")
    search_fields = ("route",)
    ordering = ("-id",)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        people = User.objects.in_bulk({row.user_id for row in changelist.result_list if row.user_id})
        for row in changelist.result_list:
            row.person = people.get(row.user_id)
        return changelist

    @display(description="Who", ordering="user_id")
    def who(self, row: AuditEntry) -> str:
        return str(getattr(row, "person", None) or "nobody signed in")


class SystemAdmin(ModelAdmin):
    """Rows that belong to no clinic: seen by admins, changed by the `sync_schedule` command."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return access.allowed(request.user, roles.READ, "users")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return access.allowed(request.user, roles.READ, "users")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class PeriodicTaskAdmin(SystemAdmin):
    """The fixed ticks and when they last ran."""

    list_display = ("name", "task", "enabled", "last_run_at", "total_run_count")
    list_select_related = ("interval", "crontab")


class LogEntryAdmin(SystemAdmin):
    """What staff changed in the admin, by public id."""

    list_display = ("action_time", "user", "content_type", "object_repr", "action_flag")
    list_select_related = ("user", "content_type")
    list_filter = ("action_flag",)
    show_full_result_count = False


def register(site: admin.AdminSite) -> None:
    """Put our admins in place, the schedule library's own aside. Called once every app has registered its
    own.
    """
    # Groups are left out altogether: roles here are memberships.
    for model in (Group, PeriodicTask, ClockedSchedule, CrontabSchedule, IntervalSchedule, SolarSchedule):
        if site.is_registered(model):
            site.unregister(model)
    site.register(PeriodicTask, PeriodicTaskAdmin)
    site.register((IntervalSchedule, CrontabSchedule), SystemAdmin)
    site.register(LogEntry, LogEntryAdmin)
    site.register(Event, EventAdmin)
    site.register(Work, WorkAdmin)
    site.register(AuditEntry, AuditEntryAdmin)
