"""Whether the parts live: database, broker, schema, Beat, workers, each tick, the doorbell, the invariants."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

import redis
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from avatar_cms.state.counts import age
from avatar_cms.state.looking import once
from core import doorbell, ticks
from core.models import Heartbeat, InvariantRun

#: Beat ticks every 10 s and a worker answers each tick; a few missed ones are no reason for alarm.
OLDEST_HEARTBEAT = timedelta(seconds=60)
#: The heartbeats of processes and what they are called.
PROCESSES = {"beat": "Beat", "worker": "Worker"}
_PING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Beat:
    """A part's last sign of life: how long ago, how long that may be, and the kind of error it ended with."""

    name: str
    age: timedelta | None
    limit: timedelta
    error: str = ""

    @property
    def late(self) -> bool:
        """Whether it should have shown life since. What never ran is not late: it may be about to."""
        return self.age is not None and self.age > self.limit

    @property
    def ok(self) -> bool:
        return not self.late and not self.error


def database() -> bool:
    """Whether it answers; raises DatabaseError when it does not."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return True


def broker() -> bool:
    """Whether it answers; raises RedisError or OSError when it does not."""
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=_PING_SECONDS, socket_connect_timeout=_PING_SECONDS, retry=None
    )
    try:
        return bool(client.ping())
    finally:
        client.close()


def migrations_missing() -> int:
    """How many migrations of this program the database lacks."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT app, name FROM django_migrations")
        applied = {(app, name) for app, name in cursor.fetchall()}
    return len(_migrations() - applied)


@lru_cache(maxsize=1)
def _migrations() -> frozenset[tuple[str, str]]:
    """Those this process was started with."""
    return frozenset(MigrationLoader(None).graph.nodes)


@once
def _heartbeats() -> dict[str, Heartbeat]:
    """What every part last said, by its name. One query."""
    return {row.name: row for row in Heartbeat.objects.all()}


def processes() -> dict[str, Beat]:
    """Beat and a worker; whoever reads this has heard from the web. One query."""
    seen = _heartbeats()
    return {
        name: Beat(label, age(seen[name].at) if name in seen else None, OLDEST_HEARTBEAT)
        for name, label in PROCESSES.items()
    }


def tick_functions() -> list[Beat]:
    """Every function that the ticks call. One query."""
    known = {ticks.heartbeat_of(name): (name, interval) for interval, name in ticks.registered()}
    seen = _heartbeats()
    return [
        Beat(
            name,
            age(seen[key].at) if key in seen else None,
            3 * ticks.APART[interval] + OLDEST_HEARTBEAT,
            seen[key].error if key in seen else "",
        )
        for key, (name, interval) in known.items()
    ]


@dataclass(frozen=True, slots=True)
class Doorbell:
    """How often the doorbell was rung in vain since the database was made, and how long ago last."""

    failures: int
    last: timedelta | None


def doorbell_failures() -> Doorbell:
    """What all processes counted. One query."""
    row = _heartbeats().get(doorbell.HEARTBEAT)
    return Doorbell(row.count, age(row.at)) if row else Doorbell(0, None)


@dataclass(frozen=True, slots=True)
class Invariants:
    """The last look at what must always be true: when, and the breaches found, each "I3: what" with a count."""

    at: datetime | None
    breaches: tuple[str, ...] = ()

    @property
    def age(self) -> timedelta | None:
        return age(self.at)


@once
def invariants() -> Invariants:
    """What the last hourly look found. One query."""
    row = InvariantRun.objects.first()
    if row is None:
        return Invariants(None)
    return Invariants(row.at, tuple(f"{name}: {what} ({len(ids)})" for name, what, ids in row.breaches))
