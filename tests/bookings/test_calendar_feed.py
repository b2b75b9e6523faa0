"""What the calendar draws: visits at the time on the wall, closed hours, filters, months."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from bookings.models import Booking
from tests.bookings.diary import AT, PAGE, address, feed, visits
from tests.factories.bookings import make_booking, make_practitioner, make_service
from tests.factories.contacts import make_contact

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("now")]


def test_a_visit_is_told_at_the_time_on_its_clinics_wall(pages, ana):
    make_booking(ana, at=AT)
    (event,) = visits(feed(pages("staff")))
    assert (event["start"], event["end"]) == ("2026-12-01T11:00:00", "2026-12-01T11:30:00")
    assert (event["title"], event["extendedProps"]["word"]) == ("Ana Silva", "Scheduled")


@pytest.mark.parametrize(
    ("at", "wall"),
    [
        (datetime(2027, 4, 3, 15, 45, tzinfo=UTC), ("2027-04-04T02:45:00", "2027-04-04T03:15:00")),
        (datetime(2027, 10, 2, 15, 45, tzinfo=UTC), ("2027-10-03T01:45:00", "2027-10-03T03:15:00")),
    ],
)
def test_on_a_night_of_a_clock_change_no_visit_ends_before_it_begins(pages, ana, at, wall):
    make_booking(ana, at=at)
    (event,) = visits(
        feed(pages("staff"), wall[0][:10], f"{date.fromisoformat(wall[0][:10]) + timedelta(days=1)}")
    )
    assert (event["start"], event["end"]) == wall


def test_a_range_is_refused_that_is_empty_unreadable_or_too_long(pages):
    client = pages("staff")
    assert feed(client, "2026-12-02", "2026-12-02").status_code == 400
    assert feed(client, "2026-12-01", "2027-02-02").status_code == 400
    assert feed(client, "yesterday", "2026-12-02").status_code == 400
    assert feed(client, "0001-01-01", "0001-01-02").status_code == 400
    assert feed(client, "2026-12-01", "2027-02-01").status_code == 200


def test_closed_hours_holidays_and_rosters_are_shaded(pages, sydney):
    make_practitioner(sydney, roster={"mon": [["09:00", "12:00"]], "tue": []})
    shades = feed(pages("staff"), "2026-12-24", "2026-12-26", by="practitioner").json()["events"]
    assert {shade["title"] for shade in shades if shade["start"].startswith("2026-12-25")} == {
        "Christmas Day"
    }
    tuesday = feed(pages("staff"), by="practitioner").json()["events"]
    away = [shade for shade in tuesday if "cal-away" in shade["classNames"]]
    assert [(s["start"], s["title"]) for s in away] == [("2026-12-01T00:00:00", "Dr Lee is away")]


def test_clashes_buffers_and_presence_are_told(pages, sydney, ana, now):
    lee, slow = make_practitioner(sydney), make_service(sydney, name="Slow", buffer_minutes=15)
    first = make_booking(ana, at=AT, practitioner=lee, service=slow)
    other = make_booking(make_contact(sydney, name="Ben"), at=AT + timedelta(hours=1), practitioner=lee)
    Booking.objects.filter(pk=other.pk).update(
        appointment_datetime=AT, ends_at=AT + timedelta(minutes=30), overlap_accepted=True
    )
    Booking.objects.filter(pk=first.pk).update(arrived_at=AT)
    found = feed(pages("staff"), by="practitioner")
    shown = {event["title"]: event for event in visits(found)}
    assert {name: event["extendedProps"]["clash"] for name, event in shown.items()} == {
        "Ana Silva": True,
        "Ben": True,
    }
    assert shown["Ana Silva"]["extendedProps"]["word"] == "Arrived"
    assert shown["Ana Silva"]["resourceIds"] == [str(lee.public_id)]
    (buffer,) = [event for event in found.json()["events"] if "cal-buffer" in event.get("classNames", [])]
    assert (buffer["start"], buffer["end"]) == ("2026-12-01T11:30:00", "2026-12-01T11:45:00")


def test_filters_narrow_and_cancelled_visits_are_shown_when_asked_for(pages, sydney, ana):
    lee = make_practitioner(sydney)
    make_booking(ana, at=AT, practitioner=lee)
    gone = make_booking(make_contact(sydney, name="Ben"), at=AT)
    Booking.objects.filter(pk=gone.pk).update(status="cancelled")
    client = pages("staff")

    def names(**query: str) -> list[str]:
        return [event["title"] for event in visits(feed(client, **query))]

    assert names() == ["Ana Silva"]
    assert names(status="cancelled") == ["Ben"]
    assert sorted(names(status="any")) == ["Ana Silva", "Ben"]
    assert names(practitioner=str(lee.public_id), status="any") == ["Ana Silva"]
    assert names(practitioner="no-such-id") == ["Ana Silva"]


def test_a_month_shows_the_first_four_of_a_day_and_how_many_more(pages, sydney):
    for n in range(7):
        make_booking(make_contact(sydney, name=f"Person {n}"), at=AT + timedelta(hours=n / 2))
    answer = feed(pages("staff"), "2026-11-30", "2027-01-04", view="month")
    assert len(visits(answer)) == 4
    (more,) = [event for event in answer.json()["events"] if event["id"].startswith("more-")]
    assert (more["title"], more["start"]) == ("3 more", "2026-12-01")
    assert "view=day&date=2026-12-01" in more["extendedProps"]["url"]


def test_a_month_without_scripts_is_a_table_of_its_days(pages, sydney):
    for n in range(6):
        make_booking(make_contact(sydney, name=f"Early {n}"), at=AT + timedelta(hours=n / 2))
    make_booking(make_contact(sydney, name="Late Guest"), at=AT + timedelta(days=20))
    make_booking(make_contact(sydney, name="Next Month"), at=AT + timedelta(days=60))
    html = pages("staff").get(f"{PAGE}?view=month&date=2026-12-09").content.decode()
    table = html.split('<table class="cal-month">')[1].split("</table>")[0]
    cells = re.findall(r"<td.*?</td>", table, re.DOTALL)
    assert (len(cells), table.count("<tr>")) == (35, 6)
    first = next(cell for cell in cells if '>1<span class="cal-weekday"> Tue Dec<' in cell)
    assert first.count("Early") == 4
    assert ">2 more<" in first
    assert "view=day&amp;date=2026-12-01" in first
    assert "Late Guest" in next(cell for cell in cells if '>21<span class="cal-weekday"> Mon Dec<' in cell)
    assert "Next Month" not in table
    assert "cal-outside" in cells[0]
    assert '>30<span class="cal-weekday"> Mon Nov<' in cells[0]


def test_another_clinics_visits_are_not_there(pages, ana, outsider):
    booking = make_booking(ana, at=AT)
    client = pages(outsider)
    assert visits(feed(client, location="sydney")) == []
    for url in (address("visit", booking), address("move", booking), address("cancel", booking)):
        assert client.get(url).status_code == 404
    assert client.post(address("act", booking, "attended")).status_code == 404


def test_page_and_feed_cost_the_same_however_many_visits(pages, sydney, ana):
    make_booking(ana, at=AT)
    client = pages("staff")
    urls = [
        f"{PAGE}?date=2026-12-01",
        f"{PAGE}?view=month&date=2026-12-01",
        f"{PAGE}feed/?start=2026-12-01&end=2026-12-02",
        f"{PAGE}feed/?start=2026-11-30&end=2027-01-04&view=month",
    ]

    def costs() -> list[int]:
        found = []
        for url in urls:
            client.get(url)
            with CaptureQueriesContext(connection) as queries:
                assert client.get(url).status_code == 200
            found.append(len(queries))
        return found

    few = costs()
    for n in range(6):
        make_booking(make_contact(sydney, name=f"Person {n}"), at=AT + timedelta(hours=n))
    assert costs() == few
    assert max(few) <= 25
