"""The checks of the promises find what was broken by hand, and nothing where all went well."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from bookings import services as booking_services
from bookings.models import Booking
from contacts import services as contact_services
from core import clock, invariants
from core.causes import Cause
from core.models import Work
from integrations.models import Fetch, OutboundCall, Receipt
from integrations.ports import SendOutcome
from messaging import jobs, sending
from messaging.models import Message, SendAttempt
from messaging.services import NewMessage, queue_messages
from tasks.models import Task
from tests.messaging.conftest import NOW, RULE

CAUSE = Cause.system("test")


@pytest.fixture
def sent(gateway, anna, book):
    """One text that went out well, about a visit."""
    booking = book(anna)
    [result] = queue_messages(
        [NewMessage(anna.pk, "m", RULE, template="booking_confirmation", booking_id=booking.pk)]
    )
    sending.send_due()
    message = Message.objects.get(pk=result.message.pk)
    assert (message.status, message.visit_at) == ("sent", booking.appointment_datetime)
    return message


def found(now=None):
    return [(breach.invariant, breach.ids) for breach in invariants.check_all(now or clock.now())]


def test_where_all_went_well_nothing_is_found(sent, now):
    assert found() == []
    call_command("check_invariants")


def test_the_number_of_questions_does_not_grow_with_the_rows(sent, anna, django_assert_max_num_queries):
    with django_assert_max_num_queries(25):
        invariants.check_all(clock.now())


def test_a_message_left_behind_in_the_middle_is_found(sent, now):
    Message.objects.update(status="sending", lease_until=clock.now() - timedelta(minutes=11))
    assert found() == [("I3", (sent.pk,))]
    with pytest.raises(CommandError, match="1 promise"):
        call_command("check_invariants")


def test_a_message_that_is_due_for_long_is_found_and_one_put_back_on_purpose_is_not(sent, now):
    Message.objects.update(status="queued", send_at=clock.now() - timedelta(hours=2))
    assert found() == [("I3", (sent.pk,))]
    Message.objects.update(next_try_at=clock.now() + timedelta(hours=1))
    assert found() == []


def test_a_held_message_that_lost_its_meaning_is_found(sent, now):
    Message.objects.update(status="held", expires_at=clock.now() - timedelta(hours=2))
    assert found() == [("I3", (sent.pk,))]


def test_sent_without_an_id_is_found_unless_a_person_said_so(sent, now):
    Message.objects.update(provider_message_id="")
    assert found() == [("I4", (sent.pk,))]
    SendAttempt.objects.update(outcome="unknown")
    assert found() == []


def test_a_call_after_the_opt_out_is_found_and_one_before_it_is_not(sent, anna, now):
    now.advance(timedelta(seconds=1))
    contact_services.set_consent(
        location_id=anna.location_id, address=anna.phone, channel="sms", purposes=["service"],
        state="withdrawn", basis="reply", cause=CAUSE,
    )  # fmt: skip
    assert found() == []
    now.advance(timedelta(seconds=1))
    SendAttempt.objects.create(message=sent, fence=99)
    assert found() == [("I5", (sent.pk,))]


def test_a_call_after_the_visit_was_cancelled_is_found_and_one_before_it_is_not(sent, now):
    now.advance(timedelta(minutes=1))
    booking_services.cancel_booking(booking_id=sent.booking_id, cause=CAUSE)
    assert found() == []
    now.advance(timedelta(minutes=1))
    SendAttempt.objects.create(message=sent, fence=99)
    assert found() == [("I5", (sent.pk,))]


def test_a_call_with_the_time_before_a_move_is_found_and_one_before_the_move_is_not(sent, now):
    now.advance(timedelta(minutes=1))
    booking_services.reschedule_booking(
        booking_id=sent.booking_id, appointment_datetime=NOW + timedelta(days=9), cause=CAUSE
    )
    assert found() == []
    now.advance(timedelta(minutes=1))
    SendAttempt.objects.create(message=sent, fence=99)
    assert found() == [("I5", (sent.pk,))]


def test_an_unknown_message_is_found_until_a_task_shows_it(gateway, anna, now):
    gateway.answers = [SendOutcome("unknown")]
    [result] = queue_messages([NewMessage(anna.pk, "m", RULE, template="welcome_lead")])
    sending.send_due()
    assert found() == []
    now.advance(timedelta(minutes=31))
    jobs.send_due()
    assert found() == [("I1", (result.message.pk,))]
    task = Task.objects.create(
        location=anna.location, contact=anna, type="delivery_problem", due_datetime=clock.now(),
        cause_kind="system", cause_id="test",
    )  # fmt: skip
    assert found() == []
    Task.objects.filter(pk=task.pk).update(status="cancelled", updated_at=clock.now())
    assert found() == []


def test_work_deliveries_fetches_and_calls_left_lying_are_found(account, now):
    long_ago = clock.now() - timedelta(hours=2)
    begun = Work.objects.create(handler="x", due_at=long_ago, state="claimed", lease_until=long_ago)
    due = Work.objects.create(handler="x", due_at=long_ago)
    Work.objects.create(handler="x", due_at=clock.now() + timedelta(hours=1))
    receipts = [
        Receipt.objects.create(
            location=account.location, account=account, kind="booking", external_id=state, state=state
        )
        for state in ("stored", "applied", "fetching")
    ]
    Receipt.objects.update(updated_at=long_ago)
    Fetch.objects.create(location=account.location, account=account, receipt=receipts[2], next_at=None)
    calls = [
        OutboundCall.objects.create(
            location=account.location, kind="webhook", target="x", payload={}, state=state, dedupe_key=state,
            lease_until=long_ago, next_try_at=long_ago, expires_at=timezone.now(), cause_kind="x", cause_id="x",
        )
        for state in ("calling", "waiting", "done")
    ]  # fmt: skip
    assert found() == [
        ("I6", (calls[0].pk,)),
        ("I6", (calls[1].pk,)),
        ("I6", (receipts[0].pk,)),
        ("I6", (receipts[2].pk,)),
        ("I6", (begun.pk,)),
        ("I6", (due.pk,)),
    ]
    Work.objects.create(
        handler="integrations.apply_receipt", due_at=long_ago, state="parked", finished_at=long_ago,
        args={"receipt": receipts[0].pk},
    )  # fmt: skip
    told = [breach.what for breach in invariants.check_all(clock.now())]
    assert "A delivery was stored and never applied." not in told
    assert len(told) == 5


def test_a_cancelled_visit_says_nothing_about_texts_that_do_not_announce_it(sent, now):
    now.advance(timedelta(minutes=1))
    booking_services.cancel_booking(booking_id=sent.booking_id, cause=CAUSE)
    now.advance(timedelta(minutes=1))
    Message.objects.update(visit_at=None)
    SendAttempt.objects.create(message=sent, fence=99)
    assert Booking.objects.get().status == "cancelled"
    assert found() == []
