from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.scoring import (
    DEFAULT_WEIGHTS,
    Adjustment,
    Band,
    Crossing,
    Line,
    Part,
    Score,
    Touch,
    WarmnessInputs,
    band,
    crossings,
    warmness,
)
from core.errors import Invalid

LEAD = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
LATER = LEAD + timedelta(days=30)
SECOND = timedelta(seconds=1)

INTENT = {"procedure": 30, "high_risk": 25, "follow_up": 20, "routine_check": 10, "general_inquiry": 5}
SOURCE = {
    "referral": 20,
    "manychat_completed": 15,
    "meta_form": 10,
    "existing_patient": 10,
    "organic_search": 5,
    "word_of_mouth": 5,
}
ENGAGEMENT = {
    "sms_reply_1hr": 10,
    "sms_reply_24hr": 5,
    "resource_download": 10,
    "booking_link_click": 15,
    "email_opened": 5,
}


def points(inputs: WarmnessInputs, part: str, now: datetime = LATER) -> int:
    return warmness(inputs, now=now).points()[part]


@pytest.mark.parametrize(("intent", "worth"), [*INTENT.items(), ("", 0), ("other", 0)])
def test_an_intent_is_worth_what_the_table_says(intent: str, worth: int) -> None:
    score = warmness(WarmnessInputs(intent=intent), now=LATER)
    assert score.value == score.total == worth
    said = f"Intent is {intent}." if intent else "No intent is known."
    assert score.parts[0] == Part("intent", worth, said)


@pytest.mark.parametrize(("source", "worth"), [*SOURCE.items(), ("wix", 0), ("manychat", 0), ("", 0)])
def test_a_source_is_worth_what_the_table_says(source: str, worth: int) -> None:
    score = warmness(WarmnessInputs(source=source), now=LATER)
    assert score.value == worth
    said = f"Source is {source}." if source else "No source is known."
    assert score.parts[1] == Part("source", worth, said)


@pytest.mark.parametrize(
    ("kind", "worth"), [*ENGAGEMENT.items(), ("sms_received", 0), ("email_clicked", 5), ("form_submit", 0)]
)
def test_each_touchpoint_is_worth_what_the_table_says(kind: str, worth: int) -> None:
    assert points(WarmnessInputs(touches=[Touch(1, kind, LEAD)]), "engagement") == worth
    assert (
        points(WarmnessInputs(touches=[Touch(1, kind, LEAD), Touch(2, kind, LEAD)]), "engagement")
        == 2 * worth
    )


def test_engagement_is_explained_with_the_rows_behind_it() -> None:
    touches = [
        Touch(4, "sms_reply_1hr", LEAD + 2 * SECOND),
        Touch(3, "email_opened", LEAD + SECOND),
        Touch(5, "sms_reply_1hr", LEAD + 3 * SECOND),
        Touch(6, "sms_received", LEAD),
    ]
    part = warmness(WarmnessInputs(touches=touches), now=LATER).parts[2]
    assert part == Part(
        "engagement",
        25,
        "Engagement gave 25.",
        (Line(5, "email_opened: 1 at 5 each.", (3,)), Line(20, "sms_reply_1hr: 2 at 10 each.", (4, 5))),
    )
    assert part.rows == (3, 4, 5)
    assert part.as_dict() == {
        "name": "engagement",
        "points": 25,
        "reason": "Engagement gave 25.",
        "rows": [3, 4, 5],
        "lines": [
            {"points": 5, "reason": "email_opened: 1 at 5 each.", "rows": [3]},
            {"points": 20, "reason": "sms_reply_1hr: 2 at 10 each.", "rows": [4, 5]},
        ],
    }


def test_engagement_gives_forty_at_most_and_says_so() -> None:
    clicks = [Touch(number, "booking_link_click", LEAD) for number in range(3)]
    part = warmness(WarmnessInputs(touches=clicks), now=LATER).parts[2]
    assert (part.points, part.reason) == (40, "Engagement gave 45, of which at most 40 count.")
    assert sum(line.points for line in part.lines) == 45
    forty = [*clicks[:2], Touch(8, "resource_download", LEAD)]
    part = warmness(WarmnessInputs(touches=forty), now=LATER).parts[2]
    assert (part.points, part.reason) == (40, "Engagement gave 40.")


def test_no_engagement_is_said_so() -> None:
    assert warmness(WarmnessInputs(), now=LATER).parts[2] == Part("engagement", 0, "No engagement yet.")


def test_what_mail_scanners_do_counts_nothing() -> None:
    touches = [
        Touch(1, "email_opened", LEAD, message="m", by_scanner=True),
        Touch(2, "booking_link_click", LEAD, by_scanner=True),
        Touch(3, "email_clicked", LEAD, message="m", by_scanner=True),
    ]
    assert points(WarmnessInputs(touches=touches), "engagement") == 0


