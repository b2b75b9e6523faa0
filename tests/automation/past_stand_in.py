"""A past that a test writes itself, in place of the one that `automation.past` reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from accounts.models import Location
from automation import backtests, drafts
from automation.backtest_models import BackTest
from automation.engine import Outcome
from automation.models import Rule
from automation.past.question import PastStep, Played, Question, Verdict
from bookings.models import Booking
from contacts.models import Contact
from tests.automation.conftest import CAUSE, NOW, drain, fresh
from tests.factories.contacts import make_contact

#: The name of a wording that is tried; whatever has another one is the rule as it is.
TRIED = "Tried"

TEXT = {"type": "send_sms", "template": "welcome_lead"}
OWN = {"type": "send_sms", "message": "Hello {first_name}, see you at {clinic}."}
TAG = {"type": "add_tag", "tag": "seen"}
TASK = {"type": "create_task", "task_type": "call", "due_in_seconds": 0}


@dataclass
class Occasion:
    """Something that happened, in one part; `by` says which wording meets it (any, draft, live)."""

    contact: Contact | None
    at: datetime
    part: int = 0
    by: str = "any"
    stopped: bool = False
    done: bool = True
    booking: Booking | None = None
    anchor: str = ""


@dataclass
class Past:
    """`before_play` is called before each part is played."""

    parts: int = 1
    occasions: list[Occasion] = field(default_factory=list)
    not_matched: int = 0
    before_play: Callable[[int], Any] = lambda part: None
    played: list[tuple[str, int]] = field(default_factory=list)

    def happen(self, contact: Contact | None, *, days_ago: float = 1, **more: Any) -> Occasion:
        one = Occasion(contact, NOW - timedelta(days=days_ago), **more)
        one.anchor = one.anchor or f"event:{len(self.occasions) + 1}"
        self.occasions.append(one)
        return one

    def parts_of(self, *questions: Question) -> list[tuple[int, int]]:
        return [(n, n) for n in range(self.parts)]

    def play(self, question: Question, part: tuple[int, int]) -> Played:
        number = part[0]
        self.before_play(number)
        by = "draft" if question.text.name == TRIED else "live"
        self.played.append((by, number))
        found = [one for one in self.occasions if one.part == number and one.by in ("any", by)]
        return Played([_verdict(question, one) for one in found], self.not_matched)


def _verdict(question: Question, one: Occasion) -> Verdict:
    steps = () if one.stopped else tuple(
        PastStep(step.index, step.action, one.at + step.delay, one.done, "Runs every time." if one.done else "Not now.")
        for step in question.text.steps
    )  # fmt: skip
    return Verdict(
        outcome=Outcome.STOPPED if one.stopped else Outcome.MATCHED,
        reason="Stopped: it would go round in circles." if one.stopped else "Runs every time.",
        at=one.at, anchor=one.anchor, contact_id=one.contact.pk if one.contact is not None else None,
        booking_id=one.booking.pk if one.booking is not None else None, event_id=None, steps=steps,
    )  # fmt: skip


def put_in_place(monkeypatch: pytest.MonkeyPatch) -> Past:
    """Let this past be the one that tries are played on."""
    past = Past()
    monkeypatch.setattr(backtests.past, "parts", past.parts_of)
    monkeypatch.setattr(backtests.past, "play", past.play)
    return past


def wording(rule: Rule, **changed: Any) -> dict[str, Any]:
    return {**drafts.wording_of(rule), "name": TRIED, **changed}


def ask(rule: Rule, *, days: int = 90, **changed: Any) -> BackTest:
    """Begin to try the rule, worded otherwise in these parts."""
    return backtests.ask(
        location=rule.location,
        rule=rule,
        wording=wording(rule, **changed),
        author=None,
        cause=CAUSE,
        days=days,
    )


def tried(rule: Rule, *, days: int = 90, **changed: Any) -> BackTest:
    """Asked and played to its end."""
    test = ask(rule, days=days, **changed)
    drain()
    return fresh(test)


def people(location: Location, count: int) -> list[Contact]:
    return [
        make_contact(location, name=f"Person {n}", phone=f"+614120001{n:02}", source="wix")
        for n in range(count)
    ]
