"""Providers at the desk: accounts, senders, and what was delivered."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from unfold.decorators import display

from accounts import roles
from accounts.staff import (
    Badge,
    LocationFilter,
    ReadOnlyAdmin,
    ScopedAdmin,
    cause_of,
    change_url,
    move_button,
)
from core.causes import Cause
from core.errors import Conflict
from integrations import (
    accounts,
    calling,
    gateways,
    inbound,
    outbox,
    pacing,
    ports,
    provider_settings,
    reconcile_words,
    reconciling,
    senders,
    services,
)
from integrations.admin_forms import AccountForm, SenderForm, for_provider
from integrations.models import OutboundCall, ProviderAccount, Receipt, SenderIdentity


def _new_address(row: ProviderAccount, data: dict[str, Any], cause: Cause) -> Callable[[HttpRequest], str]:
    token = accounts.rotate_token(row)

    def said(request: HttpRequest) -> str:
        lines = [
            f"{address.label}: {request.build_absolute_uri(reverse(address.url_name, args=(token,)))}"
            for address in provider_settings.of(row.provider).addresses
        ]
        return f"Copy now, it is not shown again. {' · '.join(lines)}"

    return said


def _test_connection(row: ProviderAccount, data: dict[str, Any], cause: Cause) -> str:
    said = gateways.check(row)
    if not said.works:
        raise Conflict(said.words)
    return said.words


def _look_through(row: ProviderAccount, data: dict[str, Any], cause: Cause) -> str:
    reconciling.ask_now(row)
    return "The bookings are looked through within a minute; this page then says what was found."


@admin.register(ProviderAccount)
class ProviderAccountAdmin(ScopedAdmin):
    form = AccountForm
    list_display = ("name", "provider", "show_lacking", "enabled")
    list_filter = (LocationFilter, "provider", "enabled")
    list_select_related = ("location",)
    search_fields = ("name", "external_instance_id")
    new_address = move_button(
        "New webhook address",
        _new_address,
        name="new_address",
        icon="link",
        question="The present address stops working at once. Enter the new one at the provider.",
        when=lambda row: bool(provider_settings.of(row.provider).addresses),
    )
    test_connection = move_button(
        "Test the connection",
        _test_connection,
        name="test_connection",
        icon="network_check",
        question="Asks the provider whether it knows this account. Nothing is sent.",
        when=lambda row: gateways.knows(row.provider),
    )
    look_through = move_button(
        "Look for missed bookings",
        _look_through,
        name="look_through",
        icon="sync",
        question="Asks the provider for every booking that changed since the last time.",
        when=reconciling.has_list,
    )
    actions_detail = ("test_connection", "look_through", "new_address")

    @display(description="What is missing")
    def show_lacking(self, row: ProviderAccount) -> str:
        lacking = provider_settings.of(row.provider).lacking(row)
        return ", ".join(lacking) or "Nothing"

    @display(description="Sending")
    def show_pause(self, row: ProviderAccount) -> str:
        pause = pacing.latest_pause(row)
        if pause is None or (pause.reason not in pacing.TO_MEND and pacing.pause_of(row) is None):
            return "Not paused"
        why = ports.ERRORS.get(
            pause.reason,
            "It failed several times in a row." if pause.failures else "The provider asked for it.",
        )
        return f"Paused until {row.location.local(pause.until):%H:%M}, then one text tries again. {why}"

    @display(description="Missed bookings")
    def show_reconciled(self, row: ProviderAccount) -> str:
        return reconcile_words.summary(row)

    def get_fieldsets(self, request: HttpRequest, obj: ProviderAccount | None = None) -> Any:
        if obj is None:
            note = "What the provider gave you is typed on the next page."
            return ((None, {"fields": (("location", "provider"), "name"), "description": note}),)
        settings = provider_settings.of(obj.provider)
        own = [
            ("location", "provider"),
            ("name", "enabled"),
            *(["external_instance_id"] if settings.instance else []),
            *(["per_second", "show_pause"] if gateways.knows(obj.provider) else []),
            *(["show_reconciled"] if reconciling.has_list(obj) else []),
        ]
        typed = [field.name for field in settings.fields]
        if not typed:
            return ((None, {"fields": own}),)
        return ((None, {"fields": own}), (obj.get_provider_display(), {"fields": ["show_lacking", *typed]}))

    def get_form(
        self, request: HttpRequest, obj: ProviderAccount | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(
            request, obj, change=change, **{"form": for_provider(obj.provider if obj else ""), **kwargs}
        )
        instance = form.base_fields.get("external_instance_id")
        if instance is not None and obj is not None:
            instance.label = provider_settings.of(obj.provider).instance
        if "provider" in form.base_fields:
            form.base_fields["provider"].choices = [("", "---------"), *provider_settings.available()]
        return form

    def get_readonly_fields(self, request: HttpRequest, obj: ProviderAccount | None = None) -> Any:
        # Receipts and messages point at the account: it stays what and where it is.
        return ("location", "provider", "show_lacking", "show_pause", "show_reconciled") if obj else ()

    def response_add(
        self, request: HttpRequest, obj: ProviderAccount, post_url_continue: Any = None
    ) -> HttpResponse:
        """On to what the provider wants."""
        self.message_user(request, f"{obj.name} is there. Now type what the provider gave you.")
        return HttpResponseRedirect(change_url(obj))

    def save_through(
        self, request: HttpRequest, obj: ProviderAccount, form: Any, change: bool
    ) -> ProviderAccount:
        data, cause = form.cleaned_data, cause_of(request)
        fields = {name: data[name] for name in services.ACCOUNT_FIELDS if name in form.changed_data}
        if change:
            return services.update_account(
                account_id=obj.pk, fields=fields, credentials=form.credentials(), cause=cause
            )
        return services.create_account(
            location_id=obj.location_id, provider=obj.provider, fields={"name": data["name"]}, cause=cause
        )


@admin.register(SenderIdentity)
class SenderIdentityAdmin(ScopedAdmin):
    form = SenderForm
    list_display = ("value", "account", "registration", "show_advice", "is_default", "enabled")
    list_filter = (LocationFilter, "registration", "enabled")
    list_select_related = ("location", "account")
    search_fields = ("value",)
    fieldsets = (
        (None, {"fields": (("location", "account"), ("value", "per_second"), ("is_default", "enabled"))}),
        ("Registration", {"fields": ("show_advice", "registration", ("register_name", "register_id"))}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: SenderIdentity | None = None) -> Any:
        first, second = super().get_fieldsets(request, obj)
        fields = ("registration", ("register_name", "register_id"))
        return (first, second) if obj else (first, (second[0], {"fields": fields}))

    def get_readonly_fields(self, request: HttpRequest, obj: SenderIdentity | None = None) -> Any:
        return ("location", "show_advice") if obj else ()

    @display(description="What it needs")
    def show_advice(self, row: SenderIdentity) -> str:
        return senders.advice(row)

    def save_through(
        self, request: HttpRequest, obj: SenderIdentity, form: Any, change: bool
    ) -> SenderIdentity:
        fields = {
            name: form.cleaned_data[name] for name in services.SENDER_FIELDS if name in form.cleaned_data
        }
        if not change:
            return services.create_sender(location_id=obj.location_id, fields=fields, cause=cause_of(request))
        fields = {name: value for name, value in fields.items() if name in form.changed_data}
        return services.update_sender(sender_id=obj.pk, fields=fields, cause=cause_of(request))


def _apply_again(row: Receipt, data: dict[str, Any], cause: Cause) -> str:
    inbound.apply_again(row)
    return "It is in line again and is applied in a moment."


@admin.register(Receipt)
class ReceiptAdmin(ReadOnlyAdmin):
    """What was delivered. Bodies are not shown: they hold people's details."""

    list_display = ("show_time", "kind", "account", "show_state", "error", "attempts", "applied_at")
    list_filter = (LocationFilter, "state", "kind", "account__provider")
    list_select_related = ("location", "account")
    search_fields = ("external_id",)
    ordering = ("-id",)
    fields = (
        ("show_time", "kind"),
        ("account", "location"),
        "external_id",
        ("show_state", "error"),
        ("attempts", "applied_at"),
        ("verified", "by_token"),
        "headers",
        "result",
    )
    readonly_fields = ("show_time", "show_state")
    again = move_button(
        "Apply again",
        _apply_again,
        name="again",
        icon="replay",
        gate=roles.UPDATE,
        question="Once what was wrong has been put right.",
        when=lambda row: row.state in (Receipt.State.PARKED, Receipt.State.IGNORED) and bool(row.body),
    )
    actions_detail = ("again",)

    @display(description="Arrived", ordering="id")
    def show_time(self, row: Receipt) -> str:
        return f"{row.location.local(row.created_at):%a %d %b %Y, %H:%M:%S}"

    @display(
        description="State",
        label={
            "applied": "success",
            "parked": "danger",
            "waiting": "warning",
            "stored": "info",
            "fetching": "info",
            "ignored": "",
        },
    )
    def show_state(self, row: Receipt) -> Badge:
        return Badge(row.state, row.get_state_display())


