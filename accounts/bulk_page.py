"""From rows chosen in a list, over a page that says what will become of them, to a desk action.

    offers.register("contacts.move_stage", Offer("Move to a stage…", StageForm, parameters=…))
    class ContactAdmin(ScopedAdmin): actions = (chooser("contacts.move_stage"),)

Nothing is done before the second form is sent. Rows of several clinics become one action for each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import access, desk_actions, desk_pages, live, pages
from accounts.desk_kinds import Doing, Kind, Line, Refusals, foreseen, kinds
from accounts.models import Location, User
from core.api import PERSONAL
from core.api_audit import note
from core.errors import DomainError, Invalid, NotFound
from core.numbers import whole
from core.registry import Registry

PAGE = "accounts_bulk"
#: So many rows are named on the page.
NAMED = 20


@dataclass(frozen=True, slots=True)
class Offer:
    """A kind of desk action as lists offer it. `form` is made with `user` and `locations`; `parameters` turns what it
    cleaned into the kind's parameters at a clinic. A field named `reason` is the reason.
    """

    label: str
    form: type[forms.Form]
    parameters: Callable[[Mapping[str, Any], Location], dict[str, Any]] = lambda cleaned, location: {}


@dataclass(frozen=True, slots=True)
class Part:
    """What will become of one clinic's rows. `unjudged` are looked at only when it is done."""

    location: Location
    going: int
    unjudged: int
    named: Sequence[str]
    refused: Sequence[tuple[str, str]]
    more_refused: int
    lines: Sequence[Line]


offers: Registry[Offer] = Registry("act on chosen rows")


def chooser(kind: str) -> Any:
    """The admin action that leads chosen rows to the page; for whoever may change such rows."""

    def choose(admin: Any, request: HttpRequest, queryset: models.QuerySet[Any]) -> HttpResponse:
        ids = list(queryset.order_by().values_list("pk", flat=True)[: desk_actions.MOST + 1])
        return look(request, kind, ids)

    choose.__name__ = kind.replace(".", "_")
    choose.short_description = offers.get(kind).label  # type: ignore[attr-defined]
    choose.allowed_permissions = ("change",)  # type: ignore[attr-defined]
    return choose


@require_POST
def page(request: HttpRequest, kind: str) -> HttpResponse:
    """Look at what would happen, or do it (`do=start`)."""
    if kind not in offers:
        raise NotFound("There is no such act.")
    raw = [whole(part) for part in request.POST.get("rows", "").split(",") if part]
    ids = [pk for pk in raw if pk is not None]
    if len(ids) < len(raw):
        raise NotFound("There are no such rows.")
    back = live.own_address(request, request.POST.get("next", ""))
    start = request.POST.get("do") == "start"
    return look(request, kind, ids, given=request.POST, back=back, start=start)


def look(
    request: HttpRequest, name: str, ids: Sequence[int], *, given: Mapping[str, Any] | None = None, back: str = "",
    start: bool = False,
) -> HttpResponse:  # fmt: skip
    """The page for these rows (inner ids), with its form filled in as `given`; with `start` it is done.

    Once done it leads `back`, a path of ours, or to the act's own page.
    """
    user, kind, offer = cast(User, request.user), kinds.get(name), offers.get(name)
    access.check(user, kind.gate, kind.resource)
    if not ids or len(ids) > desk_actions.MOST:
        most = f"Choose at least one row and at most {desk_actions.MOST:,}."
        raise Invalid(most, code="nothing_chosen" if not ids else "too_many")
    places = _by_place(kind, user, ids)
    form = offer.form(given, user=user, locations=list(places), auto_id="bulk_%s")  # type: ignore[call-arg]
    parts: list[Part] = []
    if given is not None and form.is_valid():
        cleaned = form.cleaned_data
        try:
            doings = [
                Doing(place, user, offer.parameters(cleaned, place), cleaned.get("reason", ""))
                for place in places
            ]
            if start:
                return _start(request, name, list(zip(doings, places.values(), strict=True)), back)
            parts = [_part(request, name, places[doing.location], doing) for doing in doings]
        except DomainError as refusal:
            form.add_error(None, refusal.message)
    context = pages.context(
        request, title=offer.label.rstrip("…"), kind=name, form=form, rows=",".join(map(str, ids)),
        chosen=sum(map(len, places.values())), parts=parts, going=sum(part.going for part in parts),
        back=back,
    )  # fmt: skip
    return render(request, "accounts/bulk.html", context, status=422 if form.errors else 200)


