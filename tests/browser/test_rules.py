"""The pages of rules in a browser: written without JavaScript, only read, and in each look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse
from playwright.sync_api import Locator, Page, expect

from accounts.models import Location
from automation.models import Rule, RuleDraft
from tests.browser import looks
from tests.browser.desk import Desk
from tests.factories.contacts import make_contact

pytestmark = [pytest.mark.slow, pytest.mark.browser]


def rule_at(key: str) -> str:
    """The address of a rule's editor."""
    return reverse("admin:automation_rule_edit", args=[Rule.objects.filter(key=key).earliest("pk").public_id])


def pick(page: Page, name: str, option: str, then: str = "") -> None:
    """Find an option of the last long list of this name by typing, and take it; the field of this name comes."""
    box = page.get_by_role("combobox", name=name, exact=True).last
    box.click()
    page.keyboard.type(option)
    page.get_by_role("option", name=option, exact=True).first.click()
    if then:
        expect(page.get_by_label(then, exact=True)).to_be_focused()


def part(page: Page, place: str) -> Locator:
    """A part of the form, by its address in the rule."""
    return page.locator(f'[id="{place}"]')


def publish(page: Page, mode: str) -> None:
    page.get_by_role("button", name="Publish…").click()
    expect(page.get_by_role("heading", name="What it will say")).to_be_visible()
    page.get_by_role("radio", name=mode).check()
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_role("button", name="Publish…")).to_be_visible()


def test_a_rule_is_built_from_nothing_tried_published_and_taken_back_by_mouse(
    desk: Callable[..., Desk],
) -> None:
    make_contact(Location.objects.get(code="sydney"), name="Nora Lind", phone="+61491570156")
    page = desk("manager").open("/admin/rules/").page
    page.get_by_label("The new rule starts when").select_option(label="A text comes in")
    page.get_by_role("button", name="New rule").click()

    page.get_by_label("Name", exact=True).fill("Hot replies")
    page.locator("[value='add:c']").click()
    expect(part(page, "c.0")).to_be_visible()
    pick(page, "What to look at", "Warmness", "Comparison of the warmness")
    part(page, "c.0").locator("[name='c.0:value']").fill("very")
    page.locator("[value='group:c']").click()
    expect(part(page, "c.1.0")).to_be_visible()
    pick(page, "What to look at", "High risk", "Comparison of high risk")
    page.locator("[value='add:c.1']").click()
    expect(part(page, "c.1.1")).to_be_visible()
    pick(page, "What to look at", "Visit ahead", "Comparison of a visit ahead")
    pick(page, "Action to add", "Send a text")
    page.get_by_role("button", name="Add action").click()
    expect(part(page, "c.0").locator(".ru-error")).to_contain_text("needs a number")
    expect(part(page, "a.0").locator(".ru-error").first).to_contain_text(
        "Give either a template or a message."
    )
    expect(page.locator("#ru-said")).to_contain_text("Not a rule yet.")

    part(page, "c.0").locator("[name='c.0:value']").fill("0")
    page.locator("[data-drag='c.1.1']").drag_to(part(page, "c.1.0"), target_position={"x": 20, "y": 4})
    expect(page.locator("[name='c.1.0:was']")).to_have_value("has_future_booking")
    page.get_by_role("button", name="Move a visit ahead down").click()
    expect(page.locator("[name='c.1.1:was']")).to_have_value("has_future_booking")
    pick(page, "Template", "help reply")
    sentence = page.locator("#ru-said .ru-sentence")
    expect(sentence).to_contain_text(
        "(high risk is yes or a visit ahead is yes) and the warmness is at least 0: text help_reply"
    )
    page.get_by_label("Contact: name, phone or e-mail").fill("Nora Lind")
    page.get_by_role("button", name="Dry run").click()
    expect(page.locator("#try [role=status]")).to_contain_text("Would not run for Nora Lind")
    expect(part(page, "c.0").locator(".ru-verdict")).to_contain_text("holds")
    expect(part(page, "c.1.0").locator(".ru-verdict")).to_contain_text("does not hold")
    part(page, "c.1.1").get_by_label("Comparison of a visit ahead").select_option(label="is no")
    expect(sentence).to_contain_text("a visit ahead is no")
    page.get_by_role("button", name="Dry run").click()
    expect(page.locator("#try [role=status]")).to_contain_text("Would run for Nora Lind")

    publish(page, "In shadow")
    rule = Rule.objects.get(key="hot_replies")
    assert rule.mode == "shadow"
    for button, mode in (("Switch on", "on"), ("Switch off", "off"), ("Put in shadow", "shadow")):
        page.get_by_role("button", name=button).click()
        expect(page.get_by_role("button", name=button)).to_have_count(0)
        rule.refresh_from_db()
        assert rule.mode == mode

    page.locator("[name='c.1:value']").fill("70")
    publish(page, "In shadow")
    page.get_by_role("link", name="Versions").click()
    page.get_by_role("link", name="What differs").click()
    differs = page.get_by_role("region", name="What differs")
    expect(differs.locator("ins").first).to_contain_text("70")
    page.get_by_role("button", name="Restore version 1").click()
    expect(page.get_by_text("The rule says again what version 1 said.")).to_be_visible()
    rule.refresh_from_db()
    assert rule.current is not None
    assert (rule.current.number, rule.current.conditions["warmness_score"]) == (3, {"gte": 0})


