"""Staff pages that are no list or form: the on-screen phone, a conversation, and how a wording travels."""

from __future__ import annotations

from functools import wraps
from typing import Any

from django.contrib import messages as flash
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts import access, pages
from accounts.models import Location
from contacts.models import Contact
from core import clock
from core.api_audit import note
from core.errors import DomainError, NotAllowed
from messaging import phone, rendering, safety, segments, threads
from messaging.models import Channel, Purpose


@require_GET
def phone_page(request: HttpRequest) -> HttpResponse:
    """Choose a contact, see what the person sees, answer."""
    access.check(request.user, "read", "messages")
    people = phone.reachable(request.user)
    wanted = request.GET.get("q", "").strip()
    if wanted:
        people = people.filter(_fits(wanted))
    listed = list(people[: phone.LISTED])
    chosen = _chosen(request, listed)
    note(request, [*listed, *([chosen] if chosen else [])], personal=True)
    context = pages.context(request, title="Phone", people=listed, q=wanted, **_phone(request, chosen))
    return render(request, "messaging/phone.html", context)


def _fits(wanted: str) -> Q:
    """Part of a name, or of a number as it is written at home or abroad."""
    digits = "".join(filter(str.isdigit, wanted)).lstrip("0")
    return Q(name__icontains=wanted) | (Q(phone__contains=digits) if digits else Q())


@require_GET
def phone_thread(request: HttpRequest, contact: str) -> HttpResponse:
    """The screen alone, asked for every few seconds."""
    person = access.get_visible_or_404(phone.reachable(request.user), request.user, contact)
    note(request, [person], personal=True)
    return render(request, "messaging/_phone_thread.html", _phone(request, person))


@require_POST
def phone_answer(request: HttpRequest, contact: str) -> HttpResponse:
    """Answer as the contact."""
    person = access.get_visible_or_404(phone.reachable(request.user), request.user, contact)
    access.check(request.user, "update", "messages", person.location)
    note(request, [person], personal=True)
    error = ""
    try:
        phone.answer(contact=person, body=request.POST.get("body", ""))
    except DomainError as refusal:
        error = refusal.message
    if request.headers.get("HX-Request"):
        return render(request, "messaging/_phone_thread.html", {**_phone(request, person), "error": error})
    if error:
        flash.error(request, error)
    return HttpResponseRedirect(f"{reverse('admin:messaging_phone')}?contact={person.public_id}")


def _chosen(request: HttpRequest, listed: list[Contact]) -> Contact | None:
    asked = request.GET.get("contact", "")
    if asked:
        return access.get_visible_or_404(phone.reachable(request.user), request.user, asked)
    return listed[0] if listed else None


def _phone(request: HttpRequest, person: Contact | None) -> dict[str, Any]:
    if person is None:
        return {"person": None}
    location = person.location
    household = Contact.objects.live().reached_by(location, person.reach_phone)
    return {
        "person": person,
        "location": location,
        "bubbles": threads.of_phone(location, person.reach_phone)[::-1],
        "coming": threads.coming(location, household.values_list("pk", flat=True)),
        "now": location.local(clock.now()),
        "may_answer": access.allowed(request.user, "update", "messages", location),
    }


@require_POST
def measure(request: HttpRequest) -> HttpResponse:
    """How a wording travels: its encoding, segments, cost, how it reads, and what is wrong with it."""
    access.check(request.user, "read", "settings")
    body = request.POST.get("body") or request.POST.get("message", "")
    location = getattr(request, "location", None) or access.home_location(request.user) or Location()
    shown = safety.sample(body, location)
    context = {
        "findings": safety.findings(location, body=body, **_wording(request)),
        "brief": bool(request.POST.get("brief")),
        "readable": not rendering.problems(body),
        "shown": shown,
        "size": segments.measure(shown),
        "cost": safety.cost_of(shown, location) / 100,
        "currency": location.currency,
        "placeholders": rendering.PLACEHOLDERS,
    }
    return render(request, "messaging/_measure.html", context)


def _wording(request: HttpRequest) -> dict[str, Any]:
    """What else the form says about the text that is being written."""
    given = request.POST
    known = {
        "purpose": given.get("purpose") if given.get("purpose") in Purpose.values else Purpose.SERVICE.value,
        "channel": given.get("channel") if given.get("channel") in Channel.values else Channel.SMS.value,
        "kind": given.get("kind") if given.get("kind") in ("bulk", "reply") else "template",
    }
    return {**known, "asks_answer": bool(given.get("asks_answer")), "subject": given.get("subject", "")}


def _refusing(view: pages.StaffView) -> pages.StaffView:
    """What the gate refuses is answered as 403."""

    @wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(*args, **kwargs)
        except NotAllowed as refusal:
            raise PermissionDenied(refusal.message) from refusal

    return guarded


def connect() -> None:
    """Put the pages under /admin/. Called from AppConfig.ready()."""
    for name, route, view in (
        ("messaging_phone", "phone/", phone_page),
        ("messaging_phone_thread", "phone/<uuid:contact>/thread/", phone_thread),
        ("messaging_phone_answer", "phone/<uuid:contact>/answer/", phone_answer),
        ("messaging_measure", "messages/measure/", measure),
    ):
        pages.extra.register(name, pages.Page(route, _refusing(view)))
