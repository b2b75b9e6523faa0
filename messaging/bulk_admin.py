"""Texts to many, and storms that wait for a decision, at the desk."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import admin
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from unfold.decorators import display
from unfold.enums import ActionVariant

from accounts import access
from accounts.models import User
from accounts.staff import Badge, LocationFilter, ReadOnlyAdmin, move_button
from core.causes import Cause
from messaging import bulk, bulk_progress, reasons, storms
from messaging.models import BulkSend, Status, Storm

_DRAFT, _SENDING = BulkSend.State.DRAFT, BulkSend.State.SENDING
_TONES = {
    _DRAFT: "warning", _SENDING: "info", BulkSend.State.DONE: "success", BulkSend.State.CANCELLED: "danger",
    Storm.State.WAITING: "warning", Storm.State.LET_GO: "success", Storm.State.DROPPED: "danger",
}  # fmt: skip


def _confirm(row: BulkSend, data: dict[str, Any], cause: Cause) -> str:
    bulk.confirm(row.pk, user=User.objects.get(pk=cause.id), cause=cause)
    return "It is on its way: each text goes as soon as it may. This page shows how far it is."


def _lines(pairs: Mapping[str, int]) -> str:
    if not pairs:
        return "-"
    rows = (
        (count, reasons.words(reason)) for reason, count in sorted(pairs.items(), key=lambda pair: -pair[1])
    )
    return format_html_join("", "<div>{}: {}</div>", rows)


def _duration(seconds: int) -> str:
    if seconds < 90:
        return f"about {seconds} seconds" if seconds > 1 else "about a second"
    minutes = -(-seconds // 60)
    return f"about {minutes} minutes" if minutes < 90 else f"about {minutes / 60:.1f} hours"


@admin.register(BulkSend)
class BulkSendAdmin(ReadOnlyAdmin):
    """One text for everyone of an audience: looked at, sent once, watched."""

    empty_hint = (
        "One text to everyone of a saved segment. Who gets it and what it costs is shown before it goes."
    )
    list_display = ("label", "created_at", "show_state", "purpose", "recipients")
    list_filter = (LocationFilter, "state")
    search_fields = ("label",)
    ordering = ("-id",)
    fields: ClassVar[tuple[str, ...]] = ()
    looked_at = (
        "label", "show_state", "people", "left_out", "waits", "text", "warnings", "parts", "cost", "takes",
    )  # fmt: skip
    watched = (
        "label", "show_state", "recipients", "same_number", "text", "how_far", "not_sent", "spent", "messages_link",
        "confirmed_at", "finished_at",
    )  # fmt: skip
    readonly_fields = (
        "show_state", "people", "left_out", "waits", "text", "warnings", "parts", "cost", "takes", "how_far",
        "not_sent", "spent", "messages_link",
    )  # fmt: skip
    list_select_related = ("template", "location")

    confirm = move_button(
        "Send it", _confirm, name="confirm", gate="create", icon="send", variant=ActionVariant.PRIMARY,
        question="The people are found again now, and each text is checked before it goes.",
        when=lambda row: row.state == _DRAFT,
    )  # fmt: skip
    cancel = move_button(
        "Cancel", lambda row, data, cause: bulk.cancel(row.pk, cause=cause), name="cancel", icon="cancel",
        question="What has not gone out is withdrawn; what has stays.", done="Nothing more of it goes out.",
        when=lambda row: row.state in (_DRAFT, _SENDING),
    )  # fmt: skip
    actions_detail = ("confirm", "cancel")

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return access.allowed(request.user, "create", "messages")

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        return HttpResponseRedirect(reverse("admin:messaging_bulk"))

    def get_fields(self, request: HttpRequest, obj: BulkSend | None = None) -> Any:
        return self.looked_at if obj is not None and obj.state == _DRAFT else self.watched

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row, with what it would do or has done read once for all its lines."""
        row = super().get_object(request, object_id, from_field)
        if row is not None and request.method == "GET" and not hasattr(row, "seen"):
            draft = row.state == _DRAFT
            row.seen = bulk.preview(row, request.user) if draft else bulk.progress(row)  # type: ignore[arg-type]
        return row

    @display(description="State", label=_TONES)
    def show_state(self, row: BulkSend) -> Badge:
        return Badge(row.state, row.get_state_display())

    @display(description="People")
    def people(self, row: BulkSend) -> str:
        return f"{row.seen.going} of {row.seen.people} get it"  # type: ignore[attr-defined]

    @display(description="Left out")
    def left_out(self, row: BulkSend) -> str:
        return _lines(row.seen.left_out)  # type: ignore[attr-defined]

    @display(description="Not at once")
    def waits(self, row: BulkSend) -> str:
        found = dict(row.seen.waiting)  # type: ignore[attr-defined]
        beyond = row.seen.held_back  # type: ignore[attr-defined]
        lines = _lines(found) if found else ""
        if beyond:
            lines = format_html(
                "{}<div>{}: beyond today's cost cap; held until there is room.</div>", lines, beyond
            )
        return lines or "-"

    @display(description="The text")
    def text(self, row: BulkSend) -> str:
        sample = getattr(getattr(row, "seen", None), "sample", "")
        return format_html('<div style="white-space:pre-line">{}</div>', sample or bulk.body_of(row))

    @display(description="Look again")
    def warnings(self, row: BulkSend) -> str:
        found = row.seen.findings  # type: ignore[attr-defined]
        return format_html_join("", "<div>{}</div>", ((one.text,) for one in found)) or "-"

    @display(description="Parts of each text")
    def parts(self, row: BulkSend) -> str:
        sizes = sorted(row.seen.segments.items())  # type: ignore[attr-defined]
        return ", ".join(f"{size} for {count}" for size, count in sizes) or "-"

    @display(description="Cost")
    def cost(self, row: BulkSend) -> str:
        money, seen = row.location.currency, row.seen  # type: ignore[attr-defined]
        return f"{money} {seen.cost_cents / 100:.2f} in all, {money} {seen.cost_each_cents / 100:.2f} each at most"

    @display(description="Takes")
    def takes(self, row: BulkSend) -> str:
        seconds = row.seen.seconds  # type: ignore[attr-defined]
        return f"{_duration(seconds)} at the sender's rate" if seconds else "-"

    @display(description="So far")
    def how_far(self, row: BulkSend) -> str:
        found = row.seen.by_status.items()  # type: ignore[attr-defined]
        said = ", ".join(f"{count} {str(Status(status).label).lower()}" for status, count in found)
        bar = bulk_progress.bar(row, row.seen)  # type: ignore[attr-defined]
        return format_html(
            "{}<p>{}</p>",
            render_to_string("accounts/_progress.html", {"bar": bar}),
            said or "none queued yet",
        )

    @display(description="Not sent")
    def not_sent(self, row: BulkSend) -> str:
        return _lines(row.seen.not_sent)  # type: ignore[attr-defined]

    @display(description="Cost so far")
    def spent(self, row: BulkSend) -> str:
        return f"{row.location.currency} {row.seen.cost_cents / 100:.2f}"  # type: ignore[attr-defined]

    @display(description="Messages")
    def messages_link(self, row: BulkSend) -> str:
        url = f"{reverse('admin:messaging_message_changelist')}?bulk__public_id__exact={row.public_id}"
        return format_html('<a class="underline" href="{}">Each message of it</a>', url)


