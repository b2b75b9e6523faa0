"""A3: a lead who does not answer for four hours is followed up, once for each thing we sent."""

from __future__ import annotations

from datetime import timedelta

from contacts.models import Contact
from tests.rules.conftest import CLOSING, NIGHT, NOW, Clinic

FOLLOW_UP = "follow_up_no_response"


def contacted(clinic: Clinic) -> Contact:
    """A lead whom the welcome text has reached."""
    lee = clinic.lead()
    assert clinic.stage(lee) == "lead_to_booking/contacted"
    return lee


def test_after_four_hours_of_silence_a_lead_is_followed_up(clinic: Clinic) -> None:
    lee = contacted(clinic)
    before = clinic.fresh(lee).warmness_score
    clinic.wait(hours=4)
    assert clinic.sent(lee) == ["welcome_lead", FOLLOW_UP]
    task = clinic.tasks(lee)["call"]
    assert (task.due_datetime, task.priority_floor) == (CLOSING, 50)
    assert clinic.fresh(lee).warmness_score == max(0, before - 5)
    assert clinic.fresh(lee).warmness_deltas.filter(delta=-5).count() == 1


def test_a_minute_short_of_four_hours_is_too_early(clinic: Clinic) -> None:
    lee = contacted(clinic)
    clinic.wait(hours=3, minutes=59)
    assert clinic.sent(lee) == ["welcome_lead"]
    assert clinic.runs("a3") == []


def test_who_answered_is_left_alone(clinic: Clinic) -> None:
    lee = contacted(clinic)
    clinic.text(lee, "Sounds good, tell me more")
    clinic.move(lee, "lead_to_booking", "booking_attempted")
    clinic.wait(hours=6)
    assert FOLLOW_UP not in clinic.sent(lee)


def test_who_wrote_stop_is_neither_texted_nor_called(clinic: Clinic) -> None:
    lee = contacted(clinic)
    clinic.text(lee, "STOP")
    clinic.wait(hours=6)
    assert FOLLOW_UP not in clinic.sent(lee)
    assert clinic.runs("a3", lee) == []


def test_the_follow_up_does_not_follow_up_on_itself(clinic: Clinic) -> None:
    lee = contacted(clinic)
    clinic.wait(hours=30)
    assert clinic.sent(lee).count(FOLLOW_UP) == 1
    assert len(clinic.did("a3", lee)) == 1


def test_a_call_of_ours_that_is_not_answered_is_followed_up_again(clinic: Clinic) -> None:
    lee = contacted(clinic)
    clinic.wait(hours=4)
    clinic.finish(clinic.tasks(lee)["call"], "no_answer")
    clinic.jump(NOW + timedelta(days=1))
    assert clinic.sent(lee).count(FOLLOW_UP) == 2
    assert len(clinic.did("a3", lee)) == 2


def test_at_night_the_text_waits_and_is_dropped_for_who_booked_meanwhile(clinic: Clinic) -> None:
    clinic.jump(NIGHT - timedelta(hours=4))
    lee, max_ = contacted(clinic), contacted(clinic)
    clinic.wait(hours=4)
    assert [clinic.messages(who, FOLLOW_UP)[0].status for who in (lee, max_)] == ["scheduled", "scheduled"]
    clinic.book(lee)
    clinic.wait(hours=12)
    [dropped] = clinic.messages(lee, FOLLOW_UP)
    assert (dropped.status, dropped.reason) == ("skipped", "booked_meanwhile")
    assert FOLLOW_UP in clinic.sent(max_)


def test_an_edited_rule_follows_its_new_wording(clinic: Clinic) -> None:
    lee = contacted(clinic)
    conditions = clinic.rule("a3").current.conditions
    clinic.edit("a3", conditions={**conditions, "last_touchpoint_age_seconds": {"gte": 7200}})
    clinic.wait(hours=2)
    assert FOLLOW_UP in clinic.sent(lee)
    assert clinic.did("a3", lee)[0].version.number == 2
