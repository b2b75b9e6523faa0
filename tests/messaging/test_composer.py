"""The box in which a person writes to a contact: what it says beforehand, and that nothing is lost or doubled."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from messaging import numbers, sending
from messaging.models import Message, Template
from messaging.services import send_text
from tests.messaging.conftest import NOW, RULE

pytestmark = pytest.mark.usefixtures("account")
LIVE = {"HX-Request": "true"}


@pytest.fixture
def box(client, anna):
    def post(user, where="compose", *, live=True, contact=anna, **typed):
        client.force_login(user)
        url = reverse(f"admin:messaging_{where}", args=(contact.public_id,))
        return client.post(url, {"key": "k1", **typed}, headers=LIVE if live else {})

    return post


def words(answer):
    return " ".join(answer.content.decode().split())


def test_a_text_sent_twice_under_one_key_is_one_message(box, receptionist, gateway):
    first = box(receptionist, body="Hello Anna")
    again = box(receptionist, body="Hello Anna")
    sending.send_due()

    assert (first.status_code, again.status_code) == (200, 200)
    assert "data-sent" in words(first)
    assert "data-sent" in words(again)
    assert gateway.texts == ["Hello Anna"]


def test_a_text_changed_after_an_answer_got_lost_is_kept_and_may_go_as_another_one(box, receptionist):
    box(receptionist, body="Hello Anna")
    changed = box(receptionist, body="Hello Anna, see you")

    assert changed.status_code == 422
    assert "“Hello Anna” was sent. What stands here now was not" in words(changed)
    assert "Hello Anna, see you</textarea>" in words(changed)
    assert 'value="k1"' not in words(changed)
    assert Message.objects.count() == 1


def test_a_template_is_filled_for_this_person_and_sent_as_that_template(box, receptionist, anna, book):
    book(anna)
    filled = words(box(receptionist, act="fill", template="reminder_24hr:en"))
    text = filled.split("</textarea>")[0].rsplit(">", 1)[1]
    box(receptionist, body=text, filled="reminder_24hr:en")

    assert text.startswith("Hi Anna, we look forward to seeing you at Avatar Imaging Sydney on Sat 28 Nov")
    message = Message.objects.get()
    assert (message.template.name, message.asks_answer, message.status) == ("reminder_24hr", True, "queued")


def test_words_of_a_template_that_were_changed_are_the_persons_own(box, receptionist, anna, book):
    book(anna)
    text = words(box(receptionist, act="fill", template="reminder_24hr:en")).split("</textarea>")[0]
    box(receptionist, body=text.rsplit(">", 1)[1] + " Parking is free.", filled="reminder_24hr:en")

    message = Message.objects.get()
    assert (message.template, message.category) == (None, "reply")
    assert message.body.endswith("Parking is free.")


def test_a_template_put_in_loses_nothing_that_was_typed(box, receptionist):
    page = words(box(receptionist, act="fill", template="welcome_lead:en", body="Dear Anna"))

    assert ">Dear Anna Hi Anna, thanks for contacting" in page


def test_a_template_goes_in_the_language_that_was_chosen(box, receptionist, sydney):
    Template.objects.create(
        location=sydney, name="welcome_lead", channel="sms", category="welcome", purpose="service", language="vi",
        body="Xin chao {first_name}, {clinic}",
    )  # fmt: skip
    box(receptionist, template="welcome_lead:vi")

    assert Message.objects.get().body == "Xin chao Anna, Avatar Imaging Sydney"


def test_missing_values_are_named_and_nothing_goes_out_with_a_gap(box, receptionist):
    seen = words(box(receptionist, "compose_preview", template="reminder_24hr:en"))
    refused = box(receptionist, template="reminder_24hr:en")

    assert "No value for <strong>&#123;date&#125;</strong>, <strong>&#123;time&#125;</strong>" in seen
    assert refused.status_code == 422
    assert "There is no value for {date}, {time}" in words(refused)
    assert not Message.objects.exists()


def test_the_count_is_shown_while_one_types(box, receptionist):
    plain = words(box(receptionist, "compose_preview", body="Hello Anna"))
    long = words(box(receptionist, "compose_preview", body="x" * 170))
    fancy = words(box(receptionist, "compose_preview", body="See you ☕"))

    assert "10 characters · GSM-7 · 1 segment, 150 left · AUD 0.08" in plain
    assert "Goes out now to +61412000001" in plain
    assert "2 segments" in long
    assert "UCS-2" in fancy
    assert "not in GSM-7: ☕" in fancy


def test_who_will_not_get_it_is_said_beforehand_and_refused(box, receptionist, anna, sydney):
    message = send_text(contact_id=anna.pk, body="Hello", cause=RULE.user(receptionist.pk)).message
    numbers.block(message, code="landline", cause=RULE)
    seen = words(box(receptionist, "compose_preview"))
    refused = box(receptionist, body="Are you there?")

    assert "Will not be sent. Messages to this number or address cannot be delivered." in seen
    assert refused.status_code == 422
    assert "Are you there?</textarea>" in words(refused)
    assert Message.objects.count() == 1


def test_quiet_hours_hold_back_what_is_no_answer(box, receptionist, now):
    now.advance(timedelta(hours=10))
    reply = words(box(receptionist, "compose_preview", body="Hello Anna"))
    care = words(box(receptionist, "compose_preview", body="Hello Anna", purpose="care"))

    assert "Goes out now" in reply
    assert "Goes out Tue 24 Nov, 08:00. It waits until quiet hours are over." in care


def test_a_text_is_planned_for_a_time_of_the_clinics_clock(box, receptionist, gateway, now):
    answer = box(receptionist, body="Hello Anna", at="2026-11-24T09:30")
    sending.send_due()
    message = Message.objects.get()

    assert message.send_at.isoformat() == "2026-11-23T22:30:00+00:00"
    assert "Planned for Tue 24 Nov, 09:30" in answer.headers["HX-Trigger"]
    assert gateway.texts == []
    now.move_to(message.send_at) if hasattr(now, "move_to") else now.advance(message.send_at - NOW)
    sending.send_due()
    assert gateway.texts == ["Hello Anna"]


@pytest.mark.parametrize("at", ["yesterday", "2026-11-23T11:59", "2029-01-01T09:00"])
def test_a_time_that_cannot_be_is_refused_with_the_text_kept(box, receptionist, at):
    answer = box(receptionist, body="Hello Anna", at=at)

    assert answer.status_code == 422
    assert "Hello Anna</textarea>" in words(answer)
    assert not Message.objects.exists()


def test_without_scripts_the_text_is_sent_or_the_page_keeps_it(box, receptionist, client):
    refused = box(receptionist, live=False, body="Hi {nobody}")
    looked = box(receptionist, live=False, act="look", body="Hello Anna")
    sent = box(receptionist, live=False, body="Hello Anna", back="/admin/inbox/")
    elsewhere = box(receptionist, live=False, key="k2", body="Hello you", back="https://evil.example/")

    assert refused.status_code == 422
    assert "Hi {nobody}</textarea>" in words(refused)
    assert "10 characters" in words(looked)
    assert (sent.status_code, sent.url) == (302, "/admin/inbox/")
    assert elsewhere.url.startswith("/admin/contacts/contact/")


def test_who_may_only_read_or_works_elsewhere_cannot_write(box, client, reader, stranger, anna):
    assert box(reader, body="x").status_code == 403
    assert box(stranger, body="x").status_code == 404
    assert box(reader, "compose_preview", body="x").status_code == 403
    client.force_login(reader)
    page = client.get(reverse("admin:messaging_compose", args=(anna.public_id,)))
    assert "may read texts here, but not write them" in words(page)
    assert "<textarea" not in words(page)
    assert not Message.objects.exists()