@admin.register(OutboundCall)
class OutboundCallAdmin(ReadOnlyAdmin):
    """What rules sent to other systems. What was said is not shown: it may hold people's details."""

    empty_hint = "What rules send to other systems, to Slack and to staff by e-mail is kept here."
    list_display = ("show_time", "kind", "target", "show_state", "show_outcome", "attempts")
    list_filter = (LocationFilter, "state", "kind")
    list_select_related = ("location", "account")
    search_fields = ("target", "public_id")
    ordering = ("-id",)
    fields = (
        ("show_time", "kind"),
        ("location", "account"),
        ("target", "public_id"),
        ("show_state", "show_outcome"),
        ("attempts", "show_next"),
    )
    readonly_fields = ("show_time", "show_state", "show_outcome", "show_next")
    again = move_button(
        "Try again",
        lambda row, data, cause: outbox.try_again(call_id=row.pk, cause=cause),
        name="again",
        icon="replay",
        gate=roles.UPDATE,
        question="If it did arrive the first time, a notice is there twice; a webhook's receiver knows its id.",
        done="It is in line again.",
        when=lambda row: row.state in outbox.OPEN_ENDED,
    )
    arrived = move_button(
        "It arrived",
        lambda row, data, cause: outbox.note_arrived(call_id=row.pk, cause=cause),
        name="arrived",
        icon="done_all",
        gate=roles.UPDATE,
        question="You know, for example from the receiver, that it is there.",
        done="Noted.",
        when=lambda row: row.state in outbox.OPEN_ENDED,
    )
    actions_detail = ("again", "arrived")

    @display(description="Asked for", ordering="id")
    def show_time(self, row: OutboundCall) -> str:
        return _at(row, row.created_at)

    @display(
        description="State",
        label={
            "done": "success",
            "parked": "danger",
            "unknown": "danger",
            "expired": "warning",
            "waiting": "info",
        },
    )
    def show_state(self, row: OutboundCall) -> Badge:
        return Badge(row.state, row.get_state_display())

    @display(description="What the last try said", empty_value="-")
    def show_outcome(self, row: OutboundCall) -> str | None:
        return calling.words(row.outcome) or None

    @display(description="Tried again", empty_value="-")
    def show_next(self, row: OutboundCall) -> str | None:
        waits = row.state == OutboundCall.State.WAITING and row.attempts
        return _at(row, row.next_try_at) if waits else None


def _at(row: OutboundCall, moment: datetime) -> str:
    """On the clinic's clock; what the system itself sends belongs to no clinic."""
    if row.location is None:
        return f"{moment:%a %d %b %Y, %H:%M:%S} UTC"
    return f"{row.location.local(moment):%a %d %b %Y, %H:%M:%S}"
