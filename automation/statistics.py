"""What rules did lately: figures for their pages and the API, in few queries however many rules."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, OuterRef, Q, Subquery

from automation.models import ActionRun, Rule, RuleRun
from bookings.models import Booking
from core.causes import CauseKind
from messaging.models import Direction, Message

#: Days that figures look back.
SPANS = (7, 30)
_PASSED_OVER = (RuleRun.State.NOT_MATCHED, RuleRun.State.STOPPED)


@dataclass(frozen=True)
class Figures:
    """Of the last so many days: how often a rule met something (`runs`) and its conditions held (`matched`); its
    steps by how they came out; and the texts it put in line.
    """

    runs: int = 0
    matched: int = 0
    done: int = 0
    skipped: int = 0
    failed: int = 0
    messages: int = 0


@dataclass(frozen=True)
class Statistics:
    """A rule's figures. `last_run` is when its conditions last held, None when not within 30 days."""

    last_7_days: Figures = Figures()
    last_30_days: Figures = Figures()
    last_run: datetime | None = None

    def as_dict(self) -> dict[str, Any]:
        """As the API answers it."""
        return asdict(self)


def of_rules(rule_ids: Collection[int], now: datetime) -> dict[int, Statistics]:
    """The statistics of these rules, by key."""
    since = now - timedelta(days=max(SPANS))
    met = (
        RuleRun.objects.filter(rule_id__in=rule_ids, created_at__gt=since)
        .values("rule_id")
        .annotate(
            **_counts(SPANS, now, "created_at", runs=Q(), matched=~Q(state__in=_PASSED_OVER)),
            last=Max("created_at", filter=~Q(state__in=_PASSED_OVER)),
        )
    )
    did = (
        ActionRun.objects.filter(run__rule_id__in=rule_ids, run__created_at__gt=since)
        .values("run__rule_id")
        .annotate(
            **_counts(
                SPANS, now, "run__created_at", done=Q(state="done"), skipped=Q(state="skipped"),
                failed=Q(state="failed"), messages=Q(state="done", result__has_key="message"),
            )
        )
    )  # fmt: skip
    runs: dict[int, dict[str, Any]] = {row["rule_id"]: dict(row) for row in met}
    steps: dict[int, dict[str, Any]] = {row["run__rule_id"]: dict(row) for row in did}
    rows: dict[int, dict[str, Any]] = {pk: {**runs.get(pk, {}), **steps.get(pk, {})} for pk in rule_ids}
    return {
        pk: Statistics(_figures(row, 7), _figures(row, 30), last_run=row.get("last"))
        for pk, row in rows.items()
    }


def _counts(spans: Sequence[int], now: datetime, at: str, **what: Q) -> dict[str, Count]:
    """What is counted, by name and number of days looked back."""
    return {
        f"{name}_{days}": Count("pk", filter=condition & Q(**{f"{at}__gt": now - timedelta(days=days)}))
        for name, condition in what.items()
        for days in spans
    }


def _figures(row: dict[str, Any], days: int) -> Figures:
    names = ("runs", "matched", "done", "skipped", "failed", "messages")
    return Figures(**{name: row.get(f"{name}_{days}", 0) for name in names})


# For the staff's pages

LATELY = timedelta(days=7)
#: What the list of rules counts of each; one more stands for "more".
COUNTED = 1_000
WINDOWS = (7, 30, 90)
#: The newest runs of a rule, of which it is looked up what came of them.
FOLLOWED = 2_000
#: An answer within this time counts as one to the message.
ANSWERED_WITHIN = timedelta(days=7)


class _Counted(Subquery):
    """How many rows a queryset that stops somewhere has."""

    template = "(SELECT count(*) FROM (%(subquery)s) counted)"


@dataclass(frozen=True)
class Lately:
    """Of the last 7 days, each counted no further than COUNTED."""

    ran: int = 0
    shadow: int = 0
    failed: int = 0

    def __str__(self) -> str:
        parts = [f"ran {_times(self.ran)}"]
        parts += [f"would have run {_times(self.shadow)} (shadow)"] if self.shadow else []
        parts += [f"{_more(self.failed)} failed"] if self.failed else []
        return ", ".join(parts)


def _times(number: int) -> str:
    return f"{_more(number)} time{'' if number == 1 else 's'}"


def _more(number: int) -> str:
    return f"{COUNTED:,}+" if number > COUNTED else str(number)


