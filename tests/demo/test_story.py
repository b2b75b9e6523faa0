"""The story that the demo plays, whatever the day and the hour it leads up to. Told without a database."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from accounts.hours import DEFAULT_WEEK, Hours, parse_week
from avatar_cms.demo import story
from avatar_cms.demo.diary import Diary, Slot
from avatar_cms.demo.people import PEOPLE, STRANGER
from avatar_cms.demo.timeline import DAYS_AHEAD, DAYS_BACK, Plan
from contacts import identity
from messaging import intents

#: What the regulator keeps free for works of fiction: 30 mobiles, and ranges of landlines.
FICTIONAL_MOBILES = frozenset(
    f"049157{ending}"
    for ending in (
        *(
            "0006",
            "0110",
            "0156",
            "0157",
            "0158",
            "0159",
            "0313",
            "0737",
            "1266",
            "1491",
            "1804",
            "2549",
            "2665",
        ),
        *(
            "2983",
            "3770",
            "3087",
            "4118",
            "4632",
            "5254",
            "5789",
            "6398",
            "6801",
            "7426",
            "7644",
            "8957",
            "8148",
        ),
        *("8888", "9212", "9760", "9455"),
    )
)
MOMENTS = [
    datetime(2026, 11, 23, 22, 10, tzinfo=UTC),  # a Tuesday morning in Sydney
    datetime(2026, 11, 22, 13, 30, tzinfo=UTC),  # half an hour into a Monday
    datetime(2026, 11, 21, 22, 0, tzinfo=UTC),  # a Sunday
    datetime(2026, 12, 25, 1, 0, tzinfo=UTC),  # Christmas
    datetime(2027, 1, 2, 11, 59, tzinfo=UTC),  # a late Saturday of the holidays
    datetime(2026, 4, 4, 16, 5, tzinfo=UTC),  # the night on which clocks go back
    datetime(2026, 10, 3, 16, 5, tzinfo=UTC),  # the night on which they go forward
    datetime(2027, 3, 1, 3, 0, tzinfo=UTC),
]


def diaries(until: datetime) -> dict[str, Diary]:
    made = {}
    for clinic, zone, state in (
        ("sydney", "Australia/Sydney", "NSW"),
        ("melbourne", "Australia/Melbourne", "VIC"),
    ):
        hours = Hours(parse_week(DEFAULT_WEEK), ZoneInfo(zone), country="AU", state=state)
        made[clinic] = Diary(clinic, hours, until.astimezone(hours.zone).date())
    return made


def told(until: datetime, seed: int = 7) -> Plan:
    return story.tell(seed=seed, until=until, diaries=diaries(until))


def visits(plan: Plan) -> list[tuple[str, datetime, Slot]]:
    return [(s.who, s.at, s.given["slot"]) for s in plan.steps if s.action in ("books_wix", "books_desk")]


def local_day(plan: Plan, who: str, at: datetime) -> date:
    return at.astimezone(plan.diary(who).hours.zone).date()


@pytest.mark.parametrize("until", MOMENTS, ids=str)
def test_everything_happens_in_order_and_in_its_time(until: datetime) -> None:
    plan = told(until)
    assert [step.at for step in plan.steps] == sorted(step.at for step in plan.steps)
    assert [step.number for step in plan.steps] == list(range(len(plan.steps)))
    assert until - timedelta(days=DAYS_BACK) <= plan.steps[0].at
    assert plan.steps[-1].at < until
    assert all(booked < slot.start for _, booked, slot in visits(plan))
    assert max(slot.start for _, _, slot in visits(plan)) < until + timedelta(days=DAYS_AHEAD)


@pytest.mark.parametrize("until", MOMENTS, ids=str)
def test_there_are_visits_today_before_and_after(until: datetime) -> None:
    plan = told(until)
    sydney = [(who, slot) for who, _, slot in visits(plan) if PEOPLE[who].clinic == "sydney"]
    days = [local_day(plan, who, slot.start) for who, slot in sydney]
    today = plan.diaries["sydney"].today
    assert days.count(today) >= 5
    assert any(today - timedelta(days=8) < day < today for day in days)
    assert any(today < day for day in days)
    assert any(day < today - timedelta(days=40) for day in days)


@pytest.mark.parametrize("until", MOMENTS, ids=str)
def test_only_the_clash_puts_two_visits_at_one_time(until: datetime) -> None:
    plan = told(until)
    by_doctor: dict[str, list[Slot]] = defaultdict(list)
    for _, _, slot in visits(plan):
        by_doctor[slot.practitioner].append(slot)
    clashes = 0
    for slots in by_doctor.values():
        slots.sort(key=lambda slot: slot.start)
        clashes += sum(later.start < earlier.end for earlier, later in pairwise(slots))
    assert clashes <= 2


def test_another_seed_tells_another_story() -> None:
    assert told(MOMENTS[0]).steps == told(MOMENTS[0]).steps
    assert told(MOMENTS[0]).steps != told(MOMENTS[0], seed=8).steps


def test_no_number_can_belong_to_anybody() -> None:
    people = [*PEOPLE.values(), STRANGER]
    numbers = [person.phone for person in people if person.phone]
    assert len(numbers) == len(set(numbers))
    for number in numbers:
        assert identity.read_phone(number, "AU").valid
        national = "0" + number.removeprefix("+61")
        assert national in FICTIONAL_MOBILES or national[:6] in {"025550", "027010", "035550", "037010"}


def test_everyone_has_a_way_to_be_reached() -> None:
    for person in PEOPLE.values():
        assert bool(person.phone) != bool(person.home)
        assert not person.home or PEOPLE[person.home].phone
        assert person.email.endswith("@example.com")


def test_patients_are_understood() -> None:
    """What people write in the story means what the story needs it to mean."""
    said = {
        s.given["body"] for until in MOMENTS for s in told(until).steps if s.action in ("says", "stranger")
    }
    meant = {body: intents.detect(body).name for body in said}
    assert {body for body, intent in meant.items() if intent == "confirm"} >= {"Yes"}
    assert {"confirm", "question", "cancel", "reschedule", "stop", "start", "other"} <= set(meant.values())
