"""A5: the first text or call moves a new lead to contacted."""

from __future__ import annotations

import pytest

from contacts.models import Contact
from tests.rules.conftest import Clinic


def unwritten(clinic: Clinic) -> Contact:
    """A lead without a mobile, so that nothing has been sent."""
    return clinic.lead(phone="", email="lee@example.com")


def test_the_first_text_is_first_contact(clinic: Clinic) -> None:
    lee = clinic.lead()
    assert clinic.sent(lee) == ["welcome_lead"]
    assert clinic.stage(lee) == "lead_to_booking/contacted"
    assert len(clinic.did("a5", lee)) == 1


def test_a_call_that_nobody_answers_is_first_contact_too(clinic: Clinic) -> None:
    lee = unwritten(clinic)
    assert clinic.stage(lee) == "lead_to_booking/new_lead"
    clinic.finish(clinic.tasks(lee)["sms_followup"], "success")
    assert clinic.stage(lee) == "lead_to_booking/new_lead"
    clinic.task(lee, "call")
    clinic.finish(clinic.tasks(lee)["call"], "no_answer")
    assert clinic.stage(lee) == "lead_to_booking/contacted"


@pytest.mark.parametrize("stage", ["engaged", "booking_attempted"])
def test_whoever_is_further_stays_there(clinic: Clinic, stage: str) -> None:
    lee = unwritten(clinic)
    clinic.move(lee, "lead_to_booking", stage)
    clinic.task(lee, "call")
    clinic.finish(clinic.tasks(lee)["call"], "no_answer")
    assert clinic.stage(lee) == f"lead_to_booking/{stage}"
    assert clinic.did("a5", lee) == []


def test_the_second_text_changes_nothing(clinic: Clinic) -> None:
    lee = clinic.lead()
    clinic.api("post", "sms/send", contact_id=str(lee.public_id), message="Hi, shall we call you? {clinic}")
    assert len(clinic.did("a5", lee)) == 1
    assert [change.to_stage for change in lee.stage_changes.order_by("pk")] == ["new_lead", "contacted"]


def test_a_text_that_goes_out_in_the_morning_counts_then(clinic: Clinic) -> None:
    clinic.edit("a1", actions=[{"type": "send_sms", "template": "recall_reminder", "delay_seconds": 1200}])
    clinic.jump(clinic.now.replace(hour=11))
    lee = clinic.lead()
    clinic.wait(hours=1)
    assert (clinic.sent(lee), clinic.stage(lee)) == ([], "lead_to_booking/new_lead")
    clinic.jump(clinic.now.replace(hour=22))
    assert (len(clinic.sent(lee)), clinic.stage(lee)) == (1, "lead_to_booking/contacted")


def test_edited_meanwhile_the_new_conditions_hold(clinic: Clinic) -> None:
    clinic.edit("a5", conditions={"touchpoint_type": "call_attempted", "current_stage": "new_lead"})
    lee = clinic.lead()
    assert (clinic.sent(lee), clinic.stage(lee)) == (["welcome_lead"], "lead_to_booking/new_lead")
