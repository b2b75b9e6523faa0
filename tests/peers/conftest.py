"""A clinic met by its front doors, and a provider in memory that is the judge of what went out.

Each test here is named after a bug that others have (docs/reliability.md lists them), and says in a sentence what
they get wrong.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime

import pytest

from integrations import gateways
from integrations.ports import Capabilities, LookupAnswer, OutboundSms, SendOutcome
from tests.rules.conftest import Clinic, clinic  # noqa: F401


class Phone:
    """Takes every text and keeps it, unless `answer` says otherwise; `begun` is called when a call begins."""

    capabilities = Capabilities(search=True, receipts=True)

    def __init__(self) -> None:
        self.journal: list[OutboundSms] = []
        self.answer: Callable[[OutboundSms], SendOutcome | None] = lambda sms: None

    def send_many(self, texts: Sequence[OutboundSms]) -> list[SendOutcome]:
        return [self._take(sms) for sms in texts]

    def _take(self, sms: OutboundSms) -> SendOutcome:
        said = self.answer(sms)
        if said is not None:
            return said
        self.journal.append(sms)
        return SendOutcome("accepted", provider_message_id=f"p-{sms.reference}", cost_cents=8)

    def lookup(self, sms: OutboundSms, *, sent_after: datetime) -> LookupAnswer:
        known = any(taken.reference == sms.reference for taken in self.journal)
        return LookupAnswer("found", f"p-{sms.reference}", "sent") if known else LookupAnswer("absent")

    def texts(self, to: str = "", *, about: str = "") -> list[str]:
        """What went out, oldest first; to one number, or with these words in it."""
        return [sms.body for sms in self.journal if to in ("", sms.to) and about in sms.body]

    def most(self) -> int:
        """How often the text that went out most often did."""
        return max(Counter(sms.reference for sms in self.journal).values(), default=0)


@pytest.fixture
def phone(clinic: Clinic, monkeypatch: pytest.MonkeyPatch) -> Phone:  # noqa: F811
    taken = Phone()
    monkeypatch.setattr(gateways, "for_account", lambda account: taken)
    return taken
