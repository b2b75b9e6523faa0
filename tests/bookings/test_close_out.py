"""The evening list: visits without an outcome, closed one by one or all at once."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.urls import reverse

from bookings.models import Booking
from tests.bookings.diary import AT, LIVE, undo
from tests.factories.bookings import make_booking
from tests.factories.contacts import make_contact

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]


def test_the_evening_list_holds_what_has_begun_and_closes_it_at_once(pages, sydney, ana, now):
    early = make_booking(ana, at=AT)
    late = make_booking(make_contact(sydney, name="Ben"), at=AT + timedelta(hours=1))
    make_booking(make_contact(sydney, name="Cleo"), at=AT + timedelta(hours=9))
    now.set(AT + timedelta(hours=3))
    client = pages("staff")
    url = reverse("admin:bookings_close_out")
    shown = client.get(url).content.decode()
    assert ("Ana Silva" in shown, "Ben" in shown, "Cleo" in shown) == (True, True, False)
    ticked = {"visit": [str(early.public_id), str(late.public_id)], "outcome": "attended"}
    asked = client.post(url, ticked, **LIVE).content.decode()
    assert "Record that 2 visits attended?" in asked
    assert Booking.objects.filter(outcome="attended").count() == 0
    client.post(url, {**ticked, "do": "record"})
    assert Booking.objects.filter(outcome="attended").count() == 2
    assert "Every visit of this day has its outcome." in client.get(url).content.decode()


def test_who_is_still_to_come_waits_apart_until_the_day_is_over(pages, ana, now):
    visit = make_booking(ana, at=AT)
    now.set(AT + timedelta(minutes=10))
    client = pages("staff")
    url = reverse("admin:bookings_close_out")
    client.post(url, {"wait": str(visit.public_id)})
    assert "Still to come</h3>" in client.get(url).content.decode()
    client.post(url, {"wait": str(visit.public_id)})
    assert "Still to come</h3>" not in client.get(url).content.decode()
    client.post(url, {"wait": str(visit.public_id)})
    now.set(AT + timedelta(days=1))
    assert "Still to come</h3>" not in client.get(f"{url}?date=2026-12-01").content.decode()
    assert pages("readonly").post(url, {"wait": str(visit.public_id)}).status_code == 403


def test_days_before_with_visits_left_open_are_named_with_their_count(pages, sydney, ana, now):
    make_booking(ana, at=AT)
    make_booking(make_contact(sydney, name="Ben"), at=AT + timedelta(hours=1))
    now.set(AT + timedelta(days=2))
    shown = pages("staff").get(reverse("admin:bookings_close_out")).content.decode()
    assert "Tue 1 Dec</a> (2)" in shown


def test_all_outcomes_of_an_evening_are_taken_back_together(pages, sydney, ana, now):
    rows = [make_booking(ana, at=AT), make_booking(make_contact(sydney, name="Ben"), at=AT)]
    now.set(AT + timedelta(hours=3))
    client = pages("staff")
    ticked = {"visit": [str(row.public_id) for row in rows], "outcome": "no_show", "do": "record"}
    client.post(reverse("admin:bookings_close_out"), ticked)
    assert Booking.objects.filter(outcome="no_show").count() == 2
    undo(client)
    assert Booking.objects.filter(outcome="none").count() == 2
