"""What a person at the desk does in a browser: open pages, press buttons, read, answer on the on-screen phone.

Nothing here sleeps: each look waits until the page says what it should, or fails with what it said instead.
"""

from __future__ import annotations

import re
import time
import urllib.request
from collections.abc import Callable
from typing import Any, Self

from playwright.sync_api import Locator, Page, expect

from core import clock
from tests.webhooks import wix_builder
from tests.webhooks.wix_builder import WixBooking

SECONDS = 45.0


def post_wix(base: str, kind: str, booking: WixBooking, **more: Any) -> int:
    """Deliver a signed Wix event over HTTP; returns the answer's status."""
    more.setdefault("at", clock.now())
    body = wix_builder.delivery(kind, booking, **more)
    request = urllib.request.Request(f"{base}/webhooks/wix/bookings", body, {"Content-Type": "text/plain"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(answer.status)


class Desk:
    """One signed-in browser. `meanwhile` is what makes time pass between two looks (nothing: a worker does)."""

    def __init__(self, page: Page, base: str, *, meanwhile: Callable[[], object] | None = None) -> None:
        self.page = page
        self.base = base
        self._meanwhile = meanwhile or (lambda: None)

    def log_in(self, email: str, password: str) -> Self:
        self.open("/admin/login/")
        self.page.get_by_label("E-mail").fill(email)
        self.page.locator("input[name=password]").fill(password)
        self.page.get_by_role("button", name="Log in").click()
        expect(self.page.get_by_role("heading", name="Attended this week")).to_be_visible()
        return self

    def open(self, path: str) -> Self:
        """Load a page; a server error fails at once."""
        answer = self.page.goto(path if path.startswith("http") else f"{self.base}{path}")
        assert answer is not None
        assert answer.status < 500, f"{path} answered {answer.status}"
        return self

    def see(self, where: Callable[[Page], Locator], *texts: str) -> Locator:
        """Look until this part of the page is there and says all of `texts`; reloads, because staff would."""
        deadline = time.monotonic() + SECONDS
        said = "nothing"
        while time.monotonic() < deadline:
            part = where(self.page)
            if part.count():
                self.look_at(part.first)
                said = part.first.inner_text()
                if all(text.lower() in said.lower() for text in texts):
                    return part.first
            self._meanwhile()
            self.page.reload()
        raise AssertionError(f"{self.page.url} never said {texts}. It said: {said}")

    def look_at(self, part: Locator) -> None:
        """Bring a part of the page into sight and open what is folded in it; what it asks for by then is there."""
        part.scroll_into_view_if_needed()
        part.evaluate("part => (part.closest('details') ?? part).setAttribute('open', '')")
        self.page.wait_for_load_state("networkidle")

    def contact(self, name: str) -> Self:
        """Open a contact's page through the list; waits until the contact is there."""
        self.open(f"/admin/contacts/contact/?q={name.replace(' ', '+')}")
        self.see(lambda page: page.locator("#result_list tbody tr"), name).get_by_role(
            "link", name=name
        ).click()
        expect(self.panel("about")).to_be_visible()
        return self

    def panel(self, key: str) -> Locator:
        """A block of the contact's page."""
        return self.page.locator(f"#panel-{key}")

    def warmness(self) -> int:
        """The figure on the contact's page."""
        return int(self.panel("warmness").locator("span").first.inner_text())

    def press(self, button: str) -> Self:
        """A button of a page with its dialog: press, then agree."""
        # An icon's name is part of the link's: a button ends in its words. The menu may have a page of that name.
        self.page.locator("#main, #content, main").get_by_role(
            "link", name=re.compile(f"^(\\w+ )?{button}$")
        ).first.click()
        dialog = self.page.locator("#dialog")
        with self.page.expect_navigation():
            dialog.get_by_role("button", name=button).click()
        return self

    # -- the on-screen phone

    def phone(self, name: str) -> Self:
        """Take a person's phone in hand."""
        self.open("/admin/phone/")
        self.page.get_by_role("link", name=re.compile(f"^{name}")).click()
        expect(self.page.get_by_role("region", name=f"Phone of {name}")).to_be_visible()
        return self

    def screen_says(self, *texts: str) -> Self:
        """Wait until the phone's screen shows these texts; it refreshes itself."""
        screen = self.page.locator("#av-screen")
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            self._meanwhile()
            said = screen.inner_text()
            if all(text in said for text in texts):
                return self
            with self.page.expect_response(lambda answer: "/thread/" in answer.url):
                pass
        raise AssertionError(f"The phone never showed {texts}. It shows: {screen.inner_text()}")

    def planned(self) -> list[str]:
        """The lines under “n more planned”."""
        details = self.page.locator(".av-coming")
        if not details.count():
            return []
        details.evaluate("element => element.open = true")
        return [line.strip() for line in details.locator("li").all_inner_texts()]

    def answer(self, text: str) -> Self:
        """Write as the patient."""
        self.page.get_by_placeholder("Answer as").fill(text)
        self.page.get_by_role("button", name="Send").click()
        expect(self.page.locator(".av-mine").filter(has_text=text).first).to_be_visible()
        return self
