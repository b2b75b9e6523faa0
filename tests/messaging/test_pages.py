"""The desk's pages for messages, and the on-screen phone."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from integrations.models import Receipt
from integrations.ports import SendOutcome
from messaging import sending
from messaging.models import Conversation, Message, Template
from messaging.services import NewMessage, ReminderPlan, queue_messages, schedule_reminders
from tests.factories.contacts import make_contact
from tests.messaging.conftest import NOW, RULE, fresh

PRESSED = {"_form_submitted": "on"}
"""A button's dialog, confirmed."""


@pytest.fixture
def desk(client):
    def get(user, name, *args, data=None, **query):
        client.force_login(user)
        url = reverse(f"admin:{name}", args=args)
        return client.post(url, data) if data is not None else client.get(url, query)

    return get


def queue(contact, key="a", **more):
    more.setdefault("template", "welcome_lead")
    return queue_messages([NewMessage(contact.pk, key, RULE, **more)])[0].message


# The phone


def test_the_phone_shows_what_the_patient_received_and_nothing_that_was_not_sent(
    desk, gateway, receptionist, anna
):
    queue(anna)
    sending.send_due()
    queue(anna, "b", template="referral_invite")
    page = desk(receptionist, "messaging_phone", contact=str(anna.public_id)).content.decode()

    assert "thanks for contacting Avatar Imaging Sydney" in page
    assert "look after your friends" not in page
    assert "Anna Smith" in page


@pytest.mark.parametrize("wanted", ["0412 345 678", "+61 412 345 678", "345 678", "anna"])
def test_the_phone_finds_a_patient_by_name_and_by_a_number_as_people_write_it(
    desk, receptionist, account, sydney, wanted
):
    make_contact(sydney, name="Anna Able", phone="+61412345678")
    make_contact(sydney, name="Ben Brown", phone="+61499111222")
    page = desk(receptionist, "messaging_phone", q=wanted).content.decode()
    assert "Anna Able" in page
    assert "Ben Brown" not in page


def test_the_phone_says_what_is_still_planned(desk, gateway, receptionist, anna, book):
    schedule_reminders([ReminderPlan(book(anna).pk, (7200,), ("reminder_2hr",), RULE)])
    page = desk(receptionist, "messaging_phone", contact=str(anna.public_id)).content.decode()

    assert "1 more planned" in page
    assert "reminder_2hr" in page


def test_an_answer_on_the_phone_arrives_like_a_delivery_of_the_provider(
    desk, gateway, receptionist, anna, book
):
    booking = book(anna)
    message = queue(anna)
    sending.send_due()
    answer = desk(receptionist, "messaging_phone_answer", anna.public_id, data={"body": "Yes"})

    assert answer.status_code == 302
    received = Message.objects.get(direction="inbound")
    assert (received.body, received.intent, received.booking) == ("Yes", "confirm", booking)
    assert fresh(message).status == "delivered"
    assert set(Receipt.objects.values_list("kind", "state")) == {
        ("sms_inbound", "applied"), ("sms_receipt", "applied"),
    }  # fmt: skip


def test_an_empty_answer_is_refused_in_words(desk, gateway, receptionist, anna):
    desk(receptionist, "messaging_phone_answer", anna.public_id, data={"body": "  "})

    assert not Message.objects.exists()


def test_who_may_only_read_sees_the_phone_and_cannot_answer(desk, gateway, reader, anna):
    assert "but not answer" in desk(reader, "messaging_phone", contact=str(anna.public_id)).content.decode()
    assert desk(reader, "messaging_phone_answer", anna.public_id, data={"body": "Yes"}).status_code == 403


def test_another_clinics_phone_is_not_there(desk, gateway, stranger, anna):
    assert desk(stranger, "messaging_phone", contact=str(anna.public_id)).status_code == 404
    assert desk(stranger, "messaging_phone_thread", anna.public_id).status_code == 404
    assert desk(stranger, "messaging_phone_answer", anna.public_id, data={"body": "x"}).status_code == 404


def test_a_clinic_whose_texts_go_elsewhere_has_no_phone(desk, account, receptionist, anna):
    account.enabled = False
    account.save()

    assert desk(receptionist, "messaging_phone", contact=str(anna.public_id)).status_code == 404
    assert "No contact with a number" in desk(receptionist, "messaging_phone").content.decode()


