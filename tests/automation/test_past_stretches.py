"""Rules by the clock on the past: as if each contact were looked at every hour, without looking so often."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from accounts.models import Location
from automation import engine
from automation.models import Rule
from automation.past import by_clock, people, stretches
from automation.past import play as past
from automation.past.question import Question
from bookings import services as booking_services
from contacts import services as contact_services
from contacts.models import Contact
from core.clock import Frozen
from tests.automation.conftest import CAUSE, NOW
from tests.automation.test_past import TASK, ask, played
from tests.factories.bookings import make_booking
from tests.factories.contacts import log, make_contact

DAY = 86400
AHEAD = {"has_future_booking": True}


@pytest.fixture
def life(bare: Location, now: Frozen) -> list[Contact]:
    """Two weeks of three people: forms, texts, visits that pass, move or are cancelled, consent, a recall date."""
    ann, ben, eve = (
        make_contact(bare, name=name, phone=f"+6141200020{n}") for n, name in enumerate(("Ann", "Ben", "Eve"))
    )
    log(ann, "form_submit")
    first = make_booking(ann, at=NOW + timedelta(days=2, hours=3), cause=CAUSE)
    make_booking(ann, at=NOW + timedelta(days=6), cause=CAUSE)
    now.advance(timedelta(days=1, minutes=20))
    log(ben, "sms_sent")
    moved = make_booking(ben, at=now.at + timedelta(days=3), cause=CAUSE)
    booking_services.confirm_booking(booking_id=first.pk, cause=CAUSE)
    now.advance(timedelta(days=2))
    booking_services.reschedule_booking(
        booking_id=moved.pk, appointment_datetime=now.at + timedelta(days=5), cause=CAUSE
    )
    for state in ("granted", "withdrawn", "granted"):
        now.advance(timedelta(hours=7))
        contact_services.set_consent(
            location_id=bare.pk, address=ben.phone, channel="sms", purposes=["marketing"], state=state,
            basis="staff", cause=CAUSE,
        )  # fmt: skip
    contact_services.set_recall_date(
        [contact_services.RecallDate(eve.pk, NOW.date() + timedelta(days=8), cause=CAUSE)]
    )
    now.advance(timedelta(days=2))
    contact_services.move_stage(
        contact_services.StageMove(ann.pk, "lead_to_booking", "contacted", cause=CAUSE)
    )
    log(ann, "sms_sent")
    now.advance(timedelta(days=3))
    contact_services.delete_contact(contact_id=eve.pk, cause=CAUSE)
    now.advance(timedelta(days=2))
    contact_services.undo_delete(contact_id=eve.pk, cause=CAUSE)
    booking_services.cancel_booking(booking_id=moved.pk, cause=CAUSE)
    now.advance(timedelta(days=4))
    return [ann, ben, eve]


WORDINGS: list[dict[str, Any]] = [
    {},
    {"last_touchpoint_age_seconds": {"gte": 2 * DAY}},
    {"last_touchpoint_age_seconds": {"gte": 200 * DAY}},
    {"last_touchpoint_age_seconds": {"gte": DAY, "lt": 2 * DAY}},
    {"last_touchpoint_age_seconds": {"between": [DAY, 2 * DAY]}},
    {"last_touchpoint_age_seconds": {"exists": False}},
    {"not": {"stage_age_seconds": {"lt": 3 * DAY}}},
    {"any": [{"stage_age_seconds": {"gt": 4 * DAY}}, {"local_hour": 11}]},
    AHEAD,
    {"has_future_booking": False},
    {"all": [AHEAD, {"last_touchpoint_age_seconds": {"gte": 3 * DAY}}]},
    {"hours_to_appointment": {"lte": 24}},
    {"hours_to_appointment": {"gte": 12, "lte": 48}},
    {"hours_to_appointment": {"between": [12, 13]}},
    {"not": {"hours_to_appointment": {"exists": True}}},
    {"status": "confirmed"},
    {"has_other_live_booking": True},
    {"recall_due_date": {"eq": "today"}},
    {"recall_due_date": {"lte": "today"}},
    {"recall_due_date": {"gt": "today"}},
    {"not": {"recall_due_date": {"between": ["-3d", "today"]}}},
    {"consent.marketing": "granted"},
    {"consent.marketing": "withdrawn"},
    {"local_weekday": "monday", "local_hour": {"gte": 9}},
    {"not": {"in_opening_hours": True}, "current_stage": "contacted"},
]


@pytest.mark.parametrize("anchor", ["booking", "outbound", "silence", "recall_date", "day"])
def test_every_verdict_is_the_one_of_looking_each_hour(
    bare: Location, now: Frozen, life: list[Contact], write_rule: Callable[..., Rule], anchor: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    questions = [
        ask(
            write_rule(TASK, trigger="cron_check", every="hourly", anchor=anchor, conditions=one), NOW, now.at
        )
        for one in WORDINGS
    ]
    found = [played(question) for question in questions]
    monkeypatch.setattr(stretches.Stretch, "hopeful", lambda stretch: iter(stretch.numbers))
    for question, conditions, one in zip(questions, WORDINGS, found, strict=True):
        assert one == played(question), conditions
    assert sum(bool(one.verdicts) for one in found) > len(WORDINGS) // 3


def counted(monkeypatch: pytest.MonkeyPatch, question: Question) -> tuple[int, int, int]:
    """How often what was known was put together and held against the rule, and how often a closing time was found."""
    counts = {"subject": 0, "plan_run": 0, "end_of_business_day": 0}

    def count(owner: Any, name: str) -> None:
        real = getattr(owner, name)

        def counting(*args: Any, **named: Any) -> Any:
            counts[name] += 1
            return real(*args, **named)

        monkeypatch.setattr(owner, name, counting)

    count(people.People, "subject")
    count(engine, "plan_run")
    count(Location, "end_of_business_day")
    played(question)
    monkeypatch.undo()
    return counts["subject"], counts["plan_run"], counts["end_of_business_day"]


def hourly(write_rule: Callable[..., Rule], conditions: dict[str, Any], now: Frozen) -> Question:
    rule = write_rule(TASK, trigger="cron_check", every="hourly", anchor="silence", conditions=conditions)
    return ask(rule, NOW, now.at)


def test_an_age_nobody_reaches_is_looked_at_twice_however_many_hours_there_are(
    bare: Location, now: Frozen, write_rule: Callable[..., Rule], monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        log(make_contact(bare, name=f"Person {n}", phone=f"+6141200021{n}"), "form_submit")
    now.advance(timedelta(days=40))
    old = hourly(write_rule, {"last_touchpoint_age_seconds": {"gte": 200 * DAY}}, now)
    subjects, plans, _ = counted(monkeypatch, old)
    assert (subjects, plans) == (6, 0)
    ahead = hourly(write_rule, {"all": [{"stage_age_seconds": {"gte": 3 * DAY}}, AHEAD]}, now)
    subjects, plans, _ = counted(monkeypatch, ahead)
    assert (subjects, plans) == (6, 0)


def test_the_hour_that_counts_is_found_by_halving(
    bare: Location, now: Frozen, write_rule: Callable[..., Rule], monkeypatch: pytest.MonkeyPatch
) -> None:
    log(make_contact(bare, name="Ann", phone="+61412000210"), "form_submit")
    now.advance(timedelta(days=40))
    question = hourly(write_rule, {"last_touchpoint_age_seconds": {"gte": 20 * DAY}}, now)
    subjects, plans, _ = counted(monkeypatch, question)
    assert played(question).verdicts[0].at == NOW + timedelta(days=20)
    assert subjects < 2 * 12
    assert plans == 2


def test_a_closing_time_is_found_once_for_each_look(
    bare: Location, now: Frozen, write_rule: Callable[..., Rule], monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(4):
        log(make_contact(bare, name=f"Person {n}", phone=f"+6141200022{n}"), "form_submit")
    now.advance(timedelta(days=2))
    question = hourly(write_rule, {"consent.marketing": "granted"}, now)
    subjects, _, closings = counted(monkeypatch, question)
    looks = len(by_clock.looks(question))
    assert (subjects, closings) == (4 * looks, looks)


def test_who_is_looked_at_every_hour_is_looked_at_in_small_parts(
    bare: Location, now: Frozen, write_rule: Callable[..., Rule]
) -> None:
    for n in range(past.HOURLY_PART + 1):
        make_contact(bare, name=f"Person {n}", phone=f"+614120003{n:02}")
    clock = {"trigger": "cron_check", "anchor": "silence"}
    often = ask(write_rule(TASK, every="hourly", **clock), NOW, now.at)
    daily = ask(write_rule(TASK, every="daily", **clock), NOW, now.at)
    assert [len(past.parts(*one)) for one in ((often,), (daily,), (daily, often))] == [2, 1, 2]
