"""Visits from a row of Today: book one, move one; and the buttons of today's visits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import access, desk_pages, live, pages, roles
from accounts.models import Location, User
from accounts.staff import refusal_text
from bookings import desk_kinds as visit_kinds
from bookings import overlap
from bookings import selectors as booking_selectors
from bookings import services as booking_services
from bookings.calendar_query import read_day
from bookings.models import Booking, Practitioner, Service
from core import clock
from core.api_audit import note
from core.causes import Cause
from core.errors import DomainError, Invalid
from core.localtime import to_utc
from tasks import cards, row_parts
from tasks.acts import finish
from tasks.models import Task
from tasks.row_parts import Act, Context, Done, Given, Panel, person_of, visit_of


def _moment(given: Given, location: Location) -> datetime:
    """The instant typed on the clinic's clock. Raises Invalid naming what is missing or unreadable."""
    day, at = given.get("day", ""), given.get("at", "")
    if not day or not at:
        raise Invalid("Say on which day and at what time.", fields={"day" if not day else "at": "required"})
    try:
        if read_day(day) is None:
            raise ValueError(day)
        wall = datetime.fromisoformat(f"{day}T{at}")
    except ValueError:
        raise Invalid(f"{day} {at} is not a day and a time.", fields={"at": "unreadable"}) from None
    return to_utc(wall, location.zone)


def move_asked(task: Task, given: Given, user: User) -> Context:
    """The visit as it stands, with its new time as typed; for a clash also the other one."""
    booking = visit_of(task)
    rivals: QuerySet[Booking] = Booking.objects.none()
    if task.type == Task.Type.RECONCILE:
        taken = overlap.taken(
            practitioner=booking.practitioner_id, room=booking.room_id,
            start=booking.appointment_datetime, end=booking.ends_at,
        )  # fmt: skip
        rivals = access.visible(taken, user).exclude(pk=booking.pk).select_related("contact", "service")
    at = task.location.local(booking.appointment_datetime)
    return {
        "booking": booking,
        "at": at,
        "rivals": [
            {"booking": rival, "at": task.location.local(rival.appointment_datetime)} for rival in rivals[:10]
        ],
        "day": given.get("day") or f"{at:%Y-%m-%d}",
        "time": given.get("at") or f"{at:%H:%M}",
    }


def move(task: Task, given: Given, user: User) -> Done:
    """Move the task's visit; a call about it was answered, and a clash is put right."""
    booking = visit_of(task)
    access.check(user, roles.UPDATE, "bookings", task.location)
    cause = Cause.user(user.pk)
    at = _moment(given, task.location)
    booking_services.reschedule_booking(booking_id=booking.pk, appointment_datetime=at, cause=cause)
    finish(task, cause)
    return Done(f"The visit is on {task.location.local(at):%a %-d %b, %H:%M} now.")


def book_asked(task: Task, given: Given, user: User) -> Context:
    """What a visit needs: service, day, time, and who sees the patient."""
    location, contact = task.location, person_of(task)
    offered = Service.objects.filter(location=location, is_active=True)
    ahead = booking_selectors.next_visits([contact.pk], clock.now()).get(contact.pk)
    tomorrow = location.local(clock.now())
    return {
        "services": offered,
        "practitioners": Practitioner.objects.filter(location=location, is_active=True),
        "chosen": given.get("service") or (str(task.booking.service.public_id) if task.booking else ""),
        "seen_by": given.get("practitioner") or "",
        "day": given.get("day") or f"{tomorrow:%Y-%m-%d}",
        "time": given.get("at") or "",
        "ahead": location.local(ahead.appointment_datetime) if ahead else None,
    }


def book(task: Task, given: Given, user: User) -> Done:
    """Book a visit for the task's person, and finish the task: that was its goal."""
    location, contact = task.location, person_of(task)
    access.check(user, roles.CREATE, "bookings", location)
    cause = Cause.user(user.pk)
    service = _chosen(Service, given.get("service", ""), location)
    if service is None:
        raise Invalid("Choose a service.", fields={"service": "required"})
    at = _moment(given, location)
    booking_services.create_booking(
        location=location, contact_id=contact.pk, service=service, appointment_datetime=at,
        practitioner=_chosen(Practitioner, given.get("practitioner", ""), location), cause=cause,
    )  # fmt: skip
    finish(task, cause)
    return Done(f"{contact} is booked for {location.local(at):%a %-d %b, %H:%M}.")


def _chosen(model: Any, public_id: str, location: Location) -> Any:
    if not public_id:
        return None
    found = {str(row.public_id): row for row in model.objects.filter(location=location, is_active=True)}
    if public_id not in found:
        raise Invalid("That is not on offer here any more.", fields={model._meta.model_name: "unknown"})
    return found[public_id]


# Today's visits


@require_POST
def visit(request: HttpRequest, public_id: str) -> HttpResponse:
    """A button beside one of today's visits: arrived, attended, did not attend."""
    user = request.user
    assert isinstance(user, User)
    booking = access.get_visible_or_404(
        Booking.objects.select_related("contact", "location"), user, public_id, roles.UPDATE
    )
    note(request, [booking], personal=True)
    back = reverse("admin:index")
    try:
        action, said = visit_kinds.press(booking, request.POST.get("move", ""), user)
    except DomainError as error:
        if live.is_live(request):
            return live.said(HttpResponse(status=422), refusal_text(error), bad=True)
        return live.answer(request, "", {}, back=back, text=refusal_text(error), bad=True)
    shown = cards.visits_today(user, clock.now()) if live.is_live(request) else None
    undo = desk_pages.undo_address(action)
    return live.answer(request, "tasks/_visits_card.html", shown or {}, back=back, text=said, undo=undo)


def connect() -> None:
    """Register the panels, acts and the page."""
    row_parts.panels.register("move", Panel("tasks/_move.html", move_asked, "Move the visit"))
    row_parts.acts.register("move", Act(move))
    row_parts.panels.register("book", Panel("tasks/_book.html", book_asked, "Book a visit"))
    row_parts.acts.register("book", Act(book))
    pages.extra.register("tasks_visit", pages.Page("today/visit/<uuid:public_id>/", visit))
