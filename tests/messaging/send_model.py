"""What `test_send_machine` plays with: a provider in memory, workers that stop at every crash point, and the model.

The provider's journal is the only judge of what went out. The model knows nothing of how messages are sent: it
keeps, for each moment, whom a text was forbidden to reach, and how often each message may go out.
"""

from __future__ import annotations

import bisect
import threading
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import SimpleNamespace
from typing import Any

from django.db import connection, connections

from core import clock
from integrations.ports import Capabilities, LookupAnswer, OutboundSms, SendOutcome
from messaging import sending
from messaging.delivery import MESSAGE
from messaging.models import Message


class Provider:
    """Accepts the same text twice if asked twice. Its answers go wrong as `answers` says, one for each text."""

    def __init__(self, *, batch: int = 1) -> None:
        self.capabilities = Capabilities(search=True, receipts=True, batch=batch)
        self.journal: list[str] = []
        """References of what it accepted, in order."""
        self.answers: deque[str] = deque()
        self.can_tell = True
        self.before_taking: Callable[[OutboundSms], None] = lambda sms: None

    def send_many(self, texts: Sequence[OutboundSms]) -> list[SendOutcome]:
        return [self._take(sms) for sms in texts]

    def _take(self, sms: OutboundSms) -> SendOutcome:
        self.before_taking(sms)
        how = self.answers.popleft() if self.answers else "accepted"
        if how in ("accepted", "answer_lost", "connection_lost"):
            self.journal.append(sms.reference)
        if how == "connection_lost":
            raise ConnectionResetError
        if how == "accepted":
            return SendOutcome("accepted", provider_message_id=self.id_of(sms.reference), cost_cents=8)
        if how == "refused":
            return SendOutcome("refused", error_code="filtered")
        if how == "busy":
            return SendOutcome("retry", error_code="busy")
        return SendOutcome("unknown")

    def id_of(self, reference: str) -> str:
        """Its id of the newest text of that reference."""
        return f"p-{reference}-{self.journal.count(reference)}"

    def lookup(self, sms: OutboundSms, *, sent_after: datetime) -> LookupAnswer:
        if not self.can_tell:
            return LookupAnswer("unsure")
        if sms.reference in self.journal:
            return LookupAnswer("found", provider_message_id=self.id_of(sms.reference), status="sent")
        return LookupAnswer("absent")


class Killed(BaseException):
    """What ends a worker where it stands, as `kill -9` would."""


class Worker:
    """`send_due` in a thread, on this thread's connection, run from one crash point to the next.

    Inside a transaction it does not stop, but it can be killed there.
    """

    def __init__(self, begun: Callable[[Worker], None]) -> None:
        self.at = ""
        self.begun_step = 0
        self.done = False
        self._begun, self._error = begun, None
        self._die_inside = False
        self._go, self._stopped = threading.Semaphore(0), threading.Semaphore(0)
        self._connection, self._depth = connections["default"], len(connection.savepoint_ids)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def step(self) -> None:
        """Go on to the next crash point, or to the end. Raises what the worker raised."""
        self._go.release()
        self._stopped.acquire()
        if self._error is not None:
            raise self._error

    def finish(self) -> None:
        while not self.done:
            self.step()

    def kill(self, *, inside: bool = False) -> None:
        """End it where it stands; with `inside`, in the middle of the next transaction it has a point in."""
        self._die_inside = inside
        self._die = not inside
        self.step()

    _die = False

    def arrive(self, name: str) -> None:
        inside = len(connection.savepoint_ids) > self._depth
        if inside:
            if self._die_inside:
                raise Killed
            return
        if name == "messaging.before_call":
            self._begun(self)
        self.at = name
        self._stopped.release()
        self._go.acquire()
        if self._die:
            raise Killed

    def _run(self) -> None:
        self._go.acquire()
        connections["default"] = self._connection
        _here.worker = self
        try:
            if not self._die:
                sending.send_due()
        except Killed:
            pass
        except BaseException as error:
            self._error = error
        finally:
            self.done, self.at = True, "end"
            self._stopped.release()


