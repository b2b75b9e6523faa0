"""The weights of scores, as staff see and change them. Apps register groups of weights; one page shows them all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from contacts import handlers, scoring
from contacts.events import SCORING_CHANGED
from contacts.models import ScoringTable
from contacts.vocabulary import Intent, Source, TouchpointType
from core import work
from core.causes import Cause
from core.errors import Invalid
from core.events import record
from core.models import Work
from core.registry import Registry

LOWEST, HIGHEST = -200, 200

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Group:
    """Weights of one kind that stand together: key -> its words and its default.

    `changed` is called with the location's id after a change, for scores that are stored; None for scores that
    are computed whenever somebody looks.
    """

    kind: str
    title: str
    rows: Mapping[str, tuple[str, int]]
    help: str = ""
    least: int = LOWEST
    most: int = HIGHEST
    changed: Callable[[int], None] | None = None


groups: Registry[Group] = Registry("group of weights")


@dataclass(frozen=True, slots=True)
class Weight:
    """One weight as a location has it."""

    kind: str
    key: str
    label: str
    default: int
    points: int


def weights(location_id: int) -> list[tuple[Group, list[Weight]]]:
    """Every group with the location's own points, the default where it has none. One query."""
    own = {
        (kind, key): points
        for kind, key, points in ScoringTable.objects.filter(location=location_id).values_list(
            "kind", "key", "points"
        )
    }
    return [
        (
            group,
            [
                Weight(group.kind, key, label, default, own.get((group.kind, key), default))
                for key, (label, default) in group.rows.items()
            ],
        )
        for _, group in groups.items()
    ]


@transaction.atomic
def set_weights(*, location_id: int, points: Mapping[Key, int], cause: Cause) -> int:
    """Change what things are worth in a location; scores that are stored are computed anew, in the background.

    Returns how many differed. Raises Invalid, naming each weight that does not exist or is out of range.
    """
    present = {(row.kind, row.key): row.points for _, rows in weights(location_id) for row in rows}
    _refuse_impossible(points, present)
    changed = {key: value for key, value in points.items() if present[key] != value}
    if not changed:
        return 0
    ScoringTable.objects.bulk_create(
        [
            ScoringTable(location_id=location_id, kind=kind, key=key, points=value)
            for (kind, key), value in sorted(changed.items())
        ],
        update_conflicts=True, unique_fields=["location", "kind", "key"], update_fields=["points", "updated_at"],
    )  # fmt: skip
    kinds = {kind for kind, _ in changed}
    for act in dict.fromkeys(group.changed for _, group in groups.items() if group.kind in kinds):
        if act is not None:
            act(location_id)
    record(
        SCORING_CHANGED, cause=cause, location_id=location_id, source="user" if cause.kind == "user" else "system",
        data={"weights": sorted(f"{kind}.{key}" for kind, key in changed)},
    )  # fmt: skip
    return len(changed)


def restore_weights(*, location_id: int, cause: Cause) -> int:
    """Give every weight its default again. Returns how many had another value."""
    defaults = {(row.kind, row.key): row.default for _, rows in weights(location_id) for row in rows}
    return set_weights(location_id=location_id, points=defaults, cause=cause)


def _refuse_impossible(points: Mapping[Key, int], present: Mapping[Key, int]) -> None:
    bounds = {group.kind: (group.least, group.most) for _, group in groups.items()}
    wrong = {}
    for kind, key in points:
        if (kind, key) not in present:
            wrong[f"{kind}.{key}"] = "There is no such weight."
            continue
        least, most = bounds[kind]
        least = 0 if key == scoring.CAP else least
        if not least <= points[kind, key] <= most:
            wrong[f"{kind}.{key}"] = f"Between {least} and {most}."
    if wrong:
        raise Invalid("Some weights cannot be.", code="invalid_weights", fields=wrong)


def under_way(location_id: int) -> datetime | None:
    """Since when the location's contacts are being scored anew (UTC); None while nothing waits."""
    waiting = Work.objects.filter(
        handler=handlers.RESCORE_LOCATION, location_id=location_id, state__in=Work.OPEN
    )
    return waiting.order_by("created_at").values_list("created_at", flat=True).first()


def _rescore(location_id: int) -> None:
    work.enqueue(handlers.RESCORE_LOCATION, location_id=location_id, subject=f"location:{location_id}")


def connect() -> None:
    """Register the weights of warmness."""
    defaults = scoring.DEFAULT_WEIGHTS
    cap = {scoring.CAP: ("Together at most", defaults.engagement_cap)}
    speed = {
        "at_once": "Answered within 5 minutes",
        "slowly": "Answered after 5 minutes, within the hour",
        "unanswered": "Not answered for 24 hours",
    }
    touch = {key: (TouchpointType(key).label, points) for key, points in defaults.engagement.items()}
    for kind, title, rows, said in (
        ("intent", "What the person wants", {k: (Intent(k).label, v) for k, v in defaults.intent.items()}, ""),
        (
            "source", "Where the person comes from",
            {key: (label, defaults.source.get(key, 0)) for key, label in Source.choices}, "",
        ),
        ("engagement", "What the person did", {**touch, **cap}, "Each time, up to the most together."),
        ("speed", "How fast the clinic answered", {k: (speed[k], v) for k, v in defaults.speed.items()}, ""),
    ):  # fmt: skip
        groups.register(f"contacts.{kind}", Group(kind, title, rows, said, changed=_rescore))
