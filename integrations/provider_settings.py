"""What staff type to connect a provider, and what the provider has to be told: one description for each provider.

The account's form, its webhook addresses and the check of what is missing are all made from it.

provider_settings.register(Provider.TWILIO, ProviderSettings(fields=(Credential("account_sid", …), …)))
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from core.registry import Registry
from integrations.models import Provider, ProviderAccount


@dataclass(frozen=True, slots=True)
class Credential:
    """One value of an account's `credentials`, under `name`.

    A secret is typed and never shown again. `rows` above 1 makes room for a key of several lines. With `keeps`,
    the value it replaces is kept under that name, for providers that sign with the old one for a while.
    `inherited` says whether the installation's own settings stand in for an empty one. `check` raises a DomainError
    for what cannot be used.
    """

    name: str
    label: str
    help: str = ""
    secret: bool = True
    required: bool = True
    rows: int = 1
    keeps: str = ""
    inherited: Callable[[], bool] | None = None
    check: Callable[[str], object] | None = None

    def given(self, account: ProviderAccount) -> bool:
        """Whether the account has a value, of its own or the installation's."""
        own: Any = account.credentials
        return bool(own.get(self.name)) or bool(self.inherited and self.inherited())


@dataclass(frozen=True, slots=True)
class Address:
    """One of our addresses that the provider calls: what it is for, and the URL's name; it takes the token."""

    label: str
    url_name: str


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """How one provider is connected. `instance` is what it calls its id of a clinic; empty when it has none."""

    fields: tuple[Credential, ...] = ()
    addresses: tuple[Address, ...] = ()
    instance: str = ""

    def lacking(self, account: ProviderAccount) -> list[str]:
        """Labels of what the account needs and has not got."""
        return [field.label for field in self.fields if field.required and not field.given(account)]


_settings: Registry[ProviderSettings] = Registry("provider's settings")


def register(provider: str, settings: ProviderSettings) -> None:
    """Say how a provider is connected."""
    _settings.register(str(provider), settings)


def of(provider: str) -> ProviderSettings:
    """How this provider is connected; nothing to type for one that never said."""
    return _settings.get(provider) if provider in _settings else ProviderSettings()


def available() -> list[tuple[str, str]]:
    """The providers that can be connected, as choices."""
    return [(value, label) for value, label in Provider.choices if value in _settings]
