"""Meta's Graph API, as far as leads need it. Called with no transaction open."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from django.conf import settings

from core.errors import Malformed
from integrations import http, lead_accounts, reading
from integrations.models import ProviderAccount
from integrations.ports import FetchAnswer
from integrations.providers import meta

NO_TOKEN = "no_access_token"

# Codes of the Graph API's errors: the token or a right is missing; too many calls; try again; not there.
_NOT_LET_IN = frozenset({3, 10, 102, 104, 190, *range(200, 300)})
_TOO_OFTEN = frozenset({4, 17, 32, 613, *range(80000, 80015)})
_PASSING = frozenset({1, 2})
_NOT_THERE = frozenset({100, 803})


def fetch_lead(account: ProviderAccount, body: bytes) -> FetchAnswer:
    """The lead that a stored notice names, as the Graph API gives it."""
    kept: Any = account.credentials
    token = kept.get("access_token", "")
    if not token:
        return FetchAnswer("refused", code=NO_TOKEN)
    parameters = {"fields": ",".join(meta.FIELDS)}
    secrets = lead_accounts.own_secrets(account) or lead_accounts.installation_secrets(account.provider)
    if secrets:
        # Apps may ask for a proof that the caller knows their secret, too.
        parameters["appsecret_proof"] = hmac.digest(secrets[0].encode(), token.encode(), hashlib.sha256).hex()
    url = f"{settings.META_GRAPH_URL.rstrip('/')}/{quote(meta.lead_id(body), safe='')}"
    # In a header, because addresses end up in logs.
    answer = http.call("GET", url, params=parameters, headers={"Authorization": f"Bearer {token}"})
    if answer.status is None:
        return FetchAnswer("retry", code=answer.word())
    return read(answer.status, answer.headers, answer.body)


def needs_new_token(code: str) -> bool:
    """Whether a code that was kept of an answer says that somebody must change the account."""
    named = code.isascii() and code.isdigit()
    return int(code) in _NOT_LET_IN if named else code in (NO_TOKEN, "http_401")


def read(status: int, headers: Mapping[str, str], content: bytes) -> FetchAnswer:
    """What an answer of the Graph API means."""
    try:
        answer = reading.json_object(content)
        error = reading.mapping(answer.get("error"), "error")
        code = reading.whole_number(error.get("code"), "code")
    except Malformed:
        return FetchAnswer("retry", code=f"http_{status}")
    if status == 200 and not error:
        return FetchAnswer("found", body=content)
    named = str(code) if code is not None else f"http_{status}"
    if code in _TOO_OFTEN or status == 429:
        return FetchAnswer("wait", code=named, retry_after=_pause(headers))
    if error.get("is_transient") is True or code in _PASSING or status >= 500:
        return FetchAnswer("retry", code=named)
    if code in _NOT_LET_IN or status == 401:
        return FetchAnswer("refused", code=named)
    if code in _NOT_THERE or status == 404:
        return FetchAnswer("gone", code=named)
    return FetchAnswer("retry", code=named)


def _pause(headers: Mapping[str, str]) -> float | None:
    """The seconds an account is told to wait."""
    told = {name.lower(): value for name, value in headers.items()}
    seconds = told.get("retry-after", "")
    if seconds.isascii() and seconds.isdigit() and len(seconds) < 7:
        return float(seconds)
    try:
        usage = json.loads(told.get("x-business-use-case-usage", "{}"))
        minutes = [int(each["estimated_time_to_regain_access"]) for uses in usage.values() for each in uses]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return 60.0 * max(minutes) if minutes and max(minutes) > 0 else None