def test_a_click_counts_its_open_once() -> None:
    opened = Touch(1, "email_opened", LEAD + SECOND, message="m")
    click = Touch(2, "email_clicked", LEAD, message="m")
    again = Touch(3, "email_clicked", LEAD + 2 * SECOND, message="m")
    other = Touch(4, "email_clicked", LEAD + 3 * SECOND, message="n")
    scanned = replace(opened, id=5, by_scanner=True)
    assert points(WarmnessInputs(touches=[click]), "engagement") == 5
    assert points(WarmnessInputs(touches=[click, again]), "engagement") == 5
    assert points(WarmnessInputs(touches=[opened, click, again]), "engagement") == 5
    assert points(WarmnessInputs(touches=[scanned, click]), "engagement") == 5
    part = warmness(WarmnessInputs(touches=[opened, click, again, other]), now=LATER).parts[2]
    assert part.lines == (Line(10, "email_opened: 2 at 5 each.", (1, 4)),)


def test_an_open_without_a_message_says_nothing_about_a_click_of_one() -> None:
    touches = [Touch(1, "email_opened", LEAD), Touch(2, "email_clicked", LEAD, message="m")]
    assert points(WarmnessInputs(touches=touches), "engagement") == 10


@pytest.mark.parametrize(
    ("waited", "worth", "reason"),
    [
        (timedelta(0), 10, "First contacted within 5 minutes."),
        (timedelta(minutes=5), 10, "First contacted within 5 minutes."),
        (timedelta(minutes=5) + SECOND, -5, "First contacted after more than 5 minutes."),
        (timedelta(hours=1), -5, "First contacted after more than 5 minutes."),
        (timedelta(hours=1) + SECOND, 0, "First contacted after more than an hour."),
        (timedelta(hours=24) - SECOND, 0, "First contacted after more than an hour."),
        (timedelta(hours=24), -10, "First contacted after 24 hours or more."),
        (timedelta(days=9), -10, "First contacted after 24 hours or more."),
    ],
)
@pytest.mark.parametrize("kind", ["sms_sent", "call_attempted"])
@pytest.mark.parametrize("cause", ["user", "rule_run"])
def test_speed_to_lead_goes_by_the_first_contact(
    waited: timedelta, worth: int, reason: str, kind: str, cause: str
) -> None:
    touches = [
        Touch(9, kind, LEAD + waited, cause_kind=cause),
        Touch(10, "sms_sent", LEAD + waited + SECOND),
        Touch(1, "lead_created", LEAD),
    ]
    for inputs in (WarmnessInputs(touches=touches), WarmnessInputs(touches=touches[:2], lead_at=LEAD)):
        part = warmness(inputs, now=LATER).parts[3]
        assert (part.name, part.points, part.reason, part.rows) == ("speed", worth, reason, (9,))


@pytest.mark.parametrize(
    ("waited", "worth", "reason"),
    [
        (timedelta(0), 0, "Not contacted yet; less than 24 hours have passed."),
        (timedelta(hours=24) - SECOND, 0, "Not contacted yet; less than 24 hours have passed."),
        (timedelta(hours=24), -10, "Not contacted within 24 hours."),
        (timedelta(days=30), -10, "Not contacted within 24 hours."),
    ],
)
def test_a_lead_nobody_contacts_cools_after_a_day(waited: timedelta, worth: int, reason: str) -> None:
    part = warmness(WarmnessInputs(lead_at=LEAD), now=LEAD + waited).parts[3]
    assert part == Part("speed", worth, reason)


def test_who_never_was_a_lead_has_no_speed() -> None:
    for inputs in (
        WarmnessInputs(touches=[Touch(1, "sms_sent", LEAD)]),
        WarmnessInputs(lead_at=LATER + SECOND),
    ):
        part = warmness(inputs, now=LATER).parts[3]
        assert part == Part("speed", 0, "Not a lead, so speed to lead does not count.")


@pytest.mark.parametrize(
    "touch",
    [
        Touch(1, "sms_sent", LEAD - SECOND),
        Touch(1, "sms_sent", LEAD, cause_kind="provider"),
        Touch(1, "sms_sent", LEAD, cause_kind="system"),
        Touch(1, "sms_received", LEAD),
        Touch(1, "email_sent", LEAD),
    ],
)
def test_only_a_text_or_call_by_us_since_the_lead_is_a_contact(touch: Touch) -> None:
    assert points(WarmnessInputs(touches=[touch], lead_at=LEAD), "speed") == -10


