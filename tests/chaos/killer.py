"""What befalls the system, drawn by a seed: kills, freezes, an emptied or stopped broker, cut connections, restarts."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from core import crashpoints
from tests.chaos import quick
from tests.chaos.system import Kept, System

#: kill -9 of whom, and how often in a hundred. `point` starts a worker that dies at a named crash point.
KILLS = {"pool_child": 45, "worker": 15, "web_child": 15, "web": 7, "beat": 6, "point": 12}
#: Everything else; each at least once in a run of 8 kills or more, and then one for eight kills.
BLOWS = ("freeze", "flush", "broker_down", "cut_connections", "restart_postgres", "three_beats")
#: Longer than any lease of `quick.WAITS`.
FROZEN_SECONDS = 23.0
BROKER_DOWN_SECONDS = 6.0
BEATS_SECONDS = 8.0


def plan(kills: int, restarts: int, seed: int) -> list[str]:
    """What befalls the system, in order: the same seed, the same plan."""
    draw = random.Random(f"faults {seed}")
    drawn = draw.choices(list(KILLS), weights=list(KILLS.values()), k=kills)
    rounds = max(1, kills // (8 * len(BLOWS))) if kills >= 8 else 0
    blows = list(BLOWS) * rounds
    both = [*drawn, *blows, *["restart_postgres"] * restarts]
    draw.shuffle(both)
    return both


@dataclass
class Killer:
    """Carries a plan out, one thing after the other, `gap` seconds apart on average."""

    system: System
    plan: Sequence[str]
    seed: int
    gap: float
    flush_every: float = 0.0
    broker_down: float = 0.0
    done: Counter[str] = field(default_factory=Counter)
    #: When PostgreSQL took connections again after each restart (Unix seconds).
    restarted: list[float] = field(default_factory=list)
    broker_was_down: list[tuple[float, float]] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        self._draw = random.Random(f"killer {self.seed}")
        self._asides: list[threading.Thread] = []
        self._main = threading.Thread(target=self._run)
        self._main.start()
        if self.flush_every:
            self._aside(self._flush_on)
        if self.broker_down:
            self._aside(lambda: self._stop_broker(self.broker_down))

    def carried_out(self) -> None:
        """Wait until the plan is through; what goes on beside it goes on."""
        self._main.join()

    def join(self) -> None:
        """Wait for the plan, and end what goes on beside it."""
        self._main.join()
        self.ended.set()
        for aside in self._asides:
            aside.join()

    def _run(self) -> None:
        for what in self.plan:
            time.sleep(self._draw.uniform(0.4, 1.6) * self.gap)
            move: Callable[[], None] = getattr(self, f"_{what}")
            move()
            self.done[what] += 1

    def _aside(self, move: Callable[[], None]) -> None:
        thread = threading.Thread(target=move)
        thread.start()
        self._asides.append(thread)

    def _one(self, prefix: str) -> Kept:
        return self._draw.choice(self.system.called(prefix))

    @staticmethod
    def _signal(pid: int, number: int) -> None:
        if pid:
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    # kill -9

    def _child(self, kept: Kept) -> None:
        children = kept.children()
        if children:
            self._signal(self._draw.choice(children), signal.SIGKILL)

    def _pool_child(self) -> None:
        self._child(self._one("worker"))

    def _web_child(self) -> None:
        self._child(self._one("web"))

    def _worker(self) -> None:
        self._signal(self._one("worker").pid, signal.SIGKILL)

    def _web(self) -> None:
        # Its children see that it is gone and end; a real supervisor kills the group at once.
        self._one("web").kill()

    def _beat(self) -> None:
        self._signal(self._one("beat").pid, signal.SIGKILL)

    def _point(self) -> None:
        """A worker begins anew and dies, and its pool with every new child, where a step ends."""
        worker = self._one("worker")
        point = self._draw.choice(crashpoints.declared())
        worker.extra = {"CRASH_AT": f"{point}:{self._draw.choice((1, 2))}"}
        worker.kill()

        def end() -> None:
            self.ended.wait(12)
            worker.kill()

        self._aside(end)

    # The rest

    def _freeze(self) -> None:
        """A pool child stands still for longer than its leases last, and then goes on."""
        children = self._one("worker").children()
        if not children:
            return
        pid = self._draw.choice(children)
        self._signal(pid, signal.SIGSTOP)

        def thaw() -> None:
            self.ended.wait(FROZEN_SECONDS)
            self._signal(pid, signal.SIGCONT)

        self._aside(thaw)

    def _flush(self) -> None:
        self.system.flush_broker()

    def _flush_on(self) -> None:
        while not self.ended.wait(self.flush_every):
            self.system.flush_broker()
            self.done["flush"] += 1

    def _broker_down(self) -> None:
        self._stop_broker(BROKER_DOWN_SECONDS)

    def _stop_broker(self, seconds: float) -> None:
        began = time.time()
        self._signal(self.system.valkey.process(), signal.SIGKILL)
        time.sleep(seconds)
        self.system.valkey.start(follow_parent=False)
        self.broker_was_down.append((began, time.time()))

    def _cut_connections(self) -> None:
        self.system.cut_connections()

    def _restart_postgres(self) -> None:
        self.restarted.append(self.system.restart_postgres())

    def _three_beats(self) -> None:
        extra = [self.system.extra_beat(number) for number in (2, 3)]
        for beat in extra:
            beat.start()

        def end() -> None:
            self.ended.wait(BEATS_SECONDS)
            for beat in extra:
                beat.kill()
                assert beat.process is not None
                beat.process.wait()

        self._aside(end)


def longest_wait() -> float:
    """Seconds after which every lease, look and retry of a quiet system has come."""
    looks = {name: value for _, name, value in quick.WAITS}["LOOKS"]
    return float(looks[-1].total_seconds()) + 60
