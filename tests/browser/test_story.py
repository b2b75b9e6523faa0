"""The clinic's journey in a real browser: from a booking at Wix to a follow-up, with nothing replaced."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from automation.models import ActionRun
from bookings.models import Booking
from core import clock, jobs
from core.management.commands import relay
from core.models import Work
from integrations.models import Receipt
from messaging.models import Message
from tasks.models import Task
from tests.browser.brokers import OwnBroker
from tests.browser.desk import Desk, post_wix
from tests.harness.tiers import tiers
from tests.webhooks.wix_builder import WixBooking

SYDNEY = ZoneInfo("Australia/Sydney")
PAST = WixBooking(id="past", first_name="Petra", last_name="Past", phone="+61491570110", contact_id="c-past")
ANA = WixBooking(id="next", first_name="Ana", last_name="Silva", phone="0491 570 156", contact_id="c-ana")
RITA = WixBooking(
    id="urgent", first_name="Rita", last_name="Rescue", phone="0491 570 157", contact_id="c-rita",
    service="Mole removal procedure", service_id="s-mole",
)  # fmt: skip

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def at_clinic(days: int, hour: int) -> datetime:
    """A time on the clinic's wall, counted in its days from now."""
    day = clock.now().astimezone(SYDNEY).date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, hour, tzinfo=SYDNEY)


def dated(booking: WixBooking, start: datetime) -> WixBooking:
    return WixBooking(**{**vars(booking), "start": start})


class Story:
    """The parts of the journey, told at one desk."""

    def __init__(self, desk: Desk, outage: Callable[[], Any], recovered: Callable[[], object]) -> None:
        self.desk = desk
        self.outage = outage
        self.recovered = recovered

    def a_booking_arrives(self) -> None:
        visit = at_clinic(5, 15)
        with self.outage():
            for sequence, kind in enumerate(("created", "confirmed"), start=1):
                assert post_wix(self.desk.base, kind, dated(ANA, visit), sequence=sequence) == 200
            assert Receipt.objects.filter(kind="booking").count() == 4
        self.recovered()

        self.desk.contact("Ana Silva")
        self.desk.see(
            lambda page: page.locator("#panel-bookings"), f"{visit:%a} {visit.day} {visit:%b %Y}, 15:00"
        )
        self.desk.see(lambda page: page.locator("#panel-tasks"), "Welcome call")
        self.desk.see(lambda page: page.locator("#panel-about"), "+61491570156", "Booked in")

        self.desk.phone("Ana Silva").screen_says(
            "Hi Ana, your visit", "at 3:00 pm", "Reply YES", "3 more planned"
        )
        reminders = [
            (visit.astimezone(UTC) - timedelta(hours=hours)).astimezone(SYDNEY) for hours in (48, 24, 2)
        ]
        planned = self.desk.planned()
        assert len(planned) == 3
        for line, at in zip(planned, reminders, strict=True):
            assert line.startswith(f"{at:%a} {at.day} {at:%b, %H:%M}"), planned

        self.desk.open("/admin/")
        row = self.desk.page.locator(".td-row").filter(has_text="Ana Silva")
        if not row.count():  # after closing, the end of the business day is tomorrow's
            self.desk.open("/admin/?timeframe=upcoming")
        self.desk.see(lambda page: page.locator(".td-row").filter(has_text="Ana Silva"), "Welcome call")

    def the_patient_says_yes(self) -> None:
        before = self.desk.contact("Ana Silva").warmness()
        with self.outage():
            self.desk.phone("Ana Silva").answer("Yes")
        self.recovered()
        self.desk.screen_says("is confirmed. See you then")
        self.desk.contact("Ana Silva")
        self.desk.see(lambda page: page.locator("#panel-bookings"), "Confirmed by the patient")
        self.desk.see(lambda page: page.locator("#panel-warmness"), "Confirmed the visit", "+10")
        # 10 for the confirmation and 10 for an answer within the hour
        assert self.desk.warmness() == before + 20

    def an_urgent_visit_is_cancelled(self) -> None:
        visit = dated(RITA, at_clinic(6, 11))
        assert post_wix(self.desk.base, "created", visit, sequence=1, status="CONFIRMED") == 200
        self.desk.contact("Rita Rescue")
        self.desk.phone("Rita Rescue").screen_says("3 more planned")
        with self.outage():
            assert post_wix(self.desk.base, "canceled", visit, sequence=2) == 200
        self.recovered()

        self.desk.contact("Rita Rescue")
        self.desk.see(lambda page: page.locator("#panel-about"), "Cancelled, to rescue")
        # Due in an hour: in the last one of the day that is tomorrow's first task.
        due = Task.objects.get(type="rescue_call").due_datetime
        tonight = due.astimezone(SYDNEY).date() == clock.now().astimezone(SYDNEY).date()
        self.desk.open("/admin/" if tonight else "/admin/?timeframe=upcoming")
        self.desk.see(lambda page: page.locator(".td-row").first, "URGENT", "Rescue call", "Rita Rescue")
        self.desk.phone("Rita Rescue")
        assert not [line for line in self.desk.planned() if "eminder" in line]
        self.desk.open("/admin/messaging/message/?q=Rita")
        withdrawn = self.desk.page.locator("#result_list tbody tr").filter(has_text="eminder")
        assert [
            row for row in withdrawn.all_inner_texts() if "Cancelled" not in row and "CANCELLED" not in row
        ] == []
        assert withdrawn.count() == 3

    def a_visit_is_attended(self) -> datetime:
        self.desk.contact("Petra Past")
        self.desk.look_at(self.desk.panel("bookings"))
        self.desk.panel("bookings").get_by_role("link").first.click()
        self.desk.press("Attended")
        self.desk.contact("Petra Past")
        self.desk.see(lambda page: page.locator("#panel-tasks"), "Ask for a review", "Invite a referral")
        visit = Booking.objects.get(external_id="past").appointment_datetime.astimezone(SYDNEY)
        due = visit.date() + timedelta(days=365)
        self.desk.see(lambda page: page.locator("#panel-about"), "Existing patient", f"{due.day} {due:%b %Y}")
        self.desk.see(lambda page: page.locator("#panel-bookings"), "Attended")
        assert not Message.objects.filter(template__name="thank_you_attended").exists()
        return clock.now()

    def thanks_arrive(self, since: datetime) -> None:
        """Ten minutes later the thanks are made; at night they wait for the morning."""
        with clock.frozen(since + timedelta(minutes=11)) as moved:
            relay.until_idle()
            thanks = Message.objects.get(template__name="thank_you_attended")
            if thanks.status == "scheduled":
                moved.set(thanks.send_at)
                relay.until_idle()
            self.desk.phone("Petra Past").screen_says("thank you for visiting")


