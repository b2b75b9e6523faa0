"""The gateway to Twilio. Credentials of an account: `account_sid`, `auth_token`, which also checks webhooks, and,
where they are set, `api_key_sid` with `api_key_secret` for sending and `messaging_service`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse

from core import clock
from integrations import accounts, http
from integrations.answers import Answer
from integrations.models import ProviderAccount
from integrations.ports import Capabilities, Checked, LookupAnswer, OutboundSms, SendOutcome
from integrations.providers import twilio_format as form


@dataclass(frozen=True, slots=True)
class TwilioGateway:
    """Sends through one Twilio account."""

    account_sid: str
    auth: tuple[str, str]
    service: str
    currency: str

    # It takes one text a call, knows no idempotency key, and keeps no reference: a text is found again by its words.
    capabilities = Capabilities(
        search=True, search_lag=timedelta(minutes=5), echo_ref=True, receipts=True, paced=True
    )

    def send_many(self, texts: Sequence[OutboundSms]) -> list[SendOutcome]:
        """One text, with the address to report to."""
        return [self._send(sms) for sms in texts]

    def _send(self, sms: OutboundSms) -> SendOutcome:
        if not self.account_sid or not all(self.auth):
            return SendOutcome("retry", error_code="bad_credentials")
        now = clock.now()
        callback = _callback(sms.reference)
        asked = form.request(sms, service=self.service, status_callback=callback, now=now)
        answer = self._call("POST", "/Messages.json", form=asked)
        return form.outcome(answer, currency=self.currency, now=now)

    def lookup(self, sms: OutboundSms, *, sent_after: datetime) -> LookupAnswer:
        """Look among what went to that number."""
        answer = self._call("GET", "/Messages.json", params=form.search(sms))
        return form.found(answer, sms, sent_after=sent_after)

    def check(self) -> Checked:
        """Ask for the account itself."""
        if not self.account_sid or not all(self.auth):
            return Checked(False, "The account SID and the auth token are not entered yet.")
        return form.checked(self._call("GET", ".json"))

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        form: dict[str, str] | None = None,
    ) -> Answer:
        url = f"{settings.TWILIO_API_URL}/2010-04-01/Accounts/{self.account_sid}{path}"
        return http.call(method, url, auth=self.auth, params=params, form=form)


def gateway(account: ProviderAccount) -> TwilioGateway:
    """The gateway of a Twilio account."""
    own = accounts.credentials(account)
    sid = own.get("account_sid", "")
    with_key = own.get("api_key_sid") and own.get("api_key_secret")
    auth = (own["api_key_sid"], own["api_key_secret"]) if with_key else (sid, own.get("auth_token", ""))
    return TwilioGateway(sid, auth, own.get("messaging_service", ""), account.location.currency)


def _callback(reference: str) -> str:
    """Where Twilio shall report; nowhere while nobody has said how this server is reached."""
    public: str = settings.PUBLIC_URL
    return (
        f"{public}{reverse('integrations:twilio_status')}?{urlencode({'ref': reference})}" if public else ""
    )
