"""B1: a booking is confirmed by text, reminded of three times, and new patients are welcomed by phone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from core.models import Work
from messaging.models import Message
from tests.rules.conftest import CLOSING, NIGHT, NOW, Clinic
from tests.webhooks.wix_builder import WixBooking

VISIT = datetime(2026, 12, 1, 4, 0, tzinfo=UTC)
"""Three in the afternoon, eight days ahead."""
REMINDERS = {"reminder_48hr": 48, "reminder_24hr": 24, "reminder_2hr": 2}


def test_a_booking_at_wix_is_confirmed_reminded_of_and_welcomed(clinic: Clinic) -> None:
    visit = clinic.wix("created", WixBooking(start=VISIT))
    assert visit is not None
    ana = visit.contact
    assert clinic.sent(ana) == ["booking_confirmation"]
    assert {name: clinic.messages(ana, name)[0].send_at for name in REMINDERS} == {
        name: VISIT - timedelta(hours=hours) for name, hours in REMINDERS.items()
    }
    assert clinic.tasks(ana)["welcome_call"].due_datetime == CLOSING
    assert clinic.stage(ana) == "pre_appointment/booking_confirmed"
    assert ana.touchpoints.filter(type="booking_created").count() == 1


def test_a_known_patient_gets_no_welcome_call(clinic: Clinic) -> None:
    anna = clinic.contact(is_existing_patient=True)
    clinic.book(anna)
    assert clinic.tasks(anna) == {}
    assert clinic.sent(anna) == ["booking_confirmation"]


def test_a_pending_booking_triggers_nothing_until_it_stands(clinic: Clinic) -> None:
    booking = WixBooking(start=VISIT)
    visit = clinic.wix("created", booking, status="PENDING")
    assert visit is not None
    assert clinic.messages(visit.contact) == []
    clinic.wix("confirmed", booking, sequence=2)
    assert clinic.sent(visit.contact) == ["booking_confirmation"]
    assert len(clinic.did("b1", visit.contact)) == 1


@pytest.mark.parametrize(
    ("ahead", "waiting"),
    [
        (timedelta(hours=48, minutes=1), {"reminder_48hr", "reminder_24hr", "reminder_2hr"}),
        (timedelta(hours=48), {"reminder_24hr", "reminder_2hr"}),
        (timedelta(hours=24), {"reminder_2hr"}),
        (timedelta(hours=2), set()),
    ],
)
def test_reminders_whose_time_has_passed_are_skipped_with_their_reason(
    clinic: Clinic, ahead: timedelta, waiting: set[str]
) -> None:
    anna = clinic.contact()
    clinic.book(anna, at=NOW + ahead)
    found = {name: clinic.messages(anna, name)[0] for name in REMINDERS}
    assert {name for name, message in found.items() if message.status == "scheduled"} == waiting
    assert {m.reason for name, m in found.items() if name not in waiting} <= {"lead_time_passed"}


def test_the_same_delivery_twice_and_out_of_order_confirms_once(clinic: Clinic) -> None:
    booking = WixBooking(start=VISIT)
    clinic.wix("confirmed", booking, sequence=2)
    visit = clinic.wix("created", booking, sequence=1, status="CONFIRMED")
    clinic.wix("created", booking, sequence=1, status="CONFIRMED")
    assert visit is not None
    assert clinic.sent(visit.contact) == ["booking_confirmation"]
    assert Message.objects.filter(contact=visit.contact, category="reminder").count() == 3


def test_handled_late_the_reminders_that_can_still_come_in_time_come(clinic: Clinic) -> None:
    visit = clinic.wix("created", WixBooking(start=VISIT), work=False)
    clinic.time.set(VISIT - timedelta(hours=20))
    clinic.run_work()
    visit = visit or clinic.wix("created", WixBooking(start=VISIT))
    assert visit is not None
    status = {name: clinic.messages(visit.contact, name)[0].status for name in REMINDERS}
    assert status == {"reminder_48hr": "skipped", "reminder_24hr": "skipped", "reminder_2hr": "scheduled"}
    assert not Work.objects.filter(state="parked").exists()


def test_booked_at_night_it_is_confirmed_at_once(clinic: Clinic) -> None:
    clinic.jump(NIGHT)
    visit = clinic.wix("created", WixBooking(start=VISIT))
    assert visit is not None
    assert clinic.sent(visit.contact) == ["booking_confirmation"]


def test_edited_meanwhile_planned_reminders_stay_and_new_bookings_follow_the_new_plan(clinic: Clinic) -> None:
    first, second = clinic.contact(), clinic.contact()
    clinic.book(first, at=VISIT)
    clinic.edit(
        "b1", actions=[{"type": "schedule_reminders", "offsets": [3600], "templates": ["reminder_2hr"]}]
    )
    clinic.book(second, at=VISIT + timedelta(hours=1))
    assert len(clinic.messages(first)) == 4
    [only] = clinic.messages(second)
    assert only.send_at == VISIT
