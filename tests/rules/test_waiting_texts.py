"""Texts that wait: what is no longer true when their time comes is not sent, or is worded as things are now."""

from __future__ import annotations

from datetime import timedelta

import pytest

from messaging.models import Template
from tests.rules.conftest import NIGHT, NOW, Clinic

MORNING = NIGHT + timedelta(hours=12)


@pytest.mark.parametrize("again", [True, False])
def test_no_rescue_text_in_the_morning_for_who_booked_in_the_night(clinic: Clinic, again: bool) -> None:
    anna = clinic.contact()
    booking = clinic.book(anna)
    clinic.jump(NIGHT)
    clinic.client.post(f"/api/bookings/{booking.public_id}/cancel", {"reason": "x"}, format="json")
    clinic.time.set(NIGHT + timedelta(minutes=16))  # later than "just acted", so it waits for morning
    clinic.run_work()
    assert [text.status for text in clinic.messages(anna, "cancellation_rescue")] == ["scheduled"]
    if again:
        clinic.book(anna)
    clinic.jump(MORNING)
    [text] = clinic.messages(anna, "cancellation_rescue")
    assert (text.status, text.reason) == (("skipped", "booked_meanwhile") if again else ("sent", ""))


@pytest.mark.parametrize("again", [True, False])
def test_no_missed_you_text_for_who_has_booked_again(clinic: Clinic, again: bool) -> None:
    anna = clinic.contact()
    booking = clinic.book(anna, at=NIGHT - timedelta(hours=1))
    clinic.jump(NIGHT)
    clinic.outcome(booking, "no_show")
    clinic.jump(NIGHT + timedelta(minutes=10))
    assert clinic.messages(anna, "no_show_followup")[0].status == "scheduled"
    if again:
        clinic.book(anna)
    clinic.jump(MORNING)
    [text] = clinic.messages(anna, "no_show_followup")
    assert (text.status, text.reason) == (("skipped", "booked_meanwhile") if again else ("sent", ""))


def test_a_confirmed_visits_reminder_asks_for_no_yes(clinic: Clinic) -> None:
    anna, bert = clinic.contact(), clinic.contact("Bert")
    mine, _ = clinic.book(anna), clinic.book(bert, at=NOW + timedelta(days=5, hours=1))
    clinic.text(anna, "Yes")
    clinic.jump(mine.appointment_datetime - timedelta(hours=23))
    [confirmed] = clinic.messages(anna, "reminder_24hr")
    [asked] = clinic.messages(bert, "reminder_24hr")
    assert "YES" in asked.body
    assert asked.asks_answer
    assert "YES" not in confirmed.body
    assert "Avatar Imaging Sydney" in confirmed.body
    assert not confirmed.asks_answer
    assert confirmed.template_version is not None
    assert confirmed.template_version.template.name == "reminder_24hr_confirmed"


def test_without_that_wording_the_reminder_goes_as_it_is(clinic: Clinic) -> None:
    Template.objects.filter(name="reminder_24hr_confirmed").update(is_active=False)
    anna = clinic.contact()
    booking = clinic.book(anna)
    clinic.text(anna, "Yes")
    clinic.jump(booking.appointment_datetime - timedelta(hours=23))
    assert "YES" in clinic.messages(anna, "reminder_24hr")[0].body
