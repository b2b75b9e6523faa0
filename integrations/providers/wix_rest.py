"""Asking Wix for a page of its bookings. Called with no transaction open."""

from __future__ import annotations

from django.conf import settings

from core import clock
from integrations import accounts, http
from integrations.models import ProviderAccount
from integrations.providers import wix_rest_format
from integrations.providers.wix_rest_format import Page, Question

#: A hundred bookings with all their forms are far less.
MOST_BYTES = 8 * 1024 * 1024


def may_ask(account: ProviderAccount) -> bool:
    """Whether the account has what the list is asked with."""
    kept = accounts.credentials(account)
    return bool(kept.get("api_key") and kept.get("site_id"))


def ask(account: ProviderAccount, question: Question) -> Page:
    """One page. Whatever happens to the call is a Page."""
    kept = accounts.credentials(account)
    if not may_ask(account):
        return Page("refused", code="no_api_key")
    answer = http.call(
        "POST",
        f"{settings.WIX_API_URL}{wix_rest_format.PATH}",
        json=wix_rest_format.body(question),
        # The key stands alone: Wix takes no "Bearer" before it.
        headers={"Authorization": kept["api_key"], "wix-site-id": kept["site_id"]},
        most_bytes=MOST_BYTES,
    )
    return wix_rest_format.read(answer, with_cursor=bool(question.cursor), now=clock.now())
