"""Changes to a clinic's accounts with providers and to the senders its texts come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Q

from core.causes import Cause
from core.errors import Invalid
from core.events import record
from integrations import fetching, pacing, provider_settings, reconciling, senders
from integrations.events import PROVIDER_CHANGED, SENDER_CHANGED
from integrations.models import ProviderAccount, SenderIdentity

ACCOUNT_FIELDS = frozenset({"name", "external_instance_id", "enabled", "per_second"})
SENDER_FIELDS = frozenset(
    {
        "account",
        "value",
        "registration",
        "register_name",
        "register_id",
        "per_second",
        "is_default",
        "enabled",
    }
)


@transaction.atomic
def create_account(
    *, location_id: int, provider: str, fields: Mapping[str, Any], cause: Cause
) -> ProviderAccount:
    """A clinic's new account with a provider. Its credentials are given afterwards."""
    account = ProviderAccount(location_id=location_id, provider=provider)
    return _save_account(account, fields, {}, cause)


@transaction.atomic
def update_account(
    *, account_id: int, fields: Mapping[str, Any], credentials: Mapping[str, str], cause: Cause
) -> ProviderAccount:
    """Change an account. Of `credentials`, an empty secret keeps the one there is; what is replaced is kept beside
    it where the provider still signs with it. What waits to be fetched with them is asked for again at once.
    """
    account = ProviderAccount.objects.select_for_update(no_key=True).get(pk=account_id)
    account = _save_account(account, fields, credentials, cause)
    fetching.resume(account)
    reconciling.resume(account)
    return account


def _save_account(
    account: ProviderAccount, fields: Mapping[str, Any], credentials: Mapping[str, str], cause: Cause
) -> ProviderAccount:
    _refuse_unknown(fields, ACCOUNT_FIELDS, "account")
    for name, value in fields.items():
        setattr(account, name, value)
    merged, typed = _merged(account, credentials)
    account.credentials = merged  # type: ignore[assignment]
    account.full_clean()
    account.save()
    if typed:
        pacing.resume(account.pk)
    record(
        PROVIDER_CHANGED, cause=cause, location_id=account.location_id, source=_source(cause),
        data={"account": str(account.public_id), "provider": account.provider, "fields": sorted({*fields, *typed})},
    )  # fmt: skip
    return account


def _merged(account: ProviderAccount, typed: Mapping[str, str]) -> tuple[dict[str, Any], list[str]]:
    """The account's credentials with what was typed put over them, and the names that changed."""
    stored: Any = account.credentials
    kept: dict[str, Any] = dict(stored)
    changed = []
    for field in provider_settings.of(account.provider).fields:
        value = typed.get(field.name)
        if value is None or value == kept.get(field.name, "") or (field.secret and not value):
            continue
        if field.keeps and kept.get(field.name):
            kept[field.keeps] = kept[field.name]
        kept[field.name] = value
        changed.append(field.name)
    return kept, changed


@transaction.atomic
def create_sender(*, location_id: int, fields: Mapping[str, Any], cause: Cause) -> SenderIdentity:
    """A new number or name for texts. Raises ValidationError or Invalid naming what is wrong."""
    return _save_sender(SenderIdentity(location_id=location_id), fields, cause)


@transaction.atomic
def update_sender(*, sender_id: int, fields: Mapping[str, Any], cause: Cause) -> SenderIdentity:
    """Change a sender, its registration state included."""
    return _save_sender(
        SenderIdentity.objects.select_for_update(no_key=True).get(pk=sender_id), fields, cause
    )


def _save_sender(sender: SenderIdentity, fields: Mapping[str, Any], cause: Cause) -> SenderIdentity:
    _refuse_unknown(fields, SENDER_FIELDS, "sender")
    for name, value in fields.items():
        setattr(sender, name, value)
    if sender.account.location_id != sender.location_id:
        raise Invalid(
            "The account belongs to another clinic.", fields={"account": "Choose an account of this clinic."}
        )
    sender.value = senders.checked(sender)
    sender.full_clean()
    if sender.is_default:
        # The first one used is one: choosing another moves the mark.
        others = SenderIdentity.objects.filter(location_id=sender.location_id, is_default=True)
        texts = ~Q(value__contains="@")
        same = others.exclude(texts) if sender.is_email else others.filter(texts)
        same.exclude(pk=sender.pk).update(is_default=False)
    sender.save()
    record(
        SENDER_CHANGED, cause=cause, location_id=sender.location_id, source=_source(cause),
        data={"sender": str(sender.public_id), "registration": sender.registration, "fields": sorted(fields)},
    )  # fmt: skip
    return sender


def _refuse_unknown(fields: Mapping[str, Any], known: frozenset[str], what: str) -> None:
    unknown = sorted(set(fields) - known)
    if unknown:
        raise Invalid(
            f"This {what} has no {', '.join(unknown)}.", fields=dict.fromkeys(unknown, "Unknown field.")
        )


def _source(cause: Cause) -> str:
    return "user" if cause.kind == "user" else "system"
