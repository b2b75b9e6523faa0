from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import redis
from django.db import OperationalError

from core import clock
from core.models import Heartbeat, Work


@pytest.fixture(autouse=True)
def _broker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis.Redis, "ping", lambda self: True)


@pytest.fixture
def alive(db: None) -> None:
    for name in ("beat", "worker"):
        Heartbeat.objects.create(name=name, at=clock.now())


def test_liveness_asks_nothing(client: Any, django_assert_num_queries: Any) -> None:
    answer = client.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_everything_well_is_ready(client: Any, alive: None) -> None:
    answer = client.get("/health/ready")
    assert answer.status_code == 200, answer.json()
    body = answer.json()
    assert body["status"] == "ready"
    assert set(body["checks"]) == {
        "database", "broker", "schema", "beat", "worker", "backlog", "messages",
    }  # fmt: skip
    assert body["alarms"] == []
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("name", ["beat", "worker"])
def test_a_heart_that_stopped_or_never_beat_is_not_ready(client: Any, alive: None, name: str) -> None:
    Heartbeat.objects.filter(name=name).update(at=clock.now() - timedelta(seconds=61))
    answer = client.get("/health/ready")
    assert (answer.status_code, answer.json()["checks"][name]["ok"]) == (503, False)
    Heartbeat.objects.filter(name=name).delete()
    assert client.get("/health/ready").json()["checks"][name] == {"ok": False, "age_seconds": None}


@pytest.mark.parametrize(
    ("minutes", "state", "status"),
    [
        (4, "pending", 200),
        (6, "pending", 503),
        (6, "claimed", 503),
        (6, "parked", 200),
        (6, "done", 200),
        (-60, "pending", 200),
    ],
)
def test_work_nobody_does_is_not_ready(
    client: Any, alive: None, minutes: int, state: str, status: int
) -> None:
    Work.objects.create(handler="x", due_at=clock.now() - timedelta(minutes=minutes), state=state)
    assert client.get("/health/ready").status_code == status


def test_a_broker_that_is_down_is_named_and_its_address_is_not(
    client: Any, alive: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(self: Any) -> bool:
        raise redis.ConnectionError("Error 111 connecting to secret-host:6379")

    monkeypatch.setattr(redis.Redis, "ping", down)
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["broker"] == {"ok": False, "reason": "ConnectionError"}
    assert "secret-host" not in answer.content.decode()


def test_a_database_that_is_down_is_an_answer_not_a_crash(
    client: Any, alive: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*args: Any, **kwargs: Any) -> Any:
        raise OperationalError("password authentication failed for user owner")

    with monkeypatch.context() as patched:
        patched.setattr("avatar_cms.state.machine.connection.cursor", down)
        answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()["checks"]["database"] == {"ok": False, "reason": "OperationalError"}
    assert "owner" not in answer.content.decode()


def test_only_reading_is_answered(client: Any, db: None) -> None:
    assert client.post("/health").status_code == 405