def test_the_phone_costs_the_same_queries_however_long_its_thread(
    desk, gateway, sydney, receptionist, anna, now
):
    def cost(count, label):
        for n in range(count):
            queue(anna, f"{label}{n}", template="", body=f"Hello {label} {n}", exempt_quiet=True)
        sending.send_due()
        desk(receptionist, "messaging_phone_thread", anna.public_id)
        with CaptureQueriesContext(connection) as queries:
            desk(receptionist, "messaging_phone_thread", anna.public_id)
        return len(queries)

    assert cost(1, "a") == cost(9, "b")


# Messages


def test_the_list_says_why_a_message_was_not_sent(desk, gateway, receptionist, anna):
    queue(anna, template="referral_invite")
    page = desk(receptionist, "messaging_message_changelist", status__exact="suppressed").content.decode()

    assert "The person has not agreed to messages of this kind." in page


def test_a_waiting_message_can_be_sent_now_or_cancelled_by_those_who_may(
    desk, gateway, receptionist, reader, stranger, anna
):
    first = queue(anna, template="recall_reminder", send_at=NOW + timedelta(days=2))
    second = queue(anna, "b", template="recall_reminder", send_at=NOW + timedelta(days=3))
    page = desk(receptionist, "messaging_message_change", first.public_id).content.decode()
    assert "Send now" in page
    assert "Cancel message" in page
    assert "Send again" not in page
    assert desk(reader, "messaging_message_send_now", first.public_id, data=PRESSED).status_code == 403
    assert desk(stranger, "messaging_message_change", first.public_id).status_code == 404

    desk(receptionist, "messaging_message_send_now", first.public_id, data=PRESSED)
    desk(receptionist, "messaging_message_cancel", second.public_id, data=PRESSED)
    sending.send_due()

    assert (fresh(first).status, fresh(second).status, fresh(second).reason) == (
        "sent",
        "cancelled",
        "by_staff",
    )


def test_an_unknown_message_is_settled_by_an_explicit_choice(desk, gateway, receptionist, anna):
    gateway.answers = [SendOutcome("unknown")]
    message = queue(anna)
    sending.send_due()
    page = desk(receptionist, "messaging_message_change", message.public_id).content.decode()
    assert "It was sent" in page
    assert (
        "the patient gets it twice"
        in desk(receptionist, "messaging_message_send_again", message.public_id).content.decode()
    )
    desk(receptionist, "messaging_message_it_was_sent", message.public_id, data=PRESSED)

    assert fresh(message).status == "sent"


def test_the_list_of_messages_costs_the_same_queries_whatever_its_length(desk, gateway, sydney, receptionist):
    def cost(count, label):
        for n in range(count):
            queue(make_contact(sydney, name=f"{label} {n}"), f"{label}{n}")
        desk(receptionist, "messaging_message_changelist")
        with CaptureQueriesContext(connection) as queries:
            desk(receptionist, "messaging_message_changelist")
        return len(queries)

    assert cost(2, "a") == cost(9, "b")


# Conversations


def test_a_conversation_is_seen_and_answered(desk, gateway, receptionist, reader, stranger, anna):
    queue(anna)
    talk = Conversation.objects.get()
    assert (
        "thanks for contacting"
        in desk(reader, "messaging_conversation_thread", talk.public_id).content.decode()
    )
    assert desk(stranger, "messaging_conversation_thread", talk.public_id).status_code == 404
    assert desk(reader, "messaging_compose", anna.public_id, data={"body": "x"}).status_code == 403
    desk(receptionist, "messaging_compose", anna.public_id, data={"body": "Hello Anna"})
    sending.send_due()

    assert "Hello Anna" in gateway.texts


def test_writing_to_a_contact_opens_a_conversation(desk, gateway, receptionist, stranger, anna):
    answer = desk(receptionist, "messaging_write", anna.public_id)

    assert answer.url == reverse(
        "admin:messaging_conversation_thread", args=(Conversation.objects.get().public_id,)
    )
    assert desk(stranger, "messaging_write", anna.public_id).status_code == 404


