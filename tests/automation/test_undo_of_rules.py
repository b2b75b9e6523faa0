"""What waits because of a wording of a rule is listed, and withdrawn, when that wording is taken back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import desk_actions
from accounts.models import DeskAction, Location, Membership, User
from automation import desk_kinds, drafts
from automation.models import ActionRun, Rule
from contacts.models import Contact
from messaging.models import Message
from tests.automation.conftest import CAUSE, drain, fresh
from tests.automation.test_execution import moved
from tests.factories.contacts import make_contact

LATER = {"type": "send_sms", "message": "{clinic}: right, later", "delay_seconds": 3600}
WRONG = [
    {"type": "send_sms", "message": "{clinic}: wrong, now"},
    {"type": "send_sms", "message": "{clinic}: wrong, later", "delay_seconds": 3600},
]


@pytest.fixture
def manager(bare: Location, account: Any) -> User:
    user = User.objects.create_user("manager@clinic.test", name="Mo Manager")
    Membership.objects.create(user=user, location=bare, role="manager")
    return user


def publish(rule: Rule, manager: User, actions: list[dict[str, Any]], *, mode: str = "on") -> DeskAction:
    wording = {**drafts.wording_of(rule), "actions": actions}
    draft = drafts.save_draft(location=rule.location, rule=rule, wording=wording, cause=CAUSE, author=manager)
    given = {"draft": draft.pk, "seen": drafts.saved_at(draft), "mode": mode}
    return desk_actions.do_one(
        desk_kinds.PUBLISH, location=rule.location, user=manager, item=rule.pk, parameters=given
    )


def bodies() -> list[str]:
    return [message.body.partition(": ")[2] for message in Message.objects.filter(status="sent")]


def test_what_waits_of_the_wording_that_is_taken_back_is_listed_and_withdrawn(
    bare: Location, manager: User, anna: Contact, write_rule: Any, run_work: Any, now: Any
) -> None:
    rule = write_rule([LATER])
    ben = make_contact(bare, name="Ben", phone="+61412000002")
    moved(ben)
    drain()
    action = publish(rule, manager, WRONG)
    moved(anna)
    drain()
    client = Client()
    client.force_login(manager)
    address = reverse("admin:accounts_action_undo", args=[action.public_id])
    page = client.get(address).content.decode()
    assert "has a step that waits" in page
    assert "waits, to go" in page

    client.post(address)
    withdrawn = fresh(action).result["withdrawn"]
    assert (withdrawn["texts"], withdrawn["waiting steps of rules"]) == (1, 1)
    assert ActionRun.objects.get(run__contact=anna, step=1).reason == "What led to it was undone."
    now.advance(timedelta(hours=2))
    run_work()
    assert bodies() == ["right, later"]
    assert Message.objects.get(contact=ben).status == "sent"


def test_visits_booked_meanwhile_keep_their_reminders(
    bare: Location, manager: User, anna: Contact, book: Any, write_rule: Any, account: Any
) -> None:
    reminders = {
        "type": "schedule_reminders",
        "offsets": [172800, 86400],
        "templates": ["reminder_48hr", "reminder_24hr"],
    }
    rule = write_rule([reminders], trigger="booking_created")
    action = publish(rule, manager, [reminders, LATER])
    book(anna)
    drain()
    before = set(Message.objects.filter(status="scheduled").values_list("template__name", flat=True))
    assert before == {"reminder_48hr", "reminder_24hr"}
    assert "Reminder" not in " ".join(line.text for line in desk_actions.followed(action, manager))
    desk_actions.undo(action, user=manager)
    assert fresh(action).result["withdrawn"]["waiting steps of rules"] == 1
    assert set(Message.objects.filter(status="scheduled").values_list("template__name", flat=True)) == before


def test_what_was_set_off_by_switching_a_rule_on_is_withdrawn_with_it(
    bare: Location, manager: User, anna: Contact, write_rule: Any, run_work: Any, now: Any
) -> None:
    rule = write_rule(WRONG, is_active=False)
    action = publish(rule, manager, WRONG)
    moved(anna)
    drain()
    desk_actions.undo(action, user=manager)
    assert (fresh(rule).mode, fresh(action).result["withdrawn"]["texts"]) == (Rule.Mode.OFF, 1)
    now.advance(timedelta(hours=2))
    run_work()
    assert bodies() == []


def test_a_new_priority_taken_back_leaves_what_waits(
    bare: Location, manager: User, anna: Contact, write_rule: Any, run_work: Any, now: Any
) -> None:
    rule = write_rule([LATER])
    draft = drafts.save_draft(
        location=bare,
        rule=rule,
        wording={**drafts.wording_of(rule), "priority": 7},
        cause=CAUSE,
        author=manager,
    )
    given = {"draft": draft.pk, "seen": drafts.saved_at(draft), "mode": "on"}
    action = desk_actions.do_one(
        desk_kinds.PUBLISH, location=bare, user=manager, item=rule.pk, parameters=given
    )
    moved(anna)
    drain()
    desk_actions.undo(action, user=manager)
    assert fresh(rule).priority == 100
    now.advance(timedelta(hours=2))
    run_work()
    assert bodies() == ["right, later"]
