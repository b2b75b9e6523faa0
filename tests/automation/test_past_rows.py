"""Rows of the past: those that were not there yet, those that change while they are read, and recall dates."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection

from accounts.models import Location
from automation import facts
from automation.models import FactChange, Rule, RuleRun
from automation.past.journal import Moment
from automation.past.people import People
from bookings import services as booking_services
from bookings.models import Booking
from contacts import services as contact_services
from contacts.models import Contact
from core.clock import Frozen
from tasks import services as task_services
from tasks.models import Task
from tests.automation.conftest import CAUSE, NOW, drain
from tests.automation.test_past import TASK, ask, played
from tests.factories.bookings import make_booking
from tests.factories.contacts import make_contact

HOUR = timedelta(hours=1)


def _live(bare: Location, now: Frozen) -> tuple[Contact, Booking, Task]:
    """Hour by hour: a contact is made, a visit is booked, a task is added."""
    now.advance(HOUR)
    ann = make_contact(bare, name="Ann", phone="+61412000109")
    now.advance(HOUR)
    visit = make_booking(ann, at=NOW + timedelta(days=5), cause=CAUSE)
    now.advance(HOUR)
    task = Task.objects.create(
        location=bare, contact=ann, type="call", due_datetime=now.at, cause_kind="user", cause_id="1"
    )
    now.advance(HOUR)
    return ann, visit, task


def _known(people: People, contact: Contact, hours: float) -> tuple[bool, int, tuple[str, ...]]:
    standing = people.standing_at(contact.pk, Moment(NOW + timedelta(hours=hours)))
    return standing.contact is not None, len(standing.visits), standing.open_tasks


EXPECTED = {
    0.5: (False, 0, ()), 1.5: (True, 0, ()), 2.5: (True, 1, ()), 3.5: (True, 1, ("call",)),
}  # fmt: skip


def test_before_the_journal_began_nobody_is_there_before_they_were_made(bare: Location, now: Frozen) -> None:
    ann, visit, task = _live(bare, now)
    FactChange.objects.all().delete()

    def check() -> None:
        people = People(bare, ann.pk, ann.pk, wanted=facts.EVERYTHING)
        assert {hours: _known(people, ann, hours) for hours in EXPECTED} == EXPECTED
        for hours, found in EXPECTED.items():
            position = people.position(ann.pk, Moment(NOW + timedelta(hours=hours)))
            assert (people.booking(visit.pk, position) is not None) == bool(found[1])

    check()
    # The same when their first known entries are changes.
    booking_services.confirm_booking(booking_id=visit.pk, cause=CAUSE)
    task_services.complete_task(task.pk, cause=CAUSE, outcome="success")
    contact_services.tag_contacts([contact_services.TagChange(ann.pk, ("new",), cause=CAUSE)])
    check()


def test_a_rule_by_the_clock_meets_nobody_who_was_not_there_yet(
    bare: Location, now: Frozen, write_rule: Callable[..., Rule]
) -> None:
    ann, _, _ = _live(bare, now)
    FactChange.objects.all().delete()
    rule = write_rule(TASK, trigger="cron_check", every="hourly", anchor="booking")
    (found,) = played(ask(rule, NOW, now.at)).verdicts
    assert (found.contact_id, found.at) == (ann.pk, NOW + 2 * HOUR)


class Meddler:
    """Lets something happen after the n-th query of a reader."""

    def __init__(self, number: int, do: Callable[[], Any]) -> None:
        self.left, self.do = number, do

    def __call__(self, execute: Callable[..., Any], *args: Any) -> Any:
        result = execute(*args)
        self.left -= 1
        if self.left == 0:
            self.do()
        return result


@pytest.mark.parametrize("number", range(1, 7))
@pytest.mark.parametrize("what", ["contact", "visit", "task"])
def test_what_changes_while_a_part_is_read_is_known_as_it_was_before(
    bare: Location, now: Frozen, what: str, number: int
) -> None:
    ann, visit, task = _live(bare, now)
    then = Moment(now.at)
    now.advance(HOUR)
    change: dict[str, Callable[[], Any]] = {
        "contact": lambda: contact_services.delete_contact(contact_id=ann.pk, cause=CAUSE),
        "visit": lambda: booking_services.cancel_booking(booking_id=visit.pk, cause=CAUSE),
        "task": lambda: task_services.complete_task(task.pk, cause=CAUSE, outcome="success"),
    }
    with connection.execute_wrapper(Meddler(number, change[what])):
        people = People(bare, ann.pk, ann.pk, wanted=facts.EVERYTHING)
        standing = people.standing_at(ann.pk, then)
    assert standing.contact is not None
    assert standing.contact.deleted_at is None
    assert [one.status for one in standing.visits] == [visit.status]
    assert standing.open_tasks == ("call",)


def test_a_recall_date_is_taken_back_as_it_really_was(clinic: Location, now: Frozen) -> None:
    people = [
        make_contact(clinic, name=name, phone=f"+6141200012{n}") for n, name in enumerate(("Ann", "Ben"))
    ]
    visits = [make_booking(one, at=NOW + HOUR, cause=CAUSE) for one in people]
    drain()
    now.advance(timedelta(days=1))
    for visit in visits:
        booking_services.record_outcome(booking_id=visit.pk, outcome="attended", cause=CAUSE)
    drain()
    now.advance(HOUR)
    contact_services.set_recall_date(
        [contact_services.RecallDate(people[1].pk, date(2027, 2, 1), cause=CAUSE)]
    )
    drain()
    now.advance(HOUR)
    for visit in visits:
        booking_services.record_outcome(booking_id=visit.pk, outcome="no_show", cause=CAUSE)
    drain()
    now.advance(HOUR)
    rule = Rule.objects.select_related("location", "current").get(key="c1_undo", location=clinic)
    really = {
        run.contact_id: [step.state == "done" for step in run.actions.all()]
        for run in RuleRun.objects.filter(rule=rule, state=RuleRun.State.DONE)
    }
    assert really == {people[0].pk: [True], people[1].pk: [False]}
    found = played(ask(rule, NOW, now.at)).verdicts
    assert {one.contact_id: [step.done for step in one.steps] for one in found} == really
