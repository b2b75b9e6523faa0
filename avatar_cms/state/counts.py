"""What waits, what lies and what is stuck: counts by state and the age of the oldest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Min, Q, QuerySet
from django.db.models.functions import Greatest

from automation.invariants import unseen
from automation.models import ActionRun
from avatar_cms.state.looking import once
from core import clock
from core.models import Work
from integrations.models import Fetch, OutboundCall, Receipt
from messaging import stops
from messaging.invariants import unknown_without_an_end
from messaging.models import CLAIMABLE, Message, Status

#: No further than this is counted; one more stands for "more".
MOST = 10_000
#: Ranks that messages have; naming them lets the index on (rank, send_at) find what is due.
RANKS = range(10)

#: Clinics whose rows are counted; None is all of them, and what belongs to none.
Scope = Iterable[int] | None

Rows = QuerySet[Any]


def count_many(rows: Mapping[str, Rows]) -> dict[str, int]:
    """How many rows each of these has, at most `MOST` + 1, in one query."""
    parts: list[tuple[str, str]] = []
    parameters: list[Any] = []
    empty: list[str] = []
    for name, queryset in rows.items():
        wanted = queryset.order_by().values("pk")[: MOST + 1]
        try:
            sql, given = wanted.query.sql_with_params()
        except EmptyResultSet:
            empty.append(name)
            continue
        parts.append((name, f"(SELECT count(*) FROM ({sql}) q)"))
        parameters += given
    counted: tuple[int, ...] = ()
    if parts:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {', '.join(part for _, part in parts)}", parameters)
            counted = cursor.fetchone() or ()
    found = dict(zip((name for name, _ in parts), counted, strict=True)) | dict.fromkeys(empty, 0)
    return {name: found[name] for name in rows}


def within(rows: Rows, scope: Scope) -> Rows:
    """The rows of these clinics; a step of a rule is where its run is."""
    path = "run__location_id" if rows.model is ActionRun else "location_id"
    return rows if scope is None else rows.filter(**{f"{path}__in": list(scope)})


def by_state(scope: Scope = None) -> dict[str, dict[str, int]]:
    """Counts by state of work, messages, deliveries, calls to others and steps of rules. One query."""
    found: dict[str, dict[str, int]] = {group: {} for group in GROUPS}
    for name, count in _counted(scope).items():
        group, _, state = name.partition("/")
        if group in found:
            found[group][state] = count
    return found


@once
def _counted(scope: Scope = None) -> dict[str, int]:
    """Everything that is counted here, each clinic's rows once: by group and state, held, unknown."""
    rows = {f"{group}/{state}": rows for group, states in GROUPS.items() for state, rows in states().items()}
    rows["held"] = stops.held()
    rows["unknown"] = Message.objects.filter(status=Status.UNKNOWN)
    rows["unseen"] = unseen(rows["unknown"])
    rows["overlooked"] = unseen(unknown_without_an_end(clock.now()))
    return count_many({name: within(each, scope) for name, each in rows.items()})


def _work() -> dict[str, Rows]:
    now, rows = clock.now(), Work.objects.all()
    return {
        "due": rows.filter(state__in=Work.OPEN, due_at__lte=now),
        "later": rows.filter(state__in=Work.OPEN, due_at__gt=now),
        "parked": rows.filter(state=Work.State.PARKED),
    }


def _messages() -> dict[str, Rows]:
    rows = Message.objects.all()
    return {
        "due": _due_messages(),
        "later": rows.filter(
            status__in=(Status.SCHEDULED, Status.QUEUED), rank__in=RANKS, send_at__gt=clock.now()
        ),
        "sending": rows.filter(status__in=(Status.CLAIMED, Status.SENDING)),
        "held": rows.filter(status=Status.HELD),
        "unknown": rows.filter(status=Status.UNKNOWN),
        "parked": rows.filter(status=Status.PARKED),
    }


def _due_messages() -> Rows:
    now = clock.now()
    tried = Q(next_try_at__isnull=True) | Q(next_try_at__lte=now)
    return Message.objects.filter(tried, status__in=CLAIMABLE, rank__in=RANKS, send_at__lte=now)


def _deliveries() -> dict[str, Rows]:
    rows, states = Receipt.objects.all(), Receipt.State
    return {
        "stored": rows.filter(state=states.STORED),
        "fetching": Fetch.objects.filter(next_at__isnull=False),
        "waiting": rows.filter(state=states.WAITING),
        "parked": rows.filter(state=states.PARKED),
    }


def _calls() -> dict[str, Rows]:
    rows, states = OutboundCall.objects.all(), OutboundCall.State
    return {
        "waiting": rows.filter(state=states.WAITING),
        "calling": rows.filter(state=states.CALLING),
        "unknown": rows.filter(state=states.UNKNOWN),
        "parked": rows.filter(state=states.PARKED),
    }


def _steps() -> dict[str, Rows]:
    rows, states = ActionRun.objects.all(), ActionRun.State
    return {"waiting": rows.filter(state=states.PENDING), "parked": rows.filter(state=states.FAILED)}


#: What is counted by state, each state with its rows.
GROUPS: Mapping[str, Callable[[], dict[str, Rows]]] = {
    "work": _work, "messages": _messages, "deliveries": _deliveries, "calls": _calls, "steps": _steps,
}  # fmt: skip


def held(scope: Scope = None) -> int:
    """How many messages wait for a stop to end."""
    return _counted(scope)["held"]


@once
def oldest_work(scope: Scope = None) -> timedelta | None:
    """How long the oldest due work item waits; None when none does."""
    waiting = Work.objects.filter(state__in=Work.OPEN, due_at__lte=clock.now())
    return age(within(waiting, scope).aggregate(oldest=Min("due_at"))["oldest"])


@once
def oldest_message(scope: Scope = None) -> timedelta | None:
    """How long the oldest message that may go now waits for the sender; None when none does."""
    rows = within(_due_messages(), scope)
    return age(rows.aggregate(oldest=Min(Greatest("send_at", "next_try_at")))["oldest"])


@dataclass(frozen=True, slots=True)
class Unknown:
    """Messages of which nobody knows whether they went out: how many, how long the oldest, and how many of them have
    no task, now and for more than half an hour.
    """

    count: int
    oldest: timedelta | None
    without_task: int
    overlooked: int


@once
def unknown(scope: Scope = None) -> Unknown:
    """What is not known of messages. Two queries."""
    counted = _counted(scope)
    rows = within(Message.objects.filter(status=Status.UNKNOWN), scope)
    oldest = rows.aggregate(oldest=Min("send_attempts__started_at"))["oldest"] if counted["unknown"] else None
    return Unknown(counted["unknown"], age(oldest), counted["unseen"], counted["overlooked"])


def age(moment: datetime | None) -> timedelta | None:
    """How long ago that was; a moment to come counts as now."""
    return None if moment is None else max(timedelta(0), clock.now() - moment)
