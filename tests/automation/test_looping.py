"""Rules that set each other off run once each; nobody gets two texts; one that goes on in circles is paused (B15)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from accounts.models import Location, Membership, User
from automation import looping, services
from automation.models import Rule, RuleRun
from contacts import services as contact_services
from contacts.models import Contact
from core import work
from core.clock import Frozen
from core.models import Work
from integrations.models import ProviderAccount
from messaging.models import Message
from tasks.models import Task
from tests.automation.conftest import CAUSE, drain, fresh, happen
from tests.factories.contacts import make_contact

WriteRule = Callable[..., Rule]
TYPES = ("form_submit", "landing_page_visit", "call_attempted", "call_connected", "call_voicemail")


def circle(write_rule: WriteRule, length: int) -> list[Rule]:
    """Rules of which each sets off the next one, and the last one the first; each sends a text."""
    return [
        write_rule(
            [
                {"type": "log_touchpoint", "touchpoint_type": TYPES[(n + 1) % length]},
                {"type": "send_sms", "message": f"Text {n}"},
            ],
            trigger="touchpoint_logged", conditions={"touchpoint_type": TYPES[n]},
        )
        for n in range(length)
    ]  # fmt: skip


def set_off(contact: Contact) -> None:
    happen("touchpoint_logged", contact, data={"type": TYPES[0], "touchpoint": 1})
    drain()


@pytest.mark.parametrize("length", [1, 2, 3, 5])
def test_b15_rules_in_a_circle_run_once_each_and_stop(
    length: int, bare: Location, account: ProviderAccount, anna: Contact, write_rule: WriteRule
) -> None:
    rules = circle(write_rule, length)
    set_off(anna)
    done = Counter(RuleRun.objects.filter(state="done").values_list("rule_id", flat=True))
    assert done == {rule.pk: 1 for rule in rules}
    assert RuleRun.objects.get(state="stopped").rule_id == rules[0].pk
    texts = Counter(Message.objects.values_list("wording", flat=True))
    assert texts == {f"Text {n}": 1 for n in range(length)}
    assert not Work.objects.filter(state__in=("pending", "claimed")).exists()


@pytest.mark.parametrize("length", [2, 3, 5])
def test_b15_a_rule_that_goes_on_in_circles_is_paused_with_a_task_and_a_reason(
    length: int, bare: Location, account: ProviderAccount, write_rule: WriteRule, client: Client
) -> None:
    first = circle(write_rule, length)[0]
    people = [make_contact(bare, name=f"Person{n}", phone=f"+6141200100{n}") for n in range(5)]
    for person in people:
        set_off(person)
    assert not fresh(first).is_active
    assert RuleRun.objects.filter(rule=first, state="done").count() == looping.HITS
    task = Task.objects.get()
    assert (task.type, task.location_id, task.contact) == ("reconcile", bare.pk, None)
    assert first.name in task.notes
    assert all(count == 1 for count in Counter(Message.objects.values_list("contact", "wording")).values())

    manager = User.objects.create_user("manager@clinic.test", "a long password 1", name="Manager")
    Membership.objects.create(user=manager, location=bare, role="manager")
    client.force_login(manager)
    page = client.get(f"/admin/rules/{first.public_id}/").content.decode()
    assert "went round in circles with other rules 3 times" in page
    assert "went round in circles" in client.get("/admin/rules/").content.decode()


def test_staff_switch_it_on_again_and_old_circles_do_not_count(
    bare: Location, account: ProviderAccount, write_rule: WriteRule, now: Frozen
) -> None:
    first = circle(write_rule, 2)[0]
    people = iter([make_contact(bare, name=f"Person{n}") for n in range(10)])
    for _ in range(looping.HITS):
        set_off(next(people))
    now.advance(timedelta(minutes=1))
    services.set_active(first.pk, active=True, cause=CAUSE)
    assert fresh(first).paused_reason == ""
    for _ in range(looping.HITS - 1):
        set_off(next(people))
    assert fresh(first).is_active
    set_off(next(people))
    assert not fresh(first).is_active


def test_now_and_then_a_circle_pauses_nothing(
    bare: Location, account: ProviderAccount, write_rule: WriteRule, now: Frozen
) -> None:
    first = circle(write_rule, 2)[0]
    for n in range(6):
        set_off(make_contact(bare, name=f"Person{n}"))
        now.advance(timedelta(minutes=31))
    assert fresh(first).is_active
    assert not Task.objects.exists()


def test_the_guard_may_be_delivered_twice(
    bare: Location, account: ProviderAccount, write_rule: WriteRule
) -> None:
    circle(write_rule, 2)
    for n in range(looping.HITS):
        set_off(make_contact(bare, name=f"Person{n}"))
    watched: Any = Work.objects.filter(handler=looping.WATCH)
    watched.update(state="pending", finished_at=None, attempts=0)
    work.drain()
    assert Task.objects.count() == 1


def test_b15_one_save_of_five_fields_fires_a_rule_once_and_sends_one_text(
    bare: Location, account: ProviderAccount, anna: Contact, write_rule: WriteRule
) -> None:
    rule = write_rule([{"type": "send_sms", "message": "We have changed it."}], trigger="contact_updated")
    drain()
    RuleRun.objects.all().delete()
    changed = {
        "name": "Anna Jones", "email": "anna@jones.example", "language": "de", "is_high_risk": True,
        "is_existing_patient": True,
    }  # fmt: skip
    contact_services.update_contact(contact_id=anna.pk, fields=changed, cause=CAUSE)
    drain()
    assert RuleRun.objects.filter(rule=rule).count() == 1
    assert Message.objects.count() == 1


def test_b15_our_own_texts_do_not_start_what_a_text_from_the_patient_starts(
    bare: Location,
    account: ProviderAccount,
    anna: Contact,
    write_rule: WriteRule,
    run_work: Callable[[], int],
) -> None:
    rule = write_rule(
        [{"type": "send_sms", "message": "Thank you for your message."}], trigger="sms_received"
    )
    other = write_rule([{"type": "send_sms", "message": "One more thing."}], trigger="touchpoint_logged")
    happen("touchpoint_logged", anna, data={"type": "form_submit", "touchpoint": 1})
    run_work()
    # Its own text is logged as a touchpoint too, which does not set the same rule off again.
    assert RuleRun.objects.filter(rule=other, state="done").count() == 1
    assert not RuleRun.objects.filter(rule=rule).exists()
    assert Message.objects.count() == 1
