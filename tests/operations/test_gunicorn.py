"""What gunicorn's own hooks do in its processes."""

from __future__ import annotations

import gc
import runpy
from collections.abc import Iterator
from typing import Any

import pytest

from avatar_cms import garbage
from avatar_cms.embedded import places


@pytest.fixture
def hooks() -> dict[str, Any]:
    return runpy.run_path(str(places.CHECKOUT / "gunicorn.conf.py"))


@pytest.fixture
def collector() -> Iterator[None]:
    yield
    gc.unfreeze()


def test_what_is_loaded_is_out_of_the_collectors_way(collector: None) -> None:
    class Cycle:
        me: Cycle

    stays = [Cycle() for _ in range(1000)]
    before = gc.get_freeze_count()
    garbage.leave_alone()
    assert gc.get_freeze_count() >= before + len(stays)
    assert not any(one in gc.get_objects() for one in stays[:3])


def test_a_server_does_so_before_it_forks_and_a_worker_as_it_gets_to_know_its_pages(
    hooks: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    monkeypatch.setattr(garbage, "leave_alone", lambda: done.append("now"))
    hooks["when_ready"](None)
    assert len(done) == 1
    after = []
    for answer in range(1, 1001):
        hooks["post_request"](None, None, None, None)
        if len(done) > 1 + len(after):
            after.append(answer)
    assert after == [1, 50, 500]
