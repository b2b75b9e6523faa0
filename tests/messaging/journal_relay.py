"""`manage.py relay --until-idle` with a provider that writes every text it accepts into a file.

Run as a process of its own: `python -m tests.messaging.journal_relay <journal> search|dumb|once`. The file is the only
judge of what went out: it is written and synced before the provider answers, outside anybody's transaction.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import django
from django.core.management import call_command

from integrations.ports import Capabilities, LookupAnswer, OutboundSms, SendOutcome


class JournalGateway:
    """Accepts the same text twice if asked twice, two in a call. With `search` it can say what it has accepted; with
    `once` it takes a reference once, and answers a second call as the first.
    """

    def __init__(self, journal: Path, kind: str) -> None:
        self.journal = journal
        self.once = kind == "once"
        self.capabilities = Capabilities(
            search=kind == "search", idempotency=timedelta(hours=24) if self.once else None, batch=2
        )

    def send_many(self, texts: Sequence[OutboundSms]) -> list[SendOutcome]:
        return [self._send(sms) for sms in texts]

    def _send(self, sms: OutboundSms) -> SendOutcome:
        if self.once and sms.reference in accepted(self.journal):
            return SendOutcome("accepted", provider_message_id=f"p-{sms.reference}")
        handle = os.open(self.journal, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, f"{sms.reference}\n".encode())
        os.fsync(handle)
        os.close(handle)
        return SendOutcome("accepted", provider_message_id=f"p-{sms.reference}")

    def lookup(self, sms: OutboundSms, *, sent_after: datetime) -> LookupAnswer:
        if sms.reference in accepted(self.journal):
            return LookupAnswer("found", provider_message_id=f"p-{sms.reference}", status="sent")
        return LookupAnswer("absent")


def accepted(journal: Path) -> list[str]:
    """References of the texts accepted so far, in order."""
    return journal.read_text().split() if journal.exists() else []


def main() -> None:
    """Take the console provider's place and run what is due."""
    django.setup()
    from integrations import gateways

    gateway = JournalGateway(Path(sys.argv[1]), sys.argv[2])
    gateways.for_account = lambda account: gateway
    call_command("relay", until_idle=True)


if __name__ == "__main__":
    main()
