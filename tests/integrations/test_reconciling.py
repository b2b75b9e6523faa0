"""Going through Wix's list: pages, cursors, an overlap, everything that can go wrong, and dying in between."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.models import Booking
from core import clock, crashpoints
from core.causes import Cause
from core.errors import Conflict, NotConfigured
from core.models import Event, Work
from integrations import clinic_checks, inbound, reconcile_words, reconciling, services
from integrations.models import ProviderAccount, Receipt, Reconciliation
from tests.factories.integrations import been_through
from tests.fakes.server import Fault
from tests.fakes.wix_rest import FakeWixRest
from tests.webhooks.wix_builder import WixBooking, delivery, numbered

pytestmark = pytest.mark.django_db

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
CAUSE = Cause.system("test")
KEYS = {"api_key": "wix-api-key", "site_id": "site-1"}


@pytest.fixture
def now() -> Iterator[clock.Frozen]:
    with clock.frozen(NOW) as frozen:
        yield frozen


@pytest.fixture
def site(settings: Any) -> Iterator[FakeWixRest]:
    with FakeWixRest() as server:
        settings.WIX_API_URL = server.url
        yield server


@pytest.fixture
def account(wix: ProviderAccount) -> ProviderAccount:
    wix.credentials = KEYS
    wix.save()
    return wix


def entity(number: int = 1, *, start: datetime | None = None, status: str = "CONFIRMED") -> dict[str, Any]:
    return numbered(number, start or NOW + timedelta(days=3, hours=number)).entity(status)


def fill(site: FakeWixRest, count: int, *, at: datetime = NOW - timedelta(hours=1)) -> None:
    for number in range(1, count + 1):
        site.book(entity(number), at=at + timedelta(seconds=number))


def webhook(told: dict[str, Any], kind: str, sequence: int) -> bytes:
    """The signed delivery that Wix makes of a booking's state."""
    return delivery(kind, WixBooking(id=told["id"]), sequence=sequence, entity=told)


def run() -> int:
    reconciling.begin_all()
    return reconciling.run_due()


def row() -> Reconciliation:
    return Reconciliation.objects.get()


def counts() -> tuple[int, int, int, int]:
    return (
        Receipt.objects.count(), Work.objects.count(), Booking.objects.count(),
        Event.objects.exclude(type="provider_looked_through").count(),
    )  # fmt: skip


@pytest.mark.usefixtures("now")
def test_every_page_is_taken_and_asked_for_as_wix_wants_it(site, account, run_work):
    fill(site, 230)
    assert run() == 3
    first, second, third = site.journal
    assert first["filter"]["startDate"] == {"$gte": "2026-08-25T01:00:00.000Z"}
    assert first["sort"] == [{"fieldName": "updatedDate", "order": "ASC"}]
    assert [query["cursorPaging"]["limit"] for query in site.journal] == [100] * 3
    assert all("filter" not in query and "sort" not in query for query in (second, third))
    assert "Bearer" not in site.calls[0].headers["Authorization"]
    now = row()
    assert (now.seen, now.found, now.is_running, now.complete_until) == (230, 230, False, NOW)
    assert Receipt.objects.count() == 230
    assert [e.data for e in Event.objects.filter(type="provider_looked_through")] == [
        {"account": str(account.public_id), "seen": 230, "found": 230, "first": True}
    ]


def test_a_later_run_begins_two_hours_before_the_last_one_and_finds_what_is_new_only(
    site, account, run_work, now
):
    fill(site, 3)
    run()
    run_work()
    before = counts()
    now.advance(timedelta(minutes=15))
    site.book(entity(9), at=NOW + timedelta(minutes=1))
    assert run() == 1
    assert site.journal[-1]["filter"]["updatedDate"] == {"$gte": "2026-11-22T23:00:00.000Z"}
    assert "startDate" not in site.journal[-1]["filter"]
    assert (row().seen, row().found) == (4, 1)
    run_work()
    assert counts()[0] == before[0] + 1
    assert Booking.objects.count() == 4


