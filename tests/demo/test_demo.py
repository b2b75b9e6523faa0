"""The demo's history, played once: everything in it is lawful, and playing it again does nothing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import call_command

from accounts.models import Location
from automation.models import ActionRun, RuleRun
from avatar_cms.demo import history, play, story
from avatar_cms.demo.history import Refused
from avatar_cms.demo.world import World
from bookings.models import Booking
from contacts.models import Contact
from core import clock
from core.models import Event, Work
from integrations.models import Receipt
from messaging.models import Message
from tasks import queue
from tasks.models import Task

NOW = datetime(2026, 11, 23, 22, 10, tzinfo=UTC)
"""Tuesday 9:10 in Sydney."""


@pytest.fixture
def clinics(db: None) -> None:
    with clock.frozen(NOW):
        call_command("seed", verbosity=0)


def test_the_same_seed_tells_the_same_story(clinics: None) -> None:
    with clock.frozen(NOW):
        diaries = [World.of().diaries(NOW) for _ in range(2)]
    told = [story.tell(seed=7, until=NOW, diaries=each).steps for each in diaries]
    assert told[0] == told[1]
    assert all(first.at <= second.at for first, second in zip(told[0], told[0][1:], strict=False))
    assert min(step.at for step in told[0]) >= NOW - timedelta(days=62)


def test_no_history_is_made_in_production(clinics: None, settings: Any) -> None:
    settings.ENVIRONMENT_NAME = "production"
    with pytest.raises(Refused, match="production"):
        history.wanted(seed=7)


@pytest.mark.slow
def test_the_history_is_lawful_and_ends_on_a_real_morning(clinics: None, frozen_time: Any) -> None:
    frozen_time(NOW)
    wanted = history.wanted(seed=7)
    assert wanted is not None
    play.play(wanted)

    assert not Work.objects.filter(state="parked").exists()
    assert not ActionRun.objects.filter(state="failed").exists()
    assert not RuleRun.objects.filter(state__in=("failed", "stopped")).exists()
    assert not Receipt.objects.filter(state="parked").exists()
    assert not Event.objects.filter(occurred_at__gt=NOW).exists()
    unsent = Message.objects.filter(
        status__in=("suppressed", "skipped", "held", "cancelled", "expired", "failed")
    )
    assert not unsent.filter(reason="").exists(), "every text that was not sent says why"

    visits = Booking.objects.filter(location__code="sydney")
    assert visits.filter(outcome="attended").exists()
    assert visits.filter(outcome="no_show").exists()
    assert visits.filter(status="cancelled").exists()
    assert visits.filter(
        appointment_datetime__range=(NOW, NOW + timedelta(days=14)), status="confirmed"
    ).exists()
    assert Contact.objects.filter(guardian__isnull=False).exists()
    assert Contact.objects.filter(location__code="melbourne").exists()
    tasks = queue.with_score(Task.objects.filter(status__in=Task.OPEN), as_of=NOW)
    assert tasks.filter(score__gte=150).exists()
    assert tasks.filter(due_datetime__lt=NOW).exists()
    assert len(set(tasks.values_list("type", flat=True))) >= 4
    assert Message.objects.filter(status="scheduled", category="reminder").exists()

    before = Event.objects.count()
    assert history.wanted(seed=7) is None
    call_command("demo", verbosity=0)
    assert Event.objects.count() == before
    assert Location.objects.get(code="sydney").name == "Avatar Imaging Sydney"
