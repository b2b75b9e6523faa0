"""The task about a text of which nobody knows whether it went out stays until somebody says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.db import transaction

from bookings import services as booking_services
from bookings.models import Booking
from contacts import services as contact_services
from contacts.models import Contact
from core import clock
from core.causes import Cause
from core.clock import Frozen
from messaging import judging, outcomes
from messaging.models import Message
from messaging.services import resolve
from tasks.models import Task
from tests.automation.conftest import CAUSE, drain, fresh

MINUTE = timedelta(minutes=1)


def confirmation(booking: Booking) -> Message:
    drain()
    return Message.objects.get(booking=booking, template__name="booking_confirmation")


def lose(message: Message) -> None:
    """The call ended without an answer."""
    with transaction.atomic(), outcomes.writing() as became:
        for loaded in judging.load([message.pk], lock=True):
            became.unknown(loaded, look_at=None)
    drain()


def arrive(message: Message) -> None:
    """The provider says that it is on the phone."""
    with transaction.atomic(), outcomes.writing() as became:
        for loaded in judging.load([message.pk], lock=True):
            became.delivered(loaded, at=clock.now(), cause=Cause.provider(1))
    drain()


def asked(contact: Contact) -> dict[str, str]:
    """The contact's delivery tasks: their states, and why they are closed."""
    rows = Task.objects.filter(contact=contact, type=Task.Type.DELIVERY_PROBLEM)
    return {task.status: task.closed_reason for task in rows}


def test_a_cancellation_closes_the_tasks_of_its_visit_but_not_the_question_about_its_text(
    clinic: object, anna: Contact, book: Callable[..., Booking], now: Frozen
) -> None:
    visit = book(anna)
    lose(confirmation(visit))
    before = set(Task.objects.filter(booking=visit, status__in=Task.OPEN).values_list("type", flat=True))
    assert before > {"delivery_problem"}
    now.advance(MINUTE)
    booking_services.cancel_booking(booking_id=visit.pk, cause=CAUSE)
    drain()
    asks = Task.objects.filter(booking=visit, status__in=Task.OPEN).exclude(type="rescue_call")
    assert set(asks.values_list("type", flat=True)) == {"delivery_problem"}


def test_a_later_text_that_arrives_does_not_answer_for_the_one_that_may_not_have_gone(
    clinic: object, anna: Contact, book: Callable[..., Booking], now: Frozen
) -> None:
    first = confirmation(book(anna))
    second = confirmation(book(anna, at=clock.now() + timedelta(days=9)))
    lose(first)
    now.advance(MINUTE)
    arrive(second)
    assert asked(anna) == {"todo": ""}
    arrive(first)
    assert asked(anna) == {"cancelled": "A later text was delivered."}


def test_what_a_person_said_lets_a_cancellation_close_it(
    clinic: object, anna: Contact, book: Callable[..., Booking], now: Frozen
) -> None:
    visit = book(anna)
    message = confirmation(visit)
    lose(message)
    resolve(message_id=message.pk, was_sent=True, cause=CAUSE)
    now.advance(MINUTE)
    booking_services.cancel_booking(booking_id=visit.pk, cause=CAUSE)
    drain()
    assert asked(anna) == {"cancelled": "A visit is cancelled."}


def test_a_removed_contact_leaves_nothing_to_do(
    clinic: object, anna: Contact, book: Callable[..., Booking], now: Frozen
) -> None:
    lose(confirmation(book(anna)))
    now.advance(MINUTE)
    contact_services.delete_contact(contact_id=anna.pk, cause=CAUSE)
    drain()
    assert fresh(anna).deleted_at is not None
    assert asked(anna) == {"cancelled": "The contact was removed."}
