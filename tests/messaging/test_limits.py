"""Caps on what one number gets, machines that answer each other, and storms."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from contacts import services as contact_services
from core import clock
from core.causes import Cause
from core.errors import Conflict
from core.models import Event
from messaging import limits, sending, storms
from messaging.models import Message, Storm
from messaging.services import NewMessage, queue_messages, send_now, send_text
from tests.factories.contacts import make_contact
from tests.messaging.conftest import RULE
from tests.messaging.test_pages import PRESSED


def say(contact, n, **more):
    more.setdefault("body", f"{{clinic}} says {n}")
    queue_messages([NewMessage(contact.pk, f"{contact.pk}-{n}", more.pop("cause", RULE), **more)])
    sending.send_due()
    return Message.objects.get(dedupe_key=f"{contact.pk}-{n}")


def standing(message):
    return message.status, message.reason


def test_a_number_gets_so_many_automatic_texts_a_day_and_more_from_people(
    gateway, sydney, anna, receptionist, now
):
    sydney.settings = {"automatic_limit": 3}
    sydney.save()
    got = [standing(say(anna, n, category="follow_up")) for n in range(4)]
    by_hand = send_text(contact_id=anna.pk, body="Hello", cause=Cause.user(receptionist.pk))
    now.advance(timedelta(hours=25))

    assert got == [("sent", "")] * 3 + [("suppressed", "cap")]
    assert by_hand.message.status == "queued"
    assert standing(say(anna, "later", category="follow_up")) == ("sent", "")


def test_what_is_planned_for_another_day_is_not_dropped_for_what_was_sent_today(gateway, sydney, anna, now):
    sydney.settings = {"automatic_limit": 1, "care_limit": 1}
    sydney.save()
    say(anna, 1, purpose="care", category="recall")
    planned = NewMessage(
        anna.pk, "planned", RULE, body="{clinic} sees you soon", purpose="care", category="recall",
        send_at=clock.now() + timedelta(days=31),
    )  # fmt: skip
    queue_messages([planned])
    waiting = standing(Message.objects.get(dedupe_key="planned"))
    now.advance(timedelta(days=31, minutes=1))
    sending.send_due()

    assert waiting == ("scheduled", "")
    assert standing(Message.objects.get(dedupe_key="planned")) == ("sent", "")


def test_a_household_shares_its_numbers_limit(gateway, sydney, anna):
    from tests.factories.contacts import make_member

    sydney.settings = {"automatic_limit": 1}
    sydney.save()
    kid = make_member(anna, name="Kid Smith")
    assert [standing(say(one, 1, category="follow_up")) for one in (anna, kid)] == [
        ("sent", ""), ("suppressed", "cap"),
    ]  # fmt: skip


def test_a_household_shares_what_care_its_number_gets_in_a_month(gateway, sydney, anna, now):
    from tests.factories.contacts import make_member

    sydney.settings = {"care_limit": 1}
    sydney.save()
    kid = make_member(anna, name="Kid Smith")
    got = [standing(say(one, 1, purpose="care", category="recall")) for one in (anna, kid)]
    now.advance(timedelta(days=31))

    assert got == [("sent", ""), ("suppressed", "cap")]
    assert standing(say(kid, "later", purpose="care", category="recall")) == ("sent", "")


def test_a_number_gets_so_many_marketing_texts_in_a_month(gateway, sydney, anna, now):
    contact_services.set_consent(
        location_id=sydney.pk, address=anna.phone, channel="sms", purposes=["marketing"], state="granted",
        basis="form", cause=RULE,
    )  # fmt: skip
    got = []
    for n in range(limits.MARKETING_LIMIT + 1):
        now.advance(timedelta(days=1))
        got.append(standing(say(anna, n, purpose="marketing", category="campaign")))
    now.advance(timedelta(days=30))

    assert got == [("sent", "")] * limits.MARKETING_LIMIT + [("suppressed", "cap")]
    assert standing(say(anna, "later", purpose="marketing", category="campaign")) == ("sent", "")


def test_two_machines_do_not_answer_each_other_for_ever(gateway, sydney, anna, receptionist, now):
    got = [say(anna, n, category="reply") for n in range(limits.ANSWERS_LIMIT + 1)]
    held = got[-1]
    event = Event.objects.get(type="message_held")
    send_now(message_id=held.pk, cause=Cause.user(receptionist.pk))
    sending.send_due()
    now.advance(timedelta(minutes=61))

    assert [standing(message) for message in got[:-1]] == [("sent", "")] * limits.ANSWERS_LIMIT
    assert standing(held) == ("held", "loop")
    assert event.data["reason"] == "loop"
    assert Message.objects.get(pk=held.pk).status == "sent"
    assert standing(say(anna, "later", category="reply")) == ("sent", "")


def test_the_answer_to_a_stop_goes_out_whatever_was_said_before(gateway, anna):
    for n in range(limits.ANSWERS_LIMIT):
        say(anna, n, category="reply")
    assert standing(say(anna, "stop", body="", template="stop_reply", exempt_quiet=True)) == ("sent", "")


# Storms


@pytest.fixture
def crowd(sydney):
    def make(count):
        return [make_contact(sydney, name=f"Person{n}") for n in range(count)]

    return make


def wishes(people, cause=RULE, key="", **more):
    return [NewMessage(one.pk, f"{key}{one.pk}", cause, template="welcome_lead", **more) for one in people]


def counts():
    rows = Message.objects.values_list("status", "reason")
    return {pair: list(rows).count(pair) for pair in set(rows)}


@pytest.fixture
def three(sydney):
    sydney.settings = {"storm_limit": 3}
    sydney.save()


def test_what_one_rule_wants_beyond_the_limit_within_a_minute_is_held_as_one_storm(gateway, three, crowd):
    people = crowd(6)
    queue_messages(wishes(people[:4]))
    queue_messages(wishes(people[4:]))
    sending.send_due()

    assert counts() == {("sent", ""): 3, ("held", "storm"): 3}
    assert Storm.objects.get().messages.count() == 3
    assert Event.objects.filter(type="message_storm").count() == 1
    assert not Event.objects.filter(type="message_held").exists()


def test_a_storm_that_more_is_added_to_cannot_be_settled_meanwhile(gateway, three, crowd):
    queue_messages(wishes(crowd(4)))
    with CaptureQueriesContext(connection) as asked:
        queue_messages(wishes(crowd(1)))
    [looked] = [query["sql"] for query in asked if query["sql"].startswith('SELECT "messaging_storm"')]
    assert "FOR NO KEY UPDATE" in looked
    assert Storm.objects.get().messages.count() == 2


def test_other_rules_people_and_slower_traffic_raise_no_storm(gateway, three, crowd, anna, receptionist, now):
    people = crowd(4)
    queue_messages(wishes(people[:3]))
    queue_messages(wishes(people[3:], cause=Cause.rule_run("run-2", ("8:1",)), key="b"))
    queue_messages(wishes(people, cause=Cause.user(receptionist.pk), key="c"))
    queue_messages(wishes(people, key="d", send_at=now.at + timedelta(hours=3)))
    now.advance(timedelta(seconds=61))
    queue_messages(wishes(people[3:], key="e"))

    assert not Storm.objects.exists()
    assert not Message.objects.filter(status="held").exists()


def test_an_ordinary_busy_minute_raises_no_storm(gateway, crowd):
    queue_messages(wishes(crowd(storms.LIMIT)))
    assert not Storm.objects.exists()


def test_a_held_storm_waits_for_a_person_and_is_let_go_once(gateway, three, crowd, receptionist):
    from messaging import settling

    queue_messages(wishes(crowd(5)))
    settling.reconsider_held()
    sending.send_due()
    storm = Storm.objects.get()
    before = counts()
    count = storms.let_go(storm.pk, cause=Cause.user(receptionist.pk))
    sending.send_due()

    assert before == {("sent", ""): 3, ("held", "storm"): 2}
    assert (count, counts()) == (2, {("sent", ""): 5})
    with pytest.raises(Conflict):
        storms.drop(storm.pk, cause=Cause.user(receptionist.pk))
    told = Event.objects.get(type="storm_let_go")
    assert (told.cause.kind, told.data["count"]) == ("user", 2)


def test_a_dropped_storm_never_goes_out_and_the_next_one_is_its_own(gateway, three, crowd, receptionist, now):
    people = crowd(5)
    queue_messages(wishes(people))
    first = Storm.objects.get()
    storms.drop(first.pk, cause=Cause.user(receptionist.pk))
    queue_messages(wishes(people[:1], key="again"))
    sending.send_due()

    assert counts() == {("sent", ""): 3, ("cancelled", "storm_dropped"): 2, ("held", "storm"): 1}
    assert Storm.objects.count() == 2


def test_let_go_a_stop_in_between_still_counts(gateway, sydney, three, crowd, receptionist):
    people = crowd(4)
    queue_messages(wishes(people))
    contact_services.set_consent(
        location_id=sydney.pk, address=people[3].phone, channel="sms", purposes=["service"], state="withdrawn",
        basis="reply", cause=RULE,
    )  # fmt: skip
    storms.let_go(Storm.objects.get().pk, cause=Cause.user(receptionist.pk))
    sending.send_due()

    assert counts() == {("sent", ""): 3, ("suppressed", "opted_out"): 1}


def test_the_desk_sees_and_settles_a_storm(client, gateway, three, crowd, receptionist, reader, stranger):
    queue_messages(wishes(crowd(5)))
    storm = Storm.objects.get()
    client.force_login(receptionist)
    listed = client.get(reverse("admin:messaging_storm_changelist")).content.decode()
    page = client.get(reverse("admin:messaging_storm_change", args=(storm.public_id,))).content.decode()
    url = reverse("admin:messaging_storm_let_go", args=(storm.public_id,))
    client.force_login(reader)
    assert client.post(url, PRESSED).status_code == 403
    client.force_login(stranger)
    assert client.post(url, PRESSED).status_code == 404
    client.force_login(receptionist)
    done = client.post(url, PRESSED, follow=True).content.decode()

    assert "rule:7" in listed
    assert "Send these" in page
    assert "2 messages go out now." in done
    assert Storm.objects.get().state == "let_go"


def test_holding_back_costs_the_same_queries_however_many_there_are(gateway, three, crowd):
    def cost(count, key):
        people = crowd(count)
        with CaptureQueriesContext(connection) as queries:
            queue_messages(wishes(people, key=key))
        return len(queries)

    cost(4, "warm")
    assert cost(5, "a") == cost(30, "b")
