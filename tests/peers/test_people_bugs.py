"""B6 to B10, B12 and B13: two visits at one time, one person twice, two people as one, and words read wrongly."""

from __future__ import annotations

import json
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import Location, Membership, User
from bookings.models import Booking
from contacts import consent
from contacts.identity import read_phone
from contacts.models import Contact, Touchpoint
from core import work
from integrations.ports import SendOutcome
from messaging.models import Conversation, Message
from tasks.models import Task
from tests.factories.bookings import make_booking, make_practitioner, make_service
from tests.factories.contacts import make_contact, make_member
from tests.factories.integrations import make_account, token_of
from tests.harness.threads import at_once
from tests.peers.conftest import Phone
from tests.rules.conftest import NOW, Clinic
from tests.webhooks.wix_builder import WixBooking

VISIT = NOW + timedelta(days=5, hours=2)
real_rivals = pytest.mark.django_db(transaction=True)


def client_of(user: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(user)
    return client


def wanted(contact: Contact, clinic: Clinic, **more: Any) -> dict[str, Any]:
    return {
        "contact": str(contact.public_id),
        "service": str(make_service(clinic.location).public_id),
        "practitioner": str(make_practitioner(clinic.location).public_id),
        "appointment_datetime": VISIT.isoformat(),
        **more,
    }


@real_rivals
@pytest.mark.parametrize("rivals", [8, pytest.param(50, marks=pytest.mark.slow)])
def test_b06_no_double_booking(clinic: Clinic, phone: Phone, rivals: int) -> None:
    """Others look whether a time is free and then book it, so that two who look together both get it."""
    there = [clinic.contact(f"Person {number}") for number in range(rivals)]
    asked = [wanted(one, clinic) for one in there]

    def book(number: int) -> int:
        return client_of(clinic.staff).post("/api/bookings", asked[number], format="json").status_code

    assert Counter(at_once(rivals, book)) == {201: 1, 409: rivals - 1}
    assert Booking.objects.count() == 1


@real_rivals
@pytest.mark.parametrize("rivals", [[0], [1], [2], [0, 1, 2]], ids=["move", "API", "admin", "all at once"])
def test_b06_a_move_and_a_booking_want_the_same_time(clinic: Clinic, phone: Phone, rivals: list[int]) -> None:
    """Others guard the booking of a time, and not the moving of another visit to it, or only one of their pages.
    Each of the three gets the time when it is alone.
    """
    anna, ben, kim = (clinic.contact(name) for name in ("Anna Smith", "Ben Lee", "Kim Wong"))
    later = clinic.book(anna, at=VISIT + timedelta(hours=3))
    asked = wanted(ben, clinic)
    local = clinic.location.local(VISIT)
    typed = {
        "location": clinic.location.pk, "contact": kim.pk, "service": make_service(clinic.location).pk,
        "practitioner": make_practitioner(clinic.location).pk,
        "appointment_datetime_0": f"{local:%Y-%m-%d}", "appointment_datetime_1": f"{local:%H:%M}:00",
    }  # fmt: skip

    def go(number: int) -> None:
        if number == 0:
            path = f"/api/bookings/{later.public_id}/reschedule"
            client_of(clinic.staff).post(path, {"appointment_datetime": VISIT.isoformat()}, format="json")
        elif number == 1:
            client_of(clinic.staff).post("/api/bookings", asked, format="json")
        else:
            desk = Client()
            desk.force_login(clinic.staff)
            desk.post("/admin/bookings/booking/add/", typed)

    at_once(len(rivals), lambda number: go(rivals[number]))
    assert Booking.objects.filter(appointment_datetime=VISIT).count() == 1


def test_b07_what_was_cancelled_or_has_lapsed_holds_no_time(clinic: Clinic, phone: Phone) -> None:
    """Others let cancelled visits, and those that were never confirmed or paid, block their time for ever."""
    lee = make_practitioner(clinic.location)
    anna, ben, kim = (clinic.contact(name) for name in ("Anna Smith", "Ben Lee", "Kim Wong"))
    pending = make_booking(anna, at=VISIT, practitioner=lee, status="pending", awaits_deposit=True)

    def book(contact: Contact) -> int:
        return clinic.client.post("/api/bookings", wanted(contact, clinic), format="json").status_code

    assert book(ben) == 409
    clinic.jump(NOW + timedelta(minutes=31))
    assert clinic.fresh(pending).status == "cancelled"
    assert book(ben) == 201
    clinic.cancel(Booking.objects.get(contact=ben))
    assert book(kim) == 201


@real_rivals
def test_b08_inbound_once_in_one_thread(clinic: Clinic, phone: Phone) -> None:
    """Others make a message, or run a rule, for every delivery of the same text, when deliveries come together."""
    lee = clinic.lead()

    def deliver(number: int) -> None:
        sms = {"message_id": "SM-1", "from": lee.phone, "to": "", "body": "Tell me more about it please"}
        path = f"/webhooks/sms/inbound/{clinic.sms_token}"
        assert Client().post(path, json.dumps(sms), content_type="application/json").status_code == 200
        work.drain()

    at_once(5, deliver)
    clinic.run_work()
    assert Message.objects.filter(direction="inbound").count() == 1
    assert Touchpoint.objects.filter(contact=lee, type="sms_received").count() == 1
    assert len(clinic.did("a2", lee)) == 1
    assert clinic.stage(lee) == "lead_to_booking/engaged"


@real_rivals
def test_b08_two_texts_of_somebody_new_are_one_conversation(clinic: Clinic, phone: Phone) -> None:
    """Others make two people, or two conversations, of two quick texts from a number nobody knows."""
    number = "+61412999888"
    for key, body in (("n-1", "Hello"), ("n-2", "Do you do skin checks?")):
        sms = {"message_id": key, "from": number, "to": "", "body": body}
        path = f"/webhooks/sms/inbound/{clinic.sms_token}"
        assert Client().post(path, json.dumps(sms), content_type="application/json").status_code == 200
    at_once(4, lambda number: work.drain())
    clinic.run_work()
    person = Contact.objects.get(phone=number)
    assert Conversation.objects.filter(contact=person).count() == 1
    rows = Message.objects.filter(direction="inbound").order_by("pk").values_list("body", flat=True)
    assert list(rows) == ["Hello", "Do you do skin checks?"]


def test_b09_one_phone_one_person(clinic: Clinic, phone: Phone) -> None:
    """Others store numbers as they were typed, so that each door makes another person of the same one."""
    anna = clinic.contact("Anna Smith", phone="0412 345 678")
    assert anna.phone == "+61412345678"
    visit = clinic.wix(
        "created", WixBooking(start=VISIT, phone="+61 (0)412 345 678", first_name="Anna", last_name="Smith")
    )
    assert visit is not None
    path = f"/webhooks/sms/inbound/{clinic.sms_token}"
    for key, written in (("n-1", "0412345678"), ("n-2", "61412345678")):
        sms = {"message_id": key, "from": written, "to": "", "body": "Hello"}
        answer = clinic.public.post(path, json.dumps(sms), content_type="application/json")
        assert answer.status_code == 200, answer.content
    form = token_of(make_account(clinic.location, "web_form"))
    answer = clinic.public.post(
        f"/webhooks/forms/{form}", json.dumps({"name": "Anna Smith", "phone": "(04) 1234 5678"}),
        content_type="application/json",
    )  # fmt: skip
    assert answer.status_code == 200, answer.content
    clinic.run_work()
    again = clinic.client.post(
        "/api/contacts", {"name": "Anna Smith", "phone": "+61 412-345-678", "source": "phone"}, format="json"
    )
    assert again.status_code == 409
    assert list(Contact.objects.values_list("pk", flat=True)) == [anna.pk]
    assert visit.contact_id == anna.pk
    assert Message.objects.filter(contact=anna, direction="inbound").count() == 2
    assert Touchpoint.objects.filter(contact=anna, type="form_submit").count() == 1


@pytest.mark.parametrize(
    ("one", "other", "region"),
    [
        ("(201) 555-0123", "+1 201 555 0123", "US"),
        ("+52 1 33 1234 5678", "+52 33 1234 5678", "MX"),
        ("+55 11 6123-4567", "011 96123-4567", "BR"),
    ],
)
def test_b09_numbers_that_countries_write_in_two_ways(one: str, other: str, region: str) -> None:
    """Others take the old and the new way of writing a mobile number for two people."""
    assert read_phone(one, region).e164 == read_phone(other, region).e164 != ""


def test_b09_a_number_that_is_none_is_refused_and_the_field_named(clinic: Clinic) -> None:
    """Others keep a number nobody can call, or refuse it without saying which."""
    body = {"name": "Anna Smith", "phone": "12", "source": "phone"}
    answer = clinic.client.post("/api/contacts", body, format="json")
    assert answer.status_code == 422
    assert "phone" in answer.json()["error"]["fields"]


def test_b10_merge_loses_nothing_and_stays_inside_the_clinic(clinic: Clinic, phone: Phone) -> None:
    """Others lose rows when two people become one, forget who opted out, merge a person with itself or with one of
    another clinic, leave old addresses dead, and cannot go back.
    """
    keep, away = clinic.contact("Ann Lee"), clinic.contact("Anne Lee")
    visit = clinic.book(away, at=VISIT)
    clinic.text(away, "STOP")
    child = make_member(away, name="Kim Wong")
    texts = Message.objects.filter(contact=away).count()
    marks = Touchpoint.objects.filter(contact=away).count()
    path = f"contacts/{away.public_id}/merge"
    itself = clinic.client.post(f"/api/{path}", {"into": str(away.public_id)}, format="json")
    assert itself.status_code == 422
    elsewhere = Location.objects.create(name="Elsewhere", code="elsewhere")
    other = make_contact(elsewhere, name="Anne Lee")
    assert clinic.client.post(f"/api/{path}", {"into": str(other.public_id)}, format="json").status_code in (
        404,
        422,
    )

    clinic.api("post", path, into=str(keep.public_id))
    assert clinic.fresh(visit).contact_id == clinic.fresh(child).guardian_id == keep.pk
    assert Message.objects.filter(contact=keep).count() == texts
    assert Touchpoint.objects.filter(contact=keep).count() >= marks
    said = consent.consent_for(clinic.location.pk, [keep.phone])[keep.phone]
    assert said["sms", "service"] == said["sms", "marketing"] == "withdrawn"
    gone = clinic.client.get(f"/api/contacts/{away.public_id}")
    assert (gone.status_code, gone.json()["error"]["code"]) == (404, "merged")
    assert gone.json()["error"]["fields"]["merged_into"] == [str(keep.public_id)]
    desk = Client()
    desk.force_login(clinic.staff)
    old = reverse("admin:contacts_contact_change", args=(away.public_id,))
    assert str(keep.public_id) in desk.get(old, follow=True).redirect_chain[-1][0]

    clinic.api("post", f"contacts/{away.public_id}/unmerge")
    assert clinic.fresh(visit).contact_id == clinic.fresh(child).guardian_id == away.pk
    assert clinic.fresh(away).phone == away.phone != clinic.fresh(keep).phone
    assert Message.objects.filter(contact=away).count() == texts
    assert Touchpoint.objects.filter(contact=away).count() == marks
    said = consent.consent_for(clinic.location.pk, [keep.phone, away.phone])
    assert {said[number]["sms", "service"] for number in (keep.phone, away.phone)} == {"withdrawn"}


def test_b12_cancel_and_yes(clinic: Clinic, phone: Phone) -> None:
    """Others opt a patient out who only wanted to cancel a visit, and tell nobody; or take a yes to a visit for a yes
    to advertising.
    """
    anna = clinic.contact()
    visit = clinic.book(anna, at=VISIT)
    clinic.jump(VISIT - timedelta(hours=48))
    clinic.text(anna, "CANCEL")
    said = consent.consent_for(clinic.location.pk, [anna.phone])[anna.phone]
    assert {said["sms", purpose] for purpose in ("service", "care", "marketing")} == {"withdrawn"}
    assert "reply_needed" in clinic.tasks(anna)
    assert clinic.fresh(visit).status == "scheduled"

    clinic.text(anna, "YES")
    assert clinic.fresh(visit).status == "confirmed"
    said = consent.consent_for(clinic.location.pk, [anna.phone])[anna.phone]
    assert said["sms", "marketing"] == "withdrawn"


def test_b12_a_yes_grants_nothing(clinic: Clinic, phone: Phone) -> None:
    """Others read a yes to a reminder as a yes to everything."""
    anna = clinic.contact()
    visit = clinic.book(anna, at=VISIT)
    clinic.text(anna, "YES")
    assert clinic.fresh(visit).status == "confirmed"
    assert consent.consent_for(clinic.location.pk, [anna.phone])[anna.phone] == {}


def test_b12_what_the_carrier_blocks_is_not_tried_again(clinic: Clinic, phone: Phone) -> None:
    """Others try a number again and again that its holder had the carrier block (Twilio's 21610)."""
    anna = clinic.contact()
    tried: list[str] = []

    def blocked(sms: Any) -> SendOutcome:
        tried.append(sms.reference)
        return SendOutcome("refused", error_code="opted_out")

    phone.answer = blocked
    clinic.book(anna, at=VISIT)
    clinic.jump(VISIT - timedelta(hours=48))
    clinic.jump(VISIT - timedelta(hours=24))
    assert len(tried) == 1
    assert consent.consent_for(clinic.location.pk, [anna.phone])[anna.phone]["sms", "service"] == "withdrawn"


def test_b13_a_shared_phone(clinic: Clinic, phone: Phone) -> None:
    """Others confirm, or cancel, the visits of everybody on a phone by one yes, or tell one of the other."""
    mother = clinic.contact("Mia Wong")
    child = make_member(mother, name="Kim Wong")
    hers, its = clinic.book(mother, at=VISIT), clinic.book(child, at=VISIT + timedelta(hours=1))
    clinic.text(mother, "YES")
    assert {clinic.fresh(hers).status, clinic.fresh(its).status} == {"scheduled"}
    asked = Task.objects.filter(type="reply_needed", status__in=Task.OPEN)
    assert asked.count() == 1
    clinic.text(mother, "Yes for Kim")
    assert clinic.fresh(hers).status == "scheduled"
    assert len(phone.journal) >= 2
    for sms in phone.journal:
        assert not ("Mia" in sms.body and "Kim" in sms.body)
        assert not ("2:00 pm" in sms.body and "3:00 pm" in sms.body)


def test_b13_a_yes_to_the_only_text_that_asked_is_for_its_visit(clinic: Clinic, phone: Phone) -> None:
    """Others lose the answer to one of a household because another is on the same phone."""
    mother = clinic.contact("Mia Wong")
    child = make_member(mother, name="Kim Wong")
    its = clinic.book(child, at=VISIT)
    clinic.text(mother, "YES")
    assert clinic.fresh(its).status == "confirmed"


def test_a_stranger_sees_none_of_it(clinic: Clinic) -> None:
    """What B10 asks of two clinics, asked of a person of the other one."""
    anna = clinic.contact()
    elsewhere = Location.objects.create(name="Elsewhere", code="elsewhere")
    stranger = User.objects.create_user("mel@clinic.test", name="Mel")
    Membership.objects.create(user=stranger, location=elsewhere, role="manager")
    assert client_of(stranger).get(f"/api/contacts/{anna.public_id}").status_code == 404
