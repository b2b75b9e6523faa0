"""What must be true of the rows at any moment, whatever was killed: checked hourly, by hand, and after chaos.

Every app registers the checks of its own rows in its AppConfig.ready(). A check reads, changes nothing, looks
at what is open by partial indexes and at what is past only as far back as `since`, so that it stays quick on a
full database. The numbers I1 to I6 are those of docs/reliability.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet

from core.models import Work
from core.registry import Registry

#: How far back the past is looked at when nobody says; a check runs every hour.
WINDOW = timedelta(hours=3)
#: A lease that ran out is found by the next tick; this long after it nobody looks any more.
UNTENDED = timedelta(minutes=10)
#: Nothing that is due waits this long: retries of its forerunner included, which take minutes.
OVERDUE = timedelta(hours=1)
#: As many rows of one kind are named at most.
NAMED = 20


@dataclass(frozen=True, slots=True)
class Breach:
    """Something that must never be: which promise is broken, in words, and by which rows (at most 20 of them)."""

    invariant: str
    what: str
    ids: tuple[int, ...] = ()


#: `now` and `since` are aware; past rows older than `since` need not be looked at.
Check = Callable[[datetime, datetime], list[Breach]]

_checks: Registry[Check] = Registry("invariant")


def register(name: str, check: Check) -> None:
    """Have `check` called by `check_all`, under a name like "I3 messages past their deadline"."""
    _checks.register(name, check)


def names() -> list[str]:
    """What is checked, in order."""
    return sorted(_checks)


def check_all(now: datetime, *, since: datetime | None = None) -> list[Breach]:
    """Every breach there is now. An empty list is the only good answer."""
    looked_from = now - WINDOW if since is None else since
    return [breach for _, check in sorted(_checks.items()) for breach in check(now, looked_from)]


def breach_of(invariant: str, what: str, rows: QuerySet[Any], *, name: str = "pk") -> list[Breach]:
    """One breach naming these rows, by the field `name`; none when there are no rows."""
    found = tuple(rows.values_list(name, flat=True)[:NAMED])
    return [Breach(invariant, what, found)] if found else []


def work_is_tended(now: datetime, since: datetime) -> list[Breach]:
    """I6: no work item beyond its lease, and none that is due and left lying."""
    left = Work.objects.filter(state=Work.State.CLAIMED, due_at__lte=now, lease_until__lt=now - UNTENDED)
    late = Work.objects.filter(state=Work.State.PENDING, due_at__lt=now - OVERDUE).filter(
        Q(retry_at__isnull=True) | Q(retry_at__lt=now - OVERDUE)
    )
    return [
        *breach_of("I6", "Work was begun and never ended.", left),
        *breach_of("I6", "Work is due for over an hour, and nobody does it.", late.order_by("due_at", "pk")),
    ]


def connect() -> None:
    """Register what the floor itself promises."""
    register("I6 work items", work_is_tended)
