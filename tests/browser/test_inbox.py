"""The inbox in a browser: by mouse, by keyboard, without scripts, and on a network that loses requests and answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.conf import settings
from playwright.sync_api import expect

from accounts.models import Location
from integrations.models import Provider, ProviderAccount
from messaging import phone
from messaging.models import Conversation, Message
from tests.browser.desk import Desk
from tests.factories.contacts import make_contact

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture
def anna(clinic: None) -> Any:
    """Anna has written, and so has Ben, before her."""
    sydney = Location.objects.get(code="sydney")
    assert ProviderAccount.objects.filter(location=sydney, provider=Provider.CONSOLE, enabled=True).exists()
    ben = make_contact(sydney, name="Ben Brown")
    phone.answer(contact=ben, body="Is there parking?")
    anna = make_contact(sydney, name="Anna Able")
    phone.answer(contact=anna, body="Do I need to fast?")
    return anna


def texts() -> list[str]:
    return list(
        Message.objects.filter(direction="outbound", cause_kind="user").values_list("body", flat=True)
    )


def test_a_message_is_found_read_answered_and_closed_by_keyboard(
    desk: Callable[..., Desk], anna: Any
) -> None:
    page = desk("staff").open("/admin/inbox/").page
    expect(page.locator(".ib-line")).to_have_count(2)
    for key in ("j", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#ib-messages")).to_contain_text("Do I need to fast?")
    columns = [page.locator(name).bounding_box() for name in (".ib-side", ".ib-list", "#ib-talk")]
    assert [box["x"] for box in columns if box] == sorted({box["x"] for box in columns if box})
    assert columns[2] is not None
    assert columns[2]["width"] > 300
    page.keyboard.press("a")
    expect(page.locator("#ib-head")).to_contain_text("Yours")
    page.keyboard.press("r")
    page.keyboard.type("No, come as you are.")
    expect(page.locator(".cp-count")).to_contain_text("20 characters")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#ib-messages")).to_contain_text("No, come as you are.")
    expect(page.locator(".cp-body")).to_have_value("")
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    expect(page.locator("#ib-head")).to_contain_text("Closed")
    assert texts() == ["No, come as you are."]
    assert Conversation.objects.get(contact=anna).state == "closed"
    ben = Conversation.objects.exclude(contact=anna).get()
    assert (ben.state, ben.assigned_to) == ("open", None)


def test_what_is_lost_on_the_way_stays_in_the_box_and_goes_out_once(
    desk: Callable[..., Desk], anna: Any
) -> None:
    talk = Conversation.objects.get(contact=anna)
    one = desk("staff").open(f"/admin/messages/conversation/{talk.public_id}/")
    page = one.page
    box, send = page.locator(".cp-body"), page.locator(".cp-send")

    def compose(route: Any) -> bool:
        return bool(route.request.method == "POST" and route.request.url.endswith(f"{anna.public_id}/"))

    # The request never arrives.
    page.route("**/compose/**", lambda route: route.abort() if compose(route) else route.continue_())
    box.fill("No, come as you are.")
    send.click()
    expect(page.locator(".cp-state")).to_contain_text("Not sent")
    expect(box).to_have_value("No, come as you are.")
    assert texts() == []

    # The server takes it, and its answer is lost.
    def lose_answer(route: Any) -> None:
        if not compose(route):
            return route.continue_()
        route.fetch()
        route.abort()

    page.unroute("**/compose/**")
    page.route("**/compose/**", lose_answer)
    send.click()
    expect(page.locator(".cp-state")).to_contain_text("Not sent")
    assert texts() == ["No, come as you are."]

    # Even the page is loaded anew before it is tried again.
    page.unroute("**/compose/**")
    page.reload()
    expect(page.locator(".cp-body")).to_have_value("No, come as you are.")
    page.locator(".cp-send").click()
    expect(page.locator(".cp-body")).to_have_value("")
    assert texts() == ["No, come as you are."]
    page.reload()
    expect(page.locator(".cp-body")).to_have_value("")


def test_news_come_by_themselves_and_keep_what_is_typed(desk: Callable[..., Desk], anna: Any) -> None:
    talk = Conversation.objects.get(contact=anna)
    page = desk("staff").open(f"/admin/messages/conversation/{talk.public_id}/").page
    page.locator(".cp-body").fill("I am just wri")
    phone.answer(contact=anna, body="And may I drink?")
    expect(page.locator("#ib-messages")).to_contain_text("And may I drink?", timeout=15_000)
    expect(page.locator(".cp-body")).to_have_value("I am just wri")


def test_who_may_only_read_reads_and_finds_nothing_to_press(desk: Callable[..., Desk], anna: Any) -> None:
    page = desk("readonly").open("/admin/inbox/").page
    page.locator(".ib-to", has_text="Anna Able").click()
    expect(page.locator("#ib-messages")).to_contain_text("Do I need to fast?")
    expect(page.locator("#ib-thread textarea")).to_have_count(0)
    expect(page.locator(".ib-moves, .ib-acts")).to_have_count(0)


def test_without_scripts_a_message_is_read_and_answered(
    clinic: None, anna: Any, live_server: Any, page: Any
) -> None:
    browser = page.context.browser
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{live_server.url}/admin/login/?next=/admin/inbox/")
    page.locator("input[name=username]").fill("staff@demo.test")
    page.locator("input[name=password]").fill(settings.DEMO_PASSWORD)
    page.locator("form#login-form button[type=submit], form button[type=submit]").first.click()
    page.locator(".ib-to", has_text="Anna Able").click()
    page.locator(".cp-body").fill("No, come as you are.")
    page.locator(".cp-send").click()
    expect(page.locator("#ib-messages")).to_contain_text("No, come as you are.")
    assert texts() == ["No, come as you are."]
    context.close()
