"""The clinic's main journey, from a booking at Wix to a recalled patient, through the doors others use."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from automation.models import ActionRun, RuleRun
from bookings import services as booking_services
from bookings.models import Booking
from contacts.models import Contact
from core.causes import Cause
from core.models import Work
from messaging.models import Message
from tasks import priority, queue
from tasks.models import Task
from tests.harness.tiers import tiers
from tests.webhooks.wix_builder import WixBooking

SYDNEY = ZoneInfo("Australia/Sydney")
STAFF = Cause.user(1)
PHONE = "+61412345678"
#: Every hour of the day.
HOURS = tiers(range(24), fast=range(1, 24, 4), slow=range(0, 24, 4))


def sent(template: str) -> int:
    """How many messages of a template reached the patient's phone."""
    return Message.objects.filter(template__name=template, status__in=("sent", "delivered")).count()


@pytest.mark.django_db
@pytest.mark.usefixtures("clinic")
@pytest.mark.parametrize("hour", HOURS)
def test_from_booking_to_recall_at_any_hour(
    hour: int, wix: Callable[..., None], text: Callable[..., None], run_work: Any, frozen_time: Any
) -> None:
    now = frozen_time(datetime(2026, 11, 23, hour, 17, tzinfo=UTC))
    visit_at = datetime(2026, 12, 1, 15, 0, tzinfo=SYDNEY)
    booking = WixBooking(start=visit_at, phone="0412 345 678")
    wix("created", booking, sequence=1, at=now.at)
    wix("confirmed", booking, sequence=2, at=now.at)
    run_work()

    visit = Booking.objects.get()
    contact = visit.contact
    assert (contact.phone, contact.name, contact.source) == (PHONE, "Ana Silva", "wix")
    assert (visit.status, visit.location.code) == ("scheduled", "sydney")
    assert (contact.current_pipeline, contact.current_stage) == ("pre_appointment", "booking_confirmed")
    assert sent("booking_confirmation") == 1
    assert Task.objects.get(type="welcome_call").due_datetime == visit.location.end_of_business_day(now.at)
    reminders = Message.objects.filter(category="reminder").order_by("send_at")
    assert [(m.template.name, m.send_at.astimezone(SYDNEY)) for m in reminders] == [
        ("reminder_48hr", visit_at - timedelta(days=2)),
        ("reminder_24hr", visit_at - timedelta(days=1)),
        ("reminder_2hr", visit_at - timedelta(hours=2)),
    ]

    warmness = contact.warmness_score
    now.advance(timedelta(minutes=2))
    text(PHONE, "Yes")
    run_work()
    visit.refresh_from_db()
    contact.refresh_from_db()
    assert (visit.status, contact.current_stage) == ("confirmed", "confirmed")
    # 10 for the confirmation and 10 for an answer within the hour
    assert contact.warmness_score == warmness + 20
    assert sent("confirm_reply") == 1

    for hours in (48, 24, 2):
        now.set(visit_at - timedelta(hours=hours))
        run_work()
    assert [sent(f"reminder_{name}") for name in ("48hr", "24hr", "2hr")] == [1, 1, 1]
    contact.refresh_from_db()
    assert contact.current_stage == "ready"

    now.set(visit.ends_at + timedelta(minutes=5))
    booking_services.record_outcome(booking_id=visit.pk, outcome="attended", cause=STAFF)
    run_work()
    contact.refresh_from_db()
    assert contact.is_existing_patient
    assert (contact.current_pipeline, contact.current_stage) == ("post_appointment", "attended")
    assert set(open_types(contact)) >= {"review_request", "referral_invite"}
    assert contact.recall_due_date == date(2026, 12, 1) + timedelta(days=365)
    assert sent("thank_you_attended") == 0
    now.advance(timedelta(minutes=11))
    run_work()
    assert sent("thank_you_attended") == 1
    assert not Work.objects.filter(state="parked").exists()
    assert not ActionRun.objects.filter(state="failed").exists()
    assert not RuleRun.objects.filter(state="failed").exists()


