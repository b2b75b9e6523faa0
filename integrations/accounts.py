"""Whose delivery is this? Accounts by webhook token, by the provider's instance id, or by default."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.db import transaction
from django.db.models import QuerySet

from core.errors import NotFound
from integrations.models import Provider, ProviderAccount, SenderIdentity

TOKEN_BYTES = 32
#: Longer ones cannot be ours; they are not even hashed.
LONGEST_TOKEN = 200
_PUBLIC_ID = re.compile(r"[0-9a-f]{32}")
# What is typed of an account that several clinics may have in common.
_LOGINS: Mapping[str, tuple[str, ...]] = {
    Provider.CLICKSEND: ("username",),
    Provider.MESSAGEMEDIA: ("api_key", "sub_account"),
}


def token_hash(token: str) -> str:
    """What is stored of a webhook token."""
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()


@transaction.atomic
def rotate_token(account: ProviderAccount) -> str:
    """Give the account a new webhook token and return it: it cannot be read again. The old one ends."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    account.webhook_token_hash = token_hash(token)
    account.save(update_fields=["webhook_token_hash"])
    return token


def by_token(token: str, *, providers: Sequence[str]) -> ProviderAccount:
    """The enabled account whose webhook address ends in `token`. NotFound for any other token.

    The console account of the default location answers to SMS_WEBHOOK_TOKEN until it has a token of its own.
    """
    account = None
    if token and len(token) <= LONGEST_TOKEN:
        account = _enabled().filter(webhook_token_hash=token_hash(token), provider__in=providers).first()
        if account is None and Provider.CONSOLE in providers and _is_console_token(token):
            account = default(Provider.CONSOLE)
            account = None if account is not None and account.webhook_token_hash else account
    if account is None:
        raise NotFound("No account has this webhook address. Copy the address again from the account's page.")
    return account


def by_instance(provider: str, instance_id: str) -> ProviderAccount | None:
    """The enabled account the provider knows by this id."""
    if not instance_id:
        return None
    return _enabled().filter(provider=provider, external_instance_id=instance_id).first()


def default(provider: str) -> ProviderAccount | None:
    """The first enabled account of the default location (DEFAULT_LOCATION, else the oldest that has one)."""
    accounts = _enabled().filter(provider=provider)
    code = getattr(settings, "DEFAULT_LOCATION", "")
    if code:
        accounts = accounts.filter(location__code=code)
    return accounts.order_by("location_id", "id").first()


def by_twilio_sid(sid: str) -> list[ProviderAccount]:
    """The enabled Twilio accounts with this account SID, oldest first: several clinics may share one."""
    if not sid:
        return []
    accounts = _enabled().filter(provider=Provider.TWILIO).order_by("location_id", "id")
    return [account for account in accounts if credentials(account).get("account_sid") == sid]


def of_number(candidates: Sequence[ProviderAccount], *, service: str, number: str) -> ProviderAccount:
    """Which of the accounts a text belongs to: the one with this number or name, else with this Messaging
    Service, else the oldest, so that a text to a number nobody entered is not lost.
    """
    if len(candidates) == 1:
        return candidates[0]
    owner = _owner(candidates, number)
    with_service = (
        a.pk for a in candidates if service and credentials(a).get("messaging_service") == service
    )
    wanted = owner or next(with_service, candidates[0].pk)
    return next(account for account in candidates if account.pk == wanted)


def _owner(candidates: Sequence[ProviderAccount], number: str) -> int | None:
    senders = SenderIdentity.objects.filter(account__in=candidates, value__in=(number, f"+{number}"))
    return senders.order_by("id").values_list("account_id", flat=True).first()


def login(account: ProviderAccount) -> tuple[str, ...]:
    """What names the account at the provider: clinics with the same one share its texts. Empty where nothing is
    entered, and for providers that tell clinics apart themselves.
    """
    names, own = _LOGINS.get(account.provider, ()), credentials(account)
    return tuple(own.get(name, "") for name in names) if names and own.get(names[0]) else ()


