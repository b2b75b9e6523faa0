"""Staff pages of automation."""

from __future__ import annotations

from datetime import date, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from accounts import access, pages
from accounts.models import Location, User
from automation import recall
from bookings.models import Practitioner
from core import clock
from core.api_audit import note


def recall_list(request: HttpRequest) -> HttpResponse:
    """Who is due again: everybody up to the end of this month, or those of one month or one practitioner."""
    user, now = request.user, clock.now()
    assert isinstance(user, User)
    access.check(user, "read", "contacts")
    today = (access.home_location(user) or Location()).local(now).date()
    month = _month(request.GET.get("month", ""))
    since, until = recall.month_of(month or today)
    doctors = list(
        access.visible(Practitioner.objects.filter(is_active=True), user).select_related("location")
    )
    doctor = _practitioner(request.GET.get("practitioner", ""), user)
    unbooked = request.GET.get("unbooked") == "1"
    people = recall.recalls(
        user, since=since if month else None, until=until, practitioner=doctor,
        unbooked_at=now if unbooked else None,
    )  # fmt: skip
    page = recall.page_of(people, request.GET.get("page"))
    rows = recall.rows(page.object_list, now)
    note(request, [row.contact for row in rows], personal=True)
    kept = {"practitioner": str(doctor.public_id) if doctor else "", "unbooked": "1" if unbooked else ""}
    return render(
        request,
        "automation/recall.html",
        pages.context(
            request, title="Recalls", page=page, rows=rows, month=month, since=since, until=until,
            doctors=doctors, doctor=doctor, unbooked=unbooked,
            several=len(access.locations(user)[:2]) > 1,
            before=since - timedelta(days=1), after=until + timedelta(days=1),
            kept=urlencode({name: value for name, value in kept.items() if value}),
        ),
    )  # fmt: skip


def _month(given: str) -> date | None:
    if not given:
        return None
    try:
        return date.fromisoformat(f"{given}-01")
    except ValueError:
        raise Http404("There is no such month. Give one such as 2026-11.") from None


def _practitioner(given: str, user: User) -> Practitioner | None:
    if not given:
        return None
    try:
        public_id = UUID(given)
    except ValueError:
        raise Http404("There is no such practitioner.") from None
    found = access.visible(Practitioner, user).filter(public_id=public_id).first()
    if found is None:
        raise Http404("There is no such practitioner.")
    return found


def connect() -> None:
    """Join the staff's pages."""
    pages.extra.register("automation_recall", pages.Page("recall/", recall_list))
