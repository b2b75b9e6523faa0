"""The doorbell: a hint to a Celery worker that work may be waiting.

It carries no id and may be lost; the 10 s tick finds what it missed. A flag in Redis coalesces rings: it is set by
the first ring and deleted by the drain before it looks, so a commit is either seen by the drain or rings again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from time import monotonic

import redis
from django.conf import settings
from django.db import DatabaseError, transaction
from django.db.models import F
from kombu.exceptions import OperationalError

from core import clock
from core.crashpoints import crashpoint, declare
from core.models import Heartbeat

logger = logging.getLogger(__name__)

FLAG = "avatar:doorbell"
FLAG_MILLISECONDS = 250
#: Under this name failures are counted for all processes, in `Heartbeat.count`.
HEARTBEAT = "doorbell_failed"
#: While the broker is away every commit rings in vain: what is counted is written down every so many seconds.
WRITTEN_EVERY = 5.0

failures = 0
_unwritten = 0
_written = -WRITTEN_EVERY
declare("doorbell.ringing", "doorbell.rung")
_muted = 0


@lru_cache(maxsize=2)
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=0.5, socket_connect_timeout=0.5)


def ring_on_commit() -> None:
    """Ring when the present transaction commits, once however often asked."""
    if _muted:
        return
    connection = transaction.get_connection()
    if any(entry[1] is ring for entry in connection.run_on_commit):
        return
    transaction.on_commit(ring)


@contextmanager
def muted() -> Iterator[None]:
    """Nobody is asked while the block runs: it drains by itself, at a clock that no worker shares."""
    global _muted
    _muted += 1
    try:
        yield
    finally:
        _muted -= 1


def ring() -> None:
    """Ask a worker to drain. A failure is counted and logged, never raised: the row is already safe."""
    from core.jobs import drain

    crashpoint("doorbell.ringing")
    try:
        if _client(settings.REDIS_URL).set(FLAG, 1, nx=True, px=FLAG_MILLISECONDS):
            drain.delay()
            crashpoint("doorbell.rung")
    except (redis.RedisError, OperationalError, OSError):
        _failed()


def _failed() -> None:
    """Count a ring nobody heard: for this process at once, for all of them now and then."""
    global failures, _unwritten, _written
    failures += 1
    _unwritten += 1
    logger.warning("doorbell failed; the tick will find the work", extra={"failures": failures})
    if monotonic() - _written < WRITTEN_EVERY:
        return
    try:
        with transaction.atomic():
            row, _ = Heartbeat.objects.get_or_create(name=HEARTBEAT, defaults={"at": clock.now()})
            Heartbeat.objects.filter(pk=row.pk).update(at=clock.now(), count=F("count") + _unwritten)
    except DatabaseError:
        logger.warning("doorbell failures could not be written down")
        return
    _unwritten, _written = 0, monotonic()


def answered() -> None:
    """Called by the drain before it looks for work."""
    try:
        _client(settings.REDIS_URL).delete(FLAG)
    except redis.RedisError:
        logger.warning("doorbell flag could not be cleared; it expires by itself")
