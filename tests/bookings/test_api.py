"""Visits over HTTP."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bookings import seeds as booking_seeds
from bookings.models import Booking, Service
from core.models import Event
from tests.factories.bookings import make_booking, make_practitioner, make_service
from tests.factories.contacts import make_contact

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]

AT = "2026-12-01T15:00:00+11:00"
FIELDS = {
    "id", "external_id", "contact", "appointment_datetime", "ends_at", "service", "service_type", "urgency_level",
    "practitioner", "status", "outcome", "payment_status", "first_touch_attribution", "last_touch_attribution",
}  # fmt: skip


def new(ana, check, **more):
    return {
        "contact_id": str(ana.public_id),
        "service_id": str(check.public_id),
        "appointment_datetime": AT,
        **more,
    }


def test_staff_book_by_phone(api, ana, check):
    answer = api("staff").post("/api/bookings", new(ana, check, notes="first visit"), format="json")
    assert answer.status_code == 201, answer.content
    shown = answer.json()
    assert set(shown) >= FIELDS
    assert (shown["appointment_datetime"], shown["ends_at"]) == (AT, "2026-12-01T15:30:00+11:00")
    assert (shown["status"], shown["source"], shown["notes"]) == ("scheduled", "manual", "first visit")
    assert shown["contact"] == {"id": str(ana.public_id), "name": "Ana Silva", "phone": "+61412345678"}
    assert shown["service"] == {"id": str(check.public_id), "name": "Skin cancer check"}
    event = Event.objects.get(type="booking_created")
    assert event.cause_kind == "user"


def test_what_is_taken_is_409_and_what_is_wrong_is_422(api, ana, check, sydney):
    client = api("staff")
    lee = make_practitioner(sydney)
    make_booking(make_contact(sydney), at=None, service=check)
    taken = new(ana, check, practitioner_id=str(lee.public_id))
    assert client.post("/api/bookings", taken, format="json").status_code == 201
    other = new(make_contact(sydney), check, practitioner_id=str(lee.public_id))
    conflict = client.post("/api/bookings", other, format="json")
    assert (conflict.status_code, conflict.json()["error"]["code"]) == (409, "overlap")
    wrong = client.post("/api/bookings", new(ana, check, appointment_datetime="soon"), format="json")
    assert (wrong.status_code, list(wrong.json()["error"]["fields"])) == (422, ["appointment_datetime"])
    assert client.post("/api/bookings", {}, format="json").status_code == 422
    assert client.post("/api/bookings", [], format="json").status_code == 422


def test_the_moves(api, ana, check):
    client = api("staff")
    booking = make_booking(ana, service=check)
    path = f"/api/bookings/{booking.public_id}"
    assert client.post(f"{path}/confirm").json()["status"] == "confirmed"
    moved = client.post(f"{path}/reschedule", {"appointment_datetime": AT}, format="json").json()
    assert (moved["status"], moved["appointment_datetime"]) == ("rescheduled", AT)
    assert client.post(f"{path}/arrive").json()["arrived_at"]
    assert client.post(f"{path}/complete").json()["outcome"] == "attended"
    assert client.post(f"{path}/cancel", {"reason": "x"}, format="json").status_code == 409
    assert client.post(f"{path}/no-show").json()["outcome"] == "no_show"
    assert client.post(f"{path}/clear-outcome").json()["outcome"] == "none"
    gone = client.post(f"{path}/cancel", {"reason": "on holiday"}, format="json").json()
    assert (gone["status"], gone["cancellation_reason"]) == ("cancelled", "on holiday")
    refused = client.post(f"{path}/confirm")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "move_refused")


def test_delete_cancels_and_keeps_the_row(api, ana):
    booking = make_booking(ana)
    assert api("staff").delete(f"/api/bookings/{booking.public_id}").status_code == 204
    booking.refresh_from_db()
    assert booking.status == "cancelled"


def test_patch_changes_details_and_time_together_or_not_at_all(api, ana, sydney, check):
    client = api("staff")
    lee = make_practitioner(sydney)
    booking = make_booking(ana, service=check)
    path = f"/api/bookings/{booking.public_id}"
    changed = client.patch(
        path, {"appointment_datetime": AT, "practitioner_id": str(lee.public_id)}, format="json"
    ).json()
    assert (changed["appointment_datetime"], changed["practitioner"]["name"]) == (AT, "Dr Lee")
    assert changed["status"] == "rescheduled"
    taken = make_booking(make_contact(sydney), service=check)
    refused = client.patch(
        f"/api/bookings/{taken.public_id}",
        {"appointment_datetime": AT, "practitioner_id": str(lee.public_id)},
        format="json",
    )
    assert refused.status_code == 409
    before = taken.appointment_datetime
    taken.refresh_from_db()
    assert taken.appointment_datetime == before


def test_what_was_read_can_be_put_back(api, ana):
    client = api("staff")
    booking = make_booking(ana)
    path = f"/api/bookings/{booking.public_id}"
    shown = client.get(path).json()
    events = Event.objects.count()
    answer = client.put(path, shown, format="json")
    assert answer.status_code == 200, answer.content
    assert answer.json() == shown | {"updated_at": answer.json()["updated_at"]}
    assert Event.objects.count() == events
    assert client.put(path, {"notes": "x"}, format="json").status_code == 422


def test_the_list_is_filtered_ordered_and_costs_the_same_however_long(
    api, ana, sydney, check, django_assert_num_queries
):
    client = api("staff")
    for days in range(1, 4):
        make_booking(ana, at=booking_time(days), service=check)
    make_booking(make_contact(sydney, name="Ben"), at=booking_time(9), service=check)

    def times(query: str) -> list[str]:
        answer = client.get(f"/api/bookings?{query}")
        assert answer.status_code == 200, answer.content
        return [row["appointment_datetime"][:10] for row in answer.json()["results"]]

    assert times("") == ["2026-12-02", "2026-11-26", "2026-11-25", "2026-11-24"]
    assert times(f"contact={ana.public_id}&ordering=appointment_datetime")[0] == "2026-11-24"
    assert times("starts_after=2026-11-26T00:00:00Z") == ["2026-12-02", "2026-11-26"]
    assert times("status=cancelled") == []
    assert times("search=Ben") == ["2026-12-02"]
    assert client.get("/api/bookings?status=nonsense").status_code == 422
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as one:
        client.get("/api/bookings?page_size=1")
    with django_assert_num_queries(len(one)):
        client.get("/api/bookings?page_size=4")


def booking_time(days: int):
    from tests.bookings.conftest import NOW

    return NOW + timedelta(days=days)


def test_another_clinics_visits_do_not_exist(api, outsider, melbourne, ana, check):
    theirs = make_booking(make_contact(melbourne))
    client = api("staff")
    assert client.get(f"/api/bookings/{theirs.public_id}").status_code == 404
    assert client.post(f"/api/bookings/{theirs.public_id}/cancel").status_code == 404
    assert client.get("/api/bookings").json()["results"] == []
    answer = client.post("/api/bookings", new(make_contact(melbourne), check), format="json")
    assert answer.status_code == 422
    answer = client.post("/api/bookings", new(ana, make_service(melbourne)), format="json")
    assert answer.status_code == 422


def test_readers_read_only(api, ana, check):
    booking = make_booking(ana, service=check)
    client = api("readonly")
    assert client.get(f"/api/bookings/{booking.public_id}").status_code == 200
    assert client.post("/api/bookings", new(ana, check), format="json").status_code == 403
    for move in ("confirm", "cancel", "complete", "no-show", "reschedule"):
        assert client.post(f"/api/bookings/{booking.public_id}/{move}").status_code == 403
    assert client.delete(f"/api/bookings/{booking.public_id}").status_code == 403


def test_services_and_practitioners_are_listed(api, sydney):
    booking_seeds.seed(demo=True)
    client = api("staff")
    services = client.get("/api/services").json()["results"]
    assert {
        (row["name"], row["service_type"], row["urgency_level"], row["duration_minutes"]) for row in services
    } == {
        ("Skin cancer check", "routine", "medium", 30),
        ("Mole removal procedure", "procedure", "high", 45),
        ("Follow-up", "follow_up", "low", 15),
        ("High-risk full body imaging", "procedure", "high", 60),
        ("Botox consult", "routine", "low", 30),
    }
    people = client.get("/api/practitioners").json()["results"]
    assert len(people) == 2
    assert len(people[0]["services"]) == 5
    one = client.get(f"/api/services/{services[0]['id']}").json()
    assert one == services[0]


def test_seeding_twice_adds_nothing_and_keeps_what_staff_changed(staff):
    booking_seeds.seed(demo=True)
    Service.objects.filter(name="Follow-up").update(duration_minutes=20)
    counts = (Service.objects.count(), Booking.objects.count())
    booking_seeds.seed(demo=True)
    assert (Service.objects.count(), Booking.objects.count()) == counts == (10, 0)
    assert set(Service.objects.filter(name="Follow-up").values_list("duration_minutes", flat=True)) == {20}


@pytest.mark.parametrize(
    "at",
    ["2026-12-01T15:00:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "2026-12-01"],
)
def test_a_time_that_could_mean_another_hour_or_no_day_at_all_is_422(api, ana, check, at):
    for answer in (
        api("staff").post("/api/bookings", new(ana, check, appointment_datetime=at), format="json"),
        api("staff").post("/api/bookings", new(ana, check, ends_at=at), format="json"),
    ):
        assert answer.status_code == 422, answer.content
    assert not Booking.objects.exists()


def test_a_refused_move_names_states_in_plain_words(api, ana, check):
    visit = make_booking(ana, service=check)
    assert api("staff").delete(f"/api/bookings/{visit.public_id}").status_code == 204
    for move in ("confirm", "complete"):
        answer = api("staff").post(f"/api/bookings/{visit.public_id}/{move}", format="json")
        assert answer.status_code == 409
        assert "Status." not in answer.json()["error"]["message"]
        assert "Outcome." not in answer.json()["error"]["message"]
