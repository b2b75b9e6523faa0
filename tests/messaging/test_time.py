"""Reminders through the database and the sender, over nights on which clocks change and after an outage."""

from __future__ import annotations

import os
import time as process_time
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any

import pytest

from bookings import services as booking_services
from core import clock
from core.causes import Cause
from messaging import sending
from messaging.models import Message
from messaging.services import ReminderPlan, schedule_reminders
from tests.clock_changes import Change, changes, visits
from tests.factories.contacts import make_contact
from tests.harness.tiers import tiers
from tests.messaging.conftest import NOW, RULE

OFFSETS = (172800, 86400, 7200)
NAMES = ("reminder_48hr", "reminder_24hr", "reminder_2hr")
TEST = Cause.system("test")
CHANGES = changes(2025)
FAST = ("Sydney missing 2025", "Lord_Howe double 2025")


def plan(booking: Any) -> None:
    schedule_reminders([ReminderPlan(booking.pk, OFFSETS, NAMES, RULE)])


def sweep(now: clock.Frozen, start: datetime, end: datetime, change: datetime) -> Iterator[timedelta]:
    """Move the clock from start to end: by minutes through the night of the change, else by half hours. The largest
    step before each moment.
    """
    now.set(start)
    while now.at < end:
        step = timedelta(minutes=5) if abs(now.at - change) < timedelta(hours=3) else timedelta(minutes=30)
        now.advance(step)
        yield step


