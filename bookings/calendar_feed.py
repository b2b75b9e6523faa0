"""The calendar's visits and shaded times as JSON: what the page asks for when it opens, every half minute, after acts.

Times are wall times of the visits' clinics, without a zone, so that they show the same whatever the browser's zone is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any, cast

from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_GET

from accounts import access, roles
from accounts.hours import Span
from accounts.models import User
from bookings import calendar_query
from bookings.availability import Place, read_roster
from bookings.calendar_query import MOST_DAYS, MOST_ROWS, Wanted
from bookings.calendar_rows import Row, rows_of
from bookings.calendar_walls import gaps
from bookings.models import LIVE, Booking, Source
from core import clock
from core.api_audit import note

#: The column of visits that have no practitioner or no room, or one that is no longer in use.
NOBODY = "none"


@require_GET
def feed(request: HttpRequest) -> JsonResponse:
    """Visits and shades from `start` to before `end` (local days), as the address filters them. 400 for a range that
    is empty or too long.
    """
    user = cast(User, request.user)
    access.check(user, roles.READ, "bookings")
    now = clock.now()
    wanted = calendar_query.read(request.GET, user, home=getattr(request, "location", None), now=now)
    start, end = (calendar_query.read_day(request.GET.get(name, "")[:10]) for name in ("start", "end"))
    if start is None or end is None:
        return JsonResponse({"error": "start and end are days, such as 2026-11-27."}, status=400)
    if not start < end <= start + timedelta(days=MOST_DAYS):
        return JsonResponse({"error": f"Ask for 1 to {MOST_DAYS} days at once."}, status=400)
    rows = calendar_query.visits(wanted, user, start, end)
    month = wanted.view == "month"
    found = calendar_query.first_of_days(rows) if month else list(rows[: MOST_ROWS + 1])
    note(request, found[:MOST_ROWS], personal=True)
    events = list(_events(found[:MOST_ROWS], wanted, user, now))
    if month:
        events += _more_of_days(found, wanted)
    else:
        events += _shades(wanted, start, end)
    return JsonResponse(
        {
            "events": events,
            "more": len(found) > MOST_ROWS and not month,
            "shown": min(len(found), MOST_ROWS),
            "offset": offset(wanted, now),
        }
    )


def offset(wanted: Wanted, now: datetime) -> str:
    """The clinic's present distance from UTC, for the line that shows the time: +11:00."""
    text = f"{wanted.local(now):%z}"
    return f"{text[:3]}:{text[3:5]}"


def _events(visits: Sequence[Booking], wanted: Wanted, user: User, now: datetime) -> Iterator[dict[str, Any]]:
    for row in rows_of(visits, user, now):
        yield _event(row, wanted.by)
        visit, buffer = row.visit, row.visit.service.buffer_minutes
        if buffer and visit.status in LIVE and wanted.view != "month":
            ends = _end(row)
            yield {
                "id": f"{visit.public_id}-buffer", "start": _iso(ends), "end": _iso(ends + timedelta(minutes=buffer)),
                "resourceIds": [_column_of(visit, wanted.by)], "display": "background", "classNames": ["cal-buffer"],
            }  # fmt: skip


def _event(row: Row, by: str) -> dict[str, Any]:
    """One visit as the grid draws it."""
    visit = row.visit
    return {
        "id": str(visit.public_id),
        "start": _iso(row.at),
        "end": _iso(_end(row)),
        "resourceIds": [_column_of(visit, by)],
        "title": visit.contact.name or "Unnamed",
        "startEditable": row.open,
        "durationEditable": row.open,
        "classNames": [f"cal-{row.state.code}", *(["cal-clash"] if row.clashes else [])],
        "extendedProps": {
            "sign": row.state.sign,
            "word": row.state.word,
            "service": visit.service.name,
            "practitioner": visit.practitioner.name if visit.practitioner else "",
            "room": visit.room.name if visit.room else "",
            "clash": row.clashes,
            "source": visit.source if visit.source == Source.WIX else "",
            "url": row.page,
            "move": f"{row.page}move/" if row.open else "",
            "arrive": f"{row.page}arrived/" if row.may_arrive else "",
        },
    }


def _column_of(row: Booking, by: str) -> str:
    """The column a visit stands in."""
    if by == "location":
        return row.location.code
    if by == "room":
        return str(row.room.public_id) if row.room and row.room.is_active else NOBODY
    if by == "practitioner":
        return str(row.practitioner.public_id) if row.practitioner and row.practitioner.is_active else NOBODY
    return NOBODY


def _end(row: Row) -> datetime:
    """The end on the wall; where the clocks go back during a visit, as long after its beginning as it lasts."""
    return row.until if row.until > row.at else row.at + row.visit.duration


def _iso(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H:%M:%S}"


def _more_of_days(rows: Iterable[Booking], wanted: Wanted) -> list[dict[str, Any]]:
    totals: dict[date, int] = {row.local_day: row.of_day for row in rows}  # type: ignore[attr-defined]
    return [
        {
            "id": f"more-{day}", "allDay": True, "start": f"{day}", "end": f"{day}",
            "title": f"{total - calendar_query.PER_DAY} more", "classNames": ["cal-more"],
            "startEditable": False, "durationEditable": False,
            "extendedProps": {"url": wanted.url(view="day", day=day), "page": True},
        }
        for day, total in totals.items()
        if total > calendar_query.PER_DAY
    ]  # fmt: skip


# -- when nobody is seen


def _shades(wanted: Wanted, start: date, end: date) -> Iterator[dict[str, Any]]:
    """Closed hours, holidays by name, and in columns of practitioners the hours they do not work."""
    days = [start + timedelta(days=n) for n in range((end - start).days)]
    offered = calendar_query.choices(wanted) if wanted.by in ("practitioner", "room") else None
    for location in wanted.locations:
        hours = location.hours
        people = [row for row in offered.practitioners if row.location_id == location.pk] if offered else []
        rooms = [row for row in offered.rooms if row.location_id == location.pk] if offered else []
        shown = people if wanted.by == "practitioner" else rooms
        alone = [NOBODY] if location == wanted.locations[0] else []
        columns = (
            [location.code] if wanted.by == "location" else [*(str(row.public_id) for row in shown), *alone]
        )
        for day in days:
            yield from _gaps(day, hours.spans(day), columns, hours.holiday(day) or "Closed")
            for person in people if wanted.by == "practitioner" else ():
                place = Place(hours, read_roster(person.roster))
                if place.roster and hours.spans(day):
                    works = [
                        (location.local(a).time(), location.local(b).time()) for a, b in place.spans(day)
                    ]
                    yield from _gaps(
                        day, works, [str(person.public_id)], f"{person.name} is away", kind="cal-away"
                    )


def _gaps(
    day: date, spans: Sequence[Span], columns: list[str], title: str, *, kind: str = "cal-closed"
) -> Iterator[dict[str, Any]]:
    for start, end in gaps(day, spans):
        yield {
            "id": f"{kind}-{start:%Y%m%d%H%M}-{columns[0] if columns else 0}",
            "start": _iso(start),
            "end": _iso(end),
            "display": "background",
            "classNames": [kind],
            "title": title,
            "resourceIds": columns,
        }
