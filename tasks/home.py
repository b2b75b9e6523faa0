"""Today: the page staff start on. One ranked queue, as a list or a board, and beside it the cards of any app."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts import access, pages, roles
from accounts.live import is_live
from accounts.models import User
from accounts.staff import refusal_text
from core.api_audit import note
from core.errors import DomainError
from tasks import board, filters, queue, rows, scenes
from tasks.cards import Card, cards, drawn
from tasks.models import Task

__all__ = ["Card", "cards", "connect", "today"]


def today(request: HttpRequest) -> HttpResponse:
    """The queue of the signed-in person, highest score first; without what stands around it where htmx asks."""
    user = request.user
    assert isinstance(user, User)
    if not access.allowed(user, roles.READ, "tasks"):
        return render(request, "tasks/today.html", pages.context(request, cards=[], title="Today"))
    scene = scenes.of(request, request.GET)
    try:
        shown = _board(request, scene) if scene.filters.view == "board" else _list(request, scene)
    except DomainError as error:
        messages.error(request, refusal_text(error))
        return HttpResponseRedirect(reverse("admin:index"))
    if is_live(request):
        return render(request, f"tasks/_{scene.filters.view}.html", {**scene.context(), **shown})
    context = pages.context(
        request, title="Today", **scene.context(), **shown, cards=drawn(user, scene.now, request),
        types=Task.Type.choices, ranks=filters.RANKS, places=scene.places,
    )  # fmt: skip
    return render(request, "tasks/today.html", context)


def _list(request: HttpRequest, scene: scenes.Scene) -> dict[str, object]:
    cursor = request.GET.get("cursor") or None
    page = scene.page(cursor)
    note(request, page.tasks, personal=True)
    found = scene.filters
    return {
        "rows": rows.rows_of(page.tasks, scene.user, now=page.as_of, own=scene.own),
        "next_url": _further(found, page) if page.next_cursor else "",
        "first_url": found.address() if cursor else "",
        "as_of": scene.now.isoformat(),
    }


def _further(found: filters.Filters, page: queue.Page) -> str:
    start = found.address()
    return f"{start}{'&' if '?' in start else '?'}cursor={page.next_cursor}"


def _board(request: HttpRequest, scene: scenes.Scene) -> dict[str, object]:
    columns = board.columns(scene)
    note(request, [card.task for column in columns for card in column.cards], personal=True)
    return {"columns": columns}


def connect() -> None:
    """Make this the start page."""
    pages.home.register("home", today)
