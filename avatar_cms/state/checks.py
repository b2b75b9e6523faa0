"""Which of the figures are bad: one list for /health/ready, the page Operations, /metrics and alerts.

No text here holds personal data: it goes to Slack and to whoever asks for the system's health.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import redis
from django.db import DatabaseError

from accounts import sending_stops
from avatar_cms.state import counts, hearing, machine, parked
from avatar_cms.state.looking import one_look

logger = logging.getLogger(__name__)

#: Due work older than this means that nobody keeps up.
OLDEST_WORK = timedelta(minutes=5)
#: A message that may go and does not: the sender's pace is not counted, it sets a later time.
OLDEST_MESSAGE = timedelta(minutes=10)
#: So long ago a doorbell that nobody heard is no news any more.
DOORBELL_WITHIN = timedelta(minutes=5)
#: The invariants are looked at every hour.
OLDEST_INVARIANTS = timedelta(hours=2, minutes=30)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found, in words for people; `age` is how old the oldest is, where that is what it looks at."""

    ok: bool
    text: str
    age: timedelta | None = None
    #: The kind of error the check itself ended with: it could not look.
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Check:
    """A question about the system's state. Where `needed`, the system cannot do its work while the answer is bad;
    where `aged`, the answer is good or bad by how old the oldest is.
    """

    name: str
    label: str
    look: Callable[[], Finding]
    needed: bool = False
    aged: bool = False

    def run(self) -> Finding:
        """The answer; bad when the database or the broker did not let it look."""
        try:
            return self.look()
        except (DatabaseError, redis.RedisError, OSError) as error:
            # The message of a driver may hold addresses and names of accounts: it goes to the log only.
            logger.warning("health check failed", extra={"check": self.name}, exc_info=True)
            return Finding(False, "It does not answer.", reason=type(error).__name__)


def words(duration: timedelta | None) -> str:
    """A duration in words: "40 s", "3 min", "2 h 5 min", "4 days"."""
    if duration is None:
        return "never"
    seconds = int(duration.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    minutes = seconds // 60
    if minutes < 120:
        return f"{minutes} min"
    hours = minutes // 60
    return f"{hours} h {minutes % 60} min" if hours < 48 else f"{hours // 24} days"


def counted(number: int) -> str:
    """A count as people read it; counting stops at `counts.MOST`."""
    return f"more than {counts.MOST:,}" if number > counts.MOST else f"{number:,}"


def _database() -> Finding:
    return Finding(machine.database(), "It answers.")


def _broker() -> Finding:
    return Finding(machine.broker(), "It answers.")


def _schema() -> Finding:
    missing = machine.migrations_missing()
    return Finding(not missing, f"Migrations missing: {missing}." if missing else "It is up to date.")


def _process(name: str) -> Callable[[], Finding]:
    def look() -> Finding:
        beat = machine.processes()[name]
        shown = beat.age is not None and not beat.late
        return Finding(
            shown,
            f"Last sign of life {words(beat.age)} ago." if beat.age is not None else "Never seen.",
            beat.age,
        )

    return look


def _waiting(oldest: timedelta | None, limit: timedelta) -> Finding:
    text = "Nothing waits." if oldest is None else f"The oldest waits for {words(oldest)}."
    return Finding(oldest is None or oldest <= limit, text, oldest)


def _work() -> Finding:
    return _waiting(counts.oldest_work(), OLDEST_WORK)


def _messages() -> Finding:
    return _waiting(counts.oldest_message(), OLDEST_MESSAGE)


def _ticks() -> Finding:
    bad = [beat for beat in machine.tick_functions() if not beat.ok]
    names = ", ".join(f"{beat.name} ({beat.error or f'{words(beat.age)} ago'})" for beat in bad[:5])
    return Finding(not bad, f"Late or failed: {names}." if bad else "Each ran when it should.")


def _doorbell() -> Finding:
    found = machine.doorbell_failures()
    if found.last is None:
        return Finding(True, "Always heard.")
    text = f"Rung in vain: {found.failures}, last {words(found.last)} ago."
    return Finding(found.last > DOORBELL_WITHIN, text, found.last)


def _unknown() -> Finding:
    found = counts.unknown()
    if found.overlooked:
        text = f"Unknown for over half an hour, without a task: {counted(found.overlooked)}."
        return Finding(False, text, found.oldest)
    return Finding(
        True,
        f"{counted(found.count)}, each shown to a person or called just now." if found.count else "None.",
        found.oldest,
    )


def _parked() -> Finding:
    found = sum(parked.totals().values())
    return Finding(not found, f"Parked: {counted(found)}." if found else "Nothing is parked.")


def _silence() -> Finding:
    silent = list(hearing.silent())
    names = ", ".join(f"{one.account} at {one.account.location}" for one in silent[:5])
    return Finding(
        not silent, f"Nothing comes from {names}." if silent else "Nobody who calls has gone silent."
    )


def _invariants() -> Finding:
    found = machine.invariants()
    if found.breaches:
        return Finding(False, f"Broken: {'; '.join(found.breaches[:3])}.", found.age)
    if found.age is not None and found.age > OLDEST_INVARIANTS:
        return Finding(False, f"Last looked at {words(found.age)} ago.", found.age)
    looked = "Not looked at yet." if found.age is None else f"All held {words(found.age)} ago."
    return Finding(True, looked, found.age)


def _sending() -> Finding:
    stops = sending_stops.in_force().select_related("location")
    places = [stop.location.name if stop.location else "everywhere" for stop in stops[:5]]
    return Finding(not places, f"Stopped: {', '.join(places)}." if places else "Nothing is stopped.")


CHECKS: tuple[Check, ...] = (
    Check("database", "Database", _database, needed=True),
    Check("broker", "Broker", _broker, needed=True),
    Check("schema", "Schema", _schema, needed=True),
    Check("beat", "Beat", _process("beat"), needed=True, aged=True),
    Check("worker", "Worker", _process("worker"), needed=True, aged=True),
    Check("backlog", "Work that is due", _work, needed=True, aged=True),
    Check("messages", "Messages that are due", _messages, needed=True, aged=True),
    Check("ticks", "Ticks", _ticks),
    Check("doorbell", "Doorbell", _doorbell),
    Check("unknown", "Unknown messages", _unknown),
    Check("parked", "Parked items", _parked),
    Check("silence", "Silent providers", _silence),
    Check("invariants", "Promises", _invariants),
    Check("sending", "Sending", _sending),
)


def run_all() -> list[tuple[Check, Finding]]:
    """Every check with its answer now."""
    with one_look():
        return [(check, check.run()) for check in CHECKS]
