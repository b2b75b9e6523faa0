"""What webhooks missed, found at Wix: the same in the end as if every webhook had come, and no text twice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.golive import set_automation_mode
from accounts.models import Location
from automation.models import ActionRun
from bookings import services as booking_services
from bookings import timed
from bookings.models import Booking
from core.causes import Cause
from core.clock import Frozen
from core.models import Event
from integrations import reconciling
from integrations.models import ProviderAccount, Receipt, Reconciliation
from messaging.models import Message
from tasks.models import Task
from tests.factories.integrations import been_through
from tests.fakes.wix_rest import FakeWixRest
from tests.webhooks.wix_builder import WixBooking, delivery, numbered

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clinic")]

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""Monday noon in Sydney."""


@pytest.fixture
def now(clinic: None, frozen_time: Any) -> Frozen:
    return frozen_time(NOW)


@pytest.fixture
def site(settings: Any) -> Iterator[FakeWixRest]:
    with FakeWixRest() as server:
        settings.WIX_API_URL = server.url
        yield server


@pytest.fixture
def account(site: FakeWixRest) -> ProviderAccount:
    account = ProviderAccount.objects.get(provider="wix", location__code="sydney")
    account.credentials = {"api_key": site.key, "site_id": site.site}
    account.save()
    return account


def entity(number: int, start: datetime, status: str = "CONFIRMED") -> dict[str, Any]:
    return numbered(number, start).entity(status)


