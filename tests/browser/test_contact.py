"""The page of one person in a browser: its acts by mouse and by key, for readers, and without scripts."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Locator, Page, expect

from accounts.models import Location, User
from bookings.models import Booking
from bookings.models import Service as VisitService
from contacts.models import Contact
from core import clock
from core.causes import Cause
from messaging.models import Message
from tasks.models import Task
from tests.browser.desk import Desk
from tests.factories.bookings import make_booking
from tests.factories.contacts import log, make_contact

pytestmark = [pytest.mark.slow, pytest.mark.browser]
HAPPENED = 40
"""Touchpoints of one kind before the visit: more than are shown at once."""


@pytest.fixture
def nora(clinic: None, run_work: Callable[[], int]) -> Contact:
    """A patient with a past, a visit in three days, and the reminders of it."""
    sydney = Location.objects.get(code="sydney")
    person = make_contact(sydney, name="Nora Lind", phone="+61491570156", is_lead=True)
    for days in range(HAPPENED, 0, -1):
        at = clock.now() - timedelta(days=days)
        log(person, "call_connected", at=at)
    service = VisitService.objects.filter(location=sydney, service_type="routine").earliest("pk")
    make_booking(person, service=service, cause=Cause.user(1))
    run_work()
    return person


def address(person: Contact) -> str:
    return reverse("admin:contacts_contact_change", args=(person.public_id,))


def page_of(desk: Desk, person: Contact) -> Page:
    page = desk.open(address(person)).page
    expect(page.locator("#panel-messages .cp-body")).to_be_visible()
    return page


def act(page: Page, name: str) -> Locator:
    """What opens under a button of the head."""
    return page.locator("details.ct-act", has=page.locator("summary", has_text=re.compile(f"^{name}$")))


def said(page: Page) -> Locator:
    return page.locator("#dk-said")


def texts(person: Contact) -> list[str]:
    mine = Message.objects.filter(contact=person, direction="outbound", cause_kind="user", template=None)
    return list(mine.order_by("pk").values_list("body", flat=True))


def waiting(person: Contact) -> int:
    return Message.objects.filter(contact=person, status="scheduled").count()


def stage(person: Contact) -> str:
    return str(Contact.objects.get(pk=person.pk).current_stage)


def fill_visit(page: Page) -> None:
    """The rest of a visit's form that already names the person."""
    expect(page.get_by_role("radio", name="Nora Lind")).to_be_checked()
    page.get_by_label("Day").fill(f"{clock.now() + timedelta(days=8):%Y-%m-%d}")
    page.get_by_label("Time").fill("10:30")


def test_everything_is_done_for_a_person_by_mouse(nora: Contact, desk: Callable[..., Desk]) -> None:
    page = page_of(desk("staff"), nora)

    page.locator(".cp-body").fill("Please bring your referral.")
    expect(page.locator(".cp-count")).to_contain_text("27 characters")
    page.locator(".cp-send").click()
    expect(said(page)).to_contain_text(re.compile("Sent|Planned"))
    expect(page.locator("#said-lately")).to_contain_text("Please bring your referral.")
    assert texts(nora) == ["Please bring your referral."]

    act(page, "Move stage").locator("summary").click()
    act(page, "Move stage").get_by_label("Move to").select_option(label="Before the visit: Confirmed")
    act(page, "Move stage").get_by_role("button", name="Move", exact=True).click()
    expect(page.locator(".ct-facts")).to_contain_text("Before the visit: Confirmed")
    assert stage(nora) == "confirmed"

    act(page, "Note").locator("summary").click()
    act(page, "Note").get_by_label("Note").fill("Prefers mornings.")
    act(page, "Note").get_by_role("button", name="Keep the note").click()
    expect(page.locator(".ct-notes")).to_contain_text("Prefers mornings.")

    page.locator("#panel-warmness summary").click()
    expect(page.locator("#panel-warmness")).to_contain_text(f"Why {Contact.objects.get().warmness_score}?")
    page.keyboard.press("Escape")
    expect(page.locator("#panel-warmness .ct-pop-body")).to_be_hidden()

    before = waiting(nora)
    page.locator("#panel-next").get_by_role("button", name=re.compile("^Withdraw Reminder 48hr")).click()
    expect(said(page)).to_contain_text("it will not be sent")
    expect(page.locator("#panel-next .ct-next").first).not_to_contain_text("Reminder 48hr")
    assert waiting(nora) == before - 1

    act(page, "Call and log").locator("summary").click()
    act(page, "Call and log").get_by_label("How did it go?").select_option("no_answer")
    act(page, "Call and log").get_by_label("Note (optional)").fill("Rang out.")
    act(page, "Call and log").get_by_role("button", name="Log call").click()
    expect(page.locator("#happened .ct-line").first).to_contain_text("Call attempted")

    page.get_by_role("link", name="Task", exact=True).click()
    page.get_by_label("Notes").fill("Ring about the referral.")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was added successfully")).to_be_visible()
    made = Task.objects.filter(contact=nora, type="call").values_list("created_by", "notes")
    assert list(made) == [("staff", "Ring about the referral.")]

    page.goto(page.url.partition("/admin/")[0] + address(nora))
    page.get_by_role("link", name="Book", exact=True).click()
    fill_visit(page)
    page.get_by_role("button", name="Show what it sends").click()
    expect(page.locator("#cal-look")).to_contain_text("Will be sent")
    page.get_by_role("button", name="Book", exact=True).click()
    expect(page.get_by_text("Booked: Nora Lind")).to_be_visible()
    assert Booking.objects.filter(contact=nora).count() == 2
    page.wait_for_load_state("networkidle")


