"""The last look before a rule changes: what is new and what is doubtful."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse

from accounts import access, desk_actions, desk_pages, pages, roles
from accounts.models import DeskAction, User
from automation import desk_kinds, drafts, selectors
from automation.editor import at as places
from automation.editor import checking, form
from automation.editor.at import At
from automation.models import Rule, RuleDraft
from core import diffs
from core.api_audit import note
from core.causes import Cause
from core.errors import DomainError

UNSAID = "Tick each warning in red that you have read, or go back and change the rule."


def publish_rule(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Publish the draft that changes a rule."""
    return _publish(request, places.of_rule(request, pk))


def publish_draft(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Publish a new rule."""
    return _publish(request, places.of_draft(request, pk))


def _publish(request: HttpRequest, at: At) -> HttpResponse:
    access.check(request.user, roles.UPDATE, "settings", at.location)
    if at.draft is None:
        messages.info(request, "There is no draft to publish: the rule says what it says.")
        return HttpResponseRedirect(at.url())
    state = form.fresh(at)
    if not state.checked.is_ready or state.json_errors:
        messages.error(request, "This draft is not finished. What is missing is marked.")
        return HttpResponseRedirect(at.url())
    if request.method == "POST":
        return _publish_it(request, at, state)
    return _draw(request, at, state)


def _publish_it(request: HttpRequest, at: At, state: form.State) -> HttpResponse:
    assert at.draft is not None
    assert isinstance(request.user, User)
    asked = {doubt.code for doubt in state.checked.doubts if doubt.grave}
    mode = request.POST.get("mode", "")
    if request.POST.get("seen") != at.seen:
        return _draw(request, at, state, problem=drafts.CHANGED)
    if asked - set(request.POST.getlist("read")):
        return _draw(request, at, state, problem=UNSAID)
    if mode not in Rule.Mode.values:
        return _draw(request, at, state, problem="Say whether the rule is on, in shadow or off.")
    try:
        rule, action = _published(at, at.draft, Rule.Mode(mode), request.user)
    except DomainError as refusal:
        return _draw(request, at, state, problem=refusal.message)
    note(request, [rule], fields=["wording"])
    assert rule.current is not None
    text = f"{rule.name} is published: version {rule.current.number}, {rule.mode.label.lower()}."
    if action is not None:
        text = desk_pages.with_undo(desk_pages.unless_already(text, action), action)
    messages.success(request, text)
    return HttpResponseRedirect(reverse("admin:automation_rule_edit", args=[rule.public_id]))


def _published(at: At, draft: RuleDraft, mode: Rule.Mode, user: User) -> tuple[Rule, DeskAction | None]:
    """The rule as it is now, and the act by which a change can be undone; a new rule is switched off instead."""
    if at.rule is None:
        return drafts.publish(draft.pk, seen=at.seen, mode=mode, author=user, cause=Cause.user(user.pk)), None
    action = desk_actions.do_one(
        desk_kinds.PUBLISH, location=at.location, user=user, item=at.rule.pk,
        parameters={"draft": draft.pk, "seen": at.seen, "mode": str(mode)},
    )  # fmt: skip
    return Rule.objects.select_related("current").get(pk=at.rule.pk), action


def _draw(request: HttpRequest, at: At, state: form.State, *, problem: str = "") -> HttpResponse:
    live = at.live
    before = selectors.sentence(at.rule) if at.rule is not None else ""
    context: dict[str, Any] = {
        "title": f"Publish {state.draft.name}", "at": at, "rule": at.rule, "checked": state.checked, "tab": "publish",
        "words": diffs.words(before, state.checked.sentence), "seen": state.seen, "problem": problem,
        "past": at.url("past"),
        "lines": diffs.lines(checking.as_json(live), state.checked.json) if live else [],
        "head": _head(live, state.checked.wording), "read": request.POST.getlist("read"),
        "mode": request.POST.get("mode") or (at.rule.mode if at.rule is not None else Rule.Mode.LIVE),
        "modes": (
            (Rule.Mode.LIVE, "On", "It acts on what happens from now on."),
            (Rule.Mode.SHADOW, "In shadow", "What it would do is recorded; nothing is done or sent."),
            (Rule.Mode.OFF, "Off", "It waits until somebody switches it on."),
        ),
    }  # fmt: skip
    return render(
        request,
        "automation/editor/publish.html",
        pages.context(request, **context),
        status=422 if problem else 200,
    )


def _head(live: dict[str, Any] | None, wording: dict[str, Any]) -> list[tuple[str, object, object]]:
    """Name, priority and the like where they change."""
    if live is None:
        return []
    names = ("name", "trigger", "every", "anchor", "priority")
    return [
        (name, live[name] or "none", wording[name] or "none") for name in names if live[name] != wording[name]
    ]
