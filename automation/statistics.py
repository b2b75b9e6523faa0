"""What rules did lately: figures for their pages and the API, in two queries however many rules."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Count, Max, Q

from automation.models import ActionRun, RuleRun

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
            **_counts(now, "created_at", runs=Q(), matched=~Q(state__in=_PASSED_OVER)),
            last=Max("created_at", filter=~Q(state__in=_PASSED_OVER)),
        )
    )
    did = (
        ActionRun.objects.filter(run__rule_id__in=rule_ids, run__created_at__gt=since)
        .values("run__rule_id")
        .annotate(
            **_counts(
                now, "run__created_at", done=Q(state="done"), skipped=Q(state="skipped"),
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


def _counts(now: datetime, at: str, **what: Q) -> dict[str, Count]:
    return {
        f"{name}_{days}": Count("pk", filter=condition & Q(**{f"{at}__gt": now - timedelta(days=days)}))
        for name, condition in what.items()
        for days in SPANS
    }


def _figures(row: dict[str, Any], days: int) -> Figures:
    names = ("runs", "matched", "done", "skipped", "failed", "messages")
    return Figures(**{name: row.get(f"{name}_{days}", 0) for name in names})
