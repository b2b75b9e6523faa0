"""Rescue and recall count when a new visit is booked, once, and the figure is the rows behind it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client as Browser
from django.urls import reverse

from contacts.models import Contact
from core.models import Event
from tests.rules.conftest import NOW, Clinic
from tests.webhooks.wix_builder import WixBooking


def recovered(contact: Contact) -> list[str]:
    rows = Event.objects.filter(type="contact_recovered", contact_id=contact.pk).order_by("pk")
    return [event.data["kind"] for event in rows]


def figures(clinic: Clinic) -> tuple[int, int]:
    """Rescued and recalled of this week, as the API tells."""
    back = clinic.api("get", "reports/weekly")["reactivation"]
    return back["cancelled_rebooked"], back["recall_booked"]


def test_who_books_again_after_a_cancellation_is_rescued(clinic: Clinic) -> None:
    anna = clinic.contact()
    lost = clinic.book(anna)
    clinic.cancel(lost)
    assert recovered(anna) == []
    clinic.wait(hours=2)
    new = clinic.book(anna)
    [event] = Event.objects.filter(type="contact_recovered")
    assert (event.booking_id, event.data) == (new.pk, {"kind": "rescue", "lost": lost.pk})
    assert figures(clinic) == (1, 0)
    clinic.book(anna, at=NOW + timedelta(days=20))
    assert figures(clinic) == (1, 0), "one cancellation is won back once"


@pytest.mark.parametrize(("hours", "rescued"), [(30 * 24, ["rescue"]), (30 * 24 + 1, [])])
def test_a_rescue_counts_for_thirty_days(clinic: Clinic, hours: int, rescued: list[str]) -> None:
    anna = clinic.contact()
    clinic.cancel(clinic.book(anna))
    clinic.jump(NOW + timedelta(hours=hours))
    clinic.book(anna)
    assert recovered(anna) == rescued


def test_who_still_had_another_visit_was_not_lost(clinic: Clinic) -> None:
    anna = clinic.contact()
    first, _ = clinic.book(anna), clinic.book(anna, at=NOW + timedelta(days=9))
    clinic.cancel(first)
    clinic.book(anna, at=NOW + timedelta(days=12))
    assert recovered(anna) == []


def test_moving_a_visit_is_no_rescue(clinic: Clinic) -> None:
    anna = clinic.contact()
    booking = clinic.book(anna)
    at = (NOW + timedelta(days=8)).isoformat()
    clinic.api("post", f"bookings/{booking.public_id}/reschedule", appointment_datetime=at)
    assert recovered(anna) == []


def test_a_second_cancellation_can_be_won_back_too(clinic: Clinic) -> None:
    anna = clinic.contact()
    for day in (5, 6, 7):
        booking = clinic.book(anna, at=NOW + timedelta(days=day))
        clinic.wait(hours=1)
        clinic.cancel(booking)
    assert recovered(anna) == ["rescue", "rescue"]


def test_a_delivery_that_comes_twice_counts_once(clinic: Clinic) -> None:
    visit = WixBooking(id="b-1", phone="+61491570156")
    lost = clinic.wix("created", visit, at=NOW)
    assert lost is not None
    clinic.wix("canceled", visit, sequence=2, at=NOW)
    clinic.wait(hours=1)
    again = WixBooking(id="b-2", phone="+61491570156")
    for _ in range(2):
        clinic.wix("created", again, at=clinic.now)
    assert recovered(lost.contact) == ["rescue"]


def test_who_books_after_a_recall_text_is_recalled(clinic: Clinic) -> None:
    anna, bert = clinic.contact(recall_due_date="2026-11-23"), clinic.contact("Bert")
    clinic.jump(NOW + timedelta(days=1))
    assert "recall_reminder" in clinic.sent(anna)
    clinic.book(anna)
    clinic.book(bert, at=NOW + timedelta(days=8))
    assert (recovered(anna), recovered(bert)) == (["recall"], [])
    assert figures(clinic) == (0, 1)


@pytest.mark.parametrize(("days", "counts"), [(89, ["recall"]), (92, [])])
def test_a_recall_counts_for_ninety_days(clinic: Clinic, days: int, counts: list[str]) -> None:
    anna = clinic.contact(recall_due_date="2026-11-23")
    clinic.jump(NOW + timedelta(days=1))
    clinic.jump(NOW + timedelta(days=1 + days))
    clinic.book(anna)
    assert recovered(anna) == counts


def test_the_page_shows_the_rows_that_the_figure_counts(clinic: Clinic) -> None:
    anna = clinic.contact("Anna Rescued")
    clinic.cancel(clinic.book(anna))
    clinic.book(anna)
    browser = Browser()
    browser.force_login(clinic.staff)
    page = browser.get(reverse("admin:reporting_attended")).content.decode()
    assert "Won back after a cancellation: 1" in page
    assert "Booked after a recall: 0" in page
    assert "Anna Rescued" in page
    home = browser.get(reverse("admin:index")).content.decode()
    assert "1 after a cancellation" in home
