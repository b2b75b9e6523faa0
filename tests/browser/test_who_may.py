"""Who may only look sees no buttons; who works elsewhere sees nothing at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import Location, Membership, User
from bookings.models import Booking
from contacts.models import Contact
from core.management.commands import relay
from tasks.models import Task
from tests.browser.desk import Desk, post_wix
from tests.webhooks.wix_builder import WixBooking

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
CONFIRMED = {"_form_submitted": "on"}
"""A button's dialog, agreed to."""


@pytest.fixture
def visit(clinic: None, live_server: Any) -> Booking:
    """A visit to come, with its contact, welcome call and reminders."""
    assert post_wix(live_server.url, "created", WixBooking(), sequence=1, status="CONFIRMED") == 200
    relay.until_idle()
    return Booking.objects.select_related("contact").get()


def moves(visit: Booking) -> list[tuple[str, dict[str, str]]]:
    """Addresses that change something, with what a form would post."""
    task = Task.objects.get(type="welcome_call")
    contact = visit.contact.public_id
    return [
        (reverse("admin:tasks_act", args=(task.public_id, "complete")), {"outcome": "connected"}),
        (reverse("admin:messaging_phone_answer", args=(contact,)), {"body": "Yes"}),
        (f"/admin/bookings/booking/{visit.public_id}/confirm/", CONFIRMED),
        (f"/admin/bookings/booking/{visit.public_id}/change/", {"notes": "x"}),
        (f"/admin/contacts/contact/{contact}/hide/", CONFIRMED),
    ]


def test_who_may_only_read_is_offered_nothing_to_press(visit: Booking, desk: Callable[..., Desk]) -> None:
    at_desk = desk("readonly")
    at_desk.open("/admin/?timeframe=upcoming&assigned_to=anyone")
    if not at_desk.page.locator(".td-row").count():
        at_desk.open("/admin/?assigned_to=anyone")
    at_desk.see(lambda page: page.locator(".td-row"), "Welcome call", "Ana Silva")
    expect(at_desk.page.locator(".td-acts")).to_have_count(0)

    at_desk.open(f"/admin/bookings/booking/{visit.public_id}/change/")
    at_desk.see(lambda page: page.locator("#content"), "Skin cancer check")
    for button in ("Save", "Confirm", "Cancel visit", "Reschedule"):
        expect(at_desk.page.get_by_role("link", name=button)).to_have_count(0)
        expect(at_desk.page.get_by_role("button", name=button)).to_have_count(0)

    at_desk.phone("Ana Silva")
    expect(at_desk.page.get_by_placeholder("Answer as")).to_have_count(0)


def test_who_may_only_read_is_refused_when_posting(visit: Booking, client: Client) -> None:
    client.force_login(User.objects.get(email="readonly@demo.test"))
    answers = {url: client.post(url, data).status_code for url, data in moves(visit)}
    assert set(answers.values()) == {403}, answers
    visit.refresh_from_db()
    assert (visit.status, Task.objects.get(type="welcome_call").status) == ("scheduled", "todo")


def test_another_clinics_manager_finds_nothing(visit: Booking, client: Client) -> None:
    melbourne = Location.objects.get(code="melbourne")
    manager = User.objects.create_user(
        "mel@demo.test", "a-long-enough-Passphrase-1", name="Mel", default_location=melbourne
    )
    Membership.objects.create(user=manager, location=melbourne, role="manager")
    client.force_login(manager)

    pages = [
        reverse("admin:contacts_contact_change", args=(visit.contact.public_id,)),
        reverse("admin:bookings_booking_change", args=(visit.public_id,)),
        reverse("admin:tasks_task_change", args=(Task.objects.get(type="welcome_call").public_id,)),
        f"{reverse('admin:messaging_phone')}?contact={visit.contact.public_id}",
    ]
    seen = {url: client.get(url).status_code for url in pages}
    done = {url: client.post(url, data).status_code for url, data in moves(visit)}
    assert set((seen | done).values()) == {404}, seen | done
    assert b"Ana Silva" not in client.get("/admin/contacts/contact/").content
    assert Contact.objects.get().deleted_at is None
