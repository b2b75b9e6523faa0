"""Wix's deliveries by the front door: what is taken in, and what becomes of it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bookings.models import Booking, Service
from contacts.models import Contact
from core.explain import explain
from core.models import Event, Work
from integrations.models import Receipt
from tests.webhooks.wix_builder import KINDS, START, WixBooking, delivery

pytestmark = pytest.mark.django_db

LATER = START + timedelta(days=2)


def types() -> list[str]:
    return list(
        Event.objects.filter(type__startswith="booking_").order_by("id").values_list("type", flat=True)
    )


@pytest.mark.usefixtures("wix")
def test_a_confirmed_booking_makes_a_contact_and_a_visit_that_stands(post_jwt, run_work):
    response = post_jwt(delivery("confirmed"))
    assert response.status_code == 200
    assert Booking.objects.count() == 0, "stored before it is understood"
    run_work()
    booking = Booking.objects.select_related("contact", "service").get()
    assert (booking.external_id, booking.source, booking.status) == ("b-1", "wix", "scheduled")
    assert booking.appointment_datetime == START
    assert booking.ends_at == START + timedelta(minutes=30)
    assert (booking.contact.name, booking.contact.phone, booking.contact.source) == (
        "Ana Silva", "+61412345678", "wix",
    )  # fmt: skip
    assert booking.first_touch_attribution["source"] == "wix"
    assert booking.provider_sequence == 1
    assert Event.objects.filter(type="booking_created", booking_id=booking.pk).count() == 1
    assert not Event.objects.filter(type="lead_created").exists()
    receipt = Receipt.objects.get()
    assert receipt.state == "applied"
    created = Event.objects.get(type="booking_created")
    assert f"delivery {receipt.public_id}: applied after 1 tries" in "\n".join(explain(created))
    assert receipt.result == {"contact": str(booking.contact.public_id), "booking": str(booking.public_id)}


@pytest.mark.parametrize(
    ("kind", "status", "told"),
    [
        ("created", "pending", []),
        ("markedAsPending", "pending", []),
        ("confirmed", "scheduled", ["booking_created"]),
        ("rescheduled", "rescheduled", ["booking_created"]),
        ("updated", "scheduled", ["booking_created"]),
        ("number_of_participants_updated", "scheduled", ["booking_created"]),
        ("canceled", "cancelled", ["booking_cancelled"]),
        ("declined", "cancelled", ["booking_cancelled"]),
    ],
)
@pytest.mark.usefixtures("wix")
def test_each_event_alone_means_this(post_jwt, run_work, kind, status, told):
    assert kind in KINDS
    assert post_jwt(delivery(kind)).status_code == 200
    run_work()
    assert Booking.objects.get().status == status
    assert types() == told


@pytest.mark.usefixtures("wix")
def test_the_usual_life_of_a_booking_is_told_step_by_step(post_jwt, run_work):
    steps = [
        ("created", {}),
        ("confirmed", {}),
        ("rescheduled", {"start": LATER}),
        ("canceled", {"start": LATER}),
    ]
    seen = []
    for sequence, (kind, more) in enumerate(steps, start=1):
        post_jwt(delivery(kind, sequence=sequence, **more))
        run_work()
        booking = Booking.objects.get()
        seen.append((booking.status, booking.appointment_datetime))
    assert seen == [
        ("pending", START),
        ("scheduled", START),
        ("rescheduled", LATER),
        ("cancelled", LATER),
    ]
    assert types() == ["booking_created", "booking_rescheduled", "booking_cancelled"]
    moved = Event.objects.get(type="booking_rescheduled")
    assert (moved.data["old"], moved.data["new"]) == (START.isoformat(), LATER.isoformat())
    assert Contact.objects.count() == 1


@pytest.mark.usefixtures("wix")
def test_a_second_delivery_answers_the_same_and_changes_nothing(post_jwt, run_work):
    first = post_jwt(delivery("confirmed"))
    run_work()
    events = Event.objects.count()
    second = post_jwt(delivery("confirmed"))
    run_work()
    assert second.status_code == 200
    assert second.json() == first.json()
    assert (Receipt.objects.count(), Booking.objects.count(), Event.objects.count()) == (1, 1, events)
    assert Work.objects.filter(handler="integrations.apply_receipt").count() == 1


@pytest.mark.usefixtures("wix")
def test_an_unknown_service_is_made_routine_and_medium_and_flagged(post_jwt, run_work):
    post_jwt(delivery("confirmed", WixBooking(service="Dermal something", service_id="s-new")))
    run_work()
    service = Service.objects.get()
    assert (service.name, service.service_type, service.urgency_level, service.needs_review) == (
        "Dermal something", "routine", "medium", True,
    )  # fmt: skip
    post_jwt(delivery("confirmed", WixBooking(id="b-2", start=LATER, service="Renamed", service_id="s-new")))
    run_work()
    assert Service.objects.count() == 1, "the provider's id finds it again, whatever it is called now"


@pytest.mark.usefixtures("wix")
def test_what_is_about_an_erased_person_tells_nobody(post_jwt, run_work):
    post_jwt(delivery("confirmed", sequence=1))
    run_work()
    gone = WixBooking(first_name="Anonymous", last_name="", phone="", email="")
    post_jwt(delivery("canceled", gone, sequence=2, anonymize=True))
    post_jwt(delivery("canceled", WixBooking(id="b-other"), sequence=1, anonymize=True))
    run_work()
    booking = Booking.objects.select_related("contact").get()
    assert booking.status == "cancelled"
    assert booking.contact.name == "Ana Silva"
    assert types() == ["booking_created", "booking_updated"]
    assert Receipt.objects.get(error="erased_person_without_visit").state == "ignored"


@pytest.mark.usefixtures("wix")
def test_a_visit_without_a_time_waits_for_the_delivery_that_has_one(post_jwt, run_work):
    timeless = WixBooking(start=None)
    post_jwt(delivery("canceled", timeless, sequence=3))
    post_jwt(delivery("confirmed", timeless, sequence=2))
    run_work()
    assert set(Receipt.objects.values_list("state", flat=True)) == {"waiting"}
    assert not Booking.objects.exists()
    post_jwt(delivery("created", sequence=1))
    run_work()
    assert set(Receipt.objects.values_list("state", flat=True)) == {"applied"}
    assert Booking.objects.get().status == "cancelled"
    assert types() == ["booking_cancelled"]


def test_the_instance_id_says_which_clinic(post_jwt, run_work, wix, melbourne):
    from tests.factories.integrations import make_wix_account

    make_wix_account(melbourne, instance_id="melbourne-site")
    post_jwt(delivery("confirmed", WixBooking(instance_id="melbourne-site")))
    run_work()
    assert Booking.objects.get().location == melbourne


@pytest.mark.usefixtures("wix")
def test_another_clinics_delivery_is_kept_and_parked_until_a_person_says_whose_it_is(
    post_jwt, run_work, melbourne
):
    from integrations import inbound
    from tests.factories.integrations import make_wix_account

    assert post_jwt(delivery("confirmed", WixBooking(instance_id="nobody-knows"))).status_code == 200
    run_work()
    receipt = Receipt.objects.get()
    assert (receipt.state, receipt.error.split(":")[0]) == ("parked", "unknown_instance")
    assert not Booking.objects.exists()
    failed = Event.objects.get(type="webhook_failed")
    assert failed.data == {"receipt": str(receipt.public_id), "provider": "wix", "reason": "unknown_instance"}
    make_wix_account(melbourne, instance_id="nobody-knows")
    inbound.apply_again(receipt)
    run_work()
    assert Booking.objects.get().location == melbourne


def test_the_token_in_the_address_names_the_account(post_jwt, run_work, wix, melbourne):
    from tests.factories.integrations import make_wix_account, token_of

    account = make_wix_account(melbourne, instance_id="")
    path = f"/webhooks/wix/bookings/{token_of(account)}"
    assert post_jwt(delivery("confirmed"), path=path).status_code == 200
    run_work()
    assert Booking.objects.get().location == melbourne
