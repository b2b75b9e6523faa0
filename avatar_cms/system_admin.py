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
from accounts.staff import LocationFilter, ReadOnlyAdmin, move_button
from core import events, work
from core.causes import Cause
from core.explain import explain
from core.models import AuditEntry, Event, Work


class EventAdmin(ReadOnlyAdmin):
    """What happened, and what followed from it."""

    list_display = ("occurred_at", "label", "source", "cause_kind", "contact_id", "booking_id")
    list_display_links = ("occurred_at", "label")
    list_filter = (LocationFilter, "type", "cause_kind")
    ordering = ("-id",)
    fields = ("type", "occurred_at", "recorded_at", "source", "cause_kind", "cause_id", "data", "story")
    readonly_fields = ("story",)

    @display(description="Event", ordering="type")
    def label(self, row: Event) -> str:
        known = {entry.name: entry.label for entry in events.all_types()}
        return str(known.get(row.type, row.type))

    @display(description="What followed")
    def story(self, row: Event) -> str:
        return format_html('<pre class="whitespace-pre-wrap">{}</pre>', "\n".join(explain(row)))


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
    def show_state(self, row: Work) -> tuple[str, str]:
        return row.state, row.get_state_display()

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
