"""Booking a visit in the calendar, with the patient on the phone."""

from __future__ import annotations

import pytest

from bookings.models import Booking
from contacts.models import Contact
from core.models import Event
from tests.bookings.diary import AT, LIVE, PAGE, slot
from tests.factories.bookings import make_booking, make_practitioner, make_service
from tests.factories.contacts import make_contact

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]


def test_a_visit_is_booked_for_somebody_found_by_phone(pages, ana, check):
    client = pages("staff")
    found = client.post(f"{PAGE}new/", {"q": "0412 345 678", "do": "find"}, **LIVE).content.decode()
    assert f'value="{ana.public_id}" checked' in found
    client.post(f"{PAGE}new/", slot(check, contact=ana.public_id, do="look"), **LIVE)
    assert Booking.objects.count() == 0
    booked = client.post(
        f"{PAGE}new/", slot(check, contact=ana.public_id, price="99.50", notes="by phone", do="book")
    )
    visit = Booking.objects.get()
    assert booked.status_code == 302
    assert (visit.appointment_datetime, visit.contact, visit.price_cents) == (AT, ana, 9950)
    assert (visit.notes, visit.source) == ("by phone", "manual")
    assert Event.objects.get(type="booking_created").cause_kind == "user"


def test_an_address_alone_books_nothing(pages, ana, check):
    shown = pages("staff").get(f"{PAGE}new/", slot(check, contact=ana.public_id, do="book"))
    assert (shown.status_code, Booking.objects.count()) == (200, 0)


def test_somebody_who_is_not_found_is_made_with_what_was_searched_for(pages, sydney, check):
    client = pages("staff")
    form = client.post(f"{PAGE}new/", {"q": "Nina Newcomer", "do": "find"}, **LIVE).content.decode()
    assert 'name="new_name" maxlength="200" value="Nina Newcomer"' in form
    typed = {"contact": "new", "new_name": "Nina Newcomer", "new_phone": "0412 000 111"}
    refused = client.post(f"{PAGE}new/", slot(check, **typed | {"new_phone": "12"}, do="book"))
    assert (refused.status_code, Booking.objects.count()) == (422, 0)
    assert "Nina Newcomer" in refused.content.decode()
    client.post(f"{PAGE}new/", slot(check, **typed, do="book"))
    visit = Booking.objects.get()
    assert (visit.contact.name, visit.contact.phone, visit.contact.source) == (
        "Nina Newcomer",
        "+61412000111",
        "phone",
    )


def test_a_number_that_is_known_says_whose_it_is_before_anything_is_booked(pages, ana, check):
    typed = {"contact": "new", "new_name": "Tom Silva", "new_phone": ana.phone, "do": "look"}
    said = pages("staff").post(f"{PAGE}new/", slot(check, **typed), **LIVE).content.decode()
    assert "belongs to Ana Silva" in said
    assert Contact.objects.count() == 1


def test_a_taken_time_is_refused_with_who_has_it_and_free_times(pages, sydney, ana, check):
    lee = make_practitioner(sydney)
    make_booking(ana, at=AT, practitioner=lee)
    ben = make_contact(sydney, name="Ben Hur")
    wish = slot(check, contact=ben.public_id, practitioner=lee.public_id, do="book")
    refused = pages("staff").post(f"{PAGE}new/", wish, **LIVE)
    said = refused.content.decode()
    assert refused.status_code == 422
    assert "Dr Lee is taken from 11:00 to 11:30: Ana Silva." in said
    assert 'value="2026-12-01T10:30"' in said
    assert 'value="2026-12-01T11:15"' not in said
    picked = pages("staff").post(f"{PAGE}new/", {**wish, "do": "", "pick": "2026-12-01T10:30"}, **LIVE)
    assert 'value="10:30"' in picked.content.decode()
    assert Booking.objects.count() == 1


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"time": "06:00"}, "Outside opening hours (08:30-17:30)."),
        ({"date": "2026-12-25"}, "closed on that day (Christmas Day)"),
        ({"date": "2026-12-06"}, "closed on that day"),
    ],
)
def test_times_outside_hours_are_warned_of_and_can_be_booked(pages, ana, check, more, words):
    client = pages("staff")
    said = client.post(f"{PAGE}new/", slot(check, contact=ana.public_id, do="look", **more), **LIVE)
    assert words in said.content.decode()
    client.post(f"{PAGE}new/", slot(check, contact=ana.public_id, do="book", **more))
    assert Booking.objects.count() == 1


def test_another_service_brings_its_length_and_price(pages, sydney, ana, check):
    long = make_service(sydney, name="Long one", duration_minutes=45, price_cents=45000)
    form = slot(long, contact=ana.public_id, do="look") | {"priced": check.public_id}
    said = pages("staff").post(f"{PAGE}new/", form, **LIVE).content.decode()
    assert 'name="minutes" value="45"' in said
    assert 'name="price" value="450.00"' in said
