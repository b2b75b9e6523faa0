"""Steps that waited: is there still a point, by the facts as they are now?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from django.db import transaction

from accounts.models import Location
from automation import executor, facts, rulebook
from automation.events import RULE_STEP_WITHDRAWN
from automation.executor import DELAYED, Job
from automation.facts import Wanted
from automation.handlers import happening_of, settle_runs
from automation.models import ActionRun, RuleRun
from automation.subjects import Happening, Subject
from contacts import locks as contact_locks
from core import clock, events, work
from core.causes import Cause
from core.crashpoints import crashpoint, declare
from core.errors import Conflict, NotFound
from core.events import NewEvent
from core.models import Event, Work

declare("rule.step_taken")

SWITCHED_OFF = "The rule was switched off meanwhile."
IN_SHADOW = "The rule was put into shadow meanwhile."
NOT_LIVE = "Automation is not live at this clinic."


@work.handler(DELAYED, batch=100)
def delayed_action(items: list[Work]) -> None:
    """Take steps that waited, those of one contact in order."""
    contact_locks.lock_for(items)
    wanted = {(item.args["run"], item.args["step"]): item for item in items if item.event is not None}
    rows = ActionRun.objects.filter(run_id__in={run for run, _ in wanted}).select_related(
        "run__rule", "run__version", "run__location"
    )
    steps: dict[int, list[ActionRun]] = defaultdict(list)
    for row in rows.order_by("run_id", "step"):
        steps[row.run_id].append(row)
    waiting = {
        key: row
        for group in steps.values()
        for row in group
        if (key := (row.run_id, row.step)) in wanted and row.state == ActionRun.State.PENDING
    }
    for wave in _waves_of([(wanted[key], row) for key, row in waiting.items()], items):
        _take_steps(wave, alone=len(items) == 1)
    ActionRun.objects.bulk_update(
        list(waiting.values()),
        ["state", "reason", "run_at", "facts_seen", "result", "attempts"],
    )
    settle_runs({pk: (group[0].run, group) for pk, group in steps.items()})
    crashpoint("rule.step_taken")


def _waves_of(
    chosen: Sequence[tuple[Work, ActionRun]], items: Sequence[Work]
) -> list[list[tuple[Work, ActionRun]]]:
    """In the order of the items, one step of each contact at a time."""
    place = {item.pk: index for index, item in enumerate(items)}
    waves: dict[int, list[tuple[Work, ActionRun]]] = defaultdict(list)
    seen: Counter[str] = Counter()
    for item, row in sorted(chosen, key=lambda pair: place[pair[0].pk]):
        waves[seen[item.subject]].append((item, row))
        seen[item.subject] += 1
    return [waves[k] for k in sorted(waves)]


def _take_steps(wave: Sequence[tuple[Work, ActionRun]], *, alone: bool) -> None:
    happened = [item.event for item, _ in wave if item.event is not None]
    places = {row.run.location_id: row.run.location for _, row in wave}
    known = facts.event_facts(happened)
    happenings = {row.pk: _happening(item.event, row.run) for item, row in wave if item.event is not None}

    def reload(asked: Sequence[Happening], wanted: Wanted) -> dict[int, Subject]:
        return facts.load(asked, known, now=clock.now(), locations=places, wanted=wanted)

    subjects = reload(list(happenings.values()), facts.EVERYTHING)
    queues = []
    for _, row in wave:
        refusal = no_longer(row.run)
        if refusal:
            row.state, row.reason = refusal
            continue
        text = rulebook.text_of(row.run.rule, row.run.version)
        if text.broken:
            row.state, row.reason = ActionRun.State.FAILED, text.broken
            row.attempts += 1
            continue
        subject = subjects[happenings[row.pk].event_id]
        rule_id = str(row.run.rule.public_id)
        queues.append([Job(row, row.run, text, rule_id, text.steps[row.step], subject, due=True)])
    executor.execute(queues, reload=reload, alone=alone)


def _happening(event: Event, run: RuleRun) -> Happening:
    """The run's event; about the contact that the run is about now, who may have been merged into another."""
    return replace(happening_of(event, run.anchor), contact_id=run.contact_id)


@transaction.atomic
def withdraw_step(step_id: int, *, reason: str, cause: Cause) -> ActionRun:
    """Let a step that waits, or that failed, not be taken. Raises Conflict when it does neither, NotFound when there is
    no such step.
    """
    contact_locks.lock_those_there(
        ActionRun.objects.filter(pk=step_id).values_list("run__contact_id", flat=True)
    )
    row = (
        ActionRun.objects.select_for_update(no_key=True, of=("self",))
        .select_related("run")
        .filter(pk=step_id)
        .first()
    )
    if row is None:
        raise NotFound("There is no such step.")
    if row.state not in (ActionRun.State.PENDING, ActionRun.State.FAILED):
        raise Conflict("This step neither waits nor failed.", code="not_pending")
    row.state, row.updated_at = ActionRun.State.SKIPPED, clock.now()
    row.reason = (
        f"Withdrawn by a person: {reason.strip()[:200]}" if reason.strip() else "Withdrawn by a person."
    )
    row.save()
    work.cancel([f"action:{row.run_id}:{row.step}"])
    settle_runs({row.run_id: (row.run, list(ActionRun.objects.filter(run=row.run_id)))})
    events.record_many([_step_withdrawn(row, cause)])
    return row


def withdraw_steps(run_ids: Iterable[int], *, reason: str, cause: Cause) -> int:
    """Let the waiting steps of these runs not be taken, as a set. Returns how many waited. `reason` is a sentence;
    the caller has locked the contacts.
    """
    waiting = ActionRun.objects.select_for_update(no_key=True, of=("self",)).filter(
        run_id__in=list(run_ids), state=ActionRun.State.PENDING
    )
    rows = list(waiting.select_related("run").order_by("pk"))
    if not rows:
        return 0
    for row in rows:
        row.state, row.reason, row.updated_at = ActionRun.State.SKIPPED, reason, clock.now()
    ActionRun.objects.bulk_update(rows, ["state", "reason", "updated_at"])
    work.cancel([f"action:{row.run_id}:{row.step}" for row in rows])
    runs = {row.run_id: row.run for row in rows}
    steps: dict[int, list[ActionRun]] = defaultdict(list)
    for row in ActionRun.objects.filter(run_id__in=runs).order_by("run_id", "step"):
        steps[row.run_id].append(row)
    settle_runs({pk: (run, steps[pk]) for pk, run in runs.items()})
    events.record_many([_step_withdrawn(row, cause) for row in rows])
    return len(rows)


def _step_withdrawn(row: ActionRun, cause: Cause) -> NewEvent:
    return NewEvent(
        RULE_STEP_WITHDRAWN, cause=cause, location_id=row.run.location_id, contact_id=row.run.contact_id,
        booking_id=row.run.booking_id, data={"run": str(row.run.public_id), "step": row.step}, source="user",
    )  # fmt: skip


def no_longer(run: RuleRun) -> tuple[str, str] | None:
    """Why a step that waited is not taken, whatever the facts are."""
    if not run.rule.is_active:
        return ActionRun.State.SKIPPED, SWITCHED_OFF
    if run.rule.is_shadow:
        return ActionRun.State.HELD, IN_SHADOW
    if run.location.automation_mode != Location.AutomationMode.LIVE:
        return ActionRun.State.HELD, NOT_LIVE
    return None
