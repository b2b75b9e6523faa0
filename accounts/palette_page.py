"""The page “Search” and what the palette on every page is answered with. What is typed stands in no address."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts import live, pages, palette
from core.api_audit import note

NAME = "find"


@require_http_methods(["GET", "POST"])
def page(request: HttpRequest) -> HttpResponse:
    """What is found; an empty search shows what was opened last and what can be done."""
    asked = palette.Asked.of(request, request.POST.get("q", ""))
    found = palette.search(asked)
    rows = [hit.row for _, hits in found for hit in hits if hit.row is not None]
    note(request, rows, personal=bool(rows))
    context = {"text": asked.text, "groups": found, "count": sum(len(hits) for _, hits in found)}
    if live.is_live(request):
        return render(request, "accounts/_found.html", {**context, "listbox": True})
    return render(request, "accounts/find.html", pages.context(request, title="Search", **context))


def connect() -> None:
    """Called from AppConfig.ready()."""
    palette.connect()
    pages.extra.register(NAME, pages.Page("find/", page))
