from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Location, User
from bookings import services as booking_services
from core import clock
from core.causes import Cause
from core.errors import Conflict, Invalid
from core.models import Event
from tasks import handlers, services
from tasks.models import Task
from tests.factories.bookings import make_booking
from tests.factories.contacts import make_contact

NOW = datetime(2026, 3, 2, 1, 30, tzinfo=UTC)
CAUSE = Cause.system("test")
HOUR = timedelta(hours=1)


def wish(contact: Any, type: str = "call", due: datetime = NOW, **more: Any) -> services.NewTask:
    return services.NewTask(contact_id=contact.pk, type=type, due_at=due, cause=CAUSE, **more)


@pytest.mark.django_db
def test_a_second_wish_joins_the_open_task(sydney: Location) -> None:
    contact = make_contact(sydney)
    first = services.create_tasks([wish(contact, due=NOW + HOUR, notes="Asked about parking.")])[0]
    second = services.create_tasks([wish(contact, due=NOW, priority="high", notes="Called again.")])[0]
    assert (first.created, second.created, second.task.pk) == (True, False, first.task.pk)
    task = Task.objects.get()
    assert (task.due_datetime, task.priority_floor) == (NOW, 100)
    assert task.notes == "Asked about parking.\nCalled again."
    assert Event.objects.filter(type="task_created").count() == 1
    assert Event.objects.get(type="task_updated").data["task"] == str(task.public_id)


@pytest.mark.django_db
def test_a_closed_task_leaves_room_for_a_new_one(sydney: Location) -> None:
    contact = make_contact(sydney)
    first = services.create_tasks([wish(contact)])[0].task
    services.complete_task(first.pk, outcome="connected", cause=CAUSE)
    assert services.create_tasks([wish(contact)])[0].created


@pytest.mark.django_db
def test_two_wishes_of_one_set_make_one_task(sydney: Location) -> None:
    contact = make_contact(sydney)
    results = services.create_tasks(
        [wish(contact, due=NOW + HOUR), wish(contact, due=NOW, priority="urgent")]
    )
    assert [result.created for result in results] == [True, False]
    task = Task.objects.get()
    assert (task.due_datetime, task.priority_floor) == (NOW, 150)


@pytest.mark.django_db
def test_sets_cost_the_same_however_long(sydney: Location, django_assert_max_num_queries: Any) -> None:
    for length in (2, 30):
        contacts = [make_contact(sydney) for _ in range(length)]
        wishes = [wish(contact) for contact in contacts]
        with django_assert_max_num_queries(12):
            services.create_tasks(wishes)
        cancels = [services.CancelTasks("moot", CAUSE, contact_id=contact.pk) for contact in contacts]
        with django_assert_max_num_queries(8):
            assert services.cancel_tasks_many(cancels) == [1] * length


@pytest.mark.django_db
@pytest.mark.parametrize(("field", "value"), [("type", "dance"), ("priority", "soonish")])
def test_an_unknown_word_is_refused_and_nothing_is_made(sydney: Location, field: str, value: str) -> None:
    contact = make_contact(sydney)
    with pytest.raises(Invalid, match=value):
        services.create_tasks([wish(contact), wish(contact, **{field: value})])
    assert not Task.objects.exists()


@pytest.mark.django_db
def test_a_call_says_how_it_went_and_is_logged(sydney: Location, staff: dict[str, User]) -> None:
    contact = make_contact(sydney)
    task = services.create_tasks([wish(contact)])[0].task
    with pytest.raises(Invalid, match="how the call went"):
        services.complete_task(task.pk, cause=CAUSE)
    services.complete_task(
        task.pk, outcome="voicemail", notes="Rang twice.", cause=Cause.user(staff["staff"].pk)
    )
    task.refresh_from_db()
    assert (task.status, task.outcome, task.notes) == ("completed", "voicemail", "Rang twice.")
    touch = contact.touchpoints.get(type="call_voicemail")
    assert touch.staff_id == staff["staff"].pk
    assert Event.objects.get(type="task_completed").data["outcome"] == "voicemail"
    with pytest.raises(Conflict, match="completed already"):
        services.complete_task(task.pk, outcome="connected", cause=CAUSE)


