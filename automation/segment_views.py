"""Whom a segment would hold, while it is written."""

from __future__ import annotations

import json
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST

from accounts import access, pages
from accounts.models import Location
from automation import segments
from core.errors import Invalid


@require_POST
def segment_count(request: HttpRequest) -> HttpResponse:
    """The conditions in plain words and how many people meet them now; else what is wrong, by path."""
    access.check(request.user, "read", "settings")
    context: dict[str, Any] = {}
    location = _location(request)
    try:
        raw = json.loads(request.POST.get("conditions") or "{}")
        node = segments.parse(raw)
    except json.JSONDecodeError as error:
        context["errors"] = {"conditions": [f"This is not JSON yet: {error.msg}, line {error.lineno}."]}
    except Invalid as error:
        context["errors"] = error.fields
    else:
        context["sentence"] = segments.sentence(raw)
        if location is not None:
            context["count"] = str(segments.count(location, node))
            context["location"] = location
    return render(request, "automation/_segment_count.html", context)


def _location(request: HttpRequest) -> Location | None:
    asked = request.POST.get("location", "")
    rows = access.locations(request.user)
    return rows.filter(pk=asked).first() if asked.isascii() and asked.isdigit() and len(asked) < 16 else None


def connect() -> None:
    """Put the pages under /admin/. Called from AppConfig.ready()."""
    page = pages.Page("automation/segment-count/", pages.refusing(segment_count))
    pages.extra.register("automation_segment_count", page)
