"""What is done to a task from its row: each act is a POST with an address of its own, and answers with what changed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts import access, desk_actions, desk_pages, live, pages, roles
from accounts.models import User
from accounts.staff import refusal_text
from bookings import services as booking_services
from contacts.models import Contact
from core import clock
from core.api_audit import note
from core.causes import Cause
from core.errors import DomainError
from tasks import calls, desk_kinds, refreshing, row_parts, rows, services, snoozing
from tasks.models import Task
from tasks.row_parts import Act, Done, Given, visit_of


@require_POST
def act(request: HttpRequest, public_id: str, move: str) -> HttpResponse:
    """One act on one task. htmx gets what changed; others go back to where they were, a refused form stays filled."""
    if move not in row_parts.acts:
        raise Http404("There is no such move.")
    task, user = _asked(request, public_id)
    try:
        done = _run(row_parts.acts.get(move), task, request.POST, user)
    except DomainError as error:
        return _refused(request, task, user, move, refusal_text(error))
    if live.is_live(request):
        return live.said(refreshing.after(request, task), done.text, undo=done.undo)
    messages.success(request, done.text)
    return HttpResponseRedirect(refreshing.way_back(request))


def _asked(request: HttpRequest, public_id: str) -> tuple[Task, User]:
    """The task that is asked for, with what its row shows, and who may change it."""
    user = request.user
    assert isinstance(user, User)
    task = access.get_visible_or_404(rows.full(Task.objects.all()), user, public_id, roles.UPDATE)
    note(request, [task], personal=True)
    return task, user


@transaction.atomic
def _run(what: Act, task: Task, given: Given, user: User) -> Done:
    if what.guarded:
        services.hold_task(task.pk, user=user)
    return what.run(task, given, user)


def _refused(request: HttpRequest, task: Task, user: User, move: str, why: str) -> HttpResponse:
    """Nothing was done: say why and keep what was typed."""
    if live.is_live(request):
        return live.said(HttpResponse(status=422), why, bad=True)
    typed = {
        name: value for name, value in request.POST.items() if name not in ("csrfmiddlewaretoken", "next")
    }
    if not any(typed.values()):
        messages.error(request, why)
        return HttpResponseRedirect(refreshing.way_back(request))
    return _alone(request, task, user, move, typed, why)


def _alone(
    request: HttpRequest, task: Task, user: User, move: str, typed: dict[str, Any], why: str = ""
) -> HttpResponse:
    """The row as a page of its own, with its panel open, for browsers without JavaScript."""
    panel = row_parts.panels.get(move) if move in row_parts.panels else None
    row = rows.one(task.pk, user, typed=typed)
    context = pages.context(
        request, title=_what(task), row=row, why=why, here=refreshing.way_back(request), panel=panel, key=move,
        several_locations=False, asked=panel.context(task, typed, user) if panel else {},
    )  # fmt: skip
    return render(request, "tasks/row_page.html", context, status=422 if why else 200)


@require_GET
def panel(request: HttpRequest, public_id: str, key: str) -> HttpResponse:
    """What is asked before an act: in the row for htmx, else a page of its own."""
    if key not in row_parts.panels:
        raise Http404("There is no such panel.")
    task, user = _asked(request, public_id)
    if not live.is_live(request):
        return _alone(request, task, user, key, dict(request.GET.items()))
    found = row_parts.panels.get(key)
    try:
        asked = found.context(task, request.GET, user)
    except DomainError as error:
        return live.said(HttpResponse(status=422), refusal_text(error), bad=True)
    context = {
        "task": task, "panel": found, "key": key, "asked": asked, "here": request.GET.get("next", ""),
        "typed": request.GET,
    }  # fmt: skip
    return render(request, "tasks/_panel.html", context)


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


def undoable(kind: str, task: Task, user: User, *, reason: str = "", **parameters: Any) -> str:
    """Do this to the task; the address that takes it back. Raises what refused it."""
    action = desk_actions.do_one(
        kind, location=task.location, user=user, item=task.pk, parameters=parameters, reason=reason
    )
    return desk_pages.undo_address(action)


def complete(task: Task, given: Given, user: User) -> Done:
    """Done, with how it went; a call that reached nobody may be put off to another try."""
    outcome, notes = given.get("outcome", ""), given.get("notes", "").strip()
    if given.get("again") and outcome in calls.UNREACHED:
        at = snoozing.until(given["again"], now=clock.now(), zone=task.location.zone)
        undo = undoable(desk_kinds.AGAIN, task, user, reason=notes, outcome=outcome, at=at.isoformat())
        return Done(f"{_what(task)}: again {_local(task, at)}.", undo)
    undo = undoable(desk_kinds.COMPLETE, task, user, reason=notes, outcome=outcome)
    return Done(f"{_what(task)}: done.", undo)


def done(task: Task, given: Given, user: User) -> Done:
    """Done, in one press."""
    return complete(task, {"outcome": "success", "notes": given.get("notes", "")}, user)


def start(task: Task, given: Given, user: User) -> Done:
    services.start_task(task.pk, user=user)
    return Done(f"{_what(task)}: yours for the next {services.CLAIM_LASTS.seconds // 60} minutes.")


def release(task: Task, given: Given, user: User) -> Done:
    services.release_task(task.pk, user=user)
    return Done(f"{_what(task)}: free for whoever comes first.")


def snooze(task: Task, given: Given, user: User) -> Done:
    until = snoozing.until(given.get("until", ""), now=clock.now(), zone=task.location.zone)
    undo = undoable(desk_kinds.SNOOZE, task, user, until=until.isoformat())
    return Done(f"{_what(task)}: back at {_local(task, until)}.", undo)


def take_note(task: Task, given: Given, user: User) -> Done:
    services.add_note(task.pk, text=given.get("notes", ""), cause=Cause.user(user.pk))
    return Done("The note is kept.")


def assign(task: Task, given: Given, user: User) -> Done:
    to = desk_kinds.whom(given.get("to", ""))
    undo = undoable(desk_kinds.ASSIGN, task, user, to=to.pk if to else None, name=str(to) if to else "nobody")
    return Done(f"{_what(task)}: {f'given to {to}' if to else 'given back'}.", undo)


def reopen(task: Task, given: Given, user: User) -> Done:
    services.reopen_task(task.pk, cause=Cause.user(user.pk))
    return Done(f"{_what(task)}: open again.")


def confirm(task: Task, given: Given, user: User) -> Done:
    """They said yes on the phone: the visit is confirmed, and the call was answered."""
    cause = Cause.user(user.pk)
    booking_services.confirm_booking(booking_id=visit_of(task).pk, cause=cause)
    finish(task, cause, notes=given.get("notes", "").strip())
    return Done("The visit is confirmed.")


def finish(task: Task, cause: Cause, *, notes: str = "") -> None:
    """The task's goal is met; a call reached the person."""
    outcome = "connected" if task.type in Task.CALL_TYPES else "success"
    services.complete_task(task.pk, outcome=outcome, notes=notes, cause=cause)


