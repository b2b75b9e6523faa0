"""Crash points: every step boundary has one, each is declared and passed in the code, and asleep unless asked for."""

from __future__ import annotations

import importlib
import re
from collections import Counter
from pathlib import Path

import pytest

from core import crashpoints

ROOT = Path(__file__).parents[2]
APPS = ("core", "accounts", "integrations", "contacts", "bookings", "tasks", "messaging", "automation")


def passed() -> Counter[str]:
    """How often each crash point stands in the code."""
    found: Counter[str] = Counter()
    for app in APPS:
        for file in (ROOT / app).rglob("*.py"):
            found.update(re.findall(r'crashpoint\("([^"]+)"\)', file.read_text()))
    return found


def test_every_declared_point_stands_in_the_code_and_there_are_enough_of_them():
    importlib.import_module("core.jobs")
    declared = crashpoints.declared()
    assert set(declared) == set(passed())
    assert len(declared) >= 25


def test_a_point_that_nobody_declared_is_an_error():
    with pytest.raises(LookupError, match="not declared"):
        crashpoints.crashpoint("nobody.knows")


def test_nothing_happens_at_a_point_that_is_not_asked_for(monkeypatch):
    monkeypatch.setenv("CRASH_AT", "work.done:1")
    crashpoints.crashpoint("work.claimed")
    monkeypatch.delenv("CRASH_AT")
    crashpoints.crashpoint("work.done")
