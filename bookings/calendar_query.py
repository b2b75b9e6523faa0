"""What part of the diary a calendar page or its feed is asked for, read from an address, and the visits of it.

An address says: `view`, `date` (a local day), `by` (columns), and filters. Days are days of the clinics' own clocks:
each clinic's visits are shown at the time on its wall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Count, DateField, DateTimeField, F, Func, Q, QuerySet, Window
from django.db.models.functions import Cast, RowNumber
from django.urls import reverse

from accounts import access
from accounts.models import Location, User
from bookings.calendar_words import STATES
from bookings.models import LIVE, Booking, Practitioner, Room, Service
from bookings.selectors import on_days

VIEWS = {"day": "Day", "week": "Week", "month": "Month", "list": "List"}
COLUMNS = {"practitioner": "Practitioner", "room": "Room", "location": "Location", "none": "One column"}
STATUSES = {
    "": "All but cancelled", "any": "All",
    **{state.code: state.word for state in STATES.values() if state.code != "asks"},
}  # fmt: skip
#: The feed answers no longer range, and no more rows at once; a month shows so many of each day.
MOST_DAYS = 62
MOST_ROWS = 1000
PER_DAY = 4
#: What no diary shows, and is dear to read hundreds of times: sealed words and objects of JSON.
UNSHOWN = (
    "notes", "cancellation_reason", "provider_state", "first_touch_attribution", "last_touch_attribution",
    *(f"{person}__{name}" for person in ("contact", "contact__guardian")
      for name in ("notes", "custom_fields", "first_touch", "last_touch")),
    "location__opening_hours", "location__holiday_own_days", "location__kpi_targets", "location__settings",
    "service__deposit_rule", "practitioner__roster",
)  # fmt: skip


@dataclass(frozen=True)
class Wanted:
    """What is looked at. `locations` are those the person may see and chose; filters are public ids or empty."""

    view: str
    day: date
    by: str
    locations: tuple[Location, ...]
    location: str = ""
    practitioner: str = ""
    room: str = ""
    service: str = ""
    status: str = ""

    def local(self, at: datetime) -> datetime:
        """An instant on the clock of the first clinic; UTC for who works at none."""
        return self.locations[0].local(at) if self.locations else at.astimezone(UTC)

    @property
    def span(self) -> tuple[date, date]:
        """First day and the day after the last: of a week from Monday, of a month with the whole weeks around it."""
        if self.view == "week":
            first = self.day - timedelta(days=self.day.weekday())
            return first, first + timedelta(days=7)
        if self.view == "month":
            first = self.day.replace(day=1)
            first -= timedelta(days=first.weekday())
            last = (self.day.replace(day=28) + timedelta(days=4)).replace(day=1)
            return first, last + timedelta(days=-last.weekday() % 7)
        return self.day, self.day + timedelta(days=1)

    def moved(self, steps: int) -> date:
        """The day that many views later."""
        if self.view == "month":
            months = self.day.year * 12 + self.day.month - 1 + steps
            return date(months // 12, months % 12 + 1, 1)
        return self.day + timedelta(days=steps * (7 if self.view == "week" else 1))

    def query(self, **changes: object) -> dict[str, str]:
        """The parameters of an address of this view, or of one that differs."""
        now = replace(self, **changes)  # type: ignore[arg-type]
        values = {
            "view": now.view, "date": f"{now.day:%Y-%m-%d}", "by": now.by, "location": now.location,
            "practitioner": now.practitioner, "room": now.room, "service": now.service, "status": now.status,
        }  # fmt: skip
        return {name: value for name, value in values.items() if value}

    def url(self, **changes: object) -> str:
        """The address of this view, or of one that differs."""
        return f"{reverse('admin:bookings_calendar')}?{urlencode(self.query(**changes))}"


def read(given: Mapping[str, Any], user: User, *, home: Location | None, now: datetime) -> Wanted:
    """What an address asks for; what cannot be read falls back to the day, today, and the person's own clinic."""
    mine = access.places(user)
    asked = given.get("location", "")
    chosen = [row for row in mine if row.code == asked]
    if not chosen and asked != "all":
        chosen = [row for row in mine if home is not None and row.pk == home.pk] or mine[:1]
    several = chosen or mine
    view = given.get("view", "")
    view = view if view in VIEWS else "day"
    by = given.get("by", "")
    if by not in COLUMNS or (by == "location" and len(several) < 2):
        by = "none" if view in ("week", "month") else "location" if len(several) > 1 else "practitioner"
    zone = several[0].zone if several else UTC
    return Wanted(
        view=view,
        day=read_day(given.get("date", "")) or now.astimezone(zone).date(),
        by=by,
        locations=tuple(several),
        location="all" if len(several) > 1 else several[0].code if several else "",
        practitioner=public_id(given.get("practitioner", "")),
        room=public_id(given.get("room", "")),
        service=public_id(given.get("service", "")),
        status=given.get("status", "") if given.get("status", "") in STATUSES else "",
    )


