"""The on-screen phones: several in hand, texts from strangers, and what the carrier reports."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from contacts.models import Contact
from messaging import sending
from messaging.models import Message
from messaging.services import NewMessage, queue_messages
from tests.factories.contacts import make_contact
from tests.messaging.conftest import RULE, fresh


@pytest.fixture
def phones(client: Client, receptionist: Any) -> Client:
    client.force_login(receptionist)
    return client


def sent(contact: Contact, key: str = "a") -> Message:
    text = queue_messages([NewMessage(contact.pk, key, RULE, template="welcome_lead")])[0].message
    sending.send_due()
    return fresh(text)


def test_three_phones_lie_side_by_side_and_a_fourth_does_not(phones, account, sydney) -> None:
    people = [make_contact(sydney, name=f"Person {n}", phone=f"+6149157000{n}") for n in range(4)]
    page = phones.get(
        reverse("admin:messaging_phone"), {"contact": [str(one.public_id) for one in people]}
    ).content.decode()
    assert [f"Phone of Person {n}" in page for n in range(4)] == [True, True, True, False]


def test_a_strangers_first_text_is_a_lead_with_a_phone(phones, account, sydney) -> None:
    answer = phones.post(
        reverse("admin:messaging_phone_stranger"),
        {"location": str(sydney.public_id), "number": "0491 570 313", "body": "How much is a skin check?"},
    )
    lead = Contact.objects.get(phone="+61491570313")
    assert str(lead.public_id) in answer["Location"]
    assert "How much is a skin check?" in phones.get(answer["Location"]).content.decode()


@pytest.mark.parametrize(
    ("number", "body"), [("12", "Hello"), ("0491 570 313", "  "), ("not a number", "Hello")]
)
def test_a_wrong_number_or_no_text_is_refused_in_words(phones, account, sydney, number, body) -> None:
    url = reverse("admin:messaging_phone_stranger")
    answer = phones.post(
        url, {"location": str(sydney.public_id), "number": number, "body": body}, follow=True
    )
    assert answer.status_code == 200
    assert len(list(answer.context["messages"])) == 1
    assert not Contact.objects.exists()


def test_nobody_writes_to_another_clinic(client, stranger, account, sydney) -> None:
    client.force_login(stranger)
    given = {"location": str(sydney.public_id), "number": "0491 570 313", "body": "Hello"}
    assert client.post(reverse("admin:messaging_phone_stranger"), given).status_code in (403, 404)
    assert not Contact.objects.exists()


@pytest.mark.parametrize(("outcome", "status"), [("delivered", "delivered"), ("failed", "failed")])
def test_the_carriers_report_changes_the_text(phones, account, anna, outcome, status) -> None:
    text = sent(anna)
    url = reverse("admin:messaging_phone_report", args=(anna.public_id, text.public_id))
    page = phones.post(url, {"outcome": outcome}, headers={"HX-Request": "true"}).content.decode()
    assert fresh(text).status == status
    assert f'data-status="{status}"' in page or status == "failed"


def test_a_text_that_arrived_cannot_fail_afterwards(phones, account, anna) -> None:
    text = sent(anna)
    url = reverse("admin:messaging_phone_report", args=(anna.public_id, text.public_id))
    phones.post(url, {"outcome": "delivered"})
    page = phones.post(url, {"outcome": "failed"}, headers={"HX-Request": "true"}).content.decode()
    assert "Only a text that is on its way" in page
    assert fresh(text).status == "delivered"


def test_who_only_reads_reports_nothing(client, reader, account, anna) -> None:
    text = sent(anna)
    client.force_login(reader)
    url = reverse("admin:messaging_phone_report", args=(anna.public_id, text.public_id))
    assert client.post(url, {"outcome": "failed"}).status_code == 403
    assert fresh(text).status == "sent"


def test_a_text_of_another_phone_is_not_there(phones, account, anna, sydney) -> None:
    text = sent(anna)
    other = make_contact(sydney, name="Ben", phone="+61491570111")
    url = reverse("admin:messaging_phone_report", args=(other.public_id, text.public_id))
    assert phones.post(url, {"outcome": "delivered"}).status_code == 404
