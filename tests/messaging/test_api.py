"""Messages over HTTP."""

from __future__ import annotations

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from contacts import services as contact_services
from messaging import sending
from messaging.models import Conversation, Message, Template
from messaging.services import NewMessage, queue_messages
from tests.factories.contacts import make_contact
from tests.messaging.conftest import RULE


@pytest.fixture
def api(client):
    def call(user, method, path, data=None, **headers):
        client.force_login(user)
        return client.generic(
            method, f"/api/{path}", json.dumps(data) if data is not None else "", content_type="application/json",
            headers=headers,
        )  # fmt: skip

    return call


def test_sending_answers_with_the_message(api, gateway, receptionist, anna):
    answer = api(
        receptionist,
        "POST",
        "sms/send",
        {"contact_id": str(anna.public_id), "message": "Hello Anna, call us back."},
    )

    assert answer.status_code == 200
    body = answer.json()
    assert body["success"] is True
    assert set(body["message"]) >= {
        "id", "contact", "channel", "direction", "body", "template", "status", "reason", "booking", "send_at",
        "sent_at", "delivered_at", "provider", "segments", "cost",
    }  # fmt: skip
    assert (body["message"]["status"], body["message"]["direction"]) == ("queued", "outbound")
    sending.send_due()
    assert gateway.texts == ["Hello Anna, call us back."]


def test_sending_a_template_by_name(api, gateway, receptionist, anna):
    answer = api(
        receptionist,
        "POST",
        "sms/send",
        {"contact_id": str(anna.public_id), "template": "thank_you_attended"},
    )

    assert answer.json()["message"]["template"] == "thank_you_attended"


def test_what_is_not_sent_says_why(api, gateway, sydney, receptionist, anna):
    contact_services.set_consent(
        location_id=sydney.pk, address=anna.phone, channel="sms", purposes=["service"], state="withdrawn",
        basis="reply", cause=RULE,
    )  # fmt: skip
    body = api(
        receptionist, "POST", "sms/send", {"contact_id": str(anna.public_id), "message": "Hello"}
    ).json()

    assert body["success"] is False
    assert (body["message"]["status"], body["message"]["reason"]) == ("suppressed", "opted_out")
    assert body["message"]["why"] == "The person asked us not to write to this number or address."


def test_a_repeated_request_with_its_key_sends_once(api, gateway, receptionist, anna):
    for _ in range(2):
        api(
            receptionist, "POST", "sms/send", {"contact_id": str(anna.public_id), "message": "Hello"},
            **{"Idempotency-Key": "abc"},
        )  # fmt: skip

    assert Message.objects.count() == 1


def test_a_key_that_stood_for_another_text_is_refused(api, gateway, receptionist, anna):
    told = {"contact_id": str(anna.public_id), "message": "Hello"}
    answers = [
        api(receptionist, "POST", "sms/send", body, **{"Idempotency-Key": "abc"})
        for body in (told, {**told, "message": "Good bye"})
    ]

    assert [answer.status_code for answer in answers] == [200, 422]
    assert answers[1].json()["error"]["code"] == "key_reused"
    assert Message.objects.get().wording == "Hello"


@pytest.mark.parametrize(
    "data",
    [{}, {"message": "x", "template": "welcome_lead"}, {"message": "Hi {made_up}"}, {"message": "x" * 1601}],
)
def test_a_wrong_request_is_refused_with_the_field(api, gateway, receptionist, anna, data):
    answer = api(receptionist, "POST", "sms/send", {"contact_id": str(anna.public_id), **data})

    assert answer.status_code == 422
    assert answer.json()["error"]["fields"]
    assert not Message.objects.exists()


def test_who_may_not_write_or_sees_another_clinic_is_refused(api, gateway, reader, stranger, anna):
    data = {"contact_id": str(anna.public_id), "message": "Hello"}
    assert api(reader, "POST", "sms/send", data).status_code == 403
    assert api(stranger, "POST", "sms/send", data).status_code == 422
    assert not Message.objects.exists()


