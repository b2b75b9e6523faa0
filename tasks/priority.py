"""Which task comes first: a score from 0 to 200 that depends on the clock, and the category it falls in.

Pure. Everything is integer arithmetic in hundredths of a point, so that the queue's SQL and this module
agree to the last task. With non-negative integers throughout the round, the queryset writes the same as

    hundredths = base * urgency                                     -- 60 * 120
               + 100 * LEAST(100, 20 * GREATEST(0, FLOOR(EXTRACT(EPOCH FROM now - due) / 3600)::int))
               + 50 * (warmness - 50)
    score      = GREATEST(LEAST(200, GREATEST(0, (hundredths + 50) / 100)), priority_floor)

where ``base`` and ``urgency`` are CASE expressions over the same table, ``/`` is integer division (it cuts
towards zero where Python's ``//`` goes down, which differs only below zero, where the score is 0 either
way), and EXTRACT gives exact microseconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum

from core.errors import Invalid

LOWEST, HIGHEST = 0, 200
HUNDREDTHS = 100
NEUTRAL_WARMNESS = 50
WARMNESS_HUNDREDTHS = 50
"""What a point of warmness above or below neutral is worth: half a point."""

BASE, URGENCY, OVERDUE = "task_base", "task_urgency", "task_overdue"
OTHER = "other"
PER_HOUR, MOST = "per_hour", "most"


class Category(StrEnum):
    """How a score is shown."""

    URGENT = "URGENT"
    HIGH = "HIGH"
    MEDIUM = "MEDIUM"
    LOW = "LOW"


CATEGORY_FROM: dict[Category, int] = {Category.URGENT: 150, Category.HIGH: 100, Category.MEDIUM: 50}
"""The least score of each category above LOW, highest first."""

FLOORS: dict[str, int] = {"urgent": 150, "high": 100, "medium": 50, "low": 0, "": 0}
"""What an action's or a person's ``priority`` sets as the floor of the score."""


class Timeframe(StrEnum):
    """When a task is due, seen from now."""

    OVERDUE = "overdue"
    TODAY = "today"
    UPCOMING = "upcoming"


@dataclass(frozen=True, slots=True)
class Weights:
    """The figures of domain.md §6 as one location has them.

    ``base`` is points by task type, ``other_base`` those of any other type; ``urgency`` is hundredths by
    the booking's urgency (150 is 1.5), and 100 where there is none; overdue points are per whole hour, up
    to a most.
    """

    base: Mapping[str, int]
    urgency: Mapping[str, int]
    other_base: int = 50
    overdue_per_hour: int = 20
    overdue_most: int = 100

    def with_rows(self, rows: Iterable[tuple[str, str, int]]) -> Weights:
        """These weights with a location's own (kind, key, points) rows put over them.

        Kinds are task_base (a task type, or "other"), task_urgency (in hundredths) and task_overdue
        (per_hour, most); rows of other kinds belong to other scores. Raises Invalid for a negative figure
        or an unknown key of task_overdue.
        """
        base, urgency = dict(self.base), dict(self.urgency)
        single = {
            (BASE, OTHER): self.other_base,
            (OVERDUE, PER_HOUR): self.overdue_per_hour,
            (OVERDUE, MOST): self.overdue_most,
        }
        tables = {BASE: base, URGENCY: urgency}
        for kind, key, points in rows:
            if kind not in (BASE, URGENCY, OVERDUE):
                continue
            _check_row(kind, key, points)
            if (kind, key) in single:
                single[kind, key] = points
            else:
                tables[kind][key] = points
        return replace(
            self,
            base=base,
            urgency=urgency,
            other_base=single[BASE, OTHER],
            overdue_per_hour=single[OVERDUE, PER_HOUR],
            overdue_most=single[OVERDUE, MOST],
        )

    def as_rows(self) -> list[tuple[str, str, int]]:
        """These weights as (kind, key, points) rows, as they are seeded."""
        return [
            *((BASE, key, points) for key, points in self.base.items()),
            (BASE, OTHER, self.other_base),
            *((URGENCY, key, points) for key, points in self.urgency.items()),
            (OVERDUE, PER_HOUR, self.overdue_per_hour),
            (OVERDUE, MOST, self.overdue_most),
        ]


def _check_row(kind: str, key: str, points: int) -> None:
    where = f"{kind}.{key}"
    if points < 0:
        raise Invalid(f"{where} must be 0 or more, not {points}.", fields={where: "Must be 0 or more."})
    if kind == OVERDUE and key not in (PER_HOUR, MOST):
        raise Invalid(
            f"There is no weight {where!r}. Overdue has: {PER_HOUR}, {MOST}.",
            fields={where: "Unknown weight."},
        )


DEFAULT_WEIGHTS = Weights(
    base={
        "rescue_call": 100,
        "call_hot_lead": 90,
        "no_show_followup": 80,
        "confirmation_call": 75,
        "reply_needed": 75,
        "welcome_call": 60,
        "recall_call": 50,
        "review_request": 30,
        "referral_invite": 20,
    },
    urgency={"high": 150, "medium": 120, "low": 100},
)


@dataclass(frozen=True, slots=True)
class Priority:
    """A task's place in the queue: score from 0 to 200, category, and why, in plain words."""

    score: int
    category: Category
    reasons: tuple[str, ...]


