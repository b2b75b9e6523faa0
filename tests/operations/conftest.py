from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from core import clock, ticks
from core.clock import Frozen
from core.models import Heartbeat
from tests.clinic import api, melbourne, no_counts_from_other_tests, outsider, pages, staff, sydney

__all__ = ["api", "melbourne", "no_counts_from_other_tests", "outsider", "pages", "staff", "sydney"]

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
"""Monday noon in Sydney."""


@pytest.fixture
def now() -> Iterator[Frozen]:
    """Time stands still; `now.advance(...)` moves it."""
    with clock.frozen(NOW) as frozen:
        yield frozen


@pytest.fixture
def alive(db: Any, now: Frozen) -> Any:
    """Beat and a worker that show life now; call it again to show it later."""

    def show() -> None:
        for name in ("beat", "worker"):
            ticks.beat(name)

    show()
    yield show
    Heartbeat.objects.all().delete()


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ticks, "_noted", {})
