"""Today: the page staff start on. One ranked queue, and beside it the cards that other apps register."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.views.decorators.http import require_POST

from accounts import access, pages, roles
from accounts.models import Location, User
from accounts.staff import colleagues, refusal_text
from contacts.models import Contact
from core import clock
from core.api_audit import note
from core.causes import Cause
from core.errors import DomainError
from core.registry import Registry
from tasks import calls, priority, queue, selectors, services, snoozing
from tasks.models import Task

PAGE_SIZE = 25

CardContext = Callable[[User, datetime], dict[str, Any] | None]


@dataclass(frozen=True)
class Card:
    """A block beside the queue. `context` answers what its template shows, or None to leave it out."""

    order: int
    template: str
    context: CardContext


cards: Registry[Card] = Registry("card of the start page")


@dataclass(frozen=True)
class Row:
    """One task as the queue shows it: its place, why it is there, and what may be done with it."""

    task: Task
    place: priority.Priority
    timeframe: priority.Timeframe
    due: datetime
    visit: datetime | None
    held_by: str
    may_act: bool
    back: datetime | None
    presets: list[tuple[str, str]]

    @property
    def is_call(self) -> bool:
        return self.task.type in Task.CALL_TYPES


WHOSE = (("me", "Mine and nobody's"), ("anyone", "Everybody's"), ("nobody", "Nobody's yet"))
WHEN = (
    ("now", "Due by tonight"),
    ("overdue", "Overdue"),
    ("today", "Later today"),
    ("upcoming", "Coming days"),
    ("snoozed", "Snoozed"),
)
RANKS = ("urgent", "high", "medium", "low")
CALL_OUTCOMES = (
    ("connected", "Spoke to them"), ("voicemail", "Left a voicemail"), ("no_answer", "No answer"),
    ("wrong_number", "Wrong number"),
)  # fmt: skip
OTHER_OUTCOMES = (("success", "Done"), ("not_needed", "Not needed"))


def today(request: HttpRequest) -> HttpResponse:
    """The queue of the signed-in person, highest score first."""
    user, now = request.user, clock.now()
    assert isinstance(user, User)
    if not access.allowed(user, roles.READ, "tasks"):
        return render(request, "tasks/today.html", pages.context(request, rows=[], cards=[], title="Today"))
    locations = list(access.locations(user))
    people = list(colleagues(request))
    wanted = _wanted(request, people)
    asleep = wanted.timeframe == "snoozed"
    tasks = selectors.listed(user, replace(wanted, status="open"), now=now)
    when = "all" if asleep else wanted.timeframe
    due = tasks.filter(queue.due_by(when, now=now, locations=locations))
    if asleep:
        due = selectors.listed(user, replace(wanted, status="snoozed"), now=now)
    try:
        page = queue.page(
            due.select_related(
                "contact__guardian", "booking__service", "assigned_to", "claimed_by", "location"
            ),
            now=now,
            location_ids=[location.pk for location in locations],
            size=PAGE_SIZE,
            cursor=request.GET.get("cursor") or None,
        )
    except DomainError as error:
        messages.error(request, refusal_text(error))
        return HttpResponseRedirect(reverse("admin:index"))
    note(request, page.tasks, personal=True)
    own = queue.weights_by_location(location.pk for location in locations)
    return render(
        request,
        "tasks/today.html",
        pages.context(
            request,
            title="Today",
            rows=[_row(task, user, page.as_of, own) for task in page.tasks],
            next_url=_address(request, cursor=page.next_cursor) if page.next_cursor else "",
            first_url=_address(request) if request.GET.get("cursor") else "",
            counts=queue.counts(tasks, now=now, locations=locations),
            wanted=wanted,
            whose=[(key, label, _address(request, assigned_to=key)) for key, label in WHOSE],
            when=[(key, label, _address(request, timeframe=key)) for key, label in WHEN],
            types=Task.Type.choices,
            people=people,
            ranks=RANKS,
            no_outcome=tasks.filter(type=Task.Type.RECORD_OUTCOME).count(),
            no_outcome_url=f"{reverse('admin:index')}?assigned_to=anyone&timeframe=now&type=record_outcome",
            several_locations=len(locations) > 1,
            call_outcomes=CALL_OUTCOMES,
            other_outcomes=OTHER_OUTCOMES,
            here=request.get_full_path(),
            cards=_cards(user, now, request),
        ),
    )


def _wanted(request: HttpRequest, people: Iterable[User]) -> selectors.Wanted:
    given = request.GET
    whose = given.get("assigned_to", "me")
    known = {*dict(WHOSE), *(str(person.public_id) for person in people)}
    rank = given.get("priority", "")
    when = given.get("timeframe", "now")
    kind = given.get("type", "")
    return selectors.Wanted(
        assigned_to=whose if whose in known else "me",
        priority=rank if rank in RANKS else "",
        timeframe=when if when in dict(WHEN) else "now",
        type=kind if kind in Task.Type.values else "",
    )


def _row(task: Task, user: User, now: datetime, own: dict[int, priority.Weights]) -> Row:
    location: Location = task.location
    held = task.claimed_by is not None and task.claimed_until is not None and task.claimed_until > now
    return Row(
        task=task,
        place=queue.explain(task, now=now, own=own),
        timeframe=priority.timeframe(task.due_datetime, now, location.zone),
        due=location.local(task.due_datetime),
        visit=location.local(task.booking.appointment_datetime) if task.booking else None,
        held_by=""
        if not held
        else "you"
        if task.claimed_by_id == user.pk
        else str((task.claimed_by and task.claimed_by.name) or "a colleague"),
        may_act=access.allowed(user, roles.UPDATE, "tasks", location),
        back=location.local(task.snoozed_until) if task.snoozed_until and task.snoozed_until > now else None,
        presets=snoozing.offered(now=now, zone=location.zone),
    )


def _address(request: HttpRequest, **changes: str) -> str:
    query = request.GET.copy()
    query.pop("cursor", None)
    for name, value in changes.items():
        query[name] = value
    return f"{reverse('admin:index')}?{query.urlencode()}" if query else reverse("admin:index")


def _cards(user: User, now: datetime, request: HttpRequest) -> list[SafeString]:
    shown = []
    for _, card in sorted(cards.items(), key=lambda item: item[1].order):
        context = card.context(user, now)
        if context is not None:
            shown.append(render_to_string(card.template, context, request=request))
    return shown


@require_POST
def act(request: HttpRequest, public_id: str, move: str) -> HttpResponse:
    """One move on one task from the queue, then back to where the person was."""
    if move not in _MOVES:
        raise Http404("There is no such move.")
    user = request.user
    assert isinstance(user, User)
    task = access.get_visible_or_404(Task, user, public_id, roles.UPDATE)
    note(request, [task], personal=True)
    try:
        messages.success(request, _MOVES[move](task, request.POST, user))
    except DomainError as error:
        messages.error(request, refusal_text(error))
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(target, allowed_hosts={request.get_host()})
    return HttpResponseRedirect(target if safe else reverse("admin:index"))


@require_POST
def log_call(request: HttpRequest, public_id: str) -> HttpResponse:
    """A call that no task asked for, from the contact's page, and back there."""
    user = request.user
    assert isinstance(user, User)
    contact = access.get_visible_or_404(Contact, user, public_id, roles.UPDATE)
    note(request, [contact], personal=True)
    try:
        services.log_call(
            contact.pk, outcome=request.POST.get("outcome", ""), notes=request.POST.get("notes", ""),
            cause=Cause.user(user.pk),
        )  # fmt: skip
        messages.success(request, "The call is logged.")
    except DomainError as error:
        messages.error(request, refusal_text(error))
    return HttpResponseRedirect(reverse("admin:contacts_contact_change", args=(contact.public_id,)))


