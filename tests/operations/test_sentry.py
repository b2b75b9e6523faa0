"""What Sentry is told of an error: where and of what kind, and of nobody."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from avatar_cms import sentry
from tests.harness import receivers

ROOT = Path(__file__).resolve().parents[2]


def run(environment: dict[str, str], *words: str) -> int:
    return subprocess.run(
        [sys.executable, "-m", "tests.operations.report_errors", *words], cwd=ROOT, env=environment, timeout=120,
        check=False, stderr=subprocess.DEVNULL,
    ).returncode  # fmt: skip


def test_of_an_event_only_the_place_and_the_kind_leave() -> None:
    event: dict[str, Any] = {
        "event_id": "1", "level": "error", "transaction": "/contacts/<uuid>/",
        "exception": {"values": [{
            "type": "ValueError", "module": "builtins", "value": "Canary Person",
            "mechanism": {"type": "django", "handled": False, "data": {"name": "Canary"}},
            "stacktrace": {"frames": [{"filename": "a.py", "lineno": 3, "vars": {"name": "Canary"}}]},
        }]},
        "logentry": {"message": "Could not text %s, see canary@example.com", "params": ["+61412999111"]},
        "request": {"method": "POST", "url": "https://x/webhooks/wix/bookings/abcdefghijklmnopqrstuvwx?q=Canary",
                    "data": "Canary", "headers": {"X": "Canary"}, "cookies": "canary"},
        "user": {"email": "canary@example.com"}, "extra": {"name": "Canary"}, "tags": {"name": "Canary"},
        "breadcrumbs": {"values": [{"message": "Canary"}]}, "server_name": "canary",
    }  # fmt: skip
    told = sentry.before_send(event, {})
    assert "anary" not in str(told)
    assert "412999111" not in str(told)
    assert "abcdefghijklmnopqrstuvwx" not in str(told)
    assert told["exception"]["values"][0]["stacktrace"]["frames"] == [{"filename": "a.py", "lineno": 3}]
    assert told["logentry"] == {"message": "Could not text %s, see [email]"}
    assert (told["level"], told["transaction"]) == ("error", "/contacts/<uuid>/")


@pytest.mark.slow
def test_nothing_of_a_person_reaches_it_whatever_goes_wrong(
    db: None, subprocess_environment: dict[str, str]
) -> None:
    with receivers.receiver() as server:
        dsn = server.url.replace("http://", "http://public-key@").replace("/hook", "/1")
        assert run({**subprocess_environment, "SENTRY_DSN": dsn}) == 0
    bodies = [
        gzip.decompress(one.body) if one.headers.get("content-encoding") == "gzip" else one.body
        for one in server.requests
    ]
    told = b"\n".join(bodies).decode()
    assert "Could not text %s" in told
    assert "Could not write to [email]" in told
    assert '"type":"ValueError"' in told.replace(": ", ":")
    for canary in ("Canary", "canary@", "canary-session", "412999111"):
        assert canary not in told, canary


@pytest.mark.slow
def test_without_an_address_the_library_is_not_even_imported(
    db: None, subprocess_environment: dict[str, str]
) -> None:
    assert run(subprocess_environment, "--imported") == 0
