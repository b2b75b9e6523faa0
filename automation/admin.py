"""Rules, what they did, and why, in the admin."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.staff import (
    Badge,
    LocationFilter,
    ReadOnlyAdmin,
    ReadOnlyInline,
    ScopedAdmin,
    cause_of,
    move_button,
)
from automation import delayed, segments, services
from automation.models import ActionRun, FactSnapshot, Rule, RuleRun, SavedSegment
from contacts.models import Contact

_TONES = {
    "done": "success", "running": "info", "pending": "info", "matched": "warning", "held": "warning",
    "failed": "danger", "stopped": "danger", "not_matched": "", "skipped": "",
}  # fmt: skip


@admin.register(Rule)
class RuleAdmin(ScopedAdmin):
    """Rules have pages of their own: the list and the editor. Every address of the admin leads there."""

    search_fields = ("name", "key")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:automation_rules"))

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:automation_rules"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        rule = self.get_object(request, object_id)
        if rule is None:
            raise Http404("There is no such rule.")
        return HttpResponseRedirect(reverse("admin:automation_rule_edit", args=[rule.public_id]))


class ActionRunInline(ReadOnlyInline):
    """The steps of a run."""

    model = ActionRun
    fields = ("number", "type", "tone", "run_at", "reason")
    readonly_fields = ("number", "tone")
    ordering = ("step",)

    @display(description="Step")
    def number(self, row: ActionRun) -> int:
        return row.step + 1

    @display(description="State", label=_TONES)
    def tone(self, row: ActionRun) -> Badge:
        return Badge(row.state, row.get_state_display())


def _contact_link(contact: Contact | None) -> str:
    if contact is None:
        return "-"
    url = reverse("admin:contacts_contact_change", args=(contact.public_id,))
    return format_html('<a class="underline" href="{}">{}</a>', url, contact)


@admin.register(RuleRun)
class RuleRunAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "rule", "who", "tone", "reason")
    list_filter = (LocationFilter, "state", "rule__key")
    list_select_related = ("rule", "contact", "location")
    ordering = ("-id",)
    inlines = (ActionRunInline,)
    fields = (
        "rule",
        "version",
        "who",
        "tone",
        "reason",
        "facts_seen",
        "booking",
        "created_at",
        "finished_at",
    )
    readonly_fields = ("who", "tone", "facts_seen", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RuleRun]:
        return super().get_queryset(request).select_related(*self.list_select_related, "facts", "version")

    @display(description="Contact")
    def who(self, run: RuleRun) -> str:
        return _contact_link(run.contact)

    @display(description="State", label=_TONES)
    def tone(self, run: RuleRun) -> Badge:
        return Badge(run.state, run.get_state_display())

    @display(description="What it saw")
    def facts_seen(self, run: RuleRun) -> str:
        return _facts(run.facts)


class LeaveForm(BaseDialogForm):
    """Why a failed step is not to be tried again."""

    reason = forms.CharField(
        label="Why?", max_length=200, widget=UnfoldAdminTextInputWidget(),
        help_text="For example: it was done by hand.",
    )  # fmt: skip


@admin.register(ActionRun)
class ActionRunAdmin(ReadOnlyAdmin):
    list_display = ("run_at", "rule_name", "type", "who", "tone", "reason")
    list_filter = (LocationFilter, "state", "type")
    list_select_related = ("run__rule", "run__contact")
    ordering = ("-id",)
    fields = ("rule_name", "who", "type", "tone", "reason", "facts_seen", "result", "attempts", "run_at")
    readonly_fields = ("rule_name", "who", "tone")
    retry = move_button(
        "Try again", lambda row, data, cause: services.retry_action(row.pk, cause=cause), name="retry",
        done="It is in line again.", icon="replay", when=lambda row: row.state == ActionRun.State.FAILED,
        question="Its conditions are looked at again first.",
    )  # fmt: skip
    leave = move_button(
        "Leave it", lambda row, data, cause: delayed.withdraw_step(row.pk, reason=data["reason"], cause=cause),
        name="leave", form=LeaveForm, icon="do_not_disturb_on", when=lambda row: row.state == ActionRun.State.FAILED,
        done="It will not be tried again, and asks for nobody any more.",
    )  # fmt: skip
    actions_detail = ("retry", "leave")
    actions_row = ("retry", "leave")

    @display(description="Rule")
    def rule_name(self, row: ActionRun) -> str:
        return str(row.run.rule)

    @display(description="Contact")
    def who(self, row: ActionRun) -> str:
        return _contact_link(row.run.contact)

    @display(description="State", label=_TONES)
    def tone(self, row: ActionRun) -> Badge:
        return Badge(row.state, row.get_state_display())


@admin.register(FactSnapshot)
class FactSnapshotAdmin(ReadOnlyAdmin):
    list_display = ("event_id", "at")
    ordering = ("-id",)
    fields = ("event_id", "at", "seen")
    readonly_fields = ("seen",)
    list_filter: ClassVar[tuple[Any, ...]] = ()

    @display(description="What was known")
    def seen(self, snapshot: FactSnapshot) -> str:
        return _facts(snapshot)


@admin.register(SavedSegment)
class SavedSegmentAdmin(ScopedAdmin):
    """People found by what is known of them now."""

    empty_hint = "A segment is a group of people found by what is known of them, for texts to many."
    list_display = ("name", "in_words")
    list_filter = (LocationFilter,)
    search_fields = ("name",)
    list_select_related = ("location",)
    deletable = True

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Written on a page of its own, as is a change: see `automation.editor.segment_page`."""
        return HttpResponseRedirect(reverse("admin:automation_segment_new"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        segment = self.get_object(request, object_id)
        if segment is None:
            raise Http404("There is no such segment.")
        return HttpResponseRedirect(reverse("admin:automation_segment_edit", args=[segment.public_id]))

    @display(description="In plain words")
    def in_words(self, segment: SavedSegment) -> str:
        return segments.sentence(segment.conditions)

    def delete_through(self, request: HttpRequest, obj: SavedSegment) -> None:
        segments.delete_segment(obj.pk, cause=cause_of(request))


def _facts(snapshot: FactSnapshot | None) -> str:
    if snapshot is None:
        return "-"
    lines = [f"{name}: {'unknown' if value is None else value}" for name, value in snapshot.values.items()]
    return format_html("<pre>{}</pre>", "\n".join(lines))
