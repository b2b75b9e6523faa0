"""C4: a lead or a recall that has been silent for 90 days is put aside."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contacts.models import Contact
from tests.rules.conftest import NOW, Clinic

NIGHT_RULES = NOW.replace(hour=13, minute=31)


def after(clinic: Clinic, days: int) -> None:
    """The night, so many days from now."""
    clinic.jump(NIGHT_RULES + timedelta(days=days))
    clinic.jump(NIGHT_RULES + timedelta(days=days, minutes=1))


def quiet_lead(clinic: Clinic, stage: str) -> Contact:
    """A lead whom nothing but time will touch any more."""
    clinic.edit("a3", is_active=False)
    lee = clinic.lead()
    if stage != "contacted":
        clinic.move(lee, "lead_to_booking", stage)
    return lee


@pytest.mark.parametrize("stage", ["contacted", "engaged", "booking_attempted"])
def test_a_silent_lead_is_lost_after_90_days(clinic: Clinic, stage: str) -> None:
    lee = quiet_lead(clinic, stage)
    after(clinic, 89)
    assert clinic.stage(lee) == f"lead_to_booking/{stage}"
    after(clinic, 90)
    assert clinic.stage(lee) == "lead_to_booking/dead_lost"
    assert lee.stage_changes.get(to_stage="dead_lost").reason == "rule_due"


def test_a_silent_recall_becomes_dormant(clinic: Clinic) -> None:
    anna, bert = clinic.contact(), clinic.contact("Bert")
    for who in (anna, bert):
        clinic.visited(who)
    clinic.move(anna, "post_appointment", "recall_due")
    after(clinic, 92)
    assert clinic.stage(anna) == "post_appointment/dormant"
    assert clinic.stage(bert) == "post_appointment/attended"


def test_a_touch_begins_the_90_days_anew(clinic: Clinic) -> None:
    lee = quiet_lead(clinic, "engaged")
    clinic.jump(NOW + timedelta(days=60))
    clinic.text(lee, "Still thinking about it")
    after(clinic, 149)
    assert clinic.stage(lee) == "lead_to_booking/engaged"
    after(clinic, 150)
    assert clinic.stage(lee) == "lead_to_booking/dead_lost"


def test_who_has_a_visit_ahead_is_not_put_aside(clinic: Clinic) -> None:
    anna = clinic.contact()
    clinic.visited(anna)
    clinic.move(anna, "post_appointment", "recall_due")
    clinic.book(anna, at=NOW + timedelta(days=200))
    after(clinic, 120)
    assert clinic.stage(anna) == "pre_appointment/booking_confirmed"


def test_who_was_never_in_touch_counts_from_when_they_came(clinic: Clinic) -> None:
    anna = clinic.contact()
    assert clinic.fresh(anna).last_touchpoint_at is None
    after(clinic, 90)
    assert clinic.stage(anna) == "lead_to_booking/dead_lost"


def test_one_that_is_brought_back_is_not_put_aside_twice_for_one_silence(clinic: Clinic) -> None:
    lee = quiet_lead(clinic, "engaged")
    after(clinic, 91)
    clinic.move(lee, "lead_to_booking", "engaged")
    after(clinic, 93)
    assert clinic.stage(lee) == "lead_to_booking/engaged"
    assert len(clinic.did("c4", lee)) == 1


def test_an_edited_rule_waits_as_long_as_it_says(clinic: Clinic) -> None:
    lee = quiet_lead(clinic, "engaged")
    conditions = {"current_pipeline": "lead_to_booking", "last_touchpoint_age_seconds": {"gte": 30 * 86400}}
    clinic.edit("c4", conditions=conditions)
    after(clinic, 30)
    assert clinic.stage(lee) == "lead_to_booking/dead_lost"
