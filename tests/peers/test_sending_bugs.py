"""B1 to B5, B11, B14 and B16: texts sent twice, too late, to the wrong people, or not at all."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from bookings.models import Booking
from contacts.models import Contact
from core import jobs
from integrations.ports import SendOutcome
from messaging import sending
from messaging.models import Message
from tasks.models import Task
from tests.accounts.test_admin import change, typed
from tests.peers.conftest import Phone
from tests.rules.conftest import NIGHT, NOW, Clinic
from tests.webhooks.wix_builder import WixBooking

VISIT = NOW + timedelta(days=5, hours=2)
"""Saturday, 14:00 in Sydney."""


def slow(value: Any) -> Any:
    """One more way of the same, for the slow tier."""
    return pytest.param(value, marks=pytest.mark.slow)


class Died(BaseException):
    """The worker is gone, as after `kill -9`."""


def live_through(clinic: Clinic, visit: datetime) -> None:
    """Let every moment come at which something of the visit may be due, by the hour and by the wall."""
    for hours in (49, 48, 47, 25, 24, 23, 2, 0, -24):
        clinic.jump(max(visit - timedelta(hours=hours), clinic.now))


def reminders(contact: Contact) -> list[Message]:
    rows = Message.objects.filter(contact=contact, category="reminder").exclude(status="skipped")
    return list(rows.order_by("send_at"))


def test_b01_exactly_once(clinic: Clinic, phone: Phone, monkeypatch: pytest.MonkeyPatch) -> None:
    """Others send a reminder again when the worker dies between the provider's yes and their own commit, when a job
    is delivered twice, or when two schedulers run.
    """
    anna = clinic.contact()
    clinic.wix(
        "created", WixBooking(start=VISIT, phone=anna.phone, first_name="Anna", last_name="Smith"), work=False
    )
    point = sending.crashpoint

    def die(name: str) -> None:
        point(name)
        if name == "messaging.after_call":
            raise Died

    monkeypatch.setattr(sending, "crashpoint", die)
    with pytest.raises(Died):
        clinic.run_work()
    monkeypatch.setattr(sending, "crashpoint", point)
    for _ in range(10):
        clinic.time.advance(timedelta(seconds=100))
        for job in (jobs.drain, jobs.drain, jobs.tick_10s, jobs.tick_10s, jobs.tick_1min, jobs.tick_1min):
            job()
    live_through(clinic, VISIT)
    sent = clinic.sent(anna)
    assert sent.count("booking_confirmation") == 1
    assert [sent.count(name) for name in ("reminder_48hr", "reminder_24hr", "reminder_2hr")] == [1, 1, 1]
    assert phone.most() == 1
    words = phone.texts(anna.phone)
    assert len(words) == len(set(words)) == 4


def test_b02_the_marker_is_its_own_row(clinic: Clinic, phone: Phone) -> None:
    """Others mark "reminded" on the appointment itself and overwrite its status, or mark a whole series at once."""
    anna = clinic.contact()
    first, second = clinic.book(anna, at=VISIT), clinic.book(anna, at=VISIT + timedelta(days=7))
    before = {row.pk: (row.status, row.outcome, row.updated_at) for row in Booking.objects.all()}
    clinic.jump(VISIT - timedelta(hours=24))
    after = {row.pk: (row.status, row.outcome, row.updated_at) for row in Booking.objects.all()}
    assert before == after
    assert {m.status for m in reminders(anna) if m.booking_id == first.pk} >= {"sent"}
    assert {m.status for m in reminders(anna) if m.booking_id == second.pk} == {"scheduled"}


def cancel_at_wix(clinic: Clinic, visit: WixBooking, booking: Booking) -> None:
    clinic.wix("canceled", visit, sequence=5, status="CANCELED")


def cancel_by_api(clinic: Clinic, visit: WixBooking, booking: Booking) -> None:
    clinic.cancel(booking)


def cancel_in_admin(clinic: Clinic, visit: WixBooking, booking: Booking) -> None:
    desk = Client()
    desk.force_login(clinic.staff)
    address = reverse("admin:bookings_booking_cancel", args=(booking.public_id,))
    assert desk.post(address, {"_form_submitted": "on", "reason": "ill"}, follow=True).status_code == 200
    clinic.run_work()


@pytest.mark.parametrize("cancel", [cancel_at_wix, slow(cancel_by_api), slow(cancel_in_admin)])
def test_b03_cancel_wins_on_every_path(clinic: Clinic, phone: Phone, cancel: Any) -> None:
    """Others go on reminding people of cancelled visits, because only some of the ways to cancel take the texts
    back, or because those wait in somebody else's queue.
    """
    anna = clinic.contact()
    visit = WixBooking(start=VISIT, phone=anna.phone, first_name="Anna", last_name="Smith")
    booking = clinic.wix("created", visit)
    assert booking is not None
    assert len(reminders(anna)) == 3
    cancel(clinic, visit, booking)
    assert clinic.fresh(booking).status == "cancelled"
    live_through(clinic, VISIT)
    assert not [m for m in clinic.messages(anna) if m.category == "reminder" and m.sent_at]


def test_b03_cancelled_after_the_claim_is_not_sent(clinic: Clinic, phone: Phone, monkeypatch: Any) -> None:
    """Others look at the visit when they queue a text and not when they send it."""
    anna = clinic.contact()
    booking = clinic.book(anna, at=VISIT)
    point = sending.crashpoint

    def cancel_meanwhile(name: str) -> None:
        point(name)
        if name == "messaging.claimed" and clinic.fresh(booking).status != "cancelled":
            address = f"/api/bookings/{booking.public_id}/cancel"
            assert clinic.client.post(address, {"reason": ""}, format="json").status_code == 200

    clinic.time.set(VISIT - timedelta(hours=48))
    monkeypatch.setattr(sending, "crashpoint", cancel_meanwhile)
    clinic.run_work()
    assert clinic.fresh(booking).status == "cancelled"
    assert not phone.texts(about="reminder")
    assert not [m for m in clinic.messages(anna) if m.category == "reminder" and m.sent_at]


@pytest.mark.parametrize("path", ["api", slow("wix"), slow("admin")])
def test_b03_after_a_move_only_the_new_time_is_spoken_of(clinic: Clinic, phone: Phone, path: str) -> None:
    """Others remind of the old time, or of both, after a visit was moved."""
    anna = clinic.contact()
    visit = WixBooking(start=VISIT, phone=anna.phone, first_name="Anna", last_name="Smith")
    booking = clinic.wix("created", visit)
    assert booking is not None
    moved = VISIT + timedelta(days=1, hours=1)
    if path == "wix":
        clinic.wix("rescheduled", replace(visit, start=moved), sequence=5, status="CONFIRMED")
    elif path == "api":
        clinic.api("post", f"bookings/{booking.public_id}/reschedule", appointment_datetime=moved.isoformat())
    else:
        desk = Client()
        desk.force_login(clinic.staff)
        address = reverse("admin:bookings_booking_reschedule", args=(booking.public_id,))
        local = clinic.location.local(moved)
        form = {"appointment_datetime_0": f"{local:%Y-%m-%d}", "appointment_datetime_1": f"{local:%H:%M}:00"}
        desk.post(address, {"_form_submitted": "on", **form}, follow=True)
        clinic.run_work()
    assert clinic.fresh(booking).appointment_datetime == moved
    phone.journal.clear()
    live_through(clinic, moved)
    assert len([m for m in clinic.messages(anna) if m.category == "reminder" and m.sent_at]) == 3
    assert not phone.texts(about="2:00 pm")
    assert len(phone.texts(about="3:00 pm")) >= 2


def test_b04_late_bookings_and_past_visits(clinic: Clinic, phone: Phone) -> None:
    """Others send a reminder whose lead has passed at once, forget the later one too, or remind after the visit."""
    anna = clinic.contact()
    visit = NOW + timedelta(hours=22)
    clinic.book(anna, at=visit)
    planned = {
        m.template.name: (m.status, m.reason) for m in clinic.messages(anna) if m.category == "reminder"
    }
    assert planned["reminder_48hr"] == planned["reminder_24hr"] == ("skipped", "lead_time_passed")
    live_through(clinic, visit)
    rows = [m for m in clinic.messages(anna) if m.category == "reminder" and m.sent_at]
    assert [m.template.name for m in rows] == ["reminder_2hr"]
    assert all(m.sent_at < visit for m in rows)


def test_b04_nothing_is_sent_once_the_visit_has_begun(clinic: Clinic, phone: Phone) -> None:
    """Others catch up after an outage and remind people of a visit that is over."""
    anna = clinic.contact()
    clinic.book(anna, at=VISIT)
    phone.journal.clear()
    clinic.time.set(VISIT + timedelta(minutes=1))
    clinic.run_work()
    assert phone.texts(anna.phone) == []
    states = [(m.status, m.reason) for m in clinic.messages(anna) if m.category == "reminder"]
    assert states == [("skipped", "visit_over")] * 3


@pytest.mark.parametrize(
    "day", [datetime(2026, 10, 3, 23, 0, tzinfo=UTC), datetime(2027, 4, 4, 0, 0, tzinfo=UTC)],
    ids=["one hour less", "one hour more"],
)  # fmt: skip
@pytest.mark.parametrize("zone", ["UTC", slow("America/Los_Angeles")])
def test_b05_local_time_across_a_change_of_the_clock(
    clinic: Clinic, phone: Phone, day: datetime, zone: str
) -> None:
    """Others send by the server's zone, print UTC into the text, or are an hour off on the day the clocks change."""
    assert clinic.location.local(day).hour == 10
    clinic.jump(day - timedelta(days=5))
    anna = clinic.contact()
    with timezone.override(zone):
        clinic.book(anna, at=day)
        live_through(clinic, day)
    sent = {m.template.name: m for m in clinic.messages(anna) if m.category == "reminder" and m.sent_at}
    assert set(sent) == {"reminder_48hr", "reminder_24hr", "reminder_2hr"}
    assert {
        clinic.location.local(sent[name].sent_at).hour for name in ("reminder_48hr", "reminder_24hr")
    } == {10}
    assert all("10:00 am" in m.body for m in sent.values())


