"""Providers at the desk: accounts, senders, and what was delivered."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget

from accounts import roles
from accounts.staff import Badge, LocationFilter, ReadOnlyAdmin, ScopedAdmin, move_button
from core.causes import Cause
from integrations import accounts, inbound
from integrations.models import Provider, ProviderAccount, Receipt, SenderIdentity

_PATHS = {
    Provider.WIX.value: "integrations:wix_bookings_token",
    Provider.CONSOLE.value: "integrations:sms_inbound",
}
_SECRETS = ("webhook_secret", "public_key")


class AccountForm(forms.ModelForm):
    """An account. Secrets are typed, never shown again."""

    webhook_secret = forms.CharField(
        required=False,
        max_length=200,
        strip=True,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
        help_text="Leave empty to keep the one there is. The old one is accepted beside a new one.",
    )
    public_key = forms.CharField(
        required=False,
        max_length=4000,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text="The provider's key as it shows it. Leave empty to keep the one there is.",
    )

    class Meta:
        model = ProviderAccount
        fields = ("location", "provider", "name", "external_instance_id", "enabled")

    def keep_secrets(self) -> None:
        """Put what was typed among the account's credentials."""
        kept = dict(self.instance.credentials)
        for name in _SECRETS:
            typed = self.cleaned_data.get(name)
            if typed:
                if name == "webhook_secret" and kept.get(name):
                    kept["previous_webhook_secret"] = kept[name]
                kept[name] = typed
        self.instance.credentials = kept


def _new_address(row: ProviderAccount, data: dict[str, Any], cause: Cause) -> str:
    token = accounts.rotate_token(row)
    path = reverse(_PATHS.get(row.provider, "integrations:sms_inbound"), args=(token,))
    return f"Copy this address now, it is not shown again: {path}"


@admin.register(ProviderAccount)
class ProviderAccountAdmin(ScopedAdmin):
    form = AccountForm
    list_display = ("name", "provider", "location", "external_instance_id", "show_address", "enabled")
    list_filter = (LocationFilter, "provider", "enabled")
    list_select_related = ("location",)
    search_fields = ("name", "external_instance_id")
    fields = (
        ("location", "provider"),
        ("name", "enabled"),
        "external_instance_id",
        "webhook_secret",
        "public_key",
    )
    new_address = move_button(
        "New webhook address",
        _new_address,
        name="new_address",
        icon="link",
        question="The present address stops working at once. Enter the new one at the provider.",
    )
    actions_detail = ("new_address",)

    @display(description="Own address", boolean=True)
    def show_address(self, row: ProviderAccount) -> bool:
        return row.webhook_token_hash is not None

    def get_readonly_fields(self, request: HttpRequest, obj: ProviderAccount | None = None) -> Any:
        # Receipts and messages point at the account: it stays what and where it is.
        return ("location", "provider") if obj else ()

    def save_through(
        self, request: HttpRequest, obj: ProviderAccount, form: Any, change: bool
    ) -> ProviderAccount:
        form.keep_secrets()
        obj.save()
        return obj


@admin.register(SenderIdentity)
class SenderIdentityAdmin(ScopedAdmin):
    list_display = ("value", "account", "location", "registration", "per_second", "is_default", "enabled")
    list_filter = (LocationFilter, "registration", "enabled")
    list_select_related = ("location", "account")
    search_fields = ("value",)
    fields = (
        ("location", "account"),
        ("value", "per_second"),
        ("registration", "register_name", "register_id"),
        ("is_default", "enabled"),
    )

    def save_through(
        self, request: HttpRequest, obj: SenderIdentity, form: Any, change: bool
    ) -> SenderIdentity:
        obj.save()
        return obj


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
            "ignored": "",
        },
    )
    def show_state(self, row: Receipt) -> Badge:
        return Badge(row.state, row.get_state_display())
