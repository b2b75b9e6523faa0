"""A Valkey of one test's own, which the test may stop and start while the clinic works on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.core.cache import caches

from avatar_cms import brokers
from avatar_cms.celery import app
from avatar_cms.embedded.valkey import Valkey


class OwnBroker:
    """The server, and the addresses by which everybody finds it."""

    def __init__(self, home: Path) -> None:
        self._server = Valkey(home, settings={"appendonly": "no"})
        self.url = self._server.url()

    def start(self) -> None:
        self._server.start(follow_parent=True)

    def stop(self) -> None:
        self._server.stop()

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Nobody answers within the block; afterwards an empty server does."""
        self.stop()
        assert not self._server.answers()
        yield
        self.start()


@contextmanager
def own_broker(home: Path) -> Iterator[OwnBroker]:
    """This process's Celery, cache and doorbell use a broker of their own until the block ends."""
    broker = OwnBroker(home)
    broker.start()
    usual = settings.REDIS_URL
    _point_at(broker.url)
    yield broker
    broker.start()  # a test that failed while it was stopped must not end in a second error
    app.pool.force_close_all()
    _point_at(usual)
    broker.stop()


def _point_at(url: str) -> None:
    settings.REDIS_URL = url
    settings.CELERY_BROKER_URL = brokers.kombu_url(url)
    settings.CACHES["default"]["LOCATION"] = url
    app.conf.broker_url = settings.CELERY_BROKER_URL
    # Celery keeps its pools of connections and of producers; the next use looks for those of the new address.
    app._pool = None
    app.amqp._producer_pool = None
    caches.close_all()
    for alias in list(settings.CACHES):
        if hasattr(caches._connections, alias):
            del caches[alias]
