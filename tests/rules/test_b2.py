"""B2: whoever says yes has confirmed their visit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bookings.models import Booking
from contacts.models import Contact
from tests.rules.conftest import Clinic

VISIT = datetime(2026, 12, 1, 4, 0, tzinfo=UTC)


@pytest.fixture
def booked(clinic: Clinic) -> tuple[Contact, Booking]:
    """Somebody with a visit eight days ahead, confirmed to them by text."""
    anna = clinic.contact()
    return anna, clinic.book(anna, at=VISIT)


YESES = ("Y", "yes", "YES", "Confirm", "confirmed", "yep", "Yeah", "yes please", "See you then!")


@pytest.mark.parametrize("words", YESES)
def test_a_yes_confirms_the_visit(clinic: Clinic, booked: tuple[Contact, Booking], words: str) -> None:
    anna, visit = booked
    before = clinic.fresh(anna).warmness_score
    clinic.text(anna, words)
    assert (clinic.fresh(visit).status, clinic.stage(anna)) == ("confirmed", "pre_appointment/confirmed")
    assert clinic.sent(anna)[-1] == "confirm_reply"
    assert clinic.fresh(anna).warmness_score == before + 20
    assert anna.touchpoints.filter(type="booking_confirmed_reply").count() == 1


NO_YES = (
    "No", "yes but can we move it", "can't make it", "Yes what is the address?", "maybe", "not sure yet",
    "yes if my husband can drive",
)  # fmt: skip


@pytest.mark.parametrize("words", NO_YES)
def test_what_is_no_plain_yes_confirms_nothing_and_reaches_a_person(
    clinic: Clinic, booked: tuple[Contact, Booking], words: str
) -> None:
    anna, visit = booked
    clinic.text(anna, words)
    assert clinic.fresh(visit).status == "scheduled"
    assert clinic.did("b2", anna) == []
    assert "reply_needed" in clinic.tasks(anna)


@pytest.mark.parametrize("stage", ["booking_confirmed", "reminded", "needs_attention"])
def test_early_or_late_a_yes_counts_at_every_stage_before_the_visit(
    clinic: Clinic, booked: tuple[Contact, Booking], stage: str
) -> None:
    anna, visit = booked
    if stage != "booking_confirmed":
        clinic.move(anna, "pre_appointment", stage)
    clinic.text(anna, "Yes")
    assert (clinic.fresh(visit).status, clinic.stage(anna)) == ("confirmed", "pre_appointment/confirmed")


def test_a_lead_without_a_visit_confirms_nothing_by_yes(clinic: Clinic) -> None:
    lee = clinic.lead()
    clinic.text(lee, "Yes")
    assert clinic.did("b2", lee) == []
    assert clinic.stage(lee) == "lead_to_booking/engaged"


def test_the_confirmation_call_is_no_longer_needed(clinic: Clinic, booked: tuple[Contact, Booking]) -> None:
    anna, visit = booked
    clinic.jump(VISIT - timedelta(hours=24))
    clinic.jump(VISIT - timedelta(hours=19))
    assert "confirmation_call" in clinic.tasks(anna)
    clinic.text(anna, "Yes")
    assert "confirmation_call" not in clinic.tasks(anna)
    assert clinic.fresh(visit).status == "confirmed"


def test_a_second_yes_changes_nothing(clinic: Clinic, booked: tuple[Contact, Booking]) -> None:
    anna, _ = booked
    clinic.text(anna, "Yes")
    score = clinic.fresh(anna).warmness_score
    clinic.text(anna, "Yes")
    assert (len(clinic.did("b2", anna)), clinic.fresh(anna).warmness_score) == (1, score)
    assert clinic.sent(anna).count("confirm_reply") == 1


def test_handled_after_the_visit_was_cancelled_it_confirms_nothing(
    clinic: Clinic, booked: tuple[Contact, Booking]
) -> None:
    anna, visit = booked
    clinic.cancel(visit)
    clinic.text(anna, "Yes")
    assert clinic.fresh(visit).status == "cancelled"
    assert "confirm_reply" not in clinic.sent(anna)


def test_edited_meanwhile_the_answer_comes_in_the_new_words(
    clinic: Clinic, booked: tuple[Contact, Booking]
) -> None:
    anna, visit = booked
    clinic.edit("b2", actions=[{"type": "update_booking", "status": "confirmed"},
                               {"type": "send_sms", "message": "See you soon, {clinic}."}])  # fmt: skip
    clinic.text(anna, "Yes")
    assert clinic.fresh(visit).status == "confirmed"
    assert clinic.messages(anna)[-1].body == "See you soon, Avatar Imaging Sydney."
