"""Doing what was decided: the steps of many runs in lockstep, each kind of intent as one set.

Everything happens in the caller's transaction. Together, an error is everybody's: the batch fails and
`core.work` hands its items over one by one. Alone, each action has a savepoint: one that fails is undone,
marked with its reason, and the next go on; but what the database itself refuses (deadlock, serialization,
lock time-out) ends the delivery.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError, transaction

from automation import doing, engine
from automation.doing import Done, Order
from automation.engine import RuleText, Step, StepPlan, Turn
from automation.facts import Wanted
from automation.models import ActionRun, RuleRun
from automation.rulebook import looked_at
from automation.subjects import Happening, Subject
from core import clock, log_context, work
from core.crashpoints import crashpoint, declare
from core.errors import DomainError
from core.work import NewWork

logger = logging.getLogger(__name__)

DELAYED = "automation.delayed_action"

declare("rule.acted")

#: Reads the facts of happenings afresh: those groups that are looked at.
Reload = Callable[[Sequence[Happening], Wanted], Mapping[int, Subject]]


@dataclass
class Job:
    """One step of one run, waiting for its turn. `due` marks a delayed one whose time has come."""

    row: ActionRun
    run: RuleRun
    rule: RuleText
    rule_id: str
    step: Step
    subject: Subject
    due: bool = False

    def plan(self, now: datetime) -> StepPlan:
        return engine.plan_step(self.subject, self.rule, self.step, now=now, due=self.due)

    @property
    def order(self) -> Callable[[Any], Order]:
        return lambda intent: Order(intent, self.run.cause, self.rule_id)


def execute(queues: Sequence[Sequence[Job]], *, reload: Reload, alone: bool) -> None:
    """Run each queue's jobs in order: the first jobs of all queues, then the second ones, and so on.

    Fills in state, reason and result of each job's row; saving them is the caller's. Steps that wait become
    work.
    """
    waiting: list[Job] = []
    for turn in range(max(map(len, queues), default=0)):
        jobs = [queue[turn] for queue in queues if len(queue) > turn]
        waiting += _take_turn(jobs, reload=reload, alone=alone)
        crashpoint("rule.acted")
    work.enqueue_many([_delayed(job) for job in waiting]) if waiting else None


def _take_turn(jobs: Sequence[Job], *, reload: Reload, alone: bool) -> list[Job]:
    """The jobs' turn: facts afresh where conditions look at them, then each kind of intent as a set."""
    now = clock.now()
    _look_again([job for job in jobs if job.step.is_conditional and not _waits(job)], reload)
    groups: dict[type[Any], list[tuple[Job, StepPlan]]] = defaultdict(list)
    waiting = []
    for job in jobs:
        plan = job.plan(now)
        job.row.run_at, job.row.reason = plan.run_at, plan.reason
        job.row.facts_seen = [reason.as_dict() for reason in plan.seen]
        if plan.turn is Turn.LATER:
            waiting.append(job)
        elif plan.turn is Turn.SKIP:
            job.row.state = ActionRun.State.SKIPPED
        else:
            groups[type(plan.intent)].append((job, plan))
    for kind, chosen in groups.items():
        (_one_by_one if alone else _together)(kind, chosen)
    return waiting


def _waits(job: Job) -> bool:
    return bool(job.step.delay) and not job.due


def _look_again(jobs: Sequence[Job], reload: Reload) -> None:
    if not jobs:
        return
    fresh = reload([job.subject.happening for job in jobs], Wanted.of(looked_at(job.step for job in jobs)))
    for job in jobs:
        job.subject = fresh[job.subject.happening.event_id]


def _together(kind: type[Any], chosen: Sequence[tuple[Job, StepPlan]]) -> None:
    results = doing.do(kind, [job.order(plan.intent) for job, plan in chosen])
    for (job, _), done in zip(chosen, results, strict=True):
        _note(job, done)


def _one_by_one(kind: type[Any], chosen: Sequence[tuple[Job, StepPlan]]) -> None:
    for job, plan in chosen:
        try:
            with transaction.atomic(), log_context.bound(run=job.run.pk):
                done = doing.do(kind, [job.order(plan.intent)])[0]
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:
            # Whatever one action trips over, the others are none the worse for it.
            logger.warning(
                "action failed",
                extra={"run": job.run.pk, "step": job.step.index, "error": type(error).__name__},
            )
            done = Done(ActionRun.State.FAILED, _in_words(error))
        _note(job, done)


def _in_words(error: Exception) -> str:
    """A refusal in its own words; of any other error only what and where, for its text may quote a person's
    data.
    """
    return error.message if isinstance(error, DomainError) else f"It broke: {work.describe(error)}."


def _note(job: Job, done: Done) -> None:
    job.row.state, job.row.result = done.state, done.result
    job.row.reason = done.reason or job.row.reason
    job.row.attempts += 1


def _delayed(job: Job) -> NewWork:
    return delayed(
        job.run, job.step.index, due_at=job.row.run_at, key=f"action:{job.run.pk}:{job.step.index}"
    )


def delayed(run: RuleRun, step: int, *, due_at: datetime, key: str | None = None) -> NewWork:
    """The work item of a step that waits."""
    return NewWork(
        handler=DELAYED,
        location_id=run.location_id,
        subject=f"contact:{run.contact_id}" if run.contact_id else f"location:{run.location_id}",
        due_at=due_at,
        dedupe_key=key,
        args={"run": run.pk, "step": step},
        event_id=run.event_id,
    )


def state_of(rows: Sequence[ActionRun]) -> str:
    """What a run's steps make of it."""
    states = {row.state for row in rows}
    if ActionRun.State.PENDING in states:
        return RuleRun.State.RUNNING
    return RuleRun.State.FAILED if ActionRun.State.FAILED in states else RuleRun.State.DONE