@pytest.mark.usefixtures("now")
def test_going_through_twice_changes_nothing(site, account, run_work):
    fill(site, 5)
    run()
    run_work()
    before = counts()
    run()
    run_work()
    assert counts() == before
    assert row().found == 0


@pytest.mark.usefixtures("now")
def test_what_webhooks_told_is_not_found_again_and_a_webhook_after_the_list_changes_nothing(
    site, account, post_jwt, run_work
):
    been_through(account, NOW - timedelta(hours=1))
    told = [site.book(entity(number), at=NOW - timedelta(minutes=30)) for number in (1, 2)]
    post_jwt(webhook(told[0], "confirmed", 2))
    run_work()
    run()
    assert (row().seen, row().found) == (2, 1)
    run_work()
    assert Booking.objects.count() == 2
    before = Event.objects.filter(type__startswith="booking_").count()
    post_jwt(webhook(told[1], "confirmed", 2))
    run_work()
    assert Event.objects.filter(type__startswith="booking_").count() == before
    assert Booking.objects.count() == 2


def test_an_older_answer_never_undoes_a_newer_webhook(site, account, post_jwt, run_work, now):
    been_through(account, NOW - timedelta(hours=1))
    site.book(entity(), at=NOW - timedelta(minutes=30))
    reconciling.begin_all()
    claimed = reconciling.claim()
    page = reconciling.call(claimed)  # The list as it is now …
    cancelled = site.change("b-1", at=NOW, status="CANCELED")
    post_jwt(webhook(cancelled, "canceled", 7))  # … then it changes, and the webhook is faster.
    run_work()
    assert Booking.objects.get().status == "cancelled"
    assert reconciling.record(claimed, page) is False
    run_work()
    assert Booking.objects.get().status == "cancelled"
    assert Event.objects.filter(type="booking_cancelled").count() == 1
    assert Receipt.objects.filter(state="parked").count() == 0


