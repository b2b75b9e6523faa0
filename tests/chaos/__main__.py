"""`make chaos SEED=n EVENTS=n KILLS=n`: the real system under load and under faults, judged by rows and journals.

Every figure it prints is counted. It exits with 1 on any breach; the same seed draws the same events and faults.
"""

from __future__ import annotations

import argparse
import os
import secrets
import signal
import sys
import time
from pathlib import Path
from typing import Any

SETTLES = {"search": True, "idempotent": True, "neither": False}
BAR_SERVING_SECONDS = 15
#: What this process needs to look at the rows.
HANDED_ON = ("DJANGO_SETTINGS_MODULE", "DATABASE_URL", "DATABASE_OWNER_URL", "REDIS_URL", "LOG_LEVEL")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=None, help="drawn at random and printed when not given")
    parser.add_argument("--events", type=int, default=200, help="deliveries that are posted")
    parser.add_argument("--kills", type=int, default=20, help="processes killed with SIGKILL")
    parser.add_argument(
        "--personality", choices=sorted(SETTLES), default="search", help="what the provider can do"
    )
    parser.add_argument("--provider", choices=("twilio", "clicksend"), default="twilio", help="for search")
    parser.add_argument("--gap", type=float, default=1.5, help="seconds between faults, on average")
    parser.add_argument(
        "--rate", type=float, default=None, help="deliveries a second; 0: as fast as they are taken"
    )
    parser.add_argument("--restarts", type=int, default=0, help="more restarts of PostgreSQL")
    parser.add_argument("--flush-every", type=float, default=0, help="empty the broker every so many seconds")
    parser.add_argument("--broker-down", type=float, default=0, help="stop the broker for so many seconds")
    parser.add_argument("--calm", action="store_true", help="the provider does nothing wrong")
    parser.add_argument("--keep", action="store_true", help="keep the folder with database and logs")
    return parser.parse_args()


def main() -> int:
    given = arguments()
    seed = given.seed if given.seed is not None else secrets.randbelow(10**6)
    say(f"SEED={seed} EVENTS={given.events} KILLS={given.kills} PERSONALITY={given.personality}")
    from tests.chaos.system import System

    system = System(str(os.getpid()), keep=given.keep)
    os.environ.update({name: system.environment[name] for name in HANDED_ON})
    # Whoever ends this run ends what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        breaches = run(system, given, seed)
    finally:
        system.stop()
        if given.keep:
            say(f"Kept: {system.home}")
    for breach in breaches:
        say(f"BREACH {breach}")
    say(f"{len(breaches)} breach(es). SEED={seed}")
    return 1 if breaches else 0


def run(system: Any, given: argparse.Namespace, seed: int) -> list[str]:
    """Start, let it happen, wait until it is quiet, judge."""
    began = time.monotonic()
    system.start_servers()
    _prepare(system, given)
    _start_fake(system, given, seed)
    system.start_processes()

    from core import clock
    from tests.chaos import judge, killer, poster

    _wait_for_web(system)
    say(f"Started in {time.monotonic() - began:.0f} s.")
    since = clock.now()
    faults = killer.plan(given.kills, given.restarts, seed)
    rate = given.rate if given.rate is not None else given.events / max(len(faults) * given.gap, 5)
    posting = poster.Poster(
        system.port, system.home / "taken.journal", poster.plan(given.events, seed), rate, seed
    )
    killing = killer.Killer(system, faults, seed, given.gap, given.flush_every, given.broker_down)
    load_began = time.time()
    posting.start()
    killing.start()
    killing.carried_out()
    taken = posting.join(600)
    load_ended = time.time()
    posting.stop()
    killing.join()
    say(f"Load: {given.events} deliveries in {load_ended - load_began:.0f} s. Faults: {dict(killing.done)}.")
    idle_after, left = _wait_until_idle(load_ended, given)
    verdict = judge.judge(
        posting.posts, posting.journal, system.journal, since=since, settles=SETTLES[given.personality]
    )
    if not taken:
        verdict.breaches.append("I6: the load did not end")
    if left:
        verdict.breaches.append(f"I3: not idle in time: {left}")
    verdict.figures |= {
        "idle after the load ended (s)": round(idle_after, 1),
        **_answers(posting),
        **_delays(posting, judge.read(system.journal)),
        **_serving(posting, killing, verdict),
        "processes started": {kept.name: kept.starts for kept in system.kept},
        "whole run (s)": round(time.monotonic() - began),
    }
    for name, figure in verdict.figures.items():
        say(f"  {name}: {figure}")
    return verdict.breaches


