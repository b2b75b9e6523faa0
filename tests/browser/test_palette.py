"""The search over everything in a browser: opened, walked and left by keys, never behind what is typed."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from accounts.models import Location
from accounts.staff_links import change_url
from contacts.models import Contact
from tests.browser import looks
from tests.browser.desk import Desk
from tests.factories.contacts import make_contact

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture
def nguyens(clinic: None) -> list[Contact]:
    sydney = Location.objects.get(code="sydney")
    return [make_contact(sydney, name="Sara Nguyen"), make_contact(sydney, name="Sara Nguyen")]


def test_keys_open_walk_and_leave_the_search(desk: Callable[..., Desk], nguyens: list[Contact]) -> None:
    page = desk("staff").open("/admin/").page
    page.keyboard.press("Control+k")
    field = page.get_by_role("combobox", name="Search people")
    expect(field).to_be_focused()
    page.keyboard.press("Escape")
    expect(field).to_be_hidden()
    page.keyboard.press("/")
    expect(field).to_be_focused()
    page.keyboard.type("sara nguyem")
    options = page.get_by_role("group", name="People").get_by_role("option")
    expect(options).to_have_count(2)
    first, second = (options.nth(at) for at in (0, 1))
    expect(field).to_have_attribute("aria-activedescendant", first.get_attribute("id") or "?")
    page.keyboard.press("ArrowDown")
    expect(second).to_have_attribute("aria-selected", "true")
    expect(field).to_have_attribute("aria-activedescendant", second.get_attribute("id") or "?")
    wanted = second.get_attribute("href") or "?"
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{wanted}")


def test_enter_before_the_answer_opens_what_was_typed(
    desk: Callable[..., Desk], nguyens: list[Contact]
) -> None:
    other = make_contact(nguyens[0].location, name="Peter Vogt")
    page = desk("staff").open("/admin/").page
    page.keyboard.press("Control+k")
    page.keyboard.type("sara")
    expect(page.get_by_role("group", name="People").get_by_role("option")).to_have_count(2)
    page.keyboard.press("Control+a")
    page.keyboard.type("vogt")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**{change_url(other)}")


def test_a_list_keeps_its_slash_and_the_button_opens_on_a_phone(
    desk: Callable[..., Desk], clinic: None
) -> None:
    page = desk("staff").open("/admin/contacts/contact/").page
    page.keyboard.press("/")
    expect(page.locator("#searchbar")).to_be_focused()
    expect(page.locator("#dk-find")).to_be_hidden()
    page.set_viewport_size({"width": 390, "height": 844})
    page.get_by_role("link", name="Search Ctrl K").click()
    expect(page.get_by_role("combobox", name="Search people")).to_be_focused()
    expect(page.get_by_role("group", name="Do").get_by_role("option").first).to_be_visible()
    for look in looks.LOOKS:
        look.put_on(page)
        assert looks.grave(page) == []
        assert looks.overflow(page) == 0