def _by_place(kind: Kind, user: User, ids: Sequence[int]) -> dict[Location, list[int]]:
    """The rows by clinic, in the order in which they were chosen. NotFound when one is not theirs to act on."""
    path = access.access_of(kind.rows().model).location
    found = access.visible(kind.rows().model, user, kind.gate).filter(pk__in=ids).order_by()
    where = dict(found.values_list("pk", path))
    if set(ids) - where.keys():
        raise NotFound("Some of these rows are not there, or are not yours to change.")
    known = Location.objects.in_bulk(set(where.values()))
    places: dict[Location, list[int]] = {}
    for pk in dict.fromkeys(ids):
        places.setdefault(known[where[pk]], []).append(pk)
    return places


def _part(request: HttpRequest, name: str, ids: Sequence[int], doing: Doing) -> Part:
    kind = kinds.get(name)
    refused, judged = _judged(kind, doing, ids)
    going = [pk for pk in ids if pk not in refused]
    shown = [*going[:NAMED], *list(refused)[:NAMED]]
    rows = {row.pk: row for row in access.visible(kind.rows().filter(pk__in=shown), doing.user, kind.gate)}
    note(request, rows.values(), personal=kind.resource in PERSONAL)
    return Part(
        location=doing.location,
        going=len(going),
        unjudged=len(ids) - judged,
        named=[kind.title(rows[pk]) for pk in going[:NAMED] if pk in rows],
        refused=[(kind.title(rows[pk]), refused[pk].message) for pk in list(refused)[:NAMED] if pk in rows],
        more_refused=max(0, len(refused) - NAMED),
        lines=foreseen(name, doing, going),
    )


def _judged(kind: Kind, doing: Doing, ids: Sequence[int]) -> tuple[Refusals, int]:
    """What would be refused, and of how many rows that is known: a kind that cannot judge is tried and rolled back."""
    if kind.judge is not None:
        return kind.judge(doing, ids), len(ids)
    some = ids[: desk_actions.INLINE]
    with transaction.atomic():
        kind.lock(some)
        refused = kind.run(doing, some)
        transaction.set_rollback(True)
    return refused, len(some)


@transaction.atomic
def _start(
    request: HttpRequest, name: str, wanted: Sequence[tuple[Doing, Sequence[int]]], back: str
) -> HttpResponse:
    actions = [
        desk_actions.start(
            name, location=doing.location, user=doing.user, items=rows, parameters=doing.parameters,
            reason=doing.reason,
        )
        for doing, rows in wanted
    ]  # fmt: skip
    done = Counter[str]()
    for action in actions:
        done.update(
            done=action.changed, already=action.already, refused=action.refused,
            left=action.total - action.done - action.refused,
        )  # fmt: skip
    words = [f"{done['done']} done", *(f"{done[key]} {said}" for key, said in _SAID.items() if done[key])]
    text = f"{actions[0].label}: {', '.join(words)}."
    if back and len(actions) == 1:
        text = desk_pages.with_undo(text, actions[0])
    elif back and (done["done"] or done["left"]):
        text = f"{text} “What was done” can take it back."
    (messages.warning if done["refused"] else messages.success)(request, text)
    if back:
        return HttpResponseRedirect(back)
    if len(actions) > 1:
        return HttpResponseRedirect(reverse("admin:accounts_actions"))
    return HttpResponseRedirect(reverse("admin:accounts_action", args=[actions[0].public_id]))


_SAID = {"already": "so already", "refused": "not possible", "left": "still going on"}


def connect() -> None:
    """Join the staff's pages."""
    pages.extra.register(PAGE, pages.Page("bulk/<str:kind>/", page))
