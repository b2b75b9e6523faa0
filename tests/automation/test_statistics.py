"""What a rule did lately, on its page, in the list and in the API; and dry runs about an event."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from rest_framework.test import APIClient

from accounts.models import Location, Membership, User
from automation import statistics
from automation.models import Rule, RuleRun
from automation.statistics import Figures
from core.clock import Frozen
from messaging.models import Message
from tests.automation.conftest import drain, happen
from tests.factories.contacts import make_contact


@pytest.fixture
def manager(bare: Location) -> User:
    user = User.objects.create_user("max@clinic.test", name="Max", default_location=bare)
    Membership.objects.create(user=user, location=bare, role="manager")
    return user


@pytest.fixture
def api(manager: User) -> APIClient:
    client = APIClient()
    client.force_authenticate(manager)
    return client


def url(rule: Rule, *more: str) -> str:
    return "/".join(("/api/rules", str(rule.public_id), *more))


def texting(write_rule: Any) -> Rule:
    """A rule that texts those at high risk, and tags the others."""
    return write_rule(
        [
            {"type": "send_sms", "message": "Hello", "conditions": {"is_high_risk": True}},
            {"type": "add_tag", "tag": "seen"},
        ],
        conditions={"source": "wix"},
    )


def test_figures_count_runs_steps_and_texts_of_7_and_30_days(
    bare: Location, account: Any, write_rule: Any, now: Frozen, api: APIClient
) -> None:
    rule = texting(write_rule)
    risky, other = make_contact(bare, source="wix", is_high_risk=True), make_contact(bare)
    happen("stage_moved", risky)
    drain()
    now.advance(timedelta(days=10))
    for contact in (risky, other):
        happen("stage_moved", contact)
    drain()
    answer = api.get(url(rule)).json()["statistics"]
    assert answer["last_7_days"] == {
        "runs": 2, "matched": 1, "done": 2, "skipped": 0, "failed": 0, "messages": 1
    }  # fmt: skip
    assert answer["last_30_days"] == {
        "runs": 3, "matched": 2, "done": 4, "skipped": 0, "failed": 0, "messages": 2
    }  # fmt: skip
    assert answer["last_run"] == now.at.isoformat().replace("+00:00", "Z")
    now.advance(timedelta(days=31))
    assert statistics.of_rules([rule.pk], now.at)[rule.pk] == statistics.Statistics(
        Figures(), Figures(), None
    )


def test_the_pages_show_them_and_cost_the_same_for_many_runs(
    bare: Location, account: Any, write_rule: Any, manager: User
) -> None:
    rule = texting(write_rule)
    browser = Client()
    browser.force_login(manager)
    pages = [
        reverse("admin:automation_rules"),
        reverse("admin:automation_rule_figures", args=(rule.public_id,)),
        reverse("admin:automation_rule_edit", args=(rule.public_id,)),
    ]

    def costs() -> list[int]:
        found = []
        for page in pages:
            browser.get(page)
            with CaptureQueriesContext(connection) as queries:
                assert browser.get(page).status_code == 200
            found.append(len(queries))
        return found

    happen("stage_moved", make_contact(bare, source="wix"))
    drain()
    few = costs()
    for _ in range(2):
        happen("stage_moved", make_contact(bare, source="wix"))
    drain()
    assert "ran 3 times" in browser.get(pages[0]).content.decode()
    assert "Mon 23 Nov, 12:00" in browser.get(pages[1]).content.decode()
    assert costs() == few
    assert max(few) <= 25


def test_a_dry_run_about_an_event_says_what_would_be_done_and_does_nothing(
    bare: Location, account: Any, write_rule: Any, api: APIClient
) -> None:
    contact = make_contact(bare, source="wix")
    event = happen("stage_moved", contact)
    drain()
    rule = texting(write_rule)
    answer = api.post(url(rule, "dry-run"), {"event_id": str(event.public_id)}, format="json").json()
    assert answer["matched"] is True
    assert [step["turn"] for step in answer["actions"]] == ["skip", "do"]
    assert (RuleRun.objects.count(), Message.objects.count()) == (0, 0)


def test_a_dry_run_says_what_stands_in_the_way(
    bare: Location, account: Any, write_rule: Any, api: APIClient
) -> None:
    rule = texting(write_rule)
    met, other = (
        happen(name, make_contact(bare, source="wix")) for name in ("stage_moved", "contact_updated")
    )
    drain()
    again = api.post(url(rule, "dry-run"), {"event_id": str(met.public_id)}, format="json").json()
    assert (again["matched"], again["reason"].startswith("It has met this before.")) == (False, True)
    wrong = api.post(url(rule, "dry-run"), {"event_id": str(other.public_id)}, format="json").json()
    assert wrong["matched"] is False
    assert "It starts on something else" in wrong["reason"]


def test_a_dry_run_wants_a_contact_or_an_event_of_the_rules_clinic(
    bare: Location, account: Any, write_rule: Any, api: APIClient
) -> None:
    rule = texting(write_rule)
    elsewhere = Location.objects.create(name="Elsewhere", code="elsewhere")
    foreign = happen("stage_moved", make_contact(elsewhere))
    own = make_contact(bare)
    for body, status in (
        ({}, 422),
        ({"contact_id": str(own.public_id), "event_id": str(foreign.public_id)}, 422),
        ({"event_id": str(foreign.public_id)}, 422),
        ({"contact_id": str(own.public_id)}, 200),
    ):
        assert api.post(url(rule, "dry-run"), body, format="json").status_code == status, body
