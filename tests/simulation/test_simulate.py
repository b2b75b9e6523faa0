"""Days of two clinics, played and judged: the same seed gives the same days, and the judge sees what is wrong."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction
from django.db.models import F

from automation.models import RuleRun
from avatar_cms.simulation import judge
from avatar_cms.simulation.people import SAYS, Dice, newcomers, reaction
from avatar_cms.simulation.play import Simulation, furnish
from bookings.models import Booking
from contacts.models import Contact
from core.models import Work
from messaging.models import Message
from tasks.models import Task

DAYS = 2


def played(seed: int, days: int, **more: Any) -> datetime:
    return Simulation(seed, days, **more).run()


@pytest.fixture
def clinics(db: None) -> None:
    furnish()


@pytest.fixture
def after(clinics: None) -> Iterator[datetime]:
    """The moment after a few lawful days."""
    return played(11, DAYS, a_day=3)


@pytest.mark.slow
def test_the_same_seed_plays_the_same_days_and_another_one_others(clinics: None) -> None:
    prints = []
    for seed in (4, 4, 5):
        with transaction.atomic():
            ended = played(seed, 2, a_day=3)
            assert judge.judge(ended) == []
            prints.append((judge.digest(), judge.figures()))
            transaction.set_rollback(True)
    assert prints[0] == prints[1]
    assert prints[0][0] != prints[2][0]
    assert all(prints[0][1][name] > 0 for name in ("people", "visits", "texts sent", "tasks", "rule runs"))


def set_(rows: Any, **values: Any) -> Callable[[], None]:
    return lambda: rows.filter(pk=rows.order_by("pk").first().pk).update(**values)


def wrongs(now: datetime) -> dict[str, Callable[[], None]]:
    """For each law something that breaks it."""
    sent = Message.objects.filter(status="sent")
    reminded = Message.objects.filter(status="sent", category="booking", booking__status="scheduled")
    live = Booking.objects.filter(status="scheduled", appointment_datetime__gt=now)
    longer = timedelta(days=200)
    return {
        "stages": set_(Contact.objects.filter(stage_changes__isnull=False), current_stage="dead_lost"),
        "next_visits": set_(live, status="cancelled"),
        "visits": set_(live, ends_at=now - timedelta(days=2), appointment_datetime=now - timedelta(days=3)),
        "leads": set_(
            Contact.objects.filter(current_pipeline="lead_to_booking"), last_touchpoint_at=now - longer
        ),
        "explained": set_(sent, status="held", reason=""),
        "windows": set_(
            sent.exclude(exempt_quiet=True).exclude(category="reply"), sent_at=F("sent_at") + longer
        ),
        "opt_outs": lambda: opt_out_before(sent.order_by("pk").first()),
        "about_visits": lambda: cancel_before(reminded.order_by("pk").first()),
        "once": lambda: say_again(
            sent.filter(category="booking", booking__isnull=False).order_by("pk").first()
        ),
        "work_done": set_(Work.objects.all(), state="parked"),
        "rules": set_(RuleRun.objects.all(), state="failed"),
        "tasks": set_(Task.objects.all(), status="cancelled", closed_reason=""),
    }


def opt_out_before(message: Any) -> None:
    from contacts import services
    from core import clock
    from core.causes import Cause

    with clock.frozen(message.sent_at - timedelta(seconds=1)):
        services.set_consent(
            location_id=message.location_id, address=message.address, channel="sms", purposes=["service"],
            state="withdrawn", basis="reply", wording="STOP", source="sms", cause=Cause.system("test"),
        )  # fmt: skip


def cancel_before(message: Any) -> None:
    Booking.objects.filter(pk=message.booking_id).update(
        status="cancelled", cancelled_at=message.sent_at - timedelta(minutes=1)
    )


def say_again(message: Any) -> None:
    from core.ids import uuid7

    message.pk, message.public_id, message.dedupe_key, message.provider_message_id = None, uuid7(), None, ""
    message.save(force_insert=True)


def test_the_judge_sees_each_kind_of_wrong(after: datetime) -> None:
    assert judge.judge(after) == []
    laws = {law.__name__ for law in judge.LAWS}
    assert laws == wrongs(after).keys()
    for law, break_it in wrongs(after).items():
        with transaction.atomic():
            break_it()
            assert law in {breach.law for breach in judge.judge(after)}, law
            transaction.set_rollback(True)


def test_people_come_at_all_hours_and_chance_depends_on_nothing_but_the_seed() -> None:
    zones = {"sydney": ZoneInfo("Australia/Sydney"), "melbourne": ZoneInfo("Australia/Melbourne")}
    first, again = (
        list(newcomers(Dice(3), start=date(2026, 9, 28), days=40, a_day=6, clinics=zones)) for _ in range(2)
    )
    assert first == again
    assert 200 < len(first) < 300
    assert {person.clinic for person in first} == set(zones)
    assert {person.way for person in first} == {"books", "calls", "asks"}
    assert len({person.phone for person in first}) < len(first)
    assert any(person.at.hour < 7 for person in first)
    assert first != list(newcomers(Dice(4), start=date(2026, 9, 28), days=40, a_day=6, clinics=zones))
    said = [reaction(Dice(3), one, "booking_confirmation", 1, confirmed=False) for one in first]
    assert {wanted.about in SAYS["yes"] for wanted in said if wanted is not None} == {True, False}
    assert None in said


@pytest.mark.parametrize("wrong", [["--days", "0"], ["--days", "999"], ["--per-day", "0"]])
def test_nonsense_is_refused_with_what_to_say_instead(wrong: list[str]) -> None:
    with pytest.raises(CommandError, match=r"--days 90|--per-day 5"):
        call_command("simulate", *wrong)


@pytest.mark.long
def test_a_quarter_ends_lawfully(clinics: None) -> None:
    seed = random.SystemRandom().randrange(1_000_000)
    ended = played(seed, 90, a_day=1)
    assert ended.date() > datetime(2026, 10, 30, tzinfo=UTC).date()
    assert judge.judge(ended) == [], f"seed {seed}"
    figures = judge.figures()
    assert all(figures[name] > 0 for name in figures), figures


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_two_processes_play_the_same(subprocess_environment: dict[str, str]) -> None:
    """Whatever order Python gives its sets in."""
    prints = set()
    for hashing in ("1", "2"):
        script = (
            "import django; django.setup()\n"
            "from django.db import transaction\n"
            "from avatar_cms.simulation import judge\n"
            "from avatar_cms.simulation.play import Simulation, furnish\n"
            "with transaction.atomic():\n"
            "    furnish()\n"
            "    Simulation(6, 7).run()\n"
            "    print('fingerprint', judge.digest())\n"
            "    transaction.set_rollback(True)\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script], check=True, capture_output=True, text=True, timeout=900,
            env={**os.environ, **subprocess_environment, "PYTHONHASHSEED": hashing},
        )  # fmt: skip
        prints.add(next(line for line in done.stdout.splitlines() if line.startswith("fingerprint")))
    assert len(prints) == 1
