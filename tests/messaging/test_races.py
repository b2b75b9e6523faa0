"""The send path against real rivals: threads with their own database connections, nothing mocked but the provider.

The provider notes the database's clock when a call begins; a rival notes it once its commit has returned, which is
never before the commit, and which texts were being called then: their attempts were committed before the change. A
call of any other text that began after that moment was made against a change that stood. The slow and the long tier
play full numbers, the fast one the same with few.
"""

from __future__ import annotations

import itertools
import json
import random
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections, transaction
from django.test import Client

from bookings import services as booking_services
from contacts import services as contact_services
from core import clock, jobs, work
from core.causes import Cause
from core.errors import Conflict
from integrations import accounts, gateways
from integrations.ports import Capabilities, LookupAnswer, OutboundSms, SendOutcome
from messaging import sending, settling
from messaging.models import Message
from messaging.services import NewMessage, queue_messages
from messaging.values import spoken_time
from tests.factories.bookings import make_service
from tests.factories.contacts import make_contact
from tests.harness.threads import at_once, each_at_once
from tests.harness.tiers import tiers
from tests.messaging.conftest import NOW, make_account, make_sydney

TEST = Cause.system("test")
WORKERS = 2


def db_now() -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        return float(cursor.fetchone()[0])


def under_way(**of: Any) -> set[str]:
    """References of the texts whose attempt is committed and whose end is not."""
    rows = Message.objects.filter(status="sending", **of).values_list("public_id", flat=True)
    return {str(public_id) for public_id in rows}


class Provider:
    """Keeps each text with the moment its call began; knows what it has when asked."""

    capabilities = Capabilities(search=True, receipts=True)

    def __init__(self) -> None:
        self.calls: list[tuple[float, OutboundSms]] = []
        self._lock = threading.Lock()

    def send_many(self, texts: Sequence[OutboundSms]) -> list[SendOutcome]:
        began = db_now()
        with self._lock:
            self.calls += [(began, sms) for sms in texts]
        return [SendOutcome("accepted", provider_message_id=f"p-{sms.reference}") for sms in texts]

    def lookup(self, sms: OutboundSms, *, sent_after: Any) -> LookupAnswer:
        known = any(call.reference == sms.reference for _, call in self.calls)
        return LookupAnswer("found", f"p-{sms.reference}", "sent") if known else LookupAnswer("absent")

    def times(self) -> Counter[str]:
        """How often it took each text, by reference."""
        return Counter(sms.reference for _, sms in self.calls)


