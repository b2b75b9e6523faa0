"""How runs are carried out: in sets, in order, once, and each action for itself when one fails."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Location
from automation import doing, services
from automation.handlers import RUN_RULES
from automation.models import ActionRun, FactSnapshot, Rule, RuleRun, RuleVersion
from bookings.models import Booking
from contacts import services as contact_services
from contacts.models import Contact, Touchpoint
from core import work
from core.causes import MAX_DEPTH, Cause
from core.clock import Frozen
from core.errors import Conflict
from core.models import Event, Work
from messaging.models import Message
from tasks import services as task_services
from tasks.models import Task
from tests.automation.conftest import CAUSE, NOW, drain, fresh, happen
from tests.factories.contacts import make_contact

WriteRule = Callable[..., Rule]
TASK = {"type": "create_task", "task_type": "custom"}
TAG = {"type": "add_tag", "tag": "seen"}


def moved(contact: Contact, **fields: Any) -> Event:
    data = {
        "from_pipeline": "lead_to_booking", "from_stage": "new_lead", "to_pipeline": "lead_to_booking",
        "to_stage": "contacted", "reason": "",
    }  # fmt: skip
    return happen("stage_moved", contact, data=data, **fields)


def queries_for(location: Location, count: int) -> int:
    contacts = [make_contact(location) for _ in range(count)]
    Work.objects.all().delete()
    for contact in contacts:
        moved(contact)
    with CaptureQueriesContext(connection) as captured:
        assert work.drain(max_items=count) == count
    return len(captured)


def test_a_batch_of_100_events_costs_the_queries_of_a_batch_of_10(
    bare: Location, write_rule: WriteRule
) -> None:
    write_rule(
        [
            TASK,
            {"type": "update_warmness", "delta": 5, "reason": "Moved on"},
            {"type": "log_touchpoint", "touchpoint_type": "form_submit"},
            {**TAG, "conditions": {"warmness_score": {"gte": 5}, "open_tasks": {"contains": "custom"}}},
            {"type": "send_sms", "message": "Hello {first_name}", "delay_seconds": 60},
            {"type": "update_pipeline", "pipeline": "lead_to_booking", "stage": "engaged"},
        ],
        conditions={"to_stage": "contacted", "has_future_booking": False},
    )
    write_rule([TASK], conditions={"to_stage": "booked"})
    ten = queries_for(bare, 10)
    hundred = queries_for(bare, 100)
    assert RuleRun.objects.filter(state="running").count() == 110
    assert ActionRun.objects.filter(state="done").count() == 110 * 5
    assert hundred == ten


def test_a_run_keeps_what_it_saw_and_why(bare: Location, anna: Contact, write_rule: WriteRule) -> None:
    rule = write_rule(
        [{**TASK, "conditions": {"warmness_score": {"gte": 70}}}, TAG], conditions={"to_stage": "contacted"}
    )
    event = moved(anna)
    drain()
    run = RuleRun.objects.get(rule=rule)
    assert (run.state, run.contact_id, run.event_id, run.anchor) == (
        "done",
        anna.pk,
        event.pk,
        f"event:{event.pk}",
    )
    assert run.reason == "Because the new stage is Contacted."
    assert run.version == rule.current
    assert run.facts is not None
    assert run.facts.values["to_stage"] == "contacted"
    assert run.facts.values["current_stage"] == "new_lead"
    skipped, done = run.actions.order_by("step")
    assert skipped.state == "skipped"
    assert skipped.reason == "Needs: the warmness is at least 70 (it is 0)."
    assert skipped.facts_seen[0] == {
        "path": "actions[0].conditions.warmness_score.gte", "field": "warmness_score", "op": "gte", "wanted": 70,
        "saw": 0, "ok": False,
    }  # fmt: skip
    assert (done.state, done.attempts) == ("done", 1)


def test_what_rules_do_carries_their_cause_and_chain(
    bare: Location, anna: Contact, write_rule: WriteRule
) -> None:
    rule = write_rule([TASK])
    moved(anna)
    drain()
    run = RuleRun.objects.get(rule=rule)
    task = Task.objects.get(contact=anna)
    assert (task.cause_kind, task.cause_id) == ("rule_run", str(run.pk))
    event = Event.objects.get(type="task_created", contact_id=anna.pk)
    assert event.chain == [f"{rule.pk}:{anna.pk}"]


def test_free_text_is_never_stored_with_the_facts(
    bare: Location, anna: Contact, write_rule: WriteRule, texts: Callable[..., Message]
) -> None:
    contact_services.update_contact(
        contact_id=anna.pk, fields={"custom_fields": {"allergy": "zinc"}}, cause=CAUSE
    )
    rule = write_rule(
        [TASK], trigger="sms_received",
        conditions={"message_body": {"contains": "secret"}, "custom.allergy": "zinc"},
    )  # fmt: skip
    texts(anna, "my secret is safe?")
    drain()
    run = RuleRun.objects.get(rule=rule)
    assert run.state == "done"
    stored = str(run.facts.values) + run.reason + str(list(run.actions.values_list("facts_seen", "reason")))
    assert "safe" not in stored
    assert "zinc" not in str(FactSnapshot.objects.values_list("values"))


def test_replays_and_duplicates_do_nothing_twice(
    bare: Location, anna: Contact, write_rule: WriteRule
) -> None:
    write_rule([TASK, {"type": "log_touchpoint", "touchpoint_type": "form_submit"}])
    write_rule([TASK], conditions={"to_stage": "booked"})
    event = moved(anna)
    drain()
    before = (
        RuleRun.objects.count(),
        ActionRun.objects.count(),
        Touchpoint.objects.count(),
        Task.objects.count(),
    )
    for _ in range(2):
        work.replay(event, [RUN_RULES])
        assert drain() == 1
    after = (
        RuleRun.objects.count(),
        ActionRun.objects.count(),
        Touchpoint.objects.count(),
        Task.objects.count(),
    )
    assert before == after == (2, 2, 1, 1)


def test_the_events_of_one_contact_see_each_others_effects_within_a_batch(
    bare: Location, anna: Contact, write_rule: WriteRule
) -> None:
    write_rule([TAG], conditions={"not": {"tags": {"contains": "seen"}}}, key="first_time")
    others = [make_contact(bare) for _ in range(3)]
    for contact in (anna, *others, anna, anna):
        moved(contact)
    drain()
    runs = RuleRun.objects.filter(contact=anna).order_by("event_id").values_list("state", flat=True)
    assert list(runs) == ["done", "not_matched", "not_matched"]
    assert set(RuleRun.objects.filter(contact__in=others).values_list("state", flat=True)) == {"done"}


def test_rules_of_one_event_run_by_priority(bare: Location, anna: Contact, write_rule: WriteRule) -> None:
    write_rule([{"type": "remove_tag", "tag": "x"}], priority=20, key="second")
    write_rule([{"type": "add_tag", "tag": "x"}], priority=10, key="first")
    write_rule(
        [{"type": "add_tag", "tag": "y", "conditions": {"tags": {"contains": "x"}}}],
        priority=15,
        key="between",
    )
    moved(anna)
    drain()
    assert fresh(anna).tags == ["y"]


def test_a_poisoned_action_fails_alone_and_can_be_retried(
    bare: Location, anna: Contact, write_rule: WriteRule, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rule([TASK, TAG, {"type": "log_touchpoint", "touchpoint_type": "form_submit"}])
    ben = make_contact(bare, name="Ben")
    real = contact_services.tag_contacts

    def poisoned(changes: Any) -> Any:
        result = real(changes)
        if any(change.contact_id == anna.pk for change in changes):
            raise ValueError("the tags of Anna Smith are broken")
        return result

    monkeypatch.setattr(contact_services, "tag_contacts", poisoned)
    moved(anna)
    moved(ben)
    drain()
    run = RuleRun.objects.get(contact=anna)
    rows = list(run.actions.order_by("step"))
    assert run.state == "failed"
    assert [row.state for row in rows] == ["done", "failed", "done"]
    assert "ValueError" in rows[1].reason
    assert "Anna" not in rows[1].reason
    assert fresh(anna).tags == []
    assert Task.objects.filter(contact=anna).count() == 1
    assert anna.touchpoints.count() == 1
    assert RuleRun.objects.get(contact=ben).state == "done"
    assert fresh(ben).tags == ["seen"]
    assert not Work.objects.filter(handler=RUN_RULES, state__in=["pending", "parked"]).exists()

    monkeypatch.setattr(contact_services, "tag_contacts", real)
    services.retry_action(rows[1].pk, cause=CAUSE)
    assert fresh(run).state == "running"
    drain()
    assert (fresh(run).state, fresh(rows[1]).state, fresh(rows[1]).attempts) == ("done", "done", 2)
    assert fresh(anna).tags == ["seen"]
    with pytest.raises(Conflict, match="failed"):
        services.retry_action(rows[1].pk, cause=CAUSE)


def test_a_step_of_a_version_that_cannot_be_read_is_tried_again_each_time_it_is_asked(
    bare: Location, anna: Contact, write_rule: WriteRule, now: Frozen
) -> None:
    rule = write_rule([{**TAG, "delay_seconds": 600}])
    moved(anna)
    drain()
    row = ActionRun.objects.get()
    unknown = RuleVersion.objects.create(
        rule=rule, number=99, conditions={}, actions=[{"type": "no_such_action"}]
    )
    RuleRun.objects.update(version=unknown)
    now.advance(timedelta(hours=1))
    drain()
    assert (fresh(row).state, fresh(row).attempts) == ("failed", 1)
    for attempts in (2, 3):
        services.retry_action(row.pk, cause=CAUSE)
        drain()
        assert (fresh(row).state, fresh(row).attempts) == ("failed", attempts)

    RuleRun.objects.update(version=rule.current)
    services.retry_action(row.pk, cause=CAUSE)
    drain()
    assert (fresh(row).state, fresh(anna).tags) == ("done", ["seen"])


def test_a_refused_move_fails_with_both_stages_named(
    bare: Location, anna: Contact, write_rule: WriteRule
) -> None:
    write_rule([{"type": "update_pipeline", "pipeline": "partnership", "stage": "active"}, TAG])
    moved(anna)
    drain()
    failed, done = RuleRun.objects.get(contact=anna).actions.order_by("step")
    assert failed.state == "failed"
    assert "lead_to_booking/new_lead" in failed.reason
    assert "partnership/active" in failed.reason
    assert done.state == "done"


def test_a_deadlock_aborts_the_whole_delivery_which_is_tried_again(
    bare: Location, anna: Contact, write_rule: WriteRule, monkeypatch: pytest.MonkeyPatch, now: Frozen
) -> None:
    write_rule([TASK, TAG])
    real = doing.do
    tries = []

    def deadlocked(kind: Any, orders: Any) -> Any:
        if kind.__name__ == "TagContact" and not tries:
            tries.append(1)
            raise OperationalError("deadlock detected")
        return real(kind, orders)

    monkeypatch.setattr(doing, "do", deadlocked)
    drain()
    moved(anna)
    drain()
    assert RuleRun.objects.count() == 0
    assert Task.objects.count() == 0
    assert Work.objects.get(handler=RUN_RULES, state="pending").attempts == 1
    now.advance(timedelta(seconds=5))
    drain()
    assert RuleRun.objects.get(contact=anna).state == "done"
    assert Task.objects.count() == 1


def test_a_rule_never_runs_twice_for_a_contact_in_one_chain(
    bare: Location, anna: Contact, write_rule: WriteRule
) -> None:
    rule = write_rule(
        [{"type": "log_touchpoint", "touchpoint_type": "form_submit"}], trigger="touchpoint_logged"
    )
    ben = make_contact(bare, name="Ben")
    happen("touchpoint_logged", anna, data={"type": "form_submit", "touchpoint": 1})
    drain()
    first, second = RuleRun.objects.filter(rule=rule).order_by("pk")
    assert (first.state, second.state) == ("done", "stopped")
    assert "round in circles" in second.reason
    assert second.actions.count() == 0
    stopped = Event.objects.get(type="rule_stopped")
    assert stopped.data == {"rule": str(rule.public_id), "reason": "twice"}
    assert anna.touchpoints.count() == 1
    other = Cause.rule_run(first.pk, (f"{rule.pk}:{anna.pk}",))
    happen("touchpoint_logged", ben, data={"type": "form_submit", "touchpoint": 1}, cause=other)
    drain()
    assert RuleRun.objects.filter(rule=rule, contact=ben).first().state == "done"


@pytest.mark.parametrize(("depth", "state"), [(MAX_DEPTH, "done"), (MAX_DEPTH + 1, "stopped")])
def test_a_chain_deeper_than_eight_stops_visibly(
    bare: Location, anna: Contact, write_rule: WriteRule, depth: int, state: str
) -> None:
    rule = write_rule([TAG])
    moved(anna, cause=Cause.rule_run(1, tuple(f"{-n}:{anna.pk}" for n in range(1, depth + 1))))
    drain()
    run = RuleRun.objects.get(rule=rule)
    assert run.state == state
    assert ("more than 8 rules" in run.reason) is (state == "stopped")


def test_a_person_begins_a_new_chain(bare: Location, anna: Contact, write_rule: WriteRule) -> None:
    rule = write_rule([TAG])
    for _ in range(2):
        moved(anna, cause=Cause.user(7))
    drain()
    assert set(RuleRun.objects.filter(rule=rule).values_list("state", flat=True)) == {"done"}


def test_an_edited_rule_lets_waiting_steps_finish_on_the_old_wording(
    bare: Location, anna: Contact, write_rule: WriteRule, now: Frozen
) -> None:
    rule = write_rule([{"type": "add_tag", "tag": "old", "delay_seconds": 600}])
    moved(anna)
    drain()
    wanted = services.input_of(rule)
    changed = type(wanted)(**{**wanted.__dict__, "actions": [{"type": "add_tag", "tag": "new"}]})
    services.save_rule(rule.pk, wanted=changed, author=None, cause=CAUSE)
    moved(anna)
    drain()
    assert fresh(anna).tags == ["new"]
    now.advance(timedelta(seconds=600))
    drain()
    assert fresh(anna).tags == ["new", "old"]
    numbers = RuleRun.objects.filter(rule=rule).order_by("pk").values_list("version__number", flat=True)
    assert list(numbers) == [1, 2]


@pytest.mark.parametrize(
    ("change", "state", "reason"),
    [
        ("facts", "skipped", "Needs"),
        ("hidden", "skipped", "hidden"),
        ("off", "skipped", "switched off"),
        ("shadow", "held", "not live"),
        ("nothing", "done", "Because"),
    ],
)
def test_a_waiting_step_is_checked_again_when_it_is_due(
    bare: Location, anna: Contact, write_rule: WriteRule, now: Frozen, change: str, state: str, reason: str
) -> None:
    rule = write_rule([{**TASK, "delay_seconds": 600, "conditions": {"is_high_risk": False}}])
    moved(anna)
    drain()
    row = ActionRun.objects.get(run__rule=rule)
    assert (row.state, row.run_at) == ("pending", NOW + timedelta(seconds=600))
    if change == "facts":
        contact_services.update_contact(contact_id=anna.pk, fields={"is_high_risk": True}, cause=CAUSE)
    elif change == "hidden":
        contact_services.delete_contact(contact_id=anna.pk, cause=CAUSE)
    elif change == "off":
        services.set_active(rule.pk, active=False, cause=CAUSE)
    elif change == "shadow":
        Location.objects.filter(pk=bare.pk).update(automation_mode="shadow")
    now.advance(timedelta(seconds=600))
    drain()
    row = fresh(row)
    assert row.state == state
    assert reason in row.reason
    assert Task.objects.filter(contact=anna, type="custom").exists() is (state == "done")
    assert fresh(row.run).state == "done"


def test_waiting_steps_of_a_batch_cost_constant_queries(
    bare: Location, write_rule: WriteRule, now: Frozen
) -> None:
    write_rule([{**TASK, "delay_seconds": 60, "conditions": {"is_high_risk": False}}])

    def measured(count: int) -> int:
        for _ in range(count):
            moved(make_contact(bare))
        drain()
        now.advance(timedelta(seconds=60))
        Work.objects.exclude(handler="automation.delayed_action").delete()
        with CaptureQueriesContext(connection) as captured:
            assert work.drain(max_items=count) == count
        return len(captured)

    assert measured(5) == measured(50)
    assert ActionRun.objects.filter(state="done").count() == 55


def test_automation_off_leaves_no_trace_and_shadow_only_a_trace(
    bare: Location, anna: Contact, write_rule: WriteRule
) -> None:
    rule = write_rule([TASK, {**TAG, "conditions": {"is_high_risk": True}}])
    Location.objects.filter(pk=bare.pk).update(automation_mode="off")
    moved(anna)
    drain()
    assert RuleRun.objects.count() == 0
    Location.objects.filter(pk=bare.pk).update(automation_mode="shadow")
    moved(anna)
    drain()
    run = RuleRun.objects.get(rule=rule)
    assert run.state == "matched"
    held, skipped = run.actions.order_by("step")
    assert (held.state, held.reason) == ("held", "Shadow mode: recorded, not done.")
    assert skipped.state == "skipped"
    assert Task.objects.count() == 0


def test_a_hidden_contact_is_left_alone(bare: Location, anna: Contact, write_rule: WriteRule) -> None:
    rule = write_rule([TASK])
    moved(anna)
    contact_services.delete_contact(contact_id=anna.pk, cause=CAUSE)
    drain()
    run = RuleRun.objects.get(rule=rule)
    assert (run.state, run.reason) == ("not_matched", "The contact is hidden.")


def test_an_unreadable_rule_stops_visibly_and_the_others_run(
    bare: Location, anna: Contact, write_rule: WriteRule
) -> None:
    good = write_rule([TAG])
    bad = write_rule([TAG])
    version = bad.versions.create(number=2, conditions={"no_such_field": 1}, actions=[TAG])
    Rule.objects.filter(pk=bad.pk).update(current=version)
    moved(anna)
    drain()
    assert RuleRun.objects.get(rule=good).state == "done"
    run = RuleRun.objects.get(rule=bad)
    assert run.state == "stopped"
    assert "no_such_field" in run.reason


def test_a_suppressed_text_says_why(bare: Location, anna: Contact, write_rule: WriteRule) -> None:
    contact_services.set_consent(
        location_id=bare.pk, address=anna.phone, channel="sms", purposes=("service", "care", "marketing"),
        state="withdrawn", basis="reply", source="sms", cause=CAUSE, contact_id=anna.pk,
    )  # fmt: skip
    rule = write_rule([{"type": "send_sms", "template": "welcome_lead"}])
    moved(anna)
    drain()
    row = ActionRun.objects.get(run__rule=rule)
    assert row.state == "skipped"
    assert "asked us not to write" in row.reason
    assert row.result["message"] == str(Message.objects.get(contact=anna).public_id)


def test_a_wish_for_a_task_that_is_open_already_says_so(
    bare: Location, anna: Contact, write_rule: WriteRule
) -> None:
    wish = task_services.NewTask(contact_id=anna.pk, type="custom", due_at=NOW, cause=CAUSE)
    task_services.create_tasks([wish])
    rule = write_rule([{**TASK, "notes": "Stage {current_stage}, score {warmness_score}"}])
    moved(anna)
    drain()
    row = ActionRun.objects.get(run__rule=rule)
    assert "took the wish over" in row.reason
    assert Task.objects.get(contact=anna).notes == "Stage new_lead, score 0"


def test_booking_actions_without_a_visit_are_skipped_with_a_reason(
    bare: Location, anna: Contact, write_rule: WriteRule
) -> None:
    rule = write_rule([{"type": "update_booking", "status": "confirmed"}, {"type": "cancel_all_tasks"}])
    moved(anna)
    drain()
    rows = ActionRun.objects.filter(run__rule=rule)
    assert {(row.state, row.reason) for row in rows} == {("skipped", "There is no visit to do this for.")}


def test_an_action_of_the_next_visit_finds_it(
    bare: Location, anna: Contact, write_rule: WriteRule, book: Callable[..., Booking]
) -> None:
    far, near = book(anna, at=NOW + timedelta(days=9)), book(anna)
    write_rule([{"type": "update_booking", "status": "confirmed"}])
    moved(anna)
    drain()
    assert (fresh(near).status, fresh(far).status) == ("confirmed", "scheduled")


def test_an_event_that_no_rule_wants_leaves_nothing(bare: Location, anna: Contact) -> None:
    moved(anna)
    drain()
    assert (RuleRun.objects.count(), FactSnapshot.objects.count()) == (0, 0)


def test_a_rule_of_another_clinic_does_not_meet_the_event(
    bare: Location, anna: Contact, write_rule: WriteRule
) -> None:
    write_rule([TASK])
    other = Location.objects.create(
        name="Elsewhere", code="elsewhere", automation_mode="live", live_since=NOW
    )
    stranger = make_contact(other)
    moved(stranger)
    drain()
    assert RuleRun.objects.count() == 0