_here = threading.local()


def arrive(name: str) -> None:
    """Stands in for `crashpoint`: workers stop here."""
    worker = getattr(_here, "worker", None)
    if worker is not None:
        worker.arrive(name)


def worker_here() -> Worker | None:
    return getattr(_here, "worker", None)


class History:
    """A value over the steps of an example."""

    def __init__(self, value: Any) -> None:
        self._steps, self._values = [0], [value]

    def set(self, step: int, value: Any) -> None:
        self._steps.append(step)
        self._values.append(value)

    def at(self, step: int) -> Any:
        return self._values[bisect.bisect_right(self._steps, step) - 1]

    @property
    def now(self) -> Any:
        return self._values[-1]


@dataclass
class Model:
    """What must hold, whatever the order of things."""

    opted_out: dict[str, History]
    """By number."""
    visits: dict[int, History]
    """By booking: the time at which it stands, None once it is cancelled."""
    stopped: History = field(default_factory=lambda: History(False))
    withdrawn: dict[str, int] = field(default_factory=dict)
    """By reference: the step at which staff withdrew it."""
    chosen: Counter[str] = field(default_factory=Counter)
    """How often a person chose to send a message again."""
    denied: Counter[str] = field(default_factory=Counter)
    """How many acceptances of a message a person has called not sent: what they say is what the row says."""
    vouched: set[str] = field(default_factory=set)
    """What a person said was sent."""
    step: int = 0
    seen: dict[str, str] = field(default_factory=dict)

    def check_call(self, sms: OutboundSms, message: Message, begun: int) -> None:
        """A text leaves whose attempt was committed at step `begun`."""
        said = message.template.name if message.template else ""
        if said not in ("stop_reply", "help_reply"):
            assert not self.opted_out[sms.to].at(begun), f"called after the opt-out: {said}"
        if message.visit_at is not None:
            assert self.visits[message.booking_id].at(begun) == message.visit_at, (
                "its visit is not at that time"
            )
        assert not self.stopped.at(begun), "called although sending was stopped"
        assert self.withdrawn.get(sms.reference, begun + 1) > begun, "called after it was withdrawn"
        assert message.expires_at is None or message.expires_at > clock.now(), (
            "called after it lost its meaning"
        )

    def check_rows(self, rows: Sequence[SimpleNamespace], journal: Sequence[str]) -> None:
        """Every message beside what the provider has, after each step."""
        accepted = Counter(journal)
        for row in rows:
            times = accepted[row.reference]
            assert times <= 1 + self.chosen[row.reference], f"accepted {times} times: {row}"
            before = self.seen.get(row.reference, row.status)
            assert row.status in _REACHABLE[before], f"{before} became {row.status}"
            if row.status in ("sent", "delivered"):
                assert times or row.reference in self.vouched, f"sent, and never accepted: {row}"
                assert row.provider_message_id or row.reference in self.vouched, f"sent without an id: {row}"
            self.seen[row.reference] = row.status

    def check_end(self, rows: Sequence[SimpleNamespace], journal: Sequence[str], tasks: set[int]) -> None:
        """Once every worker is gone and all has settled: nothing is lost, and what nobody knows is shown."""
        accepted = Counter(journal)
        for row in rows:
            waits = row.status == "queued" and row.send_at > clock.now()
            assert waits or row.status not in ("claimed", "sending", "queued"), f"left behind: {row}"
            if row.status == "unknown":
                assert row.contact_id in tasks, f"unknown, and nobody was told: {row}"
            if accepted[row.reference] > self.denied[row.reference]:
                went = ("sent", "delivered", "failed", "unknown")
                assert row.status in went, f"accepted, and not shown as sent: {row}"
            elif not accepted[row.reference] and row.status == "failed":
                assert row.reason != "undelivered", f"a receipt for what never left: {row}"


def _reachable(status: str) -> set[str]:
    found, new = {status}, [status]
    while new:
        more = MESSAGE.targets(new.pop()) - found
        found |= more
        new += more
    return found


_REACHABLE = {status: _reachable(status) for status in MESSAGE.states}
