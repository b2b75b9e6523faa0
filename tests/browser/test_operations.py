"""The page Operations on a phone: an owner stops all sending, every page says so, and it goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from accounts.models import SendingStop
from tests.browser.desk import Desk


@pytest.mark.slow
@pytest.mark.browser
def test_an_owner_stops_all_sending_from_a_phone(desk: Callable[..., Desk]) -> None:
    page = desk("admin").page
    page.set_viewport_size({"width": 390, "height": 844})
    base = page.url.split("/admin/")[0]
    page.goto(f"{base}/admin/operations/")
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390, f"the page is {wide} px wide"
    sending = page.get_by_label("Sending", exact=True)
    sending.locator("summary").first.click()
    sending.locator("input[name=why]").first.fill("A wrong price went out")
    sending.get_by_role("button", name="Stop it now").first.click()
    expect(page.locator(".sending-stopped")).to_contain_text("A wrong price went out")
    page.goto(f"{base}/admin/contacts/contact/")
    expect(page.locator(".sending-stopped")).to_contain_text("nothing is sent")
    page.goto(f"{base}/admin/operations/")
    sending.locator("summary").first.click()
    sending.locator("input[name=why]").first.fill("Mended")
    sending.get_by_role("button", name="Send again").click()
    expect(page.locator(".sending-stopped")).to_have_count(0)
    assert SendingStop.objects.get().resumed_reason == "Mended"
