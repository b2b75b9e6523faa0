"""Patients won back: who booked again after a cancellation or a recall text. The rows are the figure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from django.db.models import Q

from accounts import access
from accounts.models import User
from bookings.models import Booking
from core.localtime import start_of_day
from core.models import Event

RECOVERED = "contact_recovered"
RESCUE, RECALL = "rescue", "recall"


@dataclass(frozen=True)
class WonBack:
    """One patient won back: the visit they booked, when, and the cancelled one it stands for, if any."""

    visit: Booking
    booked_at: datetime
    lost: Booking | None = None


@dataclass(frozen=True)
class RecoveredWeek:
    """Who was won back in a week: after a cancellation (rescued), after a recall text (recalled)."""

    rescued: list[WonBack] = field(default_factory=list)
    recalled: list[WonBack] = field(default_factory=list)


def recovered_week(user: User, *, week_start: date) -> RecoveredWeek:
    """The week from `week_start` (a Monday), by the day on which the new visit was booked, at each location's own
    clock, in all locations the person may see; latest first. Three queries.
    """
    when = Q(pk__in=())
    for location in access.places(user):
        when |= Q(
            location_id=location.pk,
            occurred_at__gte=start_of_day(week_start, location.zone),
            occurred_at__lt=start_of_day(week_start + timedelta(days=7), location.zone),
        )
    events = list(Event.objects.filter(when, type=RECOVERED).order_by("-pk"))
    ids = {event.booking_id for event in events} | {event.data.get("lost") for event in events}
    visible = access.visible(Booking, user).select_related("contact", "service", "location")
    visits = visible.in_bulk([pk for pk in ids if pk is not None])
    found: dict[str, list[WonBack]] = {RESCUE: [], RECALL: []}
    for event in events:
        visit = visits.get(event.booking_id or 0)
        if visit is not None:
            lost = visits.get(event.data.get("lost") or 0)
            found[event.data["kind"]].append(WonBack(visit, event.occurred_at, lost))
    return RecoveredWeek(found[RESCUE], found[RECALL])
