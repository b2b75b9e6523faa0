"""A second clinic, from nothing to live, by clicks alone: what docs/new-clinic.md tells, done and timed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from django.core.management import call_command
from playwright.sync_api import Page, expect

from accounts.models import Location, User
from bookings.models import Practitioner
from core import clock
from core.models import Heartbeat
from tests.browser.desk import Desk

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
PASSWORD = "a-long-enough-Passphrase-1"


class Walk:
    """The steps of the page, in its order."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.page = desk, desk.page

    def save(self) -> None:
        with self.page.expect_navigation():
            self.page.get_by_role("button", name="Save", exact=True).click()
        wrong = self.page.locator(".errornote, .errors").all_inner_texts()
        assert not wrong, f"{self.page.url} says {wrong}"

    def missing(self) -> str:
        """The head of the set-up page."""
        self.desk.open("/admin/set-up/")
        return self.page.get_by_role("status").first.inner_text()

    def follow(self, area: str) -> None:
        """Take the link that the set-up page gives for an area."""
        self.desk.open("/admin/set-up/")
        row = self.page.locator(".su-list > li").filter(
            has=self.page.get_by_role("heading", name=area, exact=True)
        )
        row.get_by_role("link").first.click()

    def create_the_clinic(self) -> None:
        self.desk.open("/admin/set-up/")
        self.page.get_by_role("link", name="New clinic").click()
        for label, value in (
            ("Name", "Avatar Imaging Perth"), ("Code", "perth"), ("Phone", "+61 8 5550 1000"),
            ("Address", "1 Demo Road, Perth WA 6000"), ("Booking link", "https://book.example.com/perth"),
            ("Review link", "https://review.example.com/perth"),
        ):  # fmt: skip
            self.page.get_by_label(label).fill(value)
        self.page.locator("#id_time_zone").select_option("Australia/Perth")
        self.page.locator("#id_holiday_calendar").select_option("AU:WA")
        self.page.get_by_label("Monday to", exact=True).fill("12:00")
        self.page.get_by_label("Monday from 2").fill("13:00")
        self.page.get_by_label("Monday to 2").fill("18:00")
        saturday = self.page.get_by_role("group", name="Saturday")
        saturday.get_by_role("checkbox").check()
        self.save()
        expect(self.page).to_have_url(re.compile(r"/admin/set-up/\?location=perth"))

    def a_mistake_is_told_at_its_place(self) -> None:
        perth = Location.objects.get(code="perth")
        self.desk.open(f"/admin/accounts/location/{perth.public_id}/change/")
        self.page.get_by_label("Tuesday to", exact=True).fill("07:00")
        self.page.get_by_role("button", name="Save", exact=True).click()
        expect(
            self.page.get_by_text("Tuesday: closing 07:00 must be later than opening 08:30.")
        ).to_be_visible()
        self.page.get_by_label("Tuesday to", exact=True).fill("17:30")
        self.save()

    def offer_something(self) -> None:
        self.follow("Services")
        self.page.get_by_label("Name").fill("Skin cancer check")
        self.page.get_by_label("Price").fill("180.00")
        self.save()
        self.follow("Practitioners")
        self.page.get_by_label("Name").fill("Dr Mia Chen")
        self.page.get_by_label("Skin cancer check (Avatar Imaging Perth)").check()
        self.save()
        self.follow("Rooms")
        self.page.get_by_label("Name").fill("Imaging room")
        self.save()

    def let_people_in(self) -> None:
        self.follow("People")
        self.page.get_by_label("Name").fill("Pat Perth")
        self.page.get_by_label("E-mail").fill("pat@demo.test")
        self.page.locator("#id_first_password").fill(PASSWORD)
        self.page.locator("#id_memberships-0-role").select_option("manager")
        self.page.locator("#id_memberships-0-location").select_option(label="Avatar Imaging Perth")
        self.save()

    def name_the_sender(self) -> None:
        self.desk.open("/admin/integrations/senderidentity/?location=perth")
        self.page.locator("#result_list").get_by_role("link", name="CLINIC").click()
        self.page.get_by_label("Number, name or address").fill("AvatarPerth")
        self.save()

    def go_live(self) -> None:
        perth = Location.objects.get(code="perth")
        self.desk.open(f"/admin/accounts/location/{perth.public_id}/change/")
        self.desk.press("Go live")
        expect(self.page.get_by_text("Avatar Imaging Perth is live.")).to_be_visible()


def show_life() -> None:
    """A worker and Beat, as /health/ready sees them."""
    for name in ("worker", "beat"):
        Heartbeat.objects.update_or_create(name=name, defaults={"at": clock.now()})


def no_wider_than_the_window(page: Page) -> None:
    """On a phone nothing has to be pushed sideways."""
    page.set_viewport_size({"width": 390, "height": 844})
    wide = page.evaluate("document.documentElement.scrollWidth")
    page.set_viewport_size({"width": 1280, "height": 900})
    assert wide <= 390, f"{page.url} is {wide} wide"


def test_a_second_clinic_is_set_up_from_nothing_and_goes_live(desk: Callable[..., Desk]) -> None:
    walk = Walk(desk("admin"))
    began = time.monotonic()
    walk.create_the_clinic()
    assert "missing" in walk.missing()
    walk.a_mistake_is_told_at_its_place()
    walk.offer_something()
    walk.let_people_in()
    walk.name_the_sender()
    show_life()
    assert "Nothing is missing" in walk.missing()
    call_command("doctor", "--location", "perth", verbosity=0)  # raises SystemExit when something is missing
    walk.go_live()
    assert time.monotonic() - began < 15 * 60

    perth = Location.objects.get(code="perth")
    assert (perth.automation_mode, perth.live_since is not None) == ("live", True)
    assert perth.opening_hours["mon"] == [["08:30", "12:00"], ["13:00", "18:00"]]
    assert perth.opening_hours["sat"] == []
    assert [row.name for row in Practitioner.objects.get(location=perth).services.all()] == [
        "Skin cancer check"
    ]
    assert User.objects.get(email="pat@demo.test").memberships.get().location == perth


def test_the_settings_pages_fit_a_phone(desk: Callable[..., Desk]) -> None:
    at_desk = desk("admin")
    sydney = Location.objects.get(code="sydney")
    for path in (
        "/admin/set-up/",
        f"/admin/accounts/location/{sydney.public_id}/change/",
        "/admin/bookings/practitioner/add/",
        "/admin/integrations/senderidentity/add/",
        "/admin/scoring/",
    ):
        at_desk.open(path)
        no_wider_than_the_window(at_desk.page)
