"""Acts on many rows in a browser: chosen in a list, looked at, done, watched, stopped and taken back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Page, expect

from accounts import desk_actions
from accounts.models import DeskAction, Location, User
from contacts import desk_kinds
from contacts.models import Contact
from core import clock
from tests.browser import looks
from tests.browser.desk import Desk
from tests.factories.bookings import make_booking
from tests.factories.contacts import make_contact

pytestmark = [pytest.mark.slow, pytest.mark.browser]
MANY = 55
"""More than are done at once."""


@pytest.fixture
def people(clinic: None) -> list[Contact]:
    sydney = Location.objects.get(code="sydney")
    return [make_contact(sydney, name=f"Person {n:02}") for n in range(MANY)]


def choose(page: Page, act: str) -> None:
    page.locator("select[name=action]").select_option(label=act)
    page.get_by_role("button", name="Run").click()
    expect(page.get_by_text("Nothing is done yet.")).to_be_visible()


def chosen(page: Page) -> list[int]:
    return [int(pk) for pk in page.locator("input[name=rows]").input_value().split(",")]


def test_chosen_people_are_moved_after_a_look_and_moved_back(
    people: list[Contact], desk: Callable[..., Desk]
) -> None:
    page = desk("staff").open("/admin/contacts/contact/?q=Person").page
    for row in range(3):
        page.locator("#result_list input.action-select").nth(row).check()
    choose(page, "Move to a stage…")
    Contact.objects.filter(pk=chosen(page)[0]).update(current_stage="booked")
    page.get_by_label("Move to").select_option(label="Lead to booking: Engaged")
    page.get_by_role("button", name="Look what will happen").click()
    look = page.get_by_role("region", name="Avatar Imaging Sydney")
    expect(look).to_contain_text("cannot go from")
    expect(look.get_by_role("heading", name="What follows")).to_be_visible()
    assert looks.grave(page) == []
    assert DeskAction.objects.count() == 0
    page.get_by_role("button", name="Do it: 2 rows").click()
    expect(page.get_by_text("2 done, 1 not possible.")).to_be_visible()
    assert Contact.objects.filter(current_stage="engaged").count() == 2
    page.get_by_role("link", name="Not possible").click()
    expect(page.locator(".ac-items li")).to_have_count(1)

    page.get_by_role("link", name="Undo…").click()
    expect(page.get_by_text("Each row goes back to what it was")).to_be_visible()
    page.get_by_role("button", name="Undo 2 rows").click()
    expect(page.locator(".dk-badge", has_text="Undone")).to_be_visible()
    assert Contact.objects.filter(current_stage="engaged").count() == 0


def test_a_long_act_is_watched_stopped_and_undone_by_keys(
    people: list[Contact], desk: Callable[..., Desk], run_work: Callable[[], int]
) -> None:
    page = desk("staff").open("/admin/contacts/contact/?q=Person").page
    keys = page.keyboard
    page.locator("#action-toggle").first.focus()
    keys.press("Space")
    page.get_by_text(f"Select all {MANY} contacts").click()
    choose(page, "Give to a colleague…")
    page.get_by_label("Give to").select_option(label="Sam Staff")
    page.get_by_role("button", name="Look what will happen").click()
    page.get_by_role("button", name=f"Do it: {MANY} rows").focus()
    keys.press("Enter")
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_text(f"0 of {MANY}")).to_be_visible()
    page.get_by_role("button", name="Stop").focus()
    keys.press("Enter")
    expect(page.get_by_text("Stopped.")).to_be_visible()
    run_work()
    assert Contact.objects.filter(owner__isnull=False).count() == 0

    page.goto(page.url.partition("/admin/")[0] + "/admin/contacts/contact/?q=Person")
    page.locator("#result_list input.action-select").first.check()
    choose(page, "Give to a colleague…")
    page.get_by_label("Give to").select_option(label="Sam Staff")
    page.get_by_role("button", name="Look what will happen").click()
    page.get_by_role("button", name="Do it: 1 row").click()
    expect(page.get_by_text("1 done.")).to_be_visible()
    page.get_by_role("link", name="What was done").last.click()
    expect(page.locator(".ac-row")).to_have_count(2)
    keys.press("j")
    keys.press("u")
    expect(page.get_by_role("button", name="Undo 1 row")).to_be_visible()
    page.get_by_role("button", name="Undo 1 row").focus()
    keys.press("Enter")
    expect(page.locator(".dk-badge", has_text="Undone")).to_be_visible()
    assert Contact.objects.filter(owner__isnull=False).count() == 0


def test_the_menu_of_a_row_does_its_act_on_that_row(people: list[Contact], desk: Callable[..., Desk]) -> None:
    other, visit = (
        make_booking(person, at=clock.now() + timedelta(days=n + 2)) for n, person in enumerate(people[:2])
    )
    page = desk("staff").open("/admin/bookings/booking/?q=Person").page
    row = page.locator("#result_list tbody tr", has_text="Person 01")
    row.locator(".field-actions_holder span").click()
    page.get_by_role("navigation").get_by_role("link", name="Confirm").click()
    expect(page.get_by_text("The patient said yes to this time.")).to_be_visible()
    page.locator("#dialog").get_by_role("button", name="Confirm").click()
    expect(page.get_by_text("The visit is confirmed.")).to_be_visible()
    for booking, status in ((visit, "confirmed"), (other, "scheduled")):
        booking.refresh_from_db()
        assert booking.status == status


def test_readers_see_what_was_done_and_can_neither_do_nor_undo(
    people: list[Contact], desk: Callable[..., Desk], client: Client
) -> None:
    sam = User.objects.get(email="staff@demo.test")
    action = desk_actions.start(
        desk_kinds.ASSIGN_OWNER, location=people[0].location, user=sam, items=[people[0].pk],
        parameters={"owner": sam.pk},
    )  # fmt: skip
    one = desk("readonly")
    page = one.open("/admin/contacts/contact/?q=Person").page
    expect(page.locator("#result_list tbody tr").first).to_be_visible()
    expect(page.locator("select[name=action]")).to_have_count(0)
    one.open("/admin/actions/")
    expect(page.locator(".ac-row")).to_contain_text("Given to a colleague")
    expect(page.locator(".ac").get_by_role("link", name="Undo")).to_have_count(0)
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator(".ac-items")).to_contain_text("Person 00")
    expect(page.get_by_role("link", name="Undo…")).to_have_count(0)

    client.force_login(User.objects.get(email="readonly@demo.test"))
    bulk = reverse("admin:accounts_bulk", args=[desk_kinds.ASSIGN_OWNER])
    assert client.post(bulk, {"rows": str(people[1].pk), "do": "start"}).status_code == 403
    client.post(reverse("admin:accounts_action_undo", args=[action.public_id]))
    client.post(reverse("admin:accounts_action_cancel", args=[action.public_id]))
    action.refresh_from_db()
    assert (action.state, Contact.objects.get(pk=people[0].pk).owner) == ("done", sam)
