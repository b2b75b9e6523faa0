"""Texts that come in: through the real door, applied once, understood as far as that is safe."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta

import pytest

from bookings import services as booking_services
from contacts.models import Consent, Contact, Touchpoint
from core.causes import Cause
from core.models import Event
from integrations import accounts, reading
from integrations.models import Receipt
from integrations.ports import SendOutcome
from messaging import sending
from messaging.models import BlockedNumber, Conversation, Message
from messaging.services import NewMessage, ReminderPlan, queue_messages, schedule_reminders, send_text
from tests.factories.contacts import make_contact, make_member
from tests.factories.integrations import make_console_account
from tests.messaging.conftest import NOW, RULE, fresh

TEST = Cause.system("test")
numbers = itertools.count(1)


@pytest.fixture
def token(account):
    return accounts.rotate_token(account)


@pytest.fixture
def text(client, token, run_work):
    """Post a text to the clinic as the provider would, and let it be applied."""

    def post(body, *, from_="+61412000001", message_id=None, as_form=False):
        fields = {
            "message_id": message_id or f"in-{next(numbers)}",
            "from": from_,
            "to": "+61290000000",
            "body": body,
        }
        given = (
            {"data": fields} if as_form else {"data": json.dumps(fields), "content_type": "application/json"}
        )
        if as_form:
            from urllib.parse import urlencode

            given = {"data": urlencode(fields), "content_type": "application/x-www-form-urlencoded"}
        response = client.post(f"/webhooks/sms/inbound/{token}", **given)
        assert response.status_code == 200, response.content
        run_work()
        return Message.objects.filter(direction="inbound").latest("id")

    return post


def ask(contact, booking, key, template="reminder_48hr"):
    """Send a message that asks for an answer, now."""
    queue_messages(
        [NewMessage(contact.pk, key, RULE, template=template, booking_id=booking.pk, category="booking")]
    )
    sending.send_due()


def received():
    return Event.objects.filter(type="sms_received").latest("id")


def test_a_text_is_stored_with_contact_intent_touchpoint_and_one_event(gateway, anna, book, text):
    booking = book(anna)
    message = text("Yes")

    assert (message.contact, message.booking, message.intent, message.status) == (
        anna,
        booking,
        "confirm",
        "received",
    )
    event = received()
    assert (event.contact_id, event.booking_id, event.source) == (anna.pk, booking.pk, "sms_provider")
    assert event.data == {"message": message.pk, "intent": "confirm", "clear": True, "asked": []}
    assert event.depth == 0
    assert event.receipt_id == Receipt.objects.get().pk
    assert Touchpoint.objects.filter(type="sms_received").count() == 1
    assert Conversation.objects.get().unseen


def test_a_second_delivery_changes_nothing(gateway, anna, text):
    for _ in range(3):
        text("Yes", message_id="same")

    assert Message.objects.filter(direction="inbound").count() == 1
    assert Event.objects.filter(type="sms_received").count() == 1
    assert Touchpoint.objects.filter(type="sms_received").count() == 1


def test_a_form_works_like_json(gateway, anna, text):
    assert text("Yes", as_form=True).contact == anna


def test_a_number_in_local_spelling_is_the_same_person(gateway, anna, text):
    assert text("Hello?", from_="0412 000 001").contact == anna


@pytest.mark.parametrize(
    ("after", "expected"), [(50, "sms_reply_1hr"), (300, "sms_reply_24hr"), (1500, None)]
)
def test_a_quick_answer_is_logged_as_one(gateway, anna, text, now, after, expected):
    send_text(contact_id=anna.pk, body="Hello Anna", cause=TEST)
    sending.send_due()
    now.advance(timedelta(minutes=after))
    text("Hi there")
    text("and one more thing")

    kinds = set(Touchpoint.objects.values_list("type", flat=True)) & {"sms_reply_1hr", "sms_reply_24hr"}
    assert kinds == ({expected} if expected else set())
    if expected:
        assert Touchpoint.objects.filter(type=expected).count() == 1


def test_an_unknown_number_becomes_a_lead(gateway, sydney, text):
    message = text("Hello, do you do skin checks?", from_="+61412999999")

    assert (message.contact.phone, message.contact.source) == ("+61412999999", "sms")
    assert Event.objects.filter(type="lead_created", contact_id=message.contact_id).count() == 1


@pytest.mark.parametrize("word", ["STOP", "START", "HELP"])
def test_an_unknown_number_that_speaks_of_the_texts_only_is_no_lead(gateway, sydney, text, word):
    text(word, from_="+61412999999")

    assert Event.objects.filter(type="contact_created").count() == 1
    assert not Event.objects.filter(type="lead_created").exists()


def test_a_sender_without_a_number_is_one_contact_and_no_lead(gateway, sydney, text):
    first, second = text("Your parcel is here", from_="AusPost"), text("It was delivered", from_="AusPost")

    assert first.contact == second.contact
    assert not Event.objects.filter(type="lead_created").exists()


def test_explaining_an_event_says_what_became_of_its_message(gateway, anna, text):
    from core.explain import explain

    text("STOP")
    said = explain(Event.objects.filter(type="message_sent").latest("id"))

    assert any("stop_reply" in line and "Sent" in line for line in said)
    assert not any("+614" in line for line in said)


# Opt-out


def test_stop_opts_the_number_out_of_everything_and_says_so_once(gateway, anna, text):
    text("STOP")
    text("stop")

    standing = Consent.objects.filter(address=anna.phone, superseded_at__isnull=True)
    assert {row.purpose: row.state for row in standing} == dict.fromkeys(
        ("service", "care", "marketing"), "withdrawn"
    )
    assert Event.objects.filter(type="opt_out").count() == 1
    assert len(gateway.sent) == 1
    assert "no more texts" in gateway.texts[0]


def test_what_was_planned_before_a_stop_is_not_sent(gateway, anna, book, text, now):
    booking = book(anna)
    schedule_reminders([ReminderPlan(booking.pk, (7200,), ("reminder_2hr",), RULE)])
    text("please stop texting me")
    gateway.sent.clear()
    now.set(booking.appointment_datetime - timedelta(hours=2))
    sending.send_due()

    assert gateway.sent == []
    assert Message.objects.get(template__name="reminder_2hr").reason == "opted_out"


def test_start_brings_texts_back_but_no_marketing(gateway, anna, text):
    text("STOP")
    text("START")

    standing = Consent.objects.filter(address=anna.phone, superseded_at__isnull=True)
    assert {row.purpose: row.state for row in standing} == {
        "service": "granted", "care": "granted", "marketing": "withdrawn",
    }  # fmt: skip
    assert Event.objects.filter(type="opt_in").count() == 1


def test_yes_confirms_and_never_grants_marketing(gateway, anna, book, text):
    book(anna)
    text("YES")

    assert not Consent.objects.exists()


def test_help_is_answered_once_a_day_even_after_a_stop(gateway, anna, text):
    text("STOP")
    text("HELP")
    text("HELP")

    assert sum("our team will answer" in body for body in gateway.texts) == 1


@pytest.mark.parametrize("word", ["CANCEL", "End", "quit"])
def test_a_lone_carrier_word_is_an_opt_out_and_may_be_about_the_visit(gateway, anna, book, text, word):
    booking = book(anna)
    message = text(word)

    assert (message.intent, message.booking) == ("cancel", booking)
    assert Event.objects.filter(type="opt_out").count() == 1
    assert received().data["clear"] is False
    needed = Event.objects.get(type="reply_needed")
    assert (needed.booking_id, needed.data["reason"]) == (booking.pk, "carrier_word")
    booking.refresh_from_db()
    assert booking.status == "scheduled"


# Which visit


def test_a_reply_means_the_visit_that_was_asked_about_last(gateway, anna, book, text):
    book(anna, at=NOW + timedelta(days=2))
    asked = book(anna, at=NOW + timedelta(days=4))
    ask(anna, asked, "a")
    message = text("yes")

    assert message.booking == asked
    assert Message.objects.get(dedupe_key="a").answered_by == message


def test_an_answered_question_is_closed_and_the_next_reply_means_something_else(gateway, anna, book, text):
    first, second = book(anna, at=NOW + timedelta(days=2)), book(anna, at=NOW + timedelta(days=4))
    ask(anna, first, "a")
    assert text("yes").booking == first
    ask(anna, second, "b")
    assert text("yes").booking == second


def test_two_visits_asked_about_and_nothing_named_is_for_a_person(gateway, anna, book, text):
    ask(anna, book(anna, at=NOW + timedelta(days=2)), "a")
    ask(anna, book(anna, at=NOW + timedelta(days=4)), "b")
    message = text("yes")

    assert message.booking is None
    assert (received().booking_id, received().data["intent"], received().data["clear"]) == (
        None,
        "confirm",
        False,
    )
    assert Event.objects.filter(type="message_ambiguous").count() == 1
    assert not Message.objects.filter(answered_by__isnull=False).exists()


def test_an_answer_that_names_the_day_settles_it(gateway, sydney, anna, book, text):
    ask(anna, book(anna, at=NOW + timedelta(days=2)), "a")
    second = book(anna, at=NOW + timedelta(days=4))
    ask(anna, second, "b")
    message = text(f"yes for {sydney.local(second.appointment_datetime):%A}")

    assert message.booking == second


def test_two_people_of_a_household_asked_is_settled_by_a_name_and_else_by_a_person(gateway, anna, book, text):
    child = make_member(anna, name="Ben Smith")
    ask(anna, book(anna, at=NOW + timedelta(days=2)), "a")
    bens = book(child, at=NOW + timedelta(days=2, hours=3))
    ask(child, bens, "b")

    assert text("yes").booking is None
    named = text("yes for Ben")
    assert (named.booking, named.contact) == (bens, child)


def test_a_reply_of_a_member_who_alone_has_a_visit_is_the_members(gateway, anna, book, text):
    child = make_member(anna, name="Ben Jones")
    booking = book(child)
    message = text("yes")

    assert (message.contact, message.booking) == (child, booking)


def test_a_question_leaves_the_visit_asked_about_open(gateway, anna, book, text):
    booking = book(anna)
    ask(anna, booking, "a")
    text("Where do I park?")
    assert Message.objects.get(dedupe_key="a").answered_by is None
    assert text("yes").booking == booking


def test_a_visit_asked_about_more_than_a_week_ago_is_not_meant_by_that(gateway, anna, book, text, now):
    far = book(anna, at=NOW + timedelta(days=20))
    near = book(anna, at=NOW + timedelta(days=10))
    ask(anna, far, "a")
    now.advance(timedelta(days=8))
    ask(anna, near, "b")

    assert text("yes").booking == near


def test_a_cancelled_visit_is_never_meant(gateway, anna, book, text):
    gone, stands = book(anna, at=NOW + timedelta(days=2)), book(anna, at=NOW + timedelta(days=4))
    ask(anna, gone, "a")
    booking_services.cancel_booking(booking_id=gone.pk, reason="ill", cause=TEST)

    assert text("yes").booking == stands


def test_a_text_from_a_number_that_was_dead_makes_it_reachable_again(gateway, sydney, anna, text):
    BlockedNumber.objects.create(location=sydney, address=anna.phone, error_code="undeliverable")
    text("I am back")

    assert not BlockedNumber.objects.filter(lifted_at__isnull=True).exists()


def test_naughty_texts_are_stored_as_they_are(gateway, anna, text):
    for body in (
        "{clinic} {% load log %}",
        "<script>alert(1)</script>",
        "‮evil",
        "😀" * 400,
        "'; DROP TABLE x;--",
    ):
        assert text(body).body


# Receipts


@pytest.fixture
def report(client, token, run_work):
    def post(message_id, status, **more):
        fields = {"message_id": message_id, "status": status, **more}
        url = f"/webhooks/sms/receipt/{token}"
        response = client.post(url, json.dumps(fields), content_type="application/json")
        assert response.status_code == 200
        run_work()

    return post


def sent_to(contact):
    queue_messages([NewMessage(contact.pk, "k", RULE, template="welcome_lead")])
    sending.send_due()
    return Message.objects.get(dedupe_key="k")


def test_receipts_only_ever_move_a_message_forward(gateway, anna, report):
    message = sent_to(anna)
    for status in ("delivered", "sent", "accepted", "failed", "delivered"):
        report(message.provider_message_id, status)

    assert fresh(message).status == "delivered"
    assert Touchpoint.objects.filter(type="sms_delivered").count() == 1
    assert not Event.objects.filter(type="message_failed").exists()


def test_a_failure_reported_later_fails_the_message(gateway, anna, report):
    message = sent_to(anna)
    report(message.provider_message_id, "undelivered", error="unreachable")

    assert (fresh(message).status, fresh(message).reason) == ("failed", "unreachable")
    assert BlockedNumber.objects.get().address == anna.phone


def test_a_receipt_for_a_message_that_is_not_ours_is_kept_and_ignored(gateway, anna, report, now, run_work):
    report("nobody-knows", "delivered")
    for _ in range(5):
        now.advance(timedelta(minutes=10))
        run_work()

    assert Receipt.objects.get().state == "ignored"


def test_a_receipt_settles_a_message_left_unknown(gateway, anna, report, now):
    from integrations.ports import SendOutcome

    gateway.answers = [SendOutcome("unknown", provider_message_id="")]
    message = sent_to(anna)
    Message.objects.filter(pk=message.pk).update(provider_message_id="p-9")
    report("p-9", "delivered")

    assert fresh(message).status == "delivered"
    assert Event.objects.filter(type="message_sent").count() == 1


def test_nobody_is_made_twice_by_texts_of_two_spellings(gateway, sydney, text):
    text("Hello", from_="0412 999 998")
    text("Hello again", from_="+61 412 999 998")

    assert Contact.objects.filter(phone="+61412999998").count() == 1
    assert make_contact(sydney, name="Other").pk


def test_what_a_text_costs_is_known(
    gateway, anna, book, client, token, run_work, django_assert_max_num_queries
):
    """The door stores; one work item applies. Rules that answer are counted by automation's own tests."""
    from integrations import inbound as deliveries

    ask(anna, book(anna), "a")
    fields = {"message_id": "m-1", "from": anna.phone, "to": "+61290000000", "body": "Yes"}
    with django_assert_max_num_queries(7):
        client.post(f"/webhooks/sms/inbound/{token}", json.dumps(fields), content_type="application/json")
    with django_assert_max_num_queries(34):
        deliveries.apply_receipt(Receipt.objects.get(external_id="m-1").pk)


