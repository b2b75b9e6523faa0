"""The pages “What was done”: every act on chosen rows with its progress, its result, and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.views.decorators.http import require_POST

from accounts import access, desk_actions, live, pages
from accounts.desk_kinds import Kind, kinds
from accounts.models import DeskAction, DeskActionItem, User
from accounts.progress import Bar, long_work, refreshed
from accounts.staff_links import change_url
from core.api import PERSONAL
from core.api_audit import note
from core.errors import DomainError
from core.numbers import whole

LIST, ONE, BAR, CANCEL, UNDO = (
    "accounts_actions", "accounts_action", "accounts_action_bar", "accounts_action_cancel", "accounts_action_undo",
)  # fmt: skip
ACTIONS_SHOWN = 25
ITEMS_SHOWN = 50
ALREADY = "It was so already; nothing was changed."

Outcome = DeskActionItem.Outcome
#: What of an act is shown: address -> (words, condition on its items).
PARTS: dict[str, tuple[str, dict[str, Any]]] = {
    "all": ("All", {}),
    "done": ("Done", {"outcome__in": [Outcome.DONE, Outcome.ALREADY]}),
    "not": ("Not possible", {"outcome__in": [Outcome.REFUSED, Outcome.FAILED]}),
    "left": ("Not begun", {"outcome__in": [Outcome.WAITING, Outcome.LEFT]}),
    "kept": ("Could not be undone", {"undone_at__isnull": True, "asked_at__isnull": False}),
}


@dataclass(frozen=True, slots=True)
class ActionLine:
    """An act as the list shows it."""

    action: DeskAction
    at: str
    words: str
    bar: Bar
    undoable: bool


@dataclass(frozen=True, slots=True)
class ItemLine:
    """One row of an act: a name with its page, and what became of it."""

    title: str
    url: str
    outcome: str
    why: str
    undone: str


def undo_address(action: DeskAction) -> str:
    """Where a POST takes an act back, for `accounts.live.said(..., undo=…)`; "" for one that changed nothing, or that
    cannot be taken back.
    """
    if not action.changed or kinds.get(action.kind).undo is None:
        return ""
    return reverse(f"admin:{UNDO}", args=[action.public_id])


def with_undo(text: str, action: DeskAction) -> str:
    """Words for `messages` on a page that is loaded anew, with a link to the page that takes the act back."""
    address = undo_address(action)
    return format_html('{} <a href="{}" class="dk-link">Undo…</a>', text, address) if address else text


def unless_already(text: str, action: DeskAction) -> str:
    """What is said of an act on one row, unless it found the row so already."""
    return ALREADY if action.already else text


def show_all(request: HttpRequest) -> HttpResponse:
    """What was done lately in one's clinics, one's own or everybody's."""
    user = cast(User, request.user)
    access.check(user, "read", "tasks")
    rows = _seen(user)
    whose = "me" if request.GET.get("whose") == "me" else "all"
    if whose == "me":
        rows = rows.filter(user=user)
    before = whole(request.GET.get("before", ""))
    if before is not None:
        rows = rows.filter(pk__lt=before)
    found = list(rows.order_by("-pk")[: ACTIONS_SHOWN + 1])
    shown, more = found[:ACTIONS_SHOWN], len(found) > ACTIONS_SHOWN
    note(request, shown)
    # They are of everybody's, and the newest.
    long = [] if whose == "me" or before else [one for _, found in long_work.items() for one in found(user)]
    every = [1] * any(action.is_going for action in shown) + [one.bar.every for one in long if one.bar.going]
    context = pages.context(
        request, title="What was done", lines=[_line(action, user) for action in shown], whose=whose,
        next=shown[-1].pk if more else 0, long=long, every=min(every, default=0),
    )  # fmt: skip
    template = "accounts/_actions.html" if live.is_live(request) else "accounts/actions.html"
    return render(request, template, context)


