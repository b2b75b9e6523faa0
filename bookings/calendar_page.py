"""The calendar: one page of the diary by day, week, month or as a list. Its addresses say everything, so going
about needs no script; a script draws the grid, and lets visits be dragged and slots be clicked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET

from accounts import access, pages, roles
from accounts.live import is_live
from accounts.models import User
from bookings import calendar_feed, calendar_new, calendar_query, calendar_visit, close_out
from bookings.calendar_feed import NOBODY
from bookings.calendar_query import COLUMNS, STATUSES, VIEWS, Choices, Wanted
from bookings.calendar_rows import Row, rows_of
from bookings.calendar_words import STATES
from bookings.models import Booking
from core import clock
from core.api_audit import note

#: How many visits a list shows; more are reached by a filter or a shorter time.
LISTED = 100
#: What the grid draws, by view and by whether it has columns.
GRIDS = {
    ("day", False): "timeGridDay", ("day", True): "resourceTimeGridDay", ("week", False): "timeGridWeek",
    ("week", True): "resourceTimeGridWeek", ("month", False): "dayGridMonth", ("month", True): "dayGridMonth",
}  # fmt: skip


@require_GET
def calendar(request: HttpRequest) -> HttpResponse:
    """The page; asked by htmx, the list alone."""
    user = cast(User, request.user)
    access.check(user, roles.READ, "bookings")
    now = clock.now()
    wanted = calendar_query.read(request.GET, user, home=getattr(request, "location", None), now=now)
    listed, more = _listed(wanted, user)
    note(request, listed, personal=True)
    shown = {
        "wanted": wanted,
        **_days(wanted, rows_of(listed, user, now), wanted.local(now).date()),
        "more": more,
        "here": wanted.url(),
        "next": wanted.url(),
        "holiday": wanted.locations[0].hours.holiday(wanted.day) if wanted.locations else "",
        "several": len(wanted.locations) > 1,
    }
    if is_live(request):
        return render(request, "bookings/_calendar_list.html", shown)
    offered = calendar_query.choices(wanted)
    may_book = any(access.allowed(user, roles.CREATE, "bookings", row) for row in wanted.locations)
    return render(
        request,
        "bookings/calendar.html",
        pages.context(
            request,
            **shown,
            title="Calendar",
            # Without a view in the address, narrow screens show the list.
            chosen="view" in request.GET,
            heading=_heading(wanted),
            views=[(name, label, wanted.url(view=name), name[0]) for name, label in VIEWS.items()],
            before=wanted.url(day=wanted.moved(-1)),
            after=wanted.url(day=wanted.moved(1)),
            today=wanted.url(day=wanted.local(now).date()),
            locations=access.places(user),
            offered=offered,
            columns={
                name: label
                for name, label in COLUMNS.items()
                if name != "location" or len(wanted.locations) > 1
            },
            statuses=STATUSES,
            states=STATES.values(),
            may_book=may_book,
            new_url=_new_url(wanted),
            close_out=reverse("admin:bookings_close_out"),
            grid=_grid(wanted, offered, wanted.local(now), may_book),
            clocks=sorted({row.time_zone for row in wanted.locations}),
        ),
    )


def _listed(wanted: Wanted, user: User) -> tuple[list[Booking], bool]:
    """The visits of a list; of a month the first of each day."""
    visits = calendar_query.visits(wanted, user, *wanted.span)
    if wanted.view == "month":
        return calendar_query.first_of_days(visits), False
    found = list(visits[: LISTED + 1])
    return found[:LISTED], len(found) > LISTED


@dataclass(frozen=True, slots=True)
class Day:
    """A day of a month's table: its first visits, how many more, and its page. `inside`: it is of the month itself."""

    day: date
    inside: bool
    today: bool
    rows: Sequence[Row]
    more: int
    url: str


def _days(wanted: Wanted, rows: Sequence[Row], today: date) -> dict[str, Any]:
    """What the list shows: visits by day, or the weeks of a month."""
    days = _by_day(rows)
    if wanted.view != "month":
        return {"days": days}
    of_day, (start, end) = dict(days), wanted.span
    cells = []
    for day in (start + timedelta(days=n) for n in range((end - start).days)):
        shown = of_day.get(day, [])
        total = shown[0].visit.of_day if shown else 0  # type: ignore[attr-defined]
        url = wanted.url(view="day", day=day)
        cells.append(Day(day, day.month == wanted.day.month, day == today, shown, total - len(shown), url))
    return {
        "weeks": [cells[at : at + 7] for at in range(0, len(cells), 7)],
        "weekdays": [f"{cell.day:%a}" for cell in cells[:7]],
    }


