"""Stored before the answer, applied once: duplicates at the same moment, errors, and what is left behind."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, connections
from django.test import Client

from bookings import provider
from bookings.models import Booking
from contacts.models import Contact
from core import claims, clock, work
from core.errors import Conflict
from core.models import Event, Work
from integrations import inbound
from integrations.models import Receipt
from tests.harness.threads import at_once
from tests.integrations.conftest import SECRET, WIX
from tests.webhooks.wix_builder import START, WixBooking, delivery, signature, simple


def post_jwt(body: bytes) -> Any:
    return Client().generic("POST", WIX, body, content_type="text/plain")


def post_simple(body: bytes) -> Any:
    headers = {"X-Wix-Webhook-Signature": signature(body, SECRET)}
    return Client().generic("POST", WIX, body, content_type="application/json", headers=headers)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("wix")
def test_ten_copies_of_a_token_at_once_are_one_receipt_and_one_effect(run_work):
    body = delivery("confirmed")
    answers = at_once(10, lambda _: post_jwt(body))
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["receiptId"] for answer in answers}) == 1
    at_once(4, lambda _: work.drain())
    run_work()
    assert (Receipt.objects.count(), Booking.objects.count(), Contact.objects.count()) == (1, 1, 1)
    assert Event.objects.filter(type="booking_created").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("wix")
def test_ten_copies_of_the_simple_form_at_once_are_one_receipt_and_one_effect(run_work):
    body = simple("created")
    answers = at_once(10, lambda _: post_simple(body))
    assert {answer.status_code for answer in answers} == {200}
    ids = {answer.json().get("bookingId") for answer in answers} - {None}
    run_work()
    assert ids <= {str(Booking.objects.get().public_id)}
    assert (Receipt.objects.count(), Contact.objects.count()) == (1, 1)
    assert Event.objects.filter(type="booking_created").count() == 1
    assert post_simple(body).json()["bookingId"] == str(Booking.objects.get().public_id)


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("wix")
def test_different_deliveries_of_one_booking_at_once_end_as_one_booking(run_work):
    bodies = [
        simple("created"),
        simple("updated", WixBooking(start=START + timedelta(days=1))),
        simple("cancelled"),
    ]
    answers = at_once(6, lambda number: post_simple(bodies[number % 3]))
    assert {answer.status_code for answer in answers} == {200}
    run_work()
    assert Booking.objects.get().status == "cancelled"
    assert Contact.objects.count() == 1
    assert Event.objects.filter(type="booking_cancelled").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("wix")
def test_two_people_of_one_phone_booking_at_once_are_one_contact_each(run_work):
    first = WixBooking(id="b-1", contact_id="", first_name="Ana")
    second = WixBooking(id="b-2", contact_id="", first_name="Ana", start=START + timedelta(days=1))
    at_once(2, lambda number: post_simple(simple("created", (first, second)[number])))
    run_work()
    assert Booking.objects.count() == 2
    assert Contact.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.usefixtures("wix")
def test_a_held_lock_is_waited_for_half_a_second_and_then_left_to_the_work_item(run_work):
    post_simple(simple("created"))
    receipt = Receipt.objects.get()
    known = Booking.objects.get()
    body = simple("cancelled")
    from threading import Event as Flag

    held, done = Flag(), Flag()

    def hold() -> None:
        from django.db import transaction

        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [receipt.subject])
                held.set()
                done.wait(timeout=20)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        holding = pool.submit(hold)
        assert held.wait(timeout=20)
        response = post_simple(body)
        done.set()
        holding.result(timeout=20)
    # the visit is known by an earlier delivery, so its ids can be told although nothing was applied yet
    ids = {"contactId": str(known.contact.public_id), "bookingId": str(known.public_id)}
    assert (response.status_code, response.json()) == (200, {"success": True, **ids})
    assert Booking.objects.get().status == "scheduled"
    run_work()
    assert Booking.objects.get().status == "cancelled"


@pytest.mark.django_db
@pytest.mark.usefixtures("wix")
def test_a_process_that_dies_after_storing_loses_nothing(post_simple, run_work, monkeypatch):
    class Died(BaseException):
        """As kill -9 would: nothing that handles errors sees it."""

    def die(receipt: Receipt) -> None:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(inbound, "apply_now", die)
        with pytest.raises(Died):
            post_simple(simple("created"))
    assert Receipt.objects.get().state == "stored"
    assert Work.objects.get(handler=inbound.APPLY).state == "pending"
    run_work()
    assert Receipt.objects.get().state == "applied"
    assert Booking.objects.get().status == "scheduled"


@pytest.mark.django_db
@pytest.mark.usefixtures("wix")
def test_an_error_that_passes_is_tried_again_and_one_that_stays_is_parked_and_told(
    post_jwt, run_work, monkeypatch, frozen_time
):
    time = frozen_time(clock.now())
    failures = iter([ValueError("once"), ValueError("twice")])
    real = provider.apply_provider_event

    def flaky(*args: Any, **kwargs: Any) -> Any:
        for error in failures:
            raise error
        return real(*args, **kwargs)

    monkeypatch.setattr(provider, "apply_provider_event", flaky)
    post_jwt(delivery("confirmed"))
    for _ in range(3):
        run_work()
        time.advance(timedelta(minutes=10))
    assert Booking.objects.get().status == "scheduled"
    assert not Event.objects.filter(type="webhook_failed").exists()

    def broken(*args: Any, **kwargs: Any) -> Any:
        raise ValueError("a phone number could stand here")

    monkeypatch.setattr(provider, "apply_provider_event", broken)
    post_jwt(delivery("confirmed", WixBooking(id="b-2")))
    for _ in range(claims.MAX_TRIES + 1):
        run_work()
        time.advance(timedelta(hours=1))
    receipt = Receipt.objects.get(state="parked")
    assert "phone number" not in receipt.error
    assert "ValueError" in receipt.error
    failed = Event.objects.get(type="webhook_failed")
    assert failed.data == {"receipt": str(receipt.public_id), "provider": "wix", "reason": "error"}
    assert failed.receipt_id == receipt.pk

    monkeypatch.setattr(provider, "apply_provider_event", real)
    inbound.apply_again(receipt)
    run_work()
    assert Booking.objects.filter(external_id="b-2").exists()
    with pytest.raises(Conflict):
        inbound.apply_again(Receipt.objects.get(pk=receipt.pk))


@pytest.mark.django_db
@pytest.mark.usefixtures("wix")
def test_a_delivery_that_can_never_be_understood_is_parked_at_once(post_jwt, run_work):
    from tests.webhooks.wix_builder import claims, event, sign

    made = event("confirmed", WixBooking(), sequence=1)
    made["actionEvent"]["body"]["booking"]["startDate"] = "soon"
    del made["actionEvent"]["body"]["booking"]["bookedEntity"]
    assert post_jwt(sign(claims(made))).status_code == 200
    run_work()
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.attempts) == ("parked", 1)
    assert receipt.error == "malformed: startDate"
    assert Event.objects.filter(type="webhook_failed").count() == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("wix")
def test_events_about_something_else_are_kept_and_ignored(post_jwt, run_work):
    from tests.webhooks.wix_builder import claims, event, sign

    made = claims(event("confirmed", WixBooking(), sequence=1))
    made["data"] = made["data"].replace("bookings.v2.booking_confirmed", "contacts.v4.contact_created")
    assert post_jwt(sign(made)).status_code == 200
    run_work()
    assert (Receipt.objects.get().state, Booking.objects.count()) == ("ignored", 0)
    assert not Event.objects.filter(type="webhook_failed").exists()


@pytest.mark.django_db
@pytest.mark.usefixtures("wix")
def test_bodies_go_after_ninety_days_and_keys_stay(post_jwt, run_work, frozen_time):
    time = frozen_time(clock.now())
    post_jwt(delivery("confirmed"))
    run_work()
    assert b"." in Receipt.objects.get().raw
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM integrations_receipt")
        assert "eyJ" not in cursor.fetchone()[0][:5], "encrypted in the row"
    time.advance(timedelta(days=91))
    assert inbound.remove_old_bodies() == 1
    assert Receipt.objects.get().body == ""
    assert post_jwt(delivery("confirmed")).status_code == 200
    run_work()
    assert (Receipt.objects.count(), Booking.objects.count()) == (1, 1)


@pytest.mark.django_db
@pytest.mark.usefixtures("wix")
def test_storing_a_delivery_costs_this_many_queries(post_jwt, django_assert_num_queries):
    body = delivery("confirmed")
    # Account, savepoint, receipt in, receipt back, work, release.
    with django_assert_num_queries(6):
        post_jwt(body)
    # Account, savepoint, receipt in (refused by its key), receipt back, release.
    with django_assert_num_queries(5):
        post_jwt(body)


@pytest.mark.django_db
@pytest.mark.usefixtures("wix")
def test_applying_a_delivery_costs_at_most_this_many_queries(
    post_simple, post_jwt, run_work, django_assert_max_num_queries
):
    with django_assert_max_num_queries(54):
        post_simple(simple("created"))
    with django_assert_max_num_queries(27):
        post_simple(simple("updated", WixBooking(start=START + timedelta(days=1))))
    with django_assert_max_num_queries(5):
        post_simple(simple("created"))
