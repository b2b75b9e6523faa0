"""One bad row is one bad row (B16): of many texts one cannot be sent, and the others are sent once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

import pytest

from accounts.models import Location
from contacts.models import Contact
from core.clock import Frozen
from integrations.models import SenderIdentity
from integrations.ports import Capabilities, OutboundSms, SendOutcome
from messaging import judging, sending
from messaging.models import Message
from messaging.services import NewMessage, queue_messages
from tests.messaging.conftest import RULE, FakeGateway, fresh

BAD = "+61412000007"
MANY = [pytest.param(50, id="50"), pytest.param(500, id="500", marks=pytest.mark.slow)]


class Batches(FakeGateway):
    """Takes a hundred in one call; refuses the whole call because of one number."""

    def __init__(self) -> None:
        super().__init__()
        self.capabilities = Capabilities(batch=100)

    def send_many(self, texts: Sequence[OutboundSms]) -> list[SendOutcome]:
        if any(sms.to == BAD for sms in texts):
            return [SendOutcome("refused", error_code="http_400")] * len(texts)
        return super().send_many(texts)


def queue_many(location: Location, count: int) -> None:
    location.settings = {"storm_limit": 10_000}
    location.daily_sms_cap_cents = 1_000_000
    location.save()
    people = Contact.objects.bulk_create(
        [
            Contact(location=location, name=f"Person {n}", phone=f"+614120{n:05}", source="wix")
            for n in range(count)
        ]
    )
    queue_messages([NewMessage(one.pk, f"k{one.pk}", RULE, template="welcome_lead") for one in people])


def send_all(now: Frozen) -> None:
    for _ in range(20):
        while sending.send_due():
            continue
        if not Message.objects.filter(status__in=("queued", "claimed", "sending")).exists():
            return
        now.advance(timedelta(minutes=20))


@pytest.mark.parametrize("count", MANY)
def test_b16_of_a_set_with_one_number_that_the_provider_refuses_the_others_are_sent_once(
    count: int, sydney: Location, gateway: FakeGateway, now: Frozen, monkeypatch: pytest.MonkeyPatch
) -> None:
    batches = Batches()
    monkeypatch.setattr("integrations.gateways.for_account", lambda account: batches)
    queue_many(sydney, count)
    send_all(now)
    assert Counter(sms.to for sms in batches.sent) == {
        f"+614120{n:05}": 1 for n in range(count) if f"+614120{n:05}" != BAD
    }
    states = Counter(Message.objects.values_list("status", flat=True))
    assert states["sent"] == count - 1
    assert Message.objects.get(address=BAD).status in ("failed", "parked")


@pytest.mark.parametrize("count", MANY)
def test_b16_of_a_set_with_one_message_that_cannot_be_judged_the_others_are_sent_once(
    count: int, sydney: Location, gateway: FakeGateway, now: Frozen, monkeypatch: pytest.MonkeyPatch
) -> None:
    gateway.capabilities = Capabilities(batch=100)
    queue_many(sydney, count)
    render = judging.rendering.render

    def trip(words: str, values: dict[str, str]) -> str:
        if values.get("first_name") == "Bad":
            raise ZeroDivisionError
        return render(words, values)

    bad = Contact.objects.get(phone=BAD)
    Contact.objects.filter(pk=bad.pk).update(name="Bad Row")
    monkeypatch.setattr("messaging.rendering.render", trip)
    send_all(now)
    sent = Counter(sms.to for sms in gateway.sent)
    assert (len(sent), set(sent.values())) == (count - 1, {1})
    assert BAD not in sent


def test_an_automatic_text_never_goes_to_a_number_of_our_own(
    sydney: Location, gateway: FakeGateway, anna: Contact
) -> None:
    SenderIdentity.objects.update(value=anna.phone)
    [result] = queue_messages([NewMessage(anna.pk, "k", RULE, template="welcome_lead")])
    message = fresh(result.message)
    assert (message.status, message.reason, gateway.sent) == ("suppressed", "own_number", [])
