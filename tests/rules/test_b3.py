"""B3: a cancelled visit takes its tasks and texts with it, and is rescued if it matters."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.factories.bookings import make_service
from tests.rules.conftest import NIGHT, NOW, Clinic
from tests.webhooks.wix_builder import WixBooking


@pytest.mark.parametrize(("urgency", "rescued"), [("high", True), ("medium", False), ("low", False)])
def test_an_urgent_visit_is_rescued_by_phone_every_one_by_text(
    clinic: Clinic, urgency: str, rescued: bool
) -> None:
    anna = clinic.contact()
    visit = clinic.book(anna, service=make_service(clinic.location, name="Imaging", urgency_level=urgency))
    clinic.cancel(visit)
    assert clinic.stage(anna) == "post_appointment/cancelled_rescue"
    assert clinic.sent(anna) == ["booking_confirmation", "cancellation_rescue"]
    tasks = clinic.tasks(anna)
    assert set(tasks) == ({"rescue_call"} if rescued else set())
    if rescued:
        assert (tasks["rescue_call"].due_datetime, tasks["rescue_call"].priority_floor) == (
            NOW + timedelta(hours=1),
            150,
        )
    assert {m.status for m in clinic.messages(anna) if m.category == "reminder"} == {"cancelled"}


def test_with_another_visit_ahead_nobody_is_rescued(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.book(anna, service=make_service(clinic.location, name="Imaging", urgency_level="high"))
    other = clinic.book(anna, at=NOW + timedelta(days=9))
    clinic.cancel(visit)
    assert clinic.stage(anna) == "pre_appointment/booking_confirmed"
    assert "cancellation_rescue" not in clinic.sent(anna)
    assert "rescue_call" not in clinic.tasks(anna)
    waiting = [m for m in clinic.messages(anna) if m.status == "scheduled"]
    assert {m.booking_id for m in waiting} == {other.pk}


def test_only_the_visits_own_tasks_are_closed(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.book(anna)
    clinic.task(anna, "custom")
    assert set(clinic.tasks(anna)) == {"welcome_call", "custom"}
    clinic.cancel(visit)
    assert set(clinic.tasks(anna)) == {"custom"}


def test_cancelled_twice_and_after_the_start_it_is_told_of_once(clinic: Clinic) -> None:
    booking = WixBooking(start=NOW + timedelta(days=3))
    visit = clinic.wix("created", booking)
    assert visit is not None
    clinic.wix("canceled", booking, sequence=2)
    clinic.wix("canceled", booking, sequence=2)
    clinic.wix("declined", booking, sequence=3)
    assert len(clinic.did("b3", visit.contact)) == 1
    assert clinic.sent(visit.contact).count("cancellation_rescue") == 1


def test_a_cancellation_that_overtakes_its_booking_is_answered_and_nothing_is_confirmed(
    clinic: Clinic,
) -> None:
    booking = WixBooking(start=NOW + timedelta(days=3))
    clinic.wix("canceled", booking, sequence=2)
    visit = clinic.wix("created", booking, sequence=1, status="CONFIRMED")
    assert visit is not None
    assert clinic.fresh(visit).status == "cancelled"
    assert clinic.sent(visit.contact) == ["cancellation_rescue"]
    assert clinic.did("b1", visit.contact) == []


def test_cancelled_at_night_the_text_answers_at_once(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.book(anna)
    clinic.jump(NIGHT)
    clinic.cancel(visit)
    assert clinic.sent(anna)[-1] == "cancellation_rescue"


def test_handled_late_it_does_not_rescue_whoever_has_booked_again(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.book(anna)
    clinic.client.post(f"/api/bookings/{visit.public_id}/cancel", {"reason": "asked to"}, format="json")
    clinic.time.advance(timedelta(hours=2))
    clinic.book(anna, at=NOW + timedelta(days=9))
    assert clinic.stage(anna) == "pre_appointment/booking_confirmed"
    assert "cancellation_rescue" not in clinic.sent(anna)


def test_edited_meanwhile_the_next_cancellation_follows_the_new_rule(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.book(anna)
    clinic.edit("b3", actions=[{"type": "add_tag", "tag": "cancelled once"}])
    clinic.cancel(visit)
    assert clinic.fresh(anna).tags == ["cancelled once"]
    assert "cancellation_rescue" not in clinic.sent(anna)
