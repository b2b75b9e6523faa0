"""Playing a small part of the story: the same each time, and it can be broken off and gone on with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from automation.models import ActionRun, RuleRun
from avatar_cms.demo import history, play, story
from avatar_cms.demo.history import History, Refused
from avatar_cms.demo.timeline import Plan, Step
from bookings.models import Booking
from contacts.models import Contact, StageChange, Touchpoint
from core import clock
from core.models import Event, Heartbeat, Work
from integrations.models import Provider, ProviderAccount
from messaging.models import Message
from tasks.models import Task

NOW = datetime(2026, 11, 23, 22, 10, tzinfo=UTC)
"""Tuesday 9:10 in Sydney."""
CAST = {
    "Vikram Sahay",
    "Delphine Arnaud",
    "Wendell Prewitt",
    "Freya Lindqvist",
    "Nadia Haddad",
    "Omar Haddad",
}


@pytest.fixture
def clinics(db: None) -> None:
    with clock.frozen(NOW):
        call_command("seed", verbosity=0)


@pytest.fixture
def small(clinics: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the story only the last days of a few people, with one round at the desk."""
    whole: Callable[..., Plan] = story.tell

    def tell(**given: Any) -> Plan:
        plan = whole(**given)
        recent = [s for s in plan.steps if s.who in CAST and (NOW - s.at).days < 6]
        rounds = [s for s in plan.steps if s.action == "desk_works" and s.who == "sydney"][-4:-3]
        plan.steps = [
            Step(s.at, n, s.action, s.who, s.given) for n, s in enumerate(sorted([*recent, *rounds]))
        ]
        return plan

    monkeypatch.setattr(play.story, "tell", tell)


def outcome() -> list[list[tuple[Any, ...]]]:
    """What a play left behind, without the ids."""
    return [
        sorted(map(tuple, rows))
        for rows in (
            Event.objects.values_list("type", "occurred_at", "source", "cause_kind"),
            Message.objects.values_list("contact__name", "status", "reason", "body", "created_at"),
            Task.objects.values_list("contact__name", "type", "status", "due_datetime", "outcome"),
            Booking.objects.values_list("contact__name", "status", "outcome", "appointment_datetime"),
            StageChange.objects.values_list("contact__name", "to_stage", "at"),
            Contact.objects.values_list("name", "phone", "current_stage", "warmness_score"),
        )
    ]


@pytest.mark.usefixtures("small")
def test_the_same_story_leaves_the_same_behind_and_nothing_undone() -> None:
    outcomes = []
    for _ in range(2):
        with transaction.atomic():
            play.play(History(seed=7, until=NOW))
            outcomes.append(outcome())
            assert_lawful()
            transaction.set_rollback(True)
    assert outcomes[0] == outcomes[1]
    assert all(outcomes[0])


def assert_lawful() -> None:
    assert (
        not Work.objects.filter(due_at__lte=NOW).exclude(state__in=("done", "cancelled", "expired")).exists()
    )
    assert not Work.objects.exclude(last_error="").exists()
    assert not ActionRun.objects.filter(state="failed").exists()
    assert not RuleRun.objects.filter(state__in=("failed", "stopped")).exists()
    kept = Message.objects.exclude(status__in=("sent", "delivered", "received", "scheduled"))
    assert not kept.filter(reason="").exists()
    assert not Event.objects.filter(recorded_at__gt=NOW).exists()
    assert not Touchpoint.objects.filter(at__gt=NOW).exists()
    assert Task.objects.filter(type="rescue_call", contact__name="Vikram Sahay", status="todo").exists()
    assert Message.objects.filter(contact__name="Wendell Prewitt", status="delivered").count() == 0


@pytest.mark.usefixtures("small")
def test_a_history_that_broke_off_is_gone_on_with() -> None:
    with transaction.atomic():
        play.play(History(seed=7, until=NOW))
        whole = outcome()[3]
        transaction.set_rollback(True)

    def stop(done: int, steps: int) -> None:
        if done > steps / 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        play.play(History(seed=7, until=NOW), progress=stop)
    with clock.frozen(NOW):
        begun = history.wanted(seed=1)
    assert begun is not None
    assert (begun.seed, begun.until, begun.ended) == (7, NOW, False)
    assert begun.done > 0
    play.play(begun)
    assert outcome()[3] == whole
    assert_lawful()
    with clock.frozen(NOW):
        assert history.wanted(seed=7) is None


@pytest.mark.usefixtures("clinics")
def test_a_clinic_with_people_of_its_own_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    home = ProviderAccount.objects.filter(provider=Provider.WIX).order_by("pk").first()
    assert home is not None
    Contact.objects.create(location_id=home.location_id, name="Somebody Else", phone="+61491570006")
    call_command("demo")
    assert "nothing was done" in capsys.readouterr().out
    assert Contact.objects.count() == 1
    assert History.found() is None


@pytest.mark.usefixtures("clinics")
def test_it_refuses_beside_a_worker_and_where_texts_would_leave_the_machine() -> None:
    Heartbeat.objects.create(name="worker", at=clock.now())
    with pytest.raises(CommandError, match="A worker is running"):
        call_command("demo")
    ProviderAccount.objects.filter(provider=Provider.CONSOLE).update(provider="twilio")
    with pytest.raises(Refused, match="real provider"):
        history.wanted(seed=7)


def test_without_the_demo_clinics_it_says_what_to_do(db: None) -> None:
    with pytest.raises(CommandError, match="seed"):
        call_command("demo")
