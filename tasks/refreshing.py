"""Keeping Today true while it is open: what an act changed, and every few seconds what others changed.

A poll names the rows it shows with their versions. The answer swaps those that changed, takes out those that are
done, and says how many new ones there are; it never moves the list by itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.views.decorators.http import require_GET

from accounts import access, live, pages, roles
from accounts.models import User
from contacts.selectors import moment_of
from core.api_audit import note
from tasks import board, cards, rows, scenes
from tasks.models import Task

MOST_SEEN = 60


def way_back(request: HttpRequest) -> str:
    """Where the person was: a path of ours, else the start page."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    return live.own_address(request, target) or reverse("admin:index")


def _given(request: HttpRequest) -> QueryDict:
    return QueryDict(way_back(request).partition("?")[2])


def after(request: HttpRequest, task: Task) -> HttpResponse:
    """For htmx, after an act: the row as it is now, nothing where it left the list; with it the counts. A board is
    drawn as a whole.
    """
    scene = scenes.of(request, _given(request))
    if scene.filters.view == "board":
        context = {**scene.context(), "columns": board.columns(scene)}
        return render(request, "tasks/_board.html", context)
    parts = [render_to_string("tasks/_counts.html", {**scene.context(), "swap": True}, request=request)]
    if scene.due().filter(pk=task.pk).exists():
        row = rows.one(task.pk, scene.user)
        parts.insert(0, render_to_string("tasks/_row.html", {**scene.context(), "row": row}, request=request))
    return HttpResponse("".join(parts))


@require_GET
def fresh(request: HttpRequest) -> HttpResponse:
    """What has changed since the page was drawn, out of band."""
    user = request.user
    assert isinstance(user, User)
    access.check(user, roles.READ, "tasks")
    scene = scenes.of(request, _given(request))
    seen = dict(item.split(".", 1) for item in request.GET.getlist("seen")[:MOST_SEEN] if "." in item)
    first = scene.page()
    note(request, first.tasks, personal=True)
    there = {str(task.public_id): task for task in first.tasks}
    gone_from_page = [public_id for public_id in seen if public_id not in there]
    further = _further_down(scene, gone_from_page)
    shown = [task for public_id, task in (there | further).items() if public_id in seen]
    made = rows.rows_of(shown, user, now=scene.now, own=scene.own)
    context: dict[str, Any] = {
        **scene.context(),
        "changed": [row for row in made if row.version != seen[str(row.task.public_id)]],
        "gone": _gone(scene, [public_id for public_id in gone_from_page if public_id not in further]),
        "new": _new(first.tasks, seen, moment_of(request.GET.get("as_of", ""))),
        "cards": cards.drawn(user, scene.now, request, live=True),
        "swap": True,
    }
    return render(request, "tasks/_fresh.html", context)


def _further_down(scene: scenes.Scene, ids: list[str]) -> dict[str, Task]:
    """Rows that are shown and still in the list, but not on its first page."""
    if not ids:
        return {}
    found = rows.shown(scene.due()).filter(public_id__in=uuids(ids))
    return {str(task.public_id): task for task in found}


def _gone(scene: scenes.Scene, ids: list[str]) -> list[dict[str, str]]:
    """Rows that left the list, with what became of them."""
    if not ids:
        return []
    found = access.visible(Task, scene.user).filter(public_id__in=uuids(ids))
    tasks = {str(task.public_id): task for task in found}
    return [{"id": public_id, "why": _became(tasks.get(public_id))} for public_id in ids]


def _became(task: Task | None) -> str:
    if task is None:
        return "It is not yours to see any more."
    if not task.is_open:
        return task.closed_reason or f"{task.get_status_display()} meanwhile."
    return "It was put off or given to somebody else."


def _new(tasks: list[Task], seen: dict[str, str], since: datetime | None) -> int:
    """How many tasks are on the first page that came, or came back, after it was drawn."""
    if since is None or since.tzinfo is None:
        return 0
    return sum(
        str(task.public_id) not in seen
        and (task.updated_at > since or (task.snoozed_until is not None and task.snoozed_until > since))
        for task in tasks
    )


def uuids(ids: Iterable[str]) -> list[uuid.UUID]:
    """Those of these that are ids at all."""
    found = []
    for public_id in ids:
        with suppress(ValueError):
            found.append(uuid.UUID(public_id))
    return found


def connect() -> None:
    """Put the poll under /admin/."""
    pages.extra.register("tasks_fresh", pages.Page("today/fresh/", fresh))