def test_the_first_lead_created_counts_and_a_given_moment_counts_more() -> None:
    touches = [
        Touch(2, "lead_created", LEAD + timedelta(hours=2)),
        Touch(1, "lead_created", LEAD),
        Touch(3, "sms_sent", LEAD + timedelta(hours=2)),
    ]
    assert points(WarmnessInputs(touches=touches), "speed") == 0
    assert points(WarmnessInputs(touches=touches, lead_at=LEAD + timedelta(hours=2)), "speed") == 10


def test_adjustments_add_up_and_are_listed_in_time_order() -> None:
    rows = [Adjustment(8, -5, "No reply", LEAD + SECOND), Adjustment(7, 10, "Confirmed", LEAD)]
    part = warmness(WarmnessInputs(adjustments=rows), now=LATER).parts[4]
    assert part == Part(
        "adjustments", 5, "2 adjustments: +5.", (Line(10, "Confirmed", (7,)), Line(-5, "No reply", (8,)))
    )
    assert part.rows == (7, 8)
    alone = warmness(WarmnessInputs(adjustments=rows[:1]), now=LATER).parts[4]
    assert alone.reason == "1 adjustment: -5."
    assert warmness(WarmnessInputs(), now=LATER).parts[4] == Part("adjustments", 0, "No adjustments.")


def test_rows_after_the_moment_do_not_count_so_any_past_score_can_be_had() -> None:
    inputs = WarmnessInputs(
        touches=[Touch(1, "sms_reply_1hr", LEAD)], adjustments=[Adjustment(2, 7, "Manual", LEAD)]
    )
    assert warmness(inputs, now=LEAD).value == 17
    assert warmness(inputs, now=LEAD - SECOND).value == 0


def test_the_score_is_clamped_and_keeps_its_sum() -> None:
    high = WarmnessInputs(adjustments=[Adjustment(1, 101, "Gift", LEAD)])
    low = WarmnessInputs(adjustments=[Adjustment(1, -1, "Rude", LEAD)])
    assert (warmness(high, now=LATER).value, warmness(high, now=LATER).total) == (100, 101)
    assert (warmness(low, now=LATER).value, warmness(low, now=LATER).total) == (0, -1)


def test_a_score_says_everything_about_itself() -> None:
    score = warmness(WarmnessInputs(intent="procedure", source="referral"), now=LATER)
    assert score.points() == {"intent": 30, "source": 20, "engagement": 0, "speed": 0, "adjustments": 0}
    assert score.reasons == ("Intent is procedure.", "Source is referral.")
    assert score.band is Band.WARM
    said = score.as_dict()
    assert {key: said[key] for key in ("score", "band", "total")} == {
        "score": 50,
        "band": "WARM",
        "total": 50,
    }
    assert said["parts"] == [part.as_dict() for part in score.parts]
    assert isinstance(score, Score)


@pytest.mark.parametrize(
    ("score", "expected"), [(0, "COOL"), (39, "COOL"), (40, "WARM"), (69, "WARM"), (70, "HOT"), (100, "HOT")]
)
def test_the_bands_begin_at_forty_and_seventy(score: int, expected: str) -> None:
    assert band(score).value == expected


REACHED = "Warmness reached 70 (from {} to {})."
EXCEEDED = "Warmness exceeded 80 (from {} to {})."


@pytest.mark.parametrize(
    ("previous", "score", "passed"),
    [
        (None, 69, []),
        (None, 70, [(70, 0)]),
        (69, 70, [(70, 69)]),
        (70, 70, []),
        (70, 80, []),
        (80, 81, [(80, 80)]),
        (81, 82, []),
        (79, 81, [(80, 79)]),
        (69, 80, [(70, 69)]),
        (60, 95, [(70, 60), (80, 60)]),
        (95, 60, []),
        (81, 80, []),
        (71, 69, []),
    ],
)
def test_a_threshold_is_told_once_when_passed_upwards(
    previous: int | None, score: int, passed: list[tuple[int, int]]
) -> None:
    texts = {70: REACHED, 80: EXCEEDED}
    assert crossings(previous, score) == tuple(
        Crossing(threshold, before, score, texts[threshold].format(before, score))
        for threshold, before in passed
    )


@given(st.lists(st.integers(0, 100), max_size=30))
def test_between_two_crossings_the_score_was_below_again(scores: list[int]) -> None:
    told: dict[int, bool] = {70: False, 80: False}
    previous: int | None = None
    for score in scores:
        for threshold, still in ((70, score >= 70), (80, score > 80)):
            crossed = any(crossing.threshold == threshold for crossing in crossings(previous, score))
            assert crossed == (still and not told[threshold])
            told[threshold] = still
        previous = score


