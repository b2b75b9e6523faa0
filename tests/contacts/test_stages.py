"""Moves along the pipelines."""

from __future__ import annotations

import pytest

from contacts import services
from contacts.models import Contact, StageChange
from core.causes import Cause
from core.errors import Invalid
from core.machine import MoveRefused
from core.models import Event
from tests.factories.contacts import make_contact

RULE = Cause.rule_run(7, ("3:1",))
PERSON = Cause.user(1)


def move(contact, pipeline, stage, *, cause=RULE, reason=""):
    wish = services.StageMove(contact.pk, pipeline, stage, reason, cause=cause)
    return services.move_stages([wish])[0]


def place(contact):
    contact.refresh_from_db()
    return contact.current_pipeline, contact.current_stage


def steps(contact):
    rows = StageChange.objects.filter(contact=contact).order_by("pk")
    return [(row.from_stage, row.to_stage) for row in rows]


def test_a_booking_takes_a_lead_through_booked(sydney, now):
    contact = make_contact(sydney)
    assert move(contact, "pre_appointment", "booking_confirmed").moved
    assert place(contact) == ("pre_appointment", "booking_confirmed")
    assert steps(contact) == [("", "new_lead"), ("new_lead", "booked"), ("booked", "booking_confirmed")]
    told = Event.objects.filter(type="stage_moved").order_by("pk")
    assert [event.data["to_stage"] for event in told] == ["booked", "booking_confirmed"]
    assert all(event.chain == ["3:1"] for event in told)


def test_a_move_to_the_present_stage_succeeds_and_writes_nothing(sydney):
    contact = make_contact(sydney)
    result = move(contact, "lead_to_booking", "new_lead")
    assert (result.moved, result.refused) == (False, "")
    assert steps(contact) == [("", "new_lead")]
    assert not Event.objects.filter(type="stage_moved").exists()


def test_a_refused_move_names_both_stages_and_changes_nothing(sydney):
    contact = make_contact(sydney)
    before = Contact.objects.values().get()
    result = move(contact, "pre_appointment", "ready")
    assert not result.moved
    assert "lead_to_booking/new_lead" in result.refused
    assert "pre_appointment/ready" in result.refused
    with pytest.raises(MoveRefused):
        services.move_stage(services.StageMove(contact.pk, "pre_appointment", "ready", cause=RULE))
    assert Contact.objects.values().get() == before
    assert steps(contact) == [("", "new_lead")]
    assert not Event.objects.filter(type="stage_moved").exists()


def test_one_refused_move_leaves_the_others_of_its_set_alone(sydney):
    first, second = make_contact(sydney, name="A"), make_contact(sydney, name="B")
    results = services.move_stages([
        services.StageMove(first.pk, "pre_appointment", "ready", cause=RULE),
        services.StageMove(second.pk, "lead_to_booking", "engaged", cause=RULE),
        services.StageMove(second.pk, "lead_to_booking", "booked", cause=RULE),
        services.StageMove(second.pk, "moon", "landed", cause=RULE),
    ])  # fmt: skip
    assert [result.moved for result in results] == [False, True, True, False]
    assert "no pipeline 'moon'" in results[3].refused
    assert steps(second)[1:] == [("new_lead", "engaged"), ("engaged", "booked")]


def test_staff_give_a_lead_up_only_with_a_reason_which_stays_out_of_the_log(sydney):
    contact = make_contact(sydney)
    lost = services.StageMove(contact.pk, "lead_to_booking", "dead_lost", cause=PERSON)
    with pytest.raises(Invalid, match="Say why"):
        services.move_stage(lost)
    assert move(contact, "lead_to_booking", "dead_lost", cause=PERSON, reason="Moved to Perth").moved
    assert StageChange.objects.latest("pk").reason == "Moved to Perth"
    assert Event.objects.get(type="stage_moved").data["reason"] == "in_words"


def test_a_rule_needs_no_reason_to_give_a_lead_up(sydney):
    contact = make_contact(sydney)
    assert move(contact, "lead_to_booking", "dead_lost", reason="no_touchpoint_90d").moved
    assert Event.objects.get(type="stage_moved").data["reason"] == "no_touchpoint_90d"


def test_moving_a_set_costs_the_same_however_long_it_is(sydney, queries):
    def run(size):
        contacts = [make_contact(sydney, name=f"P {n}") for n in range(size)]
        wishes = [
            services.StageMove(c.pk, "pre_appointment", "booking_confirmed", cause=RULE) for c in contacts
        ]
        return queries(lambda: services.move_stages(wishes))

    assert run(2) == run(25) <= 8
