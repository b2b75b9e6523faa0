"""D3: whoever writes to cancel, to move or to ask reaches a person, and is told so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bookings.models import Booking
from contacts.models import Contact
from tests.rules.conftest import Clinic

VISIT = datetime(2026, 12, 1, 4, 0, tzinfo=UTC)
WRITES = [
    ("Please cancel my appointment", "cancel_reply"),
    ("Can we move it to next week?", "reschedule_reply"),
    ("Is there parking nearby?", ""),
]


@pytest.fixture
def booked(clinic: Clinic) -> tuple[Contact, Booking]:
    anna = clinic.contact(is_existing_patient=True)
    return anna, clinic.book(anna, at=VISIT)


@pytest.mark.parametrize(("words", "answer"), WRITES)
def test_the_desk_is_asked_and_the_patient_told(
    clinic: Clinic, booked: tuple[Contact, Booking], words: str, answer: str
) -> None:
    anna, visit = booked
    clinic.text(anna, words)
    task = clinic.tasks(anna)["reply_needed"]
    assert task.priority_floor == 100
    assert clinic.stage(anna) == "pre_appointment/needs_attention"
    assert clinic.sent(anna) == ["booking_confirmation", *([answer] if answer else [])]
    # Nothing is cancelled or moved by a text: a person does that.
    assert clinic.fresh(visit).status == "scheduled"


@pytest.mark.parametrize("words", ["Yes", "Thanks!", "STOP"])
def test_other_texts_are_not_its_business(
    clinic: Clinic, booked: tuple[Contact, Booking], words: str
) -> None:
    anna, _ = booked
    clinic.text(anna, words)
    assert clinic.did("d3", anna) == []


def test_a_new_lead_who_asks_is_called_by_the_rule_for_leads(clinic: Clinic) -> None:
    lee = clinic.lead()
    clinic.text(lee, "Is there parking nearby?")
    assert clinic.did("d3", lee) == []
    assert set(clinic.tasks(lee)) == {"call"}


def test_a_patient_without_a_visit_reaches_the_desk_and_keeps_their_stage(clinic: Clinic) -> None:
    anna = clinic.contact()
    clinic.visited(anna)
    clinic.text(anna, "Is there parking nearby?")
    assert "reply_needed" in clinic.tasks(anna)
    assert clinic.stage(anna) == "post_appointment/attended"


def test_the_same_text_twice_asks_once_and_a_second_question_adds_to_the_task(
    clinic: Clinic, booked: tuple[Contact, Booking]
) -> None:
    anna, _ = booked
    clinic.text(anna, "Please cancel my appointment", id="same")
    clinic.text(anna, "Please cancel my appointment", id="same")
    assert clinic.sent(anna).count("cancel_reply") == 1
    clinic.text(anna, "Is there parking nearby?")
    assert len(clinic.did("d3", anna)) == 2
    assert set(clinic.tasks(anna)) == {"reply_needed"}


def test_handled_late_a_cancelled_visit_leaves_the_stage_alone(
    clinic: Clinic, booked: tuple[Contact, Booking]
) -> None:
    anna, visit = booked
    clinic.text(anna, "Please cancel my appointment", work=False)
    clinic.time.advance(timedelta(minutes=30))
    clinic.cancel(visit)
    assert clinic.stage(anna) == "post_appointment/cancelled_rescue"
    assert clinic.fresh(visit).status == "cancelled"


def test_edited_meanwhile_the_answer_may_be_left_out(clinic: Clinic, booked: tuple[Contact, Booking]) -> None:
    anna, _ = booked
    clinic.edit("d3", actions=[{"type": "create_task", "task_type": "call", "priority": "urgent"}])
    clinic.text(anna, "Please cancel my appointment")
    assert set(clinic.tasks(anna)) == {"call"}
    assert "cancel_reply" not in clinic.sent(anna)
