"""The gateway to MessageMedia (Sinch Engage), and its lists of what nobody confirmed yet. Credentials of an account:
`api_key`, `api_secret` and, where it sends for one, `sub_account`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from django.conf import settings
from django.urls import reverse

from core import clock
from integrations import accounts, http
from integrations.answers import Answer
from integrations.models import Kind, ProviderAccount
from integrations.polling import Listed
from integrations.ports import Capabilities, Checked, LookupAnswer, OutboundSms, SendOutcome
from integrations.providers import messagemedia_format as form

#: Real seconds after which a refused set is not divided further; what is left of it goes another time.
DIVIDING_SECONDS = 40.0


@dataclass(frozen=True, slots=True)
class MessageMediaGateway:
    """Sends through one MessageMedia account."""

    auth: tuple[str, str]
    sub_account: str
    account: str
    callback: str

    # It knows no idempotency key and finds a text by its own id alone: one whose answer was lost is settled by its
    # receipt, which brings our reference back.
    capabilities = Capabilities(echo_ref=True, receipts=True, batch=form.BATCH, paced=True)

    def send_many(self, texts: Sequence[OutboundSms]) -> list[SendOutcome]:
        """One call for all of them. Where one is invalid none is sent; then the set is divided until that one is
        alone.
        """
        if not all(self.auth):
            return [SendOutcome("retry", error_code="bad_credentials")] * len(texts)
        return self._send(texts, until=monotonic() + DIVIDING_SECONDS)

    def _send(self, texts: Sequence[OutboundSms], *, until: float) -> list[SendOutcome]:
        asked = form.request(texts, account=self.account, callback=self.callback)
        answer = self._call("POST", "/v1/messages", json=asked)
        outcomes = form.outcomes(answer, texts, now=clock.now())
        if len(texts) == 1 or answer.kind() != "refused":
            return outcomes
        middle = len(texts) // 2
        return [
            outcome
            for half in (texts[:middle], texts[middle:])
            for outcome in (self._send(half, until=until) if monotonic() < until else _another_time(half))
        ]

    def lookup(self, sms: OutboundSms, *, sent_after: datetime) -> LookupAnswer:
        """It cannot be asked."""
        return LookupAnswer("unsure")

    def check(self) -> Checked:
        """Ask for the replies that nobody confirmed yet."""
        if not all(self.auth):
            return Checked(False, "The API key and the API secret are not entered yet.")
        return form.checked(self._call("GET", "/v1/replies"))

    def waiting(self, kind: Kind) -> list[Listed] | None:
        """The oldest texts or receipts that nobody confirmed yet; None when it does not tell."""
        path, name, id_name = _LISTS[kind]
        rows = form.listed(self._call("GET", path), name)
        return None if rows is None else [_listed(row, id_name) for row in rows]

    def confirm(self, kind: Kind, ids: Sequence[str]) -> bool:
        """Take these off the list. Whether it did."""
        path, _, id_name = _LISTS[kind]
        answer = self._call("POST", f"{path}/confirmed", json={f"{id_name}s": list(ids)})
        return answer.kind() == "accepted"

    def _call(self, method: str, path: str, *, json: dict[str, object] | None = None) -> Answer:
        headers = {"Accept": "application/json"}
        if self.sub_account:
            headers["Account"] = self.sub_account
        url = settings.MESSAGEMEDIA_API_URL + path
        return http.call(method, url, auth=self.auth, json=json, headers=headers)


_LISTS: Mapping[Kind, tuple[str, str, str]] = {
    Kind.SMS_INBOUND: ("/v1/replies", "replies", "reply_id"),
    Kind.SMS_RECEIPT: ("/v1/delivery_reports", "delivery_reports", "delivery_report_id"),
}


def _another_time(texts: Sequence[OutboundSms]) -> list[SendOutcome]:
    return [SendOutcome("retry", error_code="busy")] * len(texts)


def _listed(row: Mapping[str, object], id_name: str) -> Listed:
    return Listed(str(row.get(id_name) or ""), json.dumps(row).encode())


def gateway(account: ProviderAccount) -> MessageMediaGateway:
    """The gateway of a MessageMedia account."""
    own = accounts.credentials(account)
    auth = (own.get("api_key", ""), own.get("api_secret", ""))
    return MessageMediaGateway(auth, own.get("sub_account", ""), str(account.public_id), _callback(account))


def _callback(account: ProviderAccount) -> str:
    """Where each text is reported to; nowhere while nobody has said how this server is reached."""
    public: str = settings.PUBLIC_URL
    token = accounts.callback_token(account)
    return public + reverse("integrations:sms_callback", args=(token,)) if public else ""