def test_what_is_pressed_is_pressed_though_its_panel_is_drawn_anew_meanwhile(
    nora: Contact, desk: Callable[..., Desk]
) -> None:
    page = page_of(desk("staff"), nora)
    before = waiting(nora)
    button = page.locator("#panel-next").get_by_role("button", name=re.compile("^Withdraw Reminder 48hr"))
    button.scroll_into_view_if_needed()
    button.hover()
    page.mouse.down()
    panel = reverse("admin:contacts_contact_panel", args=(nora.public_id, "next"))
    page.evaluate(
        """panel => new Promise(done => {
            document.addEventListener("htmx:xhr:loadend", event => {
                if (event.target.getAttribute("hx-get") === panel) done();
            });
            document.body.dispatchEvent(new Event("said"));
        })""",
        panel,
    )
    page.mouse.up()
    expect(said(page)).to_contain_text("it will not be sent")
    expect(page.locator("#panel-next .ct-next").first).not_to_contain_text("Reminder 48hr")
    assert waiting(nora) == before - 1
    page.wait_for_load_state("networkidle")


def test_everything_is_done_for_a_person_by_keys(nora: Contact, desk: Callable[..., Desk]) -> None:
    page = page_of(desk("staff"), nora)
    keys = page.keyboard

    keys.press("t")
    expect(page.locator(".cp-body")).to_be_focused()
    keys.type("We moved next door.")
    keys.press("Control+Enter")
    expect(page.locator("#said-lately")).to_contain_text("We moved next door.")
    assert texts(nora) == ["We moved next door."]
    keys.press("Escape")

    keys.press("m")
    expect(page.get_by_label("Move to")).to_be_focused()
    keys.type("Before the visit: Conf")
    keys.press("Tab")
    keys.press("Tab")
    keys.press("Enter")
    expect(page.locator(".ct-facts")).to_contain_text("Before the visit: Confirmed")
    assert stage(nora) == "confirmed"

    keys.press("n")
    expect(page.get_by_label("Note", exact=True)).to_be_focused()
    keys.type("Speaks Danish.")
    keys.press("Tab")
    keys.press("Enter")
    expect(page.locator(".ct-notes")).to_contain_text("Speaks Danish.")

    keys.press("w")
    expect(page.locator("#panel-warmness .ct-pop-body")).to_be_visible()
    keys.press("Escape")
    expect(page.locator("#panel-warmness .ct-pop-body")).to_be_hidden()

    keys.press("c")
    expect(page.get_by_label("How did it go?")).to_be_focused()
    keys.type("Left")
    keys.press("Tab")
    keys.press("Tab")
    keys.press("Enter")
    expect(page.locator("#happened .ct-line").first).to_contain_text("Left a voicemail")

    keys.press("j")
    keys.press("j")
    expect(page.locator(".ct-line.dk-current")).to_have_count(1)
    keys.press("?")
    expect(page.get_by_role("dialog")).to_contain_text("Why so warm")
    keys.press("Escape")
    keys.press("b")
    expect(page.get_by_role("radio", name="Nora Lind")).to_be_checked()
    page.go_back()
    expect(page.locator("#panel-about")).to_be_visible()
    keys.press("a")
    expect(page.get_by_label("Notes")).to_be_visible()


