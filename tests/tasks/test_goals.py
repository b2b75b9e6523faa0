from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from accounts.models import Location, User
from bookings import services as booking_services
from bookings.models import Booking
from core import clock
from core.causes import Cause
from core.models import Event
from tasks import goals, handlers, services
from tasks.models import Task
from tests.factories.bookings import make_booking, make_practitioner
from tests.factories.contacts import log, make_contact

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
CAUSE = Cause.system("test")
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture
def at(frozen_time: Any) -> clock.Frozen:
    """Monday 12:30 in Sydney."""
    frozen: clock.Frozen = frozen_time(NOW)
    return frozen


def ask(contact: Any, *types: str, booking: Booking | None = None, **more: Any) -> None:
    services.create_tasks(
        [
            services.NewTask(
                contact_id=contact.pk, type=type, due_at=clock.now() + HOUR, cause=CAUSE,
                booking_id=booking.pk if booking else None, **more,
            )
            for type in types
        ]
    )  # fmt: skip


def closed() -> dict[str, str]:
    """Why each closed task closed, by type."""
    rows = Task.objects.filter(status="cancelled")
    return {task.type: task.closed_reason for task in rows}


def still_open() -> set[str]:
    return set(Task.objects.filter(status__in=Task.OPEN).values_list("type", flat=True))


BY_A_BOOKING = (
    "call", "call_hot_lead", "sms_followup", "rescue_call", "no_show_followup", "recall_call", "recall_reminder",
)  # fmt: skip


def test_a_booking_ends_the_chase_for_one(at: clock.Frozen, sydney: Location, run_work: Any) -> None:
    contact = make_contact(sydney)
    other = make_contact(sydney)
    ask(contact, *BY_A_BOOKING, "duplicate_check", "custom")
    ask(other, "call")
    at.advance(HOUR)
    make_booking(contact)
    run_work()
    assert closed() == dict.fromkeys(BY_A_BOOKING, "A visit is booked.")
    assert Task.objects.get(contact=other).status == "todo"
    assert {"duplicate_check", "custom"} <= still_open()


def test_a_call_that_a_person_asked_for_outlives_a_booking(
    at: clock.Frozen, sydney: Location, run_work: Any
) -> None:
    contact = make_contact(sydney)
    ask(contact, "call", created_by="staff", notes="Explain the bill.")
    make_booking(contact)
    run_work()
    assert still_open() == {"call"}


@pytest.mark.parametrize(
    ("move", "why"),
    [
        ("confirm", "The visit is confirmed."),
        ("move", "The visit was moved."),
        ("cancel", "The visit was cancelled."),
        ("over", "The visit is over."),
    ],
)
def test_a_confirmation_call_ends_when_there_is_nothing_to_ask(
    move: str, why: str, at: clock.Frozen, sydney: Location, run_work: Any
) -> None:
    booking = make_booking(make_contact(sydney))
    run_work()
    ask(booking.contact, "confirmation_call", booking=booking)
    at.advance(HOUR)
    if move == "confirm":
        booking_services.confirm_booking(booking_id=booking.pk, cause=CAUSE)
    elif move == "move":
        later = booking.appointment_datetime + HOUR
        booking_services.reschedule_booking(booking_id=booking.pk, appointment_datetime=later, cause=CAUSE)
    elif move == "cancel":
        booking_services.cancel_booking(booking_id=booking.pk, reason="ill", cause=CAUSE)
    else:
        at.set(booking.ends_at + HOUR)
    run_work()
    assert closed()["confirmation_call"] == why


def test_an_outcome_closes_what_waited_for_it_and_a_corrected_one_what_it_asked_for(
    at: clock.Frozen, sydney: Location, run_work: Any
) -> None:
    booking = make_booking(make_contact(sydney))
    ask(booking.contact, "record_outcome", "welcome_call", booking=booking)
    at.set(booking.ends_at)
    booking_services.record_outcome(booking_id=booking.pk, outcome="attended", cause=CAUSE)
    run_work()
    assert closed() == dict.fromkeys(("record_outcome", "welcome_call"), "The outcome is recorded.")
    ask(booking.contact, "review_request", "referral_invite", booking=booking)
    at.advance(HOUR)
    booking_services.record_outcome(booking_id=booking.pk, outcome="no_show", cause=CAUSE)
    run_work()
    assert closed()["review_request"] == closed()["referral_invite"] == "The outcome was corrected."
    ask(booking.contact, "no_show_followup", booking=booking)
    at.advance(HOUR)
    booking_services.record_outcome(booking_id=booking.pk, outcome="attended", cause=CAUSE)
    run_work()
    assert closed()["no_show_followup"] == "The outcome was corrected."