def test_a_button_pressed_right_after_a_choice_is_not_lost(desk: Callable[..., Desk]) -> None:
    page = desk("manager").open("/admin/rules/").page
    page.get_by_label("The new rule starts when").select_option(label="A text comes in")
    page.get_by_role("button", name="New rule").click()
    page.locator("[value='add:c']").click()
    expect(part(page, "c.0")).to_be_visible()
    # Both within one turn of the page: no answer can come between.
    page.evaluate(
        """() => {
          const list = document.querySelector("[id='c.0'] select[data-shape]");
          list.value = "is_high_risk";
          list.dispatchEvent(new Event("change", { bubbles: true }));
          document.querySelector("[value='add:c']").click();
        }"""
    )
    expect(page.get_by_label("Comparison of high risk")).to_be_visible()
    expect(part(page, "c.1")).to_be_visible()


def test_a_rule_is_built_and_saved_and_published_by_keys(desk: Callable[..., Desk]) -> None:
    page = desk("manager").open("/admin/rules/").page
    keys = page.keyboard
    page.get_by_label("The new rule starts when").focus()
    keys.type("A text comes in")
    keys.press("Tab")
    keys.press("Enter")
    page.get_by_label("Name", exact=True).focus()
    keys.type("Thanks for writing")
    page.locator("[value='add:c']").focus()
    keys.press("Enter")
    look = page.get_by_role("combobox", name="What to look at")
    expect(look).to_be_focused()
    keys.type("High ri")
    keys.press("Enter")
    expect(page.get_by_label("Comparison of high risk")).to_be_focused()
    page.get_by_role("combobox", name="Action to add").focus()
    keys.type("Add a tag")
    keys.press("Enter")
    keys.press("Tab")
    keys.press("Enter")
    expect(part(page, "a.0")).to_be_visible()
    tag = part(page, "a.0").locator("[name='a.0:p.tag']")
    tag.focus()
    keys.type("wrote")
    expect(page.locator("#ru-said .ru-sentence")).to_contain_text("wrote")
    keys.press("Escape")
    keys.press("S")
    expect(page.get_by_text("The draft is saved.")).to_be_visible()
    assert RuleDraft.objects.get().wording["conditions"] == {"is_high_risk": True}
    keys.press("P")
    expect(page.get_by_role("heading", name="What it will say")).to_be_visible()
    page.get_by_role("radio", name="Off").focus()
    keys.press("Space")
    keys.press("Enter")
    expect(page.get_by_role("button", name="Switch on")).to_be_visible()
    assert Rule.objects.get(key="thanks_for_writing").mode == "off"
    page.goto(page.url.partition("/admin/")[0] + "/admin/rules/")
    keys.press("j")
    keys.press("Enter")
    expect(page.get_by_role("navigation", name="Pages of this rule")).to_be_visible()


