from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from accounts.models import Location, User
from bookings.models import Booking
from core.causes import Cause
from core.models import Event
from reporting import selectors
from tests.factories.bookings import make_booking
from tests.factories.contacts import make_contact

NOW = datetime(2026, 3, 4, 1, 30, tzinfo=UTC)
"""Wednesday 12:30 in Sydney; the week began on Monday, 2 March."""
MONDAY = date(2026, 3, 2)
CAUSE = Cause.system("test")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _wednesday(frozen_time: Any) -> None:
    frozen_time(NOW)


def visit(location: Location, at: datetime, outcome: str = "attended", status: str = "scheduled") -> Booking:
    booking = make_booking(make_contact(location), at=at, cause=CAUSE)
    Booking.objects.filter(pk=booking.pk).update(outcome=outcome, status=status)
    return booking


def test_weeks_begin_on_monday_by_the_clinics_own_clock(sydney: Location, staff: dict[str, User]) -> None:
    sunday_night = datetime(2026, 3, 1, 12, 59, tzinfo=UTC)  # 23:59 in Sydney
    for at in (sunday_night, sunday_night - timedelta(days=1), sunday_night + timedelta(hours=1)):
        visit(sydney, at)
    week = selectors.attended_week(staff["staff"], week_start=MONDAY, now=NOW)
    assert (week.attended, week.attended_week_before, week.change) == (1, 2, -50.0)


def test_what_is_over_and_unrecorded_is_counted_beside_the_figure(
    sydney: Location, staff: dict[str, User]
) -> None:
    over = visit(sydney, NOW - timedelta(hours=3), outcome="none")
    visit(sydney, NOW - timedelta(hours=5), outcome="none", status="cancelled")
    visit(sydney, NOW - timedelta(hours=7), outcome="none", status="pending")
    visit(sydney, NOW - timedelta(hours=9), outcome="no_show")
    visit(sydney, NOW + timedelta(hours=3), outcome="none")
    week = selectors.attended_week(staff["staff"], week_start=MONDAY, now=NOW)
    assert (week.attended, week.without_outcome, week.change) == (0, 1, None)
    found = selectors.visits_without_outcome(staff["staff"], week_start=MONDAY, now=NOW)
    assert list(found) == [over]


def test_the_figure_its_visits_page_and_api_agree(
    api: Any, pages: Any, sydney: Location, melbourne: Location, outsider: User
) -> None:
    made = [visit(sydney, NOW - timedelta(hours=n)) for n in (2, 4, 6)]
    elsewhere = visit(melbourne, NOW - timedelta(hours=2))
    visit(sydney, NOW - timedelta(days=7))
    report = api("staff").get("/api/reports/weekly?week_start=2026-03-02").json()
    assert report["period"] == {"start": "2026-03-02", "end": "2026-03-08"}
    assert report["kpi"] == {
        "attended_appointments": 3,
        "attended_appointments_last_week": 1,
        "change_vs_last_week": 200.0,
    }
    assert {row["id"] for row in report["visits"]} == {str(booking.public_id) for booking in made}
    assert api("staff").get("/api/reports/weekly").json() == report
    page = pages("staff").get("/admin/reports/attended/").content.decode()
    assert page.count("/change/") >= 6
    assert str(elsewhere.public_id) not in page
    home = pages("staff").get("/admin/").content.decode()
    assert '<p class="td-figure">3</p>' in home
    other = api("mel").get("/api/reports/weekly").json()
    assert [row["id"] for row in other["visits"]] == [str(elsewhere.public_id)]
    assert api("admin").get("/api/reports/weekly").json()["kpi"]["attended_appointments"] == 4


@pytest.mark.parametrize(
    ("query", "code"), [("week_start=monday", "bad_date"), ("week_start=2026-03-03", "not_a_monday")]
)
def test_a_week_that_is_none_is_refused(query: str, code: str, api: Any, staff: Any) -> None:
    answer = api("staff").get(f"/api/reports/weekly?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, code)


def test_the_page_of_a_week_that_is_none_is_not_there(pages: Any, staff: Any) -> None:
    assert pages("staff").get("/admin/reports/attended/?week=soon").status_code == 404


def test_the_page_says_times_as_they_are_on_each_clinics_wall(pages: Any, melbourne: Location) -> None:
    Location.objects.filter(pk=melbourne.pk).update(time_zone="Australia/Perth")
    visit(melbourne, NOW - timedelta(hours=2))
    visit(melbourne, NOW - timedelta(hours=4), outcome="none")
    back = visit(melbourne, NOW + timedelta(hours=6), outcome="none")
    Event.objects.create(
        type="contact_recovered", location_id=melbourne.pk, contact_id=back.contact_id, booking_id=back.pk,
        occurred_at=NOW - timedelta(minutes=30), cause_kind="system", cause_id="test", data={"kind": "recall"},
    )  # fmt: skip
    page = pages("admin").get("/admin/reports/attended/").content.decode()
    times = re.findall(r"Wed 4 Mar, [0-9:]+", page)
    assert times == ["Wed 4 Mar, 07:30", "Wed 4 Mar, 05:30", "Wed 4 Mar, 09:00", "Wed 4 Mar, 15:30"]


def test_the_report_costs_the_same_however_many_visits(
    api: Any, sydney: Location, django_assert_max_num_queries: Any
) -> None:
    client = api("staff")
    for _ in range(2):
        for n in range(6):
            visit(sydney, NOW - timedelta(minutes=40 * n))
        with django_assert_max_num_queries(14):
            client.get("/api/reports/weekly")
