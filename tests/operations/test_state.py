"""The figures: each is what the rows say, for all clinics or for some, and costs the same however many there are."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import redis

from accounts import sending_stops
from accounts.models import Location
from automation.invariants import unknown_ones_are_shown
from avatar_cms import watching
from avatar_cms.state import checks, counts, hearing, machine, parked
from core import clock, doorbell, ticks
from core.causes import Cause
from core.clock import Frozen
from core.models import Heartbeat, InvariantRun, Work
from integrations.models import OutboundCall, Provider, ProviderAccount, Receipt
from messaging.models import Conversation, Message, SendAttempt
from tasks.models import Task
from tests.factories.contacts import make_contact

pytestmark = pytest.mark.django_db
TEST = Cause.system("test")


def make_work(location: Location | None = None, *, state: str = "pending", minutes: int = 1) -> Work:
    due = clock.now() - timedelta(minutes=minutes)
    return Work.objects.create(
        handler="integrations.apply_receipt", due_at=due, state=state, location_id=location and location.pk
    )


def make_message(location: Location, status: str, **more: Any) -> Message:
    contact = make_contact(location)
    talk, _ = Conversation.objects.get_or_create(location=location, contact=contact, channel="sms")
    more.setdefault("send_at", clock.now() - timedelta(minutes=7))
    return Message.objects.create(
        location=location, contact=contact, conversation=talk, status=status, cause_kind="system", cause_id="x", **more
    )  # fmt: skip


def make_account(location: Location, provider: str = Provider.WIX) -> ProviderAccount:
    return ProviderAccount.objects.create(
        location=location, provider=provider, name=f"{provider} of {location.code}"
    )


def deliver(
    account: ProviderAccount, *, state: str = "applied", count: int = 1, apart: timedelta = timedelta(0)
) -> None:
    for n in range(count):
        Receipt.objects.create(
            location=account.location, account=account, kind="booking", external_id=f"{account.pk}-{state}-{n}",
            subject="s", state=state, created_at=clock.now() - n * apart,
        )  # fmt: skip


def make_call(location: Location | None, state: str) -> OutboundCall:
    return OutboundCall.objects.create(
        location=location, kind="webhook", target="x.example", state=state, cause_kind="system", cause_id="x",
        dedupe_key=f"{state}-{OutboundCall.objects.count()}", expires_at=clock.now() + timedelta(days=1),
        payload={"a": 1},
    )  # fmt: skip


def finding(name: str) -> checks.Finding:
    [check] = [check for check in checks.CHECKS if check.name == name]
    return check.run()


@pytest.fixture
def full(now: Frozen, sydney: Location, melbourne: Location) -> None:
    """Something in every state, in Sydney; Melbourne has one parked item."""
    for state in ("pending", "claimed", "parked", "done"):
        make_work(sydney, state=state)
    make_work(sydney, minutes=-5)
    for status in ("queued", "claimed", "sending", "held", "unknown", "parked", "sent"):
        make_message(sydney, status)
    make_message(sydney, "scheduled", send_at=clock.now() + timedelta(days=1))
    account = make_account(sydney)
    for state in ("stored", "waiting", "parked", "applied"):
        deliver(account, state=state)
    for state in ("waiting", "calling", "unknown", "parked", "done"):
        make_call(sydney, state)
    make_work(melbourne, state="parked")
    Work.objects.exclude(handler="integrations.apply_receipt").delete()  # Of the contacts that were made.


def test_counts_by_state_are_what_the_rows_say(
    full: None, sydney: Location, melbourne: Location, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(1):
        everywhere = counts.by_state()
    assert everywhere == {
        "work": {"due": 2, "later": 1, "parked": 2},
        "messages": {"due": 1, "later": 1, "sending": 2, "held": 1, "unknown": 1, "parked": 1},
        "deliveries": {"stored": 1, "fetching": 0, "waiting": 1, "parked": 1},
        "calls": {"waiting": 1, "calling": 1, "unknown": 1, "parked": 1},
        "steps": {"waiting": 0, "parked": 0},
    }
    assert counts.by_state([melbourne.pk])["work"] == {"due": 0, "later": 0, "parked": 1}
    assert counts.by_state([])["messages"]["due"] == 0
    assert parked.totals() == {"work": 2, "messages": 1, "deliveries": 1, "calls": 1, "steps": 0}
    assert parked.totals([sydney.pk])["work"] == 1


def test_counting_goes_no_further_than_it_must(full: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counts, "MOST", 1)
    assert counts.by_state()["work"]["parked"] == 2
    assert finding("parked").text == "Parked: more than 1."


def test_the_oldest_that_is_due(full: None, sydney: Location, melbourne: Location) -> None:
    assert counts.oldest_work() == timedelta(minutes=1)
    assert counts.oldest_message() == timedelta(minutes=7)
    assert (counts.oldest_work([melbourne.pk]), counts.oldest_message([melbourne.pk])) == (None, None)
    # What the sender's pace puts off is not late.
    Message.objects.filter(status="queued").update(next_try_at=clock.now() - timedelta(seconds=3))
    assert counts.oldest_message() == timedelta(seconds=3)
    Message.objects.filter(status="queued").update(next_try_at=clock.now() + timedelta(seconds=3))
    assert counts.oldest_message() is None


def test_unknown_messages_and_whether_a_task_says_so(now: Frozen, sydney: Location) -> None:
    for _ in range(2):
        message = make_message(sydney, "unknown")
        SendAttempt.objects.create(message=message, fence=1)
    now.advance(timedelta(minutes=31))
    assert counts.unknown() == counts.Unknown(2, timedelta(minutes=31), 2, 2)
    assert finding("unknown").text == "Unknown for over half an hour, without a task: 2."
    Task.objects.create(
        location=sydney, contact=message.contact, type="delivery_problem", due_datetime=clock.now(),
        cause_kind="system", cause_id="x",
    )  # fmt: skip
    assert counts.unknown() == counts.Unknown(2, timedelta(minutes=31), 1, 1)
    Message.objects.filter(status="unknown").exclude(pk=message.pk).update(status="sent")
    assert finding("unknown").ok


def test_a_closed_task_counts_alike_for_the_figure_and_for_the_invariant(
    now: Frozen, sydney: Location
) -> None:
    message = make_message(sydney, "unknown")
    task = Task.objects.create(
        location=sydney, contact=message.contact, type="delivery_problem", due_datetime=clock.now(),
        cause_kind="system", cause_id="x", status="cancelled",
    )  # fmt: skip
    now.advance(timedelta(minutes=1))
    SendAttempt.objects.create(message=message, fence=1)
    now.advance(timedelta(minutes=31))
    assert counts.unknown().overlooked == len(unknown_ones_are_shown(clock.now(), clock.now())) == 1
    task.save()
    now.advance(timedelta(minutes=1))
    Message.objects.filter(pk=message.pk).update(updated_at=clock.now())
    assert unknown_ones_are_shown(clock.now(), clock.now()) == []
    assert counts.unknown() == counts.Unknown(1, timedelta(minutes=32), 0, 0)


def test_an_account_that_was_busy_and_fell_silent(now: Frozen, sydney: Location, melbourne: Location) -> None:
    busy, quiet = make_account(sydney), make_account(melbourne)
    deliver(busy, count=40, apart=timedelta(minutes=10))
    deliver(quiet, count=3, apart=timedelta(minutes=10))
    make_account(sydney, Provider.SLACK)  # We call it; it never calls us.
    assert {heard.account for heard in hearing.accounts()} == {busy, quiet}
    now.advance(timedelta(minutes=25))
    assert finding("silence").ok
    now.advance(timedelta(minutes=10))
    assert finding("silence").text == f"Nothing comes from wix of sydney (Wix Bookings) at {sydney.name}."
    assert list(hearing.silent([melbourne.pk])) == []
    deliver(busy, state="stored")
    assert finding("silence").ok


def test_a_tick_that_fails_or_stops_is_named_until_it_runs_again(
    now: Frozen, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = [True]

    def tick() -> int:
        if broken[0]:
            raise KeyError("+61412000001")
        return 0

    monkeypatch.setattr(ticks, "_functions", {"1min": {"messaging.settle": tick}, "10s": {}, "15min": {}})
    assert finding("ticks").ok, "what never ran is not late"
    ticks.run("1min")
    assert finding("ticks").text == "Late or failed: messaging.settle (KeyError)."
    broken[0] = False
    ticks.run("1min")
    assert finding("ticks").ok
    now.advance(timedelta(minutes=5))
    assert finding("ticks").text == "Late or failed: messaging.settle (5 min ago)."


def test_ticks_that_run_all_the_time_are_written_down_now_and_then(
    now: Frozen, monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any
) -> None:
    monkeypatch.setattr(ticks, "_functions", {"10s": {"a": lambda: 0, "b": lambda: 0}})
    with django_assert_num_queries(1):
        for _ in range(5):
            ticks.run("10s")


def test_a_doorbell_nobody_hears_is_counted_for_all_processes(
    now: Frozen, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Away:
        def set(self, *args: Any, **more: Any) -> None:
            raise redis.ConnectionError

    monkeypatch.setattr(doorbell, "_client", lambda url: Away())
    monkeypatch.setattr(doorbell, "_written", -doorbell.WRITTEN_EVERY)
    monkeypatch.setattr(doorbell, "_unwritten", 0)
    doorbell.ring()
    doorbell.ring()
    monkeypatch.setattr(doorbell, "_written", -doorbell.WRITTEN_EVERY)
    doorbell.ring()
    assert machine.doorbell_failures() == machine.Doorbell(3, timedelta(0))
    told = finding("doorbell")
    assert (told.ok, told.text) == (False, "Rung in vain: 3, last 0 s ago.")
    now.advance(timedelta(minutes=6))
    assert finding("doorbell").ok


def test_a_schema_that_lacks_a_migration(now: Frozen, monkeypatch: pytest.MonkeyPatch) -> None:
    assert finding("schema").ok
    more = machine._migrations() | {("core", "9999_from_tomorrow")}
    monkeypatch.setattr(machine, "_migrations", lambda: more)
    assert finding("schema").text == "Migrations missing: 1."


def test_the_invariants_are_looked_at_once_an_hour_and_kept(now: Frozen) -> None:
    assert finding("invariants").text == "Not looked at yet."
    make_work(minutes=120)
    assert watching.look_at_invariants() == 1
    assert watching.look_at_invariants() == 0
    assert "I6: Work is due for over an hour, and nobody does it. (1)" in finding("invariants").text
    Work.objects.all().delete()
    now.advance(timedelta(hours=1))
    watching.look_at_invariants()
    assert (finding("invariants").ok, InvariantRun.objects.count()) == (True, 2)
    now.advance(timedelta(hours=3))
    assert not finding("invariants").ok
    now.advance(timedelta(days=91))
    watching.look_at_invariants()
    assert InvariantRun.objects.count() == 1


def test_sending_that_is_stopped_is_named(now: Frozen, sydney: Location) -> None:
    assert finding("sending").ok
    sending_stops.stop(kind="kill_switch", reason="x", cause=TEST, location_id=sydney.pk)
    assert finding("sending").text == f"Stopped: {sydney.name}."


def test_processes_that_show_no_life(alive: Any, now: Frozen) -> None:
    assert finding("worker").ok
    now.advance(timedelta(seconds=61))
    assert not finding("worker").ok
    Heartbeat.objects.filter(name="beat").delete()
    assert finding("beat").text == "Never seen."


def test_all_of_it_costs_few_queries_however_much_there_is(
    full: None, alive: Any, sydney: Location, django_assert_max_num_queries: Any
) -> None:
    checks.run_all()
    with django_assert_max_num_queries(20):
        checks.run_all()
    for _ in range(20):
        make_work(sydney, state="parked")
        deliver(make_account(sydney))
        make_message(sydney, "unknown")
    with django_assert_max_num_queries(20):
        checks.run_all()
