"""The snippet of docs/web-forms.md, in a real browser: what a clinic pastes into its page works as it stands."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from contacts.models import Consent, Contact, Touchpoint
from integrations.models import Provider
from tests.factories.integrations import make_account, token_of

PAGE = Path(__file__).parents[2] / "docs" / "web-forms.md"
ADDRESS = "https://cms.clinic.example/webhooks/forms/TOKEN"


@contextmanager
def website(html: Callable[[], str]) -> Iterator[str]:
    """A site of one page, by its origin; another one than that of the system."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = html().encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def site(sydney, live_server) -> Iterator[str]:
    """The clinic's page with the snippet in it."""
    snippet = PAGE.read_text().split("```html\n")[1].split("```")[0]
    with website(lambda: f"<!DOCTYPE html><title>Contact us</title>{pasted}") as origin:
        form = make_account(sydney, Provider.WEB_FORM, credentials={"origins": origin})
        pasted = snippet.replace(ADDRESS, f"{live_server.url}/webhooks/forms/{token_of(form)}")
        yield origin


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_a_visitor_of_a_listed_page_becomes_a_lead(site, page, run_work) -> None:
    page.goto(f"{site}/landing?utm_source=google&utm_medium=cpc&utm_campaign=Spring&gclid=G1")
    page.goto(f"{site}/contact")
    page.fill("[name=name]", "Ana Silva")
    page.fill("[name=phone]", "0412 345 678")
    page.fill("[name=message]", "Can I come on Tuesday?")
    day = '<input type="checkbox" name="day" value="{}" checked>'
    page.eval_on_selector(
        "button", f"button => button.insertAdjacentHTML('beforebegin', '{day.format(1)}{day.format(2)}')"
    )
    page.check("[name=consent]")
    page.click("button")
    page.wait_for_function("document.querySelector('[role=status]').textContent.length > 0")
    assert page.text_content("[role=status]") == "Thank you. We will be in touch."
    run_work()
    contact = Contact.objects.get()
    assert (contact.name, contact.phone, contact.source) == ("Ana Silva", "+61412345678", "google_ads")
    assert (contact.first_touch["campaign"], contact.first_touch["landing_page"]) == (
        "Spring",
        "http://127.0.0.1/landing",
    )
    assert Touchpoint.objects.get(type="form_submit").answers == {
        "message": "Can I come on Tuesday?", "day": "1, 2"
    }  # fmt: skip
    assert {said.wording for said in Consent.objects.all()} == {
        "You may text and e-mail me about my enquiry."
    }
