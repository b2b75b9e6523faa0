"""Warmness: how likely a contact is to book, 0 to 100, with every point explained.

Pure: the caller hands over the rows and the moment; nothing is read from a clock or a database. The score
of any past moment is the same call with that moment as ``now``: rows after it do not count.

    score = clamp(0..100, intent + source + min(40, engagement) + speed to lead + adjustments)
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from core.errors import Invalid

LOWEST, HIGHEST = 0, 100
HOT, WARM = 70, 40
VERY_HOT = 80
BANDS = {"hot": (HOT, HIGHEST), "warm": (WARM, HOT - 1), "cool": (LOWEST, WARM - 1)}
"""The first and the last score of each band, as filters name them."""

ANSWERED_AT_ONCE = timedelta(minutes=5)
ANSWERED_SLOWLY = timedelta(hours=1)
UNANSWERED = timedelta(hours=24)

FIRST_CONTACT_TYPES = frozenset({"sms_sent", "call_attempted"})
FIRST_CONTACT_CAUSES = frozenset({"user", "rule_run"})
OPENED, CLICKED = "email_opened", "email_clicked"
CAP = "cap"


class Band(StrEnum):
    """How a score is shown."""

    HOT = "HOT"
    WARM = "WARM"
    COOL = "COOL"


@dataclass(frozen=True, slots=True)
class Weights:
    """The points of domain.md §4, as one location has them. What is not named in a table is worth 0."""

    intent: Mapping[str, int]
    source: Mapping[str, int]
    engagement: Mapping[str, int]
    speed: Mapping[str, int]
    engagement_cap: int

    def __post_init__(self) -> None:
        if self.engagement_cap < 0:
            raise Invalid(
                f"The most that engagement can give must be 0 or more, not {self.engagement_cap}.",
                fields={"engagement.cap": "Must be 0 or more."},
            )

    def with_rows(self, rows: Iterable[tuple[str, str, int]]) -> Weights:
        """These weights with a location's own (kind, key, points) rows put over them.

        Kinds are intent, source, engagement (a touchpoint type, or "cap" for the most it can give) and speed
        (at_once, slowly, unanswered); rows of other kinds belong to other scores and are passed over. Raises
        Invalid for a key of speed that does not exist, and for a negative cap.
        """
        tables = {kind: dict(table) for kind, table in self._tables().items()}
        cap = self.engagement_cap
        for kind, key, points in rows:
            if kind == "engagement" and key == CAP:
                cap = points
            elif kind in tables:
                _check_key(kind, key)
                tables[kind][key] = points
        return replace(self, **tables, engagement_cap=cap)

    def as_rows(self) -> list[tuple[str, str, int]]:
        """These weights as (kind, key, points) rows, as they are seeded."""
        rows = [
            (kind, key, points) for kind, table in self._tables().items() for key, points in table.items()
        ]
        return [*rows, ("engagement", CAP, self.engagement_cap)]

    def _tables(self) -> dict[str, Mapping[str, int]]:
        return {
            "intent": self.intent,
            "source": self.source,
            "engagement": self.engagement,
            "speed": self.speed,
        }


SPEED_KEYS = ("at_once", "slowly", "unanswered")


def _check_key(kind: str, key: str) -> None:
    if kind == "speed" and key not in SPEED_KEYS:
        raise Invalid(
            f"Speed to lead has no weight {key!r}. The weights are: {', '.join(SPEED_KEYS)}.",
            fields={f"speed.{key}": "Unknown weight."},
        )


DEFAULT_WEIGHTS = Weights(
    intent={"procedure": 30, "high_risk": 25, "follow_up": 20, "routine_check": 10, "general_inquiry": 5},
    source={
        "referral": 20,
        "manychat_completed": 15,
        "meta_form": 10,
        "existing_patient": 10,
        "organic_search": 5,
        "word_of_mouth": 5,
    },
    engagement={
        "sms_reply_1hr": 10,
        "sms_reply_24hr": 5,
        "resource_download": 10,
        "booking_link_click": 15,
        "email_opened": 5,
    },
    speed={"at_once": 10, "slowly": -5, "unanswered": -10},
    engagement_cap=40,
)


@dataclass(frozen=True, slots=True)
class Touch:
    """A touchpoint as scoring sees it.

    ``message`` ties an e-mail's opens and clicks together ("" when not known); ``by_scanner`` marks what a
    mail scanner did; ``cause_kind`` says who started it, for the first contact with a lead.
    """

    id: int
    type: str
    at: datetime
    cause_kind: str = "rule_run"
    message: str = ""
    by_scanner: bool = False


@dataclass(frozen=True, slots=True)
class Adjustment:
    """One WarmnessDelta row."""

    id: int
    delta: int
    reason: str
    at: datetime


@dataclass(frozen=True, slots=True)
class WarmnessInputs:
    """What a contact's warmness depends on.

    ``lead_at`` is when the contact became a lead; None takes it from the first lead_created touchpoint, and a
    contact with neither never was one. Touches and adjustments may come in any order.
    """

    intent: str = ""
    source: str = ""
    touches: Sequence[Touch] = ()
    adjustments: Sequence[Adjustment] = ()
    lead_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a part's explanation: points, why, and the ids of the rows behind it."""

    points: int
    reason: str
    rows: tuple[int, ...] = ()

    def as_dict(self) -> dict[str, object]:
        """As it is stored and shown in the API."""
        return {"points": self.points, "reason": self.reason, "rows": list(self.rows)}


