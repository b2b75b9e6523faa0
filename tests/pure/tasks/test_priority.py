from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from tasks.priority import (
    DEFAULT_WEIGHTS,
    Category,
    Priority,
    Timeframe,
    category,
    day_end,
    floor_for,
    overdue_points,
    priority,
    timeframe,
)

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)
BASE = {
    "rescue_call": 100,
    "call_hot_lead": 90,
    "no_show_followup": 80,
    "confirmation_call": 75,
    "reply_needed": 75,
    "welcome_call": 60,
    "recall_call": 50,
    "review_request": 30,
    "referral_invite": 20,
}
URGENCY = {"high": Fraction(3, 2), "medium": Fraction(6, 5), "low": Fraction(1), "": Fraction(1)}


def score(
    task_type: str = "call",
    *,
    warmness: int = 50,
    urgency: str = "",
    late: timedelta = timedelta(0),
    floor: int = 0,
) -> int:
    return priority(
        task_type=task_type, due=NOW - late, now=NOW, warmness=warmness, urgency=urgency, floor=floor
    ).score


@pytest.mark.parametrize(("task_type", "base"), [*BASE.items(), ("call", 50), ("custom", 50), ("", 50)])
def test_each_type_has_its_base(task_type: str, base: int) -> None:
    assert score(task_type) == base


@pytest.mark.parametrize(
    ("urgency", "expected"), [("high", 90), ("medium", 72), ("low", 60), ("", 60), ("odd", 60)]
)
def test_the_bookings_urgency_is_a_factor(urgency: str, expected: int) -> None:
    assert score("welcome_call", urgency=urgency) == expected


@pytest.mark.parametrize(
    ("late", "points"),
    [
        (timedelta(days=-2), 0),
        (timedelta(0), 0),
        (timedelta(hours=1) - TICK, 0),
        (timedelta(hours=1), 20),
        (timedelta(hours=2) - TICK, 20),
        (timedelta(hours=4), 80),
        (timedelta(hours=5), 100),
        (timedelta(hours=6), 100),
        (timedelta(days=400), 100),
    ],
)
def test_each_whole_hour_past_due_adds_twenty_up_to_a_hundred(late: timedelta, points: int) -> None:
    assert overdue_points(NOW - late, NOW) == points
    assert score(late=late) == 50 + points


@pytest.mark.parametrize(
    ("warmness", "expected"), [(0, 25), (49, 50), (50, 50), (51, 51), (52, 51), (53, 52), (100, 75), (1, 26)]
)
def test_half_a_point_for_each_point_of_warmness_rounded_half_up(warmness: int, expected: int) -> None:
    assert score(warmness=warmness) == expected


def test_the_score_is_clamped_at_both_ends() -> None:
    assert score("rescue_call", urgency="high", warmness=100, late=timedelta(hours=5)) == 200
    assert score("referral_invite", warmness=0) == 0
    assert score("referral_invite", warmness=9) == 0
    assert score("referral_invite", warmness=11) == 1


def test_a_task_without_booking_or_floor_is_scored_in_whole_points() -> None:
    found = priority(task_type="referral_invite", due=NOW, now=NOW, warmness=0)
    assert found == Priority(0, Category.LOW, ("Referral invite: 20 points.", "Warmness 0: -25."))
    assert type(found.score) is int
    weights = replace(DEFAULT_WEIGHTS, urgency={"XXXX": 200})
    assert priority(task_type="call", due=NOW, now=NOW, warmness=50, weights=weights).score == 50


def test_a_floor_raises_and_never_lowers() -> None:
    assert score("referral_invite", floor=150) == 150
    assert score("rescue_call", urgency="high", warmness=60, floor=150) == 155
    assert score("call", floor=50) == 50


