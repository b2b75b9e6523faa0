"""How Wix and the on-screen phone are connected. Other providers say so beside their gateway or door."""

from __future__ import annotations

from integrations import accounts
from integrations.models import Provider
from integrations.provider_settings import Address, Credential, ProviderSettings, register

WIX = ProviderSettings(
    fields=(
        Credential(
            "webhook_secret",
            "Webhook secret",
            help="Signs simple deliveries. The old one is accepted beside a new one.",
            required=False,
            keeps="previous_webhook_secret",
            inherited=lambda: any(accounts.wix_secrets(None)),
        ),
        Credential(
            "public_key",
            "Public key",
            help="From the app's page at Wix, Webhooks: the whole key with its first and last line.",
            rows=4,
            inherited=lambda: bool(accounts.wix_public_key(None)),
        ),
    ),
    addresses=(Address("Bookings", "integrations:wix_bookings_token"),),
    instance="Wix instance id",
)
CONSOLE = ProviderSettings(
    addresses=(
        Address("Texts received", "integrations:sms_inbound"),
        Address("Delivery receipts", "integrations:sms_receipt"),
    ),
)


def connect() -> None:
    """Called from AppConfig.ready()."""
    register(Provider.WIX, WIX)
    register(Provider.CONSOLE, CONSOLE)
