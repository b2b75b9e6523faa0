"""Trying a rule on the past: what was tried lately, and what one try came to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import Truncator
from django.views.decorators.http import require_POST

from accounts import access, live, pages, roles
from accounts.models import User
from accounts.progress import Bar, refreshed
from accounts.staff import cause_of
from automation import backtest_shown, backtests
from automation.backtest_models import MOST_DAYS, BackTest, BackTestHit
from automation.editor import at as places
from automation.editor.at import At
from contacts.models import Contact
from core.api_audit import note
from core.errors import DomainError, NotFound
from core.numbers import whole

SHOWN = 30
#: Of what would have been done, so much is shown before it is unfolded.
LONGEST = 140
SIDES = (("draft", "As tried"), ("live", "As it is now"))
By, Outcome = BackTestHit.By, BackTestHit.Outcome
_RAN = Q(outcome=Outcome.MATCHED)
#: What of the occasions is shown: address -> (words, condition, whether it makes sense without a comparison).
PARTS: dict[str, tuple[str, Q, bool]] = {
    "all": ("All", Q(), True),
    "draft": ("Only as tried", _RAN & Q(by=By.DRAFT), False),
    "live": ("Only as it is now", _RAN & Q(by=By.LIVE), False),
    "both": ("Either way", _RAN & Q(by=By.BOTH), False),
    "changed": ("Something else", _RAN & Q(live_steps__isnull=False), False),
    "often": ("More than once", Q(times__gt=1), True),
    "stopped": ("Stopped", Q(outcome=Outcome.STOPPED), True),
}


@dataclass(frozen=True, slots=True)
class StepLine:
    """A step of an occasion; `at` is empty where it would have come at once."""

    does: str
    done: bool
    reason: str
    at: str


@dataclass(frozen=True, slots=True)
class HitLine:
    """One occasion as the page shows it, in short what would have been done; times are the clinic's."""

    hit: BackTestHit
    contact: Contact | None
    at: str
    words: str
    steps: list[StepLine]
    before: list[StepLine]


@dataclass(frozen=True, slots=True)
class SideLine:
    """What one wording comes to, step by step and message by message."""

    label: str
    steps: list[tuple[str, str, str]]
    texts: list[tuple[str, str, str]]
    kept_back: list[tuple[str, str]]


def of_rule(request: HttpRequest, pk: UUID) -> HttpResponse:
    """What was tried of a rule, and the button to try what it says now."""
    return _tries(request, places.of_rule(request, pk))


