"""Visits at the desk."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse

from bookings import services
from bookings.models import Booking, Service
from core.models import Event
from tests.bookings.conftest import NOW
from tests.factories.bookings import CAUSE, make_booking, make_practitioner, make_service
from tests.factories.contacts import make_contact

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]

LIST = "/admin/bookings/booking/"
AT = datetime(2026, 12, 1, 4, 0, tzinfo=UTC)
"""Tuesday 1 December, 15:00 in Sydney."""


def page(booking: Booking) -> str:
    return reverse("admin:bookings_booking_change", args=(booking.public_id,))


def press(client: Any, booking: Booking, name: str, **data: str) -> Any:
    address = reverse(f"admin:bookings_booking_{name}", args=(booking.public_id,))
    return client.post(address, {"_form_submitted": "on", **data}, follow=True)


def typed(**more: Any) -> dict[str, Any]:
    return {"appointment_datetime_0": "2026-12-01", "appointment_datetime_1": "15:00:00", **more}


def test_the_diary_shows_clinic_time_and_costs_the_same_however_long(
    pages, ana, sydney, django_assert_num_queries
):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    make_booking(ana, at=AT)
    client = pages("staff")
    client.get(LIST)
    with CaptureQueriesContext(connection) as one:
        shown = client.get(LIST).content.decode()
    assert "Tue 01 Dec 2026, 15:00" in shown
    assert "Ana Silva" in shown
    for number in range(4):
        make_booking(make_contact(sydney, name=f"Person {number}"), at=AT + timedelta(hours=number + 1))
    with django_assert_num_queries(len(one)):
        client.get(LIST)


def test_every_row_of_the_diary_has_its_own_box_link_label_and_menu(pages, sydney):
    first, second = (
        make_booking(make_contact(sydney, name=name), at=AT + timedelta(days=day))
        for day, name in enumerate(("<b>Ana</b>", "Bo"))
    )
    services.record_outcome(booking_id=first.pk, outcome="no_show", cause=CAUSE)
    shown = pages("staff").get(f"{LIST}?status__exact=scheduled").content.decode()
    rows = re.findall(r'<tr class="data-row.*?</tr>', shown, re.DOTALL)
    assert len(rows) == 2
    for row, booking, outcome in zip(rows, (second, first), ("—", "Did not attend"), strict=True):
        assert re.search(rf'name="_selected_action" value="{booking.pk}"', row)
        assert f"{page(booking)}?_changelist_filters=status__exact%3Dscheduled" in row
        assert reverse("admin:bookings_booking_confirm", args=(booking.public_id,)) in row
        assert outcome in row
        assert "__key__" not in row
    assert "&lt;b&gt;Ana" in rows[1]
    assert "<b>Ana" not in shown


def test_the_diary_is_sorted_by_time_alone_whatever_an_address_says(pages, ana, sydney):
    procedure = make_service(sydney, name="A procedure", service_type="procedure")
    early, late = make_booking(ana, at=AT), make_booking(ana, at=AT + timedelta(days=1), service=procedure)

    def order(query: str) -> list[Booking]:
        return list(pages("staff").get(f"{LIST}{query}").context["cl"].result_list)

    assert order("") == order("?o=3") == order("?o=-3") == order("?o=99") == order("?o=-1") == [late, early]
    assert order("?o=1") == [early, late]


def test_a_visit_is_booked_at_the_time_on_the_clinics_wall(pages, ana, sydney, check):
    lee = make_practitioner(sydney)
    client = pages("staff")
    assert client.get(f"{LIST}add/").status_code == 200
    form = typed(location=sydney.pk, contact=ana.pk, service=check.pk, practitioner=lee.pk, notes="by phone")
    answer = client.post(f"{LIST}add/", form, follow=True)
    booking = Booking.objects.get()
    assert answer.status_code == 200
    assert (booking.appointment_datetime, booking.ends_at) == (AT, AT + timedelta(minutes=30))
    assert (booking.source, booking.notes) == ("manual", "by phone")
    assert Event.objects.get(type="booking_created").cause_kind == "user"
    taken = typed(location=sydney.pk, contact=make_contact(sydney).pk, service=check.pk, practitioner=lee.pk)
    refused = client.post(f"{LIST}add/", taken)
    assert refused.status_code == 200
    assert "This practitioner has another visit at that time" in refused.content.decode()
    assert Booking.objects.count() == 1


def test_details_are_changed_in_the_form_and_state_is_not(pages, ana, sydney):
    booking = make_booking(ana, at=AT)
    other = make_service(sydney, name="Procedure", service_type="procedure", urgency_level="high")
    client = pages("staff")
    shown = client.get(page(booking)).content.decode()
    assert "Tue 01 Dec 2026, 15:00" in shown
    form = {
        "service": other.pk,
        "urgency_level": "medium",
        "payment_status": "paid",
        "price_cents": "180.50",
        "notes": "",
        "status": "cancelled",
        "outcome": "attended",
    }
    client.post(page(booking), form)
    booking.refresh_from_db()
    assert (booking.service, booking.payment_status) == (other, "paid")
    assert booking.price_cents == 18_050
    assert 'value="180.50"' in client.get(page(booking)).content.decode()
    assert (booking.status, booking.outcome, booking.appointment_datetime) == ("scheduled", "none", AT)


def test_the_buttons_move_a_visit(pages, ana):
    booking = make_booking(ana, at=AT)
    client = pages("staff")

    def state() -> tuple[str, str]:
        booking.refresh_from_db()
        return booking.status, booking.outcome

    press(client, booking, "confirm")
    assert state() == ("confirmed", "none")
    said = press(
        client, booking, "reschedule", appointment_datetime_0="2026-12-02", appointment_datetime_1="09:30:00"
    )
    assert "Wed 02 Dec 2026 at 09:30" in said.content.decode()
    assert booking.appointment_datetime != AT or state()
    assert state() == ("rescheduled", "none")
    assert booking.appointment_datetime == datetime(2026, 12, 1, 22, 30, tzinfo=UTC)
    press(client, booking, "arrived")
    booking.refresh_from_db()
    assert booking.arrived_at == NOW
    press(client, booking, "attended")
    assert state() == ("rescheduled", "none"), "an outcome before the visit wants a tick"
    press(client, booking, "attended", sure="on")
    assert state() == ("rescheduled", "attended")
    press(client, booking, "no_show", sure="on")
    assert state() == ("rescheduled", "no_show")
    press(client, booking, "clear_outcome")
    press(client, booking, "cancel", reason="on holiday")
    assert state() == ("cancelled", "none")
    assert booking.cancellation_reason == "on holiday"
    refused = press(client, booking, "confirm").content.decode()
    assert "cannot go from" in refused


def test_a_button_that_makes_no_sense_is_not_offered(pages, ana):
    booking = make_booking(ana, at=AT)
    client = pages("staff")
    names = ("confirm", "arrived", "attended", "no_show", "reschedule", "cancel", "clear_outcome")
    buttons = {name: reverse(f"admin:bookings_booking_{name}", args=(booking.public_id,)) for name in names}

    def offered() -> set[str]:
        shown = client.get(page(booking)).content.decode()
        return {name for name, address in buttons.items() if address in shown}

    assert offered() == set(names) - {"clear_outcome"}
    services.record_outcome(booking_id=booking.pk, outcome="attended", cause=CAUSE)
    assert offered() == {"no_show", "clear_outcome"}


def test_readers_see_and_do_nothing_and_strangers_see_nothing(pages, ana, outsider):
    booking = make_booking(ana, at=AT)
    reader = pages("readonly")
    assert reader.get(page(booking)).status_code == 200
    assert reader.get(f"{LIST}add/").status_code == 403
    assert press(reader, booking, "cancel").status_code == 403
    stranger = pages(outsider)
    assert stranger.get(page(booking)).status_code == 404
    assert press(stranger, booking, "cancel").status_code == 404
    assert "Ana" not in stranger.get(LIST).content.decode()
    booking.refresh_from_db()
    assert booking.status == "scheduled"


def test_nothing_of_a_visit_is_ever_removed(pages, ana):
    booking = make_booking(ana, at=AT)
    address = reverse("admin:bookings_booking_delete", args=(booking.public_id,))
    assert pages("manager").post(address, {"post": "yes"}).status_code == 403
    assert Booking.objects.filter(pk=booking.pk).exists()


def test_managers_keep_services_and_their_providers_ids(pages, sydney):
    client = pages("manager")
    form = {
        "location": sydney.pk,
        "name": "Laser",
        "service_type": "procedure",
        "urgency_level": "high",
        "duration_minutes": "20",
        "buffer_minutes": "0",
        "price_cents": "95",
        "recall_interval_days": "",
        "is_active": "on",
        "external_ids-TOTAL_FORMS": "1",
        "external_ids-INITIAL_FORMS": "0",
        "external_ids-MIN_NUM_FORMS": "0",
        "external_ids-MAX_NUM_FORMS": "10",
        "external_ids-0-provider": "wix",
        "external_ids-0-external_id": "s-laser",
    }
    answer = client.post("/admin/bookings/service/add/", form, follow=True)
    service = Service.objects.get(name="Laser")
    assert answer.status_code == 200
    assert (service.external_ids.get().external_id, service.price_cents) == ("s-laser", 9_500)
    assert pages("staff").get("/admin/bookings/service/add/").status_code == 403
    for name in ("practitioner", "room"):
        assert client.get(f"/admin/bookings/{name}/add/").status_code == 200
        assert client.get(f"/admin/bookings/{name}/").status_code == 200


def test_the_contacts_page_shows_visits_to_come_and_past(pages, ana, now):
    past = make_booking(ana, at=NOW + timedelta(hours=1))
    coming = make_booking(ana, at=AT)
    services.record_outcome(booking_id=past.pk, outcome="attended", cause=CAUSE)
    now.advance(timedelta(days=1))
    whole = pages("staff").get(reverse("admin:contacts_contact_change", args=(ana.public_id,)))
    assert "Tue 1 Dec, 15:00" in whole.content.decode()
    panel = reverse("admin:contacts_contact_panel", args=(ana.public_id, "bookings"))
    shown = pages("staff").get(panel).content.decode()
    assert "Tue 1 Dec 2026, 15:00" in shown
    assert page(coming) in shown
    assert page(past) in shown
    assert "Attended" in shown
    assert "Book a visit" in shown


def test_the_contacts_api_detail_lists_visits_newest_first(api, ana):
    first, second = make_booking(ana, at=AT), make_booking(ana, at=AT + timedelta(days=1))
    detail = api("staff").get(f"/api/contacts/{ana.public_id}").json()
    assert [row["id"] for row in detail["bookings"]] == [str(second.public_id), str(first.public_id)]