def test_what_happened_is_filtered_and_goes_on_as_one_scrolls_and_why_is_told(
    nora: Contact, desk: Callable[..., Desk]
) -> None:
    page = page_of(desk("staff"), nora)
    lines = page.locator("#happened .ct-line")
    first = lines.count()
    for _ in range(8):
        if not page.locator(".ct-more").count():
            break
        shown = lines.count()
        page.locator(".ct-more").scroll_into_view_if_needed()
        expect(lines.nth(shown)).to_be_visible()
    expect(page.locator(".ct-more")).to_have_count(0)
    assert lines.count() >= first + 15
    expect(page.locator("#happened")).to_contain_text("Call connected")
    page.get_by_role("navigation", name="What to show").get_by_role("link", name="Visits").click()
    expect(page.locator("#happened")).not_to_contain_text("Call connected")
    expect(lines).to_have_count(1)
    expect(lines).to_contain_text("Visit booked")

    page.locator("#panel-why > summary").click()
    why = page.locator("#why")
    expect(why).to_contain_text("Lead created")
    why.locator("li > details", has_text="Booking created").first.locator("summary").first.click()
    expect(why.get_by_role("link", name=re.compile("^The message")).first).to_be_visible()
    why.get_by_label("Rule").select_option(label="Lead created")
    expect(why.locator("ul").first).not_to_contain_text("Booking created")
    expect(why.locator("ul").first).to_contain_text("Lead created")


def test_who_may_only_read_sees_the_person_and_is_offered_nothing(
    nora: Contact, desk: Callable[..., Desk], client: Client
) -> None:
    page = desk("readonly").open(address(nora)).page
    expect(page.locator("#said-lately")).to_contain_text("your visit to Avatar Imaging Sydney")
    expect(page.locator("#panel-next")).to_contain_text("Reminder 48hr")
    page.locator("#panel-why > summary").click()
    expect(page.locator("#why")).to_contain_text("Lead created")
    for part in (".ct-acts", ".cp-body", "#content form[method=post]"):
        expect(page.locator(part)).to_have_count(0)
    expect(page.locator("#panel-bookings")).not_to_contain_text("Book a visit")

    client.force_login(User.objects.get(email="readonly@demo.test"))
    message = Message.objects.filter(contact=nora, status="scheduled").earliest("pk")
    posts = [
        (
            reverse("admin:contacts_contact_move", args=[nora.public_id]),
            {"target": "pre_appointment/confirmed"},
        ),
        (reverse("admin:contacts_contact_note", args=[nora.public_id]), {"text": "x"}),
        (reverse("admin:tasks_log_call", args=[nora.public_id]), {"outcome": "connected"}),
        (reverse("admin:messaging_compose", args=[nora.public_id]), {"act": "send", "body": "x"}),
        (reverse("admin:automation_withdraw", args=[nora.public_id]), {"message": str(message.public_id)}),
        (reverse("admin:bookings_calendar_new"), {"do": "book", "contact": str(nora.public_id)}),
        (reverse("admin:tasks_task_add"), {"type": "call", "contact": nora.pk}),
    ]
    answers = {url: client.post(url, data).status_code for url, data in posts}
    assert set(answers.values()) == {403}, answers
    message.refresh_from_db()
    assert message.status == "scheduled"


def test_without_scripts_a_person_is_texted_moved_and_noted(
    nora: Contact, live_server: Any, page: Page
) -> None:
    assert page.context.browser is not None
    context = page.context.browser.new_context(java_script_enabled=False)
    at = Desk(context.new_page(), live_server.url).log_in("staff@demo.test", settings.DEMO_PASSWORD)
    page = at.open(address(nora)).page
    act(page, "Move stage").locator("summary").click()
    act(page, "Move stage").get_by_label("Move to").select_option(label="Before the visit: Confirmed")
    act(page, "Move stage").get_by_role("button", name="Move", exact=True).click()
    expect(page.get_by_text("Moved to Before the visit: Confirmed.")).to_be_visible()
    act(page, "Note").locator("summary").click()
    act(page, "Note").get_by_label("Note").fill("Prefers mornings.")
    act(page, "Note").get_by_role("button", name="Keep the note").click()
    expect(page.locator(".ct-notes")).to_contain_text("Prefers mornings.")
    page.get_by_role("link", name="Text", exact=True).click()
    page.locator(".cp-body").fill("Please bring your referral.")
    page.locator(".cp-send").click()
    expect(page.get_by_text(re.compile("Sent|Planned")).first).to_be_visible()
    assert (stage(nora), texts(nora)) == ("confirmed", ["Please bring your referral."])
    at.open(address(nora)).page.get_by_role("link", name="Show earlier").click()
    expect(page.locator(".ct-line").first).to_contain_text("Call connected")
    context.close()
