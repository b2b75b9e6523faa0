"""The recall list: who is due, when they were told, whether they have booked; through the gate, in few queries."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Location, Membership, User
from bookings import services as booking_services
from messaging.models import Message
from tests.automation.conftest import CAUSE, NOW
from tests.factories.bookings import make_practitioner
from tests.factories.contacts import make_contact

URL = "admin:automation_recall"


@pytest.fixture
def browser(bare: Location) -> Client:
    user = User.objects.create_user("sam@clinic.test", name="Sam", default_location=bare)
    Membership.objects.create(user=user, location=bare, role="staff")
    client = Client()
    client.force_login(user)
    return client


def shown(browser: Client, **query: str) -> str:
    answer = browser.get(reverse(URL), query)
    assert answer.status_code == 200
    return str(answer.content.decode())


def due(location: Location, name: str, days: int) -> Any:
    day = NOW.date() + timedelta(days=days)
    return make_contact(location, name=name, recall_due_date=str(day))


def test_it_shows_who_is_due_told_and_booked(bare: Location, browser: Client, book: Any) -> None:
    late, _, booked = due(bare, "Lena Late", -3), due(bare, "Nora Next", 40), due(bare, "Bert Booked", 2)
    book(booked)
    Message.objects.create(
        location=bare, contact=late, conversation=late.conversations.create(location=bare, channel="sms"),
        category="recall", direction="outbound", status="sent", sent_at=NOW, purpose="care", rank=2,
        cause_kind="system", cause_id="t", dedupe_key="k",
    )  # fmt: skip
    page = shown(browser)
    assert "Lena Late" in page
    assert "3 days over" in page
    assert "23 Nov 2026, 12:00" in page
    assert "Sat 28 Nov, 12:00" in page
    assert "Nora Next" not in page
    assert "Nora Next" in shown(browser, month="2027-01")
    open_ones = shown(browser, unbooked="1")
    assert "Bert Booked" not in open_ones
    assert "Lena Late" in open_ones


def test_it_can_be_narrowed_to_whom_a_practitioner_saw_last(
    bare: Location, browser: Client, book: Any
) -> None:
    lee, may = make_practitioner(bare), make_practitioner(bare, name="Dr May")
    for name, doctor in (("Ann Lee", lee), ("Moa May", may)):
        contact = due(bare, name, 0)
        visit = book(contact, at=NOW - timedelta(days=30), practitioner=doctor)
        booking_services.record_outcome(booking_id=visit.pk, outcome="attended", cause=CAUSE)
    page = shown(browser, practitioner=str(may.public_id))
    assert "Moa May" in page
    assert "Ann Lee" not in page


def test_other_clinics_people_and_nonsense_are_not_there(bare: Location, browser: Client) -> None:
    elsewhere = Location.objects.create(name="Elsewhere", code="elsewhere")
    due(elsewhere, "Stella Stranger", -1)
    doctor = make_practitioner(elsewhere, name="Dr Far")
    assert "Stella Stranger" not in shown(browser)
    for query in ({"month": "soon"}, {"practitioner": "x"}, {"practitioner": str(doctor.public_id)}):
        assert browser.get(reverse(URL), query).status_code == 404


def test_it_costs_the_same_for_few_and_many_and_comes_in_pages(bare: Location, browser: Client) -> None:
    for number in range(3):
        due(bare, f"P{number}", -number)
    shown(browser)

    def cost() -> int:
        with CaptureQueriesContext(connection) as queries:
            shown(browser)
        return len(queries)

    few = cost()
    for number in range(50):
        due(bare, f"Q{number}", -10)
    assert cost() <= few <= 25
    assert "1 of 2" in shown(browser)
    assert "P0" in shown(browser, page="2")
