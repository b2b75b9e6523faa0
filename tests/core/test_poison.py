"""Work that fails for ever, or kills whoever does it: parked after five tries, and the rest is done."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from core import claims, work
from core.models import Heartbeat, Work
from core.registry import Registry

CHECKOUT = Path(__file__).resolve().parents[2]
#: Does what is due in a child, again and again as if a lease's time had passed in between, until nothing is open. The
#: child ends as with a broken library when it meets a deadly item. Prints how each child ended and what it left open.
SUPERVISOR = """
import json, os, signal, sys, django
from datetime import timedelta
django.setup()
from django.db import connections
from core import clock, work
from core.models import Heartbeat, Work

@work.handler("tests.poison", batch=100)
def handle(items):
    for item in items:
        if item.args["how"] == "segfault":
            os.kill(os.getpid(), signal.SIGSEGV)
        if item.args["how"] == "memory":
            raise MemoryError
    Heartbeat.objects.bulk_create([Heartbeat(name=f"done-{item.pk}", at=clock.now()) for item in items])

ended = []
for turn in range(int(sys.argv[1])):
    Work.objects.filter(state="claimed").update(lease_until=clock.now() - timedelta(seconds=1))
    Work.objects.filter(state="pending").update(retry_at=None)
    connections.close_all()
    child = os.fork()
    if not child:
        work.drain()
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    left = Work.objects.filter(handler="tests.poison", state__in=("pending", "claimed")).count()
    ended.append([status, left])
    if not left:
        break
print(json.dumps(ended))
"""


def put(count: int, poison: dict[int, str]) -> list[Work]:
    """So many items, of which some are poison."""
    known = work._handlers
    work._handlers = Registry("work handler")
    work.handler("tests.poison")(lambda items: None)
    for n in range(count):
        work.enqueue("tests.poison", location_id=1, subject=f"s{n}", args={"how": poison.get(n, "well")})
    work._handlers = known
    return list(Work.objects.filter(handler="tests.poison").order_by("id"))


def run(environment: dict[str, str], *, turns: int = 60) -> list[list[int]]:
    """Do what is due, child after child. Returns how each ended and how many items it left open."""
    done = subprocess.run(
        [sys.executable, "-c", SUPERVISOR, str(turns)], cwd=CHECKOUT, env=environment, capture_output=True, timeout=300,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    ended: list[list[int]] = json.loads(done.stdout.splitlines()[-1])
    assert {status for status, _ in ended} <= {0, -signal.SIGSEGV}
    return ended


@pytest.mark.parametrize(
    ("count", "poison"),
    [
        pytest.param(30, {3: "memory", 12: "segfault"}, id="2 of 30", marks=pytest.mark.slow),
        pytest.param(
            2000,
            {n * 100: ("segfault", "memory")[n % 2] for n in range(20)},
            id="20 of 2000",
            marks=pytest.mark.long,
        ),
    ],
)
def test_poison_is_parked_after_five_tries_and_the_rest_is_done(
    count: int, poison: dict[int, str], transactional_db: None, subprocess_environment: dict[str, str]
) -> None:
    items = put(count, poison)
    run(subprocess_environment)
    rows = [Work.objects.get(pk=item.pk) for item in items]
    for n, row in enumerate(rows):
        assert row.state == ("parked" if n in poison else "done"), (n, row.state, row.last_error)
    assert all(rows[n].attempts <= claims.MAX_TRIES + 1 for n in poison)
    assert Heartbeat.objects.filter(name__startswith="done-").count() == count - len(poison)

    # Mended, one click does it.
    for n in poison:
        Work.objects.filter(pk=rows[n].pk).update(args={"how": "well"})
        work.retry(rows[n].pk)
    assert run(subprocess_environment) == [[0, 0]]
    assert not Work.objects.filter(handler="tests.poison").exclude(state="done").exists()
    assert Heartbeat.objects.filter(name__startswith="done-").count() == count


@pytest.mark.slow
def test_what_was_claimed_with_a_deadly_item_waits_for_two_leases_at_most(
    transactional_db: None, subprocess_environment: dict[str, str]
) -> None:
    put(30, {0: "segfault"})
    ended = run(subprocess_environment)
    # The first child ended with the whole set, the second one alone with the deadly item; the third did the rest.
    assert [left for _, left in ended[:3]] == [30, 30, 1]


@pytest.fixture
def handlers(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[str]]:
    """`noting(name)` registers a handler and returns the list of what it was given."""
    monkeypatch.setattr(work, "_handlers", Registry("work handler"))

    def noting(name: str) -> list[str]:
        seen: list[str] = []
        work.handler(name, batch=10)(lambda items: seen.extend(item.args["name"] for item in items))
        return seen

    return noting


@pytest.mark.django_db
def test_what_a_worker_ended_with_comes_after_the_rest_with_those_behind_it(
    handlers: Callable[[str], list[str]],
) -> None:
    seen = handlers("one")
    for name, subject in (("feared", "s1"), ("calm", "s2"), ("behind", "s1")):
        work.enqueue("one", location_id=1, subject=subject, args={"name": name})
    Work.objects.filter(args__name="feared").update(last_error=claims.WORKER_ENDED, attempts=2)
    work.drain()
    assert seen == ["calm", "feared", "behind"]