def test_the_answer_carries_its_reasons() -> None:
    assert priority(task_type="call", due=NOW, now=NOW, warmness=50) == Priority(
        50, Category.MEDIUM, ("Call: 50 points.",)
    )
    assert priority(
        task_type="rescue_call",
        due=NOW - timedelta(hours=2),
        now=NOW,
        warmness=45,
        urgency="medium",
        floor=170,
    ) == Priority(
        170,
        Category.URGENT,
        (
            "Rescue call: 100 points.",
            "Urgency medium: times 1.20.",
            "Overdue: +40.",
            "Warmness 45: -2.5.",
            "Raised to at least 170.",
        ),
    )
    said = priority(task_type="call", due=NOW, now=NOW, warmness=80, urgency="high", floor=90).reasons
    assert said == ("Call: 50 points.", "Urgency high: times 1.50.", "Warmness 80: +15.")
    weights = replace(DEFAULT_WEIGHTS, urgency={"high": 205})
    said = priority(task_type="call", due=NOW, now=NOW, warmness=51, urgency="high", weights=weights).reasons
    assert said == ("Call: 50 points.", "Urgency high: times 2.05.", "Warmness 51: +0.5.")


@pytest.mark.parametrize(
    ("points", "expected"),
    [
        (200, "URGENT"),
        (150, "URGENT"),
        (149, "HIGH"),
        (100, "HIGH"),
        (99, "MEDIUM"),
        (50, "MEDIUM"),
        (49, "LOW"),
        (0, "LOW"),
    ],
)
def test_the_categories_begin_where_the_table_says(points: int, expected: str) -> None:
    assert category(points).value == expected


def test_a_priority_sets_its_floor_and_an_unknown_one_is_refused() -> None:
    floors = {name: floor_for(name) for name in ("urgent", "high", "medium", "low", "")}
    assert floors == {"urgent": 150, "high": 100, "medium": 50, "low": 0, "": 0}
    with pytest.raises(Invalid) as caught:
        floor_for("asap")
    assert caught.value.as_dict() == {
        "code": "unknown_priority",
        "message": "'asap' is not a priority. Use low, medium, high or urgent.",
        "fields": {"priority": ["Use low, medium, high or urgent."]},
    }