@admin.register(Storm)
class StormAdmin(ReadOnlyAdmin):
    """Messages of a rule that were too many at once, until a person decides."""

    empty_hint = (
        "When a rule sends unusually many messages within a minute, the rest waits here for a person."
    )
    list_display = ("created_at", "rule", "show_state", "held")
    list_filter = (LocationFilter, "state")
    ordering = ("-id",)
    fields = ("created_at", "rule", "show_state", "held", "settled_at", "messages_link")
    readonly_fields = ("rule", "show_state", "held", "messages_link")
    list_select_related = ("location",)

    let_go = move_button(
        "Send these", lambda row, data, cause: f"{storms.let_go(row.pk, cause=cause)} messages go out now.",
        name="let_go", icon="send", variant=ActionVariant.PRIMARY, question="Each is checked once more before it goes.",
        when=lambda row: row.state == Storm.State.WAITING,
    )  # fmt: skip
    drop = move_button(
        "Do not send these", lambda row, data, cause: f"{storms.drop(row.pk, cause=cause)} messages will not be sent.",
        name="drop", icon="delete", question="They are withdrawn for good.",
        when=lambda row: row.state == Storm.State.WAITING,
    )  # fmt: skip
    actions_detail = ("let_go", "drop")

    def get_queryset(self, request: HttpRequest) -> Any:
        held = Count("messages", filter=Q(messages__status=Status.HELD))
        return super().get_queryset(request).annotate(waiting=held)

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        rows = list(changelist.result_list)
        known = storms.named(rows)
        for row in rows:
            row.called = known[row.pk]  # type: ignore[attr-defined]
        changelist.result_list = rows
        return changelist

    @display(description="Rule")
    def rule(self, row: Storm) -> str:
        return getattr(row, "called", "") or storms.named([row])[row.pk]

    @display(description="State", label=_TONES)
    def show_state(self, row: Storm) -> Badge:
        return Badge(row.state, row.get_state_display())

    @display(description="Messages that wait")
    def held(self, row: Storm) -> int:
        return row.waiting  # type: ignore[attr-defined,no-any-return]

    @display(description="Messages")
    def messages_link(self, row: Storm) -> str:
        url = f"{reverse('admin:messaging_message_changelist')}?storm__public_id__exact={row.public_id}"
        return format_html('<a class="underline" href="{}">Each message of it</a>', url)
