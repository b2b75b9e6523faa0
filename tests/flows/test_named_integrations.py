"""The four integrations that the product was asked for by name, each from a provider's door to its effect."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from bookings.models import Booking
from contacts.models import Contact
from messaging.models import Message
from tasks.models import Task
from tests.webhooks.wix_builder import WixBooking

PHONE = "+61412345678"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clinic")]


def test_wix_webhook_creates_contact_and_booking(
    wix: Callable[..., None], run_work: Callable[[], int], frozen_time: Any
) -> None:
    frozen_time(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    booking = WixBooking(start=datetime(2026, 12, 1, 4, 0, tzinfo=UTC), phone="0412 345 678")
    for _ in range(2):
        wix("created", booking, sequence=1, status="CONFIRMED")
        run_work()

    contact, visit = Contact.objects.get(), Booking.objects.get()
    assert (contact.phone, contact.name, contact.source, contact.email) == (
        PHONE, "Ana Silva", "wix", booking.email,
    )  # fmt: skip
    assert (visit.contact, visit.external_id, visit.status, visit.service.name) == (
        contact, booking.id, "scheduled", booking.service,
    )  # fmt: skip
    assert visit.appointment_datetime == booking.start
    assert visit.first_touch_attribution["source"] == visit.last_touch_attribution["source"] == "wix"
    assert list(Message.objects.filter(category="booking").values_list("status", flat=True)) == ["sent"]


def test_sms_inbound_cancels_tasks(
    client: Client, staff_lead: Callable[[str], Contact], text: Callable[[str, str], None], run_work: Callable[[], int],
    frozen_time: Any,
) -> None:  # fmt: skip
    now = frozen_time(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    contact = staff_lead("0412 345 678")
    run_work()
    followup = Task.objects.get(contact=contact, type="sms_followup")
    assert followup.is_open

    now.advance(timedelta(minutes=20))
    text(PHONE, "Hi, I'd like to know more about the skin check")
    run_work()
    followup.refresh_from_db()
    contact.refresh_from_db()
    assert (followup.status, followup.closed_reason != "") == ("cancelled", True)
    assert contact.current_stage == "engaged"
    call = Task.objects.get(contact=contact, type="call", status__in=Task.OPEN)
    assert call.due_datetime == now.at + timedelta(hours=2)


def test_booking_cancellation_starts_the_rescue_flow(
    wix: Callable[..., None], run_work: Callable[[], int], frozen_time: Any
) -> None:
    now = frozen_time(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    booking = WixBooking(service="Mole removal procedure", phone="0412 345 678")
    wix("created", booking, sequence=1, status="CONFIRMED")
    run_work()
    now.advance(timedelta(hours=1))
    wix("canceled", booking, sequence=2)
    run_work()

    visit = Booking.objects.get()
    contact = visit.contact
    assert visit.status == "cancelled"
    assert (contact.current_pipeline, contact.current_stage) == ("post_appointment", "cancelled_rescue")
    open_tasks = Task.objects.filter(contact=contact, status__in=Task.OPEN)
    assert [(task.type, task.due_datetime) for task in open_tasks] == [
        ("rescue_call", now.at + timedelta(hours=1))
    ]
    reminders = Message.objects.filter(contact=contact, category="reminder")
    assert set(reminders.values_list("status", flat=True)) == {"cancelled"}
    rescue = Message.objects.get(contact=contact, template__name="cancellation_rescue")
    assert rescue.status in ("sent", "delivered")


def test_confirmation_reply_updates_the_status(
    wix: Callable[..., None], text: Callable[[str, str], None], run_work: Callable[[], int], frozen_time: Any
) -> None:
    now = frozen_time(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    wix("created", WixBooking(phone="0412 345 678"), sequence=1, status="CONFIRMED")
    run_work()
    visit = Booking.objects.get()
    now.set(visit.appointment_datetime - timedelta(hours=24))
    run_work()
    warmness = Contact.objects.get().warmness_score
    text(PHONE, "Yep see you then")
    run_work()

    visit.refresh_from_db()
    contact = Contact.objects.get()
    assert (visit.status, contact.current_stage) == ("confirmed", "confirmed")
    assert contact.warmness_score > warmness
    assert (
        Message.objects.filter(template__name="confirm_reply", status__in=("sent", "delivered")).count() == 1
    )
    assert contact.touchpoints.filter(type="booking_confirmed_reply").count() == 1
