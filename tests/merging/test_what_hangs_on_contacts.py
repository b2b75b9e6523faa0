"""Tasks, texts, consent and rules of two contacts that become one."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from automation import seeds
from automation.models import Rule, RuleRun
from contacts import services
from contacts.models import Consent, Contact
from core.causes import Cause
from core.models import Event
from messaging.models import Conversation, Message
from messaging.services import NewMessage, queue_messages, send_text
from tasks import services as tasks
from tasks.models import Task
from tests.factories.contacts import CAUSE, make_contact, make_member
from tests.merging.conftest import ONE, TWO, fresh
from tests.messaging.conftest import NOW

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def ask(contact: Contact, type_: str, **more: Any) -> Task:
    wish = tasks.NewTask(
        **{"contact_id": contact.pk, "type": type_, "due_at": NOW + DAY, "cause": CAUSE, **more}
    )
    return tasks.create_tasks([wish])[0].task


def queue(contact: Contact, template: str, key: str, **more: Any) -> Message:
    wish = NewMessage(contact_id=contact.pk, template=template, dedupe_key=key, cause=CAUSE, **more)
    [result] = queue_messages([wish])
    assert result.message is not None
    return result.message


# Tasks


def test_of_twin_tasks_one_stays_with_what_both_asked_for(ann, twin, merge, receptionist) -> None:
    kept = ask(ann, "call", notes="Asked for Tuesday.")
    gone = ask(twin, "call", notes="Prefers calls.", due_at=NOW + HOUR, priority="high")
    tasks.start_task(gone.pk, user=receptionist)
    other = ask(twin, "custom", notes="Send the form.")
    done = ask(twin, "welcome_call")
    tasks.complete_task(done.pk, outcome="connected", cause=CAUSE)
    merge(twin, into=ann)
    kept, gone = fresh(kept), fresh(gone)
    assert (kept.status, kept.due_datetime, kept.claimed_by) == ("in_progress", NOW + HOUR, receptionist)
    assert kept.notes == "Asked for Tuesday.\nPrefers calls."
    assert kept.priority_floor == gone.priority_floor > 0
    assert (gone.status, gone.closed_reason, gone.claimed_by) == ("cancelled", "Merged", None)
    assert {fresh(row).contact_id for row in (kept, gone, other, done)} == {ann.pk}
    assert fresh(other).status == "todo"


def test_tasks_of_visits_go_along_beside_those_of_the_other(ann, twin, merge, book) -> None:
    for contact in (ann, twin):
        booking = book(contact, at=NOW + timedelta(days=3, hours=2 * (contact.pk % 7)))
        ask(contact, "confirmation_call", booking_id=booking.pk)
    merge(twin, into=ann)
    open_ = Task.objects.filter(status__in=Task.OPEN, contact=ann, type="confirmation_call")
    assert open_.count() == 2


def test_the_question_is_answered_by_the_merge(ann, merge, run_work) -> None:
    double = make_member(ann, name="Zoe Wong")
    run_work()
    task = Task.objects.get(type="duplicate_check")
    assert task.contact == double
    merge(double, into=ann)
    run_work()
    task = fresh(task)
    assert (task.contact, task.status, task.closed_reason) == (ann, "cancelled", "Merged.")


def test_the_question_stays_while_there_is_a_third(ann, merge, run_work) -> None:
    one, two = make_member(ann, name="Zoe Wong"), make_member(ann, name="Kim Lu")
    run_work()
    merge(one, into=ann)
    run_work()
    assert set(Task.objects.filter(status__in=Task.OPEN).values_list("contact", flat=True)) == {
        two.pk,
        ann.pk,
    }
    merge(two, into=ann)
    run_work()
    assert not Task.objects.filter(status__in=Task.OPEN, type="duplicate_check").exists()


def test_two_people_are_never_asked_about_again(ann, run_work, receptionist) -> None:
    double = make_member(ann, name="Zoe Wong")
    run_work()
    cause = Cause.user(str(receptionist.pk))
    for _ in range(2):
        services.dismiss_duplicate(contact_id=ann.pk, other_id=double.pk, cause=cause)
        run_work()
    task = Task.objects.get(type="duplicate_check")
    assert (task.status, task.outcome) == ("completed", "not_needed")
    for other in (make_member(ann, name="Zoe Wong"), ann):
        services.match_or_create(location=ann.location, name=other.name, phone=ONE, source="wix", cause=CAUSE)
    run_work()
    assert Event.objects.filter(type="duplicate_suspected").count() == 1
    assert not Task.objects.filter(status__in=Task.OPEN, type="duplicate_check").exists()


# Conversations and messages


def test_there_is_one_conversation_with_all_that_was_said(ann, twin, merge, text, run_work) -> None:
    text("Hello", from_=ONE)
    Conversation.objects.filter(contact=ann).update(seen_at=NOW + HOUR, state="closed")
    text("Are you open on Sunday?", from_=TWO)
    theirs = Conversation.objects.get(contact=twin)
    merge(twin, into=ann)
    mine = Conversation.objects.get(contact=ann)
    assert set(mine.messages.filter(direction="inbound").values_list("body", flat=True)) == {
        "Hello", "Are you open on Sunday?",
    }  # fmt: skip
    assert (mine.state, mine.unseen) == ("open", True)
    assert not Message.objects.filter(contact=twin).exists()
    theirs = fresh(theirs)
    assert (theirs.state, theirs.last_message_at, theirs.messages.count()) == ("closed", None, 0)
    text("Me again", from_=TWO)
    assert Message.objects.get(body="Me again").contact == ann
    assert Contact.objects.live().count() == 1


def test_a_conversation_the_other_had_alone_goes_along(ann, twin, merge, text) -> None:
    text("Hello", from_=TWO)
    conversation = Conversation.objects.get(contact=twin)
    merge(twin, into=ann)
    assert fresh(conversation).contact == ann


def test_what_waits_goes_to_the_number_that_stays_and_twins_go_once(
    ann, twin, merge, gateway, run_work, now, book, receptionist
) -> None:
    later = NOW + 3 * HOUR
    queue(ann, "welcome_lead", "w:1", send_at=later)
    double = queue(twin, "welcome_lead", "w:2", send_at=later)
    other = queue(twin, "follow_up_no_response", "f:2", send_at=later)
    cause = Cause.user(str(receptionist.pk))
    by_hand = send_text(contact_id=twin.pk, body="The door is on Smith Street.", cause=cause).message
    assert by_hand.status == "queued"
    merge(twin, into=ann)
    assert (fresh(double).status, fresh(double).reason) == ("suppressed", "merged")
    assert fresh(other).address == ONE
    run_work()
    now.advance(4 * HOUR)
    run_work()
    assert {sms.to for sms in gateway.sent} == {ONE}
    assert len(gateway.sent) == 3
    assert fresh(by_hand).status == "sent"


@pytest.mark.parametrize("stopped", [ONE, TWO])
def test_a_stop_on_either_number_holds(ann, twin, merge, text, gateway, run_work, now, stopped) -> None:
    text("STOP", from_=stopped)
    sent = len(gateway.sent)
    waiting = queue(twin if stopped == ONE else ann, "welcome_lead", "w:1", send_at=NOW + HOUR)
    merge(twin, into=ann)
    for key in ("a", "b"):
        queue(fresh(ann), "follow_up_no_response", key)
    run_work()
    standing = Consent.objects.filter(superseded_at__isnull=True, state="withdrawn", purpose="service")
    assert stopped in set(standing.values_list("address", flat=True))
    now.advance(2 * HOUR)
    run_work()
    assert (fresh(waiting).status, fresh(waiting).reason) == ("suppressed", "opted_out")
    assert len(gateway.sent) == sent


def test_an_implied_consent_of_one_does_not_lift_the_stop_of_the_other(
    ann, twin, merge, text, gateway
) -> None:
    text("STOP", from_=ONE)
    services.set_consent(
        location_id=ann.location_id, address=TWO, channel="sms", purposes=["service", "care"], state="granted",
        basis="form", cause=CAUSE,
    )  # fmt: skip
    merge(twin, into=ann)
    states = services.consent_for(ann.location_id, [ONE])[ONE]
    assert {state for (channel, _), state in states.items() if channel == "sms"} == {"withdrawn"}


# Rules


def test_a_rule_of_the_clock_does_not_meet_the_same_date_twice(ann, twin, merge, sydney) -> None:
    seeds.add_rules(sydney)
    rule = Rule.objects.filter(location=sydney, trigger="cron_check").earliest("pk")

    def run(contact: Contact, anchor: str) -> RuleRun:
        return RuleRun.objects.create(
            location=sydney, rule=rule, version=rule.current, contact=contact, anchor=anchor, state="done",
            event_id=1,
        )  # fmt: skip

    first = run(twin, f"contact:{twin.pk}:recall:2027-01-01")
    same = run(twin, f"contact:{twin.pk}:day:2026-11-23")
    run(ann, f"contact:{ann.pk}:day:2026-11-23")
    merge(twin, into=ann)
    assert (fresh(first).contact, fresh(first).anchor) == (ann, f"contact:{ann.pk}:recall:2027-01-01")
    assert (fresh(same).contact, fresh(same).anchor) == (ann, f"contact:{twin.pk}:day:2026-11-23")


def test_a_text_of_the_one_that_waited_for_a_rule_starts_it_for_the_one_that_stays(
    ann, twin, merge, sydney, account, run_work
) -> None:
    seeds.add_rules(sydney)
    run_work()
    late = make_contact(sydney, name="Ann L", phone="+61412000009", is_lead=True, source="phone")
    merge(late, into=ann)
    run_work()
    runs = RuleRun.objects.filter(state__in=("done", "running"))
    assert runs.filter(contact=ann).exists()
    assert not RuleRun.objects.filter(contact=late).exists()
    assert not Task.objects.filter(contact=late).exists()
    assert {row.contact_id for row in Message.objects.all()} == {ann.pk}


def test_a_later_delivery_by_the_merged_ones_id_reaches_the_one_that_stays(
    sydney, ann, merge, client, account, run_work
) -> None:
    double = services.match_or_create(
        location=sydney, name="A. Lee-Wong", phone=TWO, external=("wix", "wix-77"), source="wix", cause=CAUSE
    ).contact
    merge(double, into=ann)
    found = services.match_or_create(
        location=sydney,
        name="Ann Wong-Lee Smith",
        phone="",
        external=("wix", "wix-77"),
        source="wix",
        cause=CAUSE,
    )
    assert (found.contact, found.created) == (ann, False)
