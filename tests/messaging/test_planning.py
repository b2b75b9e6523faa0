"""Reminders: planned for a visit, withdrawn when it moves, recorded when it is too late for them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings import services as booking_services
from core.causes import Cause
from core.errors import Invalid
from core.models import Event
from messaging import sending
from messaging.models import Message
from messaging.services import (
    CancelMessages,
    NewMessage,
    ReminderPlan,
    cancel_pending_messages,
    queue_messages,
    schedule_reminders,
)
from tests.factories.contacts import make_contact
from tests.messaging.conftest import NOW, RULE, fresh

TEST = Cause.system("test")
OFFSETS = (172800, 86400, 7200)
NAMES = ("reminder_48hr", "reminder_24hr", "reminder_2hr")


def plan(booking):
    return ReminderPlan(booking.pk, OFFSETS, NAMES, RULE)


def move(booking, at):
    booking_services.reschedule_booking(booking_id=booking.pk, appointment_datetime=at, cause=TEST)


def states(booking):
    rows = Message.objects.filter(booking=booking).order_by("id").select_related("template")
    return [(row.template.name, row.status, row.reason) for row in rows]


def test_the_reminders_of_a_visit_are_planned_at_their_times(sydney, account, anna, book):
    booking = book(anna, at=datetime(2026, 11, 27, 3, 0, tzinfo=UTC))  # Friday 14:00 in Sydney
    results = schedule_reminders([plan(booking)])

    local = [f"{sydney.local(r.message.send_at):%a %H:%M}" for r in results]
    assert local == ["Wed 14:00", "Thu 14:00", "Fri 12:00"]
    assert all(r.message.status == "scheduled" for r in results)
    assert results[0].message.asks_answer is True
    assert results[0].message.expires_at == results[1].message.send_at


def test_an_early_visit_has_its_last_reminder_moved_out_of_quiet_hours(sydney, account, anna, book):
    booking = book(anna, at=datetime(2026, 11, 26, 22, 0, tzinfo=UTC))  # Friday 09:00 in Sydney
    last = schedule_reminders([plan(booking)])[2].message

    assert f"{sydney.local(last.send_at):%a %H:%M}" == "Fri 08:00"


def test_reminders_whose_time_has_passed_are_recorded_as_skipped(sydney, account, anna, book):
    booking = book(anna, at=NOW + timedelta(hours=5))
    schedule_reminders([plan(booking)])

    assert states(booking) == [
        ("reminder_48hr", "skipped", "lead_time_passed"),
        ("reminder_24hr", "skipped", "lead_time_passed"),
        ("reminder_2hr", "scheduled", ""),
    ]


def test_planning_twice_adds_nothing(sydney, account, anna, book):
    booking = book(anna)
    schedule_reminders([plan(booking)])
    schedule_reminders([plan(booking)])

    assert Message.objects.count() == 3


def test_a_moved_visit_withdraws_unsent_reminders_and_plans_new_ones(sydney, account, anna, book):
    booking = book(anna)
    schedule_reminders([plan(booking)])
    move(booking, booking.appointment_datetime + timedelta(days=1))
    schedule_reminders([plan(booking)])

    assert [s[1:] for s in states(booking)] == [("skipped", "visit_moved")] * 3 + [("scheduled", "")] * 3


def test_a_visit_that_moves_back_gets_its_reminders_again(sydney, account, anna, book):
    booking = book(anna)
    first = booking.appointment_datetime
    schedule_reminders([plan(booking)])
    move(booking, first + timedelta(days=1))
    schedule_reminders([plan(booking)])
    move(booking, first)
    schedule_reminders([plan(booking)])

    assert Message.objects.filter(status="scheduled", visit_at=first).count() == 3
    assert Message.objects.filter(status="scheduled").count() == 3


def test_a_reminder_that_went_out_is_not_sent_again_when_the_visit_moves_back(gateway, anna, book, now):
    booking = book(anna)
    first = booking.appointment_datetime
    schedule_reminders([plan(booking)])
    now.set(first - timedelta(hours=48))
    sending.send_due()
    move(booking, first + timedelta(hours=5))
    schedule_reminders([plan(booking)])
    move(booking, first)
    schedule_reminders([plan(booking)])
    sending.send_due()

    assert len(gateway.sent) == 1


def test_a_cancelled_or_pending_visit_gets_no_reminders(sydney, account, anna, book):
    pending = book(anna, status="pending")
    assert schedule_reminders([plan(pending)]) == []


def test_a_plan_needs_a_template_for_each_offset(sydney, account, anna, book):
    with pytest.raises(Invalid):
        schedule_reminders([ReminderPlan(book(anna).pk, (7200,), (), RULE)])


def test_an_outage_does_not_send_two_reminders_at_once(gateway, anna, book, now):
    booking = book(anna)
    schedule_reminders([plan(booking)])
    now.set(booking.appointment_datetime - timedelta(hours=1))
    sending.send_due()

    assert len(gateway.sent) == 1
    assert "Running late" in gateway.texts[0]


def test_a_cancelled_visit_withdraws_everything_not_said_yet_with_its_reason(sydney, account, anna, book):
    booking = book(anna)
    other = book(anna, at=NOW + timedelta(days=9))
    schedule_reminders([plan(booking), plan(other)])
    assert cancel_pending_messages([CancelMessages(booking.pk, "booking_cancelled", RULE)]) == 3

    assert [s[1:] for s in states(booking)] == [("cancelled", "booking_cancelled")] * 3
    assert Message.objects.filter(booking=other, status="scheduled").count() == 3
    assert Event.objects.filter(type="message_cancelled").count() == 3


def test_planning_and_withdrawing_sets_cost_the_same_queries_however_long(sydney, account, book):
    def cost(count, label):
        bookings = [
            book(make_contact(sydney, name=f"{label} {n}"), at=NOW + timedelta(days=4, hours=n))
            for n in range(count)
        ]
        with CaptureQueriesContext(connection) as planning:
            schedule_reminders([plan(b) for b in bookings])
        with CaptureQueriesContext(connection) as withdrawing:
            cancel_pending_messages([CancelMessages(b.pk, "booking_cancelled", RULE) for b in bookings])
        return len(planning), len(withdrawing)

    assert cost(2, "a") == cost(7, "b")


def test_a_thank_you_is_withdrawn_when_the_outcome_was_a_misclick(gateway, anna, book, now):
    booking = book(anna, at=NOW + timedelta(hours=1))
    now.set(NOW + timedelta(hours=2))
    booking_services.record_outcome(booking_id=booking.pk, outcome="attended", cause=TEST)
    [thanks] = queue_messages(
        [NewMessage(anna.pk, "thanks", RULE, template="thank_you_attended", booking_id=booking.pk)]
    )
    booking_services.record_outcome(booking_id=booking.pk, outcome="no_show", cause=TEST)
    sending.send_due()

    assert (fresh(thanks.message).status, fresh(thanks.message).reason) == ("skipped", "outcome_changed")


def test_thanks_withdrawn_for_a_misclick_can_be_asked_for_again(gateway, anna, book, now):
    booking = book(anna, at=NOW + timedelta(hours=1))
    now.set(NOW + timedelta(hours=2))
    thanks = NewMessage(anna.pk, "thanks", RULE, template="thank_you_attended", booking_id=booking.pk)
    for outcome in ("attended", "no_show", "attended"):
        booking_services.record_outcome(booking_id=booking.pk, outcome=outcome, cause=TEST)
        if outcome == "attended":
            queue_messages([thanks])
        else:
            sending.send_due()
    sending.send_due()

    assert [state[1] for state in states(booking)] == ["skipped", "sent"]


def test_a_cancelled_visit_that_comes_back_at_its_time_gets_its_reminders_again(sydney, account, anna, book):
    booking = book(anna)
    schedule_reminders([plan(booking)])
    cancel_pending_messages([CancelMessages(booking.pk, "booking_cancelled", RULE)])
    schedule_reminders([plan(booking)])
    schedule_reminders([plan(booking)])

    assert [state[1] for state in states(booking)] == ["cancelled"] * 3 + ["scheduled"] * 3