@pytest.fixture
def clinic(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A live clinic at noon, that sends through a provider in memory."""
    provider = Provider()
    monkeypatch.setattr(gateways, "for_account", lambda account: provider)
    with clock.frozen(NOW) as now:
        location = make_sydney()
        location.settings = {"automatic_limit": 10_000}
        location.save()
        account = make_account(location)
        yield type(
            "Clinic", (), {"location": location, "account": account, "provider": provider, "now": now}
        )()


def send_until(done: threading.Event) -> Callable[[], None]:
    """A sender that goes on until it is told that nothing more comes, and nothing is due."""

    def run() -> None:
        while True:
            last = done.is_set()
            if not sending.send_due(limit=20):
                if last:
                    return
                time.sleep(0.01)

    return run


# STOP


def race_stops(clinic: Any, people: int, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Everybody gets a text, and everybody texts STOP about when theirs goes out. What came first, by count."""
    token = accounts.rotate_token(clinic.account)
    there = [make_contact(clinic.location, name=f"Person {n}") for n in range(people)]
    queue_messages(
        [
            NewMessage(
                one.pk, f"text:{one.pk}", TEST, body=f"Your results are here, {one.pk}.", category="welcome"
            )
            for one in there
        ]
    )
    stood: dict[str, tuple[float, set[str]]] = {}
    real = contact_services.set_consent

    def noting(**given: Any) -> Any:
        rows = real(**given)
        address = given["address"]
        transaction.on_commit(lambda: stood.setdefault(address, (db_now(), under_way(address=address))))
        return rows

    monkeypatch.setattr(contact_services, "set_consent", noting)
    told = threading.Event()
    left = list(there)
    keys = itertools.count(1)

    def texting() -> None:
        client, dice = Client(), random.Random()
        while left:
            # About the next to be called: some before their text, some after it, many in the middle.
            ahead = len(clinic.provider.calls) - (people - len(left))
            place = min(max(ahead + dice.randint(-3, 40), 0), len(left) - 1)
            try:
                one = left.pop(place)
            except IndexError:
                continue
            sms = {"message_id": f"in-{next(keys)}", "from": one.phone, "to": "", "body": "STOP"}
            answer = client.post(
                f"/webhooks/sms/inbound/{token}", json.dumps(sms), content_type="application/json"
            )
            assert answer.status_code == 200
            work.drain()

    def all_texting() -> None:
        try:
            each_at_once(texting, texting)
        finally:
            told.set()

    each_at_once(all_texting, *[send_until(told)] * WORKERS)
    assert len(stood) == people
    texts = [(began, sms) for began, sms in clinic.provider.calls if sms.body.startswith("Your results")]
    after = [(began, sms) for began, sms in texts if began > stood[sms.to][0]]
    late = [began - stood[sms.to][0] for began, sms in after if sms.reference not in stood[sms.to][1]]
    assert not late, f"{len(late)} calls began after the opt-out stood, by {max(late):.4f} s at most"
    print(f"{len(after)} of {people} texts were under way when the opt-out stood, and were called after it")
    assert max(clinic.provider.times().values()) == 1
    ends = Counter(
        Message.objects.filter(wording__startswith="Your results").values_list("status", flat=True)
    )
    assert set(ends) <= {"sent", "suppressed"}
    assert ends["sent"] == len(texts)
    return dict(ends)


def test_no_call_begins_after_a_stop_stood(clinic, monkeypatch):
    race_stops(clinic, 15, monkeypatch)


@pytest.mark.parametrize("half", tiers([1, 2], slow=[1]))
def test_no_call_begins_after_a_stop_stood_in_500_texts_and_as_many_stops(clinic, monkeypatch, half):
    ends = race_stops(clinic, 500, monkeypatch)
    assert min(ends["sent"], ends["suppressed"]) >= 1, f"one side won always: {ends}"


# Visits


def race_visits(clinic: Any, changes: int) -> None:
    """Visits are booked, moved and cancelled at random while their confirmations go out."""
    service = make_service(clinic.location)
    people = [make_contact(clinic.location, name=f"Person {n}") for n in range(10)]
    times: dict[int, list[tuple[float, Any, set[str]]]] = defaultdict(list)
    days = itertools.count(2)
    done = threading.Event()

    def changing(share: Sequence[Any], count: int) -> Callable[[], None]:
        def run() -> None:
            dice = random.Random()
            standing: list[Any] = []
            for _ in range(count):
                what = dice.choice(["book", "move", "move", "cancel"])
                if what == "book" or not standing:
                    at = NOW + timedelta(days=next(days) % 300 + 2, minutes=dice.randrange(0, 300, 5))
                    try:
                        visit = booking_services.create_booking(
                            location=clinic.location, contact_id=dice.choice(share).pk, service=service,
                            appointment_datetime=at, cause=TEST,
                        )  # fmt: skip
                    except Conflict:
                        continue
                    standing.append(visit)
                elif what == "move":
                    visit = dice.choice(standing)
                    at = visit.appointment_datetime + timedelta(minutes=dice.randrange(5, 300, 5))
                    visit = booking_services.reschedule_booking(
                        booking_id=visit.pk, appointment_datetime=at, cause=TEST
                    )
                    standing = [visit if one.pk == visit.pk else one for one in standing]
                else:
                    visit = standing.pop(dice.randrange(len(standing)))
                    booking_services.cancel_booking(booking_id=visit.pk, cause=TEST)
                    at = None
                times[visit.pk].append((db_now(), at, under_way(booking_id=visit.pk)))
                if at is not None:
                    key = f"confirm:{visit.pk}:{at:%Y%m%dT%H%M}"
                    queue_messages(
                        [NewMessage(visit.contact_id, key, TEST, template="booking_confirmation", booking_id=visit.pk)]
                    )  # fmt: skip

        return run

    def all_changing() -> None:
        try:
            each_at_once(changing(people[:5], changes // 2), changing(people[5:], changes - changes // 2))
        finally:
            done.set()

    each_at_once(all_changing, *[send_until(done)] * WORKERS)
    messages = {str(row.public_id): row for row in Message.objects.all()}
    for began, sms in clinic.provider.calls:
        message = messages[sms.reference]
        changes = times[message.booking_id]
        if any(moment < began and sms.reference in going for moment, _, going in changes):
            continue
        stood = [at for moment, at, _ in changes if moment < began]
        meanwhile = [at for moment, at, _ in changes if moment >= began]
        assert message.visit_at in [*stood[-1:], *meanwhile], (
            f"{message.visit_at}: stood {stood}, then {meanwhile}"
        )
        assert spoken_time(message.visit_at, clinic.location) in sms.body
    assert max(clinic.provider.times().values()) == 1
    assert set(Message.objects.values_list("status", flat=True)) <= {"sent", "skipped", "suppressed"}


def test_no_text_speaks_of_a_time_that_no_longer_stood(clinic):
    race_visits(clinic, 30)


@pytest.mark.slow
def test_no_text_speaks_of_a_time_that_no_longer_stood_in_a_thousand_changes(clinic):
    race_visits(clinic, 1000)
    assert Message.objects.filter(status="skipped").count() >= 20


# Many bells


def race_bells(clinic: Any, people: int, rings: int) -> None:
    there = [make_contact(clinic.location, name=f"Person {n}") for n in range(people)]
    queue_messages(
        [
            NewMessage(
                one.pk, f"text:{one.pk}", TEST, body=f"Your results are here, {one.pk}.", category="welcome"
            )
            for one in there
        ]
    )
    at_once(4, lambda number: [jobs.drain() for _ in range(rings)])
    assert set(clinic.provider.times().values()) == {1}
    assert len(clinic.provider.calls) == people
    assert set(Message.objects.values_list("status", flat=True)) == {"sent"}


def test_a_storm_of_bells_sends_each_text_once(clinic):
    race_bells(clinic, 10, 5)


@pytest.mark.slow
def test_the_same_bell_fifty_times_at_four_workers_sends_each_text_once(clinic):
    race_bells(clinic, 200, 50)


# A worker that sleeps past its lease


class Sleeper:
    """A worker that sleeps at a crash point until it is woken."""

    def __init__(self, point: str, monkeypatch: pytest.MonkeyPatch) -> None:
        self._asleep, self._wake = threading.Event(), threading.Event()

        def arrive(name: str) -> None:
            if name == point and threading.current_thread() is self._thread:
                self._asleep.set()
                assert self._wake.wait(30)

        monkeypatch.setattr(sending, "crashpoint", arrive)
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._asleep.wait(30)

    def _run(self) -> None:
        try:
            sending.send_due()
        except BaseException as error:
            self._error = error
        finally:
            connections.close_all()

    def wake(self) -> None:
        self._wake.set()
        self._thread.join()
        if self._error is not None:
            raise self._error


def race_leases(clinic: Any, point: str, rounds: int, monkeypatch: pytest.MonkeyPatch) -> None:
    one = make_contact(clinic.location, name="Anna Smith")
    for turn in range(rounds):
        [made] = queue_messages(
            [
                NewMessage(
                    one.pk, f"text:{turn}", TEST, body=f"Your results are here, {turn}.", category="welcome"
                )
            ]
        )
        first = Sleeper(point, monkeypatch)
        clinic.now.advance(timedelta(seconds=91))
        settling.recover_leases()
        settling.ask_about_unknown()
        each_at_once(sending.send_due, first.wake)
        clinic.now.advance(timedelta(seconds=91))
        settling.recover_leases()
        settling.ask_about_unknown()
        sending.send_due()
        assert clinic.provider.times()[str(made.message.public_id)] == 1
        assert Message.objects.get(pk=made.message.pk).status == "sent"


POINTS = ("messaging.claimed", "messaging.before_call", "messaging.after_call")


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_that_wakes_after_its_lease_does_not_send_again(clinic, monkeypatch, point):
    race_leases(clinic, point, 2, monkeypatch)


@pytest.mark.parametrize("point", tiers(POINTS, slow=POINTS[1:2]))
def test_a_worker_that_wakes_after_its_lease_does_not_send_again_in_a_hundred_rounds(
    clinic, monkeypatch, point
):
    race_leases(clinic, point, 100, monkeypatch)