@pytest.mark.django_db
def test_two_people_do_not_work_on_one_task(sydney: Location, staff: dict[str, User]) -> None:
    task = services.create_tasks([wish(make_contact(sydney))])[0].task
    with clock.frozen(NOW) as at:
        services.claim_task(task.pk, user=staff["staff"])
        with pytest.raises(Conflict, match="Sam Staff is working on this task"):
            services.start_task(task.pk, user=staff["manager"])
        at.advance(services.CLAIM_LASTS)
        assert services.start_task(task.pk, user=staff["manager"]).claimed_by == staff["manager"]


@pytest.mark.django_db
def test_a_task_is_given_only_to_someone_who_works_there(
    sydney: Location, staff: dict[str, User], outsider: User
) -> None:
    task = services.create_tasks([wish(make_contact(sydney))])[0].task
    for person in (outsider, staff["readonly"]):
        with pytest.raises(Invalid, match="does not work at"):
            services.assign_task(task.pk, to=person, cause=CAUSE)
    assert services.assign_task(task.pk, to=staff["staff"], cause=CAUSE).assigned_to == staff["staff"]


@pytest.mark.django_db
def test_overdue_is_told_once(sydney: Location) -> None:
    with clock.frozen(NOW - HOUR):
        services.create_tasks([wish(make_contact(sydney), due=NOW)])
    with clock.frozen(NOW + HOUR):
        assert (handlers.tell_overdue(), handlers.tell_overdue()) == (1, 0)
    assert Event.objects.filter(type="task_overdue").count() == 1


@pytest.mark.django_db
def test_a_possible_duplicate_becomes_a_task(sydney: Location, run_work: Any) -> None:
    first = make_contact(sydney, name="Ana Lee")
    make_contact(sydney, name="Boris Novak", phone=first.phone)
    run_work()
    assert Task.objects.get(type="duplicate_check").location == sydney


@pytest.mark.django_db
def test_copies_that_order_the_queue_follow_their_source(sydney: Location) -> None:
    contact = make_contact(sydney)
    task = services.create_tasks([wish(contact)])[0].task
    type(contact).objects.filter(pk=contact.pk).update(warmness_score=88)
    handlers.refresh_copies()
    task.refresh_from_db()
    assert task.warmness == 88


@pytest.mark.django_db
def test_nobody_is_asked_to_confirm_a_visit_that_is_over(
    sydney: Location, run_work: Any, frozen_time: Any
) -> None:
    at = frozen_time(NOW)
    booking = make_booking(make_contact(sydney), at=NOW + HOUR, cause=CAUSE)
    run_work()
    services.create_tasks([wish(booking.contact, "confirmation_call", booking_id=booking.pk)])
    at.set(booking.ends_at + HOUR)
    run_work()
    task = Task.objects.get(type="confirmation_call")
    assert (task.status, task.closed_reason) == ("cancelled", "The visit is over.")


@pytest.mark.django_db
def test_nobody_is_welcomed_to_a_visit_that_has_been(
    sydney: Location, run_work: Any, frozen_time: Any
) -> None:
    at = frozen_time(NOW)
    booking = make_booking(make_contact(sydney), at=NOW + HOUR, cause=CAUSE)
    services.create_tasks([wish(booking.contact, "welcome_call", booking_id=booking.pk)])
    at.set(booking.ends_at)
    booking_services.record_outcome(booking_id=booking.pk, outcome="attended", cause=CAUSE)
    run_work()
    task = Task.objects.get(type="welcome_call")
    assert (task.status, task.closed_reason) == ("cancelled", "The outcome is recorded.")
