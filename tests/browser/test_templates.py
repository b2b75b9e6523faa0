"""The page of a template in a browser: worded by mouse and by key with what it costs in sight, and only read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import Location, User
from messaging.models import Template
from tests.browser.desk import Desk
from tests.factories.contacts import make_contact

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture
def reminder(clinic: None) -> Template:
    sydney = Location.objects.get(code="sydney")
    make_contact(sydney, name="Nora Lind", phone="+61491570156")
    return Template.objects.get(location=sydney, name="reminder_24hr", language="en")


def address(template: Template) -> str:
    return reverse("admin:messaging_template_change", args=[template.public_id])


def test_a_text_is_worded_with_its_preview_size_and_faults_in_sight(
    reminder: Template, desk: Callable[..., Desk]
) -> None:
    delivered = reminder.body
    page = desk("manager").open(address(reminder)).page
    body, live = page.locator("#id_body"), page.locator("#tp-live")
    expect(live).to_contain_text("1 segment, ")
    expect(live).to_contain_text("Nothing to object to.")

    body.fill("Hi {first_name}, see you at {time} — bring “your” referral 😀.")
    expect(live.locator(".tp-count")).to_contain_text("UCS-2")
    expect(live).to_contain_text("Only as UCS-2")
    body.fill("Hi {first_name}, see you at ")
    page.locator("[data-insert='{time}']").click()
    page.keyboard.type(" for your melanoma check.")
    expect(live.locator(".tp-bubble")).to_contain_text("for your melanoma check.")
    expect(live.locator("[data-code]").first).to_contain_text("Cannot be saved:")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".errornote, .errorlist, [data-code]").first).to_be_visible()
    reminder.refresh_from_db()
    assert "melanoma" not in reminder.body

    body.fill("Hi {first_name}, see you at {clinic} on {date} at {time}.")
    page.get_by_label("Find a person").fill("Nora")
    page.get_by_label("Read as").select_option(label="Nora Lind, …156")
    expect(live.locator(".tp-bubble")).to_contain_text("Hi Nora,")
    expect(live).to_contain_text("has no value for")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    reminder.refresh_from_db()
    assert reminder.body == "Hi {first_name}, see you at {clinic} on {date} at {time}."

    page.goto(page.url.partition("/admin/")[0] + address(reminder))
    versions = page.locator(".tp-history li")
    expect(versions).to_have_count(2)
    expect(versions.first.locator("del").first).to_be_visible()
    page.get_by_role("button", name="Restore version 1").click()
    expect(page.get_by_text("Version 1 is back, as a new version.")).to_be_visible()
    expect(body).to_have_value(delivered)

    page.get_by_role("link", name="Show or send it on a phone").click()
    expect(page.get_by_role("log", name="Texts")).to_contain_text("Hi Alexandra,")


def test_a_text_is_worded_and_taken_back_by_keys(reminder: Template, desk: Callable[..., Desk]) -> None:
    delivered = reminder.body
    page = desk("manager").open(address(reminder)).page
    keys = page.keyboard
    page.locator("#id_body").focus()
    keys.press("Control+End")
    keys.type(" Bring ")
    page.locator("[data-insert='{practitioner}']").focus()
    keys.press("Enter")
    expect(page.locator("#id_body")).to_be_focused()
    keys.type(" papers.")
    expect(page.locator("#tp-live .tp-bubble")).to_contain_text("papers.")
    page.get_by_role("button", name="Save", exact=True).focus()
    keys.press("Enter")
    expect(page.get_by_text("was changed successfully")).to_be_visible()
    reminder.refresh_from_db()
    assert reminder.body == f"{delivered} Bring {{practitioner}} papers."

    page.goto(page.url.partition("/admin/")[0] + address(reminder))
    keys.press("/")
    find = page.get_by_label("Find a person")
    expect(find).to_be_focused()
    keys.type("Nora")
    expect(page.get_by_label("Read as")).to_contain_text("Nora Lind")
    keys.press("Escape")
    for _ in range(2):
        keys.press("j")
    keys.press("R")
    expect(page.get_by_text("Version 1 is back, as a new version.")).to_be_visible()
    reminder.refresh_from_db()
    assert reminder.body == delivered


@pytest.mark.parametrize("who", ["staff", "readonly"])
def test_who_may_not_word_templates_reads_all_of_it_and_is_refused(
    reminder: Template, desk: Callable[..., Desk], client: Client, who: str
) -> None:
    page = desk(who).open(address(reminder)).page
    expect(page.locator("#tp-live .tp-bubble")).to_contain_text("Hi Alexandra,")
    expect(page.locator(".tp-history li")).to_have_count(1)
    expect(page.get_by_role("heading", name="Where it is used")).to_be_visible()
    for part in ("#id_body", "#content button[name=_save]", ".tp-history form", "[data-insert]"):
        expect(page.locator(part)).to_have_count(0)
    client.force_login(User.objects.get(email=f"{who}@demo.test"))
    posts = {
        address(reminder): {"body": "x"},
        reverse("admin:messaging_template_restore", args=[reminder.public_id]): {"number": "1"},
        reverse("admin:messaging_template_add"): {"name": "x", "body": "x"},
    }
    assert {url: client.post(url, data).status_code for url, data in posts.items()} == dict.fromkeys(
        posts, 403
    )
