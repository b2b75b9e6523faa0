"""Playing one person forward: what falls due, and what rules make of it. No query, no write."""

from __future__ import annotations

import heapq
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial

from automation import anchors, clock_rules, conditions, engine, rulebook, sentences
from automation.delayed import no_longer
from automation.engine import Outcome, RuleText, Turn
from automation.facts import EVENT_READERS
from automation.forecast_life import Happened, Life
from automation.forecast_world import World
from automation.handlers import happening_of
from automation.models import ActionRun, Rule
from automation.subjects import Happening, Subject
from automation.triggers import CLOCK, RULE_DUE
from bookings.models import STANDING, Booking
from bookings.models import Status as VisitStatus
from bookings.timed import OUTCOME_EXPECTED_AFTER
from contacts import scoring
from core import localtime
from core.causes import Cause

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LIVE = "live"
#: What a rule's run is called that nobody has made yet.
IMAGINED = "forecast"


@dataclass
class Step:
    """What a rule will do: one step, of a run that waits (`row`) or that will be. `verdict` is of now."""

    rule: Rule
    at: datetime
    words: str
    sends: bool
    row: ActionRun | None = None
    conditions: str = ""
    verdict: str = ""


class Play(Life):
    """The hands of the clock over one person's world."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self.steps: list[Step] = []
        self._texts: dict[int, RuleText] = {rule.pk: rulebook.text_of(rule) for rule in world.rules}
        self._rules = {rule.pk: rule for rule in world.rules}

    # -- time

    def begin(self, until: datetime) -> None:
        """Line up what will fall due by itself."""
        world, location = self.world, self.world.contact.location
        for row in world.waiting:
            self._wait(row)
        if location.automation_mode == LIVE:
            for every in sorted({rule.every for rule in world.rules if rule.every}):
                self._line_up(every, until)
        for visit in world.visits:
            if visit.status == VisitStatus.PENDING and visit.expires_at is not None:
                self.at(visit.expires_at, partial(self._expire, visit))
            if visit.outcome_asked_at is None:
                self.at(visit.ends_at + OUTCOME_EXPECTED_AFTER, partial(self._no_outcome, visit))
        for task in world.tasks:
            if not task.told:
                self.at(task.due, partial(self.overdue, task))
        if world.contact.lead_at is not None:
            self.at(
                world.contact.lead_at + scoring.UNANSWERED,
                lambda: self.rescore(Cause.clock("first_contact")),
            )

    def run(self, until: datetime) -> None:
        """Let time pass."""
        while (moment := self._next()) is not None and moment <= until:
            self.now = max(self.now, moment)
            while self.due and self.due[0][0] <= self.now:
                heapq.heappop(self.due)[2]()
                self._hear()
            for coming in self.world.outbox.send_due(self.now):
                self.sent(coming)
                self._hear()

    def _next(self) -> datetime | None:
        moments = [self.due[0][0]] if self.due else []
        if (sending := self.world.outbox.next_due()) is not None:
            moments.append(sending)
        return min(moments, default=None)

    # -- what falls due

    def _line_up(self, every: str, until: datetime) -> None:
        """The hours or days that will begin, and the present one if nobody has looked yet."""
        location = self.world.contact.location
        slot = clock_rules.slot_of(location, every, self.now)
        if f"clock-rules:{location.pk}:{slot}" not in self.world.begun:
            self.at(self.now, lambda: self._clock(every))
        if every == Rule.Every.HOURLY:
            moment = self.now.replace(minute=0, second=0, microsecond=0) + HOUR
            while moment <= until:
                self.at(moment, lambda: self._clock(every))
                moment += HOUR
            return
        day = localtime.local_day(self.now, location.zone)
        while True:
            moment = localtime.to_utc(datetime.combine(day, location.daily_at), location.zone)
            if moment > until:
                return
            if moment > self.now:
                self.at(moment, lambda: self._clock(every))
            day += DAY

    def _clock(self, every: str) -> None:
        """An hour or a day begins: rules whose time has come for this person."""
        world = self.world
        if world.contact.merged_into_id is not None or world.contact.deleted_at is not None:
            return
        look = Happening(
            event_id=-next(self.ids), type=CLOCK, location_id=world.contact.location_id, anchor="",
            cause=Cause.clock("look"), occurred_at=self.now, contact_id=world.contact.pk,
        )  # fmt: skip
        for rule in world.rules:
            text = self._texts[rule.pk]
            if rule.every != every or text.broken:
                continue
            subject = world.subject(look, {}, self.now)
            if engine.plan_run(subject, text, now=self.now).outcome is not Outcome.MATCHED:
                continue
            known = clock_rules.anchor_facts(
                world.contact, subject.visit, subject.local_day(self.now), answered=world.spoke != rule.pk
            )
            anchor = anchors.anchor(rule.anchor, known)
            if anchor and (rule.pk, anchor) not in world.met:
                booking_id = subject.visit_id if rule.anchor == "booking" else None
                self.tell(RULE_DUE, {}, Cause.clock(every), booking_id, anchor=anchor, rule=rule)

    def _wait(self, row: ActionRun) -> None:
        text = rulebook.text_of(row.run.rule, row.run.version)
        if text.broken or row.step >= len(text.steps):
            return
        step = text.steps[row.step]
        told = "" if not step.is_conditional else conditions.describe(step.conditions)
        shown = Step(
            row.run.rule, row.run_at, sentences.describe(step), step.action.kind in ("send_sms", "send_email"),
            row, told, self._verdict(row, text, step),
        )  # fmt: skip
        self.steps.append(shown)
        self.at(row.run_at, lambda: self._take(row, text, step, shown))

    def _verdict(self, row: ActionRun, text: RuleText, step: engine.Step) -> str:
        """What would become of a waiting step if its time were now."""
        if (refusal := no_longer(row.run)) is not None:
            return refusal[1]
        subject = self._subject_of(row)
        if subject is None:
            return "What set it off is no longer known."
        return engine.plan_step(subject, text, step, now=self.now, due=True).reason

    def _subject_of(self, row: ActionRun) -> Subject | None:
        event = self.world.events.get(row.run.event_id)
        if event is None:
            return None
        happening = replace(happening_of(event, row.run.anchor), contact_id=row.run.contact_id)
        return self.world.subject(happening, self.world.known.get(event.pk, {}), self.now)

    def _take(self, row: ActionRun, text: RuleText, step: engine.Step, shown: Step) -> None:
        subject = self._subject_of(row)
        if subject is None or no_longer(row.run) is not None:
            return
        plan = engine.plan_step(subject, text, step, now=self.now, due=True)
        if plan.turn is Turn.DO:
            self.do(plan.intent, row.run.cause, shown)

    def _expire(self, visit: Booking) -> None:
        if visit.status == VisitStatus.PENDING:
            visit.status, visit.expires_at = VisitStatus.CANCELLED, None

    def _no_outcome(self, visit: Booking) -> None:
        if visit.status in STANDING and visit.outcome == Booking.Outcome.NONE:
            self.tell("booking_outcome_missing", {}, Cause.clock("visits_without_outcome"), visit.pk)

    # -- rules

    def _hear(self) -> None:
        """Let the rules hear of what happened, in order, until it is quiet."""
        while self.heard:
            self._meet(self.heard.popleft())

    def _meet(self, event: Happened) -> None:
        world = self.world
        if world.contact.location.automation_mode != LIVE:
            return
        number = -next(self.ids)
        happening = Happening(
            event_id=number, type=event.type, location_id=world.contact.location_id,
            anchor=event.anchor or f"{IMAGINED}:{number}", cause=event.cause, occurred_at=self.now,
            contact_id=world.contact.pk, booking_id=event.booking_id,
        )  # fmt: skip
        said = {name: event.data.get(key) for name, key in EVENT_READERS.get(event.type, {}).items()}
        rules = (
            [event.rule] if event.rule is not None else [r for r in world.rules if r.trigger == event.type]
        )
        subject = world.subject(happening, said, self.now)
        plans = engine.decide(subject, [self._texts[rule.pk] for rule in rules], now=self.now)
        for plan in plans:
            world.met.add((plan.rule.rule_id, happening.anchor))
            if plan.outcome is Outcome.MATCHED:
                self._carry_out(plan.rule, subject, happening, said)

    def _carry_out(
        self, text: RuleText, subject: Subject, happening: Happening, said: dict[str, object]
    ) -> None:
        rule = self._rules[text.rule_id]
        cause = happening.cause.then(IMAGINED, text.rule_id, happening.contact_id)
        for step in text.steps:
            self._turn_of(text, step, rule, cause, subject, happening, said, due=False)

    def _turn_of(
        self, text: RuleText, step: engine.Step, rule: Rule, cause: Cause, subject: Subject, happening: Happening,
        said: dict[str, object], *, due: bool,
    ) -> None:  # fmt: skip
        if step.is_conditional or due:
            subject = self.world.subject(happening, said, self.now)
        plan = engine.plan_step(subject, text, step, now=self.now, due=due)
        told = "" if not step.is_conditional else conditions.describe(step.conditions)
        shown = Step(rule, plan.run_at, sentences.describe(step), False, None, told, plan.reason)
        if plan.turn is Turn.LATER:
            self.at(
                plan.run_at,
                lambda: self._turn_of(text, step, rule, cause, subject, happening, said, due=True),
            )
        elif plan.turn is Turn.DO:
            self.do(plan.intent, cause, shown)
