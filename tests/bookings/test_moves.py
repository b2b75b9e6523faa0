"""Status and outcome of visits, one at a time and as sets; what the clock does."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bookings import selectors, services
from bookings.models import Booking, Status
from core.causes import Cause
from core.errors import Conflict, Invalid
from core.models import Event
from tests.bookings.conftest import NOW
from tests.factories.bookings import CAUSE, make_booking, make_practitioner
from tests.factories.contacts import make_contact

pytestmark = pytest.mark.django_db

USER = Cause.user(7)
AT = NOW + timedelta(days=3)


def told(name: str) -> list[dict[str, object]]:
    return list(Event.objects.filter(type=name).order_by("id").values_list("data", flat=True))


@pytest.mark.usefixtures("now")
def test_a_yes_counts_once(ana):
    booking = make_booking(ana)
    for _ in range(2):
        services.confirm_booking(booking_id=booking.pk, cause=USER)
    booking.refresh_from_db()
    assert (booking.status, booking.confirmed_at) == ("confirmed", NOW)
    assert told("booking_confirmed") == [{}]


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize(
    ("cause", "by"),
    [(Cause.user(1), "staff"), (Cause.rule_run(1), "rule"), (Cause.system("x"), "system")],
    ids=lambda value: getattr(value, "kind", value),
)
def test_a_cancellation_says_who_and_keeps_why_for_the_staff(ana, cause, by):
    booking = make_booking(ana)
    for _ in range(2):
        services.cancel_booking(booking_id=booking.pk, reason="on holiday", cause=cause)
    booking.refresh_from_db()
    assert (booking.status, booking.cancelled_at, booking.cancellation_reason) == (
        "cancelled", NOW, "on holiday",
    )  # fmt: skip
    assert told("booking_cancelled") == [{"reason": by}]


@pytest.mark.usefixtures("now")
def test_a_set_refuses_what_it_must_and_does_the_rest(ana, sydney):
    stands = make_booking(ana, at=AT)
    pending = make_booking(make_contact(sydney), at=AT, status=Status.PENDING)
    gone = make_booking(make_contact(sydney), at=AT)
    services.cancel_booking(booking_id=gone.pk, cause=CAUSE)
    changes = [services.StatusChange(row.pk, "confirmed") for row in (stands, pending, gone)]
    results = services.set_status(changes, cause=Cause.rule_run(3))
    assert [result.changed for result in results] == [True, False, False]
    assert "pending" in results[1].refused
    assert "cancelled" in results[2].refused
    assert services.set_status([services.StatusChange(stands.pk, "pending")])[0].refused


@pytest.mark.usefixtures("now")
def test_a_set_costs_the_same_however_long(sydney, django_assert_num_queries):
    def changes(count: int, status: str) -> list[services.StatusChange]:
        rows = [make_booking(make_contact(sydney)) for _ in range(count)]
        return [services.StatusChange(row.pk, status, cause=CAUSE) for row in rows]

    def outcomes(count: int) -> list[services.OutcomeChange]:
        rows = [make_booking(make_contact(sydney)) for _ in range(count)]
        return [services.OutcomeChange(row.pk, "attended", CAUSE) for row in rows]

    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    for act, make in (
        (services.set_status, lambda count: changes(count, "confirmed")),
        (services.set_status, lambda count: changes(count, "cancelled")),
        (services.record_outcomes, outcomes),
    ):
        few, many = make(2), make(9)
        with CaptureQueriesContext(
            connection,
        ) as first:
            act(few)
        with django_assert_num_queries(len(first)):
            act(many)


@pytest.mark.usefixtures("now")
def test_an_outcome_can_be_corrected_and_taken_back(ana):
    booking = make_booking(ana)
    for outcome in ("attended", "attended", "no_show", "none", "attended"):
        services.record_outcome(booking_id=booking.pk, outcome=outcome, cause=USER)
    assert told("booking_outcome_updated") == [
        {"old": "none", "new": "attended"},
        {"old": "attended", "new": "no_show"},
        {"old": "no_show", "new": "none"},
        {"old": "none", "new": "attended"},
    ]
    with pytest.raises(Invalid):
        services.record_outcome(booking_id=booking.pk, outcome="maybe", cause=USER)
    with pytest.raises(Conflict):
        services.cancel_booking(booking_id=booking.pk, cause=USER)


@pytest.mark.usefixtures("now")
def test_the_first_attendance_makes_a_patient_and_a_corrected_slip_undoes_that(ana):
    first, second = make_booking(ana, at=AT), make_booking(ana, at=AT + timedelta(days=30))

    def patient() -> bool:
        ana.refresh_from_db()
        return ana.is_existing_patient

    services.record_outcome(booking_id=first.pk, outcome="attended", cause=USER)
    assert patient()
    services.record_outcome(booking_id=first.pk, outcome="no_show", cause=USER)
    assert not patient()
    services.record_outcome(booking_id=first.pk, outcome="attended", cause=USER)
    services.record_outcome(booking_id=second.pk, outcome="attended", cause=USER)
    services.record_outcome(booking_id=second.pk, outcome="none", cause=USER)
    assert patient(), "the first attendance still counts"
    services.record_outcome(booking_id=second.pk, outcome="attended", cause=USER)
    services.record_outcome(booking_id=first.pk, outcome="no_show", cause=USER)
    assert patient(), "the other attendance is the first one now"
    services.record_outcome(booking_id=second.pk, outcome="no_show", cause=USER)
    assert not patient()


def test_an_outcome_that_is_taken_back_is_asked_for_again(ana, now):
    booking = make_booking(ana, at=AT)
    now.set(booking.ends_at + timedelta(hours=1))
    assert services.ask_for_outcomes() == 1
    services.record_outcome(booking_id=booking.pk, outcome="attended", cause=USER)
    assert services.ask_for_outcomes() == 0
    services.record_outcome(booking_id=booking.pk, outcome="none", cause=USER)
    assert services.ask_for_outcomes() == 1


@pytest.mark.usefixtures("now")
@pytest.mark.parametrize("status", [Status.PENDING, "cancelled"])
def test_only_a_visit_that_stands_gets_an_outcome_or_an_arrival(ana, status):
    booking = make_booking(ana, status=Status.PENDING if status == Status.PENDING else Status.SCHEDULED)
    if status == "cancelled":
        services.cancel_booking(booking_id=booking.pk, cause=USER)
    with pytest.raises(Conflict):
        services.record_outcome(booking_id=booking.pk, outcome="attended", cause=USER)
    with pytest.raises(Conflict):
        services.arrive(booking_id=booking.pk, cause=USER)


@pytest.mark.usefixtures("now")
def test_an_arrival_is_noted_once(ana):
    booking = make_booking(ana)
    for _ in range(2):
        services.arrive(booking_id=booking.pk, cause=USER)
    booking.refresh_from_db()
    assert booking.arrived_at == NOW
    assert told("booking_arrived") == [{}]


def test_an_hour_after_the_end_the_outcome_is_asked_for_once(ana, now, run_work):
    booking = make_booking(ana, at=NOW + timedelta(hours=1), ends_at=NOW + timedelta(hours=2))
    late = make_booking(ana, at=NOW + timedelta(hours=3))
    done = make_booking(make_contact(ana.location), at=NOW + timedelta(hours=1))
    services.record_outcome(booking_id=done.pk, outcome="attended", cause=USER)
    now.set(NOW + timedelta(hours=2, minutes=59))
    run_work()
    assert told("booking_outcome_missing") == []
    now.advance(timedelta(minutes=1))
    run_work()
    run_work()
    assert list(
        Event.objects.filter(type="booking_outcome_missing").values_list("booking_id", flat=True)
    ) == [booking.pk]
    now.advance(timedelta(days=1))
    run_work()
    assert Event.objects.filter(type="booking_outcome_missing", booking_id=late.pk).count() == 1
    assert len(told("booking_outcome_missing")) == 2


def test_a_pending_booking_lapses_in_silence(ana, now, run_work):
    booking = make_booking(ana, status=Status.PENDING, at=AT + timedelta(days=9))
    now.advance(timedelta(hours=47, minutes=59))
    run_work()
    assert Booking.objects.get().status == "pending"
    now.advance(timedelta(minutes=1))
    run_work()
    booking.refresh_from_db()
    assert (booking.status, booking.expires_at) == ("cancelled", None)
    # The journal of facts goes by it.
    assert booking.updated_at == now.at
    assert told("booking_cancelled") == []
    assert told("booking_expired") == [{"source": "manual"}]


def test_a_deposit_hold_lapses_after_half_an_hour(ana, now, run_work):
    booking = make_booking(ana, status=Status.PENDING, awaits_deposit=True)
    now.advance(timedelta(minutes=30))
    run_work()
    booking.refresh_from_db()
    assert booking.status == "cancelled"


def test_the_next_visit_is_the_earliest_live_one_that_is_not_over(
    ana, sydney, now, django_assert_num_queries
):
    over = make_booking(ana, at=NOW + timedelta(minutes=1))
    soon = make_booking(ana, at=NOW + timedelta(days=1))
    later = make_booking(ana, at=NOW + timedelta(days=2))
    nobody = make_contact(sydney)
    now.advance(timedelta(hours=1))
    with django_assert_num_queries(1):
        found = selectors.next_visits([ana.pk, nobody.pk], NOW + timedelta(hours=1))
    assert {key: value.pk for key, value in found.items()} == {ana.pk: soon.pk}
    with django_assert_num_queries(1):
        assert selectors.has_other_live([over.pk, soon.pk, later.pk]) == {over.pk, soon.pk, later.pk}
    services.cancel_booking(booking_id=later.pk, cause=CAUSE)
    assert selectors.has_other_live([soon.pk, later.pk]) == {later.pk}
    services.record_outcome(booking_id=soon.pk, outcome="attended", cause=CAUSE)
    assert selectors.next_visits([ana.pk], NOW) == {ana.pk: over}
    assert selectors.has_other_live([soon.pk, later.pk]) == set()


def test_who_did_not_come_left_the_time_free_and_coming_after_all_overlaps(ana, sydney, now):
    lee = make_practitioner(sydney)
    missed = make_booking(ana, practitioner=lee)
    now.set(missed.appointment_datetime + timedelta(minutes=1))
    services.record_outcome(booking_id=missed.pk, outcome="no_show", cause=CAUSE)
    taken = make_booking(make_contact(sydney), at=missed.appointment_datetime, practitioner=lee)
    services.record_outcome(booking_id=missed.pk, outcome="attended", cause=CAUSE)
    missed.refresh_from_db()
    assert (missed.outcome, missed.overlap_accepted) == ("attended", True)
    with pytest.raises(Conflict):
        make_booking(make_contact(sydney), at=taken.appointment_datetime, practitioner=lee)


def test_two_who_are_found_to_have_come_after_all_are_recorded_together(ana, sydney, now):
    lee = make_practitioner(sydney)
    first = make_booking(ana, practitioner=lee)
    now.set(first.appointment_datetime)
    services.record_outcome(booking_id=first.pk, outcome="no_show", cause=CAUSE)
    second = make_booking(make_contact(sydney), at=first.appointment_datetime, practitioner=lee)
    services.record_outcome(booking_id=second.pk, outcome="no_show", cause=CAUSE)
    both = [services.OutcomeChange(row.pk, "attended", CAUSE) for row in (first, second)]
    assert [result.changed for result in services.record_outcomes(both)] == [True, True]
