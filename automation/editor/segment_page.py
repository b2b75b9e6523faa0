"""The page on which a segment is written: the rule editor's conditions, about people alone, with who meets them now."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, cast
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts import access, live, pages, roles
from accounts.models import Location, User
from accounts.staff import cause_of
from automation import facts, segments
from automation.editor import acts, form, posted, reading, shown
from automation.editor.choices import Choices
from automation.editor.draft import Draft
from automation.models import SavedSegment
from core.api_audit import note
from core.errors import DomainError, Invalid

NEW, EDIT = "automation_segment_new", "automation_segment_edit"
UNFINISHED = "This segment is not finished: what is missing is marked."
#: What of the rule editor's acts makes sense without actions.
_WORDS = acts.WORDS - {"card"}


@dataclass
class Checked:
    """What the form comes to. `errors` are by place of the form, `stray` by path where no field has it."""

    conditions: dict[str, Any]
    errors: dict[str, list[str]] = field(default_factory=dict)
    stray: dict[str, list[str]] = field(default_factory=dict)
    unfinished: dict[str, str] = field(default_factory=dict)
    sentence: str = ""
    people: str = ""

    @property
    def json(self) -> str:
        """The conditions, for experts."""
        return json.dumps(self.conditions, indent=2, ensure_ascii=False)


@dataclass
class State(form.WithJson):
    """What the page shows. `saved` is the segment as it stands, None for a new one."""

    location: Location = field(kw_only=True)
    draft: Draft = field(kw_only=True)
    checked: Checked = field(kw_only=True)
    saved: SavedSegment | None = field(kw_only=True)
    focus: str = ""
    act: str = ""
    problem: str = ""
    seen: str = ""


def new(request: HttpRequest) -> HttpResponse:
    """A segment that does not exist yet."""
    user = cast(User, request.user)
    location = _clinic(request, user)
    access.check(user, roles.CREATE, "settings", location)
    return _page(request, location, None)


def edit(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A segment: its form for who may change it, its sentence for who may read it."""
    rows = SavedSegment.objects.select_related("location")
    segment = access.get_visible_or_404(rows, request.user, pk)
    note(request, [segment])
    if request.method == "POST":
        access.check_on(request.user, roles.UPDATE, segment)
    return _page(request, segment.location, segment)


def _clinic(request: HttpRequest, user: User) -> Location:
    given = request.POST if request.method == "POST" else request.GET
    asked = given.get("location", "")
    chosen = next((row for row in access.places(user) if row.code == asked), None)
    if asked and chosen is None:
        raise Http404("There is no such clinic.")
    return chosen or getattr(request, "location", None) or access.location_for(user)


def _page(request: HttpRequest, location: Location, saved: SavedSegment | None) -> HttpResponse:
    if request.method != "POST":
        return _draw(request, _fresh(location, saved))
    state = _of_post(request, location, saved)
    word = request.POST.get("do", "show").partition(":")[0]
    if word == "save":
        return _save(request, state)
    return _draw(request, state, part="_segment_said.html" if word == "look" else "_segment.html")


def _fresh(location: Location, saved: SavedSegment | None) -> State:
    draft, wrong, raw = Draft(name=saved.name if saved else ""), {}, saved.conditions if saved else {}
    try:
        draft.conditions = reading.conditions_of(raw, facts.registry())
    except reading.CannotShow as error:
        wrong = {error.path: [error.what]}
    checked = _check(draft, location, saved)
    state = State(
        location=location, draft=draft, checked=checked, saved=saved, json_errors=wrong, seen=_seen(saved)
    )
    state.json, state.json_was = checked.json, checked.json
    if wrong:
        state.json, state.json_was = json.dumps(raw, indent=2, ensure_ascii=False), ""
    return state


def _of_post(request: HttpRequest, location: Location, saved: SavedSegment | None) -> State:
    draft = posted.draft_of(dict(request.POST.lists()), facts.registry())
    state = State(
        location=location, draft=draft, checked=_check(draft, location, saved), saved=saved,
        seen=request.POST.get("seen", ""),
    )  # fmt: skip
    do = request.POST.get("do", "show")
    word = do.partition(":")[0]

    def take(value: object) -> None:
        state.draft.conditions = reading.conditions_of(value, facts.registry())
        again()

    def again() -> None:
        state.checked = _check(state.draft, location, saved)
        state.json = state.json_was = state.checked.json

    form.settle_json(request.POST, state, state.checked.json, word, take)
    if word in _WORDS and state.is_settled:
        try:
            state.focus, state.act = acts.act(state.draft, do), word
        except acts.CannotAct as refusal:
            state.problem = str(refusal)
        again()
    return state