def priority(
    *,
    task_type: str,
    due: datetime,
    now: datetime,
    warmness: int,
    urgency: str = "",
    floor: int = 0,
    weights: Weights = DEFAULT_WEIGHTS,
) -> Priority:
    """The score of a task at ``now``, explained.

    Times are aware; ``warmness`` is 0 to 100; ``floor`` a least score.
    """
    base = weights.base.get(task_type, weights.other_base)
    factor = weights.urgency.get(urgency, HUNDREDTHS)
    late = overdue_points(due, now, weights)
    hundredths = base * factor + late * HUNDREDTHS + (warmness - NEUTRAL_WARMNESS) * WARMNESS_HUNDREDTHS
    rounded = (hundredths + HUNDREDTHS // 2) // HUNDREDTHS
    computed = max(LOWEST, min(HIGHEST, rounded))
    score = max(computed, floor)
    reasons = [f"{task_type.replace('_', ' ').capitalize()}: {base} points."]
    if factor != HUNDREDTHS:
        reasons.append(f"Urgency {urgency}: times {factor // HUNDREDTHS}.{factor % HUNDREDTHS:02d}.")
    if late:
        reasons.append(f"Overdue: +{late}.")
    if warmness != NEUTRAL_WARMNESS:
        sign = "+" if warmness > NEUTRAL_WARMNESS else "-"
        reasons.append(f"Warmness {warmness}: {sign}{_half(warmness)}.")
    if score > computed:
        reasons.append(f"Raised to at least {floor}.")
    return Priority(score, category(score), tuple(reasons))


def _half(warmness: int) -> str:
    """Half the distance from neutral, written without a float."""
    points, rest = divmod(abs(warmness - NEUTRAL_WARMNESS) * WARMNESS_HUNDREDTHS, HUNDREDTHS)
    return f"{points}.5" if rest else str(points)


def overdue_points(due: datetime, now: datetime, weights: Weights = DEFAULT_WEIGHTS) -> int:
    """Points for every whole hour that ``now`` is past ``due``, up to the most."""
    hours = max(0, (now - due) // timedelta(hours=1))
    return min(weights.overdue_most, weights.overdue_per_hour * hours)


def category(score: int) -> Category:
    """URGENT from 150, HIGH from 100, MEDIUM from 50, LOW below."""
    return next((name for name, least in CATEGORY_FROM.items() if score >= least), Category.LOW)


def floor_for(name: str) -> int:
    """The floor that a ``priority`` of urgent, high, medium, low or "" sets.

    Raises Invalid for another word.
    """
    if name not in FLOORS:
        raise Invalid(
            f"{name!r} is not a priority. Use low, medium, high or urgent.",
            code="unknown_priority",
            fields={"priority": "Use low, medium, high or urgent."},
        )
    return FLOORS[name]


def day_end(now: datetime, zone: tzinfo) -> datetime:
    """The first instant of the next local day, in UTC; right on days that are 23 or 25 hours long."""
    tomorrow = now.astimezone(zone).date() + timedelta(days=1)
    return datetime.combine(tomorrow, time.min, tzinfo=zone).astimezone(UTC)


def timeframe(due: datetime, now: datetime, zone: tzinfo) -> Timeframe:
    """Overdue before ``now``; today from ``now`` to the end of the local day in ``zone``; upcoming later."""
    if due < now:
        return Timeframe.OVERDUE
    return Timeframe.TODAY if due < day_end(now, zone) else Timeframe.UPCOMING