def _came(outcome: str, said: str) -> Callable[[Task, Given, User], Done]:
    def record(task: Task, given: Given, user: User) -> Done:
        notes = given.get("notes", "").strip()
        return Done(said, undoable(desk_kinds.OUTCOME, task, user, reason=notes, outcome=outcome))

    return record


def _what(task: Task) -> str:
    return f"{task.get_type_display()}, {task.contact}" if task.contact_id else task.get_type_display()


def _local(task: Task, at: datetime) -> str:
    return f"{task.location.local(at):%a %-d %b, %H:%M}"


def connect() -> None:
    """Register the acts and their pages."""
    for key, run, guarded in (
        ("complete", complete, True), ("done", done, True), ("start", start, False), ("release", release, False),
        ("snooze", snooze, True), ("note", take_note, True), ("confirm", confirm, True), ("reopen", reopen, False),
        ("attended", _came("attended", "Attended."), True),
        ("no_show", _came("no_show", "Did not attend: noted."), True),
    ):  # fmt: skip
        row_parts.acts.register(key, Act(run, guarded))
    pages.extra.register("tasks_act", pages.Page("today/<uuid:public_id>/<slug:move>/", act))
    pages.extra.register("tasks_panel", pages.Page("today/<uuid:public_id>/panel/<slug:key>/", panel))
    pages.extra.register("tasks_log_call", pages.Page("log-call/<uuid:public_id>/", log_call))
