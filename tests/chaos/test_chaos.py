"""A short run of chaos, and what keeps a long one replayable."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos import killer, poster

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.chaos
@pytest.mark.parametrize("personality", ["search", "neither"])
def test_a_short_run_loses_nothing_and_doubles_nothing(personality):
    """The seed is drawn anew each time; a failing one is replayed by `make chaos SEED=…`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    asked = ["--seed", str(secrets.randbelow(10**6)), "--events", "60", "--kills", "8"]
    ran = subprocess.run(
        [sys.executable, "-m", "tests.chaos", *asked, "--personality", personality],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr[-3000:]
    assert "0 breach(es)" in ran.stdout


def test_the_same_seed_draws_the_same_faults_and_every_kind_of_blow_is_among_them():
    assert killer.plan(20, 0, 3) == killer.plan(20, 0, 3) != killer.plan(20, 0, 4)
    drawn = killer.plan(20, 2, 3)
    assert sum(what in killer.KILLS for what in drawn) == 20
    assert set(killer.BLOWS) <= set(drawn)
    assert drawn.count("restart_postgres") == 3
    assert killer.plan(0, 0, 3) == []


def test_the_same_seed_draws_the_same_events_and_a_patient_books_first():
    plan = poster.plan(200, 5)
    keys = [post.key for post in plan]
    assert keys == [post.key for post in poster.plan(200, 5)] != [post.key for post in poster.plan(200, 6)]
    assert len(set(keys)) == 200
    seen: set[int] = set()
    for post in plan:
        assert post.what == "confirmed" or post.patient in seen
        seen.add(post.patient)
    assert {post.what for post in plan} == {"confirmed", "rescheduled", "canceled", "YES", "STOP"}
