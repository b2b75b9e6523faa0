"""Trying a rule on the past: asked, played in parts, stopped; what it comes to, and that it changes nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from celery.exceptions import SoftTimeLimitExceeded
from django.db import OperationalError, connection, transaction

from accounts.models import Location
from automation import backtests, drafts, services
from automation.backtest_models import BackTest, BackTestHit
from automation.models import Rule
from contacts.models import Contact
from core import clock, work
from core.clock import Frozen
from core.errors import Conflict, Invalid, NotFound
from core.models import Event, Work
from tests.automation import past_stand_in
from tests.automation.conftest import CAUSE, NOW, drain, fresh, happen
from tests.automation.past_stand_in import OWN, TAG, TASK, TEXT, Past, ask, people, tried

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def past(monkeypatch: pytest.MonkeyPatch) -> Past:
    return past_stand_in.put_in_place(monkeypatch)


@pytest.fixture
def rule(write_rule: Callable[..., Rule]) -> Rule:
    return write_rule([TAG])


def play_one() -> None:
    """One part of what was asked, whatever else waits."""
    item = Work.objects.get(handler=backtests.PART, state="pending")
    Work.objects.filter(pk=item.pk).update(due_at=NOW - timedelta(days=1))
    work.drain(max_items=1)


# Asking


def test_what_is_asked_is_kept_with_what_the_rule_says_beside_it(rule: Rule, past: Past) -> None:
    test = ask(rule, days=30, actions=[TAG, TASK])
    assert (test.state, test.days, test.until - test.since) == ("waiting", 30, timedelta(days=30))
    assert test.wording["actions"] == [TAG, TASK]
    assert test.live is not None
    assert test.live["actions"] == [TAG]
    told = Event.objects.get(type="back_test_asked")
    assert told.data == {"back_test": str(test.public_id), "days": 30}


@pytest.mark.parametrize("days", [0, 91, -1])
def test_it_looks_back_one_to_ninety_days(rule: Rule, days: int) -> None:
    with pytest.raises(Invalid) as refusal:
        ask(rule, days=days)
    assert list(refusal.value.fields) == ["days"]


def test_a_wording_that_cannot_be_saved_cannot_be_tried_either(rule: Rule) -> None:
    with pytest.raises(Invalid) as refusal:
        ask(rule, actions=[{"type": "send_sms", "template": "no_such"}])
    assert "actions[0].template" in refusal.value.fields
    assert not BackTest.objects.exists()


def test_asking_twice_while_it_is_played_finds_the_first(rule: Rule, past: Past) -> None:
    first = ask(rule, actions=[TASK])
    assert ask(rule, actions=[TASK]) == first
    assert ask(rule, actions=[TASK], days=89) != first
    drain()
    assert ask(rule, actions=[TASK]) != first


def test_the_newest_five_of_a_rule_are_kept(
    rule: Rule, write_rule: Callable[..., Rule], past: Past, anna: Contact
) -> None:
    past.happen(anna)
    other = tried(write_rule([TASK]))
    found = [tried(rule, days=days) for days in range(1, 8)]
    assert list(rule.back_tests.order_by("pk")) == found[2:]
    assert set(BackTestHit.objects.values_list("test_id", flat=True)) == {
        other.pk,
        *(t.pk for t in found[2:]),
    }


def test_what_still_goes_on_is_not_deleted_for_a_sixth(rule: Rule, past: Past) -> None:
    going = [ask(rule, days=days) for days in range(1, 8)]
    assert list(rule.back_tests.order_by("pk")) == going
    drain()
    newest = ask(rule, days=8)
    assert list(rule.back_tests.order_by("pk")) == [*going[3:], newest]


def test_the_same_wording_beside_a_rule_changed_meanwhile_is_another_question(rule: Rule, past: Past) -> None:
    first = ask(rule, actions=[TASK])
    services.save_rule(
        rule.pk, wanted=replace(services.input_of(rule), actions=[TEXT]), author=None, cause=CAUSE
    )
    second = ask(fresh(rule), actions=[TASK])
    assert second != first
    assert second.live is not None
    assert second.live["actions"] == [TEXT]
    assert ask(fresh(rule), actions=[TASK]) == second


def test_a_draft_of_a_new_rule_is_tried_and_its_tries_become_those_of_the_rule(
    bare: Location, past: Past, manager: Any
) -> None:
    text = {"name": "New", "key": "", "trigger": "sms_received", "every": "", "anchor": "", "priority": 100,
            "conditions": {}, "actions": [TAG]}  # fmt: skip
    draft = drafts.save_draft(location=bare, wording=text, author=manager, cause=CAUSE)
    test = backtests.ask(location=bare, wording=text, author=manager, cause=CAUSE, draft=draft)
    assert test.alone == BackTest.Alone.NEW
    made = drafts.publish(
        draft.pk, seen=drafts.saved_at(draft), mode=Rule.Mode.OFF, author=manager, cause=CAUSE
    )
    drain()
    test = fresh(test)
    assert (test.rule, test.draft, test.state) == (made, None, "done")


def test_a_try_of_a_draft_that_was_discarded_is_gone_and_its_work_is_harmless(
    bare: Location, past: Past, manager: Any
) -> None:
    text = {"name": "New", "key": "", "trigger": "sms_received", "every": "", "anchor": "", "priority": 100,
            "conditions": {}, "actions": [TAG]}  # fmt: skip
    draft = drafts.save_draft(location=bare, wording=text, author=manager, cause=CAUSE)
    backtests.ask(location=bare, wording=text, author=manager, cause=CAUSE, draft=draft)
    drafts.discard_draft(draft.pk, cause=CAUSE)
    drain()
    assert not BackTest.objects.exists()
    assert not Work.objects.exclude(state="done").exists()
    with pytest.raises(NotFound):
        backtests.ask(location=bare, wording=text, author=manager, cause=CAUSE, draft=draft)


@pytest.fixture
def manager(bare: Location) -> Any:
    from accounts.models import User

    return User.objects.create_user("manager@clinic.test", name="Manager")


# Playing


def test_it_is_played_part_by_part_each_as_a_work_item(rule: Rule, past: Past, bare: Location) -> None:
    past.parts = 3
    for n, contact in enumerate(people(bare, 3)):
        past.happen(contact, part=n)
    test = ask(rule, actions=[TASK])
    play_one()
    halfway = fresh(test)
    assert (halfway.state, halfway.parts_done, len(halfway.parts), halfway.hits.count()) == (
        "running",
        1,
        3,
        1,
    )
    drain()
    done = fresh(test)
    assert (done.state, done.parts_done, done.hits.count()) == ("done", 3, 3)
    assert done.finished_at == NOW
    assert past.played == [(by, part) for part in range(3) for by in ("draft", "live")]
    assert Event.objects.get(type="back_test_ended").data["state"] == "done"


def test_a_worker_that_dies_in_a_part_leaves_nothing_of_it_and_another_goes_on_there(
    rule: Rule, past: Past, bare: Location, now: Frozen
) -> None:
    past.parts = 3
    for n, contact in enumerate(people(bare, 3)):
        past.happen(contact, part=n)
    test = ask(rule)
    play_one()

    def die(part: int) -> None:
        raise KeyboardInterrupt

    past.before_play = die
    with pytest.raises(KeyboardInterrupt):
        play_one()
    assert (fresh(test).parts_done, test.hits.count()) == (1, 1)
    past.before_play = lambda part: None
    now.advance(timedelta(minutes=10))
    drain()
    done = fresh(test)
    assert (done.state, done.figures["draft"]["fired"], done.hits.count()) == ("done", 3, 3)


def test_a_part_is_stored_once_though_two_play_it(rule: Rule, past: Past, anna: Contact) -> None:
    past.happen(anna)
    past.parts = 2
    test = ask(rule)
    backtests.go_on(test.pk, 0)
    again = backtests.go_on(test.pk, 0)
    assert again is not None
    assert again.parts_done == 1
    drain()
    assert (fresh(test).figures["draft"]["fired"], test.hits.count()) == (1, 1)


def test_stopped_between_two_parts_it_plays_no_more_and_keeps_what_it_found(
    rule: Rule, past: Past, anna: Contact
) -> None:
    past.parts = 3
    past.happen(anna)
    test = ask(rule)
    play_one()
    stopped = backtests.cancel(test.pk, cause=CAUSE)
    drain()
    assert (stopped.state, fresh(test).parts_done, test.hits.count()) == ("cancelled", 1, 1)
    assert backtests.cancel(test.pk, cause=CAUSE).state == "cancelled"
    assert Event.objects.filter(type="back_test_cancelled").count() == 1


@pytest.mark.django_db(transaction=True)
def test_who_stops_it_while_a_part_is_played_need_not_wait_and_that_part_does_not_count(
    rule: Rule, past: Past, anna: Contact
) -> None:
    past.happen(anna)
    test = ask(rule)

    def stop() -> None:
        with clock.frozen(NOW):
            backtests.cancel(test.pk, cause=CAUSE)
        connection.close()

    def meanwhile(part: int) -> None:
        other = Thread(target=stop)
        other.start()
        other.join(timeout=20)
        assert not other.is_alive()

    past.before_play = meanwhile
    drain()
    assert (fresh(test).state, fresh(test).parts_done, test.hits.count()) == ("cancelled", 0, 0)


def test_what_has_ended_cannot_be_stopped(rule: Rule, past: Past) -> None:
    test = tried(rule)
    with pytest.raises(Conflict):
        backtests.cancel(test.pk, cause=CAUSE)


def test_the_database_itself_refuses_to_write_while_the_past_is_played(
    rule: Rule, past: Past, anna: Contact
) -> None:
    def write(part: int) -> None:
        Contact.objects.filter(pk=anna.pk).update(name="Written over")

    past.before_play = write
    test = tried(rule)
    assert (test.state, test.figures) == ("failed", {})
    assert fresh(anna).name == "Anna Smith"
    assert Event.objects.get(type="back_test_ended").data["state"] == "failed"


def test_around_what_is_read_only_the_transaction_goes_on_writing(anna: Contact) -> None:
    with transaction.atomic():
        with backtests.read_only(), connection.cursor() as cursor:
            cursor.execute("SHOW transaction_read_only")
            assert cursor.fetchone() == ("on",)
        Contact.objects.filter(pk=anna.pk).update(name="Anna Jones")
    assert fresh(anna).name == "Anna Jones"


@pytest.mark.parametrize("fault", [OperationalError("the connection is gone"), SoftTimeLimitExceeded()])
def test_a_lost_connection_or_a_worker_out_of_time_is_no_failure_but_tried_again(
    rule: Rule, past: Past, anna: Contact, now: Frozen, fault: Exception
) -> None:
    past.happen(anna)

    def break_off(part: int) -> None:
        past.before_play = lambda part: None
        raise fault

    past.before_play = break_off
    test = tried(rule)
    assert test.state == "waiting"
    now.advance(timedelta(minutes=1))
    drain()
    assert (fresh(test).state, test.hits.count()) == ("done", 1)


def test_what_was_tried_in_vain_too_often_says_so(rule: Rule, past: Past, now: Frozen) -> None:
    def lose(part: int) -> None:
        raise OperationalError("the connection is gone")

    past.before_play = lose
    test = ask(rule)
    for _ in range(6):
        drain()
        now.advance(timedelta(hours=1))
    assert backtests.is_stuck(fresh(test))


def test_what_is_stuck_is_ended_when_it_is_asked_again_and_stays_ended(rule: Rule, past: Past) -> None:
    stuck = ask(rule)
    Work.objects.filter(subject=backtests.subject_of(stuck)).update(state=Work.State.PARKED)
    again = ask(rule)
    assert again != stuck
    assert (fresh(stuck).state, fresh(stuck).finished_at) == ("failed", NOW)
    assert Event.objects.get(type="back_test_ended").data == {
        "back_test": str(stuck.public_id), "state": "failed",
    }  # fmt: skip
    work.retry(Work.objects.get(subject=backtests.subject_of(stuck)).pk)
    drain()
    assert (fresh(stuck).state, fresh(again).state) == ("failed", "done")


def test_nothing_but_the_test_itself_is_written(rule: Rule, past: Past, bare: Location) -> None:
    for contact in people(bare, 3):
        past.happen(contact)
    before = set(Event.objects.values_list("type", flat=True))
    tried(rule, actions=[TEXT, TASK, TAG])
    after = set(Event.objects.values_list("type", flat=True))
    assert after - before == {"back_test_asked", "back_test_ended"}
    assert not Contact.objects.exclude(tags=[]).exists()


def test_a_part_costs_as_many_queries_for_many_people_as_for_few(
    rule: Rule, past: Past, bare: Location, queries: Callable[..., int]
) -> None:
    everybody = people(bare, 20)
    for contact in everybody[:2]:
        past.happen(contact)
    few = ask(rule, actions=[TEXT], days=1)
    costs_few = queries(lambda: backtests.go_on(few.pk, 0))
    for contact in everybody[2:]:
        past.happen(contact)
    many = ask(rule, actions=[TEXT], days=2)
    assert queries(lambda: backtests.go_on(many.pk, 0)) <= costs_few


# With the real past


def test_a_rule_is_tried_on_what_really_happened(
    write_rule: Callable[..., Rule], bare: Location, now: Frozen
) -> None:
    rule = write_rule([TAG], trigger="lead_created", conditions={"source": "wix"})
    many = people(bare, 4)
    for n, contact in enumerate(many):
        happen("lead_created", contact, data={"source": "wix"})
        if n < 2:
            happen("lead_created", contact, data={"source": "wix"})
    drain()
    now.advance(timedelta(days=1))
    test = tried(rule, name="Lead", actions=[OWN, TASK])
    found = test.figures
    assert test.state == "done", test.figures
    assert (found["draft"]["fired"], found["draft"]["people"], found["draft"]["repeated"]) == (6, 4, 2)
    assert found["draft"]["texts"]["a text of its own"]["count"] == 6
    assert found["diff"] == {"draft": 0, "live": 0, "both": 6, "changed": 6}


#: A worker that does what is due at a moment, and is killed while it plays a part with people in it, if so asked.
WORKER = """
import os, signal, sys, django
django.setup()
from datetime import datetime
from automation import backtests
from core import clock, work

