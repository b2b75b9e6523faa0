"""What a rule tried on the past comes to: how it differs from the rule as it is, its figures, texts and cost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Location
from automation import backtest_shown, backtests, services
from automation.models import FactChange, Rule
from contacts.models import Contact
from core.clock import Frozen
from integrations.models import ProviderAccount
from messaging.models import Message, Template
from tests.automation import past_stand_in
from tests.automation.conftest import CAUSE, NOW, drain, fresh
from tests.automation.past_stand_in import OWN, TAG, TASK, TEXT, Past, ask, people, tried
from tests.factories.contacts import log, make_contact


@pytest.fixture
def past(monkeypatch: pytest.MonkeyPatch) -> Past:
    return past_stand_in.put_in_place(monkeypatch)


@pytest.fixture
def rule(write_rule: Callable[..., Rule]) -> Rule:
    return write_rule([TAG])


# What differs


def test_the_difference_is_by_occasion_only_new_only_old_and_both(
    rule: Rule, past: Past, bare: Location
) -> None:
    new, old, both, stopped = people(bare, 4)
    past.happen(new, by="draft")
    past.happen(old, by="live")
    past.happen(both)
    past.happen(stopped, stopped=True)
    test = tried(rule, actions=[TAG, TASK])
    assert test.figures["diff"] == {"draft": 1, "live": 1, "both": 1, "changed": 1}
    found = {hit.contact: (hit.by, hit.outcome) for hit in test.hits.select_related("contact")}
    assert found == {
        new: ("draft", "matched"), old: ("live", "matched"), both: ("both", "matched"), stopped: ("both", "stopped"),
    }  # fmt: skip
    hit = test.hits.get(contact=both)
    assert [step["does"] for step in hit.steps] == ["add the tag seen", "create a task call, due now"]
    assert [step["does"] for step in hit.live_steps or []] == ["add the tag seen"]


def test_an_occasion_on_which_one_wording_runs_and_the_other_is_stopped_is_the_one_s(
    rule: Rule, past: Past, anna: Contact
) -> None:
    past.happen(anna, by="draft", anchor="event:1", stopped=True)
    past.happen(anna, by="live", anchor="event:1")
    test = tried(rule, actions=[TASK])
    assert list(test.hits.values_list("by", "outcome")) == [("live", "matched")]
    assert (test.figures["draft"]["stopped"], test.figures["live"]["fired"]) == (1, 1)


def test_the_rule_as_it_stands_is_compared_with_nothing(rule: Rule, past: Past, anna: Contact) -> None:
    past.happen(anna)
    test = tried(rule, priority=3)
    assert (test.alone, test.live) == ("same", None)
    assert past.played == [("draft", 0)]
    assert backtest_shown.difference(test) == []


def test_wordings_that_start_on_different_things_are_not_compared(rule: Rule, past: Past) -> None:
    test = ask(rule, trigger="sms_received")
    assert (test.alone, test.live) == ("other_start", None)


def test_a_later_change_of_the_rule_changes_nothing_of_what_was_asked(
    rule: Rule, past: Past, anna: Contact
) -> None:
    past.happen(anna)
    test = ask(rule, actions=[TASK])
    services.save_rule(
        rule.pk, wanted=services.RuleInput(name="Else", trigger="sms_received", conditions={}, actions=[TEXT]),
        author=None, cause=CAUSE,
    )  # fmt: skip
    drain()
    assert fresh(test).figures["diff"]["changed"] == 1
    assert backtest_shown.sentence(fresh(test).live).startswith("A contact moves")


# Figures


def test_the_figures_add_up_over_parts(rule: Rule, past: Past, bare: Location) -> None:
    past.parts, past.not_matched = 2, 10
    often, once, other = people(bare, 3)
    for days in (1, 3, 9.5):
        past.happen(often, days_ago=days)
    past.happen(once, days_ago=2)
    past.happen(other, part=1, days_ago=2)
    past.happen(other, part=1, days_ago=2.5)
    past.happen(None, part=1, days_ago=80, stopped=True)
    found = tried(rule, actions=[TASK, TAG, {"type": "update_pipeline", "stage": "engaged"}]).figures["draft"]
    assert (found["looked"], found["fired"], found["stopped"]) == (27, 6, 1)
    assert (found["people"], found["repeated"], found["most"]) == (3, 2, {"times": 3, "days": 9})
    assert (found["tasks"], found["moves"]) == (6, 6)
    assert found["steps"]["1"] == {"done": 6, "not": 0}
    assert sum(found["weeks"].values()) == 6
    assert found["weeks"]["2026-11-16"] == 5  # Monday of the week before; the first is nine days ago.


def test_weeks_are_the_clinic_s_and_none_is_left_out(rule: Rule, past: Past, anna: Contact) -> None:
    # Monday 00:30 in Sydney is Sunday in UTC.
    past.happen(anna, days_ago=0.48)
    test = tried(rule)
    assert list(test.figures["draft"]["weeks"]) == ["2026-11-23"]
    weeks = backtest_shown.weeks(test)
    assert (len(weeks), sum(week.draft for week in weeks)) == (14, 1)
    assert (weeks[-1].monday.isoformat(), weeks[-1].draft, weeks[-1].share) == ("2026-11-23", 1, 100)


def test_texts_are_worded_measured_and_priced_as_messaging_does(
    rule: Rule, past: Past, bare: Location
) -> None:
    bare.settings = {"sms_segment_price": 7_920}
    bare.save()
    for contact in people(bare, 3):
        past.happen(contact)
    long = {"type": "send_sms", "message": "x" * 161}
    found = tried(rule, actions=[OWN, long]).figures["draft"]
    # 7.92 cents for one segment is 8 in whole cents, 15.84 for two are 16.
    assert found["texts"] == {"a text of its own": {"count": 6, "segments": 9, "cost_cents": 72}}


def test_a_template_is_priced_in_the_person_s_language(rule: Rule, past: Past, bare: Location) -> None:
    plain, greek = people(bare, 2)
    Contact.objects.filter(pk=greek.pk).update(language="el")
    Template.objects.create(
        location=bare, name="note", channel="sms", category="reply", purpose="service", body="Hello"
    )
    Template.objects.create(
        location=bare, name="note", channel="sms", category="reply", purpose="service", body="Γειά " * 20,
        language="el",
    )  # fmt: skip
    past.happen(plain)
    past.happen(greek)
    found = tried(rule, actions=[{"type": "send_sms", "template": "note"}]).figures["draft"]
    assert found["texts"] == {"note": {"count": 2, "segments": 3, "cost_cents": 24}}


def test_what_would_not_go_costs_nothing_and_is_counted_by_its_reason(
    rule: Rule, past: Past, bare: Location
) -> None:
    well, unwilling = people(bare, 2)
    phoneless = make_contact(bare, name="No Phone", phone="")
    past.happen(well)
    past.happen(phoneless)
    past.happen(unwilling, done=False)
    found = tried(rule, actions=[OWN]).figures["draft"]
    assert found["texts"] == {"a text of its own": {"count": 1, "segments": 1, "cost_cents": 8}}
    assert found["kept_back"] == {"no_number": 1}
    assert found["steps"] == {"0": {"done": 2, "not": 1}}


def test_what_another_rule_really_sent_is_not_sent_again(
    write_rule: Callable[..., Rule], anna: Contact, account: ProviderAccount, now: Frozen
) -> None:
    first, second = (write_rule([TEXT], trigger="touchpoint_logged") for _ in range(2))
    Rule.objects.filter(pk=second.pk).update(is_active=False)
    log(anna, "form_submit")
    drain()
    assert Message.objects.filter(contact=anna).count() == 1
    now.advance(timedelta(hours=1))
    assert tried(first).figures["draft"]["texts"]["welcome_lead"]["count"] == 1
    found = tried(second).figures["draft"]
    assert (found["texts"], found["kept_back"]["duplicate"]) == ({}, 1)


def test_a_template_that_is_switched_off_sends_nothing(rule: Rule, past: Past, anna: Contact) -> None:
    Template.objects.filter(name="welcome_lead").update(is_active=False)
    past.happen(anna)
    assert tried(rule, actions=[TEXT]).figures["draft"]["kept_back"] == {"no_template": 1}


def test_months_since_the_last_visit_are_told_where_there_was_one(
    rule: Rule, past: Past, bare: Location, book: Callable[..., Any]
) -> None:
    seen, unseen = people(bare, 2)
    visit = book(seen, at=NOW - timedelta(days=60))
    type(visit).objects.filter(pk=visit.pk).update(outcome="attended")
    Contact.objects.filter(pk__in=[seen.pk, unseen.pk]).update(recall_due_date=NOW.date())
    past.happen(seen)
    past.happen(unseen)
    months = {"type": "send_sms", "message": "It has been {months} months."}
    found = tried(rule, actions=[months]).figures["draft"]
    assert (found["texts"]["a text of its own"]["count"], found["kept_back"]) == (1, {"missing_value": 1})


def test_a_text_that_lacks_a_value_would_be_held(rule: Rule, past: Past, anna: Contact) -> None:
    past.happen(anna)
    found = tried(rule, actions=[{"type": "send_sms", "message": "See you on {date}."}]).figures["draft"]
    assert (found["texts"], found["kept_back"]) == ({}, {"missing_value": 1})


def test_the_same_about_one_visit_goes_once(
    write_rule: Callable[..., Rule], past: Past, anna: Contact, book: Callable[..., Any]
) -> None:
    rule = write_rule([TAG], trigger="booking_outcome_updated")
    visit = book(anna)
    past.happen(anna, booking=visit, days_ago=2)
    past.happen(anna, booking=visit, days_ago=1)
    found = tried(rule, actions=[OWN]).figures["draft"]
    assert (found["texts"]["a text of its own"]["count"], found["kept_back"]) == (1, {"duplicate": 1})


def test_reminders_are_counted_by_their_templates(
    write_rule: Callable[..., Rule], past: Past, anna: Contact, book: Callable[..., Any]
) -> None:
    rule = write_rule([TAG], trigger="booking_created")
    visit = book(anna, at=NOW + timedelta(days=2))
    past.happen(anna, booking=visit, days_ago=0.1)
    plan = {"type": "schedule_reminders", "offsets": [5 * 86400, 86400],
            "templates": ["reminder_48hr", "reminder_24hr"]}  # fmt: skip
    found = tried(rule, actions=[plan]).figures["draft"]
    assert {name: one["count"] for name, one in found["texts"].items()} == {"reminder_24hr": 1}
    assert found["kept_back"] == {"lead_time_passed": 1}


def test_e_mails_are_counted_and_cost_nothing(rule: Rule, past: Past, anna: Contact) -> None:
    Contact.objects.filter(pk=anna.pk).update(email="anna@example.com")
    past.happen(anna)
    mail = {"type": "send_email", "subject": "Hello", "message": "Dear {first_name}"}
    found = tried(rule, actions=[mail]).figures["draft"]
    assert (found["emails"], found["texts"]) == ({"a text of its own": {"count": 1}}, {})


def test_what_goes_beyond_the_room_for_occasions_is_still_counted(
    rule: Rule, past: Past, bare: Location, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backtests, "MOST_HITS", 3)
    past.parts = 2
    for n, contact in enumerate(people(bare, 5)):
        past.happen(contact, part=n % 2)
    test = tried(rule)
    assert (test.hits.count(), test.figures["kept"], test.figures["beyond"]) == (3, 3, 2)
    assert test.figures["draft"]["fired"] == 5


def test_how_often_each_person_was_met_stands_with_each_occasion(
    rule: Rule, past: Past, bare: Location
) -> None:
    often, once = people(bare, 2)
    past.happen(often)
    past.happen(often)
    past.happen(once)
    test = tried(rule)
    assert sorted(test.hits.values_list("contact", "times")) == sorted(
        [(often.pk, 2), (often.pk, 2), (once.pk, 1)]
    )


def test_what_is_before_the_journal_is_told(rule: Rule, past: Past, anna: Contact) -> None:
    def told(days: int) -> list[str]:
        return [
            line for line in backtest_shown.limits(ask(rule, days=days)) if "Changes are kept since" in line
        ]

    FactChange.objects.update(at=NOW - timedelta(days=3))
    assert told(2) == []
    assert told(4) == ["Changes are kept since 20 Nov 2026; what is before is judged as it is now."]
