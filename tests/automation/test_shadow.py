"""A rule in shadow: what it would do is recorded, nothing is done."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from automation import selectors, services
from automation.models import ActionRun, Rule, RuleRun
from contacts import services as contact_services
from contacts.models import Contact
from core.clock import Frozen
from tests.automation.conftest import CAUSE, drain, fresh

TAG = {"type": "add_tag", "tag": "seen"}


def change(contact: Contact, **fields: Any) -> None:
    contact_services.update_contact(contact_id=contact.pk, fields=fields, cause=CAUSE)
    drain()


def in_shadow(rule: Rule) -> Rule:
    return services.set_mode(rule.pk, mode=Rule.Mode.SHADOW, cause=CAUSE)


def test_a_rule_in_shadow_records_what_it_would_do_and_does_nothing(
    write_rule: Callable[..., Rule], anna: Contact
) -> None:
    rule = in_shadow(write_rule([TAG], trigger="contact_updated"))
    change(anna, is_high_risk=True)
    run = RuleRun.objects.get(rule=rule)
    assert run.get_state_display() == "Would have run (shadow)"
    [step] = run.actions.all()
    assert (step.state, step.reason) == (ActionRun.State.HELD, "The rule is in shadow: recorded, not done.")
    assert fresh(anna).tags == []
    assert "in shadow" in selectors.preview(anna, fresh(rule)).basis


def test_other_rules_act_while_one_is_in_shadow(write_rule: Callable[..., Rule], anna: Contact) -> None:
    in_shadow(write_rule([TAG], trigger="contact_updated"))
    write_rule(
        [{"type": "add_tag", "tag": "live"}], trigger="contact_updated", conditions={"is_high_risk": True}
    )
    change(anna, is_high_risk=True)
    assert fresh(anna).tags == ["live"]


def test_a_step_that_waits_is_held_when_its_rule_goes_into_shadow(
    write_rule: Callable[..., Rule], anna: Contact, now: Frozen
) -> None:
    rule = write_rule([{**TAG, "delay_seconds": 60}], trigger="contact_updated")
    change(anna, is_high_risk=True)
    in_shadow(rule)
    now.advance(timedelta(seconds=61))
    drain()
    step = ActionRun.objects.get(run__rule=rule)
    assert (step.state, step.reason) == (ActionRun.State.HELD, "The rule was put into shadow meanwhile.")


def test_a_clock_rule_that_leaves_the_shadow_acts_on_what_it_only_recorded(
    write_rule: Callable[..., Rule], anna: Contact, now: Frozen
) -> None:
    from automation import clock_rules

    rule = in_shadow(write_rule([TAG], trigger="cron_check", every="daily", anchor="day"))

    def a_check() -> None:
        clock_rules.fire(fresh(rule), rule.location, slot=f"{now.at}")
        drain()

    a_check()
    assert RuleRun.objects.get(rule=rule).state == RuleRun.State.MATCHED
    services.set_mode(rule.pk, mode=Rule.Mode.LIVE, cause=CAUSE)
    now.advance(timedelta(minutes=1))
    a_check()
    assert fresh(anna).tags == ["seen"]
    assert RuleRun.objects.filter(rule=rule).count() == 2


def test_switched_off_and_on_again_a_rule_is_as_it_was(write_rule: Callable[..., Rule]) -> None:
    rule = in_shadow(write_rule([TAG]))
    assert services.set_active(rule.pk, active=False, cause=CAUSE).mode == Rule.Mode.OFF
    assert services.set_active(rule.pk, active=True, cause=CAUSE).mode == Rule.Mode.SHADOW
