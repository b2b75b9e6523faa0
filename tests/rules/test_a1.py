"""A1: a new lead is greeted at once, and called the sooner the warmer it is."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contacts import services as contact_services
from contacts.models import Contact
from core.causes import Cause
from messaging.models import Message
from tests.rules.conftest import NIGHT, NOW, Clinic


def weigh(clinic: Clinic, source: str, points: int) -> None:
    """The clinic finds leads of this source so much warmer."""
    contact_services.set_weights(
        location_id=clinic.location.pk, points={("source", source): points}, cause=Cause.user(clinic.staff.pk)
    )
    clinic.run_work()


def asked_for(clinic: Clinic, lead: Contact) -> dict[str, tuple[int, int]]:
    """The open tasks: floor, and minutes until due."""
    return {
        kind: (task.priority_floor, round((task.due_datetime - NOW) / timedelta(minutes=1)))
        for kind, task in clinic.tasks(lead).items()
    }


@pytest.mark.parametrize(
    ("points", "tasks"),
    [
        (9, {"sms_followup": (50, 5)}),
        (10, {"sms_followup": (50, 5), "call": (50, 60)}),
        (39, {"sms_followup": (50, 5), "call": (50, 60)}),
        (40, {"call": (100, 5)}),
    ],
    ids=["39 points", "40 points", "69 points", "70 points"],
)
def test_the_call_comes_by_warmness_when_the_lead_came(
    clinic: Clinic, points: int, tasks: dict[str, tuple[int, int]]
) -> None:
    weigh(clinic, "organic_search", points)
    # Nothing goes out, so that no first contact within five minutes warms the lead meanwhile.
    lee = clinic.lead(source="organic_search", intent="procedure", phone="", email="lee@example.com")
    assert clinic.fresh(lee).warmness_score == 30 + points
    assert asked_for(clinic, lee) == tasks


def test_a_lead_is_greeted_entered_and_put_at_the_start(clinic: Clinic) -> None:
    lee = clinic.lead(source="referral", intent="follow_up")
    assert clinic.sent(lee) == ["welcome_lead"]
    assert lee.touchpoints.filter(type="lead_created", is_attribution_event=True).count() == 1
    assert [change.to_stage for change in lee.stage_changes.order_by("pk")][:1] == ["new_lead"]
    assert clinic.stage(lee) == "lead_to_booking/contacted"
    # 20 for the intent, 20 for the source, 10 for a first contact within five minutes
    assert clinic.fresh(lee).warmness_score == 50
    assert [step.state for step in clinic.steps(clinic.did("a1", lee)[0])].count("failed") == 0


def test_a_patient_who_is_no_lead_is_not_greeted(clinic: Clinic) -> None:
    anna = clinic.contact()
    assert (clinic.runs("a1", anna), clinic.sent(anna), clinic.tasks(anna)) == ([], [], {})


def test_the_same_person_entered_twice_is_greeted_once(clinic: Clinic) -> None:
    lee = clinic.lead(phone="0491 570 156")
    again = clinic.client.post("/api/contacts", {"name": "Lee Lead", "phone": "+61491570156"}, format="json")
    assert again.status_code == 409
    clinic.run_work()
    assert (len(clinic.did("a1", lee)), clinic.sent(lee)) == (1, ["welcome_lead"])


def test_handled_a_day_late_the_greeting_has_lost_its_meaning_but_the_calls_are_asked_for(
    clinic: Clinic,
) -> None:
    answer = clinic.client.post(
        "/api/contacts", {"name": "Lee Lead", "phone": "0491570156", "source": "phone"}, format="json"
    )
    lee = Contact.objects.get(public_id=answer.json()["id"])
    clinic.time.advance(timedelta(hours=30))
    clinic.run_work()
    assert len(clinic.did("a1", lee)) == 1
    assert "sms_followup" in clinic.tasks(lee)
    assert [message.status for message in clinic.messages(lee, "welcome_lead")] == ["sent"]
    # 30 hours without a word: ten points less, and no five-minute bonus
    assert clinic.fresh(lee).warmness_score == 0


def test_at_night_who_just_asked_is_answered_at_once(clinic: Clinic) -> None:
    clinic.jump(NIGHT)
    assert clinic.sent(clinic.lead()) == ["welcome_lead"]


def test_edited_meanwhile_the_next_lead_gets_the_new_wording(clinic: Clinic) -> None:
    first = clinic.lead("First")
    clinic.edit("a1", actions=[{"type": "add_tag", "tag": "by hand"}])
    second = clinic.lead("Second")
    assert clinic.sent(second) == []
    assert (clinic.fresh(first).tags, clinic.fresh(second).tags) == ([], ["by hand"])
    versions = [clinic.did("a1", who)[0].version.number for who in (first, second)]
    assert versions[1] > versions[0]
    assert Message.objects.filter(contact=first).count() == 1
