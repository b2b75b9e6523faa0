"""Celery jobs of the floor. They carry no arguments: the rows say what there is to do."""

from __future__ import annotations

from time import monotonic

from celery import shared_task

from core import doorbell, ticks, work
from core.crashpoints import crashpoint, declare

DRAIN_SECONDS = 20

declare("drain.answered", "drain.ended")


@shared_task(name="core.drain")
def drain() -> None:
    """Answer the doorbell: run due work and what the 10 s tick would run."""
    doorbell.answered()
    crashpoint("drain.answered")
    _work_through()
    ticks.beat("worker")
    crashpoint("drain.ended")


@shared_task(name="core.tick_10s")
def tick_10s() -> None:
    """The safety net: finds whatever no doorbell announced."""
    ticks.beat("beat")
    ticks.beat("worker")
    _work_through()


@shared_task(name="core.tick_1min")
def tick_1min() -> None:
    """Expiries, visits without outcome, and the like."""
    ticks.run("1min")
    _work_through()


@shared_task(name="core.tick_15min")
def tick_15min() -> None:
    """Reconciling and clock rules."""
    ticks.run("15min")
    _work_through()


def _work_through() -> None:
    deadline = monotonic() + DRAIN_SECONDS
    while work.drain(deadline=deadline) + ticks.run("10s") and monotonic() < deadline:
        continue
