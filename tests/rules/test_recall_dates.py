"""Recall dates: given by an attended visit, moved by a later one, taken back with it."""

from __future__ import annotations

from datetime import date, timedelta

from tests.factories.bookings import make_practitioner, make_service
from tests.rules.conftest import Clinic

ROUTINE = date(2027, 11, 23)


def due(clinic: Clinic, contact: object) -> date | None:
    return clinic.fresh(contact).recall_due_date


def test_a_corrected_misclick_takes_the_recall_date_back(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.visited(anna)
    assert due(clinic, anna) == ROUTINE
    clinic.outcome(visit, "no_show")
    assert due(clinic, anna) is None
    clinic.outcome(visit, "attended")
    assert due(clinic, anna) == ROUTINE


def test_taking_the_later_visit_back_brings_the_earlier_ones_date_again(clinic: Clinic) -> None:
    anna = clinic.contact()
    clinic.visited(anna)
    clinic.wait(hours=24)
    later = clinic.visited(anna)
    assert due(clinic, anna) == ROUTINE + timedelta(days=1)
    clinic.outcome(later, "none")
    assert due(clinic, anna) == ROUTINE


def test_a_date_that_staff_set_stays(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.visited(anna)
    clinic.change(anna, recall_due_date="2027-02-01")
    clinic.outcome(visit, "none")
    assert due(clinic, anna) == date(2027, 2, 1)
    [run] = clinic.did("c1_undo", anna)
    assert "does not come from this visit" in clinic.steps(run)[0].reason


def test_an_outcome_recorded_late_does_not_move_the_date_back(clinic: Clinic) -> None:
    anna = clinic.contact()
    early = clinic.book(anna, at=clinic.now + timedelta(hours=1))
    late = clinic.book(anna, at=clinic.now + timedelta(hours=30))
    clinic.jump(late.ends_at + timedelta(minutes=1))
    clinic.outcome(late, "attended")
    expected = due(clinic, anna)
    clinic.outcome(early, "attended")
    assert due(clinic, anna) == expected == date(2027, 11, 24)


def test_the_services_own_interval_comes_before_that_of_its_kind(clinic: Clinic) -> None:
    anna, bert = clinic.contact(), clinic.contact("Bert")
    clinic.visited(anna, service=make_service(clinic.location, name="Quarterly", recall_interval_days=90))
    assert due(clinic, anna) == date(2026, 11, 23) + timedelta(days=90)
    mole = make_service(clinic.location, name="Mole", service_type="procedure", recall_interval_days=90)
    doctor = make_practitioner(clinic.location, name="Dr Often", recall_interval_days=30)
    clinic.visited(bert, service=mole, practitioner=doctor)
    assert due(clinic, bert) == date(2026, 11, 23) + timedelta(days=30)
