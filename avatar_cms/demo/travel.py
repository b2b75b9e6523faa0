"""Moving the demo's clock: to a moment ahead, by way of everything that falls due until then.

How far the clock runs ahead of real time, and where it is going, stand in one file that every process of the demo
follows (`core.clock.follow`). Whoever wants to travel writes the destination; a worker goes there (a 10 s function),
stopping wherever work or a text falls due, so that all happens at its own time and in its order. A worker that dies
on the way is followed by another. The clock never goes back: what has happened cannot be made undone.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from pathlib import Path
from time import monotonic, sleep

from django.conf import settings
from django.db.models import F

from accounts.models import Location
from avatar_cms.demo.play import next_due
from core import clock, doorbell, localtime, ticks, work
from core.errors import Conflict, Invalid, NotConfigured
from core.models import Heartbeat, Work
from messaging import sending
from messaging.models import Message, Status

LONGEST = timedelta(days=31)
#: What falls due within this of something else is seen to together with it.
TOGETHER = timedelta(seconds=30)
HOUR = timedelta(hours=1)
#: Real seconds that one turn of a worker goes on for, and that it waits for others to end what they hold.
TURN = 15.0
OTHERS = 5.0
OPENING = time(9, 0)


@dataclass(frozen=True)
class State:
    """How far ahead the clock is, and the journey: where it began and where it goes, None while it stands."""

    ahead: timedelta = timedelta(0)
    since: datetime | None = None
    target: datetime | None = None

    @property
    def is_moving(self) -> bool:
        return self.target is not None


def is_possible() -> bool:
    """Whether this system's clock may be moved: a demo that runs whole on this machine."""
    return bool(settings.DEMO_CLOCK_FILE)


def follow() -> None:
    """Let this process show the demo's time; called when it starts."""
    if is_possible():
        clock.follow(_file())


def state() -> State:
    """Where the clock is and where it goes."""
    try:
        found = json.loads(_file().read_text())
    except FileNotFoundError:
        return State()
    moments = [datetime.fromisoformat(found[key]) if found[key] else None for key in ("since", "target")]
    return State(timedelta(seconds=found["ahead_seconds"]), *moments)


def begin(target: datetime) -> None:
    """Set out for a moment ahead (aware). Raises NotConfigured where the clock is nobody's to move, Invalid for a
    moment that is past or more than 31 days ahead, Conflict while it is moving.
    """
    if not is_possible():
        raise NotConfigured("Only a demo's clock can be moved.", code="no_demo_clock")
    now = clock.now()
    if target <= now:
        raise Invalid("The clock goes forward only: choose a later moment.", fields={"to": "past"})
    if target - now > LONGEST:
        raise Invalid("At most 31 days in one go.", fields={"to": "too far"})
    with _writing() as known:
        if known.is_moving:
            raise Conflict(
                "The clock is moving already. Wait until it has arrived, or stop it.", code="moving"
            )
        _write(replace(known, since=now, target=target))
    doorbell.ring()


def stop() -> None:
    """Stay at the present moment; it is remembered where the journey began."""
    with _writing() as known:
        _write(replace(known, target=None))


def tomorrow(location: Location) -> datetime:
    """Nine o'clock on the next day at a clinic."""
    local = location.local(clock.now())
    return localtime.to_utc(datetime.combine(local.date() + timedelta(days=1), OPENING), location.zone)


def go() -> int:
    """Go on with the journey for a while, unless another worker does. Returns at how many moments it stopped."""
    if not is_possible() or not state().is_moving:
        return 0
    with _alone() as mine:
        if not mine:
            return 0
        began, moments = monotonic(), 0
        while state().is_moving and monotonic() - began < TURN:
            _step()
            moments += 1
    if state().is_moving:
        doorbell.ring()
    return moments


def _step() -> None:
    """To the next moment at which something falls due, and see to it."""
    target = state().target
    assert target is not None
    now = clock.now()
    due = next_due(now)
    hour = now.replace(minute=0, second=0, microsecond=0) + HOUR
    moment = min(target, hour, due + TOGETHER if due is not None else target)
    _wait_for_others()
    _set(max(moment, now))
    if moment in (hour, target):
        ticks.run("1min")
    if moment == target:
        ticks.run("15min")
    work.drain()
    while sending.send_due():
        work.drain()
    if moment == target:
        stop()


def _wait_for_others() -> None:
    """Other workers end what they hold: a jump would run their leases out, and they would have to do it again."""
    until = monotonic() + OTHERS
    while monotonic() < until and (
        Work.objects.filter(state=Work.State.CLAIMED).exists()
        or Message.objects.filter(status__in=(Status.CLAIMED, Status.SENDING)).exists()
    ):
        sleep(0.05)


def _set(moment: datetime) -> None:
    """Show `moment` in every process. Whoever showed life a second ago did so in real time, so that moves along."""
    with _writing() as known:
        ahead = moment - clock.real()
        _write(replace(known, ahead=ahead))
    Heartbeat.objects.update(at=F("at") + (ahead - known.ahead))


# The file


def _file() -> Path:
    return Path(settings.DEMO_CLOCK_FILE)


def _write(new: State) -> None:
    values = {
        "ahead_seconds": new.ahead.total_seconds(),
        "since": new.since and new.since.isoformat(),
        "target": new.target and new.target.isoformat(),
    }
    fresh = _file().with_suffix(f".{os.getpid()}")
    fresh.write_text(json.dumps(values))
    fresh.replace(_file())


@contextmanager
def _writing() -> Iterator[State]:
    """The state, for as long as nobody else may change it."""
    with _file().with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield state()


@contextmanager
def _alone() -> Iterator[bool]:
    """Whether this is the only traveller."""
    with _file().with_suffix(".traveller").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