def test_the_contact_page_shows_messages_and_why_some_were_not_sent(desk, gateway, receptionist, anna):
    queue(anna, template="referral_invite")
    page = desk(receptionist, "contacts_contact_change", anna.public_id).content.decode()

    assert "The person has not agreed to messages of this kind." in page


# Templates


def form_of(template, **changes):
    fields = ("category", "purpose", "subject", "body")
    inlines = {
        "versions-TOTAL_FORMS": 0, "versions-INITIAL_FORMS": 0, "versions-MIN_NUM_FORMS": 0,
        "versions-MAX_NUM_FORMS": 0,
    }  # fmt: skip
    return {**{name: getattr(template, name) for name in fields}, "is_active": "on", **inlines, **changes}


def test_a_manager_edits_a_wording_and_gets_a_new_version(desk, sydney, manager):
    template = Template.objects.get(name="thank_you_attended")
    answer = desk(
        manager,
        "messaging_template_change",
        template.public_id,
        data=form_of(template, body="Thanks from {clinic}"),
    )

    assert answer.status_code == 302
    assert template.versions.count() == 2
    assert Template.objects.get(pk=template.pk).body == "Thanks from {clinic}"


def test_an_unknown_placeholder_is_refused_beside_the_field_with_what_was_typed(desk, sydney, manager):
    template = Template.objects.get(name="thank_you_attended")
    page = desk(
        manager,
        "messaging_template_change",
        template.public_id,
        data=form_of(template, body="Hi {frist_name}"),
    )

    assert page.status_code == 200
    assert "Did you mean {first_name}?" in page.content.decode()
    assert "Hi {frist_name}" in page.content.decode()
    assert template.versions.count() == 1


def test_staff_see_templates_and_cannot_change_them(desk, sydney, receptionist):
    template = Template.objects.get(name="thank_you_attended")
    assert desk(receptionist, "messaging_template_change", template.public_id).status_code == 200
    assert (
        desk(receptionist, "messaging_template_change", template.public_id, data=PRESSED).status_code == 403
    )
    assert (
        desk(receptionist, "messaging_template_restore_seed", template.public_id, data=PRESSED).status_code
        == 403
    )


def test_words_to_many_are_measured_while_they_are_written(desk, sydney, manager, receptionist):
    def measured(message, **more):
        return desk(manager, "messaging_measure", data={"message": message, **more}).content.decode()

    plain = measured("Hi {first_name}, see you {date}.")
    fancy = measured("Hi 😊")
    wrong = measured("Hi {nope}")
    marketing = measured("{clinic}: tell a friend", purpose="marketing")

    assert "GSM-7" in plain
    assert "1 segment " in plain.replace("\n", " ")
    assert "see you Tue 24 Nov" in plain
    assert "UCS-2" in fancy
    assert "There is no placeholder {nope}" in wrong
    assert 'data-code="marketing"' in marketing
    assert 'class="av-warning"' in marketing or 'class="av-error"' in marketing


# In a browser


@pytest.mark.browser
@pytest.mark.parametrize("width", [1280, 390])
def test_answering_on_the_phone_in_a_browser(beside_a_browser, transactional_db, live_server, page, width):
    from core.management.commands import relay
    from tests.messaging.conftest import make_account, make_sydney, member

    location = make_sydney()
    make_account(location)
    anna = make_contact(location, name="Anna Smith", phone="+61412000001")
    member(location, "staff", "desk@clinic.test")
    queue(anna)
    relay.until_idle()
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(f"{live_server.url}/admin/login/?next=/admin/phone/")
    page.fill("input[name=username]", "desk@clinic.test")
    page.fill("input[name=password]", "a long password 1")
    page.press("input[name=password]", "Enter")
    page.wait_for_selector("text=thanks for contacting Avatar Imaging Sydney")
    page.fill("#av-body", "Hello, can I come tomorrow?")
    page.press("#av-body", "Enter")
    page.wait_for_selector(".av-mine >> text=Hello, can I come tomorrow?")
    assert page.input_value("#av-body") == ""
    queue(anna, "again", template="", body="Yes, 10 am is free.", exempt_quiet=True)
    relay.until_idle()
    page.wait_for_selector(".av-theirs >> text=Yes, 10 am is free.", timeout=10_000)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
