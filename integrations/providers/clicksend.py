"""The gateway to ClickSend. Credentials of an account: `username` and `api_key`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from core import clock
from integrations import accounts, http
from integrations.answers import Answer
from integrations.models import ProviderAccount
from integrations.ports import Capabilities, Checked, LookupAnswer, OutboundSms, SendOutcome
from integrations.providers import clicksend_format as form


@dataclass(frozen=True, slots=True)
class ClickSendGateway:
    """Sends through one ClickSend account."""

    auth: tuple[str, str]
    currency: str

    # It knows no idempotency key; our reference comes back in answers, history and receipts.
    capabilities = Capabilities(
        search=True,
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