def test_a_locations_rows_go_over_the_defaults() -> None:
    weights = DEFAULT_WEIGHTS.with_rows(
        [
            ("intent", "procedure", 50),
            ("source", "walk_in", 7),
            ("engagement", "email_opened", 1),
            ("engagement", "cap", 2),
            ("speed", "at_once", 4),
            ("task_base", "call", 99),
        ]
    )
    touches = [Touch(1, "sms_sent", LEAD), *(Touch(n, "email_opened", LEAD) for n in range(2, 5))]
    inputs = WarmnessInputs(intent="procedure", source="walk_in", touches=touches, lead_at=LEAD)
    expected = {"intent": 50, "source": 7, "engagement": 2, "speed": 4, "adjustments": 0}
    assert warmness(inputs, now=LATER, weights=weights).points() == expected
    assert DEFAULT_WEIGHTS.intent["procedure"] == 30
    assert DEFAULT_WEIGHTS.with_rows([]) == DEFAULT_WEIGHTS
    assert "cap" not in weights.engagement
    assert weights.speed == {"at_once": 4, "slowly": -5, "unanswered": -10}


def test_the_defaults_are_the_table_and_come_back_from_their_rows() -> None:
    rows = DEFAULT_WEIGHTS.as_rows()
    assert {(kind, key): value for kind, key, value in rows} == {
        **{("intent", key): value for key, value in INTENT.items()},
        **{("source", key): value for key, value in SOURCE.items()},
        **{("engagement", key): value for key, value in ENGAGEMENT.items()},
        ("speed", "at_once"): 10,
        ("speed", "slowly"): -5,
        ("speed", "unanswered"): -10,
        ("engagement", "cap"): 40,
    }
    assert len(rows) == len(set(rows))
    emptied = replace(DEFAULT_WEIGHTS, intent={}, source={}, engagement={}, speed={}, engagement_cap=0)
    assert emptied.with_rows(rows) == DEFAULT_WEIGHTS


def test_a_weight_left_out_of_the_table_is_worth_nothing() -> None:
    bare = replace(DEFAULT_WEIGHTS, speed={})
    assert warmness(WarmnessInputs(lead_at=LEAD), now=LATER, weights=bare).total == 0


def test_weights_that_cannot_be_are_refused() -> None:
    with pytest.raises(Invalid) as caught:
        DEFAULT_WEIGHTS.with_rows([("engagement", "cap", -1)])
    assert caught.value.message == "The most that engagement can give must be 0 or more, not -1."
    assert caught.value.fields == {"engagement.cap": ["Must be 0 or more."]}
    with pytest.raises(Invalid) as caught:
        DEFAULT_WEIGHTS.with_rows([("speed", "fast", 1)])
    assert caught.value.message == (
        "Speed to lead has no weight 'fast'. The weights are: at_once, slowly, unanswered."
    )
    assert caught.value.fields == {"speed.fast": ["Unknown weight."]}


TYPES = st.sampled_from([*ENGAGEMENT, "sms_sent", "call_attempted", "sms_received", "lead_created"])
MINUTES = st.integers(0, 3000)


@given(
    intent=st.sampled_from([*INTENT, "", "odd"]),
    source=st.sampled_from([*SOURCE, "wix", ""]),
    touches=st.lists(st.tuples(TYPES, MINUTES), max_size=12),
    deltas=st.lists(st.tuples(st.integers(-60, 60), MINUTES), max_size=5),
    now=MINUTES,
)
def test_warmness_is_domain_mds_table(
    intent: str, source: str, touches: list[tuple[str, int]], deltas: list[tuple[int, int]], now: int
) -> None:
    at = [LEAD + timedelta(minutes=minute) for minute in range(3001)]
    inputs = WarmnessInputs(
        intent=intent,
        source=source,
        touches=[Touch(number, kind, at[minute]) for number, (kind, minute) in enumerate(touches)],
        adjustments=[Adjustment(n, delta, "x", at[minute]) for n, (delta, minute) in enumerate(deltas)],
    )
    seen = [(kind, minute) for kind, minute in touches if minute <= now]
    leads = [minute for kind, minute in seen if kind == "lead_created"]
    speed = 0
    if leads:
        contacts = [m for kind, m in seen if kind in ("sms_sent", "call_attempted") and m >= min(leads)]
        waited = min(contacts, default=now) - min(leads)
        if waited >= 1440:
            speed = -10
        elif contacts:
            speed = 10 if waited <= 5 else -5 if waited <= 60 else 0
    expected = (
        INTENT.get(intent, 0)
        + SOURCE.get(source, 0)
        + min(40, sum(ENGAGEMENT.get(kind, 0) for kind, _ in seen))
        + speed
        + sum(delta for delta, minute in deltas if minute <= now)
    )
    score = warmness(inputs, now=at[now])
    assert score.total == expected
    assert score.value == min(100, max(0, expected))
    assert score.total == sum(part.points for part in score.parts)
    shuffled = replace(inputs, touches=list(reversed(inputs.touches)))
    assert warmness(shuffled, now=at[now]).points() == score.points()
