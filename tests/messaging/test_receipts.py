"""Receipts in any order: doubled, shuffled, two days late, and before the answer to the call they speak of.

They come through the real door. The model of what must be known in the end is one line: the first end that was
reported stays, else the text is sent.
"""

from __future__ import annotations

import json
import os
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Location
from core import work
from core.causes import Cause
from integrations import accounts, gateways
from integrations.models import Receipt
from integrations.ports import Capabilities, LookupAnswer, OutboundSms, SendOutcome
from messaging import sending, settling
from messaging.models import Message
from messaging.services import NewMessage, queue_messages
from tests.factories.contacts import make_contact

TEST = Cause.system("test")
STATUSES = ("accepted", "sent", "delivered", "failed")
EACH = 5


class Provider:
    """Takes every text; of every third the answer is lost. `meanwhile` happens before it answers."""

    capabilities = Capabilities(search=True, receipts=True, batch=100)

    def __init__(self, meanwhile: Callable[[Sequence[OutboundSms]], None]) -> None:
        self.meanwhile = meanwhile
        self.taken = 0

    def send_many(self, texts: Sequence[OutboundSms]) -> list[SendOutcome]:
        self.meanwhile(texts)
        said = []
        for sms in texts:
            self.taken += 1
            lost = self.taken % 3 == 0
            said.append(SendOutcome("unknown") if lost else SendOutcome("accepted", f"p-{sms.reference}"))
        return said

    def lookup(self, sms: OutboundSms, *, sent_after: Any) -> LookupAnswer:
        return LookupAnswer("found", f"p-{sms.reference}", "accepted")


def end_of(told: Sequence[str]) -> str:
    """The model."""
    return next((status for status in told if status in ("delivered", "failed")), "sent")


@pytest.mark.parametrize("receipts", [100, pytest.param(5000, marks=pytest.mark.long)])
def test_receipts_in_any_order_end_as_the_model_says(
    sydney, account, now, monkeypatch: pytest.MonkeyPatch, receipts: int
) -> None:
    seed = int(os.environ.get("SEED", random.randrange(10**9)))
    print(f"SEED={seed}")
    dice = random.Random(seed)
    Location.objects.filter(pk=sydney.pk).update(daily_sms_cap_cents=1_000_000)
    token = accounts.rotate_token(account)
    client = Client()
    told: dict[str, list[str]] = {}
    waiting: list[tuple[str, str]] = []

    def tell(reference: str, status: str) -> None:
        told.setdefault(reference, []).append(status)
        answer = client.post(
            f"/webhooks/sms/receipt/{token}", json.dumps({"message_id": f"p-{reference}", "status": status}),
            content_type="application/json",
        )  # fmt: skip
        assert answer.status_code == 200

    def before_the_answer(texts: Sequence[OutboundSms]) -> None:
        # A receipt or two come first for a third of the texts; what tells of the same twice is one delivery.
        for sms in texts:
            script = [dice.choice(STATUSES) for _ in range(EACH - 1)]
            script.append(dice.choice(script))
            early = dice.choice([0, 0, 1, 2])
            for status in script[:early]:
                tell(sms.reference, status)
            waiting.extend((sms.reference, status) for status in script[early:])
        work.drain()

    provider = Provider(before_the_answer)
    monkeypatch.setattr(gateways, "for_account", lambda account: provider)
    for number in range(0, receipts // EACH, 100):
        there = [
            make_contact(sydney, name=f"Person {one}")
            for one in range(number, min(number + 100, receipts // EACH))
        ]
        queue_messages([NewMessage(one.pk, f"text:{one.pk}", TEST, body=f"Hello {one.pk}.") for one in there])
    while sending.send_due():
        continue
    dice.shuffle(waiting)
    late = waiting[: len(waiting) // 5]
    for reference, status in waiting[len(waiting) // 5 :]:
        tell(reference, status)
        if dice.random() < 0.01:
            now.advance(timedelta(seconds=5))
            work.drain()
    for seconds in (61, 30, 120, 400):
        now.advance(timedelta(seconds=seconds))
        settling.ask_about_unknown()
        work.drain()
    now.advance(timedelta(hours=48))
    for reference, status in late:
        tell(reference, status)
    work.drain()

    assert sum(map(len, told.values())) == receipts
    rows = {str(row.public_id): row for row in Message.objects.all()}
    assert {reference: row.status for reference, row in rows.items()} == {
        reference: end_of(told[reference]) for reference in rows
    }
    assert all(row.provider_message_id == f"p-{reference}" for reference, row in rows.items())
    assert set(Counter(Receipt.objects.values_list("state", flat=True))) == {"applied"}
