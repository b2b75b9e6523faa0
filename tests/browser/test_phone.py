"""The on-screen phones of a demo in a browser: two side by side, the clock, the tour, without scripts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from accounts.models import Location
from avatar_cms.demo import travel
from contacts.models import Contact
from contacts.services import create_contact
from core import clock, ticks
from core.causes import Cause
from tests.browser import looks
from tests.browser.desk import Desk

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture
def demo(clinic: None, settings: Any, tmp_path: Path, run_work: Callable[[], int]) -> Iterator[None]:
    settings.DEMO_CLOCK_FILE = str(tmp_path / "clock.json")
    travel.follow()
    sydney = Location.objects.get(code="sydney")
    for name, phone in (("Nora Lind", "0491 570 156"), ("Omar Haddad", "0491 570 157")):
        create_contact(location=sydney, fields={"name": name, "phone": phone}, cause=Cause.system("tests"))
    run_work()
    yield
    clock.follow(None)


def test_two_phones_answer_each_for_itself(demo: None, desk: Callable[..., Desk]) -> None:
    page = desk("staff").phone("Nora Lind").page
    page.get_by_role("link", name="Lay the phone of Omar Haddad beside the others").click()
    nora, omar = (
        page.get_by_role("region", name=f"Phone of {name}") for name in ("Nora Lind", "Omar Haddad")
    )
    omar.get_by_placeholder("Answer as Omar Haddad").fill("It is Omar")
    omar.get_by_role("button", name="Send").click()
    expect(omar.locator(".av-mine")).to_contain_text("It is Omar")
    expect(omar.get_by_placeholder("Answer as Omar Haddad")).to_have_value("")
    expect(nora.locator(".av-mine")).to_have_count(0)
    nora.get_by_role("button", name="Arrived", exact=True).click()
    expect(nora.locator("[data-status=delivered]")).to_contain_text("✓✓")


def test_the_keys_take_phones_in_hand(demo: None, desk: Callable[..., Desk]) -> None:
    page = desk("staff").open("/admin/phone/").page
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("b")
    expect(page.get_by_role("region", name="Phone of")).to_have_count(2)
    page.keyboard.press("r")
    page.keyboard.type("Hello")
    page.keyboard.press("Enter")
    expect(page.locator(".av-mine")).to_have_count(1)
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keys")).to_contain_text("Take the phone in hand")


def test_the_clock_moves_with_a_bar_and_says_what_happened(demo: None, desk: Callable[..., Desk]) -> None:
    page = desk("staff").phone("Nora Lind").page
    card = page.get_by_label("Clock", exact=True)
    card.get_by_role("button", name="Tomorrow 9:00").click()
    expect(card.get_by_role("progressbar")).to_be_visible()
    while travel.state().is_moving:
        ticks.run("10s")
    expect(card.locator(".ph-clock-now")).to_contain_text(", 09:0")
    expect(card).to_contain_text("for the desk")
    expect(page.locator(".ph-clock")).to_contain_text("09:0")


def test_who_only_reads_moves_and_answers_nothing(demo: None, desk: Callable[..., Desk]) -> None:
    page = desk("readonly").phone("Nora Lind").page
    expect(page.get_by_label("Clock", exact=True)).to_be_visible()
    expect(page.locator("main, #content").get_by_role("button", name="Tomorrow 9:00")).to_have_count(0)
    expect(page.get_by_placeholder("Answer as")).to_have_count(0)
    expect(page.get_by_text("Text as somebody new")).to_have_count(0)


def test_it_works_without_scripts(demo: None, desk: Callable[..., Desk]) -> None:
    signed_in = desk("staff")
    context = signed_in.page.context.browser.new_context(java_script_enabled=False)
    context.add_cookies(signed_in.page.context.cookies())
    page = context.new_page()
    page.goto(f"{signed_in.base}/admin/phone/")
    page.get_by_text("Text as somebody new").click()
    page.get_by_label("Their number").fill("0491 570 158")
    page.get_by_label("Their text").fill("How much is a skin check?")
    page.get_by_role("button", name="Send to the clinic").click()
    expect(page.locator(".av-mine")).to_contain_text("How much is a skin check?")
    page.get_by_placeholder("Answer as").fill("And on Saturday?")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator(".av-mine")).to_have_count(2)
    assert Contact.objects.filter(phone="+61491570158").count() == 1
    context.close()


def test_the_tour_begins_once_goes_over_pages_and_ends(
    demo: None, desk: Callable[..., Desk], settings: Any
) -> None:
    settings.ENVIRONMENT_NAME = "demo"
    page = desk("admin").page
    bubble = page.locator(".driver-popover")
    expect(bubble).to_contain_text("Welcome to the desk")
    expect(page.locator("[aria-controls=driver-popover-content]")).to_have_count(0)
    assert looks.grave(page) == []
    bubble.get_by_role("button", name="Next").click()
    expect(bubble).to_contain_text("One queue for everything")
    bubble.get_by_role("button", name="Next").click()
    page.wait_for_url("**/admin/phone/")
    expect(bubble).to_contain_text("The patient's side")
    page.keyboard.press("Escape")
    expect(bubble).to_have_count(0)
    page.reload()
    page.goto(page.url.replace("/phone/", "/"))
    expect(page.get_by_role("heading", name="Attended this week")).to_be_visible()
    expect(bubble).to_have_count(0)
    page.goto(f"{page.url}?tour=1")
    expect(bubble).to_contain_text("Welcome to the desk")
