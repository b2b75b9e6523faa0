"""Rules as the staff see them: the list in plain words, versions, what a rule did, and the buttons beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts import access, desk_actions, desk_pages, pages, roles
from accounts.models import Location, User
from accounts.staff import cause_of
from automation import desk_kinds, doubts, drafts, selectors, services, statistics, triggers
from automation.editor import at as places
from automation.editor import checking
from automation.models import Rule, RuleDraft
from core import clock, diffs
from core.api_audit import note
from core.errors import DomainError, Invalid
from core.numbers import whole
from messaging.models import Template


@dataclass
class Line:
    """A rule as the list shows it."""

    rule: Rule
    sentence: str
    lately: statistics.Lately
    doubts: list[doubts.Doubt]
    draft: RuleDraft | None


def clinic_of(request: HttpRequest) -> Location:
    """The clinic whose rules are looked at: the one asked for, else the person's own."""
    user = _user(request)
    code = request.POST.get("location") or request.GET.get("location", "")
    chosen = access.locations(user).filter(code=code).first() if code else None
    found = chosen or access.home_location(user)
    if found is None:
        access.check(user, roles.READ, "settings")
        raise Invalid("You work in no clinic yet.")
    access.check(user, roles.READ, "settings", found)
    return found


def rules(request: HttpRequest) -> HttpResponse:
    """Every rule of a clinic in plain words, grouped by what it starts on."""
    user, clinic = _user(request), clinic_of(request)
    rows = list(access.visible(Rule, user).filter(location=clinic).select_related("current", "draft__author"))
    lately = statistics.lately([rule.pk for rule in rows], clock.now())
    grave = _grave(rows, clinic)
    groups: dict[str, list[Line]] = {}
    for rule in rows:
        rule.location = clinic
        line = Line(
            rule, selectors.sentence(rule), lately[rule.pk], grave.get(rule.pk, []), getattr(rule, "draft", None),
        )  # fmt: skip
        groups.setdefault(triggers.TRIGGERS[rule.trigger].label, []).append(line)
    fresh = (
        access.visible(RuleDraft, user).filter(location=clinic, rule__isnull=True).select_related("author")
    )
    note(request, rows)
    return _draw(
        request, "list.html", title="Rules", clinic=clinic, clinics=access.locations(user), groups=groups,
        drafts=list(fresh.order_by("-updated_at")), may=access.allowed(user, roles.CREATE, "settings", clinic),
        triggers=triggers.CHOICES,
    )  # fmt: skip


def _grave(rules: Sequence[Rule], clinic: Location) -> dict[int, list[doubts.Doubt]]:
    """What is gravely doubtful about those of these rules that are on."""
    on = {str(rule.pk): rule for rule in rules if rule.is_active}
    known, templates = doubts.known(on.values()), list(Template.objects.filter(location=clinic))
    found = {}
    for one in known:
        rule = on[one.id]
        said = doubts.of_rule(one, templates=templates, anchor=rule.anchor, others=known)
        found[rule.pk] = [doubt for doubt in said if doubt.grave]
    return found


@require_POST
def start(request: HttpRequest) -> HttpResponse:
    """A draft of a new rule."""
    clinic = clinic_of(request)
    access.check(request.user, roles.CREATE, "settings", clinic)
    trigger = request.POST.get("trigger", "")
    wording = {
        "name": "", "key": "", "trigger": trigger if trigger in triggers.TRIGGERS else "", "every": "", "anchor": "",
        "priority": 100, "conditions": {}, "actions": [],
    }  # fmt: skip
    draft = drafts.save_draft(
        location=clinic, wording=wording, author=_user(request), cause=cause_of(request)
    )
    return HttpResponseRedirect(reverse("admin:automation_draft_edit", args=[draft.public_id]))