def test_a_review_that_came_in_need_not_be_asked_for(
    at: clock.Frozen, sydney: Location, run_work: Any
) -> None:
    contact = make_contact(sydney)
    ask(contact, "review_request", "referral_invite")
    at.advance(HOUR)
    log(contact, "review_received")
    run_work()
    assert (closed(), still_open()) == ({"review_request": "They left a review."}, {"referral_invite"})


def test_a_later_delivery_ends_a_delivery_problem_and_an_earlier_one_does_not(
    at: clock.Frozen, sydney: Location, run_work: Any
) -> None:
    contact = make_contact(sydney)
    log(contact, "sms_delivered")
    at.advance(HOUR)
    ask(contact, "delivery_problem")
    run_work()
    assert still_open() == {"delivery_problem"}
    at.advance(HOUR)
    log(contact, "sms_delivered")
    run_work()
    assert closed() == {"delivery_problem": "A later text was delivered."}


@pytest.mark.parametrize("which", [0, 1])
def test_a_clash_ends_when_either_visit_makes_room(
    which: int, at: clock.Frozen, sydney: Location, run_work: Any
) -> None:
    doctor = make_practitioner(sydney)
    start = NOW + timedelta(days=2)
    visits = [make_booking(make_contact(sydney), at=start + HOUR * n, practitioner=doctor) for n in range(3)]
    for visit in visits[:2]:
        times = {"appointment_datetime": start, "ends_at": start + HOUR / 2, "overlap_accepted": True}
        Booking.objects.filter(pk=visit.pk).update(**times)
    ask(visits[0].contact, "reconcile", booking=visits[0])
    at.advance(HOUR)
    booking_services.cancel_booking(booking_id=visits[2].pk, reason="ill", cause=CAUSE)
    run_work()
    assert "reconcile" in still_open()
    booking_services.cancel_booking(booking_id=visits[which].pk, reason="ill", cause=CAUSE)
    run_work()
    assert closed()["reconcile"] == "The two visits no longer clash."


def test_looking_for_ended_clashes_costs_the_same_however_many_stand(
    at: clock.Frozen, sydney: Location, django_assert_num_queries: Any
) -> None:
    happened = SimpleNamespace(event=SimpleNamespace(location_id=sydney.pk))
    for _ in range(2):
        doctor = make_practitioner(sydney)
        visits = [make_booking(make_contact(sydney), at=NOW + HOUR * n, practitioner=doctor) for n in (1, 3)]
        Booking.objects.filter(practitioner=doctor).update(
            appointment_datetime=NOW + HOUR, ends_at=NOW + HOUR * 2, overlap_accepted=True
        )
        ask(visits[0].contact, "reconcile", booking=visits[0])
        with django_assert_num_queries(4):  # two of them a savepoint
            goals.close_ended_clashes([happened])  # type: ignore[list-item]
    assert Task.objects.filter(type="reconcile", status="todo").count() == 2


def test_a_missing_outcome_becomes_urgent_once_when_the_day_ends(
    at: clock.Frozen, sydney: Location, run_work: Any
) -> None:
    booking = make_booking(make_contact(sydney))
    closing = sydney.end_of_business_day(booking.ends_at + HOUR)
    services.create_tasks(
        [services.NewTask(booking.contact_id, "record_outcome", closing, CAUSE, booking_id=booking.pk)]
    )
    at.set(closing)
    handlers.tell_overdue()
    task = Task.objects.get(type="record_outcome")
    assert task.priority_floor == 0
    for _ in range(2):
        at.advance(timedelta(minutes=1))
        handlers.tell_overdue()
    task.refresh_from_db()
    assert (task.priority_floor, task.notes) == (150, "The day ended without it: did the patient come?")
    booking_services.record_outcome(booking_id=booking.pk, outcome="attended", cause=CAUSE)
    run_work()
    assert closed()["record_outcome"] == "The outcome is recorded."


def test_overdue_is_told_once_for_a_task_even_after_a_new_due_time(
    at: clock.Frozen, sydney: Location, staff: dict[str, User]
) -> None:
    ask(make_contact(sydney), "call")
    task = Task.objects.get()
    for _ in range(2):
        at.advance(HOUR * 2)
        handlers.tell_overdue()
        services.update_task(task.pk, due_datetime=clock.now() + HOUR, cause=CAUSE)
    assert Event.objects.filter(type="task_overdue").count() == 1
