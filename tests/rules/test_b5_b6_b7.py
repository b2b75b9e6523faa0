"""B5, B6, B7: a reminder moves the contact on; whoever has not confirmed by then is called; who has is ready."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bookings.models import Booking
from contacts.models import Contact
from tests.rules.conftest import Clinic

VISIT = datetime(2026, 12, 1, 4, 0, tzinfo=UTC)
"""Three in the afternoon of a Tuesday."""


@pytest.fixture
def booked(clinic: Clinic) -> tuple[Contact, Booking]:
    anna = clinic.contact(is_existing_patient=True)
    return anna, clinic.book(anna, at=VISIT)


# B6


def test_the_first_reminder_moves_to_reminded(clinic: Clinic, booked: tuple[Contact, Booking]) -> None:
    anna, _ = booked
    clinic.jump(VISIT - timedelta(hours=48, minutes=1))
    assert clinic.stage(anna) == "pre_appointment/booking_confirmed"
    clinic.jump(VISIT - timedelta(hours=48))
    assert (clinic.sent(anna)[-1], clinic.stage(anna)) == ("reminder_48hr", "pre_appointment/reminded")


def test_a_text_that_is_no_reminder_moves_nobody(clinic: Clinic, booked: tuple[Contact, Booking]) -> None:
    anna, _ = booked
    clinic.api("post", "sms/send", contact_id=str(anna.public_id), message="We have a car park. {clinic}")
    assert clinic.stage(anna) == "pre_appointment/booking_confirmed"
    assert clinic.did("b6", anna) == []


def test_whoever_has_confirmed_is_not_moved_back_by_a_reminder(
    clinic: Clinic, booked: tuple[Contact, Booking]
) -> None:
    anna, _ = booked
    clinic.text(anna, "Yes")
    clinic.jump(VISIT - timedelta(hours=48))
    assert "reminder_48hr" in clinic.sent(anna)
    assert clinic.stage(anna) == "pre_appointment/confirmed"


def test_the_second_reminder_finds_the_contact_reminded(
    clinic: Clinic, booked: tuple[Contact, Booking]
) -> None:
    anna, _ = booked
    clinic.jump(VISIT - timedelta(hours=48))
    clinic.jump(VISIT - timedelta(hours=24))
    assert len(clinic.did("b6", anna)) == 1


def test_after_an_outage_the_reminder_that_comes_late_still_moves_on(
    clinic: Clinic, booked: tuple[Contact, Booking]
) -> None:
    anna, _ = booked
    clinic.jump(VISIT - timedelta(hours=30))
    assert (clinic.sent(anna)[-1], clinic.stage(anna)) == ("reminder_48hr", "pre_appointment/reminded")


# B5


@pytest.mark.parametrize(("hours", "called"), [(20.1, False), (20, True)])
def test_twenty_hours_before_who_has_not_confirmed_is_called(
    clinic: Clinic, booked: tuple[Contact, Booking], hours: float, called: bool
) -> None:
    anna, _ = booked
    clinic.jump(VISIT - timedelta(hours=24))
    clinic.jump(VISIT - timedelta(hours=hours))
    assert (clinic.stage(anna) == "pre_appointment/needs_attention") is called
    tasks = clinic.tasks(anna)
    assert set(tasks) == ({"confirmation_call"} if called else set())
    if called:
        assert tasks["confirmation_call"].priority_floor == 100


def test_who_has_confirmed_is_not_called(clinic: Clinic, booked: tuple[Contact, Booking]) -> None:
    anna, _ = booked
    clinic.jump(VISIT - timedelta(hours=24))
    clinic.text(anna, "Yes")
    clinic.jump(VISIT - timedelta(hours=19))
    assert clinic.tasks(anna) == {}
    assert clinic.runs("b5", anna) == []


def test_hour_after_hour_one_visit_is_called_about_once(
    clinic: Clinic, booked: tuple[Contact, Booking]
) -> None:
    anna, _ = booked
    clinic.jump(VISIT - timedelta(hours=24))
    clinic.jump(VISIT - timedelta(hours=20))
    clinic.finish(clinic.tasks(anna)["confirmation_call"], "no_answer")
    clinic.wait(hours=6)
    assert len(clinic.did("b5", anna)) == 1


def test_after_the_visit_has_begun_nobody_is_called_about_it(
    clinic: Clinic, booked: tuple[Contact, Booking]
) -> None:
    anna, _ = booked
    clinic.jump(VISIT - timedelta(hours=24))
    clinic.jump(VISIT + timedelta(minutes=5))
    assert clinic.did("b5", anna) == []


def test_edited_meanwhile_the_call_comes_when_the_new_rule_says(
    clinic: Clinic, booked: tuple[Contact, Booking]
) -> None:
    anna, _ = booked
    conditions = {"current_stage": "reminded", "hours_to_appointment": {"gt": 0, "lte": 5}}
    clinic.edit("b5", conditions=conditions)
    clinic.jump(VISIT - timedelta(hours=24))
    clinic.jump(VISIT - timedelta(hours=12))
    assert clinic.tasks(anna) == {}
    clinic.jump(VISIT - timedelta(hours=5))
    assert set(clinic.tasks(anna)) == {"confirmation_call"}


# B7


def test_confirmed_and_reminded_on_the_day_the_patient_is_ready(
    clinic: Clinic, booked: tuple[Contact, Booking]
) -> None:
    anna, _ = booked
    clinic.text(anna, "Yes")
    for hours in (48, 24):
        clinic.jump(VISIT - timedelta(hours=hours))
        assert clinic.stage(anna) == "pre_appointment/confirmed"
    clinic.jump(VISIT - timedelta(hours=2))
    assert clinic.stage(anna) == "pre_appointment/ready"
    assert len(clinic.did("b7", anna)) == 1


def test_who_has_not_confirmed_is_not_ready(clinic: Clinic, booked: tuple[Contact, Booking]) -> None:
    anna, _ = booked
    clinic.jump(VISIT - timedelta(hours=24))
    clinic.jump(VISIT - timedelta(hours=2))
    assert "reminder_2hr" in clinic.sent(anna)
    assert clinic.stage(anna) == "pre_appointment/needs_attention"


def test_edited_meanwhile_ready_may_mean_something_else(
    clinic: Clinic, booked: tuple[Contact, Booking]
) -> None:
    anna, _ = booked
    clinic.text(anna, "Yes")
    clinic.edit("b7", is_active=False)
    clinic.jump(VISIT - timedelta(hours=2))
    assert clinic.stage(anna) == "pre_appointment/confirmed"
