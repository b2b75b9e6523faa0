"""What a back-test asks, and what it answers. Plain data; times are aware, in UTC."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from accounts.models import Location
from automation.actions import Action
from automation.engine import Outcome, RuleText


@dataclass(frozen=True, slots=True)
class Question:
    """A wording of a rule, held against everything that happened at one location from `since` until `until`.

    `text.rule_id` is the rule whose wording it is, 0 for one that does not exist yet; what that rule really did
    before `since` counts as done. `every` and `anchor` are those of a rule that runs by the clock.
    """

    location: Location
    text: RuleText
    trigger: str
    since: datetime
    until: datetime
    every: str = ""
    anchor: str = ""


@dataclass(frozen=True, slots=True)
class PastStep:
    """What would have become of one step: done at `at`, or not, and why in plain words."""

    index: int
    action: Action
    at: datetime
    done: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rule would have made of one happening: as `engine.Outcome` says. Only MATCHED ones have steps."""

    outcome: Outcome
    reason: str
    at: datetime
    anchor: str
    contact_id: int | None
    booking_id: int | None
    event_id: int | None
    steps: tuple[PastStep, ...] = ()


@dataclass(slots=True)
class Played:
    """What a part of the past came to: all verdicts that matched or were stopped, and how many did not match.

    `not_matched` counts the happenings of a rule that an event starts, and the people looked at by one that runs
    by the clock.
    """

    verdicts: list[Verdict] = field(default_factory=list)
    not_matched: int = 0
