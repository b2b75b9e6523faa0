"""/metrics: for the holder of the token, the same figures as everywhere, added up over processes, nothing personal."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from accounts import sending_stops
from accounts.models import Location
from avatar_cms.embedded.processes import die_with_parent, wait_until
from avatar_cms.state import counts, machine
from core.causes import Cause
from tests.factories.contacts import make_contact
from tests.harness.receivers import closed_port
from tests.operations.test_state import make_account, make_message, make_work

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "metrics-token-of-the-tests"


@pytest.fixture(scope="module")
def _files(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One directory for this process: the library opens its files there once."""
    path = tmp_path_factory.mktemp("metrics")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROMETHEUS_MULTIPROC_DIR", str(path))
        yield path


@pytest.fixture
def scrape(_files: Path, settings: Any, db: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Ask for the metrics; `scrape.client` makes requests that are counted."""
    settings.METRICS_TOKEN, settings.METRICS_DIR = TOKEN, str(_files)
    monkeypatch.setattr(machine, "broker", lambda: True)
    client = Client()

    def read() -> str:
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
        assert answer.status_code == 200
        return str(answer.content.decode())

    read.client = client  # type: ignore[attr-defined]
    return read


def value(text: str, sample: str) -> float:
    found = re.search(rf"^{re.escape(sample)} (\S+)$", text, re.M)
    return float(found.group(1)) if found else 0.0


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}]
)
def test_without_the_token_there_is_no_such_page(scrape: Any, header: dict[str, str]) -> None:
    assert scrape.client.get("/metrics", headers=header).status_code == 404


def test_where_there_is_no_token_there_are_no_metrics(client: Any, db: Any) -> None:
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


def test_the_figures_are_those_of_the_state(scrape: Any, now: Any, sydney: Location) -> None:
    make_work(sydney, state="parked")
    make_work(sydney, minutes=4)
    make_message(sydney, "unknown")
    make_account(sydney)
    sending_stops.stop(kind="kill_switch", reason="x", cause=Cause.system("test"), location_id=sydney.pk)
    text = scrape()
    for kind, states in counts.by_state().items():
        for state, count in states.items():
            assert value(text, f'avatar_items{{kind="{kind}",state="{state}"}}') == count, (kind, state)
    assert value(text, 'avatar_oldest_seconds{kind="work"}') == 240
    assert value(text, "avatar_unknown_without_task") == 1
    assert value(text, 'avatar_sending_stopped{location="sydney"}') == 1
    assert value(text, 'avatar_check_ok{check="database"}') == 1
    assert 'avatar_check_ok{check="parked"} 0.0' in text
    assert 'avatar_provider_silent{location="sydney",provider="wix"} 0.0' in text


def test_requests_and_webhooks_are_counted_in_closed_sets(scrape: Any) -> None:
    before = scrape()
    for path in ("/health", "/nowhere/+61412000001", "/admin/login/"):
        scrape.client.get(path)
    scrape.client.post("/webhooks/wix/bookings", "{}", content_type="application/json")
    scrape.client.post("/webhooks/anna-smith/bookings", "{}", content_type="application/json")
    after = scrape()

    def more(sample: str) -> float:
        return value(after, sample) - value(before, sample)

    assert more('avatar_requests_total{group="health",method="GET",status="2xx"}') == 1
    assert more('avatar_requests_total{group="other",method="GET",status="4xx"}') == 1
    assert more('avatar_request_seconds_count{group="admin"}') == 1
    assert more('avatar_webhooks_total{provider="wix",status="4xx"}') == 1
    assert more('avatar_webhooks_total{provider="other",status="4xx"}') == 1
    assert more('avatar_webhook_seconds_count{provider="wix"}') == 1
    assert "anna" not in after
    assert "412000001" not in after


def test_nothing_personal_is_in_them(scrape: Any, sydney: Location) -> None:
    contact = make_contact(sydney, name="Canary Person", phone="+61412999111", email="canary@example.com")
    make_message(sydney, "parked", address=contact.phone, body="Canary text")
    text = scrape()
    assert "anary" not in text
    assert "412999111" not in text


@pytest.mark.slow
def test_several_processes_are_added_up_and_a_new_start_begins_anew(
    transactional_db: None, subprocess_environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "counter_99999999.db").write_bytes(b"left by a process of the last start")
    port = closed_port()
    server = subprocess.Popen(
        [sys.executable, "-m", "gunicorn", "avatar_cms.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "2",
         "--preload", "--no-control-socket", "--log-level", "warning"],
        cwd=ROOT, env={**subprocess_environment, "METRICS_TOKEN": TOKEN, "METRICS_DIR": str(tmp_path)},
        start_new_session=True, preexec_fn=die_with_parent(),
    )  # fmt: skip

    def get(path: str, token: str = TOKEN) -> str:
        request = urllib.request.Request(
            f"http://127.0.0.1:{port}{path}", headers={"Authorization": f"Bearer {token}"}
        )
        with urllib.request.urlopen(request, timeout=20) as answer:
            return str(answer.read().decode())

    def answers() -> bool:
        with suppress(OSError):
            return bool(get("/metrics"))
        return False

    sample = 'avatar_requests_total{group="health",method="GET",status="2xx"}'
    try:
        assert wait_until(answers, 60)
        for _ in range(40):
            get("/health")
        # Whichever process answers, it tells of all of them.
        assert {value(get("/metrics"), sample) for _ in range(8)} == {40.0}
        writers = {path.name for path in tmp_path.glob("counter_*.db")}
        assert len(writers) == 2, writers
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
