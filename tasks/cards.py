"""The cards beside the queue: any app registers one; those of visits, leads and touchpoints are here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from accounts import access, pages, roles
from accounts.models import Location, User
from accounts.staff_links import change_url
from bookings.models import LIVE, STANDING, Booking, Status
from contacts import vocabulary
from contacts.models import Contact, Touchpoint
from core.localtime import local_day, start_of_day
from core.registry import Registry
from tasks import priority, visit_state

VERY_HOT = 80
LEADS_SHOWN = 8
TOUCHES_SHOWN = 10
VISITS_SHOWN = 60

CardContext = Callable[[User, datetime], dict[str, Any] | None]


@dataclass(frozen=True)
class Card:
    """A block beside the queue. `context` answers what its template shows, or None to leave it out; a `live` one is
    drawn anew with the queue.
    """

    order: int
    template: str
    context: CardContext
    live: bool = False


cards: Registry[Card] = Registry("card of the start page")


def drawn(
    user: User, now: datetime, request: HttpRequest, *, live: bool = False
) -> list[tuple[str, SafeString]]:
    """Each card's key and HTML, in order; with `live` only those that are drawn anew."""
    shown = []
    for key, card in sorted(cards.items(), key=lambda item: item[1].order):
        context = card.context(user, now) if card.live or not live else None
        if context is not None:
            shown.append((key, render_to_string(card.template, context, request=request)))
    return shown


def visits_today(user: User, now: datetime) -> dict[str, Any] | None:
    """Today's visits in the person's clinics with where each stands; None for who may not see visits."""
    if not access.allowed(user, roles.READ, "bookings"):
        return None
    places = access.places(user)
    when = Q(pk__in=())
    for place in places:
        begin = start_of_day(local_day(now, place.zone), place.zone)
        when |= Q(
            location=place,
            appointment_datetime__gte=begin,
            appointment_datetime__lt=priority.day_end(now, place.zone),
        )
    rows = access.visible(Booking, user).filter(when, status__in=LIVE)
    found = list(rows.order_by("appointment_datetime", "pk").values(*_SHOWN)[: VISITS_SHOWN + 1])
    clinics = {place.pk: place for place in places}
    lines = [_line(visit, clinics[visit["location_id"]], user, now) for visit in found[:VISITS_SHOWN]]
    # What wants a hand comes first, then what is to come, then what is done; each by its time.
    lines.sort(key=lambda line: line["state"].rank)
    return {
        "lines": lines,
        "more": len(found) > VISITS_SHOWN,
        "counts": visit_state.counts(line["state"] for line in lines),
    }


_SHOWN = (
    "public_id", "location_id", "status", "outcome", "arrived_at", "appointment_datetime", "ends_at",
    "contact__name", "service__name", "practitioner__name",
)  # fmt: skip


def _line(visit: dict[str, Any], location: Location, user: User, now: datetime) -> dict[str, Any]:
    state = visit_state.state(
        status=visit["status"], outcome=visit["outcome"], arrived=visit["arrived_at"] is not None,
        starts=visit["appointment_datetime"], ends=visit["ends_at"], now=now,
    )  # fmt: skip
    may_act = visit["status"] in STANDING and access.allowed(user, roles.UPDATE, "bookings", location)
    about = (
        visit["service__name"], visit["practitioner__name"], location.name if len(access.places(user)) > 1 else "",
        "said yes" if state == visit_state.EXPECTED and visit["status"] == Status.CONFIRMED else "",
    )  # fmt: skip
    return {
        "at": f"{location.local(visit['appointment_datetime']):%H:%M}",
        "name": visit["contact__name"] or "Unnamed",
        "page": pages.address("bookings_booking_change", visit["public_id"]),
        "about": " · ".join(part for part in about if part),
        "state": state,
        "moves": state.moves if may_act else (),
        "moves_at": pages.address("tasks_visit", visit["public_id"]),
    }


def hot_leads(user: User, now: datetime) -> dict[str, Any] | None:
    """Leads warmer than 80 without a visit ahead, the warmest first; None for who may not see contacts."""
    if not access.allowed(user, roles.READ, "contacts"):
        return None
    leads = access.visible(Contact.objects.live(), user).filter(
        location__in=access.places(user),
        warmness_score__gt=VERY_HOT,
        current_pipeline="lead_to_booking",
    )
    booked = Exists(Booking.objects.live(now).filter(contact_id=OuterRef("pk")))
    rows = leads.exclude(current_stage="dead_lost").exclude(booked).select_related("guardian")
    shown = rows.only(
        "public_id", "name", "phone", "guardian__phone", "warmness_score", "intent", "source"
    )  # fmt: skip
    return {"leads": list(shown.order_by("-warmness_score", "-pk")[:LEADS_SHOWN])}


def touchpoints(user: User, now: datetime) -> dict[str, Any] | None:
    """The last ten touchpoints, newest first, each clinic's read through its index."""
    if not access.allowed(user, roles.READ, "contacts"):
        return None
    seen = access.visible(Touchpoint, user).order_by("-at", "-pk")
    newest: list[QuerySet[Touchpoint]] = [
        seen.filter(location=place)[:TOUCHES_SHOWN] for place in access.places(user)
    ]
    if len(newest) > 1:
        # The newest of each clinic by the index, then the newest of those.
        keys = [rows.values_list("pk", flat=True) for rows in newest]
        ids = list(keys[0].union(*keys[1:], all=True))
        newest = [Touchpoint.objects.filter(pk__in=ids).order_by("-at", "-pk")[:TOUCHES_SHOWN]]
    rows = newest[0].select_related("contact", "location") if newest else Touchpoint.objects.none()
    return {
        "lines": [
            {
                "name": row.contact.name or "Unnamed",
                "page": change_url(row.contact),
                "at": f"{row.location.local(row.at):%a %H:%M}",
                "text": vocabulary.LABELS.get(row.type, row.type),
            }
            for row in rows.only("at", "type", "contact__name", "contact__public_id", "location__time_zone")
        ]
    }


def connect() -> None:
    """Join the start page."""
    cards.register("visits", Card(5, "tasks/_visits_card.html", visits_today, live=True))
    cards.register("leads", Card(12, "tasks/_leads_card.html", hot_leads))
    cards.register("touchpoints", Card(30, "tasks/_touchpoints_card.html", touchpoints))
