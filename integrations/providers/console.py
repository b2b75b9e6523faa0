"""The embedded provider: it accepts every text at once and sends nothing anywhere.

The on-screen phone shows the message rows themselves, so there is nothing to keep here. The id it gives is
made from our reference, so that a second call with the same reference is the same text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from integrations import mail
from integrations.models import ProviderAccount
from integrations.ports import Capabilities, Checked, LookupAnswer, OutboundEmail, OutboundSms, SendOutcome


class ConsoleGateway:
    """Hands texts to the on-screen phone."""

    capabilities = Capabilities(
        idempotency=timedelta(days=365), search=True, search_ref=True, receipts=True, batch=100
    )

    def send_many(self, texts: Sequence[OutboundSms]) -> list[SendOutcome]:
        """Accepted, at no cost."""
        return [SendOutcome("accepted", provider_message_id=_id(sms), cost_cents=0) for sms in texts]

    def lookup(self, sms: OutboundSms, *, sent_after: datetime) -> LookupAnswer:
        """A text that was handed over was taken: handing it over cannot fail halfway."""
        return LookupAnswer("found", provider_message_id=_id(sms), status="sent")

    def check(self) -> Checked:
        """There is nothing to reach."""
        return Checked(True, "The on-screen phone is part of this system. It sends nothing to anybody.")


class ConsoleMailGateway:
    """E-mails of a clinic that tries the system out: shown in the conversation, sent to nobody."""

    def send(self, email: OutboundEmail) -> SendOutcome:
        """Accepted, at no cost."""
        return SendOutcome("accepted", provider_message_id=mail.message_id_of(email), cost_cents=0)


def mail_gateway(account: ProviderAccount) -> ConsoleMailGateway:
    """The e-mail gateway of a console account; all are alike."""
    return ConsoleMailGateway()


def gateway(account: ProviderAccount) -> ConsoleGateway:
    """The gateway of a console account; all are alike."""
    return ConsoleGateway()


def _id(sms: OutboundSms) -> str:
    return f"console-{hashlib.sha256(sms.reference.encode()).hexdigest()[:24]}"
