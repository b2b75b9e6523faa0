"""The demo's clock beside the on-screen phones: what time it is there, where it can go, what happened on the way."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_GET, require_POST

from accounts import access, live, pages
from accounts.models import Location
from avatar_cms.demo import travel
from avatar_cms.demo.play import next_due
from core import clock, localtime, ticks
from core.errors import DomainError, Invalid, NotFound
from messaging import phone
from messaging.models import Direction, Message, Status
from tasks.models import Task

CARD = "avatar_cms/_demo_clock.html"
SHOWN = 6
_ON_THE_WAY = (Status.SENT, Status.DELIVERED, Status.UNKNOWN, Status.FAILED)


def card(request: HttpRequest) -> SafeString | None:
    """The card beside the phones; None where the clock is nobody's to move."""
    location = _location(request)
    if not travel.is_possible() or location is None:
        return None
    return render_to_string(CARD, _context(request, location), request=request)


def _location(request: HttpRequest) -> Location | None:
    return getattr(request, "location", None) or access.home_location(request.user)


def _context(request: HttpRequest, location: Location) -> dict[str, Any]:
    now, state = clock.now(), travel.state()
    due = next_due(now)
    return {
        "now": location.local(now),
        "moving": state.is_moving,
        "target": location.local(state.target) if state.target else None,
        "percent": _percent(state, now),
        "since": location.local(state.since) if state.since else None,
        "may_move": access.allowed(request.user, "update", "messages", location),
        "next": location.local(due) if due is not None and due - now <= travel.LONGEST else None,
        "tomorrow": location.local(travel.tomorrow(location)),
        **(_happened(request, location, state.since) if state.since else {}),
    }


def _percent(state: travel.State, now: datetime) -> int:
    if state.since is None or state.target is None:
        return 0
    whole = (state.target - state.since) / timedelta(seconds=1)
    return max(0, min(100, round(100 * ((now - state.since) / timedelta(seconds=1)) / whole)))


def _happened(request: HttpRequest, location: Location, since: datetime) -> dict[str, Any]:
    """What went out and what came up for the desk since the journey began, newest first."""
    texts = access.visible(Message.objects.filter(location=location), request.user).filter(
        direction=Direction.OUTBOUND, status__in=_ON_THE_WAY, sent_at__gt=since
    )
    todo = access.visible(Task.objects.filter(location=location), request.user).filter(created_at__gt=since)
    return {
        "texts": [
            (location.local(text.sent_at), text)
            for text in texts.select_related("contact", "template").order_by("-sent_at")[:SHOWN]
            if text.sent_at is not None
        ],
        "texts_count": texts.count(),
        "tasks": [
            (location.local(task.created_at), task)
            for task in todo.select_related("contact").order_by("-created_at")[:SHOWN]
        ],
        "tasks_count": todo.count(),
    }


@require_GET
def show(request: HttpRequest) -> HttpResponse:
    """The card alone, asked for every second while the clock moves."""
    response = HttpResponse(card(request) or "")
    if travel.is_possible() and not travel.state().is_moving:
        response["HX-Trigger"] = json.dumps({"moved": {}})
    return response


@require_POST
def move(request: HttpRequest) -> HttpResponse:
    """Set out, or stop."""
    location = _location(request)
    if not travel.is_possible() or location is None:
        raise NotFound("There is no clock to move here.")
    access.check(request.user, "update", "messages", location)
    try:
        text = _move(request.POST.get("to", ""), request.POST.get("at", ""), location)
    except DomainError as refusal:
        return _answer(request, location, refusal.message, bad=True)
    return _answer(request, location, text)


def _move(to: str, at: str, location: Location) -> str:
    now = clock.now()
    if to == "stop":
        travel.stop()
        return f"The clock stays at {location.local(now):%a %-d %b, %H:%M}."
    target = {
        "hour": lambda: now + timedelta(hours=1),
        "next": lambda: (next_due(now) or now + timedelta(hours=1)) + timedelta(minutes=1),
        "tomorrow": lambda: travel.tomorrow(location),
        "week": lambda: now + timedelta(days=7),
        "at": lambda: _typed(at, location),
    }.get(to)
    if target is None:
        raise Invalid("Choose where the clock shall go.", fields={"to": "unknown"})
    moment = target()
    travel.begin(moment)
    return f"On the way to {location.local(moment):%a %-d %b, %H:%M}."


def _typed(at: str, location: Location) -> datetime:
    try:
        wall = datetime.fromisoformat(at)
    except ValueError:
        raise Invalid("Write a day and a time.", fields={"at": "not a time"}) from None
    return localtime.to_utc(wall, location.zone) if wall.tzinfo is None else wall


def _answer(request: HttpRequest, location: Location, text: str, *, bad: bool = False) -> HttpResponse:
    before = urlsplit(request.headers.get("Referer", ""))
    back = (
        f"{before.path}?{before.query}"
        if before.path.startswith("/admin/")
        else reverse("admin:messaging_phone")
    )
    return live.answer(request, CARD, _context(request, location), back=back, text=text, bad=bad)


def badge(request: HttpRequest) -> str:
    """What the header's badge adds while the clock runs ahead: the time at the clinic one works in."""
    location = getattr(request, "location", None)
    if not travel.is_possible() or not clock.ahead() or location is None:
        return ""
    return f"{location.local(clock.now()):%a %-d %b, %H:%M}"


def connect() -> None:
    """Follow the demo's clock, and show it. Called from AppConfig.ready()."""
    travel.follow()
    phone.beside.register("demo_clock", card)
    pages.extra.register("demo_clock", pages.Page("demo/clock/", show))
    pages.extra.register("demo_clock_move", pages.Page("demo/clock/move/", move))
    ticks.register("10s", "demo.clock", travel.go)
