"""What happens in one person's world while it is played forward: what rules do to it, and what follows by itself. No
query, no write.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from itertools import count
from typing import Any

from automation import intents
from automation.forecast_world import OpenTask, World
from automation.models import Rule
from contacts import pipeline, scoring
from contacts.pipeline import Place
from contacts.vocabulary import INBOUND, OUTBOUND
from core.causes import Cause
from core.errors import DomainError
from messaging.foresight import Coming
from messaging.planning import ReminderPlan
from messaging.queueing import NewMessage


@dataclass(frozen=True)
class Happened:
    """Something that happens while playing, as the rules hear of it."""

    type: str
    data: dict[str, Any]
    cause: Cause
    booking_id: int | None = None
    anchor: str = ""
    rule: Rule | None = None


class Life:
    """One person's world: what will happen in it (`due`), what happened that rules have yet to hear of (`heard`)."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.now = world.now
        self.due: list[tuple[datetime, int, Callable[[], None]]] = []
        self.heard: deque[Happened] = deque()
        self.ids = count(1)
        self._turn = count()

    def at(self, moment: datetime, act: Callable[[], None]) -> None:
        """Do this then; at once for a moment that has passed."""
        heapq.heappush(self.due, (max(moment, self.now), next(self._turn), act))

    def tell(
        self, type: str, data: dict[str, Any], cause: Cause, booking_id: int | None = None, **more: Any
    ) -> None:
        """Let the rules hear of this."""
        self.heard.append(Happened(type, data, cause, booking_id, **more))

    def do(self, intent: Any, cause: Cause, origin: object) -> None:
        """Do what a rule wants; `origin` is what its messages are known by."""
        act = _ACTS.get(type(intent))
        if act is not None:
            act(self, intent, cause, origin)

    def sent(self, coming: Coming) -> None:
        """A message went out."""
        message = coming.message
        name = message.template.name if message.template is not None else ""
        data = {"template": name, "category": message.category}
        self.tell("message_sent", data, message.cause, message.booking_id)
        kind = {"sms": "sms", "mms": "sms", "email": "email"}.get(message.channel)
        if kind is not None:
            self._touch(f"{kind}_sent", message.cause)

    def overdue(self, task: OpenTask) -> None:
        """A task falls due, if it is still open."""
        if task in self.world.tasks and not task.told and task.due <= self.now:
            task.told = True
            self.tell("task_overdue", {"type": task.type}, Cause.clock("tasks.overdue"), task.booking_id)

    def _send(self, wish: intents.QueueMessage, cause: Cause, origin: object) -> None:
        message = NewMessage(
            contact_id=wish.contact_id, booking_id=wish.booking_id, template=wish.template, body=wish.body,
            dedupe_key=wish.dedupe_key, exempt_quiet=wish.exempt_quiet, acted_at=wish.acted_at,
            channel=wish.channel, subject=wish.subject, cause=cause,
        )  # fmt: skip
        self.world.outbox.queue(message, self.world.visit(wish.booking_id), self.now, origin)

    def _remind(self, wish: intents.ScheduleReminders, cause: Cause, origin: object) -> None:
        visit = self.world.visit(wish.booking_id)
        if visit is not None:
            visit.location = self.world.contact.location
            plan = ReminderPlan(visit.pk, wish.offsets, wish.templates, cause)
            self.world.outbox.plan_reminders(plan, visit, self.now, origin)

    def _withdraw(self, wish: intents.CancelMessages, cause: Cause, origin: object) -> None:
        self.world.outbox.withdraw(wish.booking_id, wish.reason)

    def _move(self, wish: intents.MoveStage, cause: Cause, origin: object) -> None:
        contact = self.world.contact
        try:
            steps = pipeline.path(
                Place(contact.current_pipeline, contact.current_stage),
                pipeline.place(wish.pipeline, wish.stage),
            )
        except DomainError:
            return
        for target in steps:
            data = {
                "from_pipeline": contact.current_pipeline, "from_stage": contact.current_stage,
                "to_pipeline": target.pipeline, "to_stage": target.stage,
            }  # fmt: skip
            contact.current_pipeline, contact.current_stage = target
            contact.stage_entered_at = self.now
            self.tell("stage_moved", data, cause)

    def _task(self, wish: intents.CreateTask, cause: Cause, origin: object) -> None:
        self._open(wish.type, wish.booking_id, wish.due_at, cause)

    def _notice(self, wish: intents.NotifyStaff, cause: Cause, origin: object) -> None:
        if wish.task:
            self._open(wish.task, wish.booking_id, wish.due_at, cause)

    def _open(self, type: str, booking_id: int | None, due: datetime, cause: Cause) -> None:
        for task in self.world.tasks:
            if (task.type, task.booking_id) == (type, booking_id):
                if due < task.due:
                    task.due = due
                    self.at(due, partial(self.overdue, task))
                return
        task = OpenTask(type, booking_id, due)
        self.world.tasks.append(task)
        self.at(due, partial(self.overdue, task))
        self.tell("task_created", {"type": type}, cause, booking_id)

    def _close(self, wish: intents.CancelTasks, cause: Cause, origin: object) -> None:
        self.world.tasks = [
            task
            for task in self.world.tasks
            if (wish.types is not None and task.type not in wish.types)
            or (wish.booking_id is not None and task.booking_id != wish.booking_id)
        ]

    def _rush(self, wish: intents.UpdateTasks, cause: Cause, origin: object) -> None:
        for task in self.world.tasks:
            if task.type in wish.types and wish.due_at is not None:
                task.due = wish.due_at
                self.at(task.due, partial(self.overdue, task))

    def _log(self, wish: intents.LogTouchpoint, cause: Cause, origin: object) -> None:
        self._touch(wish.type, cause)

    def _touch(self, type: str, cause: Cause) -> None:
        contact, inputs = self.world.contact, self.world.inputs
        contact.last_touchpoint_at = self.now
        if type in INBOUND:
            contact.last_inbound_at = self.now
        elif type in OUTBOUND:
            contact.last_outbound_at = self.now
            link = cause.chain[-1].partition(":")[0] if cause.chain else ""
            self.world.spoke = int(link) if link.isdigit() else None
        touch = scoring.Touch((1 << 62) + next(self.ids), type, self.now, cause.kind)
        self.world.inputs = replace(inputs, touches=[*inputs.touches, touch])
        self.rescore(cause)
        self.tell("touchpoint_logged", {"type": type}, cause)

    def _adjust(self, wish: intents.AdjustWarmness, cause: Cause, origin: object) -> None:
        inputs = self.world.inputs
        row = scoring.Adjustment((1 << 62) + next(self.ids), wish.delta, wish.reason, self.now)
        self.world.inputs = replace(inputs, adjustments=[*inputs.adjustments, row])
        self.rescore(cause)

    def _score(self, wish: intents.CalculateWarmness, cause: Cause, origin: object) -> None:
        self.rescore(cause)

    def rescore(self, cause: Cause) -> None:
        """The warmness as it is now."""
        contact, before = self.world.contact, self.world.contact.warmness_score
        contact.warmness_score = scoring.warmness(
            self.world.inputs, now=self.now, weights=self.world.weights
        ).value
        for passed in scoring.crossings(before, contact.warmness_score):
            self.tell("warmness_threshold", {"threshold": passed.threshold}, cause)

    def _change(self, wish: intents.UpdateContact, cause: Cause, origin: object) -> None:
        changed = {
            name: value for name, value in wish.fields.items() if getattr(self.world.contact, name) != value
        }
        for name, value in changed.items():
            setattr(self.world.contact, name, value)
        if changed:
            self.tell("contact_updated", {"fields": sorted(changed)}, cause)

    def _tag(self, wish: intents.TagContact, cause: Cause, origin: object) -> None:
        tags = sorted({*self.world.contact.tags, *wish.add} - set(wish.remove))
        if tags != list(self.world.contact.tags):
            self.world.contact.tags = tags
            self.tell("contact_updated", {"fields": ["tags"]}, cause)

    def _recall(self, wish: intents.SetRecallDate, cause: Cause, origin: object) -> None:
        if self.world.contact.recall_due_date != wish.date:
            self.world.contact.recall_due_date = wish.date
            self.tell("contact_updated", {"fields": ["recall_due_date"]}, cause)

    def _status(self, wish: intents.SetBookingStatus, cause: Cause, origin: object) -> None:
        visit = self.world.visit(wish.booking_id)
        if visit is not None and visit.status != wish.status:
            visit.status = wish.status
            if wish.status in ("confirmed", "cancelled"):
                self.tell(f"booking_{wish.status}", {}, cause, visit.pk)


_ACTS: dict[type[Any], Callable[[Life, Any, Cause, object], None]] = {
    intents.QueueMessage: Life._send,
    intents.ScheduleReminders: Life._remind,
    intents.CancelMessages: Life._withdraw,
    intents.MoveStage: Life._move,
    intents.CreateTask: Life._task,
    intents.NotifyStaff: Life._notice,
    intents.CancelTasks: Life._close,
    intents.UpdateTasks: Life._rush,
    intents.LogTouchpoint: Life._log,
    intents.AdjustWarmness: Life._adjust,
    intents.CalculateWarmness: Life._score,
    intents.UpdateContact: Life._change,
    intents.TagContact: Life._tag,
    intents.SetRecallDate: Life._recall,
    intents.SetBookingStatus: Life._status,
}
