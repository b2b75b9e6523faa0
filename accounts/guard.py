"""Stops guessing of passwords: counts failed log-ins per account and address, and per address.

The count is taken before the password is looked at, so that a burst of parallel guesses cannot slip through,
and given back when it was right. Each process counts for itself beside the shared cache, so that a cache that
does not answer opens nothing.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta

from django.core.cache import cache
from redis.exceptions import RedisError

from core import clock

logger = logging.getLogger(__name__)

WINDOW = timedelta(minutes=15)
#: Failures allowed in a window, for one account from one address and for one address over all accounts.
PER_ACCOUNT, PER_ADDRESS = 10, 100


class TooManyAttempts(Exception):
    """Wait `retry_after` seconds before trying this account or address again."""

    def __init__(self, retry_after: int) -> None:
        super().__init__("Too many failed log-ins. Wait a little and try again.")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class Attempt:
    """One log-in being tried; `succeeded()` gives its count back."""

    keys: tuple[str, ...]

    def succeeded(self) -> None:
        _forget(self.keys[0])
        for key in self.keys[1:]:
            _give_back(key)


def begin(*, account: str, ip: str | None) -> Attempt:
    """Count one try. Raises TooManyAttempts when this account or address has used up its window."""
    address = ip or "unknown"
    keys = (_key("account", account.strip().lower(), address), _key("address", address))
    waits = [_count(key, limit) for key, limit in zip(keys, (PER_ACCOUNT, PER_ADDRESS), strict=True)]
    if any(waits):
        raise TooManyAttempts(max(waits))
    return Attempt(keys)


def _key(*parts: str) -> str:
    # Hashed, because the cache must not hold e-mail addresses.
    window = int(clock.now().timestamp() // WINDOW.total_seconds())
    return f"login:{window}:{hashlib.sha256('|'.join(parts).encode()).hexdigest()[:32]}"


def _count(key: str, limit: int) -> int:
    """Add one; the seconds to wait when that is over the limit, else 0."""
    return _seconds_left() if _add(key) > limit else 0


def _seconds_left() -> int:
    length = int(WINDOW.total_seconds())
    return length - int(clock.now().timestamp()) % length


def _add(key: str) -> int:
    """Both counts, and the higher one: a cache that misses a beat must not lose a guess."""
    here = _local.add(key, 1)
    try:
        cache.add(key, 0, timeout=WINDOW.total_seconds() + 60)
        return max(here, int(cache.incr(key)))
    except (OSError, ValueError, RedisError):
        logger.warning("login guard counts locally: the cache does not answer")
        return here


def _give_back(key: str) -> None:
    _local.add(key, -1)
    try:
        cache.decr(key)
    except (OSError, ValueError, RedisError):
        logger.warning("login guard could not give a count back: the cache does not answer")


def _forget(key: str) -> None:
    _local.drop(key)
    try:
        cache.delete(key)
    except (OSError, RedisError):
        logger.warning("login guard could not clear a count: the cache does not answer")


class _LocalCounts:
    """Counts of this process, bounded; the oldest keys fall out."""

    MOST = 10_000

    def __init__(self) -> None:
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, key: str, by: int) -> int:
        with self._lock:
            self._counts[key] = max(0, self._counts.pop(key, 0) + by)
            while len(self._counts) > self.MOST:
                self._counts.popitem(last=False)
            return self._counts[key]

    def drop(self, key: str) -> None:
        with self._lock:
            self._counts.pop(key, None)


_local = _LocalCounts()