def sharing(account: ProviderAccount) -> list[ProviderAccount]:
    """The enabled accounts behind one login with the provider, oldest first; this one is among them in any case."""
    mine = login(account)
    found = [each for each in enabled(account.provider) if login(each) == mine] if mine else []
    return found if account in found else [account, *found]


def of_text(
    candidates: Sequence[ProviderAccount], *, number: str, told: str, other: ProviderAccount
) -> ProviderAccount:
    """Which of the accounts behind one login a text or receipt belongs to: the one with this number or name, else the
    one that our metadata name by public id, else for a text the oldest, and for a receipt, which names no number of
    ours, `other`.

    The same whichever way it came, so that it is not stored under two accounts.
    """
    owner = _owner(candidates, number) if number else None
    named = (
        each for each in candidates if owner == each.pk or (owner is None and told == str(each.public_id))
    )
    return next(named, candidates[0] if number else other)


def callback_token(account: ProviderAccount) -> str:
    """The last part of the address that goes along with each text of an account, for what becomes of it. It ends
    with the account's webhook token.
    """
    name = account.public_id.hex
    return f"{name}.{_callback_signer(account).signature(name)}"


def _callback_signer(account: ProviderAccount) -> Signer:
    return Signer(salt=f"integrations.callback.{account.webhook_token_hash or ''}")


def by_callback(token: str, *, provider: str) -> ProviderAccount:
    """The enabled account whose texts name this address. NotFound for any other."""
    name, _, signature = token.partition(".")
    account = None
    if _PUBLIC_ID.fullmatch(name) and len(token) <= LONGEST_TOKEN:
        account = _enabled().filter(provider=provider, public_id=name).first()
    try:
        if account is not None and _callback_signer(account).unsign(f"{name}:{signature}"):
            return account
    except BadSignature:
        pass
    raise NotFound("No account has this address.")


def twilio_tokens(candidates: Iterable[ProviderAccount]) -> list[str]:
    """The tokens that may have signed: each account's own, and the one before while it is being replaced."""
    names = ("auth_token", "previous_auth_token")
    tokens = [credentials(account).get(name, "") for account in candidates for name in names]
    return list(dict.fromkeys(filter(None, tokens)))


def wix_secrets(account: ProviderAccount | None) -> list[str]:
    """The secrets that sign the simple form: the account's own, else the installation's; newest first."""
    own = credentials(account)
    if own.get("webhook_secret"):
        return [own["webhook_secret"], own.get("previous_webhook_secret", "")]
    return [
        getattr(settings, "WIX_WEBHOOK_SECRET", "") or "",
        getattr(settings, "WIX_WEBHOOK_SECRET_PREVIOUS", "") or "",
    ]


def wix_public_key(account: ProviderAccount | None) -> str:
    """The key that checks Wix's tokens: the account's own, else the installation's; "" when there is none."""
    own = credentials(account)
    if own.get("public_key"):
        return own["public_key"]
    key = getattr(settings, "WIX_PUBLIC_KEY", "") or ""
    path = getattr(settings, "WIX_PUBLIC_KEY_FILE", "") or ""
    return key or (_read_key(str(path)) if path else "")


def credentials(account: ProviderAccount | None) -> dict[str, str]:
    """What is entered for an account, by name."""
    kept: Any = account.credentials if account is not None else {}
    return {name: str(value) for name, value in dict(kept or {}).items()}


def _read_key(path: str) -> str:
    try:
        changed = Path(path).stat().st_mtime_ns
    except OSError:
        return ""
    return _key_file(path, changed)


@lru_cache(maxsize=8)
def _key_file(path: str, changed: int) -> str:
    try:
        return Path(path).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def _is_console_token(token: str) -> bool:
    configured = getattr(settings, "SMS_WEBHOOK_TOKEN", "") or ""
    return bool(configured) and hmac.compare_digest(configured.encode(), token.encode("utf-8", "replace"))


def enabled(provider: str) -> list[ProviderAccount]:
    """Every enabled account with a provider, in a fixed order."""
    return list(_enabled().filter(provider=provider).order_by("location_id", "id"))


def _enabled() -> QuerySet[ProviderAccount]:
    return ProviderAccount.objects.select_related("location").filter(enabled=True)
