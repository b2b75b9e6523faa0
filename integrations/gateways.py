"""Which gateway speaks for which provider."""

from __future__ import annotations

from collections.abc import Callable

from core.registry import Registry
from integrations import pacing
from integrations.models import ProviderAccount
from integrations.ports import Checked, SmsGateway

Factory = Callable[[ProviderAccount], SmsGateway]

_factories: Registry[Factory] = Registry("SMS gateway")


def register(provider: str, factory: Factory) -> None:
    """Let `factory` make the gateway of a provider's accounts."""
    _factories.register(provider, factory)


def knows(provider: str) -> bool:
    """Whether texts can be sent by this provider."""
    return provider in _factories


def for_account(account: ProviderAccount) -> SmsGateway:
    """The gateway of an account. NotRegistered when its provider sends no texts."""
    return _factories.get(account.provider)(account)


def check(account: ProviderAccount) -> Checked:
    """Try an account's connection, with no transaction open. One that works ends the account's pause."""
    said = for_account(account).check()
    if said.works:
        pacing.resume(account.pk)
    return said
