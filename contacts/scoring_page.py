"""The page “Scoring”: what things are worth in the scores of a clinic."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts import access, pages, roles
from accounts.models import Location
from accounts.staff import cause_of
from contacts import scoreboard
from contacts.models import Contact
from core.api_audit import note
from core.errors import Invalid

NAME = "contacts_scoring"


def scoring(request: HttpRequest) -> HttpResponse:
    """Show the weights of the clinic one works in; save them, or give them their defaults again."""
    access.check(request.user, roles.READ, "settings")
    location = getattr(request, "location", None) or access.location_for(request.user)
    if request.method != "POST":
        return _show(request, location)
    access.check(request.user, roles.UPDATE, "settings", location)
    if "restore" in request.POST:
        count = scoreboard.restore_weights(location_id=location.pk, cause=cause_of(request))
        return _done(request, location, count)
    try:
        count = scoreboard.set_weights(
            location_id=location.pk, points=_typed(request), cause=cause_of(request)
        )
    except Invalid as refusal:
        wrong = {name: " ".join(said) for name, said in refusal.fields.items()}
        return _show(request, location, wrong=wrong)
    return _done(request, location, count)


def _typed(request: HttpRequest) -> dict[scoreboard.Key, int]:
    """The numbers of the form. Raises Invalid for what is none."""
    points, wrong = {}, {}
    for name, value in request.POST.items():
        kind, dot, key = name.partition(".")
        if not dot:
            continue
        try:
            points[kind, key] = int(str(value))
        except ValueError:
            wrong[name] = "Give a whole number."
    if wrong:
        raise Invalid("Some weights are no numbers.", code="invalid_weights", fields=wrong)
    return points


def _done(request: HttpRequest, location: Location, count: int) -> HttpResponse:
    note(request, [location], fields=["scoring"])
    messages.success(request, f"{count} weights changed." if count else "Nothing differed.")
    return HttpResponseRedirect(reverse(f"admin:{NAME}"))


def _show(request: HttpRequest, location: Location, *, wrong: dict[str, str] | None = None) -> HttpResponse:
    wrong = wrong or {}
    groups = [
        {"group": group, "rows": [_row(request, weight, wrong) for weight in rows]}
        for group, rows in scoreboard.weights(location.pk)
    ]
    since = scoreboard.under_way(location.pk)
    people = Contact.objects.live().filter(location=location)[:10_000].count()
    note(request, [location])
    return render(
        request,
        "contacts/scoring.html",
        pages.context(
            request, title=f"Scoring at {location.name}", groups=groups, wrong=wrong, people=people,
            since=since and location.local(since), may=access.allowed(request.user, roles.UPDATE, "settings", location),
        ),
        status=400 if wrong else 200,
    )  # fmt: skip


def _row(request: HttpRequest, weight: scoreboard.Weight, wrong: dict[str, str]) -> dict[str, Any]:
    name = f"{weight.kind}.{weight.key}"
    shown = request.POST.get(name, weight.points) if wrong else weight.points
    return {"weight": weight, "name": name, "shown": shown, "error": wrong.get(name, "")}


def connect() -> None:
    """Join the staff's pages."""
    pages.extra.register(NAME, pages.Page("scoring/", scoring))