def test_a_late_webhook_never_undoes_a_newer_answer(site, account, post_jwt, run_work, now):
    been_through(account, NOW - timedelta(hours=1))
    booked = site.book(entity(), at=NOW - timedelta(minutes=30))
    post_jwt(webhook(booked, "confirmed", 2))
    run_work()
    later = (NOW + timedelta(days=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    moved = site.change("b-1", at=NOW - timedelta(minutes=9), startDate=later)
    site.change("b-1", at=NOW - timedelta(minutes=8), status="CANCELED")
    run()
    run_work()
    assert Booking.objects.get().status == "cancelled"
    post_jwt(webhook(moved, "rescheduled", 5))  # Wix tries this one again hours later.
    run_work()
    assert Booking.objects.get().status == "cancelled"
    told = Event.objects.filter(type__startswith="booking_").order_by("id").values_list("type", flat=True)
    assert list(told) == ["booking_created", "booking_cancelled"]


# What can go wrong


@pytest.mark.parametrize("fault", ["error_500", "malformed", "accept_then_reset", "reset", "accept_then_500"])
def test_what_goes_wrong_is_tried_again_from_the_same_page(fault, site, account, now):
    fill(site, 150)
    reconciling.begin_all()
    claimed = reconciling.claim()
    assert reconciling.record(claimed, reconciling.call(claimed))
    site.script(fault)
    assert not reconciling.record(claimed, reconciling.call(claimed))
    reconciling.release(claimed)
    stuck = row()
    assert (stuck.seen, stuck.tries, stuck.is_running) == (100, 1, True)
    assert stuck.error
    assert reconciling.run_due() == 0
    now.advance(timedelta(minutes=2))
    assert reconciling.run_due() in (1, 2)
    assert (row().seen, row().found, row().error, row().tries) == (150, 150, "", 0)


@pytest.mark.usefixtures("now")
def test_pauses_grow_to_an_hour_and_wix_may_say_how_long(site, account, now):
    fill(site, 1)
    for tries, longest in ((1, 75), (2, 150), (3, 300)):
        site.script("error_500")
        run()
        assert row().tries == tries
        pause = row().next_at - clock.now()
        assert timedelta(seconds=longest * 0.79) < pause <= timedelta(seconds=longest)
        now.set(row().next_at)
    site.script(Fault("busy", retry_after="240"))
    run()
    assert row().next_at - clock.now() == timedelta(seconds=240)
    assert (row().error, row().refused) == ("busy", False)


@pytest.mark.parametrize("fault", ["unauthorized", "forbidden"])
def test_an_account_that_is_not_let_in_is_left_alone_and_shown_until_it_is_changed(fault, site, account, now):
    fill(site, 1)
    site.script(fault)
    run()
    assert (row().refused, row().error) == (True, "bad_credentials")
    asked = len(site.calls)
    now.advance(timedelta(days=1))
    run()
    assert len(site.calls) == asked
    [finding] = clinic_checks.missed_bookings(account.location)
    assert finding.text == "Wix does not let the account in: check its API key and site id."
    assert "Nothing is asked until the account is changed." in reconcile_words.summary(account)
    services.update_account(
        account_id=account.pk, fields={}, credentials={"api_key": "wix-api-key "}, cause=CAUSE
    )
    site.key = "wix-api-key "
    run()
    assert (row().refused, row().found) == (False, 1)
    assert "1 booking seen, 1 found" in reconcile_words.summary(account)


@pytest.mark.usefixtures("now")
def test_a_cursor_that_wix_forgot_begins_again_where_the_run_was(site, account, now):
    fill(site, 150)
    reconciling.begin_all()
    claimed = reconciling.claim()
    assert reconciling.record(claimed, reconciling.call(claimed))
    site.script("stale_cursor")
    assert not reconciling.record(claimed, reconciling.call(claimed))
    reconciling.release(claimed)
    now.advance(timedelta(minutes=2))
    assert reconciling.run_due() == 1
    assert site.journal[-1]["filter"]["updatedDate"] == {"$gte": "2026-11-23T00:01:40.000Z"}
    assert (row().found, row().is_running) == (150, False)


@pytest.mark.usefixtures("now")
def test_one_entry_that_cannot_be_read_does_not_keep_the_others_out(site, account, run_work):
    fill(site, 2)
    site.book({**entity(3), "startDate": "soon", "bookedEntity": {}}, at=NOW)
    run()
    run_work()
    assert Booking.objects.count() == 2
    assert Receipt.objects.get(state="parked").external_id == "rest:b-3:1"
    before = Receipt.objects.count()
    run()
    assert Receipt.objects.count() == before


def test_a_tick_is_bounded_and_the_next_one_goes_on(site, account, now, monkeypatch):
    monkeypatch.setattr(reconciling, "PAGES_A_TICK", 2)
    fill(site, 450)
    assert run() == 2
    assert row().is_running
    assert "Under way: 200 bookings seen" in reconcile_words.summary(account)
    assert reconciling.run_due() == 2
    assert reconciling.run_due() == 1
    assert (row().is_running, row().found) == (False, 450)
    assert reconciling.run_due() == 0


def test_somebody_who_lost_the_run_to_another_stores_nothing(site, account, now):
    fill(site, 1)
    reconciling.begin_all()
    slow = reconciling.claim()
    page = reconciling.call(slow)
    assert reconciling.claim() is None
    now.advance(reconciling.LEASE + timedelta(seconds=1))
    reconciling.run_due()
    assert row().found == 1
    assert reconciling.record(slow, page) is False
    assert Receipt.objects.count() == 1
    assert row().found == 1


def test_a_page_that_cannot_be_stored_is_shown_and_asked_for_again(site, account, now, monkeypatch):
    fill(site, 150)
    stores = inbound.store_all
    monkeypatch.setattr(inbound, "store_all", lambda *given: 1 / 0)
    assert run() == 1
    stuck = row()
    assert (stuck.error, stuck.tries, stuck.cursor, stuck.seen) == ("not_stored_ZeroDivisionError", 1, "", 0)
    assert "could not be stored" in reconcile_words.summary(account)
    assert Receipt.objects.count() == 0
    monkeypatch.setattr(inbound, "store_all", stores)
    now.advance(timedelta(minutes=2))
    assert reconciling.run_due() == 2
    assert (row().found, row().error) == (150, "")


# Asked by a person


@pytest.mark.usefixtures("now")
def test_a_person_may_ask_unless_a_run_is_on_its_way_or_there_is_no_key(site, account):
    fill(site, 1)
    reconciling.ask_now(account)
    with pytest.raises(Conflict) as refused:
        reconciling.ask_now(account)
    assert refused.value.code == "sync_running"
    assert reconciling.run_due() == 1
    site.script("unauthorized")
    reconciling.ask_now(account)
    reconciling.run_due()
    assert row().refused
    reconciling.ask_now(account)  # Perhaps it was mended at Wix.
    assert reconciling.run_due() == 1
    assert not row().refused
    account.credentials = {"api_key": "wix-api-key"}
    account.save()
    with pytest.raises(NotConfigured):
        reconciling.ask_now(account)


@pytest.mark.usefixtures("now")
def test_without_a_key_nothing_is_asked_and_the_set_up_page_says_so(site, wix):
    assert run() == 0
    assert not Reconciliation.objects.exists()
    [finding] = clinic_checks.missed_bookings(wix.location)
    assert finding.text == "Bookings that no webhook tells of are not looked for."
    assert reconcile_words.summary(wix) == "Never looked through."


# How much it costs, and dying in between


def statements(site: FakeWixRest) -> int:
    reconciling.begin_all()
    claimed = reconciling.claim()
    page = reconciling.call(claimed)
    with CaptureQueriesContext(connection) as queries:
        reconciling.record(claimed, page)
    reconciling.release(claimed)
    return len(queries)


@pytest.mark.usefixtures("now")
def test_a_page_of_which_all_is_known_costs_the_same_whatever_its_size(site, account, run_work):
    been_through(account, NOW - timedelta(hours=1))
    fill(site, 2, at=NOW - timedelta(minutes=30))
    new_few = statements(site)
    run_work()
    few = statements(site)
    fill(site, 40, at=NOW - timedelta(minutes=30))
    new_many = statements(site)
    run_work()
    many = statements(site)
    assert row().seen == 40
    assert (few, new_few) == (many, new_many)
    assert few <= 6
    assert new_few <= 13


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "point", ["reconcile.page_fetched", "reconcile.page_storing", "reconcile.page_stored"]
)
@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.slow
def test_killed_between_pages_nothing_is_lost_and_nothing_is_there_twice(
    point, nth, site, account, run_work, subprocess_environment
):
    fill(site, 250, at=clock.now() - timedelta(hours=1))
    reconciling.begin_all()
    died = _relay({**subprocess_environment, "WIX_API_URL": site.url, "CRASH_AT": f"{point}:{nth}"})
    assert died.returncode == -signal.SIGKILL, died.stderr.decode()[-2000:]
    assert Receipt.objects.count() == 100 * (nth - (point != "reconcile.page_stored"))
    assert row().is_running
    Reconciliation.objects.update(lease_until=clock.now())
    reconciling.run_due()
    now = row()
    assert (now.is_running, now.found, Receipt.objects.count()) == (False, 250, 250)
    assert Work.objects.filter(handler="integrations.apply_receipt").count() == 250


@pytest.mark.django_db(transaction=True)
def test_killed_with_a_page_in_hand_it_is_asked_for_again(site, account, subprocess_environment):
    fill(site, 3, at=clock.now() - timedelta(hours=1))
    reconciling.begin_all()
    environment = {**subprocess_environment, "WIX_API_URL": site.url, "CRASH_AT": "reconcile.page_storing"}
    assert _relay(environment).returncode == -signal.SIGKILL
    assert (Receipt.objects.count(), row().cursor, row().seen) == (0, "", 0)
    Reconciliation.objects.update(lease_until=clock.now())
    reconciling.run_due()
    assert (Receipt.objects.count(), row().found) == (3, 3)


def test_the_places_to_die_at_are_declared():
    assert crashpoints.declared("reconcile.") == [
        "reconcile.page_fetched", "reconcile.page_stored", "reconcile.page_storing",
    ]  # fmt: skip


def _relay(environment: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "manage.py", "relay", "--until-idle"],
        cwd=ROOT, env=environment, capture_output=True, timeout=120, check=False,
    )  # fmt: skip
