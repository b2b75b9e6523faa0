"""How Wix, the providers of texts and what rules call are connected. Others say so beside their gateway or door."""

from __future__ import annotations

from integrations import accounts, verify
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
            check=lambda text: verify.rsa_key(text, verify.WIX_KEY),
        ),
        Credential(
            "api_key",
            "API key",
            help="From Wix's API Keys Manager, with the right to read bookings. Finds what no webhook told of.",
            required=False,
        ),
        Credential(
            "site_id",
            "Site id",
            help="The part after /dashboard/ in the address of the site's dashboard. Goes with the API key.",
            secret=False,
            required=False,
        ),
    ),
    addresses=(Address("Bookings", "integrations:wix_bookings_token"),),
    instance="Wix instance id",
)
_TEXTS = (
    Address("Texts received", "integrations:sms_inbound"),
    Address("Delivery receipts", "integrations:sms_receipt"),
)
CONSOLE = ProviderSettings(addresses=_TEXTS)
CLICKSEND = ProviderSettings(
    fields=(
        Credential(
            "username", "User name", help="Of the ClickSend account, or of a sub-account for this clinic.",
            secret=False,
        ),
        Credential("api_key", "API key", help="From API Credentials at ClickSend."),
    ),
    addresses=_TEXTS,
)  # fmt: skip
TWILIO = ProviderSettings(
    fields=(
        Credential(
            "account_sid", "Account SID", help="Begins with AC. On the first page of the Twilio Console.",
            secret=False,
        ),
        Credential(
            "auth_token", "Auth token",
            help="Checks that calls come from Twilio. The one it replaces is accepted beside it.",
            keeps="previous_auth_token",
        ),
        Credential(
            "api_key_sid", "API key SID", help="Begins with SK. Sends in place of the auth token.", secret=False,
            required=False,
        ),
        Credential("api_key_secret", "API key secret", help="Shown once, when the key is made.", required=False),
        Credential(
            "messaging_service", "Messaging Service SID",
            help="Begins with MG. Only where the clinic's numbers are in a service.", secret=False, required=False,
        ),
    ),
    addresses=_TEXTS,
)  # fmt: skip
MESSAGEMEDIA = ProviderSettings(
    fields=(
        Credential("api_key", "API key", help="From API settings at MessageMedia (Sinch Engage).", secret=False),
        Credential("api_secret", "API secret", help="Shown once, when the key is made."),
        Credential(
            "sub_account", "Sub-account", help="Only where the key is its parent's.", secret=False, required=False,
        ),
        Credential(
            "webhook_secret", "Secret header",
            help="Any long random text that the account's webhook sends as X-Avatar-Token. The old one is accepted "
            "beside a new one.",
            required=False, keeps="previous_webhook_secret",
        ),
        Credential(
            "public_key", "Public key",
            help="Only with Enterprise webhooks: the signature key's public_key. Whatever is not signed with it is "
            "refused then; the key it replaces is accepted beside it.",
            required=False, rows=4, keeps="previous_public_key",
            check=lambda text: verify.rsa_key(text, verify.MESSAGEMEDIA_KEY),
        ),
    ),
    addresses=(
        Address("Texts and delivery reports", "integrations:sms_callback"),
        Address("Opt-outs", "integrations:sms_opt_out"),
    ),
)  # fmt: skip
SLACK = ProviderSettings(
    fields=(
        Credential(
            "webhook_url",
            "Webhook address",
            help="From the Slack app's Incoming Webhooks, as in https://hooks.slack.com/services/…",
        ),
    ),
)
WEBHOOK = ProviderSettings(
    fields=(
        Credential(
            "webhook_secret",
            "Signing secret",
            help="The receiver checks calls with it. Begins with whsec_, or any long random text. The old one "
            "signs beside a new one.",
            keeps="previous_webhook_secret",
        ),
    ),
)
EMAIL = ProviderSettings()


def connect() -> None:
    """Called from AppConfig.ready()."""
    register(Provider.WIX, WIX)
    register(Provider.CONSOLE, CONSOLE)
    register(Provider.CLICKSEND, CLICKSEND)
    register(Provider.TWILIO, TWILIO)
    register(Provider.MESSAGEMEDIA, MESSAGEMEDIA)
    register(Provider.EMAIL, EMAIL)
    register(Provider.SLACK, SLACK)
    register(Provider.WEBHOOK, WEBHOOK)
