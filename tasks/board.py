"""Today as a board: to do, in progress, and what was completed since this morning."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Q, QuerySet

from accounts import access
from accounts.models import Location
from core.localtime import local_day, start_of_day
from tasks import filters, queue, rows, selectors
from tasks.models import Task
from tasks.rows import Row
from tasks.scenes import Scene

SHOWN = 20


@dataclass(frozen=True)
class Column:
    """A column: its key (a status), its words, its cards, and whether there are more than are shown."""

    key: str
    label: str
    cards: list[Row]
    more: bool

    @property
    def is_open(self) -> bool:
        """Whether its cards are still to be done."""
        return self.key in Task.OPEN


def columns(scene: Scene) -> list[Column]:
    """The three columns within the filters; in progress shows whatever its due time."""
    wanted = scene.filters.wanted
    todo = scene.due().filter(status=Task.Status.TODO)
    busy = filters.open_tasks(scene.user, scene.filters, scene.now).filter(status=Task.Status.IN_PROGRESS)
    done = selectors.listed(scene.user, replace(wanted, status="completed"), now=scene.now)
    finished = done.filter(_since_morning(scene.places, scene.now)).order_by("-completed_at", "-pk")
    found = [_keys(_ranked(todo, scene)), _keys(_ranked(busy, scene)), _keys(finished)]
    keys = [key for column in found for key in column[:SHOWN]]
    tasks = rows.shown(access.visible(Task, scene.user)).in_bulk(keys)
    made = rows.rows_of(list(tasks.values()), scene.user, now=scene.now, own=scene.own, parts=False)
    by_id = {row.task.pk: row for row in made}
    heads = (("todo", "To do"), ("in_progress", "In progress"), ("completed", "Completed today"))
    return [
        Column(key, label, [by_id[pk] for pk in column[:SHOWN] if pk in by_id], len(column) > SHOWN)
        for (key, label), column in zip(heads, found, strict=True)
    ]


def _ranked(tasks: QuerySet[Task], scene: Scene) -> QuerySet[Task]:
    return queue.ordered(queue.with_score(tasks, as_of=scene.now, own=scene.own))


def _keys(tasks: QuerySet[Task]) -> list[int]:
    """Those of a column, and one more that tells whether there are more."""
    return list(tasks.values_list("pk", flat=True)[: SHOWN + 1])


def _since_morning(places: list[Location], now: datetime) -> Q:
    where = Q(pk__in=())
    for place in places:
        begin = start_of_day(local_day(now, place.zone), place.zone)
        where |= Q(location=place, completed_at__gte=begin)
    return where
