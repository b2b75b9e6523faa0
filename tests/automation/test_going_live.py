"""Going live: what is in the diary already gets its reminders, once, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts import golive, new_clinic
from accounts.models import Location
from core.causes import Cause
from messaging.models import Message
from tasks.models import Task
from tests.clinic import staff
from tests.factories.bookings import make_booking
from tests.factories.contacts import make_contact

__all__ = ["staff"]

pytestmark = pytest.mark.django_db
CAUSE = Cause.system("test")
NOW = datetime(2026, 3, 2, 1, 0, tzinfo=UTC)
VISIT = datetime(2026, 3, 7, 4, 0, tzinfo=UTC)  # 15:00 in Sydney


@pytest.fixture
def shadow(staff: Any, frozen_time: Any) -> Location:
    frozen_time(NOW)
    location = Location.objects.get(code="sydney")
    new_clinic.complete(location)
    Location.objects.filter(pk=location.pk).update(automation_mode="shadow", live_since=None)
    return Location.objects.get(pk=location.pk)


def switch(location: Location, mode: str) -> None:
    golive.set_automation_mode(location_id=location.pk, mode=mode, cause=CAUSE, force_reason="a test")


def reminders() -> list[str]:
    rows = Message.objects.filter(template__isnull=False).order_by("send_at", "id")
    return [row.template.name for row in rows if row.template is not None]


def test_visits_in_the_diary_get_their_reminders_once_and_nothing_else(
    shadow: Location, run_work: Any
) -> None:
    contact = make_contact(shadow)
    make_booking(contact, at=VISIT)
    make_booking(contact, at=NOW - timedelta(days=5))
    run_work()
    assert not Message.objects.exists()
    switch(shadow, "live")
    run_work()
    assert reminders() == ["reminder_48hr", "reminder_24hr", "reminder_2hr"]
    assert not Task.objects.exists()
    switch(shadow, "shadow")
    switch(shadow, "live")
    run_work()
    assert len(reminders()) == 3, "a second time adds none"


def test_a_clinic_that_turned_back_at_once_plans_nothing(shadow: Location, run_work: Any) -> None:
    make_booking(make_contact(shadow), at=VISIT)
    run_work()
    switch(shadow, "live")
    switch(shadow, "off")
    run_work()
    assert not Message.objects.exists()
