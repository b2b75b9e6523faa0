"""What runs the rules: deliveries of events, and steps whose time has come."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from accounts.models import Location
from automation import anchors, engine, executor, facts, rulebook, triggers
from automation.engine import Outcome, RunPlan
from automation.events import RULE_STOPPED
from automation.executor import Job
from automation.facts import Wanted
from automation.models import ActionRun, FactSnapshot, Rule, RuleRun
from automation.subjects import Happening, Subject
from contacts import locks as contact_locks
from core import clock, events, work
from core.crashpoints import crashpoint, declare
from core.events import NewEvent
from core.models import Event, Work

RUN_RULES = "automation.run_rules"
OFF, LIVE = Location.AutomationMode.OFF, Location.AutomationMode.LIVE
SHADOW = "Shadow mode: recorded, not done."
RULE_IN_SHADOW = "The rule is in shadow: recorded, not done."

State = RuleRun.State

declare("rule.decided", "rule.recorded", "rule.done")


@work.handler(RUN_RULES, batch=100)
def run_rules(items: list[Work]) -> None:
    """Meet each event with the rules of its location. The k-th events of all contacts are one wave, so that
    every event of a contact finds the effects of the ones before it."""
    happened = [item.event for item in items if item.event is not None and item.event.location_id is not None]
    taken_over = {item.event_id for item in items if item.args.get("taken_over")}
    places = rulebook.locations({event.location_id or 0 for event in happened})
    contact_locks.lock_for(items)
    for wave in _waves(happened):
        _Wave(wave, places, taken_over, alone=len(items) == 1).run()


def _waves(happened: Sequence[Event]) -> list[list[Event]]:
    waves: dict[int, list[Event]] = defaultdict(list)
    seen: Counter[tuple[int | None, int | None]] = Counter()
    for event in happened:
        subject = (event.contact_id, None if event.contact_id else event.location_id)
        waves[seen[subject]].append(event)
        seen[subject] += 1
    return [waves[k] for k in sorted(waves)]


def happening_of(event: Event, anchor: str = "", *, taken_over: bool = False) -> Happening:
    """An event as the engine sees it; `taken_over` when it is from before the clinic went live."""
    assert event.location_id is not None
    return Happening(
        event_id=event.pk,
        type=event.type,
        location_id=event.location_id,
        anchor=anchor or event.data.get("anchor") or anchors.of_event(event.pk),
        cause=event.cause,
        occurred_at=event.occurred_at,
        contact_id=event.contact_id,
        booking_id=event.booking_id,
        taken_over=taken_over,
        found=event.data.get("found", ""),
    )


class _Wave:
    """A set of events, at most one of each contact, and the runs they lead to."""

    def __init__(
        self,
        happened: Sequence[Event],
        places: Mapping[int, Location],
        taken_over: Collection[int | None],
        *,
        alone: bool,
    ) -> None:
        self.places = places
        self.alone = alone
        self.now = clock.now()
        self.events = {event.pk: event for event in happened if _mode(places, event) != OFF}
        self.happenings = {
            pk: happening_of(event, taken_over=pk in taken_over) for pk, event in self.events.items()
        }
        self.known: dict[int, dict[str, object]] = {}

    def run(self) -> None:
        rules = self._rules()
        if not rules:
            return
        self.known = facts.event_facts([self.events[pk] for pk in rules])
        subjects = self.reload([self.happenings[pk] for pk in rules], facts.EVERYTHING)
        decided = []
        for pk, found in rules.items():
            texts = [rulebook.text_of(rule) for rule in found]
            plans = engine.decide(subjects[pk], texts, now=self.now)
            decided.append((subjects[pk], {rule.pk: rule for rule in found}, plans))
        crashpoint("rule.decided")
        queues = self._record(decided)
        crashpoint("rule.recorded")
        executor.execute(queues, reload=self.reload, alone=self.alone)
        _save([job for queue in queues for job in queue])
        crashpoint("rule.done")

    def reload(self, happenings: Sequence[Happening], wanted: Wanted) -> dict[int, Subject]:
        return facts.load(happenings, self.known, now=clock.now(), locations=self.places, wanted=wanted)

    def _rules(self) -> dict[int, list[Rule]]:
        """The rules each event meets for the first time, by event id."""
        names = {event.type for event in self.events.values()} - {triggers.RULE_DUE}
        found = rulebook.active(self.places.keys(), names) if names else {}
        due = self._due_rules()
        met = {
            pk: due.get(pk, [])
            if event.type == triggers.RULE_DUE
            else found.get((event.location_id or 0, event.type), [])
            for pk, event in self.events.items()
        }
        ran = self._ran(met)
        fresh = {
            pk: [r for r in rules if (r.pk, self.happenings[pk].anchor) not in ran]
            for pk, rules in met.items()
        }
        return {pk: rules for pk, rules in fresh.items() if rules}

    def _due_rules(self) -> dict[int, list[Rule]]:
        wanted = {
            pk: event.data["rule"] for pk, event in self.events.items() if event.type == triggers.RULE_DUE
        }
        if not wanted:
            return {}
        rows = Rule.objects.filter(public_id__in=set(wanted.values()), is_active=True).select_related(
            "current"
        )
        by_id = {str(rule.public_id): rule for rule in rows}
        return {pk: [by_id[public_id]] for pk, public_id in wanted.items() if public_id in by_id}

    def _ran(self, met: Mapping[int, Sequence[Rule]]) -> set[tuple[int, str]]:
        pairs = {(rule.pk, self.happenings[pk].anchor) for pk, rules in met.items() for rule in rules}
        if not pairs:
            return set()
        rows = RuleRun.objects.filter(
            rule_id__in={r for r, _ in pairs}, anchor__in={anchor for _, anchor in pairs}
        )
        return set(rows.values_list("rule_id", "anchor"))

    def _record(
        self, decided: Sequence[tuple[Subject, Mapping[int, Rule], list[RunPlan]]]
    ) -> list[list[Job]]:
        """Write what was decided, and line up what is to be done: each event's steps in order."""
        snapshots = self._snapshots([subject for subject, _, _ in decided])
        runs: list[tuple[RuleRun, RunPlan, Subject, Rule]] = []
        for subject, rules, plans in decided:
            for plan in plans:
                if plan.outcome is Outcome.NOT_MATCHED and subject.happening.type == triggers.RULE_DUE:
                    continue  # Its time may come again: the anchor is not used up.
                rule = rules[plan.rule.rule_id]
                run = self._run(plan, subject, rule, snapshots[subject.happening.event_id])
                runs.append((run, plan, subject, rule))
        RuleRun.objects.bulk_create([run for run, _, _, _ in runs])
        events.record_many([_stopped(run, rule) for run, _, _, rule in runs if run.state == State.STOPPED])
        queues: dict[int, list[Job]] = defaultdict(list)
        held: list[ActionRun] = []
        for run, plan, subject, rule in runs:
            jobs = [_job(run, plan, rule, step, subject, self.now) for step in plan.rule.steps if plan.steps]
            if self._is_live(rule, subject.happening):
                queues[subject.happening.event_id] += jobs
            else:
                why = RULE_IN_SHADOW if rule.is_shadow else SHADOW
                held += [_hold(job, planned, why) for job, planned in zip(jobs, plan.steps, strict=True)]
        ActionRun.objects.bulk_create(held)
        return list(queues.values())

    def _snapshots(self, subjects: Sequence[Subject]) -> dict[int, FactSnapshot]:
        rows = [
            FactSnapshot(
                event_id=subject.happening.event_id,
                location_id=subject.happening.location_id,
                values=facts.stored(subject.facts),
                at=self.now,
            )
            for subject in subjects
        ]
        known = FactSnapshot.objects.filter(event_id__in=[row.event_id for row in rows]).in_bulk(
            field_name="event_id"
        )
        made = FactSnapshot.objects.bulk_create([row for row in rows if row.event_id not in known])
        return known | {row.event_id: row for row in made}

    def _is_live(self, rule: Rule, happening: Happening) -> bool:
        """Whether what the rule decides about this is done, not only recorded."""
        return not rule.is_shadow and _mode(self.places, self.events[happening.event_id]) == LIVE

    def _run(self, plan: RunPlan, subject: Subject, rule: Rule, snapshot: FactSnapshot) -> RuleRun:
        happening = subject.happening
        cause = happening.cause.then("", plan.rule.rule_id, happening.contact_id)
        matched = State.DONE if self._is_live(rule, happening) else State.MATCHED
        state = {
            Outcome.MATCHED: matched,
            Outcome.NOT_MATCHED: State.NOT_MATCHED,
            Outcome.STOPPED: State.STOPPED,
        }
        return RuleRun(
            location_id=happening.location_id,
            rule_id=plan.rule.rule_id,
            version_id=plan.rule.version_id,
            anchor=happening.anchor,
            contact_id=happening.contact_id,
            booking_id=subject.visit_id,
            event_id=happening.event_id,
            facts=snapshot,
            state=state[plan.outcome],
            reason=plan.reason,
            chain=list(cause.chain),
            created_at=self.now,
            finished_at=self.now,
        )