def _complete(task: Task, given: Any, user: User) -> str:
    outcome, notes, cause = given.get("outcome", ""), given.get("notes", "").strip(), Cause.user(user.pk)
    if given.get("again") and outcome in calls.UNREACHED:
        at = snoozing.until(given["again"], now=clock.now(), zone=task.location.zone)
        services.try_again(task.pk, outcome=outcome, at=at, notes=notes, cause=cause)
        return f"{task.get_type_display()}: again {task.location.local(at):%a %-d %b, %H:%M}."
    services.complete_task(task.pk, outcome=outcome, notes=notes, cause=cause)
    return f"{task.get_type_display()}: done."


def _start(task: Task, given: Any, user: User) -> str:
    services.start_task(task.pk, user=user)
    return f"{task.get_type_display()}: yours for the next {services.CLAIM_LASTS.seconds // 60} minutes."


def _snooze(task: Task, given: Any, user: User) -> str:
    until = snoozing.until(given.get("until", ""), now=clock.now(), zone=task.location.zone)
    services.snooze_task(task.pk, until=until, cause=Cause.user(user.pk))
    return f"{task.get_type_display()}: back at {task.location.local(until):%a %-d %b, %H:%M}."


def _release(task: Task, given: Any, user: User) -> str:
    services.release_task(task.pk, user=user)
    return f"{task.get_type_display()}: free for whoever comes first."


_MOVES: dict[str, Callable[[Task, Any, User], str]] = {
    "complete": _complete,
    "start": _start,
    "snooze": _snooze,
    "release": _release,
}


def connect() -> None:
    """Make this the start page."""
    pages.home.register("home", today)
    pages.extra.register("tasks_act", pages.Page("today/<uuid:public_id>/<slug:move>/", act))
    pages.extra.register("tasks_log_call", pages.Page("log-call/<uuid:public_id>/", log_call))