def test_messages_are_listed_filtered_and_read_within_the_clinic(api, gateway, receptionist, stranger, anna):
    queue_messages([NewMessage(anna.pk, "a", RULE, template="welcome_lead")])
    message = Message.objects.get()
    listed = api(receptionist, "GET", f"messages?contact={anna.public_id}&status=queued").json()["results"]

    assert [row["id"] for row in listed] == [str(message.public_id)]
    assert api(receptionist, "GET", "messages?status=sent").json()["results"] == []
    assert api(receptionist, "GET", f"messages/{message.public_id}").status_code == 200
    assert api(stranger, "GET", f"messages/{message.public_id}").status_code == 404
    assert api(stranger, "GET", "messages").json()["results"] == []


def test_a_page_of_messages_costs_the_same_queries_whatever_its_length(api, gateway, sydney, receptionist):
    def cost(count, label):
        queue_messages(
            [
                NewMessage(
                    make_contact(sydney, name=f"{label} {n}").pk, f"{label}{n}", RULE, template="welcome_lead"
                )
                for n in range(count)
            ]
        )
        api(receptionist, "GET", "messages")
        with CaptureQueriesContext(connection) as queries:
            api(receptionist, "GET", "messages")
        return len(queries)

    assert cost(1, "a") == cost(8, "b")


def test_a_conversation_is_read_answered_and_seen(api, gateway, receptionist, reader, stranger, anna):
    queue_messages([NewMessage(anna.pk, "a", RULE, template="welcome_lead")])
    talk = Conversation.objects.get()
    path = f"conversations/{talk.public_id}"

    detail = api(receptionist, "GET", path).json()
    assert [row["template"] for row in detail["messages"]] == ["welcome_lead"]
    assert api(reader, "POST", f"{path}/reply", {"message": "Hi"}).status_code == 403
    assert api(stranger, "POST", f"{path}/reply", {"message": "Hi"}).status_code == 404
    assert api(receptionist, "POST", f"{path}/reply", {"message": "Hi Anna"}).json()["success"] is True
    assert api(receptionist, "GET", path).json()["messages"][0]["body"] == "Hi Anna"
    assert api(receptionist, "POST", f"{path}/seen").json()["seen_at"]


def test_templates_are_read_by_staff_and_changed_by_managers(api, sydney, receptionist, manager, stranger):
    template = Template.objects.get(name="welcome_lead")
    path = f"templates/{template.public_id}"

    shown = api(receptionist, "GET", path).json()
    assert (shown["encoding"], shown["segments"], shown["versions"]) == ("GSM-7", 1, 1)
    assert api(receptionist, "PATCH", path, {"body": "Hi {first_name}"}).status_code == 403
    assert api(stranger, "GET", path).status_code == 404
    assert api(manager, "PATCH", path, {"body": "Hi {first_name}, {clinic} here."}).json()["versions"] == 2
    refused = api(manager, "PATCH", path, {"body": "Hi {frist_name}"})
    assert refused.status_code == 422
    assert "{first_name}" in refused.json()["error"]["fields"]["body"][0]


def test_a_template_is_read_with_what_the_linter_says_of_it(api, sydney, manager):
    path = f"templates/{Template.objects.get(name='welcome_lead').public_id}"
    warned = api(manager, "PATCH", path, {"body": "About your results, {first_name}"}).json()["findings"]
    refused = api(manager, "PATCH", path, {"body": "{clinic}: see http://x.example/a"})

    assert [(row["level"], row["code"]) for row in warned] == [
        ("warning", "no_sender"),
        ("warning", "maybe_health"),
    ]
    assert refused.status_code == 422
    assert "https://" in refused.json()["error"]["fields"]["body"][0]


def test_the_contact_detail_holds_its_messages(api, gateway, receptionist, anna):
    queue_messages([NewMessage(anna.pk, "a", RULE, template="welcome_lead")])
    detail = api(receptionist, "GET", f"contacts/{anna.public_id}").json()

    assert [row["template"] for row in detail["messages"]] == ["welcome_lead"]
