"""One empty broker database for each test process."""

from __future__ import annotations

import fcntl
from typing import IO

import redis
from django.conf import settings
from django.core.cache import caches

from avatar_cms import brokers
from avatar_cms.celery import app
from tests.harness import servers

_USED = "used"


class TestBroker:
    """A claimed database of the broker; Celery, cache and doorbell use it."""

    __test__ = False

    def __init__(self) -> None:
        self.url, self.client, self._claim = _claim()
        settings.REDIS_URL = self.url
        settings.CELERY_BROKER_URL = brokers.kombu_url(self.url)
        settings.CACHES["default"]["LOCATION"] = self.url
        caches.close_all()
        for alias in list(settings.CACHES):
            if hasattr(caches._connections, alias):
                del caches[alias]
        app.conf.broker_url = settings.CELERY_BROKER_URL

    def flush(self) -> None:
        """Empty it, and keep it."""
        self.client.flushdb()

    def close(self) -> None:
        """Give it back, empty."""
        app.pool.force_close_all()
        self.client.flushdb()
        self.client.close()
        self._claim.truncate(0)
        self._claim.close()


def _claim() -> tuple[str, redis.Redis, IO[str]]:
    """A database that is empty, or was left by a run that was killed.

    The claim is a locked file and not a key: tests empty their database. The kernel lets go of it when the process
    ends, however it ends; the word in the file tells what such a process left from what is somebody else's.
    """
    for url in servers.redis_urls():
        file = servers.lock_file(f"broker-{url.rpartition('/')[2]}")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            continue
        client = redis.Redis.from_url(url)
        file.seek(0)
        if client.dbsize() == 0 or file.read() == _USED:
            client.flushdb()
            file.truncate(0)
            file.write(_USED)
            file.flush()
            return url, client, file
        client.close()
        file.close()
    raise RuntimeError(
        "Every database of the test broker is in use: unset TEST_REDIS_URL to use an embedded one."
    )
