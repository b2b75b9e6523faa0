"""What came of an act at the desk through the rules: foretold, told, and withdrawn when the act is undone."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts import desk_actions
from accounts.desk_kinds import Doing, foreseen
from accounts.models import Location, Membership, User
from automation.models import ActionRun
from contacts.models import Contact
from core.models import Event, Work
from messaging.models import Message
from tests.automation.conftest import drain, fresh

MOVE = "contacts.move_stage"
ENGAGED = {"pipeline": "lead_to_booking", "stage": "engaged"}
NOW_AND_LATER = [
    {"type": "send_sms", "template": "welcome_lead"},
    {"type": "send_sms", "message": "Still interested, {first_name}?", "delay_seconds": 86400},
]

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(bare: Location, account: Any) -> User:
    user = User.objects.create_user(
        "desk@clinic.test", "a-long-Passphrase-1", name="Di Desk", default_location=bare
    )
    Membership.objects.create(user=user, location=bare, role="staff")
    return user


def move(bare: Location, desk: User, anna: Contact) -> Any:
    return desk_actions.do_one(MOVE, location=bare, user=desk, item=anna.pk, parameters=ENGAGED)


def lines(action: Any, user: User) -> list[tuple[str, bool]]:
    return [(line.text, line.sent) for line in desk_actions.followed(action, user)]


def test_undoing_withdraws_the_step_that_waits_and_says_what_was_sent(
    bare, desk, anna, write_rule, run_work, now
) -> None:
    write_rule(NOW_AND_LATER)
    action = move(bare, desk, anna)
    run_work()
    assert Message.objects.get().sent_at is not None
    assert [sent for _, sent in lines(action, desk)] == [True, False]
    client = Client()
    client.force_login(desk)
    address = reverse("admin:accounts_action_undo", args=[action.public_id])
    assert "Sent already" in client.get(address).content.decode()

    answer = client.post(address, headers={"HX-Request": "true"})
    assert "1 message had gone out already" in answer["HX-Trigger"]
    assert fresh(action).result["withdrawn"]["waiting steps of rules"] == 1
    assert ActionRun.objects.get(step=1).state == "skipped"
    assert fresh(anna).current_stage == "new_lead"
    now.advance(timedelta(days=2))
    run_work()
    assert Message.objects.count() == 1


def test_undoing_withdraws_a_text_that_has_not_gone_yet(bare, desk, anna, write_rule) -> None:
    write_rule(NOW_AND_LATER[:1])
    action = move(bare, desk, anna)
    drain()
    assert ["waits" in text for text, _ in lines(action, desk)] == [True]
    desk_actions.undo(action, user=desk)

    assert (Message.objects.get().status, Message.objects.get().reason) == ("cancelled", "act_undone")
    assert Event.objects.get(type="message_cancelled").cause_id == str(desk.pk)
    assert fresh(action).result["withdrawn"]["texts"] == 1
    assert lines(fresh(action), desk) == []


def test_rules_that_have_not_heard_of_an_act_never_do_when_it_is_undone(
    bare, desk, anna, write_rule, run_work
) -> None:
    write_rule(NOW_AND_LATER)
    desk_actions.undo(move(bare, desk, anna), user=desk)
    run_work()
    assert not Message.objects.exists()


def test_what_stays_done_keeps_its_texts(bare, desk, anna, write_rule) -> None:
    write_rule(NOW_AND_LATER[:1])
    action = move(bare, desk, anna)
    drain()
    Contact.objects.filter(pk=anna.pk).update(current_stage="booked")
    desk_actions.undo(action, user=desk)
    assert Message.objects.get().status in ("queued", "scheduled")


def test_texts_of_a_rule_that_another_rule_set_off_are_followed(
    bare, desk, anna, write_rule, run_work
) -> None:
    write_rule([{"type": "add_tag", "tag": "warm"}])
    write_rule(NOW_AND_LATER[:1], trigger="contact_updated")
    action = move(bare, desk, anna)
    run_work()
    assert [sent for _, sent in lines(action, desk)] == [True]


def test_a_text_of_another_act_is_not_counted(bare, desk, anna, book, write_rule, run_work) -> None:
    write_rule(NOW_AND_LATER[:1], trigger="booking_created")
    action = move(bare, desk, anna)
    book(anna)
    run_work()
    assert Message.objects.exists()
    assert lines(action, desk) == []


def test_what_an_act_will_send_is_foretold_and_nothing_is_kept(bare, desk, anna, write_rule) -> None:
    write_rule(NOW_AND_LATER)
    before = (Event.objects.count(), Work.objects.count())
    found = foreseen(MOVE, Doing(bare, desk, ENGAGED), [anna.pk])

    assert ["later" in line.text for line in found] == [False, True]
    assert (Event.objects.count(), Work.objects.count(), Message.objects.count()) == (*before, 0)
    assert fresh(anna).current_stage == "new_lead"
