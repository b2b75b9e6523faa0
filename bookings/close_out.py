"""The evening list: the day's visits that nobody has said an outcome of, closed one by one or all at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, cast
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from accounts import access, desk_actions, desk_pages, live, pages, roles
from accounts.models import DeskAction, Location, User
from accounts.staff_parts import cause_of
from bookings import calendar_parts, calendar_query, calendar_rows, desk_kinds, previews, services
from bookings.commands import OutcomeChange
from bookings.models import STANDING, Booking
from bookings.previews import Consequences
from core import clock, localtime
from core.api_audit import note
from core.causes import Cause

#: So many visits of a day are listed; what is beyond comes up when these are done.
LISTED = 150
#: How far back visits without an outcome are looked for, and how many are counted.
LOOK_BACK = timedelta(days=30)
MOST_LEFT = 500
#: Where a session keeps who is still expected, by public id, until the day is over.
WAITING = "still_to_come"
OUTCOMES = {"attended": "attended", "no_show": "did not attend"}
#: What is read of a visit: no more than its row shows and the gate asks.
_BESIDE = ("location", "contact", "service", "practitioner")
_SHOWN = (
    "public_id", "status", "outcome", "appointment_datetime", "ends_at", "arrived_at",
    "location__name", "location__time_zone", "contact__name", "contact__owner", "service__name", "practitioner__name",
)  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A clinic's visits without an outcome; `waiting` are those somebody said are still to come."""

    location: Location
    rows: list[calendar_rows.Row]
    waiting: list[calendar_rows.Row]


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """The list; a POST marks one visit as still to come, or records the outcomes of those that are ticked."""
    user = cast(User, request.user)
    access.check(user, roles.READ, "bookings")
    wanted = calendar_query.read(
        {"location": "all", **request.GET.dict()},
        user,
        home=getattr(request, "location", None),
        now=clock.now(),
    )
    if request.method == "POST":
        return _posted(request, user, wanted)
    return _list(request, user, wanted)


def _list(
    request: HttpRequest, user: User, wanted: calendar_query.Wanted, *, ask: dict[str, Any] | None = None
) -> HttpResponse:
    now = clock.now()
    rows = _without_outcome(wanted, user, now).select_related(None).select_related(*_BESIDE).only(*_SHOWN)
    visits = list(rows[:LISTED])
    note(request, visits, personal=True)
    context = {
        "wanted": wanted,
        "parts": _parts(visits, user, now, set(_waiting(request, now))),
        "here": _address(wanted),
        "next": _address(wanted),
        "before": _address(wanted, wanted.day - timedelta(days=1)),
        "after": _address(wanted, wanted.day + timedelta(days=1)),
        "is_today": wanted.day >= wanted.local(now).date(),
        "calendar": reverse("admin:bookings_calendar"),
        "may_act": any(access.allowed(user, roles.UPDATE, "bookings", row) for row in wanted.locations),
        "ask": ask,
        "earlier": [(day, count, _address(wanted, day)) for day, count in _earlier(wanted, user)],
    }
    if live.is_live(request):
        return render(request, "bookings/_close_out.html", context)
    title = f"Close-out of {wanted.day:%A %-d %B}"
    return render(request, "bookings/close_out.html", pages.context(request, title=title, **context))


def _address(wanted: calendar_query.Wanted, day: date | None = None) -> str:
    query = {"date": f"{day or wanted.day}", "location": wanted.location}
    return f"{reverse('admin:bookings_close_out')}?{urlencode(query)}"


def _without_outcome(wanted: calendar_query.Wanted, user: User, now: datetime) -> Any:
    """Standing visits of the day that have begun; of an earlier day, all of it."""
    rows = calendar_query.visits(wanted, user, wanted.day, wanted.day + timedelta(days=1))
    return rows.filter(status__in=STANDING, outcome="none", appointment_datetime__lte=now)


def _earlier(wanted: calendar_query.Wanted, user: User) -> list[tuple[date, int]]:
    """The days before with visits that still want an outcome, the latest first, and how many."""
    rows = calendar_query.visits(wanted, user, wanted.day - LOOK_BACK, wanted.day)
    left = rows.filter(status__in=STANDING, outcome="none")
    counts = Counter(calendar_query.days_of(left)[:MOST_LEFT])
    return sorted(counts.items(), reverse=True)


