"""The one queue: open tasks in the order of a score that moves with the clock.

The score is computed by the query, from `tasks.priority`'s table, and is never stored. A page's cursor carries the
moment it was ordered at, so that following pages neither repeat nor hide tasks while the clock runs on.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, Expression, F, IntegerField, Q, QuerySet, Value, When
from django.db.models.expressions import RawSQL
from django.db.models.functions import Greatest, Least

from accounts.models import Location, User
from contacts.models import ScoringTable
from core.errors import Malformed
from tasks import priority
from tasks.models import Task

KINDS = (priority.BASE, priority.URGENCY, priority.OVERDUE)
TIMEFRAMES = ("overdue", "today", "upcoming", "now", "all")


@dataclass(frozen=True)
class Page:
    """A stretch of the queue as it was ordered at `as_of`, and the cursor of what follows."""

    tasks: list[Task]
    as_of: datetime
    next_cursor: str | None


def weights_by_location(location_ids: Iterable[int]) -> dict[int, priority.Weights]:
    """The figures of each location that changed any; others use the defaults."""
    rows: dict[int, list[tuple[str, str, int]]] = {}
    changed = ScoringTable.objects.filter(location_id__in=list(location_ids), kind__in=KINDS)
    for location_id, kind, key, points in changed.values_list("location_id", "kind", "key", "points"):
        rows.setdefault(location_id, []).append((kind, key, points))
    own = {pk: priority.DEFAULT_WEIGHTS.with_rows(found) for pk, found in rows.items()}
    return {pk: weights for pk, weights in own.items() if weights != priority.DEFAULT_WEIGHTS}


def with_score(
    tasks: QuerySet[Task], *, as_of: datetime, own: dict[int, priority.Weights] | None = None
) -> QuerySet[Task]:
    """Annotate `score` (0 to 200), as `tasks.priority.priority` would compute it at `as_of`."""
    expression: Expression = _score(priority.DEFAULT_WEIGHTS, as_of)
    if own:
        expression = Case(
            *(When(location_id=pk, then=_score(weights, as_of)) for pk, weights in own.items()),
            default=expression,
            output_field=IntegerField(),
        )
    return tasks.annotate(score=expression)


def _score(weights: priority.Weights, as_of: datetime) -> Any:
    base = Case(
        *(When(type=key, then=Value(points)) for key, points in weights.base.items()),
        default=Value(weights.other_base),
        output_field=IntegerField(),
    )
    urgency = Case(
        *(When(urgency=key, then=Value(factor)) for key, factor in weights.urgency.items()),
        default=Value(priority.HUNDREDTHS),
        output_field=IntegerField(),
    )
    hours = RawSQL(
        "GREATEST(0, FLOOR(EXTRACT(EPOCH FROM (%s::timestamptz - tasks_task.due_datetime)) / 3600)::int)",
        (as_of,),
        output_field=IntegerField(),
    )
    late = Least(Value(weights.overdue_most), Value(weights.overdue_per_hour) * hours)
    warm = (F("warmness") - priority.NEUTRAL_WARMNESS) * priority.WARMNESS_HUNDREDTHS
    hundredths = base * urgency + late * priority.HUNDREDTHS + warm
    rounded = (hundredths + priority.HUNDREDTHS // 2) / priority.HUNDREDTHS
    clamped = Least(Value(priority.HIGHEST), Greatest(Value(priority.LOWEST), rounded))
    return Greatest(clamped, F("priority_floor"), output_field=IntegerField())


def explain(task: Task, *, now: datetime, own: dict[int, priority.Weights]) -> priority.Priority:
    """The score of one task and why, in plain words."""
    return priority.priority(
        task_type=task.type,
        due=task.due_datetime,
        now=now,
        warmness=task.warmness,
        urgency=task.urgency,
        floor=task.priority_floor,
        weights=own.get(task.location_id, priority.DEFAULT_WEIGHTS),
    )


def awake(now: datetime) -> Q:
    """Tasks that are not snoozed."""
    return Q(snoozed_until__isnull=True) | Q(snoozed_until__lte=now)


def due_by(timeframe: str, *, now: datetime, locations: Iterable[Location]) -> Q:
    """Overdue, today (from now to the end of each location's own day), upcoming; "now" is overdue and today."""
    if timeframe == "all":
        return Q()
    if timeframe == "overdue":
        return Q(due_datetime__lt=now)
    where = Q(pk__in=())
    for location in locations:
        end = priority.day_end(now, location.zone)
        span = {"today": Q(due_datetime__gte=now, due_datetime__lt=end), "now": Q(due_datetime__lt=end)}
        where |= Q(location=location) & span.get(timeframe, Q(due_datetime__gte=end))
    return where


def mine(user: User) -> Q:
    """What is given to a person, or to nobody yet."""
    return Q(assigned_to=user) | Q(assigned_to__isnull=True)


def counts(
    tasks: QuerySet[Task], *, now: datetime, locations: Iterable[Location], **more: Count
) -> dict[str, int]:
    """How many are overdue, due today and upcoming, and what `more` counts, in one query."""
    places = list(locations)
    frames = {
        name: Count("pk", filter=due_by(name, now=now, locations=places))
        for name in ("overdue", "today", "upcoming")
    }
    return tasks.aggregate(**frames, **more)


def without_outcome() -> Count:
    """How many are visits whose outcome is to be recorded, as an aggregate."""
    return Count("pk", filter=Q(type=Task.Type.RECORD_OUTCOME))


def page(
    tasks: QuerySet[Task], *, now: datetime, location_ids: Iterable[int], size: int, cursor: str | None = None,
    own: dict[int, priority.Weights] | None = None,
) -> Page:  # fmt: skip
    """The next `size` tasks, highest score first, then earliest due. Malformed for a cursor that is not ours.

    `own` are the locations' weights, where they are known already.
    """
    as_of, after = (now, None) if cursor is None else _read(cursor)
    ranked = with_score(tasks, as_of=as_of, own=weights_by_location(location_ids) if own is None else own)
    if after is not None:
        score, due, key = after
        ranked = ranked.filter(
            Q(score__lt=score)
            | Q(score=score, due_datetime__gt=due)
            | Q(score=score, due_datetime=due, pk__gt=key)
        )
    # First the order of hundreds, by their keys alone; then what is shown of the few.
    scored = ordered(ranked).values_list("score", "due_datetime", "pk")  # type: ignore[misc]
    keys = list(scored[: size + 1])
    found = tasks.in_bulk([key[-1] for key in keys[:size]])
    rows = [found[key[-1]] for key in keys[:size] if key[-1] in found]
    return Page(rows, as_of, _write(as_of, *keys[size - 1]) if len(keys) > size else None)


def ordered(scored: QuerySet[Task]) -> QuerySet[Task]:
    """In the queue's order: highest score first, then earliest due."""
    return scored.order_by("-score", "due_datetime", "pk")  # type: ignore[misc]


def _write(as_of: datetime, score: int, due: datetime, key: int) -> str:
    text = json.dumps([as_of.isoformat(), score, due.isoformat(), key])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(cursor: str) -> tuple[datetime, tuple[int, datetime, int]]:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        as_of, score, due, key = json.loads(text)
        moments = datetime.fromisoformat(as_of), datetime.fromisoformat(due)
        if any(moment.tzinfo is None for moment in moments):
            raise ValueError("naive")
        return moments[0], (int(score), moments[1], int(key))
    except (ValueError, TypeError, binascii.Error) as error:
        raise Malformed(
            "This page's cursor cannot be read. Start again from the first page.", code="bad_cursor"
        ) from error
