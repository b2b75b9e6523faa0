"""Rules that run by the clock: when they look, whom they tell of, and what leaves no trace."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Location
from automation import clock_rules, services
from automation.models import Rule, RuleRun
from contacts import services as contact_services
from contacts.models import Contact
from core.clock import Frozen
from core.models import Event, Work
from tests.automation.conftest import CAUSE, NOW, drain, fresh
from tests.factories.contacts import log, make_contact

WriteRule = Callable[..., Rule]
TAG = {"type": "add_tag", "tag": "seen"}


def daily(
    write_rule: WriteRule, conditions: dict[str, Any], *, anchor: str = "day", every: str = "daily"
) -> Rule:
    return write_rule([TAG], trigger="cron_check", every=every, anchor=anchor, conditions=conditions)


def tick() -> None:
    clock_rules.plan_clock_rules()
    drain()


@pytest.mark.parametrize(
    ("moment", "slot"),
    [
        (datetime(2026, 11, 22, 13, 29, tzinfo=UTC), "daily:20261122"),
        (datetime(2026, 11, 22, 13, 30, tzinfo=UTC), "daily:20261123"),
        (datetime(2026, 11, 23, 13, 29, 59, tzinfo=UTC), "daily:20261123"),
    ],
)
def test_a_day_of_rules_begins_half_an_hour_after_local_midnight(
    bare: Location, moment: datetime, slot: str
) -> None:
    assert clock_rules.slot_of(bare, "daily", moment) == slot


def test_an_hour_of_rules_is_an_hour() -> None:
    assert clock_rules.slot_of(Location(), "hourly", NOW) == "hourly:2026112301"


def test_ticks_of_one_hour_look_once(bare: Location, write_rule: WriteRule, now: Frozen) -> None:
    daily(write_rule, {}, every="hourly")
    for _ in range(3):
        clock_rules.plan_clock_rules()
        now.advance(timedelta(minutes=1))
    assert Work.objects.filter(handler="automation.clock_rules").count() == 1
    now.advance(timedelta(hours=1))
    clock_rules.plan_clock_rules()
    assert Work.objects.filter(handler="automation.clock_rules").count() == 2


def test_without_clock_rules_nothing_is_planned(bare: Location, write_rule: WriteRule) -> None:
    rule = daily(write_rule, {})
    services.set_active(rule.pk, active=False, cause=CAUSE)
    clock_rules.plan_clock_rules()
    services.set_active(rule.pk, active=True, cause=CAUSE)
    Location.objects.update(automation_mode="off")
    clock_rules.plan_clock_rules()
    assert not Work.objects.filter(handler="automation.clock_rules").exists()


def test_only_contacts_that_fire_are_told_of(bare: Location, write_rule: WriteRule) -> None:
    rule = daily(write_rule, {"is_high_risk": True, "custom.size": "big"})
    hit = make_contact(bare, is_high_risk=True, custom_fields={"size": "big"})
    make_contact(bare, is_high_risk=True)
    make_contact(bare)
    drain()
    tick()
    [event] = Event.objects.filter(type="rule_due")
    assert (event.contact_id, event.cause_kind, event.depth) == (hit.pk, "clock", 0)
    assert event.data == {"rule": str(rule.public_id), "anchor": f"contact:{hit.pk}:day:2026-11-23"}
    run = RuleRun.objects.get(rule=rule)
    assert (run.state, run.contact_id, run.anchor) == ("done", hit.pk, f"contact:{hit.pk}:day:2026-11-23")
    assert fresh(hit).tags == ["seen"]


def test_a_clock_rule_acts_once_per_anchor(bare: Location, write_rule: WriteRule, now: Frozen) -> None:
    rule = daily(
        write_rule, {"no_reply_received": True, "last_touchpoint_age_seconds": {"gte": 14400}},
        anchor="outbound", every="hourly",
    )  # fmt: skip
    contact = make_contact(bare)
    log(contact, "sms_sent", at=NOW - timedelta(seconds=14399), cause=CAUSE)
    drain()
    tick()
    assert RuleRun.objects.filter(rule=rule).count() == 0
    for _ in range(3):
        now.advance(timedelta(hours=1))
        tick()
    assert RuleRun.objects.filter(rule=rule).count() == 1
    log(contact, "sms_sent", cause=CAUSE)
    now.advance(timedelta(hours=5))
    tick()
    assert RuleRun.objects.filter(rule=rule).count() == 2


def test_without_its_anchor_a_clock_rule_has_nothing_to_act_on(bare: Location, write_rule: WriteRule) -> None:
    daily(write_rule, {}, anchor="recall_date")
    make_contact(bare)
    drain()
    tick()
    assert not Event.objects.filter(type="rule_due").exists()


def test_who_changes_before_its_turn_may_still_fire_later(
    bare: Location, write_rule: WriteRule, now: Frozen
) -> None:
    rule = daily(write_rule, {"is_high_risk": True}, anchor="recall_date", every="hourly")
    contact = make_contact(bare, is_high_risk=True, recall_due_date="2026-11-20")
    drain()
    clock_rules.fire(rule, bare, slot="hourly:1")
    contact_services.update_contact(contact_id=contact.pk, fields={"is_high_risk": False}, cause=CAUSE)
    drain()
    assert RuleRun.objects.filter(rule=rule).count() == 0
    contact_services.update_contact(contact_id=contact.pk, fields={"is_high_risk": True}, cause=CAUSE)
    now.advance(timedelta(hours=1))
    tick()
    assert RuleRun.objects.get(rule=rule).state == "done"


def test_a_rule_switched_off_meanwhile_does_not_run(bare: Location, write_rule: WriteRule) -> None:
    rule = daily(write_rule, {})
    make_contact(bare)
    drain()
    clock_rules.fire(rule, bare, slot="daily:1")
    services.set_active(rule.pk, active=False, cause=CAUSE)
    drain()
    assert RuleRun.objects.count() == 0


def test_looking_costs_the_same_for_5_and_for_50_contacts(bare: Location, write_rule: WriteRule) -> None:
    rule = daily(write_rule, {"is_high_risk": True})

    def cost(slot: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            clock_rules.fire(rule, bare, slot=slot)
        return len(captured)

    def people(count: int) -> list[Contact]:
        return [make_contact(bare, is_high_risk=True) for _ in range(count)]

    people(5)
    few = cost("daily:1")
    Event.objects.filter(type="nothing").count()
    people(45)
    many = cost("daily:2")
    # A dedupe key is written row by row; everything else is a set.
    assert many - few <= 50 - 5