@require_POST
def set_mode(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Switch a rule on, off or into shadow."""
    at = _changing(request, pk)
    mode = request.POST.get("mode", "")
    if mode not in Rule.Mode.values:
        raise Invalid("Say on, off or shadow.")
    rule = services.set_mode(_rule(at).pk, mode=Rule.Mode(mode), cause=cause_of(request))
    words = {"on": "on", "off": "off", "shadow": "in shadow: what it would do is recorded, nothing is done"}
    return _back(request, at.url(), f"{rule.name} is {words[mode]} now.")


@require_POST
def duplicate(request: HttpRequest, pk: UUID) -> HttpResponse:
    """A draft of a new rule that says the same."""
    at = _changing(request, pk)
    draft = drafts.duplicate(_rule(at).pk, author=_user(request), cause=cause_of(request))
    url = reverse("admin:automation_draft_edit", args=[draft.public_id])
    return _back(request, url, "This is a draft of a new rule; it does nothing yet.")


@require_POST
def restore_delivered(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What the rule was delivered with, as a new version."""
    at = _changing(request, pk)
    text = "The rule says again what it was delivered with. The wording before is kept as a version."
    return _acted(request, at, desk_kinds.RESTORE_DELIVERED, {}, text, back=at.url())


def versions(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Every wording a rule had, and what differs between two of them."""
    at = places.of_rule(request, pk)
    rule = _rule(at)
    found = list(rule.versions.select_related("author").order_by("-number")[:100])
    by_number = {version.number: version for version in found}
    chosen = by_number.get(whole(request.GET.get("number", ""), digits=8) or 0)
    compared = None
    if chosen is not None and rule.current is not None:
        old, new = selectors.sentence(rule, chosen), selectors.sentence(rule)
        texts = [
            checking.as_json({"conditions": version.conditions, "actions": version.actions})
            for version in (chosen, rule.current)
        ]
        compared = {"words": diffs.words(old, new), "lines": diffs.lines(*texts), "number": chosen.number}
    rows = [{"version": version, "sentence": selectors.sentence(rule, version)} for version in found]
    note(request, [rule])
    return _draw(
        request, "versions.html", title=rule.name, at=at, rule=rule, rows=rows, compared=compared, tab="versions",
    )  # fmt: skip


@require_POST
def restore_version(request: HttpRequest, pk: UUID) -> HttpResponse:
    """An earlier wording, as a new version."""
    at = _changing(request, pk)
    wanted = whole(request.POST.get("number", ""), digits=8) or 0
    url = reverse("admin:automation_rule_versions", args=[pk])
    text = f"The rule says again what version {wanted} said."
    return _acted(request, at, desk_kinds.RESTORE, {"number": wanted}, text, back=url)


def figures(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What a rule did in the last 7, 30 and 90 days, what came of it, and its latest runs with their reasons."""
    at = places.of_rule(request, pk)
    rule = _rule(at)
    now = clock.now()
    runs = list(selectors.runs().filter(rule=rule)[:30])
    shown = [run for run in runs if run.contact is not None]
    note(request, [run.contact for run in shown], personal=True)
    return _draw(
        request, "figures.html", title=rule.name, at=at, rule=rule, tab="figures", runs=runs,
        spans=statistics.spans(rule.pk, now),
    )  # fmt: skip


# Small things


def _draw(request: HttpRequest, template: str, **context: Any) -> HttpResponse:
    return render(request, f"automation/editor/{template}", pages.context(request, **context))


def _user(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user


def _rule(at: places.At) -> Rule:
    assert at.rule is not None
    return at.rule


def _changing(request: HttpRequest, pk: UUID) -> places.At:
    at = places.of_rule(request, pk)
    access.check(request.user, roles.UPDATE, "settings", at.location)
    return at


def _acted(
    request: HttpRequest, at: places.At, kind: str, parameters: Mapping[str, Any], text: str, *, back: str
) -> HttpResponse:
    """Do it as an act that can be undone, and go back, where it is said."""
    try:
        action = desk_actions.do_one(
            kind, location=at.location, user=_user(request), item=_rule(at).pk, parameters=parameters
        )
    except DomainError as refusal:
        return _back(request, back, refusal.message, bad=True)
    note(request, [_rule(at)], fields=["wording"])
    messages.success(request, desk_pages.with_undo(desk_pages.unless_already(text, action), action))
    return HttpResponseRedirect(back)


def _back(request: HttpRequest, url: str, text: str, *, bad: bool = False) -> HttpResponse:
    """Go there, where this is said."""
    (messages.error if bad else messages.success)(request, text)
    return HttpResponseRedirect(url)
