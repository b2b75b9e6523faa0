"""B15, B17 and B18: rules that storm, edits that lose or double what waits, and doors that tell different stories."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test import Client

from automation.models import RuleRun
from bookings import services as booking_services
from bookings.models import Booking
from contacts import services as contact_services
from contacts.models import Contact
from core.causes import Cause
from core.models import Event, Work
from messaging.models import Message
from messaging.services import NewMessage, queue_messages
from tests.factories.bookings import make_practitioner, make_service
from tests.factories.integrations import make_account, token_of
from tests.harness.threads import at_once
from tests.peers.conftest import Phone
from tests.peers.test_sending_bugs import live_through
from tests.rules.conftest import NOW, Clinic
from tests.webhooks.wix_builder import WixBooking

VISIT = NOW + timedelta(days=5, hours=2)
TEST = Cause.system("test")


def test_b15_five_fields_of_one_save_run_a_rule_once(clinic: Clinic, phone: Phone) -> None:
    """Others run a rule for every field that a save changed, and send a text each time."""
    anna = clinic.contact()
    clinic.api(
        "post", "rules", key="mine", name="Mine", trigger="contact_updated",
        actions=[{"type": "add_tag", "tag": "seen"}, {"type": "send_sms", "template": "welcome_lead"}],
    )  # fmt: skip
    phone.journal.clear()
    clinic.change(
        anna, name="Anna Smyth", email="anna@x.au", notes="Mornings.", is_high_risk=True, intent="procedure"
    )
    assert len(clinic.did("mine", anna)) == 1
    assert len(phone.texts(anna.phone)) == 1


def test_b15_rules_that_call_each_other_stop_and_say_so(clinic: Clinic, phone: Phone) -> None:
    """Others let two rules undo each other's work for ever."""
    lee = clinic.lead()
    for name, here, there in (("away", "engaged", "dead_lost"), ("back", "dead_lost", "engaged")):
        clinic.api(
            "post", "rules", key=name, name=name, trigger="stage_moved",
            conditions={"current_pipeline": "lead_to_booking", "current_stage": here},
            actions=[{"type": "update_pipeline", "pipeline": "lead_to_booking", "stage": there}],
        )  # fmt: skip
    clinic.move(lee, "lead_to_booking", "engaged")
    clinic.wait(minutes=5)
    runs = RuleRun.objects.filter(rule__key__in=("away", "back")).exclude(state="not_matched").order_by("pk")
    assert [(run.rule.key, run.state) for run in runs] == [
        ("away", "done"), ("back", "done"), ("away", "stopped"),
    ]  # fmt: skip
    assert "round in circles" in runs[2].reason
    assert clinic.stage(lee) == "lead_to_booking/engaged"


def test_b15_our_own_texts_start_no_rule_of_received_ones(clinic: Clinic, phone: Phone) -> None:
    """Others take their own texts, and automatic replies to them, for something a patient wrote."""
    anna = clinic.contact()
    clinic.book(anna, at=VISIT)
    clinic.api("post", "sms/send", contact_id=str(anna.public_id), message="Please bring your referral.")
    assert len(phone.texts(anna.phone)) == 2
    assert not Event.objects.filter(type="sms_received").exists()
    assert clinic.did("a2", anna) == clinic.did("b2", anna) == []


def test_b17_a_rule_edited_while_its_texts_wait(clinic: Clinic, phone: Phone) -> None:
    """Others drop what an edited rule had planned, or let the old and the new version both send."""
    before = clinic.contact("Anna Smith")
    clinic.book(before, at=VISIT)
    offsets = [action for action in clinic.rule("b1").current.actions if action["type"] != "create_task"]
    for action in offsets:
        if action["type"] == "schedule_reminders":
            action["offsets"], action["templates"] = [86400], ["reminder_24hr"]
    clinic.edit("b1", actions=offsets)
    clinic.edit("b1", is_active=False)
    clinic.edit("b1", is_active=True)
    after = clinic.contact("Ben Lee")
    clinic.book(after, at=VISIT + timedelta(minutes=30))
    live_through(clinic, VISIT)
    sent = {
        person.pk: Counter(name for name in clinic.sent(person) if name.startswith("reminder"))
        for person in (before, after)
    }
    assert sent[before.pk] == {"reminder_48hr": 1, "reminder_24hr": 1, "reminder_2hr": 1}
    assert sent[after.pk] == {"reminder_24hr": 1}
    assert phone.most() == 1


@pytest.mark.slow
def test_b17_a_wait_outlives_an_edit_and_is_not_begun_twice(clinic: Clinic, phone: Phone) -> None:
    """Others keep a wait in a queue that forgets it, or begin a second one when the rule is looked at again."""
    anna = clinic.contact()
    visit = clinic.book(anna, at=NOW + timedelta(hours=1))
    clinic.jump(visit.ends_at + timedelta(minutes=1))
    clinic.outcome(visit, "attended")
    assert "thank_you_attended" not in clinic.sent(anna)
    clinic.edit("c1", name="Attended, renamed")
    clinic.edit("c1", is_active=False)
    clinic.edit("c1", is_active=True)
    clinic.outcome(visit, "none")
    clinic.outcome(visit, "attended")
    clinic.jump(clinic.now + timedelta(minutes=11))
    clinic.jump(clinic.now + timedelta(hours=3))
    assert clinic.sent(anna).count("thank_you_attended") == 1