def show(request: HttpRequest, action_id: str) -> HttpResponse:
    """One act: how far it is, what became of each row, what left the clinic because of it."""
    user, action = _one(request, action_id)
    part = request.GET.get("part", "all")
    condition = PARTS.get(part, PARTS["all"])[1]
    items = action.items.filter(**condition).order_by("pk")
    after = whole(request.GET.get("after", ""))
    if after is not None:
        items = items.filter(pk__gt=after)
    found = list(items[: ITEMS_SHOWN + 1])
    shown, more = found[:ITEMS_SHOWN], len(found) > ITEMS_SHOWN
    context = pages.context(
        request, title=action.label, action=action, line=_line(action, user), at=_local(action, action.created_at),
        undone_at=_local(action, action.undone_at), items=_titled(request, action, shown),
        parts=[(key, label) for key, (label, _) in PARTS.items() if key != "kept" or action.undone_at],
        part=part, next=shown[-1].pk if more else 0,
        lines=desk_actions.followed(action, user), withdrawn=_withdrawn(action),
        why_not_undo=desk_actions.why_not_undo(action, user),
    )  # fmt: skip
    return render(request, "accounts/action.html", context)


def bar(request: HttpRequest, action_id: str) -> HttpResponse:
    """The bar alone, as htmx asks for it each second."""
    _, action = _one(request, action_id)
    return refreshed(request, _bar(action))


@require_POST
def cancel(request: HttpRequest, action_id: str) -> HttpResponse:
    """Stop it."""
    user, action = _one(request, action_id)
    here = reverse(f"admin:{ONE}", args=[action.public_id])
    try:
        row = desk_actions.cancel(action, user=user)
    except DomainError as refusal:
        return live.refused(request, refusal, back=here)
    messages.success(request, f"Stopped. {_words(row)}")
    return HttpResponseRedirect(here)


def undo(request: HttpRequest, action_id: str) -> HttpResponse:
    """What taking it back would do, and with a POST doing it.

    Asked by htmx (from the words after an act) it answers in words and triggers `undone`, by which a page knows that
    its rows have changed: hx-trigger="undone from:body".
    """
    user, action = _one(request, action_id)
    if request.method == "POST":
        return _undone(request, user, action)
    items = desk_actions.open_items(action)
    shown = list(items.order_by("pk")[:ITEMS_SHOWN])
    context = pages.context(
        request, title=f"Undo: {action.label}", action=action, at=_local(action, action.created_at),
        why_not=desk_actions.why_not_undo(action, user), items=_foretold(request, action, shown),
        count=items.count(), lines=desk_actions.followed(action, user),
    )  # fmt: skip
    return render(request, "accounts/action_undo.html", context)


def _undone(request: HttpRequest, user: User, action: DeskAction) -> HttpResponse:
    here = reverse(f"admin:{ONE}", args=[action.public_id])
    try:
        row = desk_actions.undo(action, user=user)
    except DomainError as refusal:
        return live.refused(request, refusal, back=here)
    text, bad = _said_of_undo(row, user)
    if live.is_live(request):
        return live.said(HttpResponse(), text, bad=bad, also="undone")
    (messages.error if bad else messages.success)(request, text)
    return HttpResponseRedirect(here)


def _said_of_undo(row: DeskAction, user: User) -> tuple[str, bool]:
    """What is said after an undo, and whether it is bad news."""
    if row.is_going:
        return "It is being undone.", False
    kept = desk_actions.open_items(row)
    why = kept.exclude(why_not_undone="").first()
    sent = sum(line.count for line in desk_actions.followed(row, user) if line.sent)
    gone = f" {sent} message{'s' if sent != 1 else ''} had gone out already." if sent else ""
    if row.total == 1:
        return (f"Not undone: {why.why_not_undone}", True) if why else (f"Undone.{gone}", False)
    if left := kept.count():
        return f"{row.undone} undone, {left} not: {why.why_not_undone if why else ''}{gone}", True
    return f"{row.undone} undone.{gone}", False


def _seen(user: User) -> QuerySet[DeskAction]:
    """The acts of this person's clinics whose rows they may see."""
    known = [code for code, kind in kinds.items() if access.allowed(user, "read", kind.resource)]
    rows: QuerySet[DeskAction] = access.visible(DeskAction, user).filter(kind__in=known)
    return rows.select_related("location", "user", "undone_by")