def iso(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture
def tell(client: Client) -> Callable[..., None]:
    """Wix's webhook about a state of a booking."""

    def post(told: dict[str, Any], kind: str, *, at: datetime) -> None:
        booking = WixBooking(id=told["id"])
        body = delivery(kind, booking, sequence=int(told["revision"]), entity=told, at=at)
        answer = client.generic("POST", "/webhooks/wix/bookings", body, content_type="text/plain")
        assert answer.status_code == 200, answer.content

    return post


def go_through(run_work: Callable[[], int]) -> Reconciliation:
    reconciling.begin_all()
    reconciling.run_due()
    run_work()
    return Reconciliation.objects.get()


def state() -> tuple[Any, ...]:
    return (
        sorted(Booking.objects.values_list("external_id", "status", "appointment_datetime")),
        sorted(Message.objects.values_list("dedupe_key", "status")),
        sorted(Event.objects.filter(type__startswith="booking_").values_list("type", "booking_id")),
        Receipt.objects.count(), Task.objects.count(), ActionRun.objects.count(),
    )  # fmt: skip


def of(number: int, kind: str) -> int:
    return Event.objects.filter(
        type=kind, booking_id=Booking.objects.get(external_id=f"b-{number}").pk
    ).count()


@pytest.mark.parametrize(
    ("bookings", "skipped"), [(12, 3), pytest.param(200, 20, marks=pytest.mark.long)], ids=["few", "200"]
)
def test_of_many_bookings_the_ones_no_webhook_told_of_are_found_and_nothing_happens_twice(
    bookings, skipped, site, account, tell, now, run_work
):
    been_through(account, NOW - timedelta(hours=1))
    missed = {1 + n * bookings // skipped for n in range(skipped)}
    for number in range(1, bookings + 1):
        start = NOW + timedelta(days=3 + number % 5, minutes=7 * (number % 40))
        told = site.book(entity(number, start), at=NOW - timedelta(minutes=30) + timedelta(seconds=number))
        if number not in missed:
            tell(told, "confirmed", at=NOW)
    run_work()
    assert Booking.objects.filter(source="wix", external_id__startswith="b-").count() == bookings - skipped

    run = go_through(run_work)
    assert (run.seen, run.found) == (bookings, skipped)
    assert {f"b-{n}" for n in missed} == {
        key.split(":")[1]
        for key in Receipt.objects.filter(external_id__startswith="rest:").values_list(
            "external_id", flat=True
        )
    }
    mine = Booking.objects.filter(source="wix", external_id__startswith="b-")
    assert mine.count() == bookings
    created = Event.objects.filter(type="booking_created", booking_id__in=mine.values("pk"))
    assert created.count() == created.values("booking_id").distinct().count() == bookings
    confirmations = Message.objects.filter(template__name="booking_confirmation", booking__in=mine)
    assert confirmations.count() == confirmations.values("booking").distinct().count() == bookings
    reminders = Message.objects.filter(category="reminder", booking__in=mine)
    assert reminders.count() == reminders.values("booking", "template").distinct().count() == 3 * bookings

    before = state()
    go_through(run_work)
    assert state() == before
    for number in sorted(missed):  # Wix's own tries arrive hours later.
        tell(site.bookings[f"b-{number}"], "confirmed", at=NOW)
    run_work()
    after = state()
    assert after[:3] == before[:3]
    assert after[4:] == before[4:]


def test_what_was_moved_and_cancelled_while_we_were_down_is_put_right(site, account, tell, now, run_work):
    for number in (1, 2, 3, 4):
        told = site.book(entity(number, NOW + timedelta(days=number + 2)), at=NOW)
        tell(told, "confirmed", at=NOW)
    run_work()
    been_through(account, NOW)
    now.advance(timedelta(hours=6))
    later = NOW + timedelta(days=9)
    site.change(
        "b-1", at=NOW + timedelta(hours=1), startDate=iso(later), endDate=iso(later + timedelta(minutes=30))
    )
    site.change("b-2", at=NOW + timedelta(hours=2), status="CANCELED")
    site.change(
        "b-3", at=NOW + timedelta(hours=2), startDate=iso(later), endDate=iso(later + timedelta(minutes=30))
    )
    site.change("b-3", at=NOW + timedelta(hours=3), status="CANCELED")
    site.change("b-4", at=NOW + timedelta(hours=3), paymentStatus="PAID")
    run = go_through(run_work)
    assert run.found == 4
    rows = {row.external_id: row for row in Booking.objects.filter(external_id__startswith="b-")}
    assert [rows[f"b-{n}"].status for n in (1, 2, 3, 4)] == [
        "rescheduled",
        "cancelled",
        "cancelled",
        "scheduled",
    ]
    assert rows["b-1"].appointment_datetime == later
    assert rows["b-4"].payment_status == "paid"
    assert [of(n, "booking_rescheduled") for n in (1, 2, 3)] == [1, 0, 0]
    assert [of(n, "booking_cancelled") for n in (1, 2, 3)] == [0, 1, 1]
    waiting = Message.objects.filter(category="reminder", status="scheduled")
    assert set(waiting.values_list("booking__external_id", flat=True)) == {"b-1", "b-4"}
    assert {m.visit_at for m in waiting.filter(booking=rows["b-1"])} == {later}
    # A rescue text for each of the cancelled, one word of the new time, and no more of either later.
    assert Message.objects.filter(template__name="booking_rescheduled").count() == 1
    assert Message.objects.filter(template__name="cancellation_rescue").count() == 2
    before = state()
    now.advance(timedelta(minutes=15))
    go_through(run_work)
    assert state() == before


def test_the_first_run_of_a_new_clinic_texts_nobody(site, account, tell, now, run_work):
    for number in range(1, 31):  # Three months of visits, some of them cancelled, and a week to come.
        start = NOW + timedelta(days=3 * number - 83, hours=number % 6)
        status = "CANCELED" if number % 7 == 0 else "CONFIRMED"
        site.book(
            entity(number, start, status), at=start - timedelta(days=5), made=start - timedelta(days=20)
        )
    site.book(entity(50, NOW + timedelta(days=4)), at=NOW - timedelta(minutes=5))  # Booked a moment ago.
    run = go_through(run_work)
    assert (run.seen, run.found, run.is_first) == (31, 31, False)
    assert Booking.objects.filter(external_id__startswith="b-").count() == 31
    assert Receipt.objects.filter(external_id__startswith="rest:").exclude(state="applied").count() == 0
    assert set(Message.objects.values_list("category", flat=True)) <= {"reminder"}
    assert not Message.objects.filter(
        status__in=("queued", "claimed", "sending", "sent", "delivered")
    ).exists()
    assert not Message.objects.exclude(status__in=("scheduled", "skipped")).exists()
    ahead = Booking.objects.filter(appointment_datetime__gt=NOW, status="scheduled").count()
    assert Message.objects.filter(status="scheduled").values("booking").distinct().count() == ahead > 1
    assert not Message.objects.filter(booking__appointment_datetime__lte=NOW).exists()
    assert Task.objects.count() == 0
    reasons = set(ActionRun.objects.filter(type="send_sms").values_list("reason", flat=True))
    assert reasons == {
        "This visit was in the provider's diary before we first looked, so it gets reminders only.",
        "This was in the provider's diary before we first looked, so only the records are kept.",
    }
    now.advance(timedelta(minutes=5))
    timed.ask_for_outcomes()
    run_work()
    assert Task.objects.count() == 0  # Nor is staff asked for the outcomes of three months.


def test_a_clinic_that_looks_in_shadow_and_then_goes_live_plans_reminders_of_what_is_to_come(
    site, account, now, run_work
):
    Location.objects.filter(pk=account.location_id).update(automation_mode="shadow", live_since=None)
    site.book(entity(1, NOW + timedelta(days=4)), at=NOW - timedelta(days=1))
    site.book(entity(2, NOW - timedelta(days=4)), at=NOW - timedelta(days=9))
    site.book(entity(3, NOW + timedelta(days=5), "CANCELED"), at=NOW - timedelta(days=1))
    go_through(run_work)
    assert Message.objects.count() == 0
    set_automation_mode(
        location_id=account.location_id, mode="live", cause=Cause.system("test"), force_reason="a test"
    )
    run_work()
    rows = Message.objects.values_list("booking__external_id", "template__name", "status")
    assert sorted(rows) == [
        ("b-1", "reminder_24hr", "scheduled"), ("b-1", "reminder_2hr", "scheduled"),
        ("b-1", "reminder_48hr", "scheduled"),
    ]  # fmt: skip
    assert Task.objects.count() == 0


def test_a_patients_yes_and_a_cancellation_here_stand_beside_the_list(site, account, tell, now, run_work):
    for number in (1, 2):
        told = site.book(entity(number, NOW + timedelta(days=4, hours=number)), at=NOW)
        tell(told, "confirmed", at=NOW)
    run_work()
    one, two = Booking.objects.filter(external_id__startswith="b-").order_by("external_id")
    booking_services.confirm_booking(booking_id=one.pk, cause=Cause.system("test"))
    booking_services.cancel_booking(booking_id=two.pk, cause=Cause.system("test"))
    run_work()
    been_through(account, NOW)
    now.advance(timedelta(minutes=15))
    for number in (1, 2):
        site.change(f"b-{number}", at=now.at, paymentStatus="PAID")
    assert go_through(run_work).found == 2
    one.refresh_from_db()
    two.refresh_from_db()
    assert (one.status, one.payment_status) == ("confirmed", "paid")
    assert (two.status, two.payment_status) == ("cancelled", "paid")


def test_a_missed_booking_gets_what_it_would_have_got_or_says_why_not(site, account, now, run_work):
    been_through(account, NOW - timedelta(days=6))
    hour = timedelta(hours=1)
    # Booked three hours ago for in five; booked yesterday for an hour ago; booked five days ago for in three days.
    site.book(entity(1, NOW + 5 * hour), at=NOW - 3 * hour)
    site.book(entity(2, NOW - hour), at=NOW - 24 * hour)
    site.book(entity(3, NOW + 72 * hour), at=NOW - 120 * hour)
    go_through(run_work)

    def texts(number: int) -> list[tuple[str, str, str]]:
        rows = Message.objects.filter(booking__external_id=f"b-{number}").order_by("id")
        return [(row.template.name, row.status, row.reason) for row in rows.select_related("template")]

    assert texts(1) == [
        ("booking_confirmation", "sent", ""),
        ("reminder_48hr", "skipped", "lead_time_passed"),
        ("reminder_24hr", "skipped", "lead_time_passed"),
        ("reminder_2hr", "scheduled", ""),
    ]
    assert texts(2)[0] == ("booking_confirmation", "skipped", "visit_over")
    assert {status for _, status, _ in texts(2)} == {"skipped"}
    assert [name for name, status, _ in texts(3) if status == "scheduled"] == [
        "reminder_48hr", "reminder_24hr", "reminder_2hr",
    ]  # fmt: skip
    assert not [name for name, _, _ in texts(3) if name == "booking_confirmation"]
    late = "This was found at the provider long after it happened, so nobody is written to about it."
    booking = Booking.objects.get(external_id="b-3")
    assert set(
        ActionRun.objects.filter(run__booking_id=booking.pk, type="send_sms").values_list("reason", flat=True)
    ) == {late}


def test_what_is_found_at_night_does_not_count_as_an_act_of_this_moment(site, account, now, run_work):
    been_through(account, NOW)
    now.set(NOW + timedelta(hours=9))  # 21:00 in Sydney: quiet hours.
    site.book(entity(1, NOW + timedelta(days=4)), at=NOW + timedelta(hours=6))
    go_through(run_work)
    confirmation = Message.objects.get(template__name="booking_confirmation")
    assert (confirmation.status, confirmation.reason) == ("scheduled", "quiet_hours")
