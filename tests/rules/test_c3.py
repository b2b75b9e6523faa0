"""C3: who is due again is told once for each recall date; those at high risk are called as well."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from tests.rules.conftest import NOW, Clinic

TODAY = date(2026, 11, 23)


def next_night(clinic: Clinic, days: int = 1) -> None:
    """Nine in the morning, so many days on: the rules of the night have run and texts may go out."""
    clinic.jump(NOW.replace(hour=13, minute=31) + timedelta(days=days - 1))
    clinic.jump(NOW.replace(hour=22) + timedelta(days=days - 1))


@pytest.mark.parametrize(("days", "recalled"), [(-1, True), (0, True), (1, False)])
def test_a_recall_is_due_on_its_day(clinic: Clinic, days: int, recalled: bool) -> None:
    anna = clinic.contact()
    clinic.visited(anna)
    clinic.change(anna, recall_due_date=str(TODAY + timedelta(days=1 + days)))
    next_night(clinic)
    assert ("recall_reminder" in clinic.sent(anna)) is recalled
    assert (clinic.stage(anna) == "post_appointment/recall_due") is recalled
    assert "recall_call" not in clinic.tasks(anna)


def test_who_is_at_high_risk_is_called_too(clinic: Clinic) -> None:
    anna = clinic.contact(is_high_risk=True)
    clinic.visited(anna)
    clinic.change(anna, recall_due_date=str(TODAY))
    next_night(clinic)
    assert clinic.tasks(anna)["recall_call"].priority_floor == 100


def test_who_has_a_visit_ahead_is_not_recalled(clinic: Clinic) -> None:
    anna = clinic.contact(recall_due_date=str(TODAY))
    clinic.book(anna)
    next_night(clinic)
    assert clinic.runs("c3") == []


def test_it_is_once_for_each_recall_date(clinic: Clinic) -> None:
    anna = clinic.contact(recall_due_date=str(TODAY))
    for day in (1, 2, 3):
        next_night(clinic, day)
    assert clinic.sent(anna).count("recall_reminder") == 1
    clinic.change(anna, recall_due_date=str(TODAY + timedelta(days=1)))
    next_night(clinic, 4)
    assert clinic.sent(anna).count("recall_reminder") == 2


def test_who_never_visited_is_told_and_stays_where_they_are(clinic: Clinic) -> None:
    anna = clinic.contact(recall_due_date=str(TODAY))
    next_night(clinic)
    assert "recall_reminder" in clinic.sent(anna)
    assert clinic.stage(anna) == "lead_to_booking/contacted"
    [run] = clinic.did("c3", anna)
    assert [step.state for step in clinic.steps(run)] == ["skipped", "done", "skipped"]


def test_who_books_in_the_night_is_not_told_in_the_morning(clinic: Clinic) -> None:
    anna = clinic.contact(recall_due_date=str(TODAY))
    clinic.jump(NOW.replace(hour=13, minute=31))
    clinic.jump(NOW.replace(hour=13, minute=32))
    assert clinic.messages(anna, "recall_reminder")[0].status == "scheduled"
    clinic.book(anna)
    clinic.jump(NOW.replace(hour=22))
    [message] = clinic.messages(anna, "recall_reminder")
    assert (message.status, message.reason) == ("skipped", "booked_meanwhile")


def test_a_date_found_late_is_still_acted_on(clinic: Clinic) -> None:
    anna = clinic.contact(recall_due_date=str(TODAY - timedelta(days=40)))
    next_night(clinic)
    assert "recall_reminder" in clinic.sent(anna)


def test_an_edited_rule_may_tell_in_advance(clinic: Clinic) -> None:
    clinic.edit("c3", conditions={"recall_due_date": {"lte": "+14d"}, "has_future_booking": False})
    anna = clinic.contact(recall_due_date=str(TODAY + timedelta(days=14)))
    next_night(clinic)
    assert "recall_reminder" in clinic.sent(anna)