def lately(rule_ids: Collection[int], now: datetime) -> dict[int, Lately]:
    """What these rules did in the last 7 days; one query, whose cost is bounded for each rule."""
    runs = RuleRun.objects.filter(rule=OuterRef("pk"), created_at__gt=now - LATELY).order_by()
    state = RuleRun.State

    def counted(*states: str) -> _Counted:
        return _Counted(runs.filter(state__in=states).values("pk")[: COUNTED + 1])

    rows = Rule.objects.filter(pk__in=rule_ids).annotate(
        ran=counted(state.DONE, state.RUNNING, state.FAILED), in_shadow=counted(state.MATCHED),
        failed=counted(state.FAILED),
    )  # fmt: skip
    return {row.pk: Lately(row.ran, row.in_shadow, row.failed) for row in rows}


@dataclass
class Span:
    """What a rule did in the last so many `days`, and what came of it: of the newest FOLLOWED runs, how many messages
    went out, arrived and were answered within a week, and how many of the people attended a visit afterwards.
    """

    days: int
    matched: int = 0
    not_matched: int = 0
    shadow: int = 0
    stopped: int = 0
    done: int = 0
    failed: int = 0
    held: int = 0
    people: set[int] = field(default_factory=set)
    sent: int = 0
    delivered: int = 0
    replied: int = 0
    attended: int = 0


def spans(rule_id: int, now: datetime) -> list[Span]:
    """The figures of one rule over 7, 30 and 90 days; six queries."""
    found = [Span(days) for days in WINDOWS]
    _count_runs(rule_id, now, found)
    runs = (
        RuleRun.objects.filter(rule_id=rule_id, created_at__gt=now - timedelta(days=max(WINDOWS)))
        .exclude(state__in=(*_PASSED_OVER, RuleRun.State.MATCHED))
        .exclude(contact=None)
        .order_by("-pk")
        .values_list("pk", "contact_id", "created_at")[:FOLLOWED]
    )
    _follow(list(runs), now, found)
    return found


def _count_runs(rule_id: int, now: datetime, found: list[Span]) -> None:
    since = now - timedelta(days=max(WINDOWS))
    passed, state = Q(state__in=_PASSED_OVER), RuleRun.State
    runs = RuleRun.objects.filter(rule_id=rule_id, created_at__gt=since).aggregate(
        **_counts(
            WINDOWS, now, "created_at", matched=~passed, not_matched=Q(state=state.NOT_MATCHED),
            shadow=Q(state=state.MATCHED), stopped=Q(state=state.STOPPED),
        )
    )  # fmt: skip
    steps = ActionRun.objects.filter(run__rule_id=rule_id, run__created_at__gt=since).aggregate(
        **_counts(
            WINDOWS,
            now,
            "run__created_at",
            done=Q(state="done"),
            failed=Q(state="failed"),
            held=Q(state="held"),
        )
    )
    for span in found:
        for name in ("matched", "not_matched", "shadow", "stopped", "done", "failed", "held"):
            setattr(span, name, {**runs, **steps}[f"{name}_{span.days}"])


def _follow(runs: list[tuple[int, int, datetime]], now: datetime, found: list[Span]) -> None:
    if not runs:
        return
    began = {pk: at for pk, _, at in runs}
    people = {contact_id for _, contact_id, _ in runs}
    since = min(began.values())
    messages = Message.objects.filter(
        contact_id__in=people, direction=Direction.OUTBOUND, cause_kind=CauseKind.RULE_RUN,
        cause_id__in=[str(pk) for pk in began], sent_at__isnull=False,
    ).values_list("contact_id", "cause_id", "sent_at", "delivered_at")  # fmt: skip
    answers: dict[int, list[datetime]] = {}
    inbound = Message.objects.filter(contact_id__in=people, direction=Direction.INBOUND, created_at__gt=since)
    for contact_id, at in inbound.values_list("contact_id", "created_at"):
        answers.setdefault(contact_id, []).append(at)
    visits: dict[int, datetime] = {}
    came = Booking.objects.filter(
        contact_id__in=people, outcome=Booking.Outcome.ATTENDED, appointment_datetime__gt=since
    )
    for contact_id, at in came.values_list("contact_id", "appointment_datetime"):
        visits[contact_id] = max(at, visits.get(contact_id, at))
    sent = [
        (
            began[int(run)],
            at,
            arrived is not None,
            any(at < said <= at + ANSWERED_WITHIN for said in answers.get(who, ())),
        )
        for who, run, at, arrived in messages
        if at is not None
    ]
    for span in found:
        start = now - timedelta(days=span.days)
        span.people = {who for _, who, at in runs if at > start}
        theirs = [line for line in sent if line[0] > start]
        span.sent, span.delivered, span.replied = (
            len(theirs), sum(line[2] for line in theirs), sum(line[3] for line in theirs),
        )  # fmt: skip
        span.attended = len({who for _, who, at in runs if at > start and who in visits and visits[who] > at})
