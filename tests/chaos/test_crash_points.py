"""A process killed at each named crash point, at its first and at its second passing: nothing lost, nothing twice.

The end is compared with that of a life in which nobody died, with the journals of the providers, and with the
invariants.
"""

from __future__ import annotations

import importlib
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db.models import F

from accounts.models import Membership, User
from avatar_cms.embedded.processes import die_with_parent
from core import clock, crashpoints, invariants
from core.causes import Cause
from core.models import Event, Work
from integrations.models import Fetch, OutboundCall, Provider, ProviderAccount, Receipt, Reconciliation
from messaging.models import Message
from messaging.services import NewMessage, queue_messages
from tasks.models import Task
from tests.chaos.clinic import INSTANCE, TOKEN, WIX_TOKEN, open_clinic
from tests.chaos.scenario import LEFT, RECEPTIONIST
from tests.factories.contacts import make_contact
from tests.fakes.journal import Journal
from tests.harness.databases import TestDatabase
from tests.integrations.test_meta_door import signed
from tests.webhooks.wix_builder import WixBooking, delivery, key_pair

ROOT = Path(__file__).resolve().parents[2]
#: What a life with a death in it may have more of: a call nobody knows the end of is told, and shown to a person.
#: A slow machine may also see that a task is overdue.
EXTRA = {
    "message_unknown",
    *(f"task_{what}" for what in ["created", "completed", "closed", "cancelled", "changed", "overdue"]),
}

#: So many tests share the points among them, to be run beside each other.
PARTS = 8

pytestmark = pytest.mark.django_db(transaction=True)


def points() -> list[str]:
    """Every declared crash point. `CRASH_POINTS` in the environment names some of them."""
    importlib.import_module("core.jobs")
    wanted = os.environ.get("CRASH_POINTS", "").split()
    return [name for name in crashpoints.declared() if not wanted or any(name.startswith(w) for w in wanted)]


@pytest.fixture
def forks(subprocess_environment: dict[str, str]) -> Iterator[Callable[..., int]]:
    """Live the scenario in a fresh process; the answer is how it ended, -9 for a kill."""
    environment = {**subprocess_environment, "LOG_LEVEL": "CRITICAL"}
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.chaos.scenario"], cwd=ROOT, env=environment,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent(),
    )  # fmt: skip
    assert server.stdin is not None
    assert server.stdout is not None

    def live(folder: Path, posts: dict[str, list[dict[str, Any]]], crash_at: str = "") -> int:
        server.stdin.write(json.dumps({"crash_at": crash_at, "folder": str(folder), "posts": posts}) + "\n")
        server.stdin.flush()
        return int(server.stdout.readline())

    yield live
    server.communicate()


@pytest.fixture
def opened(test_database: TestDatabase) -> Callable[[], None]:
    """Empty everything and open the clinic."""

    def begin() -> None:
        test_database.flush()
        location = open_clinic(public_key=key_pair()[1])
        ProviderAccount.objects.create(
            location=location, provider=Provider.META, name="Meta", external_instance_id="page-1",
            credentials={"webhook_secret": "app-secret", "access_token": "page-token", "verify_token": "word"},
        )  # fmt: skip
        wix_account = ProviderAccount.objects.get(provider=Provider.WIX)
        wix_account.credentials |= {"api_key": "wix-api-key", "site_id": "site-1"}
        wix_account.save()
        user = User.objects.create_user(RECEPTIONIST, "a long password 1", name="Rita")
        Membership.objects.create(user=user, location=location, role="staff")
        people = [make_contact(location, name=f"Left {key}") for key in LEFT]
        queue_messages(
            [
                NewMessage(
                    person.pk,
                    key,
                    Cause.system("chaos"),
                    body="Hello",
                    send_at=clock.now() + timedelta(days=2),
                )
                for person, key in zip(people, LEFT, strict=True)
            ]
        )

    return begin


def wix(kind: str, number: int, *, days: int, sequence: int) -> dict[str, Any]:
    start = datetime.now(UTC).replace(minute=0, second=0, microsecond=0) + timedelta(days=days, hours=number)
    booking = WixBooking(
        id=f"b-{number}", start=start, phone=f"+6141200000{number}", email=f"p{number}@example.com",
        contact_id=f"c-{number}", first_name=f"Pat{number}", instance_id=INSTANCE,
    )  # fmt: skip
    body = delivery(kind, booking, sequence=sequence, at=datetime.now(UTC) - timedelta(minutes=1))
    return {"path": f"/webhooks/wix/bookings/{WIX_TOKEN}", "body": body.decode(), "type": "text/plain"}


def text(number: int, words: str) -> dict[str, Any]:
    sms = {"message_id": f"in-{number}", "from": f"+6141200000{number}", "to": "", "body": words}
    return {"path": f"/webhooks/sms/inbound/{TOKEN}", "body": json.dumps(sms), "type": "application/json"}


