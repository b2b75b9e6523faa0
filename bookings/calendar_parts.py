"""What the calendar's dialogs share: a dialog asked for by htmx is a part of the page, else a page of its own; an act
answers with words, and the calendar hears that visits changed.
"""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from accounts import live, pages

CHANGED = "visits-changed"
OPENED = "calendar-dialog"


def show(
    request: HttpRequest, template: str, context: dict[str, Any], *, title: str, refused: bool = False
) -> HttpResponse:
    """A dialog (422 when what it was sent with is refused), or the same as a page where there is no script."""
    status = 422 if refused else 200
    context = {**context, "title": title, "next": back_of(request), "live": live.is_live(request)}
    if live.is_live(request):
        response = render(request, template, context, status=status)
        response["HX-Trigger"] = json.dumps({OPENED: {}})
        if not request.headers.get("HX-Target", "").startswith("cal-"):
            response["HX-Retarget"], response["HX-Reswap"] = "#cal-dialog-body", "innerHTML"
        return response
    whole = pages.context(request, part=template, **context)
    return render(request, "bookings/calendar_dialog.html", whole, status=status)


def done(request: HttpRequest, text: str, *, undo: str = "", bad: bool = False) -> HttpResponse:
    """After an act: words, and the calendar looks again; without a script back to where the person was."""
    if not live.is_live(request):
        return live.answer(request, "", {}, back=back_of(request), text=text, bad=bad)
    response = live.said(HttpResponse(status=422 if bad else 200), text, bad=bad, undo=undo)
    response["HX-Trigger"] = json.dumps({**json.loads(response["HX-Trigger"]), CHANGED: {}})
    response["HX-Reswap"] = "none"
    return response


def back_of(request: HttpRequest) -> str:
    """Where the person came from: `next`, when it is an address of ours."""
    asked = request.POST.get("next") or request.GET.get("next", "")
    return live.own_address(request, asked) or reverse("admin:bookings_calendar")
