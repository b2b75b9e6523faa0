"""The inbox: what stands in which folder, what is told while one looks, and what it costs."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contacts.models import Contact
from core.causes import Cause
from core.models import Event
from messaging import inbound, inbox, sending, services, talks
from messaging.models import BlockedNumber, Conversation, Message
from messaging.services import NewMessage, queue_messages, send_text
from tests.factories.contacts import make_contact
from tests.messaging.conftest import NOW, RULE, member
from tests.pages.test_query_counts import MOST

LIVE = {"HX-Request": "true"}


@pytest.fixture
def writes(account):
    keys = iter(range(1000))

    def arrive(phone, body):
        key = f"in-{next(keys)}"
        with transaction.atomic():
            return inbound.receive_inbound(
                account=account, from_=phone, to="", body=body, at=None, external_id=key, key=key,
                cause=Cause.provider(account.pk),
            )  # fmt: skip

    return arrive


@pytest.fixture
def seven(sydney, gateway, receptionist, writes, now):
    """A conversation for each folder."""
    cause = RULE.user(receptionist.pk)
    rows = {}
    for name in ("New", "Looked at", "Answered", "Mine", "Resting", "Over", "Gone"):
        person = make_contact(sydney, name=name)
        if name == "Gone":
            rows[name] = services.send_text(
                contact_id=person.pk, body="Hello", cause=cause
            ).message.conversation
            BlockedNumber.objects.create(location=sydney, address=person.phone, error_code="landline")
            continue
        rows[name] = writes(person.phone, f"Here is {name}").conversation
        now.advance(timedelta(minutes=1))
        if name != "New":
            services.mark_seen(conversation_id=rows[name].pk)
    send_text(contact_id=rows["Answered"].contact_id, body="Hi", cause=cause)
    sending.send_due()
    talks.assign_conversation(conversation_id=rows["Mine"].pk, to=receptionist, cause=cause)
    talks.snooze_conversation(conversation_id=rows["Resting"].pk, until=NOW + timedelta(days=1), cause=cause)
    talks.close_conversation(conversation_id=rows["Over"].pk, cause=cause)
    return rows


@pytest.fixture
def see(client):
    def get(user, name="messaging_inbox", *args, live=False, **query):
        client.force_login(user)
        return client.get(reverse(f"admin:{name}", args=args), query, headers=LIVE if live else {})

    return get


def names(answer):
    return [line.talk.contact.name for line in answer.context["page"].lines]


def hidden(answer):
    """What the page says it shows, as its parts give it back."""
    html = answer.content.decode()
    form = html[html.index('id="ib-state"') :].split("</form>")[0]
    return dict(re.findall(r'name="(\w+)" value="([^"]*)"', form))


@pytest.mark.parametrize(
    ("folder", "there"),
    [
        ("unread", {"New"}), ("unanswered", {"Looked at", "Mine"}), ("mine", {"Mine"}),
        ("unassigned", {"New", "Looked at", "Answered"}), ("undeliverable", {"Gone"}), ("snoozed", {"Resting"}),
        ("closed", {"Over"}), ("all", {"New", "Looked at", "Answered", "Mine", "Resting", "Over"}),
    ],
)  # fmt: skip
def test_each_folder_holds_what_waits_for_the_same(see, seven, receptionist, stranger, folder, there):
    answer = see(receptionist, folder=folder)

    assert set(names(answer)) == there
    counts = {key: count for key, _, count, _ in answer.context["folders"]}
    assert counts[folder] == ("" if folder in ("closed", "all") else str(len(there)))
    assert names(see(stranger, folder=folder)) == []


def test_a_text_that_came_too_late_does_not_look_sent(see, seven, receptionist):
    Message.objects.filter(conversation=seven["Answered"], direction="outbound").update(status="expired")
    [line] = [
        one for one in see(receptionist, folder="all").context["page"].lines if one.talk == seven["Answered"]
    ]
    assert (line.ours, line.failed) == (True, True)
    assert "Not sent: Hi" in " ".join(see(receptionist, folder="all").content.decode().split())


def test_counts_end_at_a_cap_and_the_way_to_the_inbox_carries_what_is_unread(
    see, seven, receptionist, monkeypatch, writes, sydney
):
    page = see(receptionist).content.decode()
    assert re.search(r"Inbox</span>.{0,400}?>\s*1\s*<", page, re.S)
    monkeypatch.setattr(inbox, "CAP", 2)
    for _ in range(3):
        writes(make_contact(sydney).phone, "Hello")
    counts = {key: count for key, _, count, _ in see(receptionist).context["folders"]}
    assert counts["unread"] == "2+"


def test_pages_of_a_long_folder_follow_each_other_without_a_gap(
    see, sydney, receptionist, writes, now, monkeypatch
):
    monkeypatch.setattr(inbox, "SHOWN", 3)
    for n in range(8):
        writes(make_contact(sydney, name=f"P{n}").phone, "Hello")
        if n != 3:  # Two of them at the same instant.
            now.advance(timedelta(minutes=1))
    found, after = [], ""
    while True:
        answer = see(receptionist, **({"after": after} if after else {}))
        found += names(answer)
        after = answer.context["page"].after
        if not after:
            break

    assert found == [f"P{n}" for n in reversed(range(8))]
    assert see(receptionist, after="nonsense").status_code == 302


@pytest.mark.parametrize("typed", ["look", "Looked at", "phone"])
def test_people_are_found_by_name_and_by_number_and_the_term_stands_in_no_address(
    client, seven, receptionist, stranger, typed
):
    wanted = seven["Looked at"].contact.phone.replace("+61", "0") if typed == "phone" else typed
    client.force_login(receptionist)
    answer = client.post(reverse("admin:messaging_inbox"), {"q": wanted, "folder": "unread"})
    assert names(answer) == ["Looked at"]
    client.force_login(stranger)
    assert names(client.post(reverse("admin:messaging_inbox"), {"q": wanted})) == []


def test_a_conversation_shows_who_sent_what_and_why_and_marks_it_as_seen(
    see, sydney, gateway, receptionist, reader, anna, writes
):
    queue_messages([NewMessage(anna.pk, "a", RULE, template="welcome_lead")])
    send_text(contact_id=anna.pk, body="Hello Anna", cause=RULE.user(receptionist.pk))
    sending.send_due()
    talk = writes(anna.phone, "Do I need to fast?").conversation
    read = see(reader, "messaging_conversation_thread", talk.public_id)
    assert Conversation.objects.get().unseen
    page = see(receptionist, "messaging_conversation_thread", talk.public_id).content.decode()

    assert not Conversation.objects.get().unseen
    assert "Do I need to fast?" in read.content.decode()
    assert 'title="Why it was sent">a rule</a>' in page
    assert "Sent</a> · Staff" in " ".join(page.split())
    assert "<textarea" not in read.content.decode()


def test_nothing_new_costs_no_page(see, seven, receptionist):
    talk = seven["New"]
    shown = hidden(see(receptionist, "messaging_conversation_thread", talk.public_id))
    answer = see(receptionist, "messaging_inbox_live", live=True, **shown)

    assert shown["talk"] == str(talk.public_id)
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_new_message_comes_into_list_and_conversation_and_is_told(see, seven, receptionist, writes):
    talk = seven["Looked at"]
    shown = hidden(see(receptionist, "messaging_conversation_thread", talk.public_id))
    writes(seven["Answered"].contact.phone, "Are you open on Sunday?")
    elsewhere = see(receptionist, "messaging_inbox_live", live=True, visible="1", **shown)
    writes(talk.contact.phone, "One more thing")
    here = see(receptionist, "messaging_inbox_live", live=True, visible="1", **hidden(elsewhere))

    assert "Are you open on Sunday?" in elsewhere.content.decode()
    assert "New message from Answered. 2 unread." in elsewhere.content.decode()
    assert 'id="ib-messages"' not in elsewhere.content.decode()
    assert "One more thing" in here.content.decode()
    assert "<textarea" not in here.content.decode()
    talk.refresh_from_db()
    assert not talk.unseen


def test_a_message_that_nobody_looks_at_stays_unread(see, seven, receptionist, writes):
    talk = seven["Looked at"]
    shown = hidden(see(receptionist, "messaging_conversation_thread", talk.public_id))
    writes(talk.contact.phone, "One more thing")
    see(receptionist, "messaging_inbox_live", live=True, visible="0", **shown)

    talk.refresh_from_db()
    assert talk.unseen


def test_two_people_on_one_conversation_are_told_of_each_other(see, seven, sydney, receptionist, now):
    mia = member(sydney, "staff", "mia@clinic.test")
    mia.name = "Mia"
    mia.save()
    talk = seven["New"]
    mine = hidden(see(receptionist, "messaging_conversation_thread", talk.public_id))
    hers = see(mia, "messaging_conversation_thread", talk.public_id)
    see(mia, "messaging_inbox_live", live=True, typing="1", **hidden(hers))
    told = see(receptionist, "messaging_inbox_live", live=True, **mine)
    now.advance(timedelta(seconds=40))
    over = see(receptionist, "messaging_inbox_live", live=True, **hidden(told))

    assert "Staff has this open as well." in hers.content.decode()
    assert "Mia is answering." in told.content.decode()
    assert "Mia" not in over.content.decode().split('id="ib-messages"')[0].split("ib-moves")[0]


def press(client, user, which, what, *, live=True, **data):
    client.force_login(user)
    url = reverse("admin:messaging_conversation_move", args=(which.public_id, what))
    return client.post(url, data, headers=LIVE if live else {})


def test_acts_of_the_list_answer_with_the_list_as_it_is_now(client, seven, receptionist, reader):
    talk = seven["New"]
    mine = press(client, receptionist, talk, "mine", folder="unread")
    talk.refresh_from_db()
    assert talk.assigned_to == receptionist
    assert "It is yours now." in mine.headers["HX-Trigger"]
    closed = press(client, receptionist, talk, "close", folder="unread")
    assert f"ib-row-{talk.public_id}" not in closed.content.decode()
    assert press(client, reader, talk, "mine").status_code == 403
    again = press(client, receptionist, talk, "unread", folder="closed")
    assert "is closed" in again.headers["HX-Trigger"]


@pytest.mark.parametrize("what", ["mine", "assign", "snooze", "close"])
def test_whose_it_is_its_rest_and_its_end_are_taken_back_unless_it_was_changed_since(
    client, seven, receptionist, what
):
    def standing():
        talk.refresh_from_db()
        return talk.state, talk.snoozed_until, talk.assigned_to_id

    talk = seven["New"]
    asked = {"assigned_to": str(receptionist.public_id), "until": "tomorrow", "folder": "unread"}
    undo = []
    before = standing()
    for _ in range(2):
        said = json.loads(press(client, receptionist, talk, what, **asked).headers["HX-Trigger"])["said"]
        assert standing() != before
        undo.append(said["undo"])
        if len(undo) == 1:
            assert "Undone." in client.post(undo[0], headers=LIVE).headers["HX-Trigger"]
            assert standing() == before
    if what in ("snooze", "close"):
        talks.reopen_conversation(conversation_id=talk.pk, cause=Cause.user(receptionist.pk))
    else:
        talks.assign_conversation(conversation_id=talk.pk, to=None, cause=Cause.user(receptionist.pk))
    assert "changed since" in client.post(undo[1], headers=LIVE).headers["HX-Trigger"]


def test_what_changed_nothing_offers_no_undo(client, seven, receptionist):
    press(client, receptionist, seven["New"], "close")
    again = press(client, receptionist, seven["New"], "close")
    assert json.loads(again.headers["HX-Trigger"])["said"]["undo"] == ""


def test_marked_unread_it_is_put_away_and_stands_under_unread_again(client, see, seven, receptionist):
    talk = seven["Looked at"]
    shown = hidden(see(receptionist, "messaging_conversation_thread", talk.public_id))
    answer = press(client, receptionist, talk, "unread", **shown)

    assert "Choose a conversation." in answer.content.decode()
    assert hidden(answer)["talk"] == ""
    assert "Looked at" in names(see(receptionist))
    never = make_contact(talk.location)
    quiet = Conversation.objects.create(location=talk.location, contact=never, channel="sms")
    assert (
        "Nothing has come in here yet" in press(client, receptionist, quiet, "unread").headers["HX-Trigger"]
    )


def test_marking_unread_is_open_to_programs_too(client, seven, receptionist, reader):
    talk = seven["Looked at"]
    client.force_login(receptionist)
    assert client.post(f"/api/conversations/{talk.public_id}/unread").json()["unseen"] is True
    client.force_login(reader)
    assert client.post(f"/api/conversations/{talk.public_id}/unread").status_code == 403


def test_a_strangers_first_text_is_named_or_becomes_a_lead(client, see, receptionist, writes, account):
    talk = writes("+61499888777", "STOP").conversation
    page = see(receptionist, "messaging_conversation_thread", talk.public_id).content.decode()
    assert "Who is this?" in page
    assert reverse("admin:contacts_contact_merge", args=(talk.contact.public_id,)) in page
    assert "Make a lead" in page
    empty = press(client, receptionist, talk, "name", name=" ")
    named = press(client, receptionist, talk, "name", name="Bo Berg", talk=str(talk.public_id))
    for _ in range(2):
        press(client, receptionist, talk, "lead")

    assert (
        "Write the person&#x27;s name." in empty.content.decode()
        or "Write the" in empty.headers["HX-Trigger"]
    )
    assert "Bo Berg" in named.content.decode()
    contact = Contact.objects.get(pk=talk.contact_id)
    assert (contact.name, contact.lead_at) == ("Bo Berg", NOW)
    assert Event.objects.filter(type="lead_created", contact_id=contact.pk).count() == 1


def test_long_conversations_are_read_in_parts(see, sydney, gateway, receptionist, anna, writes):
    for n in range(70):
        talk = writes(anna.phone, f"Line {n:02d}").conversation
    page = see(receptionist, "messaging_conversation_thread", talk.public_id)
    before = page.context["before"]
    older = see(receptionist, "messaging_conversation_earlier", talk.public_id, live=True, before=before)

    assert "Line 30" in page.content.decode()
    assert "Line 29" not in page.content.decode()
    assert [f"Line {n:02d}" in older.content.decode() for n in (0, 29, 30)] == [True, True, False]
    assert "Earlier messages" not in older.content.decode()
    assert Message.objects.count() == 70


def test_the_inbox_costs_the_same_however_much_there_is(
    see, client, sydney, gateway, receptionist, writes, now
):
    def cost():
        costs = []
        talk = Conversation.objects.earliest("pk")
        shown = hidden(see(receptionist, "messaging_conversation_thread", talk.public_id))
        for name, args, query in (
            ("messaging_inbox", (), {}),
            ("messaging_inbox", (), {"folder": "undeliverable"}),
            ("messaging_conversation_thread", (talk.public_id,), {}),
            ("messaging_inbox_live", (), {**shown, "lines": "old", "thread": "old"}),
        ):
            with CaptureQueriesContext(connection) as queries:
                client.get(reverse(f"admin:{name}", args=args), query)
            costs.append(len(queries))
        return costs

    def more(count):
        for _ in range(count):
            person = make_contact(sydney)
            writes(person.phone, "Hello")
            send_text(contact_id=person.pk, body="Hi", cause=RULE.user(receptionist.pk))
            BlockedNumber.objects.create(location=sydney, address=make_contact(sydney).phone)
        sending.send_due()

    more(2)
    few = cost()
    more(8)
    assert cost() == few
    assert max(few) <= MOST