def _check(draft: Draft, location: Location, saved: SavedSegment | None) -> Checked:
    registry = facts.registry()
    written = reading.write_conditions(draft.conditions, registry)
    checked = Checked(written.value, unfinished=dict(written.missing))
    if saved is not None and _same(saved.conditions, written.value):
        checked.conditions = saved.conditions  # In its own spelling: showing it changes nothing of it.
    try:
        node = segments.parse(checked.conditions)
    except Invalid as refusal:
        for path, wrong in refusal.fields.items():
            where = reading.place_of(path, written.places)
            (checked.errors if where else checked.stray).setdefault(where or path, []).extend(wrong)
        return checked
    checked.sentence = segments.sentence(checked.conditions)
    checked.people = str(segments.count(location, node))
    return checked


def _same(raw: object, value: object) -> bool:
    registry = facts.registry()
    try:
        return bool(reading.write_conditions(reading.conditions_of(raw, registry), registry).value == value)
    except reading.CannotShow:
        return False


def _seen(saved: SavedSegment | None) -> str:
    return saved.updated_at.isoformat() if saved is not None else ""


def _save(request: HttpRequest, state: State) -> HttpResponse:
    checked, name, cause = state.checked, state.draft.name, cause_of(request)
    if not state.is_settled:
        state.problem = form.BOTH if state.both else "Mend the JSON first, or take the form."
    elif checked.unfinished or checked.errors or checked.stray:
        state.problem = UNFINISHED
    if state.problem:
        checked.errors |= {
            place: [what, *checked.errors.get(place, [])] for place, what in checked.unfinished.items()
        }
        return _draw(request, state)
    try:
        if state.saved is None:
            saved = segments.create_segment(
                location=state.location, name=name, conditions=checked.conditions, cause=cause
            )
        else:
            saved = segments.save_segment(
                state.saved.pk, name=name, conditions=checked.conditions, seen=state.seen, cause=cause
            )
    except DomainError as refusal:
        state.problem = refusal.message
        if "name" in refusal.fields:
            checked.errors["name"] = [refusal.message]
        return _draw(request, state)
    note(request, [saved], fields=["name", "conditions"])
    messages.success(request, f"“{saved.name}” is saved.")
    url = reverse(f"admin:{EDIT}", args=[saved.public_id])
    if live.is_live(request):
        return HttpResponse(status=204, headers={"HX-Redirect": url})
    return HttpResponseRedirect(url)


def _draw(request: HttpRequest, state: State, *, part: str = "_segment.html") -> HttpResponse:
    user, saved = cast(User, request.user), state.saved
    look = shown.Look(
        Choices(state.location), state.checked.errors, {}, segments.SCOPES, (), state.focus, state.act
    )
    may = saved is None or access.allowed_on(user, roles.UPDATE, saved)
    context = {
        "title": saved.name if saved else "New segment", "state": state, "draft": state.draft,
        "checked": state.checked, "conditions": shown.group(state.draft.conditions, "c", look),
        "errors": state.checked.errors, "saved": saved, "may": may, "location": state.location,
        "url": reverse(f"admin:{EDIT}", args=[saved.public_id]) if saved else reverse(f"admin:{NEW}"),
        "may_delete": saved is not None and access.allowed_on(user, roles.DELETE, saved),
        "may_text": access.allowed(user, roles.CREATE, "messages", state.location),
        "clinics": [] if saved else [
            row for row in access.places(user) if access.allowed(user, roles.CREATE, "settings", row)
        ],
    }  # fmt: skip
    if live.is_live(request):
        return render(request, f"automation/editor/{part}", context)
    status = 422 if state.problem else 200
    return render(request, "automation/editor/segment.html", pages.context(request, **context), status=status)


def connect() -> None:
    """Join the staff's pages. Called from AppConfig.ready()."""
    for name, route, view in ((NEW, "segments/new/", new), (EDIT, "segments/<uuid:pk>/", edit)):
        pages.extra.register(name, pages.Page(route, pages.refusing(view)))
