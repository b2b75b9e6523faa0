"""One act on many rows of Today, over the page of all acts on chosen rows, which says first what would happen."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_POST

from accounts import access, bulk_page, pages, roles
from tasks import desk_kinds, refreshing
from tasks.models import Task

MOST = 100

#: What the buttons of Today mean: a kind of act, and what they fill in.
_BUTTONS = {
    "done": (desk_kinds.COMPLETE, {"outcome": Task.Outcome.SUCCESS}),
    "not_needed": (desk_kinds.COMPLETE, {"outcome": Task.Outcome.NOT_NEEDED}),
    "snooze": (desk_kinds.SNOOZE, {}),
    "assign": (desk_kinds.ASSIGN, {}),
}


@require_POST
def bulk(request: HttpRequest) -> HttpResponse:
    """Look at it. Nothing chosen, or a button nobody knows, is said on Today."""
    access.check(request.user, roles.UPDATE, "tasks")
    ids = refreshing.uuids(request.POST.getlist("task")[:MOST])
    chosen = access.visible(Task, request.user, roles.UPDATE).filter(public_id__in=ids).order_by("pk")
    rows = list(chosen.values_list("pk", flat=True))
    back = refreshing.way_back(request)
    kind, filled = _BUTTONS.get(request.POST.get("what", ""), ("", {}))
    if not rows or not kind:
        said = "Choose what to do: complete, snooze or give." if rows else "Select at least one task first."
        messages.error(request, said)
        return HttpResponseRedirect(back)
    given = {"until": request.POST.get("until", ""), "to": request.POST.get("to", ""), **filled}
    return bulk_page.look(request, kind, rows, given=given, back=back)


def connect() -> None:
    """Put the page under /admin/."""
    pages.extra.register("tasks_bulk", pages.Page("today/bulk/", bulk))
