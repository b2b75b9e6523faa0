"""Limits hold although several workers count at once."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction

from accounts.models import Location
from core import clock
from core.clock import Frozen
from integrations import gateways
from messaging import sending, storms
from messaging.models import Message, Storm
from messaging.queueing import NewMessage, queue_messages
from tests.factories.contacts import make_contact
from tests.harness.threads import at_once, each_at_once
from tests.messaging.conftest import NOW, RULE, FakeGateway, make_account, make_sydney

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def now(transactional_db: None) -> Iterator[Frozen]:
    with clock.frozen(NOW) as frozen:
        yield frozen


@pytest.fixture
def sydney(now: Frozen) -> Location:
    return make_sydney()


@pytest.fixture
def gateway(sydney: Location, monkeypatch: pytest.MonkeyPatch) -> FakeGateway:
    make_account(sydney)
    fake = FakeGateway()
    monkeypatch.setattr(gateways, "for_account", lambda account: fake)
    return fake


def test_two_workers_together_do_not_send_more_of_a_rule_than_its_limit(sydney: Location) -> None:
    make_account(sydney)
    people = [make_contact(sydney, name=f"Person{n}") for n in range(8)]
    sydney.settings = {"storm_limit": 5}
    sydney.save()
    counted = threading.Barrier(2, timeout=2)

    def want(some: list[Any]) -> None:
        with transaction.atomic():
            queue_messages([NewMessage(one.pk, f"k{one.pk}", RULE, template="welcome_lead") for one in some])
            # Each holds its own uncommitted until the other has counted, or for as long as the other waits for it.
            try:
                counted.wait()
            except threading.BrokenBarrierError:
                return

    each_at_once(lambda: want(people[:4]), lambda: want(people[4:]))
    found = Counter(Message.objects.values_list("status", flat=True))
    assert found == {"queued": 5, "held": 3}
    assert Storm.objects.get().messages.count() == 3
    assert storms.limit_of(sydney) == 5


def test_a_shared_phone_gets_no_more_than_its_cap_from_workers_at_once(
    sydney: Location, gateway: FakeGateway, now: Frozen
) -> None:
    sydney.settings = {"automatic_limit": 4, "storm_limit": 1000}
    sydney.save()
    owner = make_contact(sydney, name="Anna Smith", phone="+61412000001")
    child = make_contact(sydney, name="Ben Smith", phone="+61412000001")
    for n in range(20):
        contact = (owner, child)[n % 2]
        queue_messages(
            [NewMessage(contact.pk, f"k{n}", RULE, body=f"Text {n}", purpose="service", category="welcome")]
        )
    # The provider takes its time, so that calls of several workers are under way together.
    together = threading.Barrier(4, timeout=0.5)

    def slowly(sms: object) -> None:
        try:
            together.wait()
        except threading.BrokenBarrierError:
            together.reset()

    gateway.before_answering = slowly
    at_once(4, lambda number: sending.send_due(limit=5))
    states = Counter(Message.objects.values_list("status", "reason"))
    assert len(gateway.sent) == 4
    assert states[("sent", "")] == 4
    assert states[("suppressed", "cap")] == 16
