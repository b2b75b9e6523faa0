"""Visits booked and changed by staff."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from bookings import services
from bookings.models import Booking, Source, Status
from core.causes import Cause
from core.errors import Conflict, Invalid, NotFound
from core.models import Event
from tests.bookings.conftest import NOW
from tests.factories.bookings import CAUSE, make_booking, make_practitioner, make_room, make_service
from tests.factories.contacts import make_contact

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]

USER = Cause.user(7)
AT = NOW + timedelta(days=3)


def told(booking: Booking) -> list[tuple[str, dict[str, object]]]:
    rows = Event.objects.filter(booking_id=booking.pk).order_by("id")
    return list(rows.values_list("type", "data"))


def test_a_phone_booking_stands_at_once_and_ends_after_the_service(ana, sydney):
    service = make_service(sydney, name="Mole", duration_minutes=45, urgency_level="high", price_cents=500)
    booking = make_booking(ana, at=AT, service=service, cause=USER)
    assert booking.ends_at == AT + timedelta(minutes=45)
    assert (booking.status, booking.urgency_level, booking.price_cents) == ("scheduled", "high", 500)
    assert told(booking) == [("booking_created", {"source": "manual"})]
    event = Event.objects.get(booking_id=booking.pk)
    assert (event.source, event.cause_kind, event.contact_id) == ("user", "user", ana.pk)


def test_both_touches_are_copied_once(ana):
    booking = make_booking(ana)
    assert booking.first_touch_attribution["source"] == "referral"
    ana.refresh_from_db()
    ana.last_touch = {"source": "google_ads"}
    ana.save(cause=CAUSE)
    services.confirm_booking(booking_id=booking.pk, cause=CAUSE)
    booking.refresh_from_db()
    assert booking.last_touch_attribution["source"] == "referral"


def test_a_pending_booking_triggers_nothing_until_it_stands(ana):
    booking = make_booking(ana, status=Status.PENDING)
    assert told(booking) == []
    assert booking.expires_at == NOW + timedelta(hours=48)
    result = services.set_status([services.StatusChange(booking.pk, "scheduled", cause=CAUSE)])[0]
    assert result.changed
    booking.refresh_from_db()
    assert (booking.expires_at, booking.became_live_at) == (None, NOW)
    assert [name for name, _ in told(booking)] == ["booking_created"]


@pytest.mark.parametrize("place", ["practitioner", "room"])
def test_what_is_taken_is_refused_with_a_conflict(ana, sydney, place):
    make = {"practitioner": make_practitioner, "room": make_room}[place]
    taken = {place: make(sydney)}
    first = make_booking(ana, at=AT, **taken)
    other = make_contact(sydney)
    for minutes in (-29, 0, 29):
        with pytest.raises(Conflict) as refused:
            make_booking(other, at=AT + timedelta(minutes=minutes), **taken)
        assert (refused.value.code, list(refused.value.fields)) == ("overlap", [place])
    after = make_booking(other, at=first.ends_at, **taken)
    before = make_booking(other, at=AT - timedelta(minutes=30), **taken)
    assert Booking.objects.count() == 3
    services.cancel_booking(booking_id=first.pk, cause=CAUSE)
    services.reschedule_booking(booking_id=after.pk, appointment_datetime=AT, cause=CAUSE)
    with pytest.raises(Conflict):
        services.reschedule_booking(booking_id=before.pk, appointment_datetime=AT, cause=CAUSE)


def test_bookings_without_practitioner_never_collide(ana, sydney):
    make_booking(ana, at=AT)
    make_booking(make_contact(sydney), at=AT)
    assert Booking.objects.count() == 2


def test_the_database_itself_refuses_what_must_never_be(ana, sydney):
    lee = make_practitioner(sydney)
    first = make_booking(ana, at=AT, practitioner=lee)
    second = make_booking(make_contact(sydney), at=AT + timedelta(days=1), practitioner=lee)
    illegal = [
        {"ends_at": second.appointment_datetime},
        {"status": "done"},
        {"outcome": "maybe"},
        {"expires_at": NOW},
        {"appointment_datetime": first.appointment_datetime, "ends_at": first.ends_at},
    ]
    for values in illegal:
        with pytest.raises(IntegrityError), transaction.atomic():
            Booking.objects.filter(pk=second.pk).update(**values)
    Booking.objects.filter(pk=first.pk).update(source=Source.WIX, external_id="b-1")
    with pytest.raises(IntegrityError), transaction.atomic():
        Booking.objects.filter(pk=second.pk).update(source=Source.WIX, external_id="b-1")


def test_a_form_sent_twice_books_once(ana, check):
    make_booking(ana, at=AT, service=check)
    with pytest.raises(Conflict) as refused:
        make_booking(ana, at=AT, service=check)
    assert refused.value.code == "already_booked"


def test_rows_of_another_clinic_do_not_fit(ana, melbourne, sydney):
    with pytest.raises(Invalid):
        make_booking(ana, service=make_service(melbourne, name="Other"))
    with pytest.raises(Invalid):
        make_booking(ana, practitioner=make_practitioner(melbourne))
    with pytest.raises(Invalid):
        services.create_booking(
            location=melbourne,
            contact_id=ana.pk,
            service=make_service(melbourne),
            appointment_datetime=AT,
            cause=CAUSE,
        )
    with pytest.raises(Invalid):
        make_booking(ana, at=AT, ends_at=AT)
    with pytest.raises(NotFound):
        services.confirm_booking(booking_id=0, cause=CAUSE)


def test_a_moved_visit_is_rescheduled_keeps_its_length_and_loses_the_yes(ana):
    booking = make_booking(ana, at=AT, ends_at=AT + timedelta(minutes=50))
    services.confirm_booking(booking_id=booking.pk, cause=CAUSE)
    later = AT + timedelta(days=1)
    moved = services.reschedule_booking(booking_id=booking.pk, appointment_datetime=later, cause=USER)
    moved.refresh_from_db()
    assert (moved.status, moved.confirmed_at) == ("rescheduled", None)
    assert moved.ends_at == later + timedelta(minutes=50)
    assert told(booking)[-1] == (
        "booking_rescheduled",
        {"old": AT.isoformat(), "new": later.isoformat()},
    )
    services.reschedule_booking(booking_id=booking.pk, appointment_datetime=later, cause=USER)
    assert len(told(booking)) == 3, "the same time is a no-op"


def test_a_pending_visit_moves_without_a_word_to_the_rules(ana):
    booking = make_booking(ana, at=AT, status=Status.PENDING)
    services.reschedule_booking(
        booking_id=booking.pk, appointment_datetime=AT + timedelta(hours=1), cause=CAUSE
    )
    assert told(booking) == [("booking_updated", {"fields": ["appointment_datetime", "ends_at"]})]


def test_moves_that_make_no_sense_are_refused(ana):
    booking = make_booking(ana, at=AT)
    with pytest.raises(Invalid):
        services.reschedule_booking(
            booking_id=booking.pk, appointment_datetime=NOW - timedelta(days=1), cause=CAUSE
        )
    services.cancel_booking(booking_id=booking.pk, cause=CAUSE)
    with pytest.raises(Conflict):
        services.reschedule_booking(
            booking_id=booking.pk, appointment_datetime=AT + timedelta(days=1), cause=CAUSE
        )
    with pytest.raises(Conflict):
        services.confirm_booking(booking_id=booking.pk, cause=CAUSE)


def test_changed_details_are_told_by_name_only(ana, sydney):
    booking = make_booking(ana, at=AT)
    urgent = make_service(sydney, name="Procedure", service_type="procedure", urgency_level="high")
    services.update_booking(
        booking_id=booking.pk,
        fields={"service": urgent, "notes": "asked about scars", "payment_status": "paid"},
        cause=USER,
    )
    assert told(booking)[-1] == (
        "booking_updated",
        {"fields": ["payment_status", "service_id", "service_type", "urgency_level"]},
    )
    services.update_booking(booking_id=booking.pk, fields={"ends_at": AT + timedelta(hours=1)}, cause=USER)
    assert told(booking)[-1] == ("booking_updated", {"fields": ["ends_at"]})
    with pytest.raises(Invalid):
        services.update_booking(booking_id=booking.pk, fields={"status": "confirmed"}, cause=USER)
    with pytest.raises(Invalid):
        services.update_booking(booking_id=booking.pk, fields={"payment_status": "maybe"}, cause=USER)
    with pytest.raises(Invalid):
        services.update_booking(booking_id=booking.pk, fields={"service": None}, cause=USER)


def test_notes_and_reasons_are_encrypted_in_the_row(ana):
    from django.db import connection

    booking = make_booking(ana, notes="asked about scars")
    services.cancel_booking(booking_id=booking.pk, reason="moved away", cause=USER)
    with connection.cursor() as cursor:
        cursor.execute("SELECT notes, cancellation_reason FROM bookings_booking")
        assert not {"asked about scars", "moved away"} & set(cursor.fetchone())
    booking.refresh_from_db()
    assert (booking.notes, booking.cancellation_reason) == ("asked about scars", "moved away")
