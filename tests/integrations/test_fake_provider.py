"""The fake provider is the judge of what was lost or doubled: its journal holds, and its faults follow its seed."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from avatar_cms.embedded.processes import die_with_parent, wait_until
from tests.fakes.plain import FakePlain
from tests.fakes.twilio import FakeTwilio
from tests.fakes.weather import RATES, Weather

ROOT = Path(__file__).parents[2]


@contextmanager
def process(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    made = subprocess.Popen(
        [sys.executable, "-m", "tests.fakes", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent(),
    )  # fmt: skip
    try:
        assert made.stdout is not None
        yield made, made.stdout.readline().strip()
    finally:
        made.kill()
        made.communicate()


def send(url: str, number: int, **headers: str) -> int:
    """The status of the answer; 0 where none came."""
    text = {"to": "+61412000001", "from": "CLINIC", "body": "Hello", "reference": f"r{number}"}
    try:
        return requests.post(f"{url}/texts", json=text, headers=headers, timeout=10).status_code
    except requests.RequestException:
        return 0


def test_what_it_accepted_stands_on_disk_when_it_is_killed(tmp_path):
    journal = tmp_path / "journal"
    with process("plain", "--journal", str(journal)) as (fake, url):
        assert [send(url, number) for number in (1, 2)] == [201, 201]
        fake.kill()
    assert [json.loads(line)["reference"] for line in journal.read_text().splitlines()] == ["r1", "r2"]


@pytest.mark.parametrize(("idempotent", "texts"), [(True, 1), (False, 2)])
def test_a_second_call_with_the_same_key_is_one_text_only_where_it_knows_keys(idempotent, texts):
    with FakePlain(idempotent=idempotent) as fake:
        for _ in range(2):
            assert send(fake.url, 1, **{"Idempotency-Key": "k"}) == 201
    assert len(fake.journal) == texts


def test_the_same_seed_goes_wrong_in_the_same_way_and_another_one_in_another():
    def drawn(seed: int) -> list[str]:
        weather = Weather.of(seed, "accept_then_reset=0.2,reset=0.2,busy=0.1")
        faults = [weather.fault() for _ in range(200)]
        return [fault.name if fault else "" for fault in faults]

    assert drawn(1) == drawn(1) != drawn(2)
    assert {name: drawn(1).count(name) for name in ("accept_then_reset", "reset", "busy")} == {
        "accept_then_reset": pytest.approx(40, abs=20),
        "reset": pytest.approx(40, abs=20),
        "busy": pytest.approx(20, abs=15),
    }
    assert sum(rate for name, rate in RATES.items() if not name.startswith("receipt")) < 0.2


def test_faults_of_the_seed_befall_calls_and_what_was_taken_stands_in_the_journal(tmp_path):
    journal = tmp_path / "journal"
    rates = "accept_then_reset=0.5,reset=0.5"
    with process("plain", "--journal", str(journal), "--seed", "7", "--rates", rates) as (_, url):
        assert {send(url, number) for number in range(10)} == {0}
    weather = Weather.of(7, rates)
    taken = [weather.fault().name == "accept_then_reset" for _ in range(10)]
    assert len(journal.read_text().splitlines()) == taken.count(True)


def test_receipts_come_before_the_answer_late_and_twice():
    told: list[tuple[str, bool]] = []
    with FakeTwilio() as fake:

        def deliver(url, body, headers):
            told.append((url, answered))
            return (200, b"") if len(told) > 1 else (503, b"")

        fake.deliver = deliver
        answered = False
        fake.weather = Weather(1, {"receipt_first": 1, "receipt_twice": 1})
        form = {
            "To": "+61412000001",
            "From": "+61290000000",
            "Body": "Hello",
            "StatusCallback": "http://x/?ref=m1",
        }
        url = f"{fake.url}/2010-04-01/Accounts/{fake.account_sid}/Messages.json"
        assert (
            requests.post(url, data=form, auth=(fake.account_sid, fake.auth_token), timeout=10).status_code
            == 201
        )
        answered = True
        # The first was refused, so it comes again; and each comes twice.
        assert wait_until(lambda: len(told) == 3, 10)
    assert [late for _, late in told] == [False, True, True]
    assert fake.journal[0]["reference"] == "m1"


def test_a_fault_that_does_not_exist_is_named():
    with pytest.raises(SystemExit, match="no fault flood"):
        Weather.of(1, "flood=1")
