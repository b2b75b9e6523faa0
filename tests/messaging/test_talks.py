"""Conversations: whose they are, resting, closed, new again; and numbers that cannot be reached."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from core.causes import Cause
from core.models import Event
from integrations.ports import SendOutcome
from messaging import inbound, jobs, sending, talks
from messaging.models import BlockedNumber, Conversation
from messaging.services import send_text
from tests.factories.contacts import make_contact
from tests.messaging.conftest import NOW, RULE


@pytest.fixture
def talk(sydney, account, anna):
    return Conversation.objects.create(location=sydney, contact=anna, channel="sms")


@pytest.fixture
def api(client, talk):
    def call(user, move, data=None):
        client.force_login(user)
        path = f"/api/conversations/{talk.public_id}/{move}"
        return client.post(path, json.dumps(data or {}), content_type="application/json")

    return call


@pytest.fixture
def writes(account):
    keys = iter(range(100))

    def arrive(contact, body):
        key = f"in-{next(keys)}"
        with transaction.atomic():
            return inbound.receive_inbound(
                account=account, from_=contact.reach_phone, to="", body=body, at=None, external_id=key, key=key,
                cause=Cause.provider(account.pk),
            )  # fmt: skip

    return arrive


def test_a_conversation_is_given_to_a_colleague_who_answers_there_and_taken_back(
    api, sydney, receptionist, reader, stranger, talk
):
    mine = api(receptionist, "assign", {"assigned_to": str(receptionist.public_id)})
    wrong = [api(receptionist, "assign", {"assigned_to": str(one.public_id)}) for one in (reader, stranger)]

    assert mine.json()["assigned_to"] == str(receptionist.public_id)
    assert [answer.status_code for answer in wrong] == [422, 422]
    assert api(receptionist, "assign", {"assigned_to": None}).json()["assigned_to"] is None
    assert Event.objects.filter(type="conversation_assigned").count() == 2


def test_one_that_rests_wakes_at_its_time_by_the_tick(api, receptionist, talk, now):
    until = NOW + timedelta(hours=2)
    snoozed = api(receptionist, "snooze", {"until": until.isoformat()}).json()
    jobs.settle()
    early = fresh_talk(talk)
    now.advance(timedelta(hours=2))
    jobs.settle()

    assert (snoozed["state"], early.state) == ("snoozed", "snoozed")
    assert (fresh_talk(talk).state, fresh_talk(talk).snoozed_until) == ("open", None)
    assert Event.objects.get(type="conversation_opened").cause == Cause.clock("snooze")


def fresh_talk(talk):
    return Conversation.objects.get(pk=talk.pk)


@pytest.mark.parametrize("move", ["snooze", "close"])
def test_a_new_message_opens_one_that_rests_or_is_closed(api, receptionist, talk, anna, writes, move):
    api(receptionist, move, {"until": (NOW + timedelta(days=3)).isoformat()})
    assert fresh_talk(talk).state != "open"
    writes(anna, "Do I need to fast?")

    assert fresh_talk(talk).state == "open"
    assert fresh_talk(talk).unseen
    assert Event.objects.filter(type="conversation_opened").count() == 1


def test_closing_and_opening_twice_changes_nothing_more(api, receptionist, talk):
    for move in ("close", "close", "reopen", "reopen"):
        assert api(receptionist, move).status_code == 200
    assert Event.objects.filter(type__startswith="conversation_").count() == 2
    assert api(receptionist, "close").json()["state"] == "closed"
    refused = api(receptionist, "snooze", {"until": (NOW + timedelta(hours=1)).isoformat()})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "closed")


@pytest.mark.parametrize("until", ["2026-11-20T09:00:00+11:00", "2026-12-01T09:00:00", "tomorrow", None])
def test_a_conversation_rests_only_until_a_moment_to_come(api, receptionist, talk, until):
    answer = api(receptionist, "snooze", {"until": until})
    assert answer.status_code == 422
    assert "until" in answer.json()["error"]["fields"]


@pytest.mark.parametrize("move", ["assign", "snooze", "close", "reopen", "seen"])
def test_who_may_only_read_moves_nothing_and_other_clinics_find_nothing(api, reader, stranger, talk, move):
    assert api(reader, move, {}).status_code == 403
    assert api(stranger, move, {}).status_code == 404


def inbox(client, user, which):
    client.force_login(user)
    page = client.get(reverse("admin:messaging_conversation_changelist"), {"which": which} if which else {})
    return sorted(row.contact.name for row in page.context["cl"].result_list)


@pytest.fixture
def five(sydney, account, receptionist, writes):
    rows = {}
    for name in ("Mine", "New", "Resting", "Closed", "Gone"):
        contact = make_contact(sydney, name=name)
        rows[name] = Conversation.objects.create(location=sydney, contact=contact, channel="sms")
    rows["Mine"].assigned_to = receptionist
    rows["Mine"].save()
    writes(rows["New"].contact, "Hello?")
    cause = RULE.user(receptionist.pk)
    talks.snooze_conversation(conversation_id=rows["Resting"].pk, until=NOW + timedelta(days=1), cause=cause)
    talks.close_conversation(conversation_id=rows["Closed"].pk, cause=cause)
    BlockedNumber.objects.create(location=sydney, address=rows["Gone"].contact.phone, error_code="landline")
    return rows


@pytest.mark.parametrize(
    ("which", "names"),
    [
        ("", ["Gone", "Mine", "New"]), ("mine", ["Mine"]), ("unassigned", ["Gone", "New"]), ("unread", ["New"]),
        ("snoozed", ["Resting"]), ("closed", ["Closed"]), ("undeliverable", ["Gone"]),
    ],
)  # fmt: skip
def test_the_inbox_shows_what_there_is_to_do(client, five, receptionist, stranger, which, names):
    assert inbox(client, receptionist, which) == names
    assert inbox(client, stranger, which) == []


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("assigned_to=me", ["Mine"]), ("assigned_to=nobody&state=open", ["Gone", "New"]), ("unread=true", ["New"]),
        ("unread=false&state=open", ["Gone", "Mine"]), ("undeliverable=true", ["Gone"]), ("state=snoozed", ["Resting"]),
    ],
)  # fmt: skip
def test_the_api_finds_conversations_by_what_there_is_to_do(client, five, receptionist, query, names):
    client.force_login(receptionist)
    rows = client.get(f"/api/conversations?{query}").json()["results"]
    assert sorted(row["contact"]["name"] for row in rows) == names
    assert client.get("/api/conversations?assigned_to=someone").status_code in (400, 422)
    own = client.get(f"/api/conversations?assigned_to={receptionist.public_id}").json()["results"]
    assert [row["contact"]["name"] for row in own] == ["Mine"]


def test_the_inbox_costs_the_same_queries_whatever_its_length(client, sydney, receptionist):
    def cost(count):
        for _ in range(count):
            talk = Conversation.objects.create(
                location=sydney, contact=make_contact(sydney), channel="sms", assigned_to=receptionist
            )
            BlockedNumber.objects.create(location=sydney, address=talk.contact.phone)
        costs = []
        for which in ("", "mine", "undeliverable"):
            inbox(client, receptionist, which)
            with CaptureQueriesContext(connection) as queries:
                inbox(client, receptionist, which)
            costs.append(len(queries))
        return costs

    assert cost(1) == cost(6)


def test_the_desk_moves_a_conversation_on_its_page(client, talk, receptionist, reader, stranger):
    def press(user, what, **data):
        client.force_login(user)
        return client.post(
            reverse("admin:messaging_conversation_move", args=(talk.public_id, what)), data, follow=True
        ).content.decode()

    page = press(receptionist, "assign", assigned_to=str(receptionist.public_id))
    assert f"It is {receptionist}&#x27;s now." in page
    assert "There is no such colleague here." in press(
        receptionist, "assign", assigned_to=str(stranger.public_id)
    )
    assert "rests until Tue 24 Nov, 09:00" in press(receptionist, "snooze", until="tomorrow")
    assert "Snoozed until Tue 24 Nov, 09:00" in press(receptionist, "snooze", until="nonsense")
    assert "It is open again." in press(receptionist, "reopen")
    assert "Open again" in press(receptionist, "close")
    client.force_login(reader)
    url = reverse("admin:messaging_conversation_move", args=(talk.public_id, "reopen"))
    assert client.post(url).status_code == 403
    client.force_login(stranger)
    assert client.post(url).status_code == 404
    client.force_login(receptionist)
    assert client.post(url.replace("reopen", "fly")).status_code == 404


# Numbers that cannot be reached


def test_an_undeliverable_number_is_shown_stops_texts_and_is_lifted_with_a_reason(
    client, gateway, anna, receptionist, reader, talk
):
    gateway.answers = [SendOutcome("refused", error_code="landline")]
    send_text(contact_id=anna.pk, body="Hello", cause=RULE.user(receptionist.pk))
    sending.send_due()
    number = BlockedNumber.objects.get()
    stopped = send_text(contact_id=anna.pk, body="Again", cause=RULE.user(receptionist.pk))
    client.force_login(receptionist)
    pages = [
        client.get(reverse("admin:messaging_conversation_thread", args=(talk.public_id,))),
        client.get(reverse("admin:contacts_contact_panel", args=(anna.public_id, "messages"))),
    ]
    lift = reverse("admin:messaging_blockednumber_lift", args=(number.public_id,))
    client.post(lift, {"_form_submitted": "on", "reason": " "})
    unlifted = fresh_number(number)
    client.post(lift, {"_form_submitted": "on", "reason": "She has a new phone"})
    again = send_text(contact_id=anna.pk, body="Once more", cause=RULE.user(receptionist.pk))

    assert (stopped.message.status, stopped.reason) == ("suppressed", "blocked_number")
    assert all("Texts to this number cannot be delivered" in page.content.decode() for page in pages)
    assert unlifted.lifted_at is None
    assert (fresh_number(number).lifted_reason, fresh_number(number).lifted_by_kind) == (
        "She has a new phone",
        "user",
    )
    assert again.message.status == "queued"
    assert [event.type for event in Event.objects.filter(type__startswith="number_").order_by("id")] == [
        "number_blocked", "number_lifted",
    ]  # fmt: skip
    assert number.address not in json.dumps(list(Event.objects.values_list("data", flat=True)))
    client.force_login(reader)
    assert client.post(lift, {"_form_submitted": "on", "reason": "x"}).status_code == 403


def fresh_number(number):
    return BlockedNumber.objects.get(pk=number.pk)


def test_a_lifted_number_may_turn_out_undeliverable_once_more(gateway, anna, receptionist, writes):
    cause = RULE.user(receptionist.pk)
    for n in range(2):
        gateway.answers = [SendOutcome("refused", error_code="landline")]
        send_text(contact_id=anna.pk, body=f"Hello {n}", cause=cause)
        sending.send_due()
        if n == 0:
            writes(anna, "I am here")
    rows = BlockedNumber.objects.order_by("id")

    assert [row.lifted_reason for row in rows] == ["A text came from it.", ""]
