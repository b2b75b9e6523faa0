"""Which gateway speaks for which provider."""

from __future__ import annotations

from collections.abc import Callable

from core.registry import Registry
from integrations import pacing
from integrations.models import ProviderAccount
from integrations.ports import Checked, EmailGateway, SmsGateway

Factory = Callable[[ProviderAccount], SmsGateway]

EmailFactory = Callable[[ProviderAccount], EmailGateway]

_factories: Registry[Factory] = Registry("SMS gateway")
_mailers: Registry[EmailFactory] = Registry("e-mail gateway")


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


def register_email(provider: str, factory: EmailFactory) -> None:
    """Let `factory` make the e-mail gateway of a provider's accounts."""
    _mailers.register(provider, factory)


def email_for(account: ProviderAccount) -> EmailGateway:
    """The e-mail gateway of an account. NotRegistered when its provider sends none."""
    return _mailers.get(account.provider)(account)
