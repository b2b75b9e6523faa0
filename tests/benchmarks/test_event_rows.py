"""The events that the benchmark fills in are those that services record."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.models import User
from benchmarks.event_rows import EVENTS
from bookings import services as booking_services
from bookings.models import Booking
from contacts import services as contact_services
from contacts.models import Contact
from core.causes import Cause
from core.models import Event
from messaging import phone
from tasks import services as task_services
from tasks import sets
from tests.webhooks.wix_builder import WixBooking

#: They need a provider that refuses and a person who opted out; their keys are only known to be declared.
UNPLAYED = {"message_failed", "message_suppressed"}


@pytest.mark.django_db
def test_filled_events_carry_what_recorded_ones_carry(
    clinic: None, wix: Callable[..., None], run_work: Any, frozen_time: Any
) -> None:
    staff = Cause.user(User.objects.create_user("desk@example.com", name="Desk").pk)
    now = frozen_time(datetime(2026, 11, 23, 1, 0, tzinfo=UTC))
    visit = WixBooking(start=datetime(2026, 12, 1, 4, 0, tzinfo=UTC), phone="0412 345 678")
    wix("created", visit, sequence=1, status="CONFIRMED")
    run_work()
    phone.answer(contact=Contact.objects.get(), body="Yes")
    run_work()
    contact, booking = Contact.objects.get(), Booking.objects.get()
    contact_services.make_lead(contact_id=contact.pk, cause=staff)
    done, closed = sets.create_tasks(
        [sets.NewTask(contact.pk, type_, now.at, staff) for type_ in ("call", "custom")]
    )
    task_services.complete_task(done.task.pk, outcome="connected", cause=staff)
    task_services.cancel_task(closed.task.pk, reason="not needed", cause=staff)
    booking_services.reschedule_booking(
        booking_id=booking.pk,
        appointment_datetime=booking.appointment_datetime + timedelta(days=1),
        cause=staff,
    )
    other = WixBooking(id="b-2", start=datetime(2026, 12, 3, 4, 0, tzinfo=UTC), phone="0412 345 678")
    wix("created", other, sequence=1, status="CONFIRMED")
    run_work()
    wix("canceled", other, sequence=2)
    run_work()
    now.set(datetime(2026, 12, 2, 4, 0, tzinfo=UTC))
    booking_services.arrive(booking_id=booking.pk, cause=staff)
    now.advance(timedelta(hours=2))
    booking_services.record_outcome(booking_id=booking.pk, outcome="attended", cause=staff)
    run_work()

    recorded: dict[str, set[frozenset[str]]] = defaultdict(set)
    for name, data in Event.objects.values_list("type", "data"):
        recorded[name].add(frozenset(data))
    filled = {each.type.name: frozenset(each.data) for each in EVENTS if each.type.name not in UNPLAYED}
    assert {name: keys for name, keys in filled.items() if keys not in recorded[name]} == {}
