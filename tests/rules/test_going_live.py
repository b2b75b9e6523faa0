"""Off, shadow and live: what is recorded, what is done, and what going live leaves of the visits before it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from accounts import golive
from automation.models import RuleRun
from bookings.models import Booking
from core.causes import Cause
from messaging.models import Message
from tests.rules.conftest import NOW, Clinic
from tests.webhooks.wix_builder import WixBooking

VISIT = WixBooking(id="b-1", start=NOW + timedelta(days=6), phone="+61491570156")
REMINDERS = ["reminder_24hr", "reminder_2hr", "reminder_48hr"]


def mode(clinic: Clinic, mode: str) -> None:
    """Switch automation at the desk; that this small clinic lacks this and that is no hindrance here."""
    golive.set_automation_mode(
        location_id=clinic.location.pk, mode=mode, cause=Cause.user(clinic.staff.pk), force_reason="test"
    )
    clinic.run_work()


def booked(clinic: Clinic, **more: object) -> Booking:
    booking = clinic.wix("created", VISIT, **more)
    assert booking is not None
    return booking


def templates(booking: Booking) -> list[str]:
    rows = Message.objects.filter(booking=booking).select_related("template")
    return sorted(message.template.name for message in rows if message.template)


def fresh_start(clinic: Clinic, first: str) -> None:
    """A clinic that has never been live."""
    mode(clinic, first)
    type(clinic.location).objects.update(live_since=None)


@pytest.mark.parametrize("first", ["shadow", "off"])
def test_a_visit_from_before_going_live_gets_reminders_only(clinic: Clinic, first: str) -> None:
    fresh_start(clinic, first)
    booking = booked(clinic, at=NOW)
    assert templates(booking) == []
    assert len(clinic.runs("b1")) == (1 if first == "shadow" else 0)
    clinic.wait(hours=1)
    mode(clinic, "live")
    assert templates(booking) == REMINDERS
    assert clinic.tasks(booking.contact) == {}
    assert clinic.stage(booking.contact) == "pre_appointment/booking_confirmed"
    [run] = clinic.runs("b1")
    assert run.state == "done"
    by_type = {step.type: step for step in clinic.steps(run)}
    assert by_type["send_sms"].state == "skipped"
    assert "before the clinic went live" in by_type["send_sms"].reason
    assert by_type["schedule_reminders"].state == "done"


def test_a_booking_that_the_provider_had_before_and_we_hear_of_later_gets_reminders_only(
    clinic: Clinic,
) -> None:
    fresh_start(clinic, "shadow")
    mode(clinic, "live")
    early = booked(clinic, at=NOW - timedelta(minutes=1))
    assert templates(early) == REMINDERS
    late = clinic.wix(
        "created", WixBooking(id="b-2", start=NOW + timedelta(days=7), phone="+61491570157"), at=NOW
    )
    assert late is not None
    assert templates(late) == ["booking_confirmation", *REMINDERS]


def test_answers_to_those_reminders_are_understood(clinic: Clinic) -> None:
    fresh_start(clinic, "shadow")
    booking = booked(clinic, at=NOW)
    mode(clinic, "live")
    clinic.jump(booking.appointment_datetime - timedelta(hours=40))
    clinic.text(booking.contact, "Yes")
    assert clinic.fresh(booking).status == "confirmed"


def test_going_live_twice_plans_once(clinic: Clinic) -> None:
    fresh_start(clinic, "shadow")
    booking = booked(clinic, at=NOW)
    for step in ("live", "shadow", "live"):
        mode(clinic, step)
    assert templates(booking) == REMINDERS


def test_a_visit_that_was_over_before_is_recorded_and_nobody_is_thanked(clinic: Clinic) -> None:
    fresh_start(clinic, "shadow")
    booking = booked(clinic, at=NOW)
    clinic.jump(booking.ends_at + timedelta(hours=2))
    mode(clinic, "live")
    clinic.outcome(booking, "attended")
    clinic.wait(hours=1)
    assert "thank_you_attended" not in templates(booking)
    assert clinic.tasks(booking.contact).keys() <= {"record_outcome"}
    assert clinic.fresh(booking.contact).recall_due_date is not None
    assert clinic.stage(booking.contact) == "post_appointment/attended"


def test_shadow_records_what_it_would_do_and_does_nothing(clinic: Clinic) -> None:
    mode(clinic, "shadow")
    lee = clinic.lead()
    [run] = clinic.runs("a1", lee)
    assert run.state == "matched"
    assert {step.state for step in clinic.steps(run)} == {"held", "skipped"}
    assert clinic.messages(lee) == []
    assert clinic.tasks(lee) == {}


def test_off_runs_nothing(clinic: Clinic) -> None:
    mode(clinic, "off")
    clinic.lead()
    clinic.contact(recall_due_date="2026-11-01")
    clinic.jump(NOW + timedelta(days=1))
    assert RuleRun.objects.count() == 0
    assert Message.objects.count() == 0


def test_a_recall_noticed_in_shadow_is_told_once_live(clinic: Clinic) -> None:
    mode(clinic, "shadow")
    anna = clinic.contact(recall_due_date="2026-11-23")
    clinic.jump(NOW + timedelta(days=1))
    assert [run.state for run in clinic.runs("c3", anna)] == ["matched"]
    mode(clinic, "live")
    clinic.jump(NOW + timedelta(days=2))
    assert clinic.sent(anna) == ["recall_reminder"]
    assert [run.state for run in clinic.runs("c3", anna)] == ["matched", "done"]
