"""Visits in the search over everything: those of the people that were found, or by a provider's id; and days."""

from __future__ import annotations

from datetime import date, timedelta

from django.db.models import Q, QuerySet
from django.urls import reverse

from accounts import access, palette
from accounts.palette import Asked, Group, Hit, Opened
from accounts.staff_links import change_url
from bookings import selectors
from bookings.calendar_query import read_day
from bookings.calendar_words import state_of
from bookings.models import Booking
from contacts import palette as contact_palette
from core import clock

SHOWN = 6
_AROUND = timedelta(days=60)
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}


def visits(asked: Asked) -> list[Hit]:
    """Visits ahead, soonest first, then those of the last weeks."""
    now = clock.now()
    theirs = Q(
        contact__in=[row.pk for row in contact_palette.found(asked)], appointment_datetime__gte=now - _AROUND
    )
    if " " not in asked.text and len(asked.text) >= 4:
        theirs |= selectors.named(asked.text, asked.places)
    seen = access.visible(_bookings(), asked.user).filter(theirs)
    coming = list(seen.filter(ends_at__gt=now).order_by("appointment_datetime")[:SHOWN])
    gone = seen.filter(ends_at__lte=now).order_by("-appointment_datetime")
    return [_hit(row) for row in [*coming, *gone[: SHOWN - len(coming)]]]


def days(asked: Asked) -> list[Hit]:
    """The day that was typed ("tomorrow", "friday", "14 Dec", "2026-12-14"), in the calendar."""
    if asked.home is None or not access.allowed(asked.user, "read", "bookings"):
        return []
    day = read(asked.text, asked.home.local(clock.now()).date())
    if day is None:
        return []
    address = f"{reverse('admin:bookings_calendar')}?view=day&date={day}"
    return [Hit(f"{day:%A %-d %B %Y}", address, "The diary of this day", "calendar_month")]


def read(text: str, today: date) -> date | None:
    """The day these words mean: a weekday is the next one, a day of a month the one ahead. None for no day."""
    text = text.casefold()
    if text in _DAYS:
        return today + timedelta(days=_DAYS[text])
    for ahead in range(1, 8):
        day = today + timedelta(days=ahead)
        if len(text) >= 3 and f"{day:%A}".casefold().startswith(text):
            return day
    if (asked := read_day(text)) is not None:
        return asked
    number, _, month = text.partition(" ")
    if number.isascii() and number.isdigit() and len(month) >= 3:
        for ahead in range(366):
            day = today + timedelta(days=ahead)
            if day.day == int(number[:3]) and f"{day:%B}".casefold().startswith(month):
                return day
    return None


def _hit(row: Booking) -> Hit:
    at = row.location.local(row.appointment_datetime)
    state = state_of(
        row.status, row.outcome, arrived=row.arrived_at is not None, ends_at=row.ends_at, now=clock.now()
    )
    note = f"{at:%a %-d %b %Y, %H:%M} · {row.service.name} · {state.word}"
    return Hit(row.contact.name or "Unnamed", change_url(row), note, "event", row)


def _bookings() -> QuerySet[Booking]:
    return Booking.objects.select_related("location", "contact", "service")


def connect() -> None:
    """Called from AppConfig.ready()."""
    palette.groups.register("visits", Group("Visits", 20, visits))
    palette.groups.register("days", Group("Calendar", 5, days))
    palette.opened.register("admin:bookings_booking_change", Opened(_bookings, _hit))