def test_b11_stop_at_the_moment_of_sending(clinic: Clinic, phone: Phone) -> None:
    """Others check consent when they queue: who opts out later is still written to, or the refused texts are tried
    for ever and raise alarms.
    """
    anna = clinic.contact()
    clinic.book(anna, at=VISIT)
    clinic.text(anna, "STOP")
    phone.journal.clear()
    live_through(clinic, VISIT)
    assert phone.texts(anna.phone) == []
    assert {(m.status, m.reason) for m in reminders(anna)} == {("suppressed", "opted_out")}
    assert {m.attempts for m in reminders(anna)} == {0}
    assert not Task.objects.filter(contact=anna, type="delivery_problem").exists()


def test_b14_a_backlog_drained_at_night_waits_until_morning(clinic: Clinic, phone: Phone) -> None:
    """Others drain what an outage held up late in the evening, and people are woken."""
    anna, ben = clinic.contact(), clinic.contact("Ben Lee")
    clinic.book(anna, at=NIGHT + timedelta(days=2))
    clinic.book(ben, at=NOW + timedelta(hours=7))
    phone.journal.clear()
    tomorrow = clinic.now + timedelta(days=1, hours=9, minutes=30)
    clinic.time.set(tomorrow)
    assert clinic.location.local(tomorrow).hour == 21
    clinic.run_work()
    assert phone.journal == []
    clinic.wait(hours=14)
    late = [clinic.location.local(m.sent_at) for m in Message.objects.filter(sent_at__gt=tomorrow)]
    assert late
    assert all(8 <= at.hour < 20 for at in late)
    assert phone.texts(ben.phone) == []


