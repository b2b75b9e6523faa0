"""What an act on a visit is said to send, against what it sends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from bookings import previews, services
from core import clock
from core.models import Event, Work
from messaging.models import Message
from tests.automation.conftest import CAUSE, NOW
from tests.factories.bookings import make_booking, make_service
from tests.factories.contacts import make_contact

pytestmark = pytest.mark.django_db

AT = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
"""Tuesday 1 December, 11:00 in Sydney."""


def names(texts: Any) -> list[str]:
    return [text.name for text in texts]


def rows() -> tuple[int, int, int]:
    return Event.objects.count(), Work.objects.count(), Message.objects.count()


@pytest.fixture
def booked(clinic, anna, book, run_work):
    visit = book(anna, at=AT)
    run_work()
    return visit


def test_a_move_says_which_reminders_go_and_which_are_withdrawn_and_keeps_nothing(booked, anna, run_work):
    before = rows()
    new = AT + timedelta(days=1)
    foretold = previews.foretell(
        lambda: [services.reschedule_booking(booking_id=booked.pk, appointment_datetime=new, cause=CAUSE)],
        contact_ids=[anna.pk],
    ).consequences
    assert rows() == before
    booked.refresh_from_db()
    assert (booked.appointment_datetime, booked.status) == (AT, "scheduled")
    assert sorted(names(foretold.withdrawn)) == ["reminder 24hr", "reminder 2hr", "reminder 48hr"]
    assert names(foretold.going)[0] == "booking rescheduled"
    assert "Wed" in foretold.going[0].body or "2 December" in foretold.going[0].body

    services.reschedule_booking(booking_id=booked.pk, appointment_datetime=new, cause=CAUSE)
    run_work()
    came = Message.objects.filter(visit_at=new) | Message.objects.filter(template__name="booking_rescheduled")
    sent = {(m.template.name.replace("_", " "), m.body) for m in came if m.template}
    assert {(text.name, text.body) for text in foretold.going} == sent


def test_a_cancellation_shows_the_rescue_text_and_quiet_hours_of_what_follows(booked, anna):
    foretold = previews.foretell(
        lambda: [services.cancel_booking(booking_id=booked.pk, cause=CAUSE)], contact_ids=[anna.pk]
    ).consequences
    assert names(foretold.going) == ["cancellation rescue"]
    assert len(foretold.withdrawn) == 3
    assert foretold.going[0].at is None


def test_an_outcome_shows_the_text_that_waits_ten_minutes(booked, anna, now):
    now.set(AT + timedelta(hours=1))
    foretold = previews.foretell(
        lambda: [services.record_outcome(booking_id=booked.pk, outcome="attended", cause=CAUSE)],
        contact_ids=[anna.pk],
    ).consequences
    (thanks,) = [text for text in foretold.going if text.name == "thank you attended"]
    assert (thanks.later, thanks.at) == (True, clock.now() + timedelta(minutes=10))
    assert any("review" in task.lower() for task in foretold.tasks), foretold.tasks


def test_a_booking_for_somebody_new_is_foretold_with_the_contact_it_makes(clinic, bare):
    before = rows()

    def act():
        contact = make_contact(bare, name="Nina Newcomer", phone="+61412000077")
        return [make_booking(contact, at=AT, service=make_service(bare), cause=CAUSE)]

    foretold = previews.foretell(act)
    assert rows() == before
    assert names(foretold.consequences.going)[0] == "booking confirmation"
    assert len(foretold.consequences.going) == 4
    assert foretold.visits[0].contact.name == "Nina Newcomer"


def test_a_clinic_in_shadow_says_that_nothing_is_sent(booked, anna, clinic):
    clinic.automation_mode = "shadow"
    clinic.save()
    foretold = previews.foretell(
        lambda: [services.cancel_booking(booking_id=booked.pk, cause=CAUSE)], contact_ids=[anna.pk]
    ).consequences
    assert "not live" in foretold.note
    assert foretold.going == ()


def test_a_refusal_is_the_acts_own(booked):
    services.cancel_booking(booking_id=booked.pk, cause=CAUSE)
    with pytest.raises(Exception, match="cancelled"):
        previews.foretell(
            lambda: [services.reschedule_booking(booking_id=booked.pk, appointment_datetime=NOW, cause=CAUSE)]
        )
