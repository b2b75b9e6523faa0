"""Fixtures every test may ask for. Tests of pure modules run without Django, so nothing here imports it early."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings as hypothesis_settings

if TYPE_CHECKING:
    from core.clock import Frozen
    from tests.harness.brokers import TestBroker
    from tests.harness.databases import TestDatabase
    from tests.harness.processes import Worker

#: What passed once passes again: every run plays the same examples. `--hypothesis-profile search` plays others.
hypothesis_settings.register_profile("same", derandomize=True)
hypothesis_settings.register_profile("search", derandomize=False)
hypothesis_settings.load_profile("same")


def _has_django(config: pytest.Config) -> bool:
    return config.pluginmanager.hasplugin("django")


def _is_worker(config: pytest.Config) -> bool:
    return hasattr(config, "workerinput")


def pytest_addoption(parser: pytest.Parser, pluginmanager: pytest.PytestPluginManager) -> None:
    if pluginmanager.is_blocked("django"):
        parser.addini("DJANGO_SETTINGS_MODULE", "Named in pyproject.toml; not used without Django.")


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    config = session.config
    if not _has_django(config) or _is_worker(config) or config.option.collectonly:
        return
    from tests.harness.servers import Hold

    config.stash[_HOLD] = Hold()


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    hold = config.stash.get(_HOLD, None)
    if hold is not None:
        hold.release()


_HOLD: pytest.StashKey[Any] = pytest.StashKey()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave the slow and the long tier out unless asked for by mark or name."""
    if config.option.markexpr or config.option.keyword or any("::" in argument for argument in config.args):
        return
    if os.environ.get("SLOW") == "1":
        return
    left_out = {item for item in items if any(map(item.get_closest_marker, ("slow", "long", "chaos")))}
    if left_out:
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Begin no test after the moment `TESTS_UNTIL`, in seconds since 1970: what is left is skipped, and said so."""
    until = os.environ.get("TESTS_UNTIL")
    if until and time.time() > float(until):
        pytest.skip("not run: the time given by TESTS_UNTIL is over")


@pytest.fixture(scope="session")
def test_broker(request: pytest.FixtureRequest) -> Iterator[TestBroker]:
    """This process's own database of the real broker."""
    from tests.harness.brokers import TestBroker

    broker = TestBroker()
    yield broker
    broker.close()


@pytest.fixture(scope="session")
def test_database(
    request: pytest.FixtureRequest, django_test_environment: None, django_db_blocker: Any
) -> Iterator[TestDatabase]:
    """This process's own database."""
    from django.test import TransactionTestCase

    from tests.harness.databases import TestDatabase

    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    with django_db_blocker.unblock():
        database = TestDatabase(worker)
    TransactionTestCase._fixture_teardown = lambda self: database.flush()  # type: ignore[method-assign]
    yield database
    with django_db_blocker.unblock():
        database.close()


@pytest.fixture(scope="session")
def django_db_setup(test_database: TestDatabase) -> None:
    """pytest-django's hook: the database is there already."""


@pytest.fixture(autouse=True)
def _empty_broker(request: pytest.FixtureRequest) -> None:
    """Cache, doorbell and queues begin empty."""
    if _has_django(request.config):
        request.getfixturevalue("test_broker").flush()


@pytest.fixture
def run_work() -> Callable[[], int]:
    """Run due work and the 10 s and 1 min ticks in this process until nothing is due; returns how much was done."""
    from core.management.commands import relay

    return relay.until_idle


@pytest.fixture
def frozen_time() -> Iterator[Callable[[datetime], Frozen]]:
    """`time = frozen_time(at)` stops the clock at an aware moment; `time.advance(timedelta)` moves it."""
    from core import clock

    with ExitStack() as stack:
        yield lambda at: stack.enter_context(clock.frozen(at))


@pytest.fixture
def subprocess_environment(test_database: TestDatabase, test_broker: TestBroker) -> dict[str, str]:
    """The environment in which a child process (a worker, `manage.py relay`) works on this test's database."""
    from tests.harness import processes

    return processes.environment(test_database, test_broker)


@pytest.fixture
def celery_worker_process(transactional_db: None, subprocess_environment: dict[str, str]) -> Iterator[Worker]:
    """A real Celery worker on the test's database and broker, ready for jobs."""
    from tests.harness.processes import Worker

    with Worker(subprocess_environment) as worker:
        yield worker


@pytest.fixture(scope="session")
def _chromium() -> Iterator[Any]:
    from tests.harness import chromium

    # Playwright keeps an event loop in this thread to its end, which Django takes for asynchronous code.
    with pytest.MonkeyPatch.context() as patch, chromium.launched() as browser:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield browser


@pytest.fixture
def page(_chromium: Any) -> Iterator[Any]:
    """A page of a real Chromium in a window of its own; script errors on it fail the test."""
    from tests.harness import chromium

    with chromium.fresh_page(_chromium) as page:
        yield page