@dataclass(frozen=True, slots=True)
class Part:
    """One term of the score. ``name`` is intent, source, engagement, speed or adjustments.

    ``rows`` are touchpoint ids, or WarmnessDelta ids for adjustments. ``lines`` break the points down;
    where the cap took points away they add up to more than ``points``.
    """

    name: str
    points: int
    reason: str
    lines: tuple[Line, ...] = ()
    own_rows: tuple[int, ...] = field(default=(), repr=False)

    @property
    def rows(self) -> tuple[int, ...]:
        """The ids of all rows behind the part."""
        return self.own_rows or tuple(row for line in self.lines for row in line.rows)

    def as_dict(self) -> dict[str, object]:
        """As it is stored and shown in the API."""
        return {
            "name": self.name,
            "points": self.points,
            "reason": self.reason,
            "rows": list(self.rows),
            "lines": [line.as_dict() for line in self.lines],
        }


@dataclass(frozen=True, slots=True)
class Score:
    """A warmness score and all its parts, in the order of the formula.

    ``total`` is the sum before clamping.
    """

    value: int
    total: int
    parts: tuple[Part, ...]

    @property
    def band(self) -> Band:
        """HOT, WARM or COOL."""
        return band(self.value)

    @property
    def reasons(self) -> tuple[str, ...]:
        """The reasons of the parts that gave or took points."""
        return tuple(part.reason for part in self.parts if part.points)

    def points(self) -> dict[str, int]:
        """Part name to points, as WarmnessHistory keeps it."""
        return {part.name: part.points for part in self.parts}

    def as_dict(self) -> dict[str, object]:
        """As it is shown in the API."""
        return {
            "score": self.value,
            "band": self.band.value,
            "total": self.total,
            "parts": [part.as_dict() for part in self.parts],
        }


def warmness(inputs: WarmnessInputs, *, now: datetime, weights: Weights = DEFAULT_WEIGHTS) -> Score:
    """The warmness of a contact at ``now`` (aware), explained."""
    touches = sorted(
        (touch for touch in inputs.touches if touch.at <= now), key=lambda touch: (touch.at, touch.id)
    )
    adjustments = sorted(
        (row for row in inputs.adjustments if row.at <= now), key=lambda row: (row.at, row.id)
    )
    parts = (
        _looked_up("intent", inputs.intent, weights.intent),
        _looked_up("source", inputs.source, weights.source),
        _engagement(touches, weights),
        _speed(inputs.lead_at, touches, now, weights),
        _adjusted(adjustments),
    )
    total = sum(part.points for part in parts)
    return Score(value=max(LOWEST, min(HIGHEST, total)), total=total, parts=parts)


def band(score: int) -> Band:
    """HOT from 70, WARM from 40, COOL below."""
    if score >= HOT:
        return Band.HOT
    return Band.WARM if score >= WARM else Band.COOL


@dataclass(frozen=True, slots=True)
class Crossing:
    """A threshold that a score passed upwards; the data of a warmness_threshold event."""

    threshold: int
    previous: int
    score: int
    reason: str


