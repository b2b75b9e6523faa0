"""One empty broker database for each test process."""

from __future__ import annotations

import os

import redis
from django.conf import settings
from django.core.cache import caches

from avatar_cms import brokers
from avatar_cms.celery import app
from tests.harness import servers

_CLAIM = "avatar:claimed-by-a-test-run"
_SECONDS = 2 * 3600


class TestBroker:
    """A claimed database of the broker; Celery, cache and doorbell use it."""

    __test__ = False

    def __init__(self) -> None:
        self.url, self.client = _claim()
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
        if self.client.dbsize() > 1:
            with self.client.pipeline() as pipeline:
                pipeline.flushdb()
                pipeline.set(_CLAIM, os.getpid(), ex=_SECONDS)
                pipeline.execute()

    def close(self) -> None:
        """Give it back, empty."""
        app.pool.force_close_all()
        self.client.flushdb()
        self.client.close()


def _claim() -> tuple[str, redis.Redis]:
    with servers.locked("brokers"):
        for url in servers.redis_urls():
            client = redis.Redis.from_url(url)
            if client.dbsize() == 0 and client.set(_CLAIM, os.getpid(), nx=True, ex=_SECONDS):
                return url, client
            holder = client.get(_CLAIM)
            if client.dbsize() and isinstance(holder, bytes) and not _alive(int(holder)):
                client.flushdb()
                client.set(_CLAIM, os.getpid(), ex=_SECONDS)
                return url, client
            client.close()
    raise RuntimeError(
        "Every database of the test broker is in use: unset TEST_REDIS_URL to use an embedded one."
    )


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
