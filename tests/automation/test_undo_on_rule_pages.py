"""What was published or restored on the pages of rules is taken back there."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import DeskAction, Location, User
from automation import drafts, services
from automation.models import Rule, RuleDraft
from tests.automation.conftest import CAUSE
from tests.automation.rule_forms import TAG, Desk, rule_of


def _undo_of(client: Client) -> str:
    """The address under “Undo…” in the words after the last act."""
    page = client.get("/admin/actions/").content.decode()
    action = DeskAction.objects.latest("pk")
    assert action.label in page
    return reverse("admin:accounts_action_undo", args=[action.public_id])


def publish(client: Client, clinic: Location, rule: Rule, actions: list[Any], *, mode: str) -> None:
    """Publish a draft of the rule with these actions, as its page does it."""
    drafts.save_draft(
        location=clinic, rule=rule, wording={**drafts.wording_of(rule), "actions": actions}, cause=CAUSE,
        author=User.objects.get(email__startswith="manager"),
    )  # fmt: skip
    url = reverse("admin:automation_rule_edit_publish", args=[rule.public_id])
    page = client.get(url).content.decode()
    seen = re.search(r'name="seen" value="([^"]+)"', page)
    assert seen is not None
    doubts = re.findall(r'name="read" value="([^"]+)"', page)
    client.post(url, {"seen": unescape(seen[1]), "mode": mode, "read": doubts})


def test_a_restored_wording_is_taken_back_unless_the_rule_was_changed_since(desk: Desk) -> None:
    client, rule = desk("manager"), rule_of("b6")
    mine = replace(services.input_of(rule), actions=[TAG])
    services.save_rule(rule.pk, wanted=mine, author=None, cause=CAUSE)
    restore = reverse("admin:automation_rule_restore", args=[rule.public_id])
    said = client.post(restore, {"number": "1"}, follow=True).content.decode()
    undo = _undo_of(client)
    assert f'<a href="{undo}" class="dk-link">Undo…</a>' in said
    client.post(undo)
    after = rule_of("b6").current
    assert after is not None
    assert (after.actions, after.number) == ([TAG], 4)
    client.post(restore, {"number": "1"})
    undo = _undo_of(client)
    services.save_rule(rule.pk, wanted=replace(mine, priority=7), author=None, cause=CAUSE)
    assert "It was changed since: priority, version." in client.post(undo, follow=True).content.decode()
    assert rule_of("b6").priority == 7


def test_restoring_what_is_live_says_so_and_offers_no_undo(desk: Desk) -> None:
    client, rule = desk("manager"), rule_of("b6")
    restore = reverse("admin:automation_rule_restore", args=[rule.public_id])
    said = client.post(restore, {"number": "1"}, follow=True).content.decode()
    assert "It was so already; nothing was changed." in said
    assert "Undo…" not in said
    answer = client.post(_undo_of(client), follow=True).content.decode()
    assert "Undone." not in answer
    assert "Nothing was changed." in answer


def test_what_a_rule_was_delivered_with_is_taken_back_with_its_name(desk: Desk) -> None:
    client, rule = desk("manager"), rule_of("b6")
    services.save_rule(
        rule.pk, wanted=replace(services.input_of(rule), name="Mine", actions=[TAG]), author=None, cause=CAUSE
    )
    client.post(reverse("admin:automation_rule_restore_delivered", args=[rule.public_id]))
    client.post(_undo_of(client))
    assert (rule_of("b6").name, rule_of("b6").current.actions) == ("Mine", [TAG])  # type: ignore[union-attr]


def test_a_published_change_is_taken_back_with_its_state_also_when_the_system_paused_the_rule(
    desk: Desk, clinic: Location
) -> None:
    client, rule = desk("manager"), rule_of("b6")
    before = services.input_of(rule)
    publish(client, clinic, rule, [TAG], mode="shadow")
    assert not RuleDraft.objects.filter(rule=rule).exists()
    assert rule_of("b6").mode == Rule.Mode.SHADOW
    undo = _undo_of(client)
    services.pause(rule.pk, reason="It met itself.", cause=CAUSE)
    client.post(undo)
    after = rule_of("b6")
    assert after.current is not None
    assert (after.current.actions, after.mode, after.paused_reason) == (before.actions, Rule.Mode.LIVE, "")


@pytest.mark.parametrize("how", ["published off", "published on", "restored"])
def test_a_rule_that_was_paused_goes_back_paused(desk: Desk, clinic: Location, how: str) -> None:
    client, rule = desk("manager"), rule_of("b6")
    services.save_rule(
        rule.pk, wanted=replace(services.input_of(rule), priority=7, actions=[TAG]), author=None, cause=CAUSE
    )
    services.pause(rule.pk, reason="It met itself.", cause=CAUSE)
    if how == "restored":
        client.post(reverse("admin:automation_rule_restore", args=[rule.public_id]), {"number": "1"})
    else:
        publish(client, clinic, rule_of("b6"), [{**TAG, "tag": "other"}], mode=how.split()[1])
    assert rule_of("b6").mode == (Rule.Mode.LIVE if how == "published on" else Rule.Mode.OFF)
    client.post(_undo_of(client))
    after = rule_of("b6")
    assert after.current is not None
    assert (after.current.number, after.current.actions) == (4, [TAG])
    assert (after.mode, after.paused_reason) == (Rule.Mode.OFF, "It met itself.")


def test_a_paused_rule_that_somebody_switched_on_since_stays_on(desk: Desk, clinic: Location) -> None:
    client, rule = desk("manager"), rule_of("b6")
    services.pause(rule.pk, reason="It met itself.", cause=CAUSE)
    publish(client, clinic, rule_of("b6"), [TAG], mode="off")
    undo = _undo_of(client)
    services.set_mode(rule.pk, mode=Rule.Mode.LIVE, cause=CAUSE)
    assert "It was changed since: switched on." in client.post(undo, follow=True).content.decode()
    assert rule_of("b6").mode == Rule.Mode.LIVE


def test_whoever_only_reads_rules_takes_nothing_back(desk: Desk) -> None:
    manager, rule = desk("manager"), rule_of("b6")
    services.save_rule(
        rule.pk, wanted=replace(services.input_of(rule), actions=[TAG]), author=None, cause=CAUSE
    )
    manager.post(reverse("admin:automation_rule_restore", args=[rule.public_id]), {"number": "1"})
    undo = _undo_of(manager)
    assert desk("readonly").post(undo).status_code in (403, 404)
    assert rule_of("b6").current.actions != [TAG]  # type: ignore[union-attr]
