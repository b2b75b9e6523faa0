"""The page Operations: how the system is, all sending stopped or let go on, and what is parked put back in line.

Whoever may read a clinic's settings sees its figures. The machine's own, and stopping everywhere, are for owners:
admins of all clinics.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages as flash
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from accounts import access, pages, roles, sending_stops
from accounts.models import Location, SendingStop, User
from accounts.staff import cause_of
from avatar_cms.state import checks, counts, hearing, machine, parked
from avatar_cms.state.looking import one_look
from core.api_audit import note
from core.errors import Invalid, NotAllowed

KIND = SendingStop.Kind.KILL_SWITCH
#: States in which nothing should stay.
_BAD = {"parked", "unknown"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where sending can be stopped: a clinic or everywhere, the stop in force there, and whether this person may."""

    location: Location | None
    stop: SendingStop | None
    may: bool

    @property
    def code(self) -> str:
        return self.location.code if self.location else ""

    @property
    def name(self) -> str:
        return self.location.name if self.location else "Everywhere"


@require_GET
def page(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    access.check(request.user, roles.READ, "settings")
    return render(
        request, "avatar_cms/operations.html",
        pages.context(request, title="Operations", places=_places(request.user), **_figures(request.user)),
    )  # fmt: skip


@require_GET
def figures(request: HttpRequest) -> HttpResponse:
    """The figures alone, asked for every few seconds."""
    access.check(request.user, roles.READ, "settings")
    return render(request, "avatar_cms/_operations.html", _figures(request.user))


@one_look()
def _figures(user: Any) -> dict[str, Any]:
    owner = access.is_owner(user)
    scope = None if owner else _clinics(user)
    found = counts.by_state(scope)
    return {
        "owner": owner,
        "groups": [(parked.KINDS[group].label, _lines(states)) for group, states in found.items()],
        "oldest": {
            "work": _waits(counts.oldest_work(scope)),
            "message": _waits(counts.oldest_message(scope)),
        },
        "unknown": _unknown(counts.unknown(scope)),
        "held": checks.counted(counts.held(scope)),
        "parked": [
            _parked(user, name, found[name]["parked"]) for name in parked.KINDS if found[name]["parked"]
        ],
        "heard": [
            (one, checks.words(one.hearing.usual), checks.words(counts.age(one.hearing.last)))
            for one in hearing.accounts(scope)
        ],
        **(_machine() if owner else {}),
    }


def _unknown(found: counts.Unknown) -> dict[str, Any]:
    return {
        "any": bool(found.count),
        "count": checks.counted(found.count),
        "without_task": checks.counted(found.without_task),
        "overlooked": bool(found.overlooked),
    }


def _lines(states: dict[str, int]) -> list[tuple[str, str, bool]]:
    """Each state with its count in words, and whether something stays there that should not."""
    return [(state, checks.counted(count), bool(count) and state in _BAD) for state, count in states.items()]


def _machine() -> dict[str, Any]:
    beats = [*machine.processes().values(), *machine.tick_functions()]
    return {
        "checks": checks.run_all(),
        "beats": [(beat, checks.words(beat.age)) for beat in beats],
        "invariants": machine.invariants(),
    }


def _waits(oldest: Any) -> str:
    return "nothing waits" if oldest is None else f"the oldest waits for {checks.words(oldest)}"


def _parked(user: User, name: str, count: int) -> dict[str, Any]:
    kind = parked.KINDS[name]
    rows = list(parked.shown_to(user, kind)[: parked.SHOWN])
    resource = access.resource_of(kind.rows().model)
    if access.scope(user, resource, roles.UPDATE) == access.scope(user, resource):
        may = {row.pk for row in rows}
    else:
        may = set(parked.may_replay(user, kind).order_by("-pk").values_list("pk", flat=True)[: parked.SHOWN])
    return {
        "kind": kind,
        "count": checks.counted(count),
        "rows": [(row, kind.why(row), row.pk in may) for row in rows],
        "may": bool(may),
        "all": reverse(kind.listed),
    }


def _clinics(user: Any) -> list[int]:
    """The clinics whose settings this person may read."""
    reach = access.scope(user, "settings", roles.READ)
    if reach.own_records_only:
        return []
    return [place.pk for place in access.locations(user) if reach.covers(place.pk)]


def _places(user: Any) -> list[Place]:
    inside = {stop.location_id: stop for stop in sending_stops.in_force().filter(kind=KIND)}
    clinics = [
        Place(place, inside.get(place.pk), access.allowed(user, roles.UPDATE, "settings", place))
        for place in sorted(access.places(user), key=lambda place: place.name)
    ]
    everywhere = Place(None, inside.get(None), access.is_owner(user))
    return [everywhere, *clinics] if everywhere.may or everywhere.stop else clinics


@require_POST
def sending(request: HttpRequest) -> HttpResponse:
    """Stop all sending in a clinic, or everywhere, or let it go on; for a reason."""
    access.check(request.user, roles.READ, "settings")
    place = _place(request)
    why = request.POST.get("why", "").strip()
    if not why:
        raise Invalid("Say why: whoever reads it later must understand.")
    location_id = None if place is None else place.pk
    where = "everywhere" if place is None else f"at {place.name}"
    if request.POST.get("to") == "off":
        row = sending_stops.stop(kind=KIND, reason=why, cause=cause_of(request), location_id=location_id)
        note(request, [row], fields=("reason",))
        flash.success(request, f"Nothing is sent {where} from now on.")
    elif (
        sending_stops.resume(kind=KIND, cause=cause_of(request), location_id=location_id, reason=why) is None
    ):
        flash.info(request, f"Sending was not stopped {where}.")
    else:
        flash.success(
            request, f"Sending goes on {where}. What was held goes out, or expires where it is too late."
        )
    return HttpResponseRedirect(reverse("admin:operations"))


def _place(request: HttpRequest) -> Location | None:
    code = request.POST.get("location", "")
    if not code:
        if not access.is_owner(request.user):
            raise NotAllowed("Only an admin of all clinics may stop sending everywhere, or let it go on.")
        return None
    place = access.locations(request.user).filter(code=code).first()
    if place is None:
        raise Http404("There is no such location.")
    access.check(request.user, roles.UPDATE, "settings", place)
    return place


@require_POST
def replay(request: HttpRequest, kind: str) -> HttpResponse:
    """Put one parked item back in line, or all of its kind that this person may."""
    found = parked.KINDS.get(kind)
    if found is None or not isinstance(request.user, User):
        raise Http404("There is no such kind of parked item.")
    wanted = request.POST.get("item", "")
    if wanted:
        rows = [access.get_visible_or_404(found.rows(), request.user, wanted, roles.UPDATE)]
    else:
        access.check(request.user, roles.UPDATE, access.resource_of(found.rows().model))
        rows = list(parked.may_replay(request.user, found)[: parked.AT_ONCE])
    note(request, rows)
    went, refusal = parked.replay(found, rows, cause=cause_of(request))
    if went:
        flash.success(request, f"Back in line: {went} of {found.label.lower()}.")
    if refusal:
        flash.error(request, f"{len(rows) - went} could not be tried again: {refusal}")
    return HttpResponseRedirect(reverse("admin:operations"))


def _staying(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A refusal that names what is wrong is said on this page, not on the start page."""

    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except Invalid as refusal:
            flash.error(request, refusal.message)
            return HttpResponseRedirect(reverse("admin:operations"))

    return answer


def connect() -> None:
    """Join the staff's pages."""
    for name, route, view in (
        ("operations", "operations/", page),
        ("operations_figures", "operations/figures/", figures),
        ("operations_sending", "operations/sending/", _staying(sending)),
        ("operations_replay", "operations/<slug:kind>/replay/", replay),
    ):
        pages.extra.register(name, pages.Page(route, view))
