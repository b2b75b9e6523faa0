"""Plays the demo's story with a moving clock, so that its events, runs, messages and tasks are real.

The clock stops at every step of the story and at every moment at which something is due in between. Nobody else may
work on the database meanwhile: a worker's clock would show today.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Min

from avatar_cms.demo import actions, desk, story
from avatar_cms.demo.history import History
from avatar_cms.demo.timeline import Plan
from avatar_cms.demo.world import World
from core import clock, doorbell, ticks, work
from core.management.commands import relay
from core.models import Work
from messaging import sending
from messaging.models import CLAIMABLE, Message

#: How long something that fell due waits for others, so that they are seen to together.
TOGETHER = timedelta(minutes=16)
#: Steps no further apart than this are one occasion.
AT_ONCE = timedelta(minutes=3)

Progress = Callable[[int, int], None]


def play(history: History, *, progress: Progress = lambda done, steps: None) -> Plan:
    """Play the story from where its history stands to its end, and leave nothing that is due then undone."""
    world = World.of()
    plan = story.tell(seed=history.seed, until=history.until, diaries=world.diaries(history.until))
    todo = plan.steps[history.done :]
    start = todo[0].at - timedelta(minutes=1) if todo else history.until
    thoroughly = False
    with undisturbed(), clock.frozen(start) as now:
        for step, following in zip(todo, [*todo[1:], None], strict=True):
            _let_time_pass(now, step.at)
            if step.action == "desk_works":
                desk.work(world, plan, step)
                thoroughly = True
            else:
                actions.act(world, step)
            if following is None or following.at - step.at > AT_ONCE:
                _settle(thoroughly=thoroughly)
                thoroughly = False
                history.reached(step.number + 1)
                progress(step.number + 1, len(plan.steps))
        _let_time_pass(now, history.until)
        ticks.run("15min")
        relay.until_idle()
        history.end()
    return plan


def _let_time_pass(now: clock.Frozen, to: datetime) -> None:
    """See to everything that falls due before `to`, and be there then."""
    while (moment := next_due(now.at)) is not None and moment + TOGETHER <= to:
        now.set(moment + TOGETHER)
        _settle()
    now.set(max(now.at, to))


def next_due(after: datetime) -> datetime | None:
    """When the next work item or text after that moment falls due; None when none does."""
    work_due = Work.objects.filter(state=Work.State.PENDING, due_at__gt=after).aggregate(next=Min("due_at"))
    texts = Message.objects.filter(status__in=CLAIMABLE, send_at__gt=after).aggregate(next=Min("send_at"))
    return min((at for at in (work_due["next"], texts["next"]) if at is not None), default=None)


def _settle(*, thoroughly: bool = False) -> None:
    """Run the work and send the texts that are due; thoroughly, also what the clock's minute brings."""
    if thoroughly:
        ticks.run("1min")
    work.drain()
    while sending.send_due():
        work.drain()


@contextmanager
def undisturbed() -> Iterator[None]:
    """Nobody is called to work, and commits do not wait for the disk: a history that breaks off is gone on with."""
    _tell_database("SET synchronous_commit = off", "SET jit = off")
    try:
        with doorbell.muted():
            yield
    finally:
        if connection.is_usable():
            _tell_database("RESET synchronous_commit", "RESET jit")


def _tell_database(*statements: str) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
