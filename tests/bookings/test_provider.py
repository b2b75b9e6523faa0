"""What a provider reports, beside what was done here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bookings import services
from bookings.models import Booking, Practitioner, Service, ServiceExternalId
from contacts.models import Contact
from core.causes import Cause
from core.models import Event
from integrations.models import ProviderAccount
from integrations.ports import BookingDelivery, Customer
from tests.bookings.conftest import NOW
from tests.factories.bookings import CAUSE, make_booking, make_practitioner, make_service
from tests.factories.contacts import make_contact
from tests.factories.integrations import make_wix_account

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]

AT = NOW + timedelta(days=3)
ANA = Customer(name="Ana Silva", phone="+61412345678", email="ana@example.com", contact_id="c-1")
CONFIRMED = BookingDelivery(
    kind="confirmed",
    form="jwt",
    booking_id="b-1",
    sequence=2,
    status="CONFIRMED",
    start=AT,
    end=AT + timedelta(minutes=30),
    service_id="s-1",
    service_name="Skin cancer check",
    staff_name="Dr Lee",
    staff_id="p-1",
    customer=ANA,
    payment_status="NOT_PAID",
)

Apply = Callable[..., Booking]


@pytest.fixture
def account(sydney: Any) -> ProviderAccount:
    return make_wix_account(sydney)


@pytest.fixture
def reported(account: ProviderAccount) -> Apply:
    """Apply a delivery like CONFIRMED with these changes."""

    def apply(**changes: Any) -> Booking:
        parsed = replace(CONFIRMED, **changes)
        cause = Cause.provider(account.pk)
        services.apply_provider_event(parsed, account=account, receipt=None, cause=cause)
        return Booking.objects.select_related("contact", "service", "practitioner").get(
            external_id=parsed.booking_id
        )

    return apply


def told(name: str) -> list[dict[str, object]]:
    return list(Event.objects.filter(type=name).order_by("id").values_list("data", flat=True))


def test_a_clash_is_stored_accepted_and_told_once(reported, ana, sydney):
    lee = make_practitioner(sydney)
    mine = make_booking(make_contact(sydney), at=AT, practitioner=lee)
    theirs = reported()
    assert theirs.overlap_accepted
    assert theirs.practitioner == lee
    assert told("booking_clash") == [{"other": str(mine.public_id)}]
    reported(kind="updated", sequence=3, payment_status="PAID")
    assert len(told("booking_clash")) == 1
    moved = reported(kind="rescheduled", sequence=4, start=AT + timedelta(days=1), end=None)
    assert not moved.overlap_accepted
    back = reported(kind="rescheduled", sequence=5, start=AT, end=None)
    assert back.overlap_accepted
    assert len(told("booking_clash")) == 2


def test_known_services_practitioners_and_contacts_are_found(reported, ana, sydney):
    service = make_service(sydney, name="Skin CANCER check", service_type="procedure", urgency_level="high")
    booking = reported()
    assert (booking.service, booking.service_type, booking.urgency_level) == (service, "procedure", "high")
    assert booking.contact == ana
    assert ServiceExternalId.objects.get().service == service
    assert (Contact.objects.count(), Service.objects.count(), Practitioner.objects.count()) == (1, 1, 1)
    assert Practitioner.objects.get().needs_review


def test_a_patients_yes_stands_until_the_time_changes(reported):
    booking = reported()
    services.confirm_booking(booking_id=booking.pk, cause=CAUSE)
    assert reported(kind="updated", sequence=3, payment_status="PAID").status == "confirmed"
    moved = reported(kind="rescheduled", sequence=4, start=AT + timedelta(days=1), payment_status="")
    assert (moved.status, moved.confirmed_at) == ("rescheduled", None)
    assert moved.payment_status == "paid"


def test_an_outcome_keeps_status_and_time(reported):
    booking = reported()
    services.record_outcome(booking_id=booking.pk, outcome="attended", cause=CAUSE)
    after = reported(kind="canceled", sequence=9, status="CANCELED", start=AT + timedelta(days=1))
    assert (after.status, after.outcome, after.appointment_datetime) == ("scheduled", "attended", AT)
    assert told("booking_cancelled") == []


def test_what_staff_cancelled_comes_back_only_when_the_provider_says_so_anew(reported):
    booking = reported()
    services.cancel_booking(booking_id=booking.pk, cause=CAUSE)
    assert reported(kind="updated", sequence=3).status == "cancelled"
    again = reported(kind="confirmed", sequence=4)
    assert again.status in ("scheduled", "rescheduled")
    assert again.cancelled_at is None


def test_a_pending_booking_waits_two_days_for_its_confirmation(reported):
    pending = reported(kind="created", sequence=1, status="PENDING")
    assert (pending.status, pending.expires_at, pending.became_live_at) == (
        "pending", NOW + timedelta(hours=48), None,
    )  # fmt: skip
    assert told("booking_created") == []
    stands = reported()
    assert (stands.status, stands.expires_at, stands.became_live_at) == ("scheduled", None, NOW)
    assert told("booking_created") == [{"source": "wix"}]


def test_changed_details_are_told_by_name(reported):
    reported()
    reported(kind="updated", sequence=3, payment_status="PAID", end=AT + timedelta(hours=1))
    assert told("booking_updated") == [{"fields": ["payment_status"]}, {"fields": ["ends_at"]}]
    assert told("booking_rescheduled") == []


def test_a_person_of_whom_more_is_learned_stays_one_contact(reported):
    first = reported(customer=Customer(contact_id="c-1"))
    assert (first.contact.name, first.contact.phone) == ("", "")
    second = reported(kind="updated", sequence=3)
    assert second.contact == first.contact
    assert (second.contact.name, second.contact.phone) == ("Ana Silva", "+61412345678")
    assert Contact.objects.count() == 1


def test_a_booking_moves_from_a_nobody_to_the_person_it_turns_out_to_be_for(reported, ana):
    nobody = reported(customer=Customer()).contact
    assert nobody != ana
    booking = reported(kind="updated", sequence=3)
    assert booking.contact == ana
    assert told("booking_updated") == [{"fields": ["contact_id"]}]


def test_two_people_of_one_phone_are_a_household(reported):
    mother = reported().contact
    child = reported(
        booking_id="b-2",
        start=AT + timedelta(hours=1),
        end=None,
        customer=Customer(name="Max Silva", phone="+61412345678", contact_id="c-2"),
    ).contact
    assert child.guardian == mother
    assert child.phone == ""


def test_a_phone_nobody_can_read_does_not_stop_a_visit(reported):
    booking = reported(customer=Customer(name="Bo", phone="call my wife", email="not an e-mail"))
    assert booking.contact.name == "Bo"
    assert booking.status == "scheduled"


def test_a_visit_of_which_nothing_is_known_but_its_time_is_stored(reported):
    booking = reported(
        service_id="", service_name="", staff_id="", staff_name="", end=None, customer=Customer()
    )
    assert (booking.service.name, booking.service.needs_review) == ("Unnamed service", True)
    assert booking.practitioner is None
    assert booking.ends_at == AT + timedelta(minutes=30)


def test_times_the_wrong_way_round_are_mended(reported):
    assert reported(end=AT - timedelta(hours=1)).ends_at == AT + timedelta(minutes=30)


def test_payment_words_become_ours(reported):
    words = ["PAID", "PARTIALLY_PAID", "REFUNDED", "FAILED", "EXEMPT", "UNDEFINED", "something new"]
    seen = [
        reported(kind="updated", sequence=number + 3, payment_status=word).payment_status
        for number, word in enumerate(words)
    ]
    assert seen == ["paid", "pending", "refunded", "unpaid", "paid", "paid", "paid"]
