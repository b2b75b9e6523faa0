"""Staff pages of reports."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from accounts import access, pages
from accounts.models import Location, User
from accounts.staff_links import change_url
from bookings.calendar_walls import wall
from bookings.models import Booking
from core import clock
from core.api_audit import note
from reporting import recovered, selectors

MOST_VISITS = 500


def attended(request: HttpRequest) -> HttpResponse:
    """The visits behind the attended figure of a week, and those that still want an outcome."""
    user, now = request.user, clock.now()
    assert isinstance(user, User)
    access.check(user, "read", "reports")
    start = _week(request, user)
    week = selectors.attended_week(user, week_start=start, now=now)
    visits = list(selectors.attended_visits(user, week_start=start)[:MOST_VISITS])
    unrecorded = list(selectors.visits_without_outcome(user, week_start=start, now=now)[:MOST_VISITS])
    back = recovered.recovered_week(user, week_start=start)
    note(
        request,
        [*visits, *unrecorded, *(row.visit for row in (*back.rescued, *back.recalled))],
        personal=True,
    )
    return render(
        request,
        "reporting/attended.html",
        pages.context(
            request, title="Attended appointments", week=week,
            visits=[Line.of(visit) for visit in visits], unrecorded=[Line.of(visit) for visit in unrecorded],
            rescued=_won_back(back.rescued), recalled=_won_back(back.recalled),
            before=start - timedelta(days=7), after=start + timedelta(days=7),
        ),
    )  # fmt: skip


class Line(NamedTuple):
    """A visit in a list of hundreds, in the words and addresses that its line shows."""

    at: str
    page: str
    patient: str
    patient_page: str
    service: str
    place: str

    @classmethod
    def of(cls, visit: Booking) -> Line:
        return cls(
            f"{visit.location.local(visit.appointment_datetime):%a %-d %b, %H:%M}", change_url(visit),
            visit.contact.name or "Unnamed", change_url(visit.contact), visit.service.name, visit.location.name,
        )  # fmt: skip


def _won_back(
    rows: list[recovered.WonBack],
) -> list[tuple[recovered.WonBack, datetime, datetime, datetime | None]]:
    """Each with its times on the clinic's clock: booked, the new visit, the one it stands for."""
    return [
        (
            row,
            wall(row.booked_at, row.visit.location),
            wall(row.visit.appointment_datetime, row.visit.location),
            wall(row.lost.appointment_datetime, row.visit.location) if row.lost is not None else None,
        )
        for row in rows
    ]


def _week(request: HttpRequest, user: User) -> date:
    given = request.GET.get("week")
    if not given:
        return selectors.this_monday(access.home_location(user) or Location(), clock.now())
    try:
        return selectors.monday(date.fromisoformat(given))
    except ValueError:
        raise Http404("There is no such week. Give a date such as 2026-11-16.") from None


def connect() -> None:
    """Join the staff's pages."""
    pages.extra.register("reporting_attended", pages.Page("reports/attended/", attended))
