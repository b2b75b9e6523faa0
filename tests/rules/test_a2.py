"""A2: a lead who writes back is engaged, and called soon."""

from __future__ import annotations

from datetime import timedelta

import pytest

from messaging.models import Message
from tests.rules.conftest import Clinic


def test_a_reply_engages_the_lead_and_asks_for_a_call(clinic: Clinic) -> None:
    lee = clinic.lead(intent="follow_up")
    assert set(clinic.tasks(lee)) == {"sms_followup"}
    before = clinic.fresh(lee).warmness_score
    clinic.wait(minutes=20)
    clinic.text(lee, "Tell me more please")
    assert clinic.stage(lee) == "lead_to_booking/engaged"
    tasks = clinic.tasks(lee)
    assert "sms_followup" not in tasks
    call = tasks["call"]
    assert (call.due_datetime - clinic.now, call.priority_floor) == (timedelta(hours=2), 100)
    # ten for the reply and ten for its coming within the hour
    assert clinic.fresh(lee).warmness_score == before + 20
    assert clinic.fresh(lee).last_touch["type"] == "sms_received"
    assert lee.touchpoints.filter(type="sms_received").count() == 1


@pytest.mark.parametrize("words", ["STOP", "START", "HELP"])
def test_words_about_the_texts_themselves_engage_nobody(clinic: Clinic, words: str) -> None:
    lee = clinic.lead()
    clinic.text(lee, words)
    assert clinic.stage(lee) == "lead_to_booking/contacted"
    assert clinic.did("a2", lee) == []


@pytest.mark.parametrize(
    ("stage", "engaged"), [("contacted", True), ("engaged", False), ("booking_attempted", False)]
)
def test_only_leads_not_yet_engaged_are_met(clinic: Clinic, stage: str, engaged: bool) -> None:
    lee = clinic.lead()
    if stage != "contacted":
        clinic.move(lee, "lead_to_booking", stage)
    clinic.text(lee, "Tell me more please")
    assert bool(clinic.did("a2", lee)) is engaged
    assert clinic.stage(lee) == f"lead_to_booking/{'engaged' if engaged else stage}"


def test_the_same_text_delivered_twice_counts_once(clinic: Clinic) -> None:
    lee = clinic.lead()
    clinic.text(lee, "Tell me more please", id="same")
    score = clinic.fresh(lee).warmness_score
    clinic.text(lee, "Tell me more please", id="same")
    assert (len(clinic.did("a2", lee)), clinic.fresh(lee).warmness_score) == (1, score)
    assert Message.objects.filter(contact=lee, direction="inbound").count() == 1


def test_a_second_reply_does_not_warm_again(clinic: Clinic) -> None:
    lee = clinic.lead()
    clinic.text(lee, "Tell me more please")
    clinic.text(lee, "and when are you open")
    assert len(clinic.did("a2", lee)) == 1
    assert lee.warmness_deltas.filter(delta=10).count() == 1


def test_handled_late_it_counts_from_when_it_is_done(clinic: Clinic) -> None:
    lee = clinic.lead()
    clinic.text(lee, "Tell me more please", work=False)
    clinic.time.advance(timedelta(hours=5))
    clinic.run_work()
    assert clinic.tasks(lee)["call"].due_datetime == clinic.now + timedelta(hours=2)
    assert clinic.stage(lee) == "lead_to_booking/engaged"


def test_edited_before_the_text_is_handled_the_new_wording_runs(clinic: Clinic) -> None:
    lee = clinic.lead()
    clinic.text(lee, "Tell me more please", work=False)
    clinic.edit("a2", actions=[{"type": "add_tag", "tag": "wrote"}])
    assert clinic.fresh(lee).tags == ["wrote"]
    assert clinic.stage(lee) == "lead_to_booking/contacted"
