"""The clinic that chaos befalls: live, never quiet, with limits so high that only faults hold a text back."""

from __future__ import annotations

from datetime import time, timedelta
from typing import Any

from accounts import new_clinic
from accounts.models import Location
from core import clock
from integrations import accounts
from integrations.models import Provider, ProviderAccount, SenderIdentity

NUMBER = "+61290000000"
#: The last part of the addresses by which its on-screen phone gets texts and receipts.
TOKEN = "texts-of-the-chaos-clinic"
INSTANCE = "chaos-instance"
#: The last part of the address at which Wix posts bookings.
WIX_TOKEN = "wix-of-the-chaos-clinic"


def open_clinic(
    *, public_key: str, provider: str = Provider.CONSOLE, credentials: dict[str, Any] | None = None
) -> Location:
    """Make it, with its Wix account and an account of `provider` that its texts go out by."""
    location = Location.objects.create(
        name="Avatar Imaging Sydney", code="sydney", phone="+61290000001", address="1 Bridge St, Sydney",
        booking_link="https://book.example/sydney", review_link="https://review.example/sydney",
        automation_mode="live", live_since=clock.now() - timedelta(days=90),
        quiet_hours_start=time(0), quiet_hours_end=time(0), daily_sms_cap_cents=100_000_000,
        settings={"storm_limit": 1_000_000, "automatic_limit": 1000, "answers_limit": 1000},
    )  # fmt: skip
    ProviderAccount.objects.create(
        location=location, provider=Provider.WIX, name="Wix", external_instance_id=INSTANCE,
        credentials={"public_key": public_key}, webhook_token_hash=accounts.token_hash(WIX_TOKEN),
    )  # fmt: skip
    texts = ProviderAccount.objects.create(
        location=location, provider=provider, name="Texts", credentials=credentials or {}
    )
    SenderIdentity.objects.create(
        location=location, account=texts, value=NUMBER, registration="not_needed", per_second=1000
    )
    new_clinic.complete(location)
    phone = ProviderAccount.objects.get(location=location, provider=Provider.CONSOLE)
    phone.webhook_token_hash = accounts.token_hash(TOKEN)
    phone.save(update_fields=["webhook_token_hash"])
    return location
