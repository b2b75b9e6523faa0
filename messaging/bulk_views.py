"""The page on which a text to many is written, measured meanwhile. It is then looked at, confirmed and watched on its
own page.
"""

from __future__ import annotations

from typing import Any, cast

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access, pages
from accounts.models import Location, User
from accounts.staff import cause_of, change_url, refusal_text
from core.errors import DomainError
from messaging import audiences, bulk, rendering, safety, segments
from messaging.bulk import NewBulk
from messaging.models import Channel, Purpose, Template

_FIELDS = ("audience", "template", "message", "purpose")


@require_http_methods(["GET", "POST"])
def bulk_page(request: HttpRequest) -> HttpResponse:
    """Choose to whom, and a template or words of one's own."""
    user = cast(User, request.user)
    location = _location(request)
    access.check(user, "create", "messages", location)
    errors: dict[str, str] = {}
    if request.method == "POST":
        try:
            draft = bulk.draft(location=location, user=user, wanted=_wanted(request), cause=cause_of(request))
        except DomainError as refusal:
            errors = _errors(refusal)
        else:
            return HttpResponseRedirect(change_url(draft))
    return render(request, "messaging/bulk.html", _context(request, location, errors))


@require_POST
def measure(request: HttpRequest) -> HttpResponse:
    """How words of one's own travel, asked while they are written: segments, cost, how they read, what is wrong."""
    location = _location(request)
    access.check(request.user, "create", "messages", location)
    body, purpose = request.POST.get("message", ""), request.POST.get("purpose")
    shown = safety.sample(body, location)
    context = {
        "findings": safety.findings(
            location, body=body, kind="bulk", purpose=purpose if purpose in Purpose.values else Purpose.SERVICE.value
        ),
        "readable": not rendering.problems(body), "shown": shown, "size": segments.measure(shown),
        "cost": safety.cost_of(shown, location) / 100, "currency": location.currency,
        "placeholders": rendering.PLACEHOLDERS,
    }  # fmt: skip
    return render(request, "messaging/_measure.html", context)


def _wanted(request: HttpRequest) -> NewBulk:
    given = request.POST
    kind, _, ref = given.get("audience", "").partition(":")
    template = given.get("template", "")
    return NewBulk(
        audience=kind, audience_ref=ref, template=template, message="" if template else given.get("message", ""),
        purpose="" if template else given.get("purpose", ""),
    )  # fmt: skip


def _errors(refusal: DomainError) -> dict[str, str]:
    """What was refused by the field it is about; "" for what no field of the page is about."""
    named = {name: " ".join(wrong) for name, wrong in refusal.fields.items() if name in _FIELDS}
    if len(named) == 1:
        return dict.fromkeys(named, refusal.message)
    return named or {"": refusal_text(refusal)}


def _context(request: HttpRequest, location: Location, errors: dict[str, str]) -> dict[str, Any]:
    user = cast(User, request.user)
    templates = access.visible(Template, user).filter(location=location, channel=Channel.SMS, is_active=True)
    return pages.context(
        request, title="Text to many", location=location, errors=errors, given=request.POST,
        locations=[row for row in access.locations(user) if access.allowed(user, "create", "messages", row)],
        audiences=audiences.choices(location, user),
        templates=templates.filter(asks_answer=False).order_by("name"),
        purposes=Purpose.choices, placeholders=rendering.PLACEHOLDERS,
        segments_url=reverse("admin:automation_savedsegment_add"),
    )  # fmt: skip


def _location(request: HttpRequest) -> Location:
    asked = request.POST.get("location") or request.GET.get("location")
    return access.location_for(request.user, asked)


def connect() -> None:
    """Put the pages under /admin/. Called from AppConfig.ready()."""
    pages.extra.register("messaging_bulk", pages.Page("messages/bulk/", pages.refusing(bulk_page)))
    pages.extra.register("messaging_measure", pages.Page("messages/measure/", pages.refusing(measure)))