def a_visit_of_yesterday(base: str) -> None:
    """The past, played by the same doors with the clock set back."""
    visit = dated(PAST, at_clinic(-1, 11))
    with clock.frozen(clock.now() - timedelta(days=6)):
        assert post_wix(base, "created", visit, sequence=1) == 200
        assert post_wix(base, "confirmed", visit, sequence=2) == 200
        relay.until_idle()
    with clock.frozen(visit.start + timedelta(minutes=45)):
        relay.until_idle()


def tell(story: Story) -> None:
    story.a_booking_arrives()
    story.the_patient_says_yes()
    story.an_urgent_visit_is_cancelled()
    story.thanks_arrive(story.a_visit_is_attended())


@pytest.mark.parametrize(
    "broker_stops",
    [
        pytest.param(True, id="broker-stopped"),
        # The other one does all of this and more: it is here for whoever looks for what an outage changed.
        pytest.param(False, id="all-well", marks=pytest.mark.slow),
    ],
)
def test_the_journey_with_a_real_worker(
    broker_stops: bool,
    desk: Callable[..., Desk],
    broker: OwnBroker,
    request: pytest.FixtureRequest,
    live_server: Any,
) -> None:
    """At whatever hour this runs."""
    at_desk = desk("staff")
    a_visit_of_yesterday(live_server.url)
    request.getfixturevalue("celery_worker_process")
    if broker_stops:
        tell(Story(at_desk, broker.stopped, jobs.tick_10s.delay))
    else:
        tell(Story(at_desk, nullcontext, lambda: None))
    assert not Work.objects.filter(state="parked").exists()
    assert not ActionRun.objects.filter(state="failed").exists()


@pytest.mark.parametrize("hour", tiers([2, 7, 12, 17, 21, 23], slow=[7, 21]))
def test_the_journey_at_any_hour(
    hour: int, desk: Callable[..., Desk], frozen_time: Any, run_work: Callable[[], int], live_server: Any
) -> None:
    """The same with the clinic's clock stopped at this hour and work done between two looks."""
    frozen_time(datetime(2026, 11, 24, hour, 23, tzinfo=SYDNEY).astimezone(UTC))
    at_desk = desk("staff", meanwhile=run_work)
    a_visit_of_yesterday(live_server.url)
    tell(Story(at_desk, nullcontext, lambda: None))