def _one(request: HttpRequest, action_id: str) -> tuple[User, DeskAction]:
    user = cast(User, request.user)
    action = access.get_visible_or_404(_seen(user), user, action_id)
    note(request, [action])
    return user, action


def _line(action: DeskAction, user: User) -> ActionLine:
    return ActionLine(
        action=action, at=_local(action, action.created_at), words=_words(action),
        bar=_bar(action), undoable=not desk_actions.why_not_undo(action, user),
    )  # fmt: skip


def _bar(action: DeskAction) -> Bar:
    undoing = action.state == DeskAction.State.UNDOING
    return Bar(
        name=f"{action.label}: progress",
        done=action.undone if undoing else action.done + action.refused,
        total=action.changed if undoing else action.total,
        going=action.is_going,
        words=_words(action),
        address=reverse(f"admin:{BAR}", args=[action.public_id]),
        cancel=reverse(f"admin:{CANCEL}", args=[action.public_id]),
    )


def _words(action: DeskAction) -> str:
    if action.state == DeskAction.State.UNDOING:
        return f"{action.undone} of {action.changed} undone"
    parts = [f"{action.done} of {action.total} done"]
    if action.refused:
        parts.append(f"{action.refused} not possible")
    if action.undone_at is not None:
        parts.append(f"{action.undone} undone")
    return ", ".join(parts)


def _local(action: DeskAction, at: datetime | None) -> str:
    return "" if at is None else f"{action.location.local(at):%a %-d %b %Y, %H:%M}"


def _withdrawn(action: DeskAction) -> list[tuple[str, int]]:
    return [(what, count) for what, count in sorted(action.result.get("withdrawn", {}).items()) if count]


def _rows(request: HttpRequest, kind: Kind, ids: list[int]) -> dict[int, Any]:
    """The rows of these ids that this person may see, noted for the audit."""
    rows = access.visible(kind.rows().filter(pk__in=ids), request.user)
    found = {row.pk: row for row in rows}
    note(request, found.values(), personal=kind.resource in PERSONAL)
    return found


def _titled(request: HttpRequest, action: DeskAction, items: list[DeskActionItem]) -> list[ItemLine]:
    kind = kinds.get(action.kind)
    found = _rows(request, kind, [item.subject_id for item in items])
    return [
        _item(kind, found.get(item.subject_id), item.get_outcome_display(), item.why, _undone_words(item))
        for item in items
    ]


def _item(kind: Kind, row: Any, outcome: str, why: str, undone: str = "") -> ItemLine:
    if row is None:
        return ItemLine("A row you may not see", "", outcome, why, undone)
    return ItemLine(kind.title(row), change_url(row), outcome, why, undone)


def _undone_words(item: DeskActionItem) -> str:
    if item.undone_at is not None:
        return "Undone"
    return f"Not undone: {item.why_not_undone}" if item.why_not_undone else ""


def _foretold(request: HttpRequest, action: DeskAction, items: list[DeskActionItem]) -> list[ItemLine]:
    """The rows with what undoing would come to for each."""
    kind = kinds.get(action.kind)
    ids = [item.subject_id for item in items]
    found, now = _rows(request, kind, ids), kind.read(ids)
    lines = []
    for item in items:
        changed = desk_actions.changed_since(kind, item, now.get(item.subject_id))
        outcome = "Stays as it is" if changed else "Is put back"
        lines.append(_item(kind, found.get(item.subject_id), outcome, changed))
    return lines


def connect() -> None:
    """Join the staff's pages."""
    pages.extra.register(LIST, pages.Page("actions/", show_all))
    pages.extra.register(ONE, pages.Page("actions/<uuid:action_id>/", show))
    pages.extra.register(BAR, pages.Page("actions/<uuid:action_id>/bar/", bar))
    pages.extra.register(CANCEL, pages.Page("actions/<uuid:action_id>/cancel/", cancel))
    pages.extra.register(UNDO, pages.Page("actions/<uuid:action_id>/undo/", undo))