def test_sending_one_message_costs_what_is_known(gateway, anna, django_assert_max_num_queries):
    queue_messages([NewMessage(anna.pk, "k", RULE, template="welcome_lead")])
    with django_assert_max_num_queries(47):
        sending.send_due()


# Ids and senders longer than what is stored of them


def test_a_text_with_an_endless_id_and_sender_is_kept_and_known_again(text):
    for _ in range(2):
        text("Hello", message_id="m" * 900, from_="A shop with a name that never ends " * 20)
    text("Hello", message_id="m" * 901, from_="A shop with a name that never ends " * 21)
    messages = list(Message.objects.order_by("id"))
    assert set(Receipt.objects.values_list("state", flat=True)) == {"applied"}
    assert len(messages) == 2
    assert len({message.address for message in messages}) == 2
    assert all(message.address.startswith("A shop with a name") for message in messages)
    assert len({message.provider_message_id for message in messages}) == 2


def test_one_id_at_two_accounts_is_two_texts(client, account, run_work):
    other = make_console_account(account.location)
    for each in (account, other):
        body = json.dumps(
            {"message_id": "same", "from": "+61412000001", "to": "+61290000000", "body": "Hello"}
        )
        path = f"/webhooks/sms/inbound/{accounts.rotate_token(each)}"
        for _ in range(2):
            assert client.post(path, body, content_type="application/json").status_code == 200
    run_work()
    assert sorted(Message.objects.values_list("provider_account", "provider_message_id")) == sorted(
        [(account.pk, "same"), (other.pk, "same")]
    )


def test_a_receipt_with_an_endless_id_finds_its_text(client, account, token, gateway, run_work):
    gateway.answers = [SendOutcome("accepted", reading.message_id("p" * 500))]
    anna = make_contact(account.location, phone="+61412000009")
    [queued] = queue_messages(
        [NewMessage(contact_id=anna.pk, template="welcome_lead", dedupe_key="long", cause=RULE)]
    )
    sending.send_due()
    body = json.dumps({"message_id": "p" * 500, "status": "delivered"})
    answer = client.post(f"/webhooks/sms/receipt/{token}", body, content_type="application/json")
    assert answer.status_code == 200
    run_work()
    assert fresh(queued.message).status == "delivered"
