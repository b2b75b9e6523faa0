"""Messages, conversations and templates at the desk."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import F
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import Truncator
from unfold.decorators import display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.staff import (
    Badge,
    LocationFilter,
    ReadOnlyAdmin,
    ReadOnlyInline,
    link_to,
    move_button,
)
from contacts.found_by import FoundByContact
from contacts.templatetags.contacts_tags import spoken, started_by
from messaging import numbers, reasons, services, talks
from messaging.bulk_admin import BulkSendAdmin, StormAdmin
from messaging.models import (
    PENDING,
    BlockedNumber,
    Conversation,
    Message,
    SendAttempt,
    Status,
)
from messaging.template_admin import TemplateAdmin

__all__ = ["BulkSendAdmin", "StormAdmin", "TemplateAdmin"]  # registered with the others

COLOURS = {
    Status.SENT: "success", Status.DELIVERED: "success", Status.RECEIVED: "info", Status.SCHEDULED: "info",
    Status.QUEUED: "info", Status.FAILED: "danger", Status.UNKNOWN: "danger", Status.PARKED: "danger",
    Status.HELD: "warning", Status.SUPPRESSED: "warning", Status.SENDING: "warning",
}  # fmt: skip


def _local(row: Any, moment: Any) -> str:
    return f"{row.location.local(moment):%a %d %b %Y %H:%M}" if moment else "-"


class AttemptInline(ReadOnlyInline):
    """Each call to the provider, written down before it was made."""

    model = SendAttempt
    fields = readonly_fields = ("started", "account", "finished", "outcome", "error_code")
    verbose_name_plural = "calls to the provider"
    show_change_link = False
    hide_title = True

    @display(description="Started")
    def started(self, row: SendAttempt) -> str:
        return _local(row.message, row.started_at)

    @display(description="Finished")
    def finished(self, row: SendAttempt) -> str:
        return _local(row.message, row.finished_at)


@admin.register(Message)
class MessageAdmin(FoundByContact, ReadOnlyAdmin):
    """Every message, with why it was not sent where it was not."""

    list_display = ("when", "contact_name", "way", "what", "show_status", "why")
    list_display_links = ("when", "contact_name")
    list_filter = (LocationFilter, "status", "reason", "direction", "purpose", "category", "template__name")
    list_select_related = ("contact", "template", "location")
    ordering = ("-id",)
    inlines = (AttemptInline,)
    fieldsets = (
        (None, {"fields": ("contact_link", "standing", "why", "body", "template", "visit")}),
        ("When", {"fields": ("show_send_at", "show_expires_at", "show_sent_at", "show_delivered_at",
                             "show_received_at")}),
        ("How", {"fields": ("address", "sender", "provider_account", "segments", "show_cost", "attempts", "intent",
                            "purpose", "category", "started_by")}),
    )  # fmt: skip
    readonly_fields = (
        "contact_link", "standing", "why", "started_by", "visit", "show_send_at", "show_expires_at", "show_sent_at",
        "show_delivered_at", "show_received_at", "show_cost",
    )  # fmt: skip

    send_now = move_button(
        "Send now", lambda row, data, cause: services.send_now(message_id=row.pk, cause=cause), name="send_now",
        question="It is checked once more: consent, the visit and quiet hours still count.",
        done="It is on its way.", icon="send", when=lambda row: row.status in PENDING,
    )  # fmt: skip
    cancel = move_button(
        "Cancel message", lambda row, data, cause: services.cancel_message(message_id=row.pk, cause=cause),
        name="cancel", question="It will not be sent.", done="It will not be sent.", icon="cancel",
        when=lambda row: row.status in (*PENDING, Status.CLAIMED),
    )  # fmt: skip
    it_was_sent = move_button(
        "It was sent", lambda row, data, cause: services.resolve(message_id=row.pk, was_sent=True, cause=cause),
        name="it_was_sent", question="You know, for example from the provider's own page, that the patient has it.",
        done="Noted as sent.", icon="done_all", when=lambda row: row.status in (Status.UNKNOWN, Status.PARKED),
    )  # fmt: skip
    send_again = move_button(
        "Send again", lambda row, data, cause: services.resolve(message_id=row.pk, was_sent=False, cause=cause),
        name="send_again", question="If it did go out the first time, the patient gets it twice.",
        done="It will be sent again.", icon="replay", when=lambda row: row.status in (Status.UNKNOWN, Status.PARKED),
    )  # fmt: skip
    actions_detail = ("send_now", "cancel", "it_was_sent", "send_again")

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        of_many = ("bulk__public_id__exact", "storm__public_id__exact")
        return lookup in of_many or super().lookup_allowed(lookup, value, request)

    @display(description="When")
    def when(self, row: Message) -> str:
        return _local(row, row.at)

    @display(description="Contact", ordering="contact__name")
    def contact_name(self, row: Message) -> str:
        return str(row.contact)

    @display(description="Contact")
    def contact_link(self, row: Message) -> str:
        url = reverse("admin:contacts_contact_change", args=(row.contact.public_id,))
        return format_html('<a class="underline" href="{}">{}</a>', url, str(row.contact))

    @display(description="Direction", ordering="direction")
    def way(self, row: Message) -> str:
        return row.get_direction_display()

    @display(description="Message")
    def what(self, row: Message) -> str:
        return spoken(row.template.name) if row.template is not None else Truncator(row.body).chars(60)

    @display(description="Status", ordering="status", label=COLOURS)
    def show_status(self, row: Message) -> Badge:
        return Badge(row.status, row.get_status_display())

    @display(description="Status")
    def standing(self, row: Message) -> str:
        return row.get_status_display()

    @display(description="Why")
    def why(self, row: Message) -> str:
        return reasons.words(row.reason) or "-"

    @display(description="Started")
    def started_by(self, row: Message) -> str:
        return started_by(row)

    @display(description="Visit")
    def visit(self, row: Message) -> str:
        if row.booking is None:
            return "-"
        url = reverse("admin:bookings_booking_change", args=(row.booking.public_id,))
        return format_html(
            '<a class="underline" href="{}">{}</a>', url, _local(row, row.booking.appointment_datetime)
        )

    @display(description="To be sent")
    def show_send_at(self, row: Message) -> str:
        return _local(row, row.send_at)

    @display(description="Pointless after")
    def show_expires_at(self, row: Message) -> str:
        return _local(row, row.expires_at)

    @display(description="Sent")
    def show_sent_at(self, row: Message) -> str:
        return _local(row, row.sent_at)

    @display(description="Delivered")
    def show_delivered_at(self, row: Message) -> str:
        return _local(row, row.delivered_at)

    @display(description="Received")
    def show_received_at(self, row: Message) -> str:
        return _local(row, row.received_at)

    @display(description="Cost")
    def show_cost(self, row: Message) -> str:
        return f"{row.location.currency} {row.cost_cents / 100:.2f}"


class InboxFilter(admin.SimpleListFilter):
    """What there is to do. Closed and resting ones are left out unless they are asked for."""

    title = "which"
    parameter_name = "which"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [
            ("mine", "Mine"), ("unassigned", "Nobody's"), ("unread", "New"), ("snoozed", "Snoozed"),
            ("closed", "Closed"), ("undeliverable", "Undeliverable"),
        ]  # fmt: skip

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        wanted = self.value() or ""
        states = {"snoozed": Conversation.State.SNOOZED, "closed": Conversation.State.CLOSED}
        if wanted == "undeliverable":
            return talks.undeliverable(queryset)
        rows = queryset.filter(state=states.get(wanted, Conversation.State.OPEN))
        if wanted == "mine":
            return rows.filter(assigned_to=request.user.pk)
        if wanted == "unassigned":
            return rows.filter(assigned_to__isnull=True)
        return rows.filter(talks.UNREAD) if wanted == "unread" else rows


@admin.register(Conversation)
class ConversationAdmin(FoundByContact, ReadOnlyAdmin):
    """Who wrote last, and who waits for an answer."""

    list_display = ("contact_name", "channel", "state", "whose", "last", "waiting")
    list_filter = (InboxFilter, LocationFilter, "channel")
    list_select_related = ("contact", "location", "assigned_to")
    ordering = (F("last_message_at").desc(nulls_last=True), "-id")

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        return HttpResponseRedirect(reverse("admin:messaging_conversation_thread", args=(row.public_id,)))

    @display(description="Contact", ordering="contact__name")
    def contact_name(self, row: Conversation) -> str:
        return str(row.contact)

    @display(description="Whose", ordering="assigned_to__name")
    def whose(self, row: Conversation) -> str:
        until = f", until {_local(row, row.snoozed_until)}" if row.snoozed_until is not None else ""
        return f"{row.assigned_to or '-'}{until}"

    @display(description="Last message", ordering="last_message_at")
    def last(self, row: Conversation) -> str:
        return _local(row, row.last_message_at)

    @display(description="New", label={"new": "warning"}, empty_value="")
    def waiting(self, row: Conversation) -> Badge | None:
        return Badge("new", "New") if row.unseen else None


class LiftForm(BaseDialogForm):
    """Why texts may go there again."""

    reason = forms.CharField(
        label="Why?", max_length=200, widget=UnfoldAdminTextInputWidget(),
        help_text="For example: the patient has a new phone, or says that texts arrive.",
    )  # fmt: skip


class StandingFilter(admin.SimpleListFilter):
    """Those that stand, unless asked for the others."""

    title = "state"
    parameter_name = "lifted"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("yes", "Lifted"), ("all", "All")]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        if self.value() == "all":
            return queryset
        return queryset.filter(lifted_at__isnull=self.value() != "yes")


@admin.register(BlockedNumber)
class BlockedNumberAdmin(ReadOnlyAdmin):
    """Numbers that cannot be reached by text. A text from one lifts that; so does a person who says why."""

    empty_hint = "Numbers that texts could not reach come here by themselves."
    list_display = ("address", "said", "at", "lifted_at", "lifted_reason")
    list_filter = (StandingFilter, LocationFilter)
    search_fields = ("address",)
    ordering = ("-at",)
    fields = ("address", "said", "at", "message_link", "lifted_at", "lifted_reason")
    readonly_fields = ("said", "message_link")
    list_select_related = ("message",)
    lift = move_button(
        "Let texts go there again",
        lambda row, data, cause: numbers.lift(row.pk, reason=data["reason"], cause=cause), name="lift",
        form=LiftForm, icon="lock_open", done="Texts may go to this number again.",
        when=lambda row: row.lifted_at is None,
    )  # fmt: skip
    actions_detail = ("lift",)

    @display(description="What the provider said", ordering="error_code")
    def said(self, row: BlockedNumber) -> str:
        return reasons.words(row.error_code)

    @display(description="Message")
    def message_link(self, row: BlockedNumber) -> str:
        return link_to(row.message, "The message that could not be delivered")
