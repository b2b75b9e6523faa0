"""The demo's clock runs ahead of real time by what a file says, in Python and in the database alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core import claims, clock
from core.models import Work

MINUTE = timedelta(minutes=1)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "clock.json"
    clock.follow(file)
    yield file
    clock.follow(None)


def put(file: Path, ahead: timedelta) -> None:
    file.write_text(json.dumps({"ahead_seconds": ahead.total_seconds()}))


def real_and_shown() -> timedelta:
    return clock.now() - datetime.now(UTC)


def test_a_file_that_is_not_there_means_real_time(file: Path) -> None:
    assert clock.ahead() == timedelta(0)
    assert abs(real_and_shown()) < MINUTE


def test_every_change_of_the_file_is_followed(file: Path) -> None:
    for days in (3, 8):
        put(file, timedelta(days=days))
        assert abs(real_and_shown() - timedelta(days=days)) < MINUTE
    file.unlink()
    assert abs(real_and_shown()) < MINUTE


def test_a_broken_file_moves_nothing(file: Path) -> None:
    put(file, timedelta(days=3))
    clock.now()
    file.write_text('{"ahead_seconds": "soon"')
    assert abs(real_and_shown() - timedelta(days=3)) < MINUTE


def test_a_stopped_clock_does_not_care(file: Path) -> None:
    put(file, timedelta(days=3))
    with clock.frozen(datetime(2026, 1, 1, tzinfo=UTC)):
        assert clock.now() == datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.django_db
def test_the_databases_clock_goes_by_it(file: Path) -> None:
    Work.objects.create(handler="nobody", due_at=datetime.now(UTC) + timedelta(days=2))
    assert not Work.objects.filter(due_at__lte=clock.sql_now()).exists()
    put(file, timedelta(days=3))
    assert Work.objects.filter(due_at__lte=clock.sql_now()).exists()


@pytest.mark.django_db
def test_claims_go_by_it(file: Path) -> None:
    item = Work.objects.create(handler="nobody", due_at=datetime.now(UTC) + timedelta(days=2))
    assert claims.claim({"nobody": 1}, limit=1) == []
    put(file, timedelta(days=3))
    assert claims.claim({"nobody": 1}, limit=1) == [item]
