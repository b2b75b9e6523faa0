"""Runs side by side never share a database of the broker, whatever their tests do to it."""

from __future__ import annotations

import subprocess
import sys

from django.core.cache import cache

from avatar_cms.embedded import places
from tests.harness.brokers import TestBroker

TAKE = """
import time
import django
django.setup()
from tests.harness.brokers import _claim
url, client, file = _claim()
client.set("left", "behind")
print(url, flush=True)
time.sleep(600)
"""


def other_run(environment: dict[str, str]) -> str:
    """The database that another run takes before it is killed."""
    command = [sys.executable, "-c", TAKE]
    with subprocess.Popen(
        command, env=environment, cwd=places.CHECKOUT, stdout=subprocess.PIPE, text=True
    ) as run:
        assert run.stdout is not None
        url = run.stdout.readline().strip()
        run.kill()
    return url


def test_an_emptied_database_is_not_taken_by_another_run_and_one_left_by_a_killed_run_is(
    test_broker: TestBroker, subprocess_environment: dict[str, str]
) -> None:
    cache.clear()
    taken = other_run(subprocess_environment)
    assert taken.startswith(("redis:", "unix:"))
    assert taken != test_broker.url
    assert other_run(subprocess_environment) == taken
