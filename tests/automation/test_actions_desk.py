"""Rules that change tasks, find people, make contacts and book visits, by the front door."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Location, Membership, User
from automation.models import ActionRun, Rule
from bookings.models import Booking
from contacts.models import Contact
from core.errors import Invalid
from core.models import Event
from tasks.models import Task
from tests.automation.conftest import CLOSING, drain, fresh
from tests.automation.test_execution import moved, queries_for
from tests.factories.bookings import make_practitioner, make_service
from tests.factories.contacts import make_contact

WriteRule = Callable[..., Rule]


def make_staff(location: Location, name: str, *, skills: list[str] | None = None) -> User:
    email = f"{name.lower()}@clinic.test"
    user = User.objects.create_user(email, "a long password 1", name=name, skills=skills or [])
    Membership.objects.create(user=user, location=location, role="staff")
    return user


def outcomes() -> list[tuple[str, str, str]]:
    return list(ActionRun.objects.order_by("run_id", "step").values_list("type", "state", "reason"))


@pytest.fixture
def sue(bare: Location) -> User:
    return make_staff(bare, "Sue", skills=["laser"])


@pytest.fixture
def tom(bare: Location) -> User:
    return make_staff(bare, "Tom")


def test_open_tasks_are_made_urgent_and_due_and_say_more(
    bare: Location, anna: Contact, write_rule: WriteRule, sue: User
) -> None:
    write_rule(
        [
            {"type": "create_task", "task_type": "call", "due_in_seconds": 86400, "notes": "Call her"},
            {
                "type": "update_task", "task_types": ["call"], "priority": "urgent", "due_at": "end_of_business_day",
                "notes": "Now {current_stage}", "assign": "named", "staff": "sue@clinic.test",
            },
        ]
    )  # fmt: skip
    moved(anna)
    drain()
    task = Task.objects.get(contact=anna)
    assert (task.priority_floor, task.due_datetime, task.notes) == (150, CLOSING, "Call her\nNow new_lead")
    assert task.assigned_to == sue
    event = Event.objects.get(type="task_updated")
    assert event.data["fields"] == ["due_datetime", "priority_floor", "notes", "assigned_to"]


def test_where_no_task_is_open_the_change_is_passed_over(anna: Contact, write_rule: WriteRule) -> None:
    write_rule([{"type": "update_task", "task_types": ["call"], "priority": "high"}])
    moved(anna)
    drain()
    assert outcomes() == [("update_task", "skipped", "No open task of that kind is there to change.")]


def test_contacts_are_given_to_staff_in_turn_with_their_open_tasks(
    bare: Location, anna: Contact, write_rule: WriteRule, sue: User, tom: User
) -> None:
    write_rule(
        [{"type": "create_task", "task_type": "call"}, {"type": "assign_to_staff", "how": "round_robin"}]
    )
    others = [make_contact(bare) for _ in range(3)]
    for contact in (anna, *others):
        moved(contact)
    drain()
    owners = [fresh(contact).owner for contact in (anna, *others)]
    assert owners == [sue, tom, sue, tom]
    assert [Task.objects.get(contact=contact).assigned_to for contact in (anna, *others)] == owners


def test_a_task_that_somebody_has_stays_theirs_when_the_contact_is_given_away(
    anna: Contact, write_rule: WriteRule, sue: User, tom: User
) -> None:
    write_rule(
        [
            {"type": "create_task", "task_type": "call", "assign": "named", "staff": "tom@clinic.test"},
            {"type": "assign_to_staff", "how": "by_skill", "skill": "Laser"},
        ]
    )
    moved(anna)
    drain()
    assert (fresh(anna).owner, Task.objects.get(contact=anna).assigned_to) == (sue, tom)


def test_where_nobody_fits_the_contact_stays_as_it_is(
    anna: Contact, write_rule: WriteRule, tom: User
) -> None:
    write_rule([{"type": "assign_to_staff", "how": "by_skill", "skill": "laser"}])
    moved(anna)
    drain()
    assert outcomes() == [("assign_to_staff", "skipped", "There is nobody to give it to.")]
    assert fresh(anna).owner is None


def test_giving_100_contacts_away_costs_the_queries_of_10(
    bare: Location, write_rule: WriteRule, sue: User, tom: User
) -> None:
    write_rule(
        [
            {"type": "create_task", "task_type": "call", "assign": "least_loaded"},
            {"type": "assign_to_staff", "how": "least_loaded"},
            {"type": "update_task", "task_types": ["call"], "priority": "high", "assign": "owner"},
            {"type": "match_or_create_contact"},
        ]
    )
    queries_for(bare, 2)  # The first makes the clinic's policy.
    ten = queries_for(bare, 10)
    assert queries_for(bare, 100) == ten
    assert Task.objects.filter(assigned_to=sue).count() == Task.objects.filter(assigned_to=tom).count() == 56


def test_another_person_becomes_a_contact_once(bare: Location, anna: Contact, write_rule: WriteRule) -> None:
    write_rule([{"type": "match_or_create_contact", "name": "Front Desk", "phone": "0412 345 678"}])
    moved(anna)
    drain()
    moved(anna)
    drain()
    desk = Contact.objects.get(name="Front Desk")
    assert desk.phone == "+61412345678"
    results = [row.result for row in ActionRun.objects.order_by("pk")]
    assert results == [
        {"contact": str(desk.public_id), "created": True},
        {"contact": str(desk.public_id), "created": False},
    ]


def test_whom_the_event_is_about_was_matched_when_it_came_in(anna: Contact, write_rule: WriteRule) -> None:
    write_rule([{"type": "match_or_create_contact", "by": "phone"}])
    moved(anna)
    drain()
    row = ActionRun.objects.get()
    assert (row.state, row.result) == ("done", {"contact": str(anna.public_id)})
    assert Contact.objects.count() == 1


def test_a_follow_up_is_booked_a_week_after_the_visit(
    bare: Location, anna: Contact, book: Callable[..., Booking], write_rule: WriteRule
) -> None:
    make_service(bare, name="Follow-up", service_type="follow_up")
    visit = book(anna)
    write_rule(
        [
            {
                "type": "create_booking",
                "service": "follow-up",
                "practitioner": "dr lee",
                "in_days": 7,
                "at": "09:30",
            }
        ]
    )
    moved(anna)
    drain()
    made = Booking.objects.exclude(pk=visit.pk).get()
    # 28 November, a week on, half past nine in Sydney.
    assert made.appointment_datetime == datetime(2026, 12, 4, 22, 30, tzinfo=UTC)
    assert (made.service.name, made.practitioner) == ("Follow-up", make_practitioner(bare))
    assert made.first_touch_attribution == anna.first_touch
    assert Event.objects.filter(type="booking_created", booking_id=made.pk).exists()


def test_a_visit_can_be_booked_without_its_attribution(
    bare: Location, anna: Contact, write_rule: WriteRule
) -> None:
    make_service(bare, name="Follow-up")
    write_rule(
        [
            {
                "type": "create_booking", "service": "Follow-up", "in_days": 1, "at": "10:00",
                "capture_attribution": False,
            }
        ]
    )  # fmt: skip
    moved(anna)
    drain()
    assert Booking.objects.get().first_touch_attribution == {}


def test_a_visit_that_cannot_be_booked_says_why_and_the_next_step_goes_on(
    bare: Location, anna: Contact, book: Callable[..., Booking], write_rule: WriteRule
) -> None:
    taken = book(make_contact(bare), at=datetime(2026, 11, 24, 0, 0, tzinfo=UTC))
    booked = {
        "type": "create_booking", "service": taken.service.name, "practitioner": "Dr Lee", "in_days": 1, "at": "11:00",
    }  # fmt: skip
    write_rule([booked, {"type": "add_tag", "tag": "seen"}])
    moved(anna)
    drain()
    [refused, tagged] = ActionRun.objects.order_by("step")
    assert (refused.state, tagged.state) == ("failed", "done")
    assert "Choose another time or practitioner" in refused.reason
    assert Booking.objects.count() == 1


def test_the_visit_of_a_booking_event_is_stored_already(
    anna: Contact, book: Callable[..., Booking], write_rule: WriteRule
) -> None:
    write_rule([{"type": "create_booking", "capture_attribution": True}], trigger="booking_created")
    visit = book(anna)
    drain()
    row = ActionRun.objects.get()
    assert (row.state, row.reason) == ("done", "The visit was stored when the booking came in.")
    assert row.result == {"booking": str(visit.public_id)}


@pytest.mark.parametrize(
    ("action", "path"),
    [
        ({"type": "assign_to_staff", "how": "named", "staff": "gone@clinic.test"}, "actions[0].staff"),
        (
            {"type": "create_task", "task_type": "call", "assign": "named", "staff": "gone@clinic.test"},
            "actions[0].staff",
        ),
        ({"type": "create_booking", "service": "Flying", "in_days": 1}, "actions[0].service"),
        ({"type": "match_or_create_contact", "phone": "12"}, "actions[0].phone"),
        ({"type": "match_or_create_contact", "email": "a@"}, "actions[0].email"),
        ({"type": "match_or_create_contact", "phone": "0412345678", "source": "moon"}, "actions[0].source"),
    ],
)
def test_what_is_not_there_is_refused_by_path_when_the_rule_is_saved(
    bare: Location, write_rule: WriteRule, action: dict[str, Any], path: str
) -> None:
    with pytest.raises(Invalid) as caught:
        write_rule([action])
    assert list(caught.value.fields) == [path]


def test_a_delayed_change_is_looked_at_again_when_it_is_due(
    anna: Contact, write_rule: WriteRule, now: Any
) -> None:
    write_rule(
        [
            {"type": "create_task", "task_type": "call"},
            {
                "type": "update_task", "task_types": ["call"], "priority": "urgent", "delay_seconds": 60,
                "conditions": {"open_tasks": {"contains": "call"}},
            },
        ]
    )  # fmt: skip
    moved(anna)
    drain()
    Task.objects.update(status="cancelled")
    now.advance(timedelta(seconds=61))
    drain()
    assert [state for _, state, _ in outcomes()] == ["done", "skipped"]
