"""The clinic's figures. Each goes by visit date, in the location's own zone, weeks from Monday."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import Count, Q, QuerySet

from accounts import access
from accounts.models import Location, User
from bookings.models import STANDING, Booking
from bookings.selectors import on_days
from core.localtime import local_day


@dataclass(frozen=True)
class AttendedWeek:
    """The primary figure: visits attended in one week against the week before.

    `change` is in percent, None when the week before had none. `without_outcome` counts visits of this week
    that are over and nobody has recorded; while there are any, `attended` may still rise.
    """

    week_start: date
    week_end: date
    attended: int
    attended_week_before: int
    change: float | None
    without_outcome: int


def monday(day: date) -> date:
    """The Monday of that day's week."""
    return day - timedelta(days=day.weekday())


def this_monday(location: Location, now: datetime) -> date:
    """The Monday of the present week on this clinic's calendar."""
    return monday(local_day(now, location.zone))


def visits_between(
    visits: QuerySet[Booking], locations: Iterable[Location], first: date, after: date
) -> QuerySet[Booking]:
    """Visits whose local day in their own location is from `first` up to, not including, `after`."""
    return visits.filter(on_days(locations, first, after))


def attended_week(user: User, *, week_start: date, now: datetime) -> AttendedWeek:
    """Attended appointments of the week from `week_start` (a Monday) in all locations the person may see."""
    locations = access.places(user)
    before, after = week_start - timedelta(days=7), week_start + timedelta(days=7)
    visits = access.visible(Booking, user)
    figures = visits_between(visits, locations, before, after).aggregate(
        attended=Count("pk", filter=on_days(locations, week_start, after) & Q(outcome="attended")),
        attended_before=Count("pk", filter=on_days(locations, before, week_start) & Q(outcome="attended")),
        without=Count("pk", filter=on_days(locations, week_start, after) & _unrecorded(now)),
    )
    earlier = figures["attended_before"]
    change = round(100 * (figures["attended"] - earlier) / earlier, 1) if earlier else None
    return AttendedWeek(
        week_start, after - timedelta(days=1), figures["attended"], earlier, change, figures["without"]
    )


def attended_visits(user: User, *, week_start: date) -> QuerySet[Booking]:
    """The very visits behind the figure of a week, earliest first."""
    return _listed(access.visible(Booking, user).filter(outcome="attended"), user, week_start)


def visits_without_outcome(user: User, *, week_start: date, now: datetime) -> QuerySet[Booking]:
    """Visits of a week that are over and still want an outcome, earliest first."""
    return _listed(access.visible(Booking, user).filter(_unrecorded(now)), user, week_start)


def _listed(visits: QuerySet[Booking], user: User, week_start: date) -> QuerySet[Booking]:
    """Those of the week, with what is said of a visit in a list and no more: there are hundreds."""
    week = visits_between(visits, access.places(user), week_start, week_start + timedelta(days=7))
    return (
        week.select_related("contact", "service", "location")
        .only("public_id", "appointment_datetime", "status", "outcome", "contact__public_id", "contact__name",
              "service__name", "location__name", "location__time_zone")
        .order_by("appointment_datetime", "pk")
    )  # fmt: skip


def _unrecorded(now: datetime) -> Q:
    return Q(outcome="none", status__in=STANDING, ends_at__lte=now)
