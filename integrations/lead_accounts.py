"""Whose lead is this, and is it from whom it says? Proofs that come with a lead, and the account they name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest

from core.errors import NotConfigured
from integrations import accounts, verify
from integrations.models import Provider, ProviderAccount

#: Headers that hold an account's secret as it is, for senders that cannot sign.
SECRET_HEADERS = ("X-Api-Key", "X-Webhook-Secret", "X-ManyChat-Secret")
_INSTALLATION = {
    Provider.MANYCHAT: ("MANYCHAT_WEBHOOK_SECRET", "MANYCHAT_WEBHOOK_SECRET_PREVIOUS"),
    Provider.META: ("META_APP_SECRET", "META_APP_SECRET_PREVIOUS"),
}


@dataclass(frozen=True, slots=True)
class Proof:
    """What a delivery shows for itself: a signature over its raw body, or a secret in a header."""

    body: bytes
    signature: str = ""
    secret: str = ""

    @classmethod
    def of(cls, request: HttpRequest, body: bytes, *, may_tell: bool = True) -> Proof:
        """The proof of a request; with `may_tell` a secret in a header is one, too."""
        headers = request.headers
        signature = headers.get("X-Hub-Signature-256", "") or headers.get("X-Hub-Signature", "")
        secret = next((headers[name] for name in SECRET_HEADERS if headers.get(name)), "")
        scheme, _, rest = headers.get("Authorization", "").partition(" ")
        if not secret and scheme.lower() == "bearer":
            secret = rest.strip()
        return cls(body, signature, secret if may_tell else "")

    def __bool__(self) -> bool:
        return bool(self.signature or self.secret)

    def fits(self, secrets: Sequence[str]) -> bool:
        """Whether it was made with one of these secrets. A signature that is there must fit."""
        if self.signature:
            return verify.hub_signature_fits(body=self.body, signature=self.signature, secrets=secrets)
        return bool(self.secret) and verify.secret_fits(self.secret, secrets)


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof settles: the accounts whose own secret made it, and whether the installation's did."""

    owners: tuple[ProviderAccount, ...]
    by_installation: bool

    def covers(self, account: ProviderAccount) -> bool:
        """Whether the proof speaks for this account. The installation's secret does so for those without one."""
        return account in self.owners or (self.by_installation and not own_secrets(account))


def own_secrets(account: ProviderAccount) -> list[str]:
    """The account's own secrets, newest first; empty when it has none."""
    kept: Any = account.credentials
    names = ("webhook_secret", "previous_webhook_secret")
    return [kept[name] for name in names if kept.get(name)]


def installation_secrets(provider: str) -> list[str]:
    """The secrets that hold for every account of a provider that has none of its own."""
    names = _INSTALLATION.get(Provider(provider), ())
    return [value for name in names if (value := getattr(settings, name, "") or "")]


def prove(provider: str, proof: Proof, *, only: ProviderAccount | None = None) -> Proven:
    """Who a proof speaks for: any account, or `only` this one. NotConfigured when no secret is set that could
    have made it, BadSignature when none did.
    """
    candidates = accounts.enabled(provider) if only is None else [only]
    installation = installation_secrets(provider)
    if not installation and not any(own_secrets(account) for account in candidates):
        raise NotConfigured("The secret of this webhook is not set. Set it in the settings of the account.")
    owners = tuple(account for account in candidates if proof.fits(own_secrets(account)))
    proven = Proven(owners, proof.fits(installation))
    if not owners and not (proven.by_installation and (only is None or proven.covers(only))):
        raise verify.BadSignature(
            "The signature does not fit the body." if proof else "The signature is missing."
        )
    return proven


def verify_tokens(token: str) -> list[str]:
    """The words that Meta must say to have an address accepted: those of the address's account, else of all."""
    named = [accounts.by_token(token, providers=[Provider.META])] if token else []
    kept: list[Any] = [account.credentials for account in named or accounts.enabled(Provider.META)]
    words = [credentials.get("verify_token", "") for credentials in kept]
    return [word for word in (*words, getattr(settings, "META_VERIFY_TOKEN", "")) if word]


def check_beside_token(account: ProviderAccount, proof: Proof) -> None:
    """At an address of its own a delivery needs no signature; one that is there must be right."""
    secrets = own_secrets(account) or installation_secrets(account.provider)
    if proof.signature and secrets and not proof.fits(secrets):
        raise verify.BadSignature("The signature does not fit the body.")


def origins(account: ProviderAccount) -> list[str]:
    """The websites a form account takes forms from, as origins such as https://clinic.example."""
    kept: Any = account.credentials
    listed = str(kept.get("origins", "")).replace(",", "\n").splitlines()
    return [found for line in listed if (found := origin_of(line))]


def origin_of(address: str) -> str:
    """The origin of a web address, "" when it is none. A bare host means https.

    Browsers take a backslash for a slash, and what stands before an @ for a user: an address with either
    could lead elsewhere than it seems, so it has no origin.
    """
    text = address.strip().lower()
    if text and "://" not in text:
        text = f"https://{text}"
    try:
        parts = urlsplit(text)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    plain = "\\" not in text and parts.username is None
    if not plain or parts.scheme not in ("http", "https") or not parts.hostname:
        return ""
    return f"{parts.scheme}://{parts.hostname}{port}"