def _prepare(system: Any, given: argparse.Namespace) -> None:
    """Tables, clinic, ticks."""
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections
    from django_celery_beat.models import IntervalSchedule, PeriodicTask

    from tests.chaos import quick
    from tests.chaos.clinic import open_clinic
    from tests.webhooks.wix_builder import key_pair

    call_command("migrate", verbosity=0, interactive=False)
    open_clinic(public_key=key_pair()[1], **_account(system, given))
    call_command("sync_schedule", verbosity=0)
    for name, seconds in quick.TICKS.items():
        every, _ = IntervalSchedule.objects.get_or_create(every=seconds, period=IntervalSchedule.SECONDS)
        PeriodicTask.objects.filter(name=name).update(interval=every, expire_seconds=seconds)
    connections.close_all()


def _account(system: Any, given: argparse.Namespace) -> dict[str, Any]:
    if given.personality != "search":
        from tests.fakes.plain_gateway import PLAIN

        known = {"url": system.fake_url, "idempotent": given.personality == "idempotent"}
        return {"provider": PLAIN, "credentials": known}
    if given.provider == "twilio":
        return {
            "provider": "twilio",
            "credentials": {"account_sid": "AC" + "a" * 32, "auth_token": "twilio-token"},
        }
    return {"provider": "clicksend", "credentials": {"username": "clinic", "api_key": "clicksend-key"}}


def _start_fake(system: Any, given: argparse.Namespace, seed: int) -> None:
    name = given.provider if given.personality == "search" else "plain"
    more = ["--idempotent"] if given.personality == "idempotent" else []
    weather = [] if given.calm else ["--seed", str(seed)]
    system.start_fake(name, *more, *weather)


def _wait_for_web(system: Any) -> None:
    import http.client

    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", system.port, timeout=5)
            connection.request("GET", "/health/ready")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        time.sleep(0.3)
    logs = "\n".join(log.read_text()[-1500:] for log in sorted(Path(system.logs).glob("*.log")))
    raise SystemExit(f"The system did not get ready.\n{logs}")


def _wait_until_idle(load_ended: float, given: argparse.Namespace) -> tuple[float, str]:
    """Seconds from the end of the load until nothing was to be done, and what was left when patience ended."""
    from django.db import DatabaseError, connection

    from tests.chaos import judge, killer

    patience = killer.longest_wait() + 120 + given.events / 10
    deadline = time.monotonic() + patience
    left, quiet = "", 0
    while time.monotonic() < deadline:
        try:
            left = judge.unfinished()
        except DatabaseError as error:
            connection.close()
            left = type(error).__name__
        quiet = 0 if left else quiet + 1
        if quiet == 3:
            return time.time() - load_ended, ""
        time.sleep(1)
    return time.time() - load_ended, left


def _answers(posting: Any) -> dict[str, Any]:
    from collections import Counter

    times = sorted(seconds for _, status, seconds in posting.answers if status == 200)
    counted = Counter(status for _, status, _ in posting.answers)
    return {
        "answers by status (0: none came)": dict(sorted(counted.items())),
        "time to answer 200 (s)": _percentiles(times),
    }


def _delays(posting: Any, texts: list[dict[str, Any]]) -> dict[str, Any]:
    """From a booking's 2xx to its confirmation at the provider."""
    from tests.chaos.poster import phone

    first: dict[str, float] = {}
    for line in texts:
        first.setdefault(line["to"], line["at"])
    booked = [post for post in posting.posts if post.what == "confirmed" and post.key in posting.taken]
    delays = sorted(
        max(first[phone(post.patient)] - posting.taken[post.key], 0)
        for post in booked
        if phone(post.patient) in first
    )
    return {"from booking to text (s)": _percentiles(delays)}


def _serving(posting: Any, killing: Any, verdict: Any) -> dict[str, Any]:
    """How long after each restart of PostgreSQL the first delivery was answered with 200."""
    good = sorted(at for at, status, _ in posting.answers if status == 200)
    waits = [next((at - moment for at in good if at >= moment), None) for moment in killing.restarted]
    known = [wait for wait in waits if wait is not None]
    figures: dict[str, Any] = {}
    if known:
        figures["serving again after a restart (s)"] = _percentiles(sorted(known))
        if max(known) > BAR_SERVING_SECONDS:
            verdict.breaches.append(f"B3: serving again only after {max(known):.1f} s")
    if killing.broker_was_down:
        inside = [
            status
            for at, status, _ in posting.answers
            if any(began < at < ended for began, ended in killing.broker_was_down)
        ]
        refused = len(inside) - inside.count(200)
        figures["answers while the broker was down"] = {"200": inside.count(200), "other": refused}
    return figures


def _percentiles(numbers: list[float]) -> str:
    if not numbers:
        return "none"
    pick = lambda share: numbers[min(int(len(numbers) * share), len(numbers) - 1)]  # noqa: E731
    return f"p50 {pick(0.5):.2f}, p99 {pick(0.99):.2f}, most {numbers[-1]:.2f}, of {len(numbers)}"


def say(words: str) -> None:
    print(words, flush=True)


if __name__ == "__main__":
    sys.exit(main())
