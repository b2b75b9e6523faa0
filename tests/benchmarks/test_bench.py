"""The benchmark works: it fills a database, measures pages over it, and knows a bad plan from a good one."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from benchmarks import plans
from tests.harness import databases


def _scan(kind: str, *, rows: float, removed: float = 0) -> dict[str, object]:
    return {
        "Node Type": kind, "Relation Name": "contacts_contact", "Actual Rows": rows, "Actual Loops": 1,
        "Rows Removed by Filter": removed,
    }  # fmt: skip


def test_reading_a_big_table_from_end_to_end_is_wrong_however_deep_it_stands() -> None:
    plan = {"Node Type": "Limit", "Actual Rows": 40, "Plans": [_scan("Seq Scan", rows=40, removed=99_960)]}
    assert plans.judge(plan).wrong == ("Seq Scan of contacts_contact: 100,000 rows read",)
    assert plans.judge(_scan("Seq Scan", rows=30)).wrong == ()


def test_reading_much_by_an_index_for_little_is_noted() -> None:
    plan = {"Node Type": "Aggregate", "Actual Rows": 1, "Plans": [_scan("Index Only Scan", rows=60_000)]}
    verdict = plans.judge(plan)
    assert verdict.wrong == ()
    assert [line.split(":")[1] for line in verdict.noted] == [" 60,000 rows read for 1"]


@pytest.mark.long
def test_a_small_run_fills_measures_and_prints_every_page() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--contacts", "1000", "--requests", "2", "--anew", "--drop"],
        cwd=databases.CHECKOUT, env=dict(os.environ), capture_output=True, text=True, timeout=900, check=False,
    )  # fmt: skip
    assert ran.returncode in (0, 1), ran.stderr
    lines = {line[:44].strip(): line for line in ran.stdout.splitlines()}
    assert {"today", "contact", "contacts", "visits", "tasks", "core_event"} <= set(lines)
    assert [line for line in ran.stdout.splitlines() if " answered " in line] == []
    assert ran.stdout.splitlines()[-1].startswith("SELECT 1: ")