@pytest.mark.parametrize("rounds", [5, pytest.param(200, marks=pytest.mark.slow)])
def test_b18_what_was_rolled_back_sends_nothing_and_leaves_no_work(
    clinic: Clinic, phone: Phone, rounds: int
) -> None:
    """Others hand a text or a job to a queue that no rollback reaches."""
    anna = clinic.contact()
    phone.journal.clear()
    before = (Message.objects.count(), Work.objects.count(), Event.objects.count(), Booking.objects.count())
    for number in range(rounds):
        with transaction.atomic():
            visit = booking_services.create_booking(
                location=clinic.location, contact_id=anna.pk, service=make_service(clinic.location),
                appointment_datetime=VISIT + timedelta(hours=number), cause=TEST,
            )  # fmt: skip
            queue_messages(
                [
                    NewMessage(
                        anna.pk, f"c:{number}", TEST, template="booking_confirmation", booking_id=visit.pk
                    )
                ]
            )
            transaction.set_rollback(True)
    assert before == (
        Message.objects.count(), Work.objects.count(), Event.objects.count(), Booking.objects.count()
    )  # fmt: skip
    assert clinic.run_work() == 0
    assert phone.journal == []


def told(contact: Contact, since: int) -> list[str]:
    """Names of the events about a contact after the one with this id, sorted."""
    rows = Event.objects.filter(contact_id=contact.pk, pk__gt=since)
    return sorted(rows.values_list("type", flat=True))


def book_by_api(clinic: Clinic, anna: Contact) -> None:
    clinic.book(anna, at=VISIT + timedelta(hours=1))


def book_in_admin(clinic: Clinic, anna: Contact) -> None:
    local = clinic.location.local(VISIT)
    desk = Client()
    desk.force_login(clinic.staff)
    desk.post(
        "/admin/bookings/booking/add/",
        {
            "location": clinic.location.pk, "contact": anna.pk, "service": make_service(clinic.location).pk,
            "practitioner": make_practitioner(clinic.location).pk,
            "appointment_datetime_0": f"{local:%Y-%m-%d}", "appointment_datetime_1": f"{local:%H:%M}:00",
        },
    )  # fmt: skip
    clinic.run_work()


def book_at_wix(clinic: Clinic, anna: Contact) -> None:
    clinic.wix("created", WixBooking(start=VISIT, phone=anna.phone, first_name="Anna", last_name="Smith"))


def test_b18_a_booking_tells_the_same_on_every_path(clinic: Clinic, phone: Phone) -> None:
    """Others tell their rules of what came by the website, and not of what was typed at the desk or sent by the API."""
    seen = {}
    for book in (book_by_api, book_in_admin, book_at_wix):
        anna = clinic.contact("Anna Smith")
        since = Event.objects.latest("pk").pk
        book(clinic, anna)
        assert Booking.objects.filter(contact=anna).count() == 1
        seen[book.__name__] = (
            Counter(
                kind
                for kind in told(anna, since)
                if kind in ("booking_created", "stage_moved", "message_queued")
            ),
            [run.rule.key for run in RuleRun.objects.filter(contact=anna, rule__key="b1")],
            sorted(m.template.name for m in clinic.messages(anna)),
        )
    assert seen["book_by_api"] == seen["book_in_admin"] == seen["book_at_wix"]
    kinds, runs, texts = seen["book_by_api"]
    assert (kinds["booking_created"], runs) == (1, ["b1"])
    assert texts == ["booking_confirmation", "reminder_24hr", "reminder_2hr", "reminder_48hr"]


def test_b18_a_lead_tells_the_same_on_every_path(clinic: Clinic, phone: Phone) -> None:
    """Others run the rules for leads of one source and forget those of another, or run them before the lead is
    complete.
    """
    form = token_of(make_account(clinic.location, "web_form"))
    answer = clinic.public.post(
        f"/webhooks/forms/{form}",
        json.dumps({"name": "Ben Lee", "phone": "0412 999 111", "intent": "procedure"}),
        content_type="application/json",
    )
    assert answer.status_code == 200, answer.content
    clinic.run_work()
    by_form = Contact.objects.get(phone="+61412999111")
    by_desk = clinic.lead("Lee Lead", source="phone", intent="procedure")
    for one in (by_form, by_desk):
        kinds = Counter(told(one, 0))
        assert (kinds["contact_created"], kinds["lead_created"]) == (1, 1)
        [run] = clinic.runs("a1", one)
        assert run.state == "done"
        # What is reckoned from the lead, its warmness, was there when the rule looked.
        assert clinic.fresh(one).warmness_score > 0
        assert len(phone.texts(one.phone)) == 1


def test_b18_changes_of_many_tell_of_each(clinic: Clinic, phone: Phone) -> None:
    """Others tell nothing of what was changed for many at once."""
    there = [clinic.contact(f"Person {number}") for number in range(3)]
    since = Event.objects.latest("pk").pk
    contact_services.update_contacts(
        [contact_services.ContactUpdate(one.pk, {"is_high_risk": True}, cause=TEST) for one in there]
    )
    assert [told(one, since) for one in there] == [["contact_updated"]] * 3


def keyed(clinic: Clinic, anna: Contact, key: str, words: str) -> Any:
    client = type(clinic.client)()
    client.force_authenticate(clinic.staff)
    body = {"contact_id": str(anna.public_id), "message": words}
    return client.post("/api/sms/send", body, format="json", HTTP_IDEMPOTENCY_KEY=key)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("times", [8, pytest.param(50, marks=pytest.mark.slow)])
def test_b01_one_key_is_one_text_however_often_and_at_once_it_is_asked_for(
    clinic: Clinic, phone: Phone, times: int
) -> None:
    """Others send twice when a button is pressed twice or a client tries again."""
    anna = clinic.contact()
    answers = at_once(times, lambda number: keyed(clinic, anna, "once", "Please bring your referral."))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["message"]["id"] for answer in answers}) == 1
    clinic.run_work()
    assert phone.texts(anna.phone) == ["Please bring your referral."]
    assert keyed(clinic, anna, "once", "Something else.").status_code == 422