def _by_day(rows: Sequence[Row]) -> list[tuple[date, list[Row]]]:
    days: dict[date, list[Row]] = {}
    for row in rows:
        days.setdefault(row.at.date(), []).append(row)
    return list(days.items())


def _new_url(wanted: Wanted) -> str:
    query = {"date": f"{wanted.day}", "next": wanted.url(), "location": wanted.location}
    return f"{reverse('admin:bookings_calendar_new')}?{urlencode(query)}"


def _heading(wanted: Wanted) -> str:
    start, end = wanted.span
    last = end - timedelta(days=1)
    if wanted.view == "month":
        return f"{wanted.day:%B %Y}"
    if wanted.view == "week":
        return f"{start:%-d %b} to {last:%-d %b %Y}"
    return f"{wanted.day:%A %-d %B %Y}"


def _grid(wanted: Wanted, offered: Choices, now: datetime, may_book: bool) -> dict[str, Any]:
    """What the script is told."""
    start, end = wanted.span
    columns = _columns(wanted, offered)
    opens, closes = _open_hours(wanted)
    return {
        "view": GRIDS.get((wanted.view, bool(columns)), ""),
        "date": f"{wanted.day}",
        "start": f"{start}",
        "end": f"{end}",
        "by": wanted.by,
        "columns": columns,
        "feed": f"{reverse('admin:bookings_calendar_feed')}?{urlencode(wanted.query())}",
        "new": reverse("admin:bookings_calendar_new") if may_book else "",
        "here": wanted.url(),
        "offset": calendar_feed.offset(wanted, now),
        "opens": opens,
        # Today is shown from an hour ago, other days from their beginning.
        "scroll": f"{max(0, now.hour - 1):02}:00" if start <= now.date() < end else opens,
        "closes": closes,
    }


def _columns(wanted: Wanted, offered: Choices) -> list[dict[str, str]]:
    if wanted.by == "location":
        return [{"id": row.code, "title": row.name} for row in wanted.locations]
    if wanted.by == "practitioner":
        chosen = [row for row in offered.practitioners if wanted.practitioner in ("", str(row.public_id))]
        rows = [{"id": str(row.public_id), "title": row.name} for row in chosen]
        return rows if wanted.practitioner else [*rows, {"id": NOBODY, "title": "Nobody in particular"}]
    if wanted.by == "room":
        places = [row for row in offered.rooms if wanted.room in ("", str(row.public_id))]
        rows = [{"id": str(row.public_id), "title": row.name} for row in places]
        return rows if wanted.room else [*rows, {"id": NOBODY, "title": "No room"}]
    return []


def _open_hours(wanted: Wanted) -> tuple[str, str]:
    """The part of a day that is drawn: an hour around what any of the clinics' weeks holds. What lies outside
    widens it."""
    spans = [span for row in wanted.locations for day in row.hours.week for span in day]
    if not spans:
        return "07:00", "20:00"
    first, last = min(opens.hour for opens, _ in spans), max(closes.hour for _, closes in spans)
    return f"{max(0, first - 1):02}:00", f"{min(24, last + 2):02}:00"


def connect() -> None:
    """Called from AppConfig.ready()."""
    for name, route, view in (
        ("bookings_calendar", "calendar/", calendar),
        ("bookings_calendar_feed", "calendar/feed/", calendar_feed.feed),
        ("bookings_calendar_new", "calendar/new/", calendar_new.new),
        ("bookings_calendar_visit", "calendar/visit/<uuid:public_id>/", calendar_visit.visit),
        ("bookings_calendar_move", "calendar/visit/<uuid:public_id>/move/", calendar_visit.move),
        ("bookings_calendar_cancel", "calendar/visit/<uuid:public_id>/cancel/", calendar_visit.cancel),
        ("bookings_calendar_act", "calendar/visit/<uuid:public_id>/<slug:move>/", calendar_visit.act),
        ("bookings_close_out", "calendar/close-out/", close_out.page),
    ):
        pages.extra.register(name, pages.Page(route, view))
