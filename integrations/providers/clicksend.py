"""The gateway to ClickSend. Credentials of an account: `username` and `api_key`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from time import monotonic
from urllib.parse import quote

from django.conf import settings

from core import clock
from integrations import accounts, http
from integrations.answers import Answer
from integrations.models import Kind, ProviderAccount
from integrations.polling import Listed
from integrations.ports import Capabilities, Checked, LookupAnswer, OutboundSms, SendOutcome
from integrations.providers import clicksend_format as form

#: Real seconds that marking texts as read may take; the rest is marked another time.
MARKING_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class ClickSendGateway:
    """Sends through one ClickSend account."""

    auth: tuple[str, str]
    currency: str

    # It knows no idempotency key; our reference comes back in answers, history and receipts.
    capabilities = Capabilities(
        search=True,
        search_ref=True,
        search_lag=timedelta(minutes=5),
        echo_ref=True,
        receipts=True,
        batch=form.BATCH,
        paced=True,
    )

    def send_many(self, texts: Sequence[OutboundSms]) -> list[SendOutcome]:
        """One call for all of them, and what its answer says of each."""
        if not all(self.auth):
            return [SendOutcome("retry", error_code="bad_credentials")] * len(texts)
        answer = self._call("POST", "/v3/sms/send", json=form.request(texts))
        return form.outcomes(answer, texts, currency=self.currency, now=clock.now())

    def lookup(self, sms: OutboundSms, *, sent_after: datetime) -> LookupAnswer:
        """Look through the history since then for our reference."""
        for page in range(1, form.MOST_PAGES + 1):
            answer = self._call(
                "GET", "/v3/sms/history", params=form.search(sent_after=sent_after, page=page)
            )
            known = form.found(answer, sms)
            if known is not None:
                return known
        return LookupAnswer("unsure")

    def check(self) -> Checked:
        """Ask for the account itself."""
        if not all(self.auth):
            return Checked(False, "The user name and the API key are not entered yet.")
        return form.checked(self._call("GET", "/v3/account"))

    def waiting(self, kind: Kind) -> list[Listed] | None:
        """The beginning of the texts that nobody read yet; None when it does not tell. It lists those that a rule of
        the account with the action POLL put there.
        """
        answer = self._call("GET", "/v3/sms/inbound", params=form.first_page())
        rows = form.listed(answer)
        if rows is None:
            return None
        return [Listed(str(row.get("message_id") or ""), json.dumps(row).encode()) for row in rows]

    def confirm(self, kind: Kind, ids: Sequence[str]) -> bool:
        """Mark each as read: the one call that marks many goes by time, and would take along what came meanwhile."""
        until, marked = monotonic() + MARKING_SECONDS, 0
        for each in ids:
            if monotonic() > until:
                break
            answer = self._call("PUT", f"/v3/sms/inbound-read/{quote(each, safe='')}")
            marked += answer.kind() == "accepted"
        return marked == len(ids)

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        json: dict[str, object] | None = None,
    ) -> Answer:
        return http.call(method, settings.CLICKSEND_API_URL + path, auth=self.auth, params=params, json=json)


def gateway(account: ProviderAccount) -> ClickSendGateway:
    """The gateway of a ClickSend account."""
    own = accounts.credentials(account)
    return ClickSendGateway((own.get("username", ""), own.get("api_key", "")), account.location.currency)