def crossings(previous: int | None, score: int) -> tuple[Crossing, ...]:
    """The thresholds passed by going from ``previous`` to ``score``: reaching 70, then exceeding 80.

    None means there was no score before and counts as 0. Going down passes nothing, so that each crossing
    upwards is told once.
    """
    before = LOWEST if previous is None else previous
    passed = []
    if before < HOT <= score:
        passed.append(Crossing(HOT, before, score, f"Warmness reached {HOT} (from {before} to {score})."))
    if before <= VERY_HOT < score:
        passed.append(
            Crossing(VERY_HOT, before, score, f"Warmness exceeded {VERY_HOT} (from {before} to {score}).")
        )
    return tuple(passed)


def _looked_up(name: str, key: str, table: Mapping[str, int]) -> Part:
    if not key:
        return Part(name, 0, f"No {name} is known.")
    return Part(name, table.get(key, 0), f"{name.capitalize()} is {key}.")


def _engagement(touches: Sequence[Touch], weights: Weights) -> Part:
    """Points for each thing the contact did, at most the cap together."""
    counted: dict[str, list[int]] = {}
    for kind, row in _counted_touches(touches):
        if kind in weights.engagement:
            counted.setdefault(kind, []).append(row)
    lines = tuple(
        Line(
            weights.engagement[kind] * len(rows),
            f"{kind}: {len(rows)} at {weights.engagement[kind]} each.",
            tuple(rows),
        )
        for kind, rows in counted.items()
    )
    earned = sum(line.points for line in lines)
    if not lines:
        return Part("engagement", 0, "No engagement yet.")
    if earned > weights.engagement_cap:
        cap = weights.engagement_cap
        return Part("engagement", cap, f"Engagement gave {earned}, of which at most {cap} count.", lines)
    return Part("engagement", earned, f"Engagement gave {earned}.", lines)


def _counted_touches(touches: Sequence[Touch]) -> Iterable[tuple[str, int]]:
    """Each touch as (type it counts as, row id).

    A click counts its open once, where no open of it was seen.
    """
    people = [touch for touch in touches if not touch.by_scanner]
    opened = {touch.message for touch in people if touch.type == OPENED and touch.message}
    for touch in people:
        if touch.type != CLICKED:
            yield touch.type, touch.id
        elif not touch.message or touch.message not in opened:
            opened.add(touch.message)
            yield OPENED, touch.id


def _lead_at(lead_at: datetime | None, touches: Sequence[Touch]) -> datetime | None:
    if lead_at is not None:
        return lead_at
    return next((touch.at for touch in touches if touch.type == "lead_created"), None)


def _first_contact(lead_at: datetime, touches: Iterable[Touch]) -> Touch | None:
    """The first text or call by a person or a rule, from the moment the lead came in."""
    for touch in touches:
        by_us = touch.type in FIRST_CONTACT_TYPES and touch.cause_kind in FIRST_CONTACT_CAUSES
        if by_us and touch.at >= lead_at:
            return touch
    return None


def _speed(lead_at: datetime | None, touches: Sequence[Touch], now: datetime, weights: Weights) -> Part:
    lead_at = _lead_at(lead_at, touches)
    if lead_at is None or lead_at > now:
        return Part("speed", 0, "Not a lead, so speed to lead does not count.")
    first = _first_contact(lead_at, touches)
    waited = (now if first is None else first.at) - lead_at
    if waited >= UNANSWERED:
        said = (
            "Not contacted within 24 hours." if first is None else "First contacted after 24 hours or more."
        )
        return _speed_part(weights, "unanswered", said, first)
    if first is None:
        return Part("speed", 0, "Not contacted yet; less than 24 hours have passed.")
    if waited <= ANSWERED_AT_ONCE:
        return _speed_part(weights, "at_once", "First contacted within 5 minutes.", first)
    if waited <= ANSWERED_SLOWLY:
        return _speed_part(weights, "slowly", "First contacted after more than 5 minutes.", first)
    return Part("speed", 0, "First contacted after more than an hour.", own_rows=(first.id,))


def _speed_part(weights: Weights, key: str, reason: str, first: Touch | None) -> Part:
    rows = () if first is None else (first.id,)
    return Part("speed", weights.speed.get(key, 0), reason, own_rows=rows)


def _adjusted(adjustments: Sequence[Adjustment]) -> Part:
    if not adjustments:
        return Part("adjustments", 0, "No adjustments.")
    lines = tuple(Line(row.delta, row.reason, (row.id,)) for row in adjustments)
    points = sum(line.points for line in lines)
    count = len(lines)
    return Part("adjustments", points, f"{count} adjustment{'s' if count > 1 else ''}: {points:+d}.", lines)
