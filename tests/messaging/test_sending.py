"""The sender: claim, call, record; judged again at every step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bookings import services as booking_services
from contacts import services as contact_services
from contacts.models import Touchpoint
from core import clock
from core.causes import Cause
from core.models import Event
from integrations import http
from integrations.ports import LookupAnswer, SendOutcome
from integrations.providers import messagemedia
from messaging import jobs, sending, settling
from messaging.models import BlockedNumber, Message, SendAttempt
from messaging.services import (
    CancelMessages,
    NewMessage,
    ReminderPlan,
    cancel_pending_messages,
    queue_messages,
    resolve,
    schedule_reminders,
    send_now,
)
from tests.factories.contacts import make_contact
from tests.messaging.conftest import NOW, RULE, fresh

TEST = Cause.system("test")


def queue(contact, key="k1", **more):
    more.setdefault("template", "welcome_lead")
    return queue_messages([NewMessage(contact_id=contact.pk, dedupe_key=key, cause=RULE, **more)])[0].message


def test_a_due_message_is_sent_once_with_its_event_and_touchpoint(gateway, anna):
    message = queue(anna)
    assert sending.send_due() == 1
    assert sending.send_due() == 0

    sent = fresh(message)
    assert (sent.status, sent.provider_message_id, sent.cost_cents) == ("sent", f"id-{message.public_id}", 8)
    assert (sent.sender, sent.attempts, sent.sent_at) == ("+61290000000", 1, NOW)
    assert [sms.to for sms in gateway.sent] == ["+61412000001"]
    event = Event.objects.get(type="message_sent")
    assert (event.data["template"], event.data["category"], event.chain) == (
        "welcome_lead",
        "welcome",
        ["7:1"],
    )
    assert Touchpoint.objects.get(type="sms_sent").cause_kind == "rule_run"
    assert SendAttempt.objects.get().outcome == "accepted"


def test_the_attempt_is_committed_before_the_call(gateway, anna):
    seen = []
    gateway.before_answering = lambda sms: seen.append(
        (Message.objects.get().status, SendAttempt.objects.get().finished_at)
    )
    queue(anna)
    sending.send_due()

    assert seen == [("sending", None)]


def test_service_goes_before_care_before_marketing(gateway, sydney, anna):
    contact_services.set_consent(
        location_id=sydney.pk, address=anna.phone, channel="sms", purposes=["marketing"], state="granted",
        basis="form", cause=TEST,
    )  # fmt: skip
    queue(anna, "m", template="referral_invite")
    queue(anna, "c", template="recall_reminder")
    queue(anna, "s")
    sending.send_due()

    assert [text.split(",")[1][:8] for text in gateway.texts] == [" thanks ", " Avatar ", " Avatar "]
    assert "STOP" in gateway.texts[2]
    assert "STOP" not in gateway.texts[1]


def test_values_are_those_of_the_moment_of_sending(gateway, sydney, anna):
    queue(anna)
    sydney.booking_link = "https://new.example"
    sydney.save()
    sending.send_due()

    assert "https://new.example" in gateway.texts[0]


def test_an_opt_out_after_queueing_stops_the_message(gateway, sydney, anna):
    message = queue(anna)
    contact_services.set_consent(
        location_id=sydney.pk, address=anna.phone, channel="sms", purposes=["service"], state="withdrawn",
        basis="reply", cause=TEST,
    )  # fmt: skip
    sending.send_due()

    assert gateway.sent == []
    assert (fresh(message).status, fresh(message).reason) == ("suppressed", "opted_out")
    assert Event.objects.filter(type="message_suppressed").count() == 1


def test_an_opt_out_between_claim_and_call_stops_the_message(gateway, sydney, anna):
    message = queue(anna)
    [claimed], _ = sending.claim()
    contact_services.set_consent(
        location_id=sydney.pk, address=anna.phone, channel="sms", purposes=["service"], state="withdrawn",
        basis="reply", cause=TEST,
    )  # fmt: skip

    assert sending.begin(claimed) is None
    assert fresh(message).reason == "opted_out"


def test_a_message_cancelled_between_claim_and_call_is_not_sent(gateway, anna, book):
    booking = book(anna)
    queue(anna, template="booking_confirmation", booking_id=booking.pk)
    [claimed], _ = sending.claim()
    assert cancel_pending_messages([CancelMessages(booking.pk, "booking_cancelled", TEST)]) == 1

    assert sending.begin(claimed) is None
    assert fresh(claimed.messages[0]).status == "cancelled"


def test_a_second_worker_cannot_send_what_the_first_one_claimed(gateway, anna):
    queue(anna)
    [first], _ = sending.claim()
    assert sending.claim() == ([], 0)
    assert sending.begin(first) is not None
    assert sending.begin(first) is None


def test_a_worker_whose_lease_ran_out_cannot_begin_after_another_took_over(gateway, anna, now):
    queue(anna)
    [slow], _ = sending.claim()
    now.advance(timedelta(seconds=91))
    settling.recover_leases()
    [other], _ = sending.claim()

    assert sending.begin(slow) is None
    ready = sending.begin(other)
    assert ready is not None
    sending.record(ready.messages, sending.call(ready))
    assert len(gateway.sent) == 1


@pytest.mark.parametrize("moment", ["moved", "cancelled", "over"])
def test_a_confirmation_of_a_visit_that_no_longer_stands_like_that_is_skipped(
    gateway, anna, book, now, moment
):
    booking = book(anna)
    message = queue(
        anna, template="booking_confirmation", booking_id=booking.pk, expires_at=NOW + timedelta(days=30)
    )
    if moment == "moved":
        booking_services.reschedule_booking(
            booking_id=booking.pk,
            appointment_datetime=booking.appointment_datetime + timedelta(hours=1),
            cause=TEST,
        )
    elif moment == "cancelled":
        booking_services.cancel_booking(booking_id=booking.pk, reason="ill", cause=TEST)
    else:
        now.set(booking.appointment_datetime)
    sending.send_due()

    assert gateway.sent == []
    assert (fresh(message).status, fresh(message).reason) == ("skipped", f"visit_{moment}")


def test_a_refusal_fails_the_message_and_a_dead_number_is_not_tried_again(gateway, sydney, anna):
    gateway.answers = [SendOutcome("refused", error_code="invalid_number")]
    first = queue(anna)
    sending.send_due()
    second = queue(anna, "k2", template="thank_you_attended")

    assert (fresh(first).status, fresh(first).reason) == ("failed", "invalid_number")
    assert BlockedNumber.objects.get().address == anna.phone
    assert (second.status, second.reason) == ("suppressed", "blocked_number")
    assert Event.objects.get(type="message_failed").data["reason"] == "invalid_number"


def test_what_was_provably_not_accepted_is_tried_again_no_sooner_than_asked_then_parked(gateway, anna, now):
    gateway.answers = [SendOutcome("retry", error_code="429", retry_after=600)] * 5
    message = queue(anna)
    sending.send_due()
    now.advance(timedelta(seconds=599))
    assert sending.send_due() == 0
    for _ in range(4):
        now.advance(timedelta(hours=1))
        sending.send_due()

    assert (fresh(message).status, fresh(message).attempts, len(gateway.sent)) == ("parked", 5, 5)
    assert Event.objects.filter(type="message_failed").count() == 1


def test_others_of_a_throttled_account_wait_too(gateway, sydney, anna):
    gateway.answers = [SendOutcome("retry", error_code="429", retry_after=60)]
    queue(anna)
    other = queue(make_contact(sydney, name="Ben Lee"), "k2")
    sending.send_due()

    assert len(gateway.sent) == 1
    assert (fresh(other).status, fresh(other).next_try_at) == ("queued", NOW + timedelta(seconds=60))


def test_no_credit_holds_the_message_until_it_is_mended(gateway, anna, now):
    gateway.answers = [SendOutcome("refused", error_code="no_credit")]
    message = queue(anna)
    sending.send_due()
    assert (fresh(message).status, fresh(message).reason) == ("held", "no_credit")
    now.advance(timedelta(minutes=15))
    assert jobs.reconsider() == 1
    sending.send_due()

    assert fresh(message).status == "sent"


@pytest.mark.parametrize("answer", [SendOutcome("unknown"), ValueError("broken")])
def test_an_answer_nobody_can_read_leaves_the_message_unknown_and_never_resent_blindly(
    gateway, anna, now, answer
):
    gateway.answers = [answer]
    message = queue(anna)
    sending.send_due()
    assert fresh(message).status == "unknown"
    assert Event.objects.filter(type="message_unknown").count() == 1
    for _ in range(10):
        now.advance(timedelta(minutes=10))
        jobs.send_due()

    assert len(gateway.sent) == 1
    assert fresh(message).status == "unknown"


def test_unknown_is_settled_by_asking_the_provider(gateway, anna, now):
    gateway.answers = [SendOutcome("unknown")]
    message = queue(anna)
    sending.send_due()
    gateway.looked_up = LookupAnswer("found", provider_message_id="p-1", status="delivered")
    assert settling.ask_about_unknown() == 0
    now.advance(timedelta(seconds=61))
    assert settling.ask_about_unknown() == 1

    assert (fresh(message).status, fresh(message).provider_message_id) == ("delivered", "p-1")
    assert Event.objects.filter(type="message_sent").count() == 1
    assert len(gateway.sent) == 1


def test_what_the_provider_surely_never_got_is_sent_again(gateway, anna, now):
    gateway.answers = [SendOutcome("unknown")]
    message = queue(anna)
    sending.send_due()
    gateway.looked_up = LookupAnswer("absent")
    now.advance(timedelta(seconds=61))
    jobs.send_due()
    jobs.send_due()

    assert (fresh(message).status, len(gateway.sent)) == ("sent", 2)


def test_a_late_answer_of_the_call_settles_what_its_lease_made_unknown(gateway, anna, now):
    message = queue(anna)
    [claimed], _ = sending.claim()
    ready = sending.begin(claimed)
    answers = sending.call(ready)
    now.advance(timedelta(seconds=120))
    settling.recover_leases()
    assert fresh(message).status == "unknown"
    sending.record(ready.messages, answers)

    assert fresh(message).status == "sent"


def test_the_longest_call_ends_before_its_lease():
    longest = messagemedia.DIVIDING_SECONDS + http.CONNECT_SECONDS + http.TOTAL_SECONDS
    assert timedelta(seconds=longest) <= sending.CALL_TAKES < sending.LEASE


def test_a_worker_that_slept_between_begin_and_call_calls_nobody(gateway, anna, now):
    """Others may have asked about the text by then, heard that it never came, and sent it."""
    message = queue(anna)
    [claimed], _ = sending.claim()
    ready = sending.begin(claimed)
    now.advance(sending.LEASE - sending.CALL_TAKES + timedelta(seconds=1))
    sending.record(ready.messages, sending.call(ready))

    assert gateway.sent == []
    assert (fresh(message).status, fresh(message).reason) == ("queued", "overslept")
    now.advance(timedelta(minutes=1))
    sending.send_due()
    assert fresh(message).status == "sent"


def test_a_person_settles_what_stays_unknown(gateway, anna, receptionist):
    gateway.answers = [SendOutcome("unknown"), SendOutcome("unknown")]
    one, two = queue(anna), queue(anna, "k2", template="thank_you_attended")
    sending.send_due()
    cause = Cause.user(receptionist.pk)
    resolve(message_id=one.pk, was_sent=True, cause=cause)
    resolve(message_id=two.pk, was_sent=False, cause=cause)
    sending.send_due()

    assert (fresh(one).status, fresh(two).status, len(gateway.sent)) == ("sent", "sent", 3)


@pytest.mark.parametrize("was_sent", [True, False])
def test_a_decision_about_a_message_locks_its_contact_first(gateway, anna, receptionist, was_sent):
    gateway.answers = [SendOutcome("unknown")]
    message = queue(anna)
    sending.send_due()
    with CaptureQueriesContext(connection) as queries:
        resolve(message_id=message.pk, was_sent=was_sent, cause=Cause.user(receptionist.pk))

    locks = [q["sql"].split('FROM "')[1].split('"')[0] for q in queries if "FOR NO KEY UPDATE" in q["sql"]]
    assert locks[:2] == ["contacts_contact", "messaging_message"]


def test_the_same_automatic_words_to_the_same_number_go_once(gateway, anna):
    queue(anna)
    again = queue(anna, "k2")
    sending.send_due()

    assert len(gateway.sent) == 1
    assert (fresh(again).status, fresh(again).reason) == ("suppressed", "duplicate")


def test_sending_now_still_checks_everything(gateway, sydney, anna, receptionist):
    message = queue(anna, template="recall_reminder", send_at=NOW + timedelta(days=1))
    contact_services.set_consent(
        location_id=sydney.pk, address=anna.phone, channel="sms", purposes=["care"], state="withdrawn",
        basis="reply", cause=TEST,
    )  # fmt: skip
    send_now(message_id=message.pk, cause=Cause.user(receptionist.pk))
    sending.send_due()

    assert (fresh(message).status, fresh(message).reason) == ("suppressed", "opted_out")


def test_claiming_a_set_costs_the_same_queries_however_long_it_is(gateway, sydney):
    def due(count, label):
        for n in range(count):
            queue(make_contact(sydney, name=f"{label} {n}"), f"{label}{n}")

    def cost():
        with CaptureQueriesContext(connection) as queries:
            sending.claim()
        return len(queries)

    due(2, "a")
    few = cost()
    due(9, "b")
    assert cost() == few


# Windows


@settings(
    max_examples=40, deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(
    hours_ahead=st.integers(min_value=1, max_value=200),
    start=st.integers(min_value=0, max_value=24 * 365),
    steps=st.lists(st.integers(min_value=1, max_value=40), min_size=1, max_size=6),
    change=st.sampled_from(["none", "cancel", "move"]),
    change_after=st.integers(min_value=0, max_value=5),
)
def test_no_reminder_goes_out_in_quiet_hours_after_its_visit_or_for_a_visit_that_changed(
    gateway, sydney, service, hours_ahead, start, steps, change, change_after
):
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=start)
    Message.objects.all().delete()
    gateway.sent.clear()
    with clock.frozen(begin) as now:
        contact = make_contact(sydney, name="Anna Smith")
        visit = begin + timedelta(hours=hours_ahead)
        booking = booking_services.create_booking(
            location=sydney, contact_id=contact.pk, service=service, appointment_datetime=visit, cause=TEST
        )
        plan = ReminderPlan(
            booking.pk, (172800, 86400, 7200), ("reminder_48hr", "reminder_24hr", "reminder_2hr"), RULE
        )
        schedule_reminders([plan])
        for step, hours in enumerate(steps):
            now.advance(timedelta(hours=hours))
            if step == change_after and change != "none" and now.at < visit:
                if change == "cancel":
                    booking_services.cancel_booking(booking_id=booking.pk, reason="ill", cause=TEST)
                    visit = None
                else:
                    visit = visit + timedelta(hours=3)
                    booking_services.reschedule_booking(
                        booking_id=booking.pk, appointment_datetime=visit, cause=TEST
                    )
            before = len(gateway.sent)
            sending.send_due()
            for sms in gateway.sent[before:]:
                local = sydney.local(now.at)
                assert 8 <= local.hour < 20
                assert visit is not None
                assert now.at < visit
                if change == "move" and step >= change_after:
                    # The reminders planned for the old time were not withdrawn here: none may speak of it.
                    raise AssertionError(f"a reminder of the old time went out: {sms.body}")
        assert Message.objects.filter(contact=contact, status="unknown").count() == 0


@pytest.mark.parametrize(
    "transition", [datetime(2026, 4, 5, 3, tzinfo=UTC), datetime(2026, 10, 4, 3, tzinfo=UTC)]
)
def test_care_goes_out_only_between_eight_and_twenty_local_at_every_hour_across_a_clock_change(
    gateway, sydney, anna, now, transition
):
    """Sydney's clocks change on these nights; every hour from the evening before to the morning after."""
    sydney.settings = {"care_limit": 1000, "automatic_limit": 1000}
    sydney.save()
    start = transition - timedelta(hours=16)
    for hour in range(36):
        at = start + timedelta(hours=hour)
        now.set(at)
        message = queue(anna, f"recall:{at}", template="recall_reminder")
        quiet = not 8 <= sydney.local(at).hour < 20
        assert (message.status == "scheduled") is quiet
        gateway.sent.clear()
        sending.send_due()
        for sms in gateway.sent:
            assert 8 <= sydney.local(at).hour < 20, (sydney.local(at), sms.to)
    assert Message.objects.filter(status="sent").count() >= 12
