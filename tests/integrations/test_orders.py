"""Whatever the order, however often: the deliveries of one booking end alike."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import pytest

from bookings.models import Booking
from contacts.models import Contact
from core.models import Event
from tests.webhooks.wix_builder import START, WixBooking, delivery, simple

pytestmark = pytest.mark.django_db

LATER = START + timedelta(days=2)
STEPS = {
    "created": {"sequence": 1},
    "confirmed": {"sequence": 2},
    "rescheduled": {"sequence": 3, "start": LATER},
    "canceled": {"sequence": 4, "start": LATER},
}
FULL = list(itertools.permutations(STEPS))
WITHOUT_END = list(itertools.permutations(["created", "confirmed", "rescheduled"]))


def facts() -> list[str]:
    rows = Event.objects.filter(type__startswith="booking_").order_by("id")
    return list(rows.values_list("type", flat=True))


def row() -> dict[str, Any]:
    booking = Booking.objects.select_related("contact", "service").get()
    return {
        "status": booking.status,
        "at": booking.appointment_datetime,
        "ends": booking.ends_at,
        "sequence": booking.provider_sequence,
        "service": booking.service.name,
        "contact": (booking.contact.name, booking.contact.phone),
        "contacts": Contact.objects.count(),
    }


@pytest.mark.parametrize("order", FULL, ids="-".join)
@pytest.mark.usefixtures("wix")
def test_every_order_with_duplicates_ends_cancelled_and_tells_so_once(order, post_jwt, run_work):
    for kind in order:
        assert post_jwt(delivery(kind, **STEPS[kind])).status_code == 200
        run_work()
    for kind in order[::-1]:
        assert post_jwt(delivery(kind, **STEPS[kind])).status_code == 200
    run_work()
    assert row() == {
        "status": "cancelled",
        "at": LATER,
        "ends": LATER + timedelta(minutes=30),
        "sequence": 4,
        "service": "Skin cancer check",
        "contact": ("Ana Silva", "+61412345678"),
        "contacts": 1,
    }
    told = facts()
    assert told.count("booking_cancelled") == 1
    assert told[-1] == "booking_cancelled"
    assert told.count("booking_created") <= 1
    assert told.count("booking_rescheduled") <= 1


@pytest.mark.parametrize("order", WITHOUT_END, ids="-".join)
@pytest.mark.usefixtures("wix")
def test_every_order_without_the_end_stands_at_the_new_time(order, post_jwt, run_work):
    for kind in order:
        post_jwt(delivery(kind, **STEPS[kind]))
        run_work()
    for kind in order[::-1]:
        post_jwt(delivery(kind, **STEPS[kind]))
    run_work()
    assert (row()["status"], row()["at"], row()["sequence"]) == ("rescheduled", LATER, 3)
    told = facts()
    assert told.count("booking_created") == 1
    assert told.count("booking_rescheduled") == (
        1 if order.index("confirmed") < order.index("rescheduled") else 0
    )


@pytest.mark.usefixtures("wix")
def test_a_whole_backlog_applied_at_once_ends_like_one_by_one(post_jwt, run_work):
    for kind in ("canceled", "created", "rescheduled", "confirmed"):
        post_jwt(delivery(kind, **STEPS[kind]))
    run_work()
    assert (row()["status"], row()["at"], row()["sequence"]) == ("cancelled", LATER, 4)
    assert facts() == ["booking_cancelled"]


SIMPLE = {
    "created": simple("created"),
    "updated": simple("updated", WixBooking(start=LATER)),
    "cancelled": simple("cancelled", WixBooking(start=None)),
}


@pytest.mark.parametrize("order", list(itertools.permutations(SIMPLE)), ids="-".join)
@pytest.mark.usefixtures("wix")
def test_simple_json_in_every_order_with_duplicates_ends_cancelled(order, post_simple, run_work):
    for kind in (*order, *order[::-1]):
        assert post_simple(SIMPLE[kind]).status_code == 200
        run_work()
    assert (row()["status"], row()["contacts"]) == ("cancelled", 1)
    assert facts().count("booking_cancelled") == 1
    assert facts().count("booking_created") <= 1


@pytest.mark.parametrize("order", [("created", "updated"), ("updated", "created")], ids="-".join)
@pytest.mark.usefixtures("wix")
def test_simple_json_without_the_end_stands_at_the_new_time(order, post_simple, run_work):
    for kind in (*order, *order):
        post_simple(SIMPLE[kind])
        run_work()
    assert row()["at"] == LATER
    assert row()["status"] in ("scheduled", "rescheduled")
    assert facts().count("booking_created") == 1
