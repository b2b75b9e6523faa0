"""A visit's whole journey through the rules, drained as the relay drains it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from accounts.models import Location
from automation.models import ActionRun, RuleRun
from bookings import services as booking_services
from bookings.models import Booking
from contacts.models import Contact
from core.clock import Frozen
from core.models import Work
from messaging.models import Message
from tasks.models import Task
from tests.automation.conftest import CAUSE, NOW, fresh
from tests.factories.contacts import make_contact

RunWork = Callable[[], int]


def sent(contact: Contact) -> list[str]:
    rows = Message.objects.filter(contact=contact, direction="outbound", sent_at__isnull=False)
    return [m.template.name for m in rows.order_by("sent_at", "pk") if m.template is not None]


def place(contact: Contact) -> str:
    now = fresh(contact)
    return f"{now.current_pipeline}/{now.current_stage}"


@pytest.mark.parametrize("hour", [1, 9, 14, 20])
def test_from_booking_to_recall_at_any_hour(
    clinic: Location, anna: Contact, book: Callable[..., Booking], texts: Callable[..., Message],
    now: Frozen, run_work: RunWork, hour: int,
) -> None:  # fmt: skip
    now.set(NOW.replace(hour=hour))
    visit_at = NOW.replace(hour=2) + timedelta(days=5)
    booking = book(anna, at=visit_at)
    run_work()
    assert sent(anna) == ["booking_confirmation"]
    assert place(anna) == "pre_appointment/booking_confirmed"

    now.set(visit_at - timedelta(hours=47))
    run_work()
    assert "reminder_48hr" in sent(anna)
    assert place(anna) == "pre_appointment/reminded"

    texts(anna, "Yes")
    run_work()
    assert fresh(booking).status == "confirmed"
    assert place(anna) == "pre_appointment/confirmed"
    assert sent(anna)[-1] == "confirm_reply"

    now.set(visit_at - timedelta(hours=1))
    run_work()
    assert sent(anna)[-1] == "reminder_2hr"
    assert place(anna) == "pre_appointment/ready"

    now.set(visit_at + timedelta(hours=1))
    booking_services.record_outcome(booking_id=booking.pk, outcome="attended", cause=CAUSE)
    run_work()
    now.advance(timedelta(seconds=600))
    run_work()
    assert sent(anna)[-1] == "thank_you_attended"
    assert place(anna) == "post_appointment/attended"
    open_types = set(Task.objects.filter(contact=anna, status="todo").values_list("type", flat=True))
    assert {"review_request", "referral_invite"} <= open_types
    assert fresh(anna).recall_due_date is not None
    assert not ActionRun.objects.filter(state="failed").exists(), list(
        ActionRun.objects.filter(state="failed").values_list("run__rule__key", "type", "reason")
    )
    assert not RuleRun.objects.filter(state="stopped").exists()
    assert not Work.objects.filter(state="parked").exists()


def test_a_lead_is_welcomed_and_the_welcome_is_its_first_contact(
    clinic: Location, now: Frozen, run_work: RunWork
) -> None:
    lead = make_contact(clinic, name="Lee Lead", source="web_form", is_lead=True)
    run_work()
    assert sent(lead) == ["welcome_lead"]
    assert place(lead) == "lead_to_booking/contacted"
    first_contact = RuleRun.objects.get(rule__key="a5", contact=lead, state="done")
    rules = RuleRun.objects.get(rule__key="a1", contact=lead).rule_id
    assert first_contact.chain == [f"{rules}:{lead.pk}", f"{first_contact.rule_id}:{lead.pk}"]
    assert not ActionRun.objects.filter(state="failed").exists()
