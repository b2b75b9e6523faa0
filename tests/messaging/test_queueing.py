"""Putting messages in line: one row for each business cause, each with its state and reason."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts import services as contact_services
from core.models import Event
from messaging.models import Message, Template
from messaging.services import NewMessage, queue_messages
from tests.factories.contacts import make_contact, make_member
from tests.messaging.conftest import NOW, RULE


def wish(contact, key="k1", **more):
    return NewMessage(contact_id=contact.pk, dedupe_key=key, cause=more.pop("cause", RULE), **more)


def test_a_template_is_queued_with_its_text_purpose_category_and_the_chain_of_its_cause(
    sydney, account, anna
):
    [result] = queue_messages([wish(anna, template="welcome_lead")])

    message = result.message
    assert (result.created, message.status, result.reason) == (True, "queued", "just_acted")
    assert message.body.startswith("Hi Anna, thanks for contacting Avatar Imaging Sydney.")
    assert (message.purpose, message.category, message.address) == ("service", "welcome", "+61412000001")
    event = Event.objects.get(type="message_queued")
    assert event.chain == ["7:1"]
    assert event.data == {"message": message.pk, "template": "welcome_lead"}


def test_a_second_wish_with_the_same_key_finds_the_first_message(sydney, account, anna):
    first = queue_messages([wish(anna, template="welcome_lead")])[0]
    second = queue_messages([wish(anna, template="welcome_lead")])[0]

    assert (first.created, second.created) == (True, False)
    assert first.message.pk == second.message.pk
    assert Message.objects.count() == 1
    assert Event.objects.filter(type="message_queued").count() == 1


def test_the_same_key_twice_in_one_set_makes_one_row(sydney, account, anna):
    results = queue_messages([wish(anna, template="welcome_lead"), wish(anna, template="welcome_lead")])

    assert results[0].message.pk == results[1].message.pk
    assert Message.objects.count() == 1


def test_a_set_costs_the_same_queries_however_long_it_is(sydney, account):
    people = [make_contact(sydney, name=f"Person {n}") for n in range(12)]

    def cost(contacts, label):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            queue_messages(
                [wish(one, key=f"{label}:{one.pk}", template="recall_reminder") for one in contacts]
            )
        return len(queries)

    assert cost(people[:2], "a") == cost(people[2:], "b")


@pytest.mark.parametrize(
    ("template", "consent", "expected"),
    [
        ("welcome_lead", None, ("queued", "just_acted")),
        ("welcome_lead", "withdrawn", ("suppressed", "opted_out")),
        ("recall_reminder", None, ("queued", "")),
        ("recall_reminder", "withdrawn", ("suppressed", "opted_out")),
        ("referral_invite", None, ("suppressed", "no_consent")),
        ("referral_invite", "granted", ("queued", "")),
        ("stop_reply", "withdrawn", ("queued", "carrier_reply")),
    ],
)
def test_consent_decides_by_purpose(sydney, account, anna, template, consent, expected):
    if consent:
        contact_services.set_consent(
            location_id=sydney.pk, address=anna.phone, channel="sms", purposes=["service", "care", "marketing"],
            state=consent, basis="reply", cause=RULE,
        )  # fmt: skip
    [result] = queue_messages([wish(anna, template=template)])

    assert (result.message.status, result.message.reason) == expected


def test_an_opt_out_covers_everyone_on_that_number(sydney, account, anna):
    child = make_member(anna, name="Ben Jones")
    contact_services.set_consent(
        location_id=sydney.pk, address=anna.phone, channel="sms", purposes=["service"], state="withdrawn",
        basis="reply", cause=RULE,
    )  # fmt: skip
    [result] = queue_messages([wish(child, template="welcome_lead")])

    assert (result.message.status, result.reason) == ("suppressed", "opted_out")


def test_care_and_marketing_wait_for_the_end_of_quiet_hours_and_what_answers_an_act_does_not(
    sydney, account, anna, now
):
    now.set(NOW.replace(hour=11))  # 22:00 in Sydney
    recall, welcome = queue_messages(
        [wish(anna, "a", template="recall_reminder"), wish(anna, "b", template="welcome_lead")]
    )
    assert (recall.message.status, recall.reason) == ("scheduled", "quiet_hours")
    assert sydney.local(recall.message.send_at).strftime("%H:%M") == "08:00"
    assert welcome.message.status == "queued"


def test_shadow_mode_records_what_automation_would_send_and_lets_people_write(
    sydney, account, anna, receptionist
):
    from messaging.services import send_text

    sydney.automation_mode = "shadow"
    sydney.save()
    [result] = queue_messages([wish(anna, template="welcome_lead")])
    by_hand = send_text(contact_id=anna.pk, body="Hello Anna", cause=RULE.user(receptionist.pk))

    assert (result.message.status, result.reason) == ("suppressed", "shadow")
    assert by_hand.message.status == "queued"


def test_without_a_number_a_sender_or_a_template_the_row_says_so(sydney, anna):
    nobody = make_contact(sydney, name="No Phone", phone="", email="x@example.com")
    no_number, no_sender, no_template = queue_messages(
        [
            wish(nobody, "a", template="welcome_lead"),
            wish(anna, "b", template="welcome_lead"),
            wish(anna, "c", template="made_up"),
        ]
    )
    assert (no_number.message.status, no_number.reason) == ("suppressed", "no_number")
    assert (no_sender.message.status, no_sender.reason) == ("held", "no_sender")
    assert (no_template.message.status, no_template.reason) == ("held", "no_template")
    assert set(Event.objects.filter(type="message_held").values_list("data__reason", flat=True)) == {
        "no_sender", "no_template",
    }  # fmt: skip


def test_a_missing_value_holds_the_message(sydney, account, anna):
    sydney.booking_link = ""
    sydney.save()
    [result] = queue_messages([wish(anna, template="welcome_lead")])

    assert (result.message.status, result.reason) == ("held", "missing_value")


def test_what_only_stands_in_the_way_today_does_not_hold_what_is_planned_for_later(sydney, anna):
    [result] = queue_messages([wish(anna, template="recall_reminder", send_at=NOW + timedelta(days=2))])

    assert result.message.status == "scheduled"


def test_the_daily_cost_cap_holds_what_is_over_it(sydney, account, anna):
    sydney.daily_sms_cap_cents = 10
    sydney.save()
    ben = make_contact(sydney, name="Ben Lee")
    first, second = queue_messages(
        [wish(anna, "a", template="welcome_lead"), wish(ben, "b", template="welcome_lead")]
    )
    assert first.message.status == "queued"
    assert (second.message.status, second.reason) == ("held", "cap")


def test_a_location_that_lacks_a_seeded_template_gets_it_when_it_is_needed(sydney, account, anna):
    Template.objects.filter(name="welcome_lead").delete()
    [result] = queue_messages([wish(anna, template="welcome_lead")])

    assert result.message.status == "queued"


def test_a_name_is_put_in_once_and_never_read_as_a_template(sydney, account):
    sly = make_contact(sydney, name="{clinic_phone} {booking_link}")
    [result] = queue_messages([wish(sly, template="thank_you_attended")])

    assert "{clinic_phone}" in result.message.body
