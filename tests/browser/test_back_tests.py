"""Trying a rule on the past in a browser: by key, without JavaScript, and in each look."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.urls import reverse
from playwright.sync_api import expect

from automation.backtest_models import BackTest
from automation.models import Rule
from core import clock, events
from core.causes import Cause
from tests.browser import looks
from tests.browser.desk import Desk
from tests.factories.contacts import make_contact

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture
def met(clinic: None, run_work: Callable[[], int]) -> Rule:
    """A rule that three leads met an hour ago."""
    rule = (
        Rule.objects.filter(trigger="lead_created", is_active=True).select_related("location").earliest("pk")
    )
    with clock.frozen(clock.now() - timedelta(hours=1)):
        for n in range(3):
            contact = make_contact(rule.location, name=f"Lead {n}", phone=f"+6149157011{n}", source="wix")
            with transaction.atomic():
                events.record(
                    events.get("lead_created"), contact_id=contact.pk, location_id=rule.location_id,
                    cause=Cause.system("test"), data={"source": "wix"},
                )  # fmt: skip
        run_work()
    return rule


def editor(rule: Rule) -> str:
    return reverse("admin:automation_rule_edit", args=[rule.public_id])


def test_one_key_tries_it_and_the_result_comes_by_itself(
    desk: Callable[..., Desk], met: Rule, run_work: Callable[[], int]
) -> None:
    one = desk("manager").open(editor(met))
    one.page.keyboard.press("Shift+T")
    expect(one.page.get_by_role("button", name="Stop")).to_be_visible()
    expect(one.page.get_by_text("It waits for its turn.")).to_be_visible()
    run_work()
    people = one.page.get_by_role("region", name="Whom it would have met")
    expect(people.get_by_role("link", name="Lead 0")).to_be_visible()
    expect(one.page.get_by_role("button", name="Stop")).to_have_count(0)
    people.locator("summary").first.click()
    expect(people.locator(".ru-steps").first).to_be_visible()
    people.get_by_role("link", name="Lead 0").click()
    expect(one.page).to_have_url(re.compile("/contacts/contact/"))


def test_it_is_asked_watched_and_stopped_without_javascript(
    desk: Callable[..., Desk], met: Rule, run_work: Callable[[], int]
) -> None:
    one = desk("manager")
    context = one.page.context.browser.new_context(java_script_enabled=False)  # type: ignore[union-attr]
    context.add_cookies(one.page.context.cookies())  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{one.base}{editor(met)}past/")
    page.get_by_label("The last").fill("30")
    page.get_by_role("button", name="Try", exact=True).click()
    run_work()
    page.get_by_role("link", name="Look again").click()
    expect(page.get_by_role("heading", name="Tried on the last 30 days")).to_be_visible()
    expect(page.get_by_role("link", name="Lead 2")).to_be_visible()
    page.get_by_role("button", name="Try again as it is written now").click()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_text("Stopped. What was found until then stays.")).to_be_visible()
    assert list(BackTest.objects.order_by("pk").values_list("state", flat=True)) == ["done", "cancelled"]
    context.close()


def test_nothing_serious_stands_in_the_way_of_who_tries_rules(
    desk: Callable[..., Desk], met: Rule, run_work: Callable[[], int]
) -> None:
    one = desk("manager").open(editor(met))
    one.page.get_by_role("button", name="Try on the last 90 days").click()
    one.page.wait_for_url(re.compile("/rules/past/"))
    test = BackTest.objects.get()
    result = reverse("admin:automation_back_test", args=[test.public_id])
    found: dict[str, Any] = {}

    def judge(state: str, path: str, look: looks.Look) -> None:
        look.put_on(one.page)
        one.open(path)
        one.page.locator("details").evaluate_all("all => all.forEach(one => one.setAttribute('open', ''))")
        wrong = looks.grave(one.page)
        if looks.overflow(one.page) > 0:
            wrong.append(f"scrolls sideways by {looks.overflow(one.page)} px")
        if wrong:
            found[f"{state}, {look.name}"] = wrong

    for look in looks.LOOKS:
        judge("going", result, look)
    run_work()
    # The page asks each second and loads itself anew once it is done; another address would cross with that.
    expect(one.page.get_by_role("button", name="Try again as it is written now")).to_be_visible()
    for look in looks.LOOKS:
        judge("done", result, look)
        judge("list", f"{editor(met)}past/", look)
    assert found == {}
