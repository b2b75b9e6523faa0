"""A process killed at any point of the send path loses nothing and doubles nothing.

Real processes, killed with SIGKILL at the named crash points; a second one finishes the work. The judge is the
provider's own journal.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.db.models import F

from avatar_cms.embedded.processes import wait_until
from core import clock, crashpoints, jobs
from messaging.models import Message
from messaging.services import NewMessage, queue_messages
from tests.factories.contacts import make_contact
from tests.fakes.journal import Journal
from tests.harness.processes import Worker
from tests.messaging.conftest import RULE, make_account, make_sydney

ROOT = Path(__file__).resolve().parents[2]
POINTS = (
    "messaging.claimed",
    "messaging.before_call",
    "messaging.after_call",
    "messaging.before_commit",
    "messaging.recorded",
)


@pytest.fixture
def queued(transactional_db):
    location = make_sydney()
    make_account(location)
    people = [make_contact(location, name=f"Person {n}") for n in range(3)]
    results = queue_messages(
        [NewMessage(one.pk, f"welcome:{one.pk}", RULE, template="welcome_lead") for one in people]
    )
    return [result.message for result in results]


@pytest.fixture
def relay(tmp_path, subprocess_environment):
    def run(kind="search", *, crash_at=""):
        return subprocess.run(
            [sys.executable, "-m", "tests.messaging.journal_relay", str(tmp_path / "journal"), kind],
            cwd=ROOT, env={**subprocess_environment, "CRASH_AT": crash_at}, timeout=120, check=False,
            capture_output=True, text=True,
        )  # fmt: skip

    run.journal = Journal(tmp_path / "journal")
    return run


def time_passes():
    """As if the leases of the dead process had run out."""
    Message.objects.filter(lease_until__isnull=False).update(
        lease_until=F("lease_until") - timedelta(minutes=5)
    )


def test_the_send_path_has_these_crash_points():
    assert sorted(crashpoints.declared("messaging.")) == sorted(POINTS)


@pytest.mark.parametrize(
    ("kind", "point"),
    [
        ("search", "messaging.after_call"),
        *(
            pytest.param(kind, point, marks=pytest.mark.slow)
            for kind in ("search", "once")
            for point in POINTS
            if (kind, point) != ("search", "messaging.after_call")
        ),
    ],
)
def test_killed_there_each_message_still_goes_out_exactly_once(queued, relay, point, kind):
    died = relay(kind, crash_at=f"{point}:1")
    assert died.returncode == -signal.SIGKILL, died.stderr
    time_passes()
    finished = relay(kind)
    assert finished.returncode == 0, finished.stderr

    references = [str(message.public_id) for message in queued]
    assert sorted(relay.journal.lines()) == sorted(references)
    assert set(Message.objects.values_list("status", flat=True)) == {"sent"}


@pytest.mark.slow
@pytest.mark.parametrize("point", POINTS)
def test_with_a_provider_that_cannot_be_asked_nothing_is_doubled_and_what_is_unsure_is_shown(
    queued, relay, point
):
    died = relay("dumb", crash_at=f"{point}:1")
    assert died.returncode == -signal.SIGKILL, died.stderr
    time_passes()
    assert relay("dumb").returncode == 0

    went_out = relay.journal.lines()
    assert len(went_out) == len(set(went_out))
    for message in Message.objects.all():
        assert message.status in ("sent", "unknown")
        if message.status == "sent":
            assert str(message.public_id) in went_out
    unsure = Message.objects.filter(status="unknown").count()
    called = point in ("messaging.before_call", "messaging.after_call", "messaging.before_commit")
    assert unsure == (2 if called else 0), "both texts of the call that nobody saw the end of"


def test_nothing_is_touched_before_the_dead_process_lease_has_run_out(queued, relay):
    relay(crash_at="messaging.before_call:1")
    assert relay().returncode == 0

    assert Message.objects.filter(status="sending", lease_until__gt=clock.now()).count() == 2


@pytest.mark.slow
@pytest.mark.parametrize("point", ["messaging.before_call", "messaging.after_call"])
def test_a_killed_celery_worker_is_made_good_by_the_next_one(queued, subprocess_environment, point):
    Message.objects.exclude(pk=queued[0].pk).delete()

    def drained(worker, settled):
        jobs.drain.delay()
        assert wait_until(lambda: settled(Message.objects.get(pk=queued[0].pk)), 60), worker.log()

    with Worker({**subprocess_environment, "CRASH_AT": f"{point}:1"}) as worker:
        drained(worker, lambda message: message.status == "sending")
        worker.kill()
    time_passes()
    with Worker(subprocess_environment) as worker:
        drained(worker, lambda message: message.status == "sent")

    calls = queued[0].send_attempts.order_by("id").values_list("outcome", flat=True)
    assert list(calls) == ["repeated", "accepted"], "the on-screen phone knows a second call by our reference"