def of_draft(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The same of a new rule that was never published."""
    return _tries(request, places.of_draft(request, pk))


def _tries(request: HttpRequest, at: At) -> HttpResponse:
    user = _checked(request, at)
    if request.method == "POST":
        return _ask(request, at, user)
    mine = {"rule": at.rule} if at.rule is not None else {"draft": at.draft}
    tests = list(access.visible(BackTest, user).filter(**mine).select_related("author").order_by("-pk"))
    note(request, tests)
    lines = [
        {"test": test, "asked": _local(test, test.created_at), "words": backtest_shown.progress(test)}
        for number, test in enumerate(tests)
        if number < backtests.KEPT or test.is_going
    ]
    return _draw(
        request, "past.html", at, lines=lines, most_days=MOST_DAYS, going=any(t.is_going for t in tests)
    )


def _ask(request: HttpRequest, at: At, user: User) -> HttpResponse:
    days = whole(request.POST.get("days", str(MOST_DAYS)).strip(), digits=5) or 0
    try:
        test = ask(request, at, dict(at.wording), days=days)
    except DomainError as refusal:
        return live.refused(request, refusal, back=at.url("past"))
    return HttpResponseRedirect(address(test))


def ask(request: HttpRequest, at: At, wording: dict[str, Any], *, days: int = MOST_DAYS) -> BackTest:
    """Begin to try a wording on the past. Raises what `backtests.ask` does."""
    assert isinstance(request.user, User)
    test = backtests.ask(
        location=at.location, wording=wording, author=request.user, cause=cause_of(request), rule=at.rule,
        draft=at.draft if at.rule is None else None, days=days,
    )  # fmt: skip
    note(request, [test])
    return test


def address(test: BackTest, page: str = "") -> str:
    """Where a test's pages are."""
    return reverse(f"admin:automation_back_test{page}", args=[test.public_id])


def show(request: HttpRequest, pk: UUID) -> HttpResponse:
    """One try: how far it is, its figures beside those of the rule as it is, and whom it would have met."""
    test, at = _one(request, pk)
    part = request.GET.get("part", "all")
    part = part if part in PARTS else "all"
    page = Paginator(_hits(request, test, part), SHOWN).get_page(request.GET.get("page"))
    rows = [_line(test, hit) for hit in page.object_list]
    note(request, [row.contact for row in rows if row.contact is not None], personal=True)
    compared = test.live is not None
    return _draw(
        request, "past_one.html", at, test=test, bar=_bar(test), stuck=backtests.is_stuck(test), page=page, rows=rows,
        since=_local(test, test.since), until=_local(test, test.until), asked=_local(test, test.created_at),
        tried=backtest_shown.sentence(test.wording), as_is=backtest_shown.sentence(test.live) if test.live else "",
        table=backtest_shown.table(test), difference=backtest_shown.difference(test),
        sides=[_side(test, by, label) for by, label in SIDES if by == "draft" or compared],
        weeks=backtest_shown.weeks(test), compared=compared, part=part,
        parts=[(key, label) for key, (label, _, alone) in PARTS.items() if alone or compared],
        limits=backtest_shown.limits(test), kept=test.figures.get("kept", 0), beyond=test.figures.get("beyond", 0),
        changed=_changed(test, at), sees_people=access.allowed(request.user, roles.READ, "contacts", test.location),
    )  # fmt: skip


def bar(request: HttpRequest, pk: UUID) -> HttpResponse:
    """The bar alone, as htmx asks for it each second."""
    test, _ = _one(request, pk)
    return refreshed(request, _bar(test))


@require_POST
def stop(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Stop it; what was played stays."""
    test, _ = _one(request, pk)
    try:
        backtests.cancel(test.pk, cause=cause_of(request))
    except DomainError as refusal:
        return live.refused(request, refusal, back=address(test))
    messages.success(request, "Stopped. What was found until then stays.")
    return HttpResponseRedirect(address(test))


def _one(request: HttpRequest, pk: UUID) -> tuple[BackTest, At]:
    """A test with the rule or draft it is about. Raises NotFound, or NotAllowed for who may not write rules here."""
    rows = access.visible(BackTest, request.user).select_related(
        "location", "author", "rule__current", "rule__draft__author", "draft__author"
    )
    test = rows.filter(public_id=pk).first()
    if test is None:
        raise NotFound("There is no such try. Newer ones took its place, or its draft was discarded.")
    rule = test.rule
    draft = test.draft if rule is None else getattr(rule, "draft", None)
    if rule is not None:
        rule.location = test.location
    at = At(test.location, rule, draft, may=True)
    _checked(request, at)
    note(request, [test])
    return test, at


def _checked(request: HttpRequest, at: At) -> User:
    access.check(request.user, roles.UPDATE, "settings", at.location)
    assert isinstance(request.user, User)
    return request.user


def _hits(request: HttpRequest, test: BackTest, part: str) -> QuerySet[BackTestHit]:
    """The occasions of people whom this person may see, and those that are about nobody."""
    seen = access.visible(Contact, request.user).values("pk")
    rows = test.hits.filter(PARTS[part][1]).filter(Q(contact=None) | Q(contact__in=seen))
    return rows.select_related("contact").order_by("-at", "-id")


def _bar(test: BackTest) -> Bar:
    return Bar(
        name="Trying the rule on the past: progress", done=test.parts_done, total=len(test.parts) or 1,
        going=test.is_going and not backtests.is_stuck(test), words=backtest_shown.progress(test),
        address=address(test, "_bar"), cancel=address(test, "_stop"),
    )  # fmt: skip


def _side(test: BackTest, by: str, label: str) -> SideLine:
    shown = backtest_shown
    return SideLine(label, shown.steps(test, by), shown.messages(test, by), shown.kept_back(test, by))


def _line(test: BackTest, hit: BackTestHit) -> HitLine:
    done = [step["does"] for step in hit.steps if step["done"]]
    words = ", ".join(done) or ("nothing would have been done" if hit.steps else hit.get_outcome_display())
    return HitLine(
        hit, hit.contact, _local(test, hit.at), Truncator(words).chars(LONGEST), _steps(test, hit, hit.steps),
        _steps(test, hit, hit.live_steps or []),
    )  # fmt: skip


def _steps(test: BackTest, hit: BackTestHit, steps: list[dict[str, Any]]) -> list[StepLine]:
    return [
        StepLine(
            step["does"], step["done"], step["reason"],
            "" if (at := datetime.fromisoformat(step["at"])) == hit.at else _local(test, at),
        )
        for step in steps
    ]  # fmt: skip


def _local(test: BackTest, at: datetime) -> str:
    return f"{test.location.local(at):%a %-d %b %Y, %H:%M}"


def _changed(test: BackTest, at: At) -> bool:
    """Whether what is written now is no longer what was tried."""
    now = at.wording
    return any((now.get(name) or None) != (test.wording.get(name) or None) for name in backtests.MATTERS)


def _draw(request: HttpRequest, template: str, at: At, **context: Any) -> HttpResponse:
    name = str(at.wording.get("name") or "New rule")
    return render(
        request,
        f"automation/editor/{template}",
        pages.context(request, title=name, at=at, rule=at.rule, tab="past", url=at.url("past"), **context),
    )