def open_types(contact: Contact) -> list[str]:
    """The types of a contact's open tasks."""
    return list(Task.objects.filter(contact=contact, status__in=Task.OPEN).values_list("type", flat=True))


@pytest.mark.django_db
@pytest.mark.usefixtures("clinic")
def test_a_cancelled_urgent_visit_is_rescued(
    wix: Callable[..., None], run_work: Any, frozen_time: Any
) -> None:
    now = frozen_time(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    booking = WixBooking(id="b-2", service="Mole removal procedure", phone="0498 765 432", contact_id="c-2")
    wix("created", booking, sequence=1, status="CONFIRMED")
    run_work()
    assert Message.objects.filter(category="reminder", status="scheduled").count() == 3
    wix("canceled", booking, sequence=3)
    run_work()

    visit = Booking.objects.get()
    contact = visit.contact
    assert visit.status == "cancelled"
    assert (contact.current_pipeline, contact.current_stage) == ("post_appointment", "cancelled_rescue")
    assert open_types(contact) == ["rescue_call"]
    task = Task.objects.get(type="rescue_call")
    assert task.due_datetime == now.at + timedelta(hours=1)
    assert queue.explain(task, now=now.at, own={}).category == priority.Category.URGENT
    withdrawn = Message.objects.filter(category="reminder")
    assert {m.status for m in withdrawn} == {"cancelled"}
    assert sent("cancellation_rescue") == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("clinic")
def test_a_corrected_misclick_withdraws_the_thanks(
    wix: Callable[..., None], run_work: Any, frozen_time: Any
) -> None:
    now = frozen_time(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    wix("created", WixBooking(), sequence=1, status="CONFIRMED")
    run_work()
    visit = Booking.objects.get()
    now.set(visit.ends_at)
    booking_services.record_outcome(booking_id=visit.pk, outcome="attended", cause=STAFF)
    run_work()
    now.advance(timedelta(minutes=4))
    booking_services.record_outcome(booking_id=visit.pk, outcome="no_show", cause=STAFF)
    run_work()
    now.advance(timedelta(minutes=30))
    run_work()
    assert sent("thank_you_attended") == 0
    assert sent("no_show_followup") == 1


@pytest.mark.django_db
@pytest.mark.usefixtures("clinic")
def test_after_one_visit_the_stage_speaks_of_the_next(
    wix: Callable[..., None], text: Callable[..., None], run_work: Any, frozen_time: Any
) -> None:
    now = frozen_time(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    first = WixBooking()
    second = WixBooking(id="b-2", start=datetime(2026, 12, 8, 4, 0, tzinfo=UTC))
    for booking in (first, second):
        wix("created", booking, sequence=1, status="CONFIRMED", at=now.at)
    run_work()
    visits = {visit.external_id: visit for visit in Booking.objects.all()}
    now.set(visits["b-1"].ends_at)
    booking_services.record_outcome(booking_id=visits["b-1"].pk, outcome="attended", cause=STAFF)
    run_work()
    contact = Contact.objects.get()
    assert (contact.current_pipeline, contact.current_stage) == ("pre_appointment", "booking_confirmed")
    now.set(visits["b-2"].appointment_datetime - timedelta(days=2))
    run_work()
    text(PHONE, "Yes")
    run_work()
    visits["b-2"].refresh_from_db()
    contact.refresh_from_db()
    assert (visits["b-2"].status, contact.current_stage) == ("confirmed", "confirmed")


@pytest.mark.django_db
@pytest.mark.usefixtures("clinic")
def test_a_strangers_first_stop_makes_no_lead_and_no_call(text: Callable[..., None], run_work: Any) -> None:
    text("+61491570999", "STOP")
    run_work()
    contact = Contact.objects.get()
    # "contacted" by the one text that says the wish was heard
    assert (contact.current_stage, contact.warmness_score, open_types(contact)) == ("contacted", 0, [])
