"""The simple JSON form answers with ids, because it is applied before the answer."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import OperationalError

from bookings.models import Booking
from contacts.models import Contact
from core.models import Event
from integrations import inbound
from integrations.models import Receipt
from tests.factories.integrations import token_of
from tests.integrations.conftest import SECRET, WIX
from tests.webhooks.wix_builder import START, WixBooking, delivery, signature, simple

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("wix")]

BLNS = Path(__file__).parents[1] / "data" / "blns.json"


def test_the_answer_names_contact_and_booking(post_simple, run_work):
    response = post_simple(simple("created"))
    booking = Booking.objects.select_related("contact").get()
    assert response.status_code == 200
    assert response.json() == {
        "success": True,
        "contactId": str(booking.contact.public_id),
        "bookingId": str(booking.public_id),
    }
    assert booking.status == "scheduled"
    run_work()
    assert Event.objects.filter(type="booking_created").count() == 1


def test_a_duplicate_gets_the_same_ids_and_changes_nothing(post_simple, run_work):
    first = post_simple(simple("created"))
    before = Event.objects.count()
    again = post_simple(simple("created"))
    run_work()
    assert again.json() == first.json()
    assert (Booking.objects.count(), Contact.objects.count(), Event.objects.count()) == (1, 1, before)


def test_a_new_time_is_a_reschedule_and_a_cancellation_is_final(post_simple):
    post_simple(simple("created"))
    later = START + timedelta(days=1)
    post_simple(simple("updated", WixBooking(start=later)))
    assert Booking.objects.get().appointment_datetime == later
    assert Booking.objects.get().status == "rescheduled"
    post_simple(simple("cancelled"))
    post_simple(simple("updated", WixBooking(start=later + timedelta(days=1))))
    assert Booking.objects.get().status == "cancelled"


def test_what_cannot_be_applied_at_once_is_answered_200_and_left_to_the_work_item(
    post_simple, run_work, monkeypatch
):
    def busy(receipt: Receipt) -> None:
        raise OperationalError("canceling statement due to lock timeout")

    with monkeypatch.context() as patch:
        patch.setattr(inbound, "apply_now", busy)
        response = post_simple(simple("created"))
    assert (response.status_code, response.json()) == (200, {"success": True})
    assert not Booking.objects.exists()
    run_work()
    assert Booking.objects.get().status == "scheduled"
    assert post_simple(simple("created")).json()["bookingId"] == str(Booking.objects.get().public_id)


def test_what_is_busy_is_answered_with_the_ids_that_an_earlier_delivery_made(post_simple, monkeypatch):
    ids = post_simple(simple("created")).json()

    def busy(receipt: Receipt) -> None:
        raise OperationalError("canceling statement due to lock timeout")

    with monkeypatch.context() as patch:
        patch.setattr(inbound, "apply_now", busy)
        assert post_simple(simple("cancelled")).json() == ids


def test_two_secrets_fit_while_one_replaces_the_other(post_simple, settings):
    settings.WIX_WEBHOOK_SECRET = "the new one"
    settings.WIX_WEBHOOK_SECRET_PREVIOUS = SECRET
    assert post_simple(simple("created")).status_code == 200
    body = simple("cancelled")
    assert post_simple(body, signature=signature(body, "the new one")).status_code == 200
    settings.WIX_WEBHOOK_SECRET_PREVIOUS = ""
    assert post_simple(simple("updated")).status_code == 401


def test_an_accounts_own_secret_goes_before_the_installations(post_simple, wix):
    wix.credentials = {"webhook_secret": "of this clinic"}
    wix.save()
    path = f"{WIX}/{token_of(wix)}"
    body = simple("created")
    assert post_simple(body, path=path).status_code == 401
    assert post_simple(body, path=path, signature=signature(body, "of this clinic")).status_code == 200


def test_automations_need_no_signature_at_an_address_with_a_token(client, wix, run_work):
    payload = {
        "data": {
            "booking_id": "b-77",
            "service_name": "Follow-up",
            "start_date": "2026-12-01T15:00:00+11:00",
            "end_date": "2026-12-01T15:15:00+11:00",
            "booking_contact_first_name": "Ana",
            "booking_contact_last_name": "Silva",
            "booking_contact_phone": "0412 345 678",
        }
    }
    path = f"{WIX}/{token_of(wix)}"
    refused = client.post(WIX, json.dumps(payload), content_type="application/json")
    assert refused.status_code == 401
    signed_form = client.post(path, simple("created").decode(), content_type="application/json")
    assert signed_form.status_code == 401, "the simple form is always signed"
    taken = client.post(path, json.dumps(payload), content_type="application/json")
    assert taken.status_code == 200
    run_work()
    booking = Booking.objects.select_related("contact").get()
    assert (booking.external_id, booking.status, booking.contact.phone) == (
        "b-77",
        "scheduled",
        "+61412345678",
    )


def test_forms_mix_for_one_booking(post_simple, post_jwt, run_work):
    post_simple(simple("created"))
    post_jwt(delivery("rescheduled", sequence=5, start=START + timedelta(days=3)))
    run_work()
    booking = Booking.objects.get()
    assert (booking.status, booking.appointment_datetime) == ("rescheduled", START + timedelta(days=3))


def test_naughty_strings_as_names_are_taken_in(post_simple, run_work):
    strings = json.loads(BLNS.read_text())
    triples = list(zip(strings[::3], strings[1::3], strings[2::3], strict=False))
    assert len(triples) * 3 >= len(strings) - 2
    for number, (name, service, staff) in enumerate(triples):
        booking = WixBooking(id=f"b-{number}", contact_id=f"c-{number}", start=START + timedelta(days=number))
        payload = json.loads(simple("created", booking))
        del payload["serviceId"]
        payload |= {"customerInfo": {"name": name}, "serviceName": service, "staffName": staff}
        response = post_simple(json.dumps(payload).encode())
        assert response.status_code == 200, (number, response.content)
        assert "bookingId" in response.json(), number
    run_work()
    assert Booking.objects.count() == len(triples)
    assert not Receipt.objects.exclude(state="applied").exists()
