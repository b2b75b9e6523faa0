"""A provider that is a file: every text it takes is a line, written and synced before anybody is answered.

Outside anybody's transaction and outliving any process, the file is the only judge of what went out.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from integrations.ports import Capabilities, LookupAnswer, OutboundSms, SendOutcome


class Journal:
    """A file that holds one word for each thing that was taken."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def take(self, word: str) -> None:
        handle = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, f"{word}\n".encode())
        os.fsync(handle)
        os.close(handle)

    def lines(self) -> list[str]:
        """What was taken so far, in order."""
        return self.path.read_text().split() if self.path.exists() else []


class JournalGateway:
    """Accepts what it is given as often as it is given, and can say what it has accepted. With `idempotency` among its
    capabilities it takes a reference once, and answers a second call as the first. The answers to the first `lost`
    texts are lost.
    """

    def __init__(self, journal: Journal, capabilities: Capabilities, *, lost: int = 0) -> None:
        self.journal, self.capabilities, self._lost = journal, capabilities, lost

    def send_many(self, texts: Sequence[OutboundSms]) -> list[SendOutcome]:
        return [self._send(sms) for sms in texts]

    def _send(self, sms: OutboundSms) -> SendOutcome:
        if self.capabilities.idempotency is None or sms.reference not in self.journal.lines():
            self.journal.take(sms.reference)
            if len(self.journal.lines()) <= self._lost:
                return SendOutcome("unknown")
        return SendOutcome("accepted", provider_message_id=f"p-{sms.reference}")

    def lookup(self, sms: OutboundSms, *, sent_after: datetime) -> LookupAnswer:
        if sms.reference in self.journal.lines():
            return LookupAnswer("found", provider_message_id=f"p-{sms.reference}", status="sent")
        return LookupAnswer("absent")
