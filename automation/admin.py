"""Rules, what they did, and why, in the admin."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import display

from accounts import access
from accounts.models import User
from accounts.staff import (
    Badge,
    LocationFilter,
    ReadOnlyAdmin,
    ReadOnlyInline,
    ScopedAdmin,
    cause_of,
    move_button,
)
from automation import seeds, segments, selectors, sentences, services, statistics
from automation.admin_forms import DryRunForm, RuleForm, SegmentForm, VersionForm
from automation.engine import Turn
from automation.models import ActionRun, FactSnapshot, Rule, RuleRun, RuleVersion, SavedSegment
from automation.services import RuleInput
from contacts import selectors as contact_selectors
from contacts.models import Contact
from core import clock
from core.causes import Cause
from core.errors import NotFound
from core.models import Event

_TONES = {
    "done": "success", "running": "info", "pending": "info", "matched": "warning", "held": "warning",
    "failed": "danger", "stopped": "danger", "not_matched": "", "skipped": "",
}  # fmt: skip

_TURNS = {Turn.DO: "Would", Turn.SKIP: "Would not", Turn.LATER: "Would, later,"}


def _person(cause: Cause) -> User:
    return User.objects.get(pk=cause.id)


def _switch(row: Rule, data: dict[str, Any], cause: Cause) -> str:
    rule = services.set_active(row.pk, active=not row.is_active, cause=cause)
    return f"{rule.name} is {'on' if rule.is_active else 'off'} now."


def _dry_run(row: Rule, data: dict[str, Any], cause: Cause) -> str:
    seen, about = (
        _dry_run_on_event(row, data["event"], cause)
        if data["event"]
        else _dry_run_on_contact(row, data, cause)
    )
    steps = format_html_join(
        "", "<li>{} {}. {}</li>",
        ((_TURNS[plan.turn], sentences.describe(plan.step), plan.reason) for plan in seen.plan.steps),
    )  # fmt: skip
    verdict = "Would run" if seen.matched else "Would not run"
    return format_html(
        '{} for {}. {}<ol class="list-decimal pl-4">{}</ol>', verdict, about, seen.reason, steps
    )


def _dry_run_on_contact(row: Rule, data: dict[str, Any], cause: Cause) -> tuple[selectors.Preview, str]:
    contacts = access.visible(Contact.objects.live().filter(location=row.location), _person(cause))
    contact = contact_selectors.find(contacts, data["contact"], locations=[row.location]).first()
    if contact is None:
        raise NotFound("No contact of this clinic was found by that.")
    return selectors.preview(contact, row), str(contact)


def _dry_run_on_event(row: Rule, public_id: UUID, cause: Cause) -> tuple[selectors.Preview, str]:
    event = Event.objects.filter(public_id=public_id, location_id=row.location_id).first()
    if event is None:
        raise NotFound("No event of this clinic has that id.")
    selectors.check_event(_person(cause), event)
    return selectors.preview_event(event, row), str(event)


def _restore_version(row: Rule, data: dict[str, Any], cause: Cause) -> None:
    services.restore_version(row.pk, number=data["number"], author=_person(cause), cause=cause)


class VersionInline(ReadOnlyInline):
    """Every wording the rule had."""

    model = RuleVersion
    fields = ("number", "created_at", "author", "is_seed", "in_words")
    readonly_fields = ("created_at", "in_words")
    show_change_link = False

    @display(description="In plain words")
    def in_words(self, version: RuleVersion) -> str:
        return selectors.sentence(version.rule, version)


@admin.register(Rule)
class RuleAdmin(ScopedAdmin):
    form = RuleForm
    list_display = ("name", "key", "in_words", "is_active", "lately", "wording")
    list_filter = (LocationFilter, "trigger", "is_active", "is_seeded")
    list_select_related = ("current", "location")
    search_fields = ("name", "key")
    inlines = (VersionInline,)
    fieldsets = (
        (None, {"fields": (("name", "key"), "location", ("priority", "is_active"))}),
        ("When", {"fields": ("trigger", ("every", "anchor"), "conditions")}),
        ("What", {"fields": ("actions",)}),
    )
    switch = move_button("Switch on or off", _switch, name="switch", icon="toggle_on")
    dry_run = move_button("Dry run", _dry_run, name="dry_run", form=DryRunForm, gate="read", icon="science")
    restore = move_button(
        "Restore as delivered",
        lambda row, data, cause: seeds.restore_rule(row.pk, author=_person(cause), cause=cause),
        name="restore", icon="history", done="The rule says again what it was delivered with.",
        question="The present wording is kept as a version.", when=lambda row: row.is_seeded,
    )  # fmt: skip
    restore_version = move_button(
        "Bring back a version", _restore_version, name="restore_version", form=VersionForm,
        icon="restore_page", done="The rule says again what it said then.",
    )  # fmt: skip
    actions_detail = (
        "dry_run", "switch",
        {"title": "More", "icon": "more_horiz", "items": ["restore", "restore_version"]},
    )  # fmt: skip
    actions_row = ("switch",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Rule]:
        since = clock.now() - timedelta(days=30)
        runs = RuleRun.objects.filter(rule=OuterRef("pk"), created_at__gt=since).order_by()
        counts = runs.values("rule").annotate(n=Count("pk"))
        did = counts.exclude(state__in=("not_matched", "stopped"))
        return super().get_queryset(request).annotate(
            matched_lately=Subquery(did.values("n")),
            failed_lately=Subquery(counts.filter(state="failed").values("n")),
        )  # fmt: skip

    @display(description="Last 30 days")
    def lately(self, rule: Any) -> str:
        failed = f", {rule.failed_lately} failed" if rule.failed_lately else ""
        paused = "; paused" if rule.paused_reason else ""
        return f"ran {rule.matched_lately or 0} times{failed}{paused}"

    @display(description="Paused")
    def paused(self, rule: Rule) -> str:
        return rule.paused_reason or "-"

    @display(description="What it did")
    def figures(self, rule: Rule) -> str:
        return _figures(statistics.of_rules([rule.pk], clock.now())[rule.pk], rule) if rule.pk else "-"

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        shown = ("in_words", "paused", "figures", "conditions_shown", "actions_shown")
        return shown if obj is None else ("key", "location", *shown)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        if obj is None:
            return self.fieldsets
        paused = ("paused",) if obj.paused_reason else ()
        words = (None, {"fields": ("in_words", *paused, "figures")})
        if self.has_change_permission(request, obj):
            return (words, *self.fieldsets)
        head = (("name", "key"), "location", ("priority", "is_active"), "trigger", ("every", "anchor"))
        return (words, (None, {"fields": (*head, "conditions_shown", "actions_shown")}))

    @display(description="Conditions")
    def conditions_shown(self, rule: Rule) -> str:
        return _json(rule.current.conditions if rule.current is not None else {})

    @display(description="Actions")
    def actions_shown(self, rule: Rule) -> str:
        return _json(rule.current.actions if rule.current is not None else [])

    @display(description="In plain words")
    def in_words(self, rule: Rule) -> str:
        return selectors.sentence(rule) if rule.pk else "-"

    @display(description="Wording", label={"Delivered": "", "Edited": "warning", "Own": "info"})
    def wording(self, rule: Rule) -> str:
        if not rule.is_seeded:
            return "Own"
        return "Delivered" if rule.current is None or rule.current.is_seed else "Edited"

    def save_through(self, request: HttpRequest, obj: Rule, form: Any, change: bool) -> Rule:
        data = form.cleaned_data
        wanted = RuleInput(
            name=data["name"], trigger=data["trigger"], every=data["every"], anchor=data["anchor"],
            priority=data["priority"], is_active=data["is_active"], conditions=data["conditions"],
            actions=data["actions"],
        )  # fmt: skip
        cause = cause_of(request)
        author = _person(cause)
        if change:
            return services.save_rule(obj.pk, wanted=wanted, author=author, cause=cause)
        return services.create_rule(
            location=data["location"], key=data["key"], wanted=wanted, author=author, cause=cause
        )


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
    actions_detail = ("retry",)
    actions_row = ("retry",)

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


def _figures(found: statistics.Statistics, rule: Rule) -> str:
    words = {
        "runs": "looked at", "matched": "ran", "done": "actions done", "skipped": "actions skipped",
        "failed": "failed", "messages": "messages",
    }  # fmt: skip
    lines = format_html_join(
        "", "<p>{}: {}</p>",
        (
            (label, ", ".join(f"{getattr(figures, name)} {said}" for name, said in words.items()))
            for label, figures in (("7 days", found.last_7_days), ("30 days", found.last_30_days))
        ),
    )  # fmt: skip
    last = (
        rule.location.local(found.last_run).strftime("%a %d %b %Y, %H:%M")
        if found.last_run
        else "not in 30 days"
    )
    return format_html("{}<p>Last ran: {}</p>", lines, last)


@admin.register(SavedSegment)
class SavedSegmentAdmin(ScopedAdmin):
    """People found by what is known of them now."""

    form = SegmentForm
    empty_hint = "A segment is a group of people found by what is known of them, for texts to many."
    list_display = ("name", "in_words")
    list_filter = (LocationFilter,)
    search_fields = ("name",)
    list_select_related = ("location",)
    fields = ("location", "name", "conditions")
    deletable = True

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return () if obj is None else ("location", "in_words", "people")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.fields if obj is None else ("location", "name", "in_words", "people", "conditions")

    @display(description="In plain words")
    def in_words(self, segment: SavedSegment) -> str:
        return segments.sentence(segment.conditions)

    @display(description="People now")
    def people(self, segment: SavedSegment) -> str:
        return str(segments.count(segment.location, segments.parse(segment.conditions)))

    def save_through(self, request: HttpRequest, obj: SavedSegment, form: Any, change: bool) -> SavedSegment:
        data, cause = form.cleaned_data, cause_of(request)
        wanted = {"name": data["name"], "conditions": data["conditions"]}
        if change:
            return segments.save_segment(obj.pk, cause=cause, **wanted)
        return segments.create_segment(location=data["location"], cause=cause, **wanted)

    def delete_through(self, request: HttpRequest, obj: SavedSegment) -> None:
        segments.delete_segment(obj.pk, cause=cause_of(request))


def _json(value: Any) -> str:
    return format_html("<pre>{}</pre>", json.dumps(value, indent=2, ensure_ascii=False))


def _facts(snapshot: FactSnapshot | None) -> str:
    if snapshot is None:
        return "-"
    lines = [f"{name}: {'unknown' if value is None else value}" for name, value in snapshot.values.items()]
    return format_html("<pre>{}</pre>", "\n".join(lines))