def read_day(raw: str) -> date | None:
    """A day as it is written in an address; None for what is none."""
    try:
        day = date.fromisoformat(raw)
    except ValueError:
        return None
    return day if 2000 <= day.year <= 2100 else None


def public_id(raw: str) -> str:
    """A public id as it is written, or empty for what is none."""
    try:
        return str(UUID(raw)) if raw else ""
    except ValueError:
        return ""


def visits(wanted: Wanted, user: User, start: date, end: date) -> QuerySet[Booking]:
    """The visits that begin on these local days and fit the filters, earliest first, with what is shown of them."""
    during = on_days(wanted.locations, start, end)
    rows = access.visible(Booking, user).filter(during, _status(wanted.status))
    for name in ("practitioner", "room", "service"):
        if getattr(wanted, name):
            rows = rows.filter(**{f"{name}__public_id": getattr(wanted, name)})
    shown = rows.select_related("location", "contact", "contact__guardian", "service", "practitioner", "room")
    return shown.defer(*UNSHOWN).order_by("appointment_datetime", "pk")


def _status(status: str) -> Q:
    if status == "any":
        return Q()
    if status == "arrived":
        return Q(arrived_at__isnull=False, outcome="none", status__in=LIVE)
    if status in ("attended", "no_show"):
        return Q(outcome=status)
    if status:
        return Q(status=status) if status == "cancelled" else Q(status=status, outcome="none")
    return Q(status__in=LIVE)


def _with_day(rows: QuerySet[Booking]) -> QuerySet[Any]:
    """The visits with the local day of their clinic."""
    local = Func(
        F("location__time_zone"), F("appointment_datetime"), function="timezone", output_field=DateTimeField()
    )
    return rows.annotate(local_day=Cast(local, DateField()))


def days_of(rows: QuerySet[Booking]) -> QuerySet[Any]:
    """The local day of each visit, the latest first."""
    return _with_day(rows).order_by("-appointment_datetime").values_list("local_day", flat=True)


def first_of_days(rows: QuerySet[Booking]) -> list[Booking]:
    """The first `PER_DAY` visits of each local day of their clinics. Each carries `local_day`, and in `of_day`
    how many that day has.

    Days are counted by keys alone: a month's visits with all that is shown of them would be dear to sort.
    """
    numbered = _with_day(rows).annotate(
        place=Window(
            RowNumber(),
            partition_by=F("local_day"),
            order_by=[F("appointment_datetime").asc(), F("pk").asc()],
        ),
        of_day=Window(Count("pk"), partition_by=F("local_day")),
    )
    first = {
        row.pop("pk"): row for row in numbered.filter(place__lte=PER_DAY).values("pk", "local_day", "of_day")
    }
    found = list(rows.filter(pk__in=first))
    for visit in found:
        vars(visit).update(first[visit.pk])
    return found


@dataclass(frozen=True)
class Choices:
    """What the filters and columns offer: rows of the chosen clinics that are in use."""

    practitioners: Sequence[Practitioner]
    rooms: Sequence[Room]
    services: Sequence[Service]


def choices(wanted: Wanted) -> Choices:
    """Three queries, whatever is chosen."""
    here = [location.pk for location in wanted.locations]
    return Choices(
        list(Practitioner.objects.filter(location__in=here, is_active=True).order_by("name")),
        list(Room.objects.filter(location__in=here, is_active=True).order_by("name")),
        list(Service.objects.filter(location__in=here, is_active=True).order_by("name")),
    )