@pytest.fixture
def process_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process lives in another zone than any of the clinics."""
    before = os.environ.get("TZ")
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    process_time.tzset()
    yield
    monkeypatch.undo()
    assert os.environ.get("TZ") == before
    process_time.tzset()


@pytest.mark.parametrize(
    "change",
    tiers(CHANGES, fast=[c for c in CHANGES if str(c) in FAST], slow=CHANGES[::5]),
    ids=[str(c) for c in CHANGES],
)
@pytest.mark.usefixtures("process_zone")
def test_b5_each_reminder_is_sent_once_when_its_clinics_clock_shows_the_time_its_text_names(
    change: Change, sydney: Any, gateway: Any, service: Any, now: clock.Frozen
) -> None:
    sydney.time_zone, sydney.quiet_hours_start, sydney.quiet_hours_end = change.zone, time(0), time(0)
    sydney.daily_sms_cap_cents = 100_000
    sydney.save()
    booked = {}
    now.set(change.at - timedelta(days=8))
    for n, at in enumerate(visits(change)):
        contact = make_contact(sydney, name=f"Anna{n} Smith", phone=f"+6141200{n:04}")
        booked[contact.phone] = booking_services.create_booking(
            location=sydney, contact_id=contact.pk, service=service, cause=TEST, appointment_datetime=at
        )
        plan(booked[contact.phone])
    sent: list[tuple[str, datetime, str]] = []
    gateway.before_answering = lambda sms: sent.append((sms.to, clock.now(), sms.body))
    times = [booking.appointment_datetime for booking in booked.values()]
    for step in sweep(now, min(times) - timedelta(days=3), max(times) + timedelta(hours=1), change.at):
        before = len(sent)
        sending.send_due()
        for to, at, body in sent[before:]:
            visit = booked[to].appointment_datetime
            wall, shown = change.wall(visit), change.wall(at)
            assert f"{wall.hour % 12 or 12}:{wall:%M} {'am' if wall.hour < 12 else 'pm'}" in body
            assert f"{wall:%a} {wall.day} {wall:%b}" in body
            due = [change.instant(wall - timedelta(days=days)) for days in (2, 1)] + [
                visit - timedelta(hours=2)
            ]
            assert any(moment <= at < moment + step for moment in due), (shown, wall)
    assert sorted(to for to, _, _ in sent) == sorted([*booked] * 3)
    assert len({(to, body) for to, _, body in sent}) == len(sent)
    assert Message.objects.exclude(status="sent").count() == 0


def test_b14_after_an_outage_of_six_hours_nothing_leaves_outside_the_window_and_the_stale_say_why(
    sydney: Any, gateway: Any, book: Any, now: clock.Frozen
) -> None:
    evening = NOW + timedelta(hours=9, minutes=30)  # 21:30 in Sydney, quiet since 20:00.
    down = evening - timedelta(hours=6)
    now.set(down - timedelta(days=4))
    ends = {
        "begun": evening - timedelta(hours=1),  # 20:30: its 2 h reminder was due while we were down.
        "tomorrow": evening
        + timedelta(hours=15),  # 12:30: the 24 h reminder stays true until 10:30 tomorrow.
        "early": evening + timedelta(hours=10, minutes=30),  # 08:00: no allowed minute is left before it.
        "two days": down + timedelta(days=2, hours=2),  # The 48 h reminder was due at 17:30.
        "next day": down + timedelta(days=1, hours=1),  # The 24 h reminder was due at 16:30.
    }
    bookings = {}
    for n, (name, at) in enumerate(ends.items()):
        contact = make_contact(sydney, name=f"Anna{n} Smith", phone=f"+6141300{n:04}")
        bookings[name] = book(contact, at=at)
        plan(bookings[name])
    while now.at < down:  # What was due before the outage goes.
        sending.send_due()
        now.advance(timedelta(minutes=30))
    gone = len(gateway.sent)
    now.set(evening)
    sending.send_due()
    assert len(gateway.sent) == gone  # Drained at 21:30: nobody is texted.

    sent: list[datetime] = []
    gateway.before_answering = lambda sms: sent.append(clock.now())
    while now.at < evening + timedelta(days=3):
        now.advance(timedelta(minutes=30))
        sending.send_due()
    assert sent
    for at in sent:
        assert time(8) <= sydney.local(at).time() < time(20)

    def states(name: str) -> dict[str, tuple[str, str]]:
        rows = Message.objects.filter(booking=bookings[name]).select_related("template")
        return {row.template.name: (row.status, row.reason) for row in rows}

    assert states("begun")["reminder_2hr"] == ("skipped", "visit_over")
    assert states("early")["reminder_2hr"] == ("skipped", "visit_over")
    for name in ("tomorrow", "two days", "next day"):
        assert states(name) == dict.fromkeys(NAMES, ("sent", ""))
    for message in Message.objects.select_related("booking"):
        assert message.status in ("sent", "skipped", "expired")
        assert message.reason or message.status == "sent"
        if message.sent_at is not None and message.booking is not None:
            assert message.sent_at < message.booking.appointment_datetime


def test_three_hundred_stale_reminders_after_days_without_a_worker_all_say_why(
    sydney: Any, gateway: Any, service: Any, now: clock.Frozen
) -> None:
    for n in range(100):
        contact = make_contact(sydney, name=f"Anna{n} Smith", phone=f"+6141400{n:04}")
        booking = booking_services.create_booking(
            location=sydney, contact_id=contact.pk, service=service, cause=TEST,
            appointment_datetime=NOW + timedelta(days=3, minutes=n),
        )  # fmt: skip
        plan(booking)
    now.set(NOW + timedelta(days=3, hours=4))  # Every visit has begun.
    while sending.send_due():
        pass
    assert gateway.sent == []
    reasons = Message.objects.values_list("status", "reason").distinct()
    assert set(reasons) <= {("skipped", "visit_over"), ("expired", "too_late")}
    assert Message.objects.count() == 300


def test_b4_a_late_booking_gets_what_is_still_to_come_and_nothing_after_it_has_begun(
    sydney: Any, gateway: Any, book: Any, now: clock.Frozen
) -> None:
    offsets, names = (259200, 86400, 7200), NAMES
    next_day = book(
        make_contact(sydney, name="Anna Next", phone="+61415000001"), at=NOW + timedelta(hours=22)
    )
    one = book(make_contact(sydney, name="Anna One", phone="+61415000002"), at=NOW + timedelta(hours=1))
    for booking in (next_day, one):
        schedule_reminders([ReminderPlan(booking.pk, offsets, names, RULE)])

    def states(booking: Any) -> list[tuple[str, str]]:
        return list(Message.objects.filter(booking=booking).order_by("id").values_list("status", "reason"))

    late = ("skipped", "lead_time_passed")
    assert states(next_day) == [late, late, ("scheduled", "")]
    assert states(one) == [late, late, late]
    while now.at < NOW + timedelta(days=2):
        now.advance(timedelta(minutes=15))
        sending.send_due()
    assert [sms.to for sms in gateway.sent] == ["+61415000001"]
    assert states(next_day) == [late, late, ("sent", "")]
    only = Message.objects.get(booking=next_day, status="sent")
    assert only.sent_at is not None
    assert only.sent_at < next_day.appointment_datetime
