"""C0, C1, C2: what becomes of a visit, and what follows from it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from contacts.models import Contact
from core.models import Event
from tests.factories.bookings import make_practitioner, make_service
from tests.rules.conftest import CLOSING, NOW, Clinic

# C0


def test_an_hour_after_a_visit_without_outcome_somebody_is_asked(clinic: Clinic) -> None:
    anna = clinic.contact(is_existing_patient=True)
    visit = clinic.book(anna, at=NOW + timedelta(hours=1))
    clinic.jump(visit.ends_at + timedelta(minutes=59))
    assert clinic.tasks(anna) == {}
    clinic.jump(visit.ends_at + timedelta(minutes=60))
    assert clinic.tasks(anna)["record_outcome"].due_datetime == CLOSING
    assert Event.objects.filter(type="staff_notified", booking_id=visit.pk).count() == 1


def test_a_visit_with_an_outcome_asks_nobody(clinic: Clinic) -> None:
    anna = clinic.contact()
    clinic.visited(anna)
    clinic.wait(hours=3)
    assert (clinic.runs("c0", anna), "record_outcome" in clinic.tasks(anna)) == ([], False)


def test_asked_once_answered_late_the_task_closes_itself(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.book(anna, at=NOW + timedelta(hours=1))
    clinic.jump(visit.ends_at + timedelta(hours=1))
    clinic.wait(hours=30)
    assert len(clinic.did("c0", anna)) == 1
    task = clinic.tasks(anna)["record_outcome"]
    clinic.outcome(visit, "attended")
    assert (clinic.fresh(task).status, clinic.fresh(task).closed_reason) == (
        "cancelled",
        "The outcome is recorded.",
    )


def test_edited_meanwhile_the_desk_may_be_asked_otherwise(clinic: Clinic) -> None:
    clinic.edit("c0", actions=[{"type": "create_task", "task_type": "custom", "due_in_seconds": 60}])
    anna = clinic.contact(is_existing_patient=True)
    visit = clinic.book(anna, at=NOW + timedelta(hours=1))
    clinic.jump(visit.ends_at + timedelta(hours=1))
    assert set(clinic.tasks(anna)) == {"custom"}


# C1


def test_who_came_is_a_patient_thanked_asked_and_recalled(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.visited(anna)
    assert clinic.fresh(anna).is_existing_patient
    assert clinic.stage(anna) == "post_appointment/attended"
    tasks = clinic.tasks(anna)
    assert {kind: tasks[kind].due_datetime - clinic.now for kind in ("review_request", "referral_invite")} == {
        "review_request": timedelta(days=1), "referral_invite": timedelta(days=3),
    }  # fmt: skip
    assert clinic.fresh(anna).recall_due_date == date(2026, 11, 23) + timedelta(days=365)
    assert anna.touchpoints.filter(type="appointment_attended").count() == 1
    clinic.wait(seconds=599)
    assert "thank_you_attended" not in clinic.sent(anna)
    clinic.wait(seconds=1)
    assert clinic.sent(anna).count("thank_you_attended") == 1
    assert visit.pk == clinic.messages(anna, "thank_you_attended")[0].booking_id


RECALLS = [
    ({"service_type": "routine"}, {}, {}, 365),
    ({"service_type": "procedure"}, {"recall_interval_days": 90}, {}, 90),
    ({"service_type": "procedure", "is_high_risk": True}, {"recall_interval_days": 90}, {}, 180),
    ({"service_type": "routine"}, {}, {"is_high_risk": True}, 180),
    ({"service_type": "procedure"}, {}, {}, None),
    ({"service_type": "follow_up", "recall_interval_days": 30}, {}, {}, 30),
]


@pytest.mark.parametrize(("service", "practitioner", "contact", "days"), RECALLS)
def test_the_recall_follows_risk_then_service_then_practitioner(
    clinic: Clinic,
    service: dict[str, object],
    practitioner: dict[str, object],
    contact: dict[str, object],
    days: int | None,
) -> None:
    anna = clinic.contact()
    if contact:
        clinic.change(anna, **contact)
    clinic.visited(
        anna, service=make_service(clinic.location, name="Own", **service),
        practitioner=make_practitioner(clinic.location, name="Dr Own", **practitioner),
    )  # fmt: skip
    wanted = None if days is None else date(2026, 11, 23) + timedelta(days=days)
    assert clinic.fresh(anna).recall_due_date == wanted


def test_with_another_visit_ahead_the_stage_speaks_of_it(clinic: Clinic) -> None:
    anna = clinic.contact()
    clinic.book(anna, at=NOW + timedelta(days=8))
    clinic.visited(anna)
    assert clinic.stage(anna) == "pre_appointment/booking_confirmed"


def test_a_corrected_misclick_withdraws_thanks_tasks_and_recall(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.visited(anna)
    clinic.wait(minutes=5)
    clinic.outcome(visit, "none")
    clinic.wait(minutes=30)
    assert "thank_you_attended" not in clinic.sent(anna)
    assert not clinic.tasks(anna).keys() & {"review_request", "referral_invite"}
    row = clinic.fresh(anna)
    assert (row.is_existing_patient, row.recall_due_date) == (False, None)


def test_attended_recorded_twice_thanks_once(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.visited(anna)
    clinic.outcome(visit, "attended")
    clinic.wait(minutes=11)
    clinic.outcome(visit, "no_show")
    clinic.outcome(visit, "attended")
    clinic.wait(minutes=30)
    assert clinic.sent(anna).count("thank_you_attended") == 1


def test_recorded_days_late_the_recall_counts_from_the_visit(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.book(anna, at=NOW + timedelta(hours=1))
    clinic.jump(visit.ends_at + timedelta(days=4))
    clinic.outcome(visit, "attended")
    assert clinic.fresh(anna).recall_due_date == date(2026, 11, 23) + timedelta(days=365)


def test_edited_meanwhile_a_waiting_step_finishes_on_its_own_version(clinic: Clinic) -> None:
    anna = clinic.contact()
    clinic.visited(anna)
    clinic.edit("c1", actions=[{"type": "add_tag", "tag": "came"}])
    clinic.wait(minutes=11)
    assert clinic.sent(anna)[-1] == "thank_you_attended"
    assert clinic.fresh(anna).tags == []


# C2


def test_who_did_not_come_is_called_and_written_to(clinic: Clinic) -> None:
    anna = clinic.contact()
    clinic.visited(anna, "no_show")
    assert clinic.stage(anna) == "post_appointment/did_not_attend"
    assert clinic.tasks(anna)["no_show_followup"].due_datetime == clinic.now + timedelta(hours=1)
    assert not clinic.fresh(anna).is_existing_patient
    clinic.wait(seconds=599)
    assert "no_show_followup" not in clinic.sent(anna)
    clinic.wait(seconds=1)
    assert clinic.sent(anna)[-1] == "no_show_followup"
    assert anna.touchpoints.filter(type="appointment_no_show").count() == 1


def test_who_came_after_all_gets_no_such_text(clinic: Clinic) -> None:
    anna = clinic.contact()
    visit = clinic.visited(anna, "no_show")
    clinic.wait(minutes=3)
    clinic.outcome(visit, "attended")
    clinic.wait(minutes=30)
    assert "no_show_followup" not in clinic.sent(anna)
    assert "no_show_followup" not in clinic.tasks(anna)
    assert clinic.sent(anna)[-1] == "thank_you_attended"


def test_with_another_visit_ahead_a_no_show_stays_before_it(clinic: Clinic) -> None:
    anna = clinic.contact()
    clinic.book(anna, at=NOW + timedelta(days=8))
    clinic.visited(anna, "no_show")
    assert clinic.stage(anna) == "pre_appointment/booking_confirmed"


def test_recorded_late_or_twice_one_text_goes_out(clinic: Clinic) -> None:
    anna: Contact = clinic.contact()
    visit = clinic.book(anna, at=NOW + timedelta(hours=1))
    clinic.jump(visit.ends_at + timedelta(days=2))
    for _ in range(2):
        clinic.outcome(visit, "no_show")
    clinic.wait(hours=1)
    assert clinic.sent(anna).count("no_show_followup") == 1
    assert len(clinic.did("c2", anna)) == 1


def test_edited_meanwhile_the_call_is_left_out(clinic: Clinic) -> None:
    clinic.edit("c2", actions=[{"type": "add_tag", "tag": "missed"}])
    anna = clinic.contact(is_existing_patient=True)
    clinic.visited(anna, "no_show")
    assert (clinic.fresh(anna).tags, clinic.tasks(anna)) == (["missed"], {})
