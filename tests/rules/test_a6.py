"""A6: a lead who opens the booking link is about to book."""

from __future__ import annotations

import pytest

from contacts.models import Contact
from core.causes import Cause
from tests.factories.contacts import log
from tests.rules.conftest import Clinic

ATTEMPTED = "lead_to_booking/booking_attempted"


def opens(clinic: Clinic, contact: Contact, kind: str = "booking_link_click", **more: object) -> None:
    log(contact, kind, cause=Cause.provider(1), **more)
    clinic.run_work()


@pytest.mark.parametrize("stage", ["contacted", "engaged"])
def test_opening_the_booking_link_moves_a_lead(clinic: Clinic, stage: str) -> None:
    lee = clinic.lead()
    if stage == "engaged":
        clinic.move(lee, "lead_to_booking", "engaged")
    opens(clinic, lee)
    assert clinic.stage(lee) == ATTEMPTED


def test_a_new_lead_counts_too(clinic: Clinic) -> None:
    anna = clinic.contact()
    opens(clinic, anna)
    assert clinic.stage(anna) == ATTEMPTED


@pytest.mark.parametrize("kind", ["ad_click", "landing_page_visit"])
def test_other_clicks_move_nobody(clinic: Clinic, kind: str) -> None:
    lee = clinic.lead()
    opens(clinic, lee, kind)
    assert clinic.stage(lee) == "lead_to_booking/contacted"


def test_a_lost_lead_and_a_patient_stay_where_they_are(clinic: Clinic) -> None:
    lost, anna = clinic.lead(), clinic.contact()
    clinic.move(lost, "lead_to_booking", "dead_lost")
    clinic.book(anna)
    opens(clinic, lost)
    opens(clinic, anna)
    assert clinic.stage(lost) == "lead_to_booking/dead_lost"
    assert clinic.stage(anna) == "pre_appointment/booking_confirmed"


def test_twice_moves_once(clinic: Clinic) -> None:
    lee = clinic.lead()
    opens(clinic, lee)
    opens(clinic, lee)
    assert lee.stage_changes.filter(to_stage="booking_attempted").count() == 1
    assert len(clinic.did("a6", lee)) == 1


def test_a_click_heard_after_the_booking_changes_nothing(clinic: Clinic) -> None:
    lee = clinic.lead()
    log(lee, "booking_link_click", cause=Cause.provider(1))
    clinic.book(lee)
    assert clinic.stage(lee) == "pre_appointment/booking_confirmed"


def test_an_edited_rule_may_ask_for_the_campaign_and_the_link(clinic: Clinic) -> None:
    conditions = clinic.rule("a6").current.conditions
    clinic.edit("a6", conditions={**conditions, "campaign": "spring", "link": {"contains": "/skin"}})
    lee, max_ = clinic.lead(), clinic.lead("Max")
    opens(clinic, lee, details={"campaign": "spring", "link": "https://book.example/skin?e=a@b.c"})
    opens(clinic, max_, details={"campaign": "autumn", "link": "https://book.example/skin"})
    assert clinic.stage(lee) == ATTEMPTED
    assert clinic.stage(max_) == "lead_to_booking/contacted"
    [run] = clinic.did("a6", lee)
    assert run.facts.values["link"] == "https://book.example/skin"
