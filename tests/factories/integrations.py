"""Provider accounts for tests."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts.models import Location
from integrations import accounts
from integrations.models import Provider, ProviderAccount, Reconciliation, SenderIdentity


def make_wix_account(
    location: Location, *, instance_id: str = "demo-instance", **fields: Any
) -> ProviderAccount:
    """The location's Wix account."""
    return ProviderAccount.objects.create(
        location=location, provider=Provider.WIX, name="Wix", external_instance_id=instance_id, **fields
    )


def make_console_account(location: Location, **fields: Any) -> ProviderAccount:
    """The location's on-screen phone."""
    return ProviderAccount.objects.create(
        location=location, provider=Provider.CONSOLE, name="On-screen phone", **fields
    )


def make_sender(account: ProviderAccount, *, value: str = "+61480000001", **fields: Any) -> SenderIdentity:
    """A number texts may come from."""
    return SenderIdentity.objects.create(
        location=account.location,
        account=account,
        value=value,
        registration=SenderIdentity.Registration.NOT_NEEDED,
        **fields,
    )


def token_of(account: ProviderAccount) -> str:
    """A fresh webhook token of the account."""
    return accounts.rotate_token(account)


def make_account(location: Location, provider: str, **fields: Any) -> ProviderAccount:
    """The location's account with any provider."""
    return ProviderAccount.objects.create(
        location=location, provider=provider, name=Provider(provider).label, **fields
    )


def been_through(account: ProviderAccount, at: datetime) -> Reconciliation:
    """The provider's list was gone through up to `at` before."""
    return Reconciliation.objects.create(
        account=account, location=account.location, complete_until=at, started_at=at, finished_at=at, next_at=None
    )  # fmt: skip
