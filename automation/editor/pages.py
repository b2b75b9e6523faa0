"""The page on which a rule is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts import access, live, pages, roles
from accounts.models import User
from accounts.staff import cause_of
from automation import anchors, drafts, selectors, triggers
from automation.editor import at as places
from automation.editor import form, past, shown, trying
from automation.editor.at import At
from automation.editor.form import State
from automation.models import Rule
from core.api_audit import note
from core.errors import DomainError

UNFINISHED = "This rule is not finished: what is missing is marked. A draft can be saved as it is."
SAVED = "The draft is saved. The rule itself is as it was."


def edit_rule(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A rule: its form for who may change it, its sentence for who may read it."""
    return _page(request, places.of_rule(request, pk))


def edit_draft(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A new rule that was never published."""
    return _page(request, places.of_draft(request, pk))


def _page(request: HttpRequest, at: At) -> HttpResponse:
    if request.method != "POST":
        if not at.may and at.rule is None:
            access.check(request.user, roles.UPDATE, "settings", at.location)
        return _draw(request, form.fresh(at))
    access.check(request.user, roles.UPDATE, "settings", at.location)
    state = form.of_post(request, at)
    word = request.POST.get("do", "show").partition(":")[0]
    return _ENDINGS.get(word, _draw)(request, state)


def _draw(request: HttpRequest, state: State, *, part: str = "_editor.html") -> HttpResponse:
    context = context_of(request, state)
    if live.is_live(request):
        return render(request, f"automation/editor/{part}", context)
    name = "edit.html" if state.at.may else "read.html"
    return render(request, f"automation/editor/{name}", pages.context(request, **context))


def context_of(request: HttpRequest, state: State) -> dict[str, Any]:
    """Everything the form shows."""
    at, checked, draft = state.at, state.checked, state.draft
    scopes, carried = shown.of_trigger(draft.trigger)
    errors = {place: list(wrong) for place, wrong in checked.errors.items()}
    if state.insists:
        for place, what in checked.unfinished.items():
            errors.setdefault(place, []).append(what)
    look = shown.Look(
        state.choices, errors, state.tried.verdicts if state.tried is not None else {}, scopes, carried,
        state.focus, state.act,
    )  # fmt: skip
    return {
        "title": draft.name or "New rule", "at": at, "rule": at.rule, "draft": draft, "state": state,
        "checked": checked,
        "conditions": shown.group(draft.conditions, "c", look),
        "cards": [shown.card(card, i, len(draft.cards), look) for i, card in enumerate(draft.cards)],
        "menu": shown.menu(), "triggers": triggers.CHOICES, "clock": triggers.CLOCK,
        "everies": [choice for choice in Rule.Every.choices if choice[0]], "anchors": anchors.CHOICES,
        "errors": errors, "tab": "edit", "url": at.url(),
        "live_sentence": selectors.sentence(at.rule) if at.rule is not None else "",
    }  # fmt: skip


def _go(request: HttpRequest, url: str) -> HttpResponse:
    if live.is_live(request):
        response = HttpResponse(status=204)
        response["HX-Redirect"] = url
        return response
    return HttpResponseRedirect(url)


def _refused(request: HttpRequest, state: State, words: str) -> HttpResponse:
    state.problem = words
    return _draw(request, state)


def _kept(request: HttpRequest, state: State) -> HttpResponse | None:
    """Save the draft of what is in the form; the page again, with the reason, where that cannot be."""
    at = state.at
    if not state.is_settled:
        return _refused(request, state, form.BOTH if state.both else "Mend the JSON first, or take the form.")
    assert isinstance(request.user, User)
    try:
        at.draft = drafts.save_draft(
            location=at.location, wording=state.checked.wording, author=request.user, cause=cause_of(request),
            rule=at.rule, draft_id=at.draft.pk if at.draft is not None else None, seen=state.seen,
        )  # fmt: skip
    except DomainError as refusal:
        state.seen = at.seen
        return _refused(request, state, refusal.message)
    note(request, [at.draft], fields=["wording"])
    return None


def _save(request: HttpRequest, state: State) -> HttpResponse:
    if refused := _kept(request, state):
        return refused
    messages.success(request, SAVED)
    return _go(request, state.at.url())


def _publish(request: HttpRequest, state: State) -> HttpResponse:
    """Save the draft and go to the page where it is looked at once more, if it is finished."""
    state.insists = True
    if state.is_settled and not state.checked.is_ready:
        return _refused(request, state, UNFINISHED)
    return _kept(request, state) or _go(request, state.at.url("publish"))


def _try(request: HttpRequest, state: State) -> HttpResponse:
    assert isinstance(request.user, User)
    try:
        state.tried = trying.attempt(
            state.checked, state.at.imagined, request.user, term=state.given["try_contact"].strip(),
            event_id=state.given["try_event"].strip(),
        )  # fmt: skip
    except DomainError as refusal:
        state.problem = refusal.message
    else:
        note(request, [state.tried.contact] if state.tried.contact else [], personal=True)
    state.focus, state.act = "try", "try"
    return _draw(request, state)


def _past(request: HttpRequest, state: State) -> HttpResponse:
    """Save the draft, where there is anything to save, and begin to try it on the last 90 days."""
    state.insists = True
    if state.is_settled and not state.checked.is_ready:
        return _refused(request, state, UNFINISHED)
    at = state.at
    same = at.draft is None and state.is_settled and state.checked.wording == at.live
    if not same and (refused := _kept(request, state)):
        return refused
    try:
        test = past.ask(request, at, state.checked.wording)
    except DomainError as refusal:
        return _refused(request, state, refusal.message)
    return _go(request, past.address(test))


def _look(request: HttpRequest, state: State) -> HttpResponse:
    """Only what the rule says in words and what is wrong, while somebody types."""
    return _draw(request, state, part="_said.html")


def _discard(request: HttpRequest, state: State) -> HttpResponse:
    at = state.at
    if at.draft is not None:
        drafts.discard_draft(at.draft.pk, cause=cause_of(request))
    messages.success(
        request, "The draft is gone. The rule is as it was." if at.rule else "The draft is gone."
    )
    return _go(request, at.url() if at.rule is not None else reverse("admin:automation_rules"))


_ENDINGS: dict[str, Callable[[HttpRequest, State], HttpResponse]] = {
    "save": _save, "publish": _publish, "try": _try, "past": _past, "look": _look, "discard": _discard,
}  # fmt: skip
