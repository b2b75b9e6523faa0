"""Each delivered rule: when it fires, what it does, when it does not."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from accounts.models import Location
from automation import clock_rules
from automation.models import ActionRun, Rule, RuleRun
from bookings import services as booking_services
from bookings.models import Booking
from contacts import services as contact_services
from contacts.models import Contact
from core.clock import Frozen
from core.models import Event
from messaging.models import Message
from tasks.models import Task
from tests.automation.conftest import CAUSE, CLOSING, NOW, drain, fresh, happen
from tests.factories.bookings import make_practitioner, make_service
from tests.factories.contacts import log, make_contact

Book = Callable[..., Booking]
Texts = Callable[..., Message]


def place(contact: Contact) -> str:
    now = fresh(contact)
    return f"{now.current_pipeline}/{now.current_stage}"


def put(contact: Contact, pipeline: str, *stages: str) -> None:
    for stage in stages:
        move = contact_services.StageMove(contact.pk, pipeline, stage, cause=CAUSE)
        assert contact_services.move_stages([move])[0].refused == ""


def open_tasks(contact: Contact) -> dict[str, Task]:
    return {task.type: task for task in Task.objects.filter(contact=contact, status__in=Task.OPEN)}


def sent(contact: Contact) -> list[str]:
    rows = Message.objects.filter(contact=contact, direction="outbound").order_by("pk")
    return [message.template.name for message in rows if message.template]


def run_of(key: str, contact: Contact | None = None) -> RuleRun:
    rows = RuleRun.objects.filter(rule__key=key)
    return (rows if contact is None else rows.filter(contact=contact)).latest("pk")


def states(run: RuleRun) -> list[str]:
    return list(run.actions.order_by("step").values_list("state", flat=True))


def lead(clinic: Location, *, source: str = "web_form", intent: str = "") -> Contact:
    return make_contact(clinic, name="Lee Lead", source=source, intent=intent, is_lead=True)


# A: leads


@pytest.mark.parametrize(
    ("source", "intent", "expected"),
    [
        ("referral", "procedure", {"call": (50, 3600), "sms_followup": (50, 300)}),
        ("other", "general_inquiry", {"sms_followup": (50, 300)}),
        ("referral", "follow_up", {"call": (50, 3600), "sms_followup": (50, 300)}),
    ],
)
def test_a1_welcomes_a_lead_and_asks_for_a_call_as_warm_as_it_is(
    clinic: Location, source: str, intent: str, expected: dict[str, tuple[int, int]]
) -> None:
    contact = lead(clinic, source=source, intent=intent)
    drain()
    run = run_of("a1", contact)
    assert run.state == "done"
    assert sent(contact) == ["welcome_lead"]
    found = {
        kind: (task.priority_floor, (task.due_datetime - NOW).total_seconds())
        for kind, task in open_tasks(contact).items()
    }
    assert found == expected
    assert place(contact) == "lead_to_booking/new_lead"
    touch = contact.touchpoints.get(type="lead_created")
    assert touch.is_attribution_event
    assert fresh(contact).first_touch["source"] == source


@pytest.mark.parametrize(("score", "wanted"), [(39, "none"), (40, "medium"), (69, "medium"), (70, "high")])
def test_a1_splits_the_call_at_40_and_70(clinic: Location, score: int, wanted: str) -> None:
    contact = make_contact(clinic)
    drain()
    wish = contact_services.WarmnessAdjustment(contact.pk, score, "test", cause=CAUSE)
    contact_services.adjust_warmness([wish])
    happen("lead_created", contact, data={"source": "other"})
    drain()
    tasks = open_tasks(contact)
    floor = {"none": None, "medium": 50, "high": 100}[wanted]
    assert (tasks["call"].priority_floor if "call" in tasks else None) == floor
    assert ("sms_followup" in tasks) is (score < 70)
    if wanted == "high":
        assert tasks["call"].due_datetime == NOW + timedelta(seconds=300)


@pytest.mark.parametrize("stage", ["new_lead", "contacted"])
def test_a2_engages_a_lead_that_replies(clinic: Location, texts: Texts, stage: str) -> None:
    contact = lead(clinic)
    drain()
    if stage == "contacted":
        put(contact, "lead_to_booking", "contacted")
        drain()
    before = fresh(contact).warmness_score
    texts(contact, "I would like to know more please")
    drain()
    assert place(contact) == "lead_to_booking/engaged"
    tasks = open_tasks(contact)
    assert set(tasks) == {"call"}
    assert tasks["call"].due_datetime == NOW + timedelta(seconds=7200)
    assert tasks["call"].priority_floor == 100
    assert "replied" in tasks["call"].notes
    after = fresh(contact)
    assert after.warmness_score == before + 10
    assert after.last_touch["type"] == "sms_received"
    assert contact.touchpoints.filter(type="sms_received").count() == 1


def test_a2_leaves_an_engaged_lead_alone(clinic: Location, texts: Texts) -> None:
    contact = lead(clinic)
    drain()
    put(contact, "lead_to_booking", "engaged")
    texts(contact, "And one more thing")
    drain()
    run = run_of("a2", contact)
    assert run.state == "not_matched"
    assert "it is engaged" in run.reason


@pytest.mark.parametrize("kind", ["sms_sent", "call_attempted"])
def test_a5_a_first_contact_moves_a_new_lead(clinic: Location, kind: str) -> None:
    contact = lead(clinic)
    drain()
    log(contact, kind, cause=CAUSE)
    drain()
    assert place(contact) == "lead_to_booking/contacted"


def test_a5_other_touchpoints_move_nobody(clinic: Location) -> None:
    contact = lead(clinic)
    drain()
    log(contact, "ad_click", cause=CAUSE)
    drain()
    assert place(contact) == "lead_to_booking/new_lead"
    assert run_of("a5", contact).state == "not_matched"


# B: visits


def test_b1_confirms_reminds_and_asks_for_a_welcome_call(clinic: Location, anna: Contact, book: Book) -> None:
    booking = book(anna)
    drain()
    assert run_of("b1").state == "done"
    assert place(anna) == "pre_appointment/booking_confirmed"
    assert sent(anna) == ["booking_confirmation", "reminder_48hr", "reminder_24hr", "reminder_2hr"]
    at = booking.appointment_datetime
    planned = (
        Message.objects.filter(category="reminder").order_by("send_at").values_list("send_at", flat=True)
    )
    assert list(planned) == [at - timedelta(seconds=s) for s in (172800, 86400, 7200)]
    task = open_tasks(anna)["welcome_call"]
    assert (task.due_datetime, task.booking_id) == (CLOSING, booking.pk)
    assert anna.touchpoints.filter(type="booking_created").count() == 1


def test_b1_spares_existing_patients_the_welcome_call(clinic: Location, anna: Contact, book: Book) -> None:
    contact_services.update_contact(contact_id=anna.pk, fields={"is_existing_patient": True}, cause=CAUSE)
    book(anna)
    drain()
    assert "welcome_call" not in open_tasks(anna)
    run = run_of("b1")
    assert states(run) == ["done", "done", "skipped", "done", "done"]
    assert "existing patient is no" in run.actions.get(step=2).reason


@pytest.mark.parametrize("stage", ["booking_confirmed", "reminded", "needs_attention"])
@pytest.mark.parametrize("body", ["Yes", "y", "YEP"])
def test_b2_a_yes_confirms_the_visit(
    clinic: Location, anna: Contact, book: Book, texts: Texts, stage: str, body: str
) -> None:
    booking = book(anna)
    drain()
    if stage != "booking_confirmed":
        put(anna, "pre_appointment", stage)
    drain()
    before = fresh(anna).warmness_score
    texts(anna, body)
    drain()
    assert fresh(booking).status == "confirmed"
    assert place(anna) == "pre_appointment/confirmed"
    assert fresh(anna).warmness_score == before + 10
    assert sent(anna)[-1] == "confirm_reply"
    assert anna.touchpoints.filter(type="booking_confirmed_reply").count() == 1


def test_b2_anything_else_confirms_nothing(clinic: Location, anna: Contact, book: Book, texts: Texts) -> None:
    booking = book(anna)
    drain()
    texts(anna, "Where do I park?")
    drain()
    assert fresh(booking).status == "scheduled"
    assert run_of("b2", anna).state == "not_matched"


def test_b2_an_answer_that_could_mean_two_visits_is_for_a_person(
    clinic: Location, anna: Contact, book: Book, texts: Texts
) -> None:
    visits = [book(anna), book(anna, at=NOW + timedelta(days=9))]
    drain()
    texts(anna, "yes")
    drain()
    assert [fresh(visit).status for visit in visits] == ["scheduled", "scheduled"]
    assert "reply_needed" in open_tasks(anna)


def test_b3_a_cancelled_visit_is_rescued(clinic: Location, anna: Contact, book: Book) -> None:
    booking = book(anna, service=make_service(clinic, name="Mole removal", urgency_level="high"))
    drain()
    booking_services.cancel_booking(booking_id=booking.pk, reason="ill", cause=CAUSE)
    drain()
    assert place(anna) == "post_appointment/cancelled_rescue"
    tasks = open_tasks(anna)
    assert set(tasks) == {"rescue_call"}
    assert tasks["rescue_call"].priority_floor == 150
    assert tasks["rescue_call"].due_datetime == NOW + timedelta(seconds=3600)
    assert Task.objects.get(type="welcome_call").status == "cancelled"
    reminders = Message.objects.filter(category="reminder").values_list("status", "reason")
    assert set(reminders) == {("cancelled", "booking_cancelled")}
    assert sent(anna)[-1] == "cancellation_rescue"


def test_b3_without_urgency_nobody_calls(clinic: Location, anna: Contact, book: Book) -> None:
    booking = book(anna)
    drain()
    booking_services.cancel_booking(booking_id=booking.pk, cause=CAUSE)
    drain()
    assert open_tasks(anna) == {}
    assert sent(anna)[-1] == "cancellation_rescue"


def test_b3_who_has_another_visit_needs_no_rescue(clinic: Location, anna: Contact, book: Book) -> None:
    service = make_service(clinic, name="Mole removal", urgency_level="high")
    booking = book(anna, service=service)
    book(anna, at=NOW + timedelta(days=9))
    drain()
    booking_services.cancel_booking(booking_id=booking.pk, cause=CAUSE)
    drain()
    assert place(anna) == "pre_appointment/booking_confirmed"
    assert "rescue_call" not in open_tasks(anna)
    assert "cancellation_rescue" not in sent(anna)
    assert anna.touchpoints.filter(type="booking_cancelled").count() == 1


def test_b4_reminders_follow_the_new_time(clinic: Location, anna: Contact, book: Book) -> None:
    booking = book(anna)
    drain()
    put(anna, "pre_appointment", "reminded")
    moved = NOW + timedelta(days=7)
    booking_services.reschedule_booking(booking_id=booking.pk, appointment_datetime=moved, cause=CAUSE)
    drain()
    waiting = Message.objects.filter(category="reminder", status="scheduled").order_by("send_at")
    assert [m.send_at for m in waiting] == [moved - timedelta(seconds=s) for s in (172800, 86400, 7200)]
    assert set(
        Message.objects.filter(category="reminder")
        .exclude(status="scheduled")
        .values_list("reason", flat=True)
    ) == {"visit_moved"}
    assert place(anna) == "pre_appointment/booking_confirmed"
    assert sent(anna)[-4:].count("booking_rescheduled") == 1
    assert anna.touchpoints.filter(type="booking_rescheduled").count() == 1


def reminded(anna: Contact, book: Book, *, hours: float) -> Booking:
    booking = book(anna, at=NOW + timedelta(hours=hours))
    drain()
    put(anna, "pre_appointment", "reminded")
    drain()
    return booking


@pytest.mark.parametrize(("hours", "fires"), [(20, True), (20.5, False), (1, True)])
def test_b5_unconfirmed_visits_get_a_call_20_hours_before(
    clinic: Location, anna: Contact, book: Book, hours: float, fires: bool
) -> None:
    booking = reminded(anna, book, hours=hours)
    clock_rules.plan_clock_rules()
    drain()
    assert ("confirmation_call" in open_tasks(anna)) is fires
    assert place(anna) == f"pre_appointment/{'needs_attention' if fires else 'reminded'}"
    if fires:
        task = open_tasks(anna)["confirmation_call"]
        assert (task.priority_floor, task.booking_id) == (100, booking.pk)


def test_b5_is_once_per_visit_and_time(clinic: Location, anna: Contact, book: Book, now: Frozen) -> None:
    booking = reminded(anna, book, hours=19)
    for _ in range(3):
        clock_rules.plan_clock_rules()
        drain()
        put(anna, "pre_appointment", "booking_confirmed", "reminded")
        drain()
        now.advance(timedelta(hours=1))
    assert RuleRun.objects.filter(rule__key="b5").count() == 1
    later = now.at + timedelta(hours=15)
    booking_services.reschedule_booking(booking_id=booking.pk, appointment_datetime=later, cause=CAUSE)
    drain()
    put(anna, "pre_appointment", "reminded")
    clock_rules.plan_clock_rules()
    drain()
    assert RuleRun.objects.filter(rule__key="b5", state="done").count() == 2


def test_b6_and_b7_follow_reminders(clinic: Location, anna: Contact, book: Book) -> None:
    booking = book(anna)
    drain()
    about = {"booking_id": booking.pk}
    happen(
        "message_sent",
        anna,
        data={"message": 1, "template": "reminder_48hr", "category": "reminder"},
        **about,
    )
    drain()
    assert place(anna) == "pre_appointment/reminded"
    happen(
        "message_sent", anna, data={"message": 1, "template": "reminder_2hr", "category": "reminder"}, **about
    )
    drain()
    assert place(anna) == "pre_appointment/reminded"
    booking_services.confirm_booking(booking_id=booking.pk, cause=CAUSE)
    happen(
        "message_sent", anna, data={"message": 1, "template": "reminder_2hr", "category": "reminder"}, **about
    )
    drain()
    assert place(anna) == "pre_appointment/ready"


def test_b6_other_texts_remind_nobody(clinic: Location, anna: Contact, book: Book) -> None:
    book(anna)
    drain()
    happen("message_sent", anna, data={"message": 1, "template": "welcome_lead", "category": "welcome"})
    drain()
    assert place(anna) == "pre_appointment/booking_confirmed"


# C: after the visit


def test_c0_a_missing_outcome_is_the_desks(clinic: Location, anna: Contact, book: Book, now: Frozen) -> None:
    booking = book(anna, at=NOW + timedelta(hours=1))
    drain()
    now.advance(timedelta(hours=3))
    booking_services.ask_for_outcomes()
    drain()
    task = open_tasks(anna)["record_outcome"]
    assert (task.due_datetime, task.booking_id) == (CLOSING, booking.pk)
    assert Event.objects.filter(type="staff_notified", contact_id=anna.pk).count() == 1


def visited(anna: Contact, book: Book, now: Frozen, **fields: Any) -> Booking:
    booking = book(anna, at=NOW + timedelta(hours=1), **fields)
    drain()
    now.advance(timedelta(hours=2))
    return booking


def test_c1_attended(clinic: Location, anna: Contact, book: Book, now: Frozen) -> None:
    booking = visited(anna, book, now)
    booking_services.record_outcome(booking_id=booking.pk, outcome="attended", cause=CAUSE)
    drain()
    assert fresh(anna).is_existing_patient
    assert place(anna) == "post_appointment/attended"
    tasks = open_tasks(anna)
    due = {
        kind: (tasks[kind].due_datetime - now.at).total_seconds()
        for kind in ("review_request", "referral_invite")
    }
    assert due == {"review_request": 86400, "referral_invite": 259200}
    assert fresh(anna).recall_due_date == date(2027, 11, 23)
    assert "thank_you_attended" not in sent(anna)
    run = run_of("c1")
    assert (run.state, run.actions.get(step=3).state) == ("running", "pending")
    now.advance(timedelta(seconds=599))
    drain()
    assert "thank_you_attended" not in sent(anna)
    now.advance(timedelta(seconds=1))
    drain()
    assert sent(anna)[-1] == "thank_you_attended"
    assert fresh(run).state == "done"


@pytest.mark.parametrize(
    ("service", "high_risk", "practitioner_days", "expected"),
    [
        ({"service_type": "routine"}, False, None, date(2027, 11, 23)),
        ({"service_type": "routine"}, True, None, date(2027, 5, 22)),
        ({"service_type": "procedure", "is_high_risk": True}, False, 30, date(2027, 5, 22)),
        ({"service_type": "procedure"}, False, 30, date(2026, 12, 23)),
        ({"service_type": "procedure", "recall_interval_days": 60}, False, None, date(2027, 1, 22)),
        ({"service_type": "procedure"}, False, None, None),
        ({"service_type": "follow_up", "recall_interval_days": 10}, False, None, date(2026, 12, 3)),
    ],
)
def test_c1_recall_follows_risk_then_service_then_practitioner(
    clinic: Location, anna: Contact, book: Book, now: Frozen,
    service: dict[str, Any], high_risk: bool, practitioner_days: int | None, expected: date | None,
) -> None:  # fmt: skip
    contact_services.update_contact(contact_id=anna.pk, fields={"is_high_risk": high_risk}, cause=CAUSE)
    booking = visited(
        anna, book, now, service=make_service(clinic, name="Special", **service),
        practitioner=make_practitioner(clinic, name="Dr Special", recall_interval_days=practitioner_days),
    )  # fmt: skip
    booking_services.record_outcome(booking_id=booking.pk, outcome="attended", cause=CAUSE)
    drain()
    assert fresh(anna).recall_due_date == expected


def test_c1_a_corrected_misclick_withdraws_the_thanks(
    clinic: Location, anna: Contact, book: Book, now: Frozen
) -> None:
    booking = visited(anna, book, now)
    booking_services.record_outcome(booking_id=booking.pk, outcome="attended", cause=CAUSE)
    drain()
    now.advance(timedelta(seconds=300))
    booking_services.record_outcome(booking_id=booking.pk, outcome="no_show", cause=CAUSE)
    drain()
    now.advance(timedelta(seconds=300))
    drain()
    assert "thank_you_attended" not in sent(anna)
    step = ActionRun.objects.get(run__rule__key="c1", step=3)
    assert step.state == "skipped"
    assert "Did not attend" in step.reason or "no_show" in step.reason
    now.advance(timedelta(seconds=300))
    drain()
    assert sent(anna)[-1] == "no_show_followup"


def test_c1_a_patient_with_another_visit_stays_before_it(
    clinic: Location, anna: Contact, book: Book, now: Frozen
) -> None:
    booking = visited(anna, book, now)
    book(anna, at=NOW + timedelta(days=9))
    drain()
    booking_services.record_outcome(booking_id=booking.pk, outcome="attended", cause=CAUSE)
    drain()
    assert place(anna) == "pre_appointment/booking_confirmed"
    assert "review_request" in open_tasks(anna)


def test_c2_no_show(clinic: Location, anna: Contact, book: Book, now: Frozen) -> None:
    booking = visited(anna, book, now)
    booking_services.record_outcome(booking_id=booking.pk, outcome="no_show", cause=CAUSE)
    drain()
    assert place(anna) == "post_appointment/did_not_attend"
    assert open_tasks(anna)["no_show_followup"].due_datetime == now.at + timedelta(seconds=3600)
    assert not fresh(anna).is_existing_patient
    assert run_of("c1").state == "not_matched"
    now.advance(timedelta(seconds=600))
    drain()
    assert sent(anna)[-1] == "no_show_followup"
    assert anna.touchpoints.filter(type="appointment_no_show").count() == 1


# E: the machine


def test_e1_a_failed_webhook_is_a_notice_and_one_task(clinic: Location) -> None:
    for _ in range(3):
        happen(
            "webhook_failed", None, location_id=clinic.pk,
            data={"receipt": "x", "provider": "wix", "reason": "unreadable"},
        )  # fmt: skip
    drain()
    assert Event.objects.filter(type="staff_notified").count() == 3
    assert Task.objects.filter(type="reconcile").count() == 1
    assert ActionRun.objects.filter(run__rule__key="e1", state="done").count() == 3


def test_every_rule_of_this_issue_is_delivered_and_can_be_saved(clinic: Location) -> None:
    keys = set(Rule.objects.filter(location=clinic, is_active=True).values_list("key", flat=True))
    wanted = {"a1", "a2", "a5", "b1", "b2", "b3", "b4", "b5", "b6", "b7", "c0", "c1", "c2", "e1"}
    assert wanted <= keys


def test_a_corrected_outcome_closes_what_the_wrong_one_asked_for(
    clinic: Location, anna: Contact, book: Book, now: Frozen
) -> None:
    booking = visited(anna, book, now)
    wanted = {
        "attended": {"review_request", "referral_invite"},
        "no_show": {"no_show_followup"},
        "none": set(),
    }
    for outcome in ("attended", "no_show", "attended", "none"):
        now.advance(timedelta(seconds=60))
        booking_services.record_outcome(booking_id=booking.pk, outcome=outcome, cause=CAUSE)
        drain()
        asked = set(open_tasks(anna)) & {"review_request", "referral_invite", "no_show_followup"}
        assert asked == wanted[outcome]