def _mode(places: Mapping[int, Location], event: Event) -> str:
    return places[event.location_id or 0].automation_mode


def _stopped(run: RuleRun, rule: Rule) -> NewEvent:
    code = (
        "too_deep"
        if run.reason == engine.TOO_DEEP
        else "twice"
        if run.reason == engine.TWICE
        else "unreadable"
    )
    return NewEvent(
        type=RULE_STOPPED,
        cause=run.cause,
        location_id=run.location_id,
        contact_id=run.contact_id,
        booking_id=run.booking_id,
        data={"rule": str(rule.public_id), "reason": code},
    )


def _job(run: RuleRun, plan: RunPlan, rule: Rule, step: engine.Step, subject: Subject, now: datetime) -> Job:
    row = ActionRun(run=run, step=step.index, type=step.action.kind, run_at=now, created_at=now)
    return Job(row, run, plan.rule, str(rule.public_id), step, subject)


def _hold(job: Job, planned: engine.StepPlan, why: str) -> ActionRun:
    job.row.state, job.row.reason, job.row.run_at = ActionRun.State.HELD, why, planned.run_at
    job.row.facts_seen = [reason.as_dict() for reason in planned.seen]
    if planned.turn is engine.Turn.SKIP:
        job.row.state, job.row.reason = ActionRun.State.SKIPPED, planned.reason
    return job.row


def _save(jobs: Sequence[Job]) -> None:
    """Write the steps of new runs, and the state of those runs that are not simply done."""
    ActionRun.objects.bulk_create([job.row for job in jobs])
    settle_runs(_by_run(jobs))


def _by_run(jobs: Sequence[Job]) -> dict[int, tuple[RuleRun, list[ActionRun]]]:
    found: dict[int, tuple[RuleRun, list[ActionRun]]] = {}
    for job in jobs:
        found.setdefault(job.run.pk, (job.run, []))[1].append(job.row)
    return found


def settle_runs(runs: Mapping[int, tuple[RuleRun, Sequence[ActionRun]]]) -> None:
    """Bring the state of runs in line with their steps."""
    now, changed = clock.now(), []
    for run, rows in runs.values():
        state = executor.state_of(rows)
        if state != run.state:
            run.state, run.updated_at = state, now
            run.finished_at = None if state == State.RUNNING else now
            changed.append(run)
    if changed:
        RuleRun.objects.bulk_update(changed, ["state", "finished_at", "updated_at"])


def connect() -> None:
    """Hear of everything that a rule can start on."""
    events.subscribe(triggers.event_names(), handler=RUN_RULES)