def sql(base: int, urgency: int, due: datetime, now: datetime, warmness: int, floor: int) -> int:
    """The module's SQL, with a division that cuts towards zero as PostgreSQL's does."""
    hours = math.floor(Fraction((now - due) // TICK, 3_600_000_000))
    hundredths = base * urgency + 100 * min(100, 20 * max(0, hours)) + 50 * (warmness - 50)
    return max(min(200, max(0, int(Fraction(hundredths + 50, 100)))), floor)


@given(
    task_type=st.sampled_from([*BASE, "call"]),
    urgency=st.sampled_from(list(URGENCY)),
    late=st.timedeltas(timedelta(days=-3), timedelta(days=3)),
    warmness=st.integers(0, 100),
    floor=st.sampled_from([0, 50, 100, 150]),
)
def test_priority_is_domain_mds_formula_and_its_sql(
    task_type: str, urgency: str, late: timedelta, warmness: int, floor: int
) -> None:
    base = BASE.get(task_type, 50)
    overdue = max(0, min(100, 20 * math.floor(late / timedelta(hours=1))))
    exact = base * URGENCY[urgency] + overdue + Fraction(warmness - 50, 2)
    expected = max(floor, max(0, min(200, math.floor(exact + Fraction(1, 2)))))
    found = priority(
        task_type=task_type, due=NOW - late, now=NOW, warmness=warmness, urgency=urgency, floor=floor
    )
    assert found.score == expected
    assert found.category == category(expected)
    assert sql(base, int(URGENCY[urgency] * 100), NOW - late, NOW, warmness, floor) == expected


def test_a_locations_rows_go_over_the_defaults() -> None:
    weights = DEFAULT_WEIGHTS.with_rows(
        [
            ("source", "wix", 1),
            ("task_base", "rescue_call", 10),
            ("task_base", "custom", 12),
            ("task_base", "other", 5),
            ("task_urgency", "high", 300),
            ("task_overdue", "per_hour", 7),
            ("task_overdue", "most", 15),
            ("intent", "procedure", -99),
        ]
    )

    def scored(task_type: str, urgency: str, hours: int) -> int:
        due = NOW - timedelta(hours=hours)
        return priority(
            task_type=task_type, due=due, now=NOW, warmness=50, urgency=urgency, weights=weights
        ).score

    assert scored("rescue_call", "high", 0) == 30
    assert scored("custom", "", 2) == 26
    assert scored("call", "", 3) == 20
    assert "other" not in weights.base
    assert "intent" not in weights.base
    assert DEFAULT_WEIGHTS.base["rescue_call"] == 100
    assert DEFAULT_WEIGHTS.urgency == {"high": 150, "medium": 120, "low": 100}
    assert DEFAULT_WEIGHTS.with_rows([]) == DEFAULT_WEIGHTS


def test_the_defaults_come_back_from_their_rows() -> None:
    rows = DEFAULT_WEIGHTS.as_rows()
    assert {(kind, key): value for kind, key, value in rows} == {
        **{("task_base", key): value for key, value in BASE.items()},
        ("task_base", "other"): 50,
        ("task_urgency", "high"): 150,
        ("task_urgency", "medium"): 120,
        ("task_urgency", "low"): 100,
        ("task_overdue", "per_hour"): 20,
        ("task_overdue", "most"): 100,
    }
    bare = replace(DEFAULT_WEIGHTS, base={}, urgency={}, other_base=0, overdue_per_hour=0, overdue_most=0)
    assert bare.with_rows(rows) == DEFAULT_WEIGHTS


def test_weights_that_cannot_be_are_refused() -> None:
    with pytest.raises(Invalid) as caught:
        DEFAULT_WEIGHTS.with_rows([("task_base", "call", -1)])
    assert caught.value.message == "task_base.call must be 0 or more, not -1."
    assert caught.value.fields == {"task_base.call": ["Must be 0 or more."]}
    with pytest.raises(Invalid) as caught:
        DEFAULT_WEIGHTS.with_rows([("task_overdue", "per_day", 1)])
    assert caught.value.message == "There is no weight 'task_overdue.per_day'. Overdue has: per_hour, most."
    assert caught.value.fields == {"task_overdue.per_day": ["Unknown weight."]}
    assert DEFAULT_WEIGHTS.with_rows([("task_base", "call", 0)]).base["call"] == 0


SYDNEY = ZoneInfo("Australia/Sydney")


def test_the_timeframes_meet_at_now_and_at_local_midnight() -> None:
    now = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)  # 14:00 in Sydney
    midnight = datetime(2026, 3, 2, 13, 0, tzinfo=UTC)
    assert day_end(now, SYDNEY) == midnight
    assert day_end(now, SYDNEY).tzinfo is UTC
    assert timeframe(now - TICK, now, SYDNEY) is Timeframe.OVERDUE
    assert timeframe(now, now, SYDNEY) is Timeframe.TODAY
    assert timeframe(midnight - TICK, now, SYDNEY) is Timeframe.TODAY
    assert timeframe(midnight, now, SYDNEY) is Timeframe.UPCOMING
    assert [frame.value for frame in Timeframe] == ["overdue", "today", "upcoming"]


@pytest.mark.parametrize(("day", "hours"), [((2026, 4, 5), 25), ((2026, 10, 4), 23), ((2026, 6, 1), 24)])
def test_a_local_day_is_as_long_as_the_clocks_say(day: tuple[int, int, int], hours: int) -> None:
    start = datetime(*day, tzinfo=SYDNEY).astimezone(UTC)
    assert day_end(start, SYDNEY) - start == timedelta(hours=hours)
    assert day_end(start + timedelta(hours=hours) - TICK, SYDNEY) == start + timedelta(hours=hours)


@given(
    st.integers(0, 3650 * 24 * 60).map(lambda minutes: NOW - timedelta(days=1825, minutes=-minutes)),
    st.timedeltas(timedelta(0), timedelta(days=3)),
    st.sampled_from(["Australia/Sydney", "America/New_York", "Asia/Kolkata", "Pacific/Auckland", "UTC"]),
)
def test_today_is_what_shares_the_local_date(now: datetime, ahead: timedelta, name: str) -> None:
    zone = ZoneInfo(name)
    due = now + ahead
    same_date = due.astimezone(zone).date() == now.astimezone(zone).date()
    assert (timeframe(due, now, zone) is Timeframe.TODAY) == same_date
