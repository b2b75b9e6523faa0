"""/metrics for Prometheus: the figures of `avatar_cms.state` as gauges, and counters of requests.

404 for whoever does not send METRICS_TOKEN, and for everybody where there is none. No label is a person, an id or a
path: labels are states, names of ticks, providers, and codes of clinics.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from hmac import compare_digest
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import re_path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts import sending_stops
from avatar_cms import request_metrics
from avatar_cms.state import checks, counts, hearing, machine


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Everything in Prometheus' text format, for the holder of the token."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.METRICS_TOKEN
    if not wanted or scheme != "Bearer" or not compare_digest(given.encode(), wanted.encode()):
        raise Http404
    path = request_metrics.directory()
    from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(path))  # type: ignore[no-untyped-call]
    registry.register(State())
    return HttpResponse(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


class State:
    """The system's state, asked anew for each scrape."""

    def describe(self) -> list[Any]:
        """Nothing is known before it is asked: registering must not ask the database."""
        return []

    def collect(self) -> Iterator[Any]:
        """Every figure as a gauge."""
        for name, help, labels, samples in _gauges():
            from prometheus_client.core import GaugeMetricFamily

            family = GaugeMetricFamily(f"avatar_{name}", help, labels=labels)
            for values, figure in samples:
                family.add_metric(values, figure)
            yield family


_Samples = list[tuple[list[str], float]]


def _gauges() -> Iterator[tuple[str, str, list[str], _Samples]]:
    yield (
        "check_ok",
        "1 while a check is well.",
        ["check"],
        [([check.name], float(finding.ok)) for check, finding in checks.run_all()],
    )
    yield (
        "items",
        f"Rows by state, counted to {counts.MOST}.",
        ["kind", "state"],
        [
            ([kind, state], float(count))
            for kind, states in counts.by_state().items()
            for state, count in states.items()
        ],
    )
    unknown = counts.unknown()
    yield (
        "oldest_seconds",
        "Age of the oldest that waits; 0 when none does.",
        ["kind"],
        [
            (["work"], _seconds(counts.oldest_work())),
            (["message"], _seconds(counts.oldest_message())),
            (["unknown"], _seconds(unknown.oldest)),
        ],
    )
    yield (
        "unknown_without_task",
        "Unknown messages that no task shows.",
        [],
        [([], float(unknown.without_task))],
    )
    yield from _life()
    yield from _outside()


def _life() -> Iterator[tuple[str, str, list[str], _Samples]]:
    functions = machine.tick_functions()
    beats = [*machine.processes().items(), *((beat.name, beat) for beat in functions)]
    yield (
        "heartbeat_age_seconds",
        "Since a part last showed life.",
        ["part"],
        [([name], _seconds(beat.age)) for name, beat in beats if beat.age is not None],
    )
    yield (
        "tick_failed",
        "1 while a tick's last run failed.",
        ["part"],
        [([beat.name], float(bool(beat.error))) for beat in functions],
    )
    yield (
        "doorbell_failures",
        "Rings that nobody heard, ever.",
        [],
        [([], float(machine.doorbell_failures().failures))],
    )
    yield (
        "broken_promises",
        "Breaches found by the last look at the invariants.",
        [],
        [([], float(len(machine.invariants().breaches)))],
    )


def _outside() -> Iterator[tuple[str, str, list[str], _Samples]]:
    silent: dict[tuple[str, str], bool] = {}
    for one in hearing.accounts():
        key = (one.account.provider, one.account.location.code)
        silent[key] = silent.get(key, False) or one.hearing.silent
    yield (
        "provider_silent",
        "1 while nothing comes from a provider that usually calls.",
        ["provider", "location"],
        [([provider, location], float(is_silent)) for (provider, location), is_silent in silent.items()],
    )
    stopped = {
        stop.location.code if stop.location else ""
        for stop in sending_stops.in_force().select_related("location")
    }
    yield (
        "sending_stopped",
        "1 where sending is stopped; no location means everywhere.",
        ["location"],
        [([code], 1.0) for code in sorted(stopped)],
    )


def _seconds(duration: timedelta | None) -> float:
    return 0.0 if duration is None else duration.total_seconds()


urlpatterns = [re_path(r"^metrics/?$", metrics, name="metrics")]
