"""B4: a moved visit is told of by text and reminded of at its new time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from bookings.models import Booking
from tests.rules.conftest import NOW, Clinic
from tests.webhooks.wix_builder import WixBooking

VISIT = datetime(2026, 12, 1, 4, 0, tzinfo=UTC)
LATER = VISIT + timedelta(days=2)


def move(clinic: Clinic, visit: Booking, to: datetime) -> None:
    clinic.api("post", f"bookings/{visit.public_id}/reschedule", appointment_datetime=to.isoformat())


def test_a_moved_visit_gets_new_reminders_and_a_text(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.book(anna, at=VISIT)
    clinic.text(anna, "Yes")
    move(clinic, visit, LATER)
    assert (clinic.fresh(visit).status, clinic.stage(anna)) == (
        "rescheduled",
        "pre_appointment/booking_confirmed",
    )
    assert clinic.sent(anna)[-1] == "booking_rescheduled"
    reminders = [m for m in clinic.messages(anna) if m.category == "reminder"]
    assert {(m.status, m.reason) for m in reminders if m.visit_at == VISIT} == {("skipped", "visit_moved")}
    assert {m.send_at for m in reminders if m.status == "scheduled"} == {
        LATER - timedelta(hours=hours) for hours in (48, 24, 2)
    }
    assert anna.touchpoints.filter(type="booking_rescheduled").count() == 1


def test_another_detail_changed_is_no_move(clinic: Clinic) -> None:
    booking = WixBooking(start=VISIT)
    visit = clinic.wix("created", booking)
    assert visit is not None
    clinic.wix("updated", booking, sequence=2)
    assert clinic.runs("b4", visit.contact) == []
    assert clinic.sent(visit.contact) == ["booking_confirmation"]


def test_moved_to_within_a_day_only_the_last_reminder_is_left(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.book(anna, at=VISIT)
    move(clinic, visit, NOW + timedelta(hours=24))
    waiting = [m.template.name for m in clinic.messages(anna) if m.status == "scheduled" and m.template]
    assert waiting == ["reminder_2hr"]


def test_moved_there_and_back_each_time_is_reminded_of_once(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.book(anna, at=VISIT)
    move(clinic, visit, LATER)
    clinic.wait(minutes=20)
    move(clinic, visit, VISIT)
    for hours in (48, 24, 2):
        clinic.jump(VISIT - timedelta(hours=hours))
    clinic.jump(LATER)
    reminded = [m for m in clinic.messages(anna) if m.category == "reminder" and m.sent_at]
    assert [m.visit_at for m in reminded] == [VISIT] * 3
    assert clinic.sent(anna).count("booking_rescheduled") == 2


def test_the_same_delivery_twice_moves_once(clinic: Clinic) -> None:
    booking = WixBooking(start=VISIT)
    visit = clinic.wix("created", booking)
    assert visit is not None
    for _ in range(2):
        clinic.wix("rescheduled", WixBooking(start=LATER), sequence=2)
    assert len(clinic.did("b4", visit.contact)) == 1
    assert clinic.sent(visit.contact) == ["booking_confirmation", "booking_rescheduled"]


def test_told_late_of_a_time_that_has_passed_it_plans_nothing(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.book(anna, at=VISIT)
    clinic.client.post(
        f"/api/bookings/{visit.public_id}/reschedule",
        {"appointment_datetime": LATER.isoformat()},
        format="json",
    )
    clinic.time.set(LATER + timedelta(hours=3))
    clinic.run_work()
    texts = [m for m in clinic.messages(anna) if m.visit_at == LATER]
    assert {m.sent_at for m in texts} == {None}
    assert all(m.reason for m in texts)


def test_edited_meanwhile_the_next_move_follows_the_new_rule(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.book(anna, at=VISIT)
    clinic.edit("b4", actions=[{"type": "add_tag", "tag": "moved"}])
    move(clinic, visit, LATER)
    assert clinic.fresh(anna).tags == ["moved"]
    assert "booking_rescheduled" not in clinic.sent(anna)
