"""C5 and C6: a review or a referral that staff asked for is sent, to those who agreed to such texts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contacts import services as contact_services
from contacts.models import Contact
from core.causes import Cause
from tests.rules.conftest import Clinic

BOTH = [
    ("review_request", "c5", "review_requested"),
    ("referral_invite", "c6", "referral_invited"),
]


def patient(clinic: Clinic, *, agrees: bool = True) -> Contact:
    """Somebody who was here, and has agreed to marketing or not."""
    anna = clinic.contact()
    clinic.visited(anna)
    if agrees:
        contact_services.set_consent(
            location_id=clinic.location.pk, address=anna.phone, channel="sms", purposes=["marketing"],
            state="granted", basis="form", wording="Yes please", source="desk",
            cause=Cause.user(clinic.staff.pk), contact_id=anna.pk,
        )  # fmt: skip
    return anna


@pytest.mark.parametrize(("kind", "key", "stage"), BOTH)
def test_done_sends_the_text_and_moves_on(clinic: Clinic, kind: str, key: str, stage: str) -> None:
    anna = patient(clinic)
    clinic.finish(clinic.tasks(anna)[kind])
    assert clinic.sent(anna)[-1] == kind
    assert clinic.stage(anna) == f"post_appointment/{stage}"
    assert anna.touchpoints.filter(type=stage).count() == 1
    assert clinic.did(key, anna)[0].state == "done"


@pytest.mark.parametrize(("kind", "key", "stage"), BOTH)
def test_another_outcome_sends_nothing(clinic: Clinic, kind: str, key: str, stage: str) -> None:
    anna = patient(clinic)
    clinic.finish(clinic.tasks(anna)[kind], "not_needed")
    assert clinic.messages(anna, kind) == []
    assert clinic.stage(anna) == "post_appointment/attended"
    assert clinic.runs(key, anna)[0].state == "not_matched"


@pytest.mark.parametrize(("kind", "key", "stage"), BOTH)
def test_without_consent_to_marketing_nothing_is_sent(
    clinic: Clinic, kind: str, key: str, stage: str
) -> None:
    anna = patient(clinic, agrees=False)
    clinic.finish(clinic.tasks(anna)[kind])
    [message] = clinic.messages(anna, kind)
    assert (message.status, message.reason) == ("suppressed", "no_consent")
    assert clinic.steps(clinic.did(key, anna)[0])[0].state == "skipped"


def test_a_review_asked_for_after_the_referral_does_not_move_back(clinic: Clinic) -> None:
    anna = patient(clinic)
    tasks = clinic.tasks(anna)
    clinic.finish(tasks["referral_invite"])
    clinic.finish(tasks["review_request"])
    assert clinic.stage(anna) == "post_appointment/referral_invited"
    assert {"review_request", "referral_invite"} <= set(clinic.sent(anna))


def test_who_has_booked_again_keeps_their_place_before_the_visit(clinic: Clinic) -> None:
    anna = patient(clinic)
    clinic.book(anna)
    clinic.finish(clinic.tasks(anna)["review_request"])
    assert clinic.stage(anna) == "pre_appointment/booking_confirmed"


def test_a_task_is_completed_once(clinic: Clinic) -> None:
    anna = patient(clinic)
    task = clinic.tasks(anna)["review_request"]
    clinic.finish(task)
    again = clinic.client.post(f"/api/tasks/{task.public_id}/complete", {"outcome": "success"}, format="json")
    assert again.status_code == 409
    clinic.run_work()
    assert len(clinic.messages(anna, "review_request")) == 1


def test_asked_for_at_night_it_waits_and_a_corrected_outcome_withdraws_it(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.book(anna, at=clinic.now + timedelta(hours=1))
    clinic.jump(visit.ends_at)
    contact_services.set_consent(
        location_id=clinic.location.pk, address=anna.phone, channel="sms", purposes=["marketing"],
        state="granted", basis="form", wording="Yes", source="desk", cause=Cause.user(clinic.staff.pk),
    )  # fmt: skip
    clinic.outcome(visit, "attended")
    clinic.jump(clinic.now.replace(hour=11, minute=0))
    clinic.finish(clinic.tasks(anna)["review_request"])
    assert clinic.messages(anna, "review_request")[0].status == "scheduled"
    clinic.outcome(visit, "no_show")
    clinic.jump(clinic.now + timedelta(hours=12))
    [message] = clinic.messages(anna, "review_request")
    assert (message.status, message.reason) == ("skipped", "outcome_changed")


def test_an_edited_rule_may_ask_for_the_review_without_a_text(clinic: Clinic) -> None:
    anna = patient(clinic)
    clinic.edit("c5", actions=[{"type": "add_tag", "tag": "reviewer"}])
    clinic.finish(clinic.tasks(anna)["review_request"])
    assert clinic.messages(anna, "review_request") == []
    assert clinic.fresh(anna).tags == ["reviewer"]