def lead(number: int) -> dict[str, Any]:
    changes = [{"field": "leadgen", "value": {"leadgen_id": f"lead-{number}", "page_id": "page-1"}}]
    body = json.dumps({"object": "page", "entry": [{"id": "page-1", "time": 1, "changes": changes}]})
    return {
        "path": "/webhooks/meta/leads", "body": body, "type": "application/json",
        "headers": signed(body.encode(), "app-secret"),
    }  # fmt: skip


@pytest.fixture
def posts() -> dict[str, list[dict[str, Any]]]:
    return {
        "first": [
            *(wix("confirmed", number, days=10, sequence=1) for number in (1, 2, 3)),
            *(wix("confirmed", number, days=-2, sequence=1) for number in (4, 5)),
            lead(1),
        ],
        "then": [
            text(1, "YES"),
            text(2, "Can I come later?"),
            text(3, "STOP"),
            wix("canceled", 2, days=10, sequence=2),
            lead(2),
        ],
    }


def end() -> dict[str, Counter[Any]]:
    """What there is in the end, in words that do not depend on who died when."""
    messages = Message.objects.values_list("dedupe_key", "template__name", "direction", "status")
    arrived = {"delivered": "sent"}
    return {
        "events": Counter(Event.objects.exclude(type__in=EXTRA).values_list("type", flat=True)),
        "messages": Counter((name or "", way, arrived.get(state, state)) for _, name, way, state in messages),
        "receipts": Counter(Receipt.objects.exclude(kind="sms_receipt").values_list("kind", "state")),
        "tasks": Counter(Task.objects.exclude(type="delivery_problem").values_list("type", flat=True)),
        "calls": Counter(OutboundCall.objects.values_list("state", flat=True)),
        "work": Counter(
            Work.objects.exclude(state__in=("done", "cancelled", "pending")).values_list("state")
        ),
    }


def time_passes() -> None:
    """As if the leases of the dead had run out, and no more."""
    for model in (Message, Work, Fetch, OutboundCall, Reconciliation):
        model.objects.filter(lease_until__isnull=False).update(
            lease_until=F("lease_until") - timedelta(minutes=10)
        )


def judge(folder: Path) -> None:
    texts = Journal(folder / "texts").lines()
    assert [reference for reference, count in Counter(texts).items() if count > 1] == []
    sent = Message.objects.filter(direction="outbound", status__in=("sent", "delivered"))
    assert sorted(texts) == sorted(map(str, sent.values_list("public_id", flat=True)))
    assert len(set(Journal(folder / "calls").lines())) == 2
    waiting = Message.objects.filter(status__in=("queued", "claimed", "sending", "unknown"))
    assert list(waiting.values_list("pk", "status")) == []
    assert invariants.check_all(clock.now()) == []


@pytest.fixture
def killed_at_each(
    forks: Callable[..., int],
    opened: Callable[[], None],
    posts: dict[str, list[dict[str, Any]]],
    tmp_path: Path,
) -> Callable[[list[str]], None]:
    """Kill a life at each of these passings and compare its end with that of a calm one."""

    def kill(passings: list[str]) -> None:
        calm = tmp_path / "calm"
        calm.mkdir()
        opened()
        assert forks(calm, posts) == 0
        judge(calm)
        expected = end()
        wrong = []
        for passing in passings:
            said = _killed_at(passing, forks, opened, posts, tmp_path, expected)
            if said:
                wrong.append(f"{passing}: {said}")
                print(wrong[-1])
        assert passings
        assert not wrong, "\n".join(wrong)
        print(f"\n{len(passings)} deaths at crash points: no breach.")

    return kill


@pytest.mark.slow
def test_a_kill_at_the_first_passing_of_every_fourth_point_changes_nothing(killed_at_each):
    killed_at_each([f"{name}:1" for name in points()[::4]])


@pytest.mark.long
@pytest.mark.parametrize("part", range(PARTS))
def test_a_kill_at_every_point_at_its_first_and_second_passing_changes_nothing(part, killed_at_each):
    killed_at_each([f"{name}:{nth}" for name in points()[part::PARTS] for nth in (1, 2)])


def _killed_at(
    point: str,
    forks: Callable[..., int],
    opened: Callable[[], None],
    posts: dict[str, list[dict[str, Any]]],
    tmp_path: Path,
    expected: dict[str, Counter[Any]],
) -> str:
    """Die there, let time pass, live to the end; what is wrong then, empty when nothing is."""
    folder = tmp_path / point.replace(":", "-")
    folder.mkdir()
    opened()
    died = forks(folder, posts, crash_at=point)
    if died != -signal.SIGKILL:
        return f"it was never passed ({died})"
    time_passes()
    if forks(folder, posts) != 0:
        return "the next process failed"
    try:
        judge(folder)
    except AssertionError as error:
        return str(error)
    found = end()
    return "; ".join(
        f"{what}: missing {expected[what] - found[what]}, more {found[what] - expected[what]}"
        for what in expected
        if found[what] != expected[what]
    )
