"""One visit in the calendar: moved, cancelled, with an outcome, and each of these taken back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bookings.models import Booking
from core.models import Event
from tests.bookings.diary import AT, LIVE, PAGE, address, feed, undo, visits
from tests.factories.bookings import make_booking, make_practitioner, make_room
from tests.factories.contacts import make_contact

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]


def test_a_move_to_another_practitioner_and_time_is_one_step(pages, sydney, ana):
    lee, kim, room = make_practitioner(sydney), make_practitioner(sydney, name="Dr Kim"), make_room(sydney)
    visit = make_booking(ana, at=AT, practitioner=lee)
    make_booking(make_contact(sydney, name="Ben"), at=AT + timedelta(hours=1), practitioner=lee)
    wish = {
        "date": "2026-12-01",
        "time": "12:00",
        "minutes": 45,
        "practitioner": kim.public_id,
        "room": room.public_id,
    }
    shown = pages("staff").get(
        address("move", visit), {"at": "2026-12-01T12:00", "practitioner": str(kim.public_id)}, **LIVE
    )
    assert "taken" not in shown.content.decode()
    visit.refresh_from_db()
    assert visit.appointment_datetime == AT
    pages("staff").post(address("move", visit), {**wish, "do": "move"})
    visit.refresh_from_db()
    assert (visit.appointment_datetime, visit.duration) == (AT + timedelta(hours=1), timedelta(minutes=45))
    assert (visit.practitioner, visit.room, visit.status) == (kim, room, "rescheduled")


def test_an_address_alone_moves_nothing(pages, ana):
    visit = make_booking(ana, at=AT)
    shown = pages("staff").get(address("move", visit), {"at": "2026-12-01T12:00", "do": "move"})
    visit.refresh_from_db()
    assert (shown.status_code, visit.appointment_datetime) == (200, AT)


def test_a_refused_move_keeps_what_was_typed(pages, ana):
    visit = make_booking(ana, at=AT)
    past = {
        "date": "2026-11-20",
        "time": "12:00",
        "minutes": 30,
        "practitioner": "",
        "room": "",
        "do": "move",
    }
    refused = pages("staff").post(address("move", visit), past, **LIVE)
    assert refused.status_code == 422
    assert "This time has passed." in refused.content.decode()
    assert 'value="2026-11-20"' in refused.content.decode()


def test_a_visit_of_wix_says_what_must_be_changed_there(pages, ana):
    visit = make_booking(ana, at=AT, source="wix")
    client = pages("staff")
    assert "belong to Wix" in client.get(address("visit", visit)).content.decode()
    assert "not Wix" in client.get(address("move", visit)).content.decode()
    assert "not Wix" in client.get(address("cancel", visit)).content.decode()


def test_cancelling_keeps_the_reason_and_goes_back_to_where_one_was(pages, ana):
    visit = make_booking(ana, at=AT)
    here = f"{PAGE}?view=list&date=2026-12-01"
    answer = pages("staff").post(address("cancel", visit), {"reason": "Moved away", "next": here})
    visit.refresh_from_db()
    assert (visit.status, visit.cancellation_reason) == ("cancelled", "Moved away")
    assert answer["Location"] == here
    assert (
        pages("staff")
        .post(address("cancel", visit), {"next": "https://evil.example/"})["Location"]
        .startswith(PAGE)
    )


def test_an_outcome_of_a_visit_that_has_not_begun_is_asked_about_first(pages, ana):
    visit = make_booking(ana, at=AT)
    client = pages("staff")
    asked = client.post(address("act", visit, "attended"), **LIVE)
    visit.refresh_from_db()
    assert visit.outcome == "none"
    assert "begins only on Tuesday 1 December, 11:00" in asked.content.decode()
    client.post(address("act", visit, "attended"), {"sure": "1"})
    visit.refresh_from_db()
    assert visit.outcome == "attended"


def test_who_may_only_look_gets_no_acts_and_is_refused(pages, ana, check):
    visit = make_booking(ana, at=AT)
    client = pages("readonly")
    shown = client.get(f"{PAGE}?date=2026-12-01&view=list").content.decode()
    assert "Ana Silva" in shown
    assert "Book a visit" not in shown
    assert "Did not attend</button>" not in shown
    (event,) = visits(feed(client))
    assert (event["startEditable"], event["extendedProps"]["move"]) == (False, "")
    assert client.get(f"{PAGE}new/").status_code == 403
    assert client.post(address("cancel", visit)).status_code == 403
    assert client.post(address("act", visit, "arrived")).status_code == 403


def test_a_cancelled_visit_comes_back_at_its_time_and_the_patient_hears_of_it(pages, ana):
    visit = make_booking(ana, at=AT)
    client = pages("staff")
    client.post(address("cancel", visit), {"reason": "Misheard"})
    assert undo(client).state == "undone"
    visit.refresh_from_db()
    assert (visit.status, visit.cancellation_reason, visit.cancelled_at) == ("rescheduled", "", None)
    assert Event.objects.filter(type="booking_rescheduled", booking_id=visit.pk).count() == 1


def test_a_cancelled_visit_does_not_come_back_over_one_that_took_its_time(pages, sydney, ana):
    lee = make_practitioner(sydney)
    visit = make_booking(ana, at=AT, practitioner=lee)
    client = pages("staff")
    client.post(address("cancel", visit))
    make_booking(make_contact(sydney, name="Ben"), at=AT, practitioner=lee)
    assert undo(client).undone == 0
    visit.refresh_from_db()
    assert visit.status == "cancelled"


def test_a_move_an_arrival_and_an_outcome_are_taken_back(pages, sydney, ana, now):
    lee = make_practitioner(sydney)
    visit = make_booking(ana, at=AT, practitioner=lee)
    client = pages("staff")
    wish = {
        "date": "2026-12-01",
        "time": "12:00",
        "minutes": 30,
        "practitioner": "",
        "room": "",
        "do": "move",
    }
    client.post(address("move", visit), wish)
    undo(client)
    visit.refresh_from_db()
    assert (visit.appointment_datetime, visit.practitioner) == (AT, lee)
    now.set(AT)
    client.post(address("act", visit, "arrived"))
    undo(client)
    client.post(address("act", visit, "attended"))
    assert Booking.objects.get().outcome == "attended"
    undo(client)
    visit.refresh_from_db()
    assert (visit.arrived_at, visit.outcome) == (None, "none")
