"""The gateway to `tests.fakes.plain`, a provider that cannot be asked and may or may not know keys.

It exists for tests alone: no real provider of ours is without both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from integrations import http
from integrations.models import ProviderAccount
from integrations.ports import Capabilities, Checked, LookupAnswer, OutboundSms, SendOutcome

PLAIN = "plain"


@dataclass(frozen=True)
class PlainGateway:
    """Sends to the address in the account's credentials; `idempotent` says whether a key is worth sending."""

    url: str
    idempotent: bool

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(idempotency=timedelta(hours=24) if self.idempotent else None, paced=True)

    def send_many(self, texts: Sequence[OutboundSms]) -> list[SendOutcome]:
        return [self._send(sms) for sms in texts]

    def _send(self, sms: OutboundSms) -> SendOutcome:
        text = {"to": sms.to, "from": sms.from_, "body": sms.body, "reference": sms.reference}
        answer = http.call("POST", f"{self.url}/texts", json=text, headers={"Idempotency-Key": sms.reference})
        said = answer.json()
        made = str(said.get("id") or "")
        kind = answer.kind(readable=bool(made))
        if kind == "accepted":
            return SendOutcome("accepted", provider_message_id=made)
        return SendOutcome(kind, error_code=answer.word())

    def lookup(self, sms: OutboundSms, *, sent_after: datetime) -> LookupAnswer:
        return LookupAnswer("unsure")

    def check(self) -> Checked:
        return Checked(True, "It is a fake.")


def gateway(account: ProviderAccount) -> PlainGateway:
    """The gateway of an account of the fake."""
    return PlainGateway(account.credentials["url"], bool(account.credentials.get("idempotent")))