def _parts(visits: Sequence[Booking], user: User, now: datetime, waiting: set[str]) -> list[Part]:
    parts: dict[int, Part] = {}
    for row in calendar_rows.rows_of(visits, user, now):
        place = row.visit.location
        part = parts.setdefault(place.pk, Part(place, [], []))
        (part.waiting if str(row.visit.public_id) in waiting else part.rows).append(row)
    return sorted(parts.values(), key=lambda part: part.location.name)


# -- acts


def _posted(request: HttpRequest, user: User, wanted: calendar_query.Wanted) -> HttpResponse:
    if "wait" in request.POST:
        return _wait(request, user, wanted)
    outcome = request.POST.get("outcome", "")
    ids = request.POST.getlist("visit")[:LISTED]
    chosen = access.visible(Booking.objects.filter(public_id__in=_uuids(ids)), user, roles.UPDATE)
    visits = list(chosen.select_related("location", "contact"))
    note(request, visits, fields=["outcome"], personal=True)
    if outcome not in OUTCOMES or not visits:
        access.check(user, roles.UPDATE, "bookings")
        return calendar_parts.done(request, "Tick the visits and choose an outcome first.", bad=True)
    if request.POST.get("do") != "record":
        return _list(request, user, wanted, ask=_asked(visits, outcome, cause_of(request)))
    return _record(request, user, visits, outcome)


def _record(request: HttpRequest, user: User, visits: Sequence[Booking], outcome: str) -> HttpResponse:
    """All of them, clinic by clinic, so that they can be undone together."""
    places: dict[int, list[Booking]] = {}
    for visit in visits:
        places.setdefault(visit.location_id, []).append(visit)
    actions = [
        desk_actions.start(
            desk_kinds.OUTCOME, location=rows[0].location, user=user, items=[row.pk for row in rows],
            parameters={"outcome": outcome},
        )
        for rows in places.values()
    ]  # fmt: skip
    did, refused = sum(action.done for action in actions), sum(action.refused for action in actions)
    said = f"{did} visit{'s' if did != 1 else ''}: {OUTCOMES[outcome]}."
    if any(action.state == DeskAction.State.RUNNING for action in actions):
        said += " The rest is being recorded: see “What was done”."
    if refused:
        said += f" {refused} could not be recorded: see “What was done”."
    undo = desk_pages.undo_address(actions[0]) if len(actions) == 1 else ""
    return calendar_parts.done(request, said, bad=bool(refused), undo=undo)


def _uuids(ids: Sequence[str]) -> list[str]:
    return [found for raw in ids if (found := calendar_query.public_id(raw))]


def _asked(visits: Sequence[Booking], outcome: str, cause: Cause) -> dict[str, Any]:
    """What recording these would send, in figures and with the texts."""
    changes = [OutcomeChange(visit.pk, outcome, cause) for visit in visits]
    foretold = previews.foretell(
        lambda: [result.booking for result in services.record_outcomes(changes) if result.changed],
        contact_ids={visit.contact_id for visit in visits},
    )
    return {"outcome": outcome, "words": OUTCOMES[outcome], "visits": visits, "count": len(visits),
            "sums": _sums(foretold.consequences), "consequences": foretold.consequences}  # fmt: skip


def _sums(found: Consequences) -> list[tuple[str, str]]:
    """Each kind of text with how many of it, and one as an example."""
    examples = {text.name: text.body for text in found.going}
    counts = Counter(text.name for text in found.going)
    return [(f"{count} of {name}", examples[name]) for name, count in counts.items()]


def _waiting(request: HttpRequest, now: datetime) -> dict[str, str]:
    """Who is still expected, by public id, with when that stops being so."""
    kept: dict[str, str] = request.session.get(WAITING, {})
    return {key: until for key, until in kept.items() if until > now.isoformat()}


def _wait(request: HttpRequest, user: User, wanted: calendar_query.Wanted) -> HttpResponse:
    """Put a visit aside, or back: the patient is late, or the visit goes on."""
    visit = access.get_visible_or_404(
        Booking.objects.select_related("location", "contact"), user, request.POST["wait"], roles.UPDATE
    )
    note(request, [visit])
    now = clock.now()
    kept = _waiting(request, now)
    key = str(visit.public_id)
    if key in kept:
        del kept[key]
        said = "is on the list again."
    else:
        day = visit.location.local(now).date()
        kept[key] = localtime.start_of_day(day + timedelta(days=1), visit.location.zone).isoformat()
        said = "is still to come."
    request.session[WAITING] = kept
    return calendar_parts.done(request, f"{visit.contact.name or 'This person'} {said}")
