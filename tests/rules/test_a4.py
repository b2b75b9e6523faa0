"""A4: a contact who becomes hot is called at once, a very hot one before everybody else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contacts import services as contact_services
from contacts.models import Contact
from core.causes import Cause
from tests.rules.conftest import Clinic


def warm(clinic: Clinic, contact: Contact, delta: int) -> None:
    """Somebody finds the contact warmer, or cooler."""
    wish = contact_services.WarmnessAdjustment(
        contact.pk, delta, "asked on the phone", cause=Cause.user(clinic.staff.pk)
    )
    contact_services.adjust_warmness([wish])
    clinic.run_work()


@pytest.mark.parametrize(
    ("score", "tasks"), [(69, set()), (70, {"call"}), (80, {"call"}), (81, {"call", "call_hot_lead"})]
)
def test_the_call_comes_at_70_and_the_urgent_one_above_80(
    clinic: Clinic, score: int, tasks: set[str]
) -> None:
    anna = clinic.contact()
    warm(clinic, anna, score - clinic.fresh(anna).warmness_score)
    found = clinic.tasks(anna)
    assert set(found) == tasks
    if "call" in tasks:
        assert found["call"].due_datetime == clinic.now + timedelta(seconds=300)
        assert found["call"].priority_floor == 100
    if "call_hot_lead" in tasks:
        assert (found["call_hot_lead"].due_datetime, found["call_hot_lead"].priority_floor) == (
            clinic.now,
            150,
        )


def test_a_call_takes_the_place_of_the_follow_up_text(clinic: Clinic) -> None:
    lee = clinic.lead()
    assert "sms_followup" in clinic.tasks(lee)
    warm(clinic, lee, 75 - clinic.fresh(lee).warmness_score)
    assert set(clinic.tasks(lee)) == {"call"}


def test_who_has_a_visit_ahead_needs_no_call(clinic: Clinic) -> None:
    anna = clinic.contact()
    clinic.book(anna)
    warm(clinic, anna, 90)
    assert not {"call", "call_hot_lead"} & set(clinic.tasks(anna))
    assert {run.state for key in ("a4a", "a4b") for run in clinic.runs(key, anna)} == {"not_matched"}
    assert "a visit ahead is no" in clinic.runs("a4a", anna)[0].reason


def test_it_comes_once_for_each_crossing(clinic: Clinic) -> None:
    anna = clinic.contact()
    warm(clinic, anna, 75 - clinic.fresh(anna).warmness_score)
    warm(clinic, anna, 2)
    assert len(clinic.did("a4a", anna)) == 1
    warm(clinic, anna, -30)
    warm(clinic, anna, 30)
    assert len(clinic.did("a4a", anna)) == 2


def test_who_booked_before_the_rule_had_its_turn_is_not_called(clinic: Clinic) -> None:
    anna = clinic.contact()
    wish = contact_services.WarmnessAdjustment(anna.pk, 90, "test", cause=Cause.user(clinic.staff.pk))
    contact_services.adjust_warmness([wish])
    clinic.book(anna)
    assert not {"call", "call_hot_lead"} & set(clinic.tasks(anna))


def test_an_edited_rule_is_followed_from_the_next_time_on(clinic: Clinic) -> None:
    anna, bert = clinic.contact(), clinic.contact("Bert")
    warm(clinic, anna, 90)
    actions = [{"type": "create_task", "task_type": "custom", "priority": "low", "notes": "Say hello."}]
    clinic.edit("a4b", actions=actions)
    warm(clinic, bert, 90)
    assert "call_hot_lead" in clinic.tasks(anna)
    assert {"custom", "call"} == set(clinic.tasks(bert))