@pytest.mark.slow
def test_b14_the_provider_is_told_how_long_a_text_has_a_meaning(clinic: Clinic, phone: Phone) -> None:
    """Others let the carrier hold a reminder until after the visit."""
    anna = clinic.contact()
    clinic.book(anna, at=VISIT)
    live_through(clinic, VISIT)
    told = [sms.expires_at for sms in phone.journal if "2:00 pm" in sms.body]
    assert len(told) == 4
    assert all(at is not None and at <= VISIT for at in told)


def test_b14_quiet_hours_that_cannot_be_are_refused_once(clinic: Clinic) -> None:
    """Others store a window that cannot be read and fail at every send from then on."""
    desk = Client()
    desk.force_login(clinic.staff)
    address = change(clinic.location)

    def save(start: str) -> Any:
        return desk.post(address, typed(desk.get(address), quiet_hours_start=start))

    refused = save("25:99")
    assert list(refused.context["adminform"].form.errors) == ["quiet_hours_start"]
    assert clinic.fresh(clinic.location).quiet_hours_start == time(20)
    assert save("21:30").status_code == 302
    assert clinic.fresh(clinic.location).quiet_hours_start == time(21, 30)


def test_b16_one_bad_row_is_one_bad_row(clinic: Clinic, phone: Phone) -> None:
    """Others lose or repeat a whole batch because of one recipient in it."""
    there = [clinic.lead(f"Lee {number}", source="referral") for number in range(6)]
    bad = there[3].phone
    phone.journal.clear()
    phone.answer = lambda sms: SendOutcome("retry", error_code="busy") if sms.to == bad else None
    for one in there:
        clinic.api("post", "sms/send", contact_id=str(one.public_id), message=f"Hello {one.name}")
    for _ in range(8):
        clinic.time.advance(timedelta(hours=1))
        clinic.run_work()
    rows = Message.objects.filter(wording__startswith="Hello")
    assert rows.filter(status="sent").count() == 5
    assert (rows.get(contact=there[3]).status, rows.get(contact=there[3]).attempts) == ("parked", 5)
    assert phone.most() == 1
