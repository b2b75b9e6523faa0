"""What a person will receive if nothing else changes: waiting messages, steps that wait, and what the clock's rules
will do, played forward in memory.

    found = forecast.upcoming(contact, now=clock.now())      # 17 queries; nothing is written, nothing is sent
    found.items                                              # in order of time, each with its text, rule and verdict

The play uses what really decides: the engine for rules, `messaging.foresight` for messages. What happens by itself
happens here too: sends and their touchpoints, hours and days of clock rules, visits without an outcome, overdue tasks.
What rules do to other people, calls to other systems and visits that rules would book are not played.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from automation.forecast_play import Play, Step
from automation.forecast_world import World
from automation.models import ActionRun, Rule
from contacts.models import Contact
from messaging.foresight import Coming
from messaging.models import Message

DAYS = 14


@dataclass(frozen=True)
class Item:
    """One thing that will be sent, or would be but for `reason`. `end` is "sent" or the state it will end in.

    `rule` is what wants it (None for a person), `step` the waiting step that will make it, `message` the message that
    waits already; at most one of the two can be withdrawn. `conditions` says what will be asked of the step first.
    """

    at: datetime
    what: str
    channel: str
    subject: str
    body: str
    end: str
    reason: str
    why: str
    rule: Rule | None = None
    step: ActionRun | None = None
    message: Message | None = None
    conditions: str = ""

    @property
    def will_go(self) -> bool:
        return self.end == "sent"


@dataclass(frozen=True)
class Forecast:
    """What will be sent until `until`, in order; `steps` are waiting steps that send nothing, with their verdict."""

    now: datetime
    until: datetime
    items: list[Item] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


def upcoming(contact: Contact, *, now: datetime, days: int = DAYS) -> Forecast:
    """What this person will receive within so many days. Nothing is written."""
    world = World.of(contact, now)
    play = Play(world)
    until = now + timedelta(days=days)
    play.begin(until)
    play.run(until)
    rules = {key: run.rule for key, run in world.runs.items()}
    items = [_item(each, rules) for each in world.outbox.coming if _counts(each, now, until)]
    silent = [step for step in play.steps if not step.sends]
    return Forecast(now, until, sorted(items, key=lambda item: item.at), silent)


def _counts(coming: Coming, now: datetime, until: datetime) -> bool:
    return coming.due <= until and (coming.end != "" or coming.message.pk is not None)


def _item(coming: Coming, rules: Mapping[str, Rule]) -> Item:
    message, origin = coming.message, coming.origin
    behind = rules.get(message.cause_id) if message.cause_kind == "rule_run" else None
    rule = origin.rule if isinstance(origin, Step) else behind
    template = message.template.name if message.template is not None else ""
    return Item(
        at=coming.due, what=template or "a text of its own", channel=message.channel, subject=coming.subject,
        body=coming.body, end=coming.end, reason=coming.reason, why=coming.why, rule=rule,
        step=origin.row if isinstance(origin, Step) else None,
        message=message if message.pk is not None else None,
        conditions=origin.conditions if isinstance(origin, Step) else "",
    )  # fmt: skip
