"""Leaving safe mode: by an owner's button, or by `manage.py leave_safe_mode`."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts import access, pages, sending_stops
from accounts.models import SendingStop
from core import clock
from core.causes import Cause
from core.errors import Conflict, NotAllowed
from core.models import Work

NAME = "accounts_safe_mode"


def on() -> SendingStop | None:
    """The safe mode in force, if any."""
    return sending_stops.in_force().filter(kind=SendingStop.Kind.SAFE_MODE).first()


def waiting() -> int:
    """How many items of work are due: until they are done, what they would send is not known."""
    return Work.objects.filter(state__in=Work.OPEN, due_at__lte=clock.sql_now()).count()


def leave(*, cause: Cause, force: bool = False) -> dict[str, int]:
    """End safe mode; what may have been sent already is put aside first, in the same transaction.

    Returns what was put where. Raises Conflict when safe mode is not on and, without `force`, while work waits.
    """
    if on() is None:
        raise Conflict("Safe mode is not on.", code="not_stopped")
    left = waiting()
    if left and not force:
        raise Conflict(
            f"{left} items of work wait, and may still want something sent: let the workers finish first.",
            code="work_waits",
        )
    return sending_stops.resume(kind=SendingStop.Kind.SAFE_MODE, cause=cause) or {}


def page(request: HttpRequest) -> HttpResponse:
    """Say what leaving does, and do it when the button is pressed."""
    if not access.is_owner(request.user):
        raise NotAllowed("Only an admin of all clinics may end safe mode.")
    if request.method == "POST":
        return _left(request)
    return render(
        request,
        "accounts/safe_mode.html",
        pages.context(request, title="Safe mode", stop=on(), waiting=waiting()),
    )


def _left(request: HttpRequest) -> HttpResponse:
    try:
        did = leave(cause=Cause.user(request.user.pk or 0), force="force" in request.POST)
    except Conflict as refusal:
        messages.error(request, refusal.message)
        return HttpResponseRedirect(reverse(f"admin:{NAME}"))
    told = "; ".join(f"{count} {what}" for what, count in sorted(did.items()) if count)
    messages.success(request, f"Safe mode is off. {told or 'Nothing had to be put aside'}.")
    return HttpResponseRedirect(reverse("admin:index"))


def connect() -> None:
    """Join the staff's pages."""
    pages.extra.register(NAME, pages.Page("safe-mode/", page))
