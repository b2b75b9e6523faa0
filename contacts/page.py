"""The page of one person: its head, what is done there, what happened, and its panels one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from accounts import access, desk_actions, desk_pages, live, pages
from accounts.models import DeskAction, User
from accounts.staff import cause_of
from accounts.staff_links import change_url
from contacts import desk_kinds, panels, pipeline, selectors, services, timeline
from contacts.models import Contact
from core.api_audit import note
from core.errors import DomainError, Malformed

LINES = 25
"""Lines of what happened that are shown at once."""


def context(contact: Contact, request: HttpRequest) -> dict[str, Any]:
    """What the page shows of a person beside the form."""
    return {
        **head(contact, request),
        **happened(contact, request),
        "panels": panels.render(contact, request),
    }


def head(contact: Contact, request: HttpRequest) -> dict[str, Any]:
    """Who this is, where they stand, how warm and why, what is allowed, and what can be done."""
    user = cast(User, request.user)
    others = Contact.objects.live().filter(guardian=contact).order_by("name")
    facts = [function(contact, user) for _, function in panels.facts.items()]
    return {
        "contact": contact,
        "location": contact.location,
        "facts": [fact for fact in facts if fact is not None],
        "members": list(others) if contact.guardian_id is None else [],
        "channels": selectors.consent_shown(contact),
        "parts": selectors.warmness_explained(contact),
        "acts": panels.offered(contact, user),
    }


def happened(contact: Contact, request: HttpRequest) -> dict[str, Any]:
    """A part of what happened, newest first: of one kind (`kind`), from a line on (`before`)."""
    kinds = timeline.kinds_for(cast(User, request.user), contact)
    kind = request.GET.get("kind", "")
    if kind and kind not in kinds:
        raise Malformed(f"There is nothing called {kind!r} here. Use one of: {', '.join(kinds)}.")
    wanted = (kind,) if kind else tuple(kinds)
    lines = selectors.timeline(contact, limit=LINES + 1, before=request.GET.get("before", ""), kinds=wanted)
    more = lines[LINES - 1].cursor if len(lines) > LINES else ""
    address = reverse("admin:contacts_contact_timeline", args=(contact.public_id,))
    asked = {"kind": kind, "before": more}
    return {
        "lines": lines[:LINES],
        "kind": kind,
        "kinds": kinds,
        "timeline_url": address,
        "more_url": f"{address}?{urlencode({k: v for k, v in asked.items() if v})}" if more else "",
    }


def timeline_view(request: HttpRequest, contact: Contact) -> HttpResponse:
    """Everything that happened with one contact, a part at a time."""
    shown = {**happened(contact, request), "contact": contact, "location": contact.location}
    if live.is_live(request):
        part = "_lines" if "before" in request.GET else "_happened"
        return render(request, f"contacts/{part}.html", shown)
    title = f"What happened with {contact}"
    return render(request, "contacts/timeline_page.html", pages.context(request, title=title, **shown))


def panel_view(request: HttpRequest, contact: Contact, key: str) -> HttpResponse:
    """One panel: for htmx what stands in it, for others a page of its own."""
    panel = panels.render_one(key, contact, request)
    if panel is None:
        raise Http404("There is no such part of the page.")
    if live.is_live(request):
        return HttpResponse(panel.html)
    return render(
        request, "contacts/panel_page.html",
        pages.context(request, title=f"{panel.title} · {contact}", contact=contact, panel=panel),
    )  # fmt: skip


def move_view(request: HttpRequest, contact: Contact) -> HttpResponse:
    """Move the contact to another stage."""
    access.check_on(request.user, "update", contact)
    return _done(request, contact, lambda: _move(request, contact))


def _move(request: HttpRequest, contact: Contact) -> tuple[str, DeskAction]:
    place = pipeline.read(request.POST.get("target", ""))
    action = desk_actions.do_one(
        desk_kinds.MOVE_STAGE, location=contact.location, user=cast(User, request.user), item=contact.pk,
        parameters=place._asdict(), reason=request.POST.get("reason", "").strip()[:500],
    )  # fmt: skip
    return desk_pages.unless_already(f"Moved to {pipeline.label(place)}.", action), action


def note_view(request: HttpRequest, contact: Contact) -> HttpResponse:
    """Add a dated note."""
    access.check_on(request.user, "update", contact)
    return _done(request, contact, lambda: _add_note(request, contact))


def _add_note(request: HttpRequest, contact: Contact) -> tuple[str, None]:
    services.add_note(contact_id=contact.pk, text=request.POST.get("text", ""), cause=cause_of(request))
    return "The note is kept.", None


def _done(
    request: HttpRequest, contact: Contact, act: Callable[[], tuple[str, DeskAction | None]]
) -> HttpResponse:
    """Do it and answer with the head as it is now; what can be undone offers that."""
    back = change_url(contact)
    try:
        text, action = act()
    except DomainError as refusal:
        return live.refused(request, refusal, back=back)
    fresh = Contact.objects.select_related("owner", "guardian", "location").get(pk=contact.pk)
    note(request, [cast(Model, fresh)], personal=True)
    undo = desk_pages.undo_address(action) if action is not None else ""
    if action is not None and not live.is_live(request):
        text = desk_pages.with_undo(text, action)
    # What else the page shows of the contact is read again when something is said.
    return live.answer(request, "contacts/_head.html", head(fresh, request), back=back, text=text, undo=undo)
