"""Back up, send 30 texts, lose the database, restore: the provider's journal judges."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from accounts import sending_stops
from accounts.models import Location
from avatar_cms.backups import making
from core import clock
from core.clock import Frozen
from integrations import gateways
from integrations.models import Provider, ProviderAccount, SenderIdentity
from messaging.models import Message
from messaging.services import NewMessage, queue_messages
from tests.factories.contacts import make_contact
from tests.fakes.clicksend import FakeClickSend
from tests.fakes.plain import FakePlain
from tests.fakes.plain_gateway import PlainGateway
from tests.messaging.conftest import NOW, RULE, make_sydney

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "owner"]), pytest.mark.usefixtures("now"),
]  # fmt: skip
MANY = 30


@pytest.fixture
def now(transactional_db: None) -> Iterator[Frozen]:
    with clock.frozen(NOW - timedelta(hours=2)) as frozen:
        yield frozen


@pytest.fixture
def clinic(now: Frozen) -> Location:
    location = make_sydney()
    account = ProviderAccount.objects.create(
        location=location, provider=Provider.CLICKSEND, name="Texts",
        credentials={"username": "clinic", "api_key": "clicksend-key"},
    )  # fmt: skip
    SenderIdentity.objects.create(
        location=location, account=account, value="+61290000000", registration="not_needed", per_second=1000
    )
    return location


@pytest.fixture(params=["to be asked", pytest.param("neither", marks=pytest.mark.slow)])
def provider(request: pytest.FixtureRequest, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """ClickSend, whose history holds our reference; or one that has neither keys nor a history."""
    if request.param == "to be asked":
        with FakeClickSend() as clicksend:
            clicksend.now = clock.now
            settings.CLICKSEND_API_URL = clicksend.url
            yield clicksend
    else:
        with FakePlain() as plain:
            gateway = PlainGateway(plain.url, idempotent=False)
            monkeypatch.setattr(gateways, "for_account", lambda account: gateway)
            yield plain


def test_restored_to_two_hours_ago_nothing_is_sent_in_safe_mode_and_nothing_twice_after_it(
    clinic: Location, provider: Any, now: Frozen, run_work: Callable[[], int], tmp_path: Path,
    other_database: Callable[[], str],
) -> None:  # fmt: skip
    for n in range(MANY + 1):
        person = make_contact(clinic, name=f"Person {n}", phone=f"+614120{n:05}", source="wix")
        at = NOW + timedelta(hours=3) if n == MANY else NOW - timedelta(hours=1)
        queue_messages(
            [
                NewMessage(
                    contact_id=person.pk, dedupe_key=f"k{n}", cause=RULE, template="welcome_lead", send_at=at
                )
            ]
        )
    file, _ = making.make(tmp_path)
    now.set(NOW - timedelta(minutes=30))
    run_work()
    assert len(provider.journal) == MANY

    other_database()
    now.set(NOW)
    call_command("restore", str(file), stdout=StringIO())
    assert sending_stops.where()[0]
    assert not Message.objects.filter(status="sent").exists()
    run_work()
    now.advance(timedelta(minutes=20))
    run_work()
    assert len(provider.journal) == MANY

    call_command("leave_safe_mode", stdout=StringIO())
    for _ in range(4):
        now.advance(timedelta(hours=1))
        run_work()

    numbers = Counter(entry["to"] for entry in provider.journal)
    assert (len(numbers), set(numbers.values())) == (MANY + 1, {1})  # none twice, and the later one went
    states = Counter(Message.objects.values_list("status", flat=True))
    known = provider.name == "clicksend"
    assert states == ({"sent": MANY + 1} if known else {"sent": 1, "unknown": MANY})
