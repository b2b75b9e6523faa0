"""The pipeline board in a browser: cards dragged with a real mouse, moved by key, and left alone by readers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from accounts.models import Location
from contacts.models import Contact
from tests.browser.desk import Desk

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture
def ada(clinic: None) -> Contact:
    return Contact.objects.create(location=Location.objects.get(code="sydney"), name="Ada Lovelace")


def card(page: Page) -> Locator:
    return page.locator(".bd-card", has_text="Ada Lovelace")


def column(page: Page, stage: str) -> Locator:
    return page.locator(f"#bd-{stage}")


def drag(page: Page, stage: str) -> None:
    """Press on the card's free space, walk to the column, let go."""
    start = card(page).locator(".dk-muted").bounding_box()
    end = column(page, stage).bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 10, start["y"] + 8)
    page.mouse.down()
    page.mouse.move(end["x"] + 30, end["y"] + 30, steps=8)
    page.mouse.move(end["x"] + 34, end["y"] + 34)
    page.mouse.up()


def stage_of(contact: Contact) -> str:
    contact.refresh_from_db()
    return contact.current_stage


def test_a_card_is_dragged_and_the_move_undone(desk: Callable[..., Desk], ada: Contact) -> None:
    page = desk("staff").open("/admin/board/").page
    drag(page, "engaged")
    expect(column(page, "engaged").get_by_text("Ada Lovelace").first).to_be_visible()
    expect(page.locator("#dk-said")).to_contain_text("Engaged")
    assert stage_of(ada) == "engaged"
    page.get_by_role("button", name="Undo").click()
    expect(column(page, "new_lead").get_by_text("Ada Lovelace").first).to_be_visible()
    assert stage_of(ada) == "new_lead"


def test_a_card_at_the_edge_takes_the_board_along(desk: Callable[..., Desk], ada: Contact) -> None:
    page = desk("staff").open("/admin/board/").page
    page.set_viewport_size({"width": 900, "height": 800})
    board = page.locator("#bd-columns")
    far = column(page, "booked")
    assert not far.evaluate("one => one.getBoundingClientRect().left < window.innerWidth - 120")
    start, box = card(page).locator(".dk-muted").bounding_box(), board.bounding_box()
    assert start is not None
    assert box is not None
    page.mouse.move(start["x"] + 10, start["y"] + 8)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 20, start["y"] + 40, steps=8)
    edge = "board => board.scrollLeft >= board.scrollWidth - board.clientWidth - 260"
    for step in range(400):
        page.mouse.move(box["x"] + box["width"] - 20 - step % 2, start["y"] + 40)
        if board.evaluate(edge):
            break
    assert board.evaluate(edge)
    end = far.bounding_box()
    assert end is not None
    page.mouse.move(end["x"] + 40, end["y"] + 60, steps=4)
    page.mouse.move(end["x"] + 44, end["y"] + 64)
    page.mouse.up()
    expect(page.locator("#dk-said")).to_contain_text("Booked")
    expect(far.get_by_text("Ada Lovelace").first).to_be_visible()
    assert stage_of(ada) == "booked"
    assert board.evaluate("board => board.style.scrollSnapType") == ""


def test_a_refused_drop_goes_back_with_the_reason(desk: Callable[..., Desk], ada: Contact) -> None:
    Contact.objects.filter(pk=ada.pk).update(current_stage="engaged")
    page = desk("staff").open("/admin/board/").page
    drag(page, "contacted")
    expect(page.locator("#dk-said")).to_contain_text("cannot go from")
    expect(column(page, "engaged").get_by_text("Ada Lovelace").first).to_be_visible()
    assert stage_of(ada) == "engaged"


def test_lost_asks_why(desk: Callable[..., Desk], ada: Contact) -> None:
    page = desk("staff").open("/admin/board/").page
    page.set_viewport_size(
        {"width": 2000, "height": 900}
    )  # Every column in sight: a mouse can only go there.
    drag(page, "dead_lost")
    page.locator("#bd-why textarea").fill("Went elsewhere")
    page.locator("#bd-why").get_by_role("button", name="Move").click()
    expect(page.locator("#dk-said")).to_contain_text("Lost")
    assert stage_of(ada) == "dead_lost"


def test_a_card_is_moved_by_keys(desk: Callable[..., Desk], ada: Contact) -> None:
    page: Any = desk("staff").open("/admin/board/").page
    page.keyboard.press("j")
    page.keyboard.press("m")
    expect(card(page).locator("select[name=target]")).to_be_focused()
    card(page).locator("select[name=target]").select_option("lead_to_booking/contacted")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(column(page, "contacted").get_by_text("Ada Lovelace").first).to_be_visible()
    assert stage_of(ada) == "contacted"


def test_a_reader_sees_cards_that_stay(desk: Callable[..., Desk], ada: Contact) -> None:
    page = desk("readonly").open("/admin/board/").page
    expect(card(page)).to_be_visible()
    expect(card(page).get_by_text("Move…")).to_have_count(0)
    drag(page, "engaged")
    assert stage_of(ada) == "new_lead"