def test_rules_are_taken_from_a_file_after_a_plan(desk: Callable[..., Desk]) -> None:
    one = desk("manager")
    page = one.open("/admin/rules/").page
    with page.expect_download() as download:
        page.get_by_role("link", name="Export").click()
    text = download.value.path().read_text().replace('"Lead created"', '"Lead greeted"')
    one.open("/admin/rules/").page.get_by_role("link", name="Import").click()
    page.get_by_label("or its text").fill(text)
    page.get_by_role("button", name="Show what it would do").click()
    plan = page.locator(".ru-item", has_text="Lead greeted")
    expect(plan).to_contain_text("changed")
    assert Rule.objects.filter(name="Lead greeted").count() == 0
    page.get_by_role("button", name="Apply what is ticked").click()
    expect(page.get_by_text("0 rules added, switched off; 1 changed.")).to_be_visible()
    assert Rule.objects.filter(name="Lead greeted").count() == 1


def test_who_may_only_read_gets_the_sentence_and_no_button(desk: Callable[..., Desk]) -> None:
    page = desk("readonly").open(rule_at("b6")).page
    expect(page.locator(".ru-sentence")).to_contain_text("A message has been sent")
    assert page.locator("#content form button").count() == 0
    page.goto(page.url.partition("/admin/")[0] + "/admin/rules/")
    expect(page.get_by_role("button", name="New rule")).to_have_count(0)


def test_a_condition_is_added_and_saved_without_javascript(desk: Callable[..., Desk]) -> None:
    one = desk("manager")
    context = one.page.context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    context.add_cookies(one.page.context.cookies())  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{one.base}{rule_at('b6')}")
    page.locator("[value='add:c']").click()
    fresh = page.locator("select[name$=':field']").last
    fresh.select_option("is_high_risk")
    page.get_by_role("button", name="Save draft").click()
    expect(page.get_by_text("The draft is saved.")).to_be_visible()
    assert RuleDraft.objects.get().wording["conditions"]["is_high_risk"] is True
    context.close()


def test_nothing_serious_stands_in_the_way_of_who_writes_rules(desk: Callable[..., Desk]) -> None:
    one = desk("manager")
    address = rule_at("a4a")
    paths = [
        "/admin/rules/",
        "/admin/rules/import/",
        address,
        f"{address}versions/?number=1",
        f"{address}figures/",
    ]
    found: dict[str, Any] = {}

    def judge(name: str) -> None:
        one.page.wait_for_load_state("networkidle")
        wrong = looks.grave(one.page)
        if looks.overflow(one.page) > 0:
            wrong.append(f"scrolls sideways by {looks.overflow(one.page)} px")
        if wrong:
            found[name] = wrong

    # A page takes up its colours when it is opened.
    for look in looks.LOOKS:
        look.put_on(one.page)
        RuleDraft.objects.all().delete()  # That of the look before.
        for path in paths:
            one.open(path)
            judge(f"{path}, {look.name}")
        one.open(address)
        one.page.locator("[value='wrap:c.0']").click()
        one.page.get_by_role("combobox", name="What to look at").last.click()
        judge(f"editor with a group and an open list, {look.name}")
        one.page.keyboard.press("Escape")
        one.page.locator("[value='remove:c.0.1']").click()
        expect(one.page.locator("[value='remove:c.0.1']")).to_have_count(0)
        one.page.get_by_role("button", name="Publish…").click()
        expect(one.page.get_by_role("heading", name="What it will say")).to_be_visible()
        judge(f"publish, {look.name}")
    assert found == {}