play = backtests.past.play

def played(question, part):
    found = play(question, part)
    if part[0] and sys.argv[2] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    return found

backtests.past.play = played
with clock.frozen(datetime.fromisoformat(sys.argv[1])):
    work.drain()
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_killed_worker_s_part_is_played_by_the_next_one_and_counts_once(
    write_rule: Callable[..., Rule], bare: Location, now: Frozen, subprocess_environment: dict[str, str]
) -> None:
    rule = write_rule([TAG], trigger="lead_created")
    for contact in people(bare, 3):
        happen("lead_created", contact, data={"source": "wix"})
    drain()
    now.advance(timedelta(hours=1))
    test = ask(rule, actions=[OWN])

    def worker(at: timedelta, how: str) -> int:
        command = [sys.executable, "-c", WORKER, (NOW + at).isoformat(), how]
        return subprocess.run(command, env=subprocess_environment, cwd=CHECKOUT, check=False).returncode

    assert worker(timedelta(hours=2), "killed") == -signal.SIGKILL
    halfway = fresh(test)
    assert (halfway.state, halfway.parts_done, len(halfway.parts), halfway.hits.count()) == (
        "running",
        1,
        2,
        0,
    )
    assert worker(timedelta(hours=3), "spared") == 0
    done = fresh(test)
    assert (done.state, done.hits.count(), done.figures["draft"]["fired"]) == ("done", 3, 3)
