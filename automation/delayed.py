"""Steps that waited: is there still a point, by the facts as they are now?"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from accounts.models import Location
from automation import executor, facts, rulebook
from automation.executor import DELAYED, Job
from automation.facts import Wanted
from automation.handlers import happening_of, settle_runs
from automation.models import ActionRun, RuleRun
from automation.subjects import Happening, Subject
from contacts import locks as contact_locks
from core import clock, work
from core.crashpoints import crashpoint, declare
from core.models import Event, Work

declare("rule.step_taken")

SWITCHED_OFF = "The rule was switched off meanwhile."
NOT_LIVE = "Automation is not live at this clinic."


@work.handler(DELAYED, batch=100)
def delayed_action(items: list[Work]) -> None:
    """Take steps that waited, those of one contact in order."""
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
    contact_locks.lock_those_there(row.run.contact_id for row in waiting.values())
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
        refusal = _no_longer(row.run)
        if refusal:
            row.state, row.reason = refusal
            continue
        text = rulebook.text_of(row.run.rule, row.run.version)
        if text.broken:
            row.state, row.reason = ActionRun.State.FAILED, text.broken
            continue
        subject = subjects[happenings[row.pk].event_id]
        rule_id = str(row.run.rule.public_id)
        queues.append([Job(row, row.run, text, rule_id, text.steps[row.step], subject, due=True)])
    executor.execute(queues, reload=reload, alone=alone)


def _happening(event: Event, run: RuleRun) -> Happening:
    """The run's event; about the contact that the run is about now, who may have been merged into another."""
    return replace(happening_of(event, run.anchor), contact_id=run.contact_id)


def _no_longer(run: RuleRun) -> tuple[str, str] | None:
    """Why a step that waited is not taken, whatever the facts are."""
    if not run.rule.is_active:
        return ActionRun.State.SKIPPED, SWITCHED_OFF
    if run.location.automation_mode != Location.AutomationMode.LIVE:
        return ActionRun.State.HELD, NOT_LIVE
    return None
