from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.delivery import MESSAGE
from messaging.policy import (
    REASONS,
    STATUSES,
    Decision,
    Request,
    Visit,
    may_send,
)
from messaging.quiet import DEFAULT_QUIET, QuietHours

SYDNEY = ZoneInfo("Australia/Sydney")


def at(wall: str) -> datetime:
    return datetime.fromisoformat(wall).replace(tzinfo=SYDNEY).astimezone(UTC)


DAY = at("2026-12-01T12:00")
NIGHT = at("2026-12-01T22:00")
MORNING = at("2026-12-02T08:00")
SERVICE = Request(purpose="service", zone=SYDNEY)
CARE = replace(SERVICE, purpose="care")
MARKETING = replace(SERVICE, purpose="marketing", consent="granted")


def decide(request: Request, now: datetime = DAY, **changes: object) -> Decision:
    return may_send(replace(request, **changes), now=now)  # type: ignore[arg-type]


GO = Decision("send", "allowed")


# Consent


@pytest.mark.parametrize(
    ("purpose", "consent", "decision"),
    [
        ("service", "granted", GO),
        ("service", "implied", GO),
        ("service", "none", GO),
        ("service", "withdrawn", Decision("suppress", "opted_out")),
        ("care", "granted", GO),
        ("care", "implied", GO),
        ("care", "none", GO),
        ("care", "withdrawn", Decision("suppress", "opted_out")),
        ("marketing", "granted", GO),
        ("marketing", "implied", Decision("suppress", "no_consent")),
        ("marketing", "none", Decision("suppress", "no_consent")),
        ("marketing", "withdrawn", Decision("suppress", "opted_out")),
        ("something new", "granted", GO),
        ("something new", "none", Decision("suppress", "no_consent")),
    ],
)
def test_each_purpose_needs_its_consent(purpose: str, consent: str, decision: Decision) -> None:
    assert decide(SERVICE, purpose=purpose, consent=consent) == decision


@pytest.mark.parametrize("request_", [SERVICE, CARE, MARKETING, replace(SERVICE, reply=True)])
def test_after_a_stop_nothing_goes_but_the_answer_to_it(request_: Request) -> None:
    assert decide(request_, opted_out=True) == Decision("suppress", "opted_out")
    assert decide(request_, opted_out=True, carrier_reply=True) == Decision("send", "carrier_reply")
    assert decide(request_, consent="withdrawn", carrier_reply=True) == Decision("send", "carrier_reply")


def test_consent_ends_when_it_expires() -> None:
    assert decide(MARKETING, consent_expires_at=DAY) == Decision("suppress", "no_consent")
    assert decide(MARKETING, consent_expires_at=DAY + timedelta(seconds=1)) == GO
    assert decide(CARE, consent_expires_at=DAY) == GO


def test_a_number_that_cannot_be_reached_gets_nothing_at_all() -> None:
    for carrier_reply in (False, True):
        assert decide(SERVICE, blocked_number=True, carrier_reply=carrier_reply) == Decision(
            "suppress", "blocked_number"
        )


def test_care_is_capped_for_each_person() -> None:
    assert decide(CARE, care_sent=1, care_limit=2) == GO
    assert decide(CARE, care_sent=2, care_limit=2) == Decision("suppress", "cap")
    assert decide(CARE, care_sent=3, care_limit=2) == Decision("suppress", "cap")
    assert decide(CARE, care_sent=99) == GO
    assert decide(SERVICE, care_sent=3, care_limit=2) == GO
    assert decide(MARKETING, care_sent=3, care_limit=2) == GO


def test_marketing_is_capped_for_each_number() -> None:
    assert decide(MARKETING, marketing_sent=1, marketing_limit=2) == GO
    assert decide(MARKETING, marketing_sent=2, marketing_limit=2) == Decision("suppress", "cap")
    assert decide(MARKETING, marketing_sent=99) == GO
    assert decide(CARE, marketing_sent=2, marketing_limit=2) == GO


def test_automatic_messages_are_capped_for_each_number_and_peoples_are_not() -> None:
    assert decide(SERVICE, automatic_sent=2, automatic_limit=3) == GO
    assert decide(SERVICE, automatic_sent=3, automatic_limit=3) == Decision("suppress", "cap")
    assert decide(SERVICE, automatic_sent=3, automatic_limit=3, automated=False) == GO
    assert decide(SERVICE, automatic_sent=3, automatic_limit=3, carrier_reply=True).kind == "send"


def test_automatic_answers_beyond_the_limit_wait_for_a_person() -> None:
    assert decide(SERVICE, answers_sent=1, answers_limit=2, reply=True).kind == "send"
    assert decide(SERVICE, answers_sent=2, answers_limit=2, reply=True) == Decision("hold", "loop")
    assert decide(SERVICE, answers_sent=2, answers_limit=2) == GO
    assert decide(SERVICE, answers_sent=2, answers_limit=2, reply=True, automated=False).kind == "send"
    assert decide(SERVICE, answers_sent=2, answers_limit=2, reply=True, carrier_reply=True).kind == "send"


def test_what_a_person_let_go_passes_the_days_cost() -> None:
    assert decide(SERVICE, spent_cents=100, cost_cents=10, cap_cents=100, let_go=True) == GO


# The clinic


def test_only_a_live_clinic_sends_by_itself() -> None:
    assert decide(SERVICE, mode="live") == GO
    assert decide(SERVICE, mode="shadow") == Decision("suppress", "shadow")
    assert decide(SERVICE, mode="off") == Decision("suppress", "automation_off")
    assert decide(SERVICE, mode="shadow", carrier_reply=True) == Decision("suppress", "shadow")


@pytest.mark.parametrize("mode", ["off", "shadow", "live"])
def test_what_staff_send_by_hand_goes_in_every_mode(mode: str) -> None:
    assert decide(SERVICE, mode=mode, automated=False) == GO


def test_a_stopped_clinic_or_one_without_a_number_holds_messages() -> None:
    assert decide(SERVICE, kill_switch=True) == Decision("hold", "kill_switch")
    assert decide(SERVICE, safe_mode=True, kill_switch=True) == Decision("hold", "safe_mode")
    assert decide(SERVICE, has_sender=False) == Decision("hold", "no_sender")
    assert decide(SERVICE, kill_switch=True, has_sender=False).reason == "kill_switch"
    assert decide(SERVICE, kill_switch=True, carrier_reply=True) == Decision("hold", "kill_switch")


def test_what_is_over_the_cap_of_the_day_is_held() -> None:
    assert decide(SERVICE, spent_cents=90, cost_cents=10, cap_cents=100) == GO
    assert decide(SERVICE, spent_cents=91, cost_cents=10, cap_cents=100) == Decision("hold", "cap")
    assert decide(SERVICE, spent_cents=0, cost_cents=1, cap_cents=0) == Decision("hold", "cap")
    assert decide(SERVICE, spent_cents=10**9, cost_cents=1) == GO
    assert decide(SERVICE, spent_cents=100, cost_cents=10, cap_cents=100, carrier_reply=True).kind == "send"


# The visit, and time


VISIT = at("2026-12-02T15:00")


@pytest.mark.parametrize(
    ("visit", "decision"),
    [
        (Visit(VISIT), GO),
        (Visit(VISIT, planned_for=VISIT), GO),
        (Visit(VISIT, planned_for=VISIT + timedelta(minutes=1)), Decision("skip", "visit_moved")),
        (Visit(VISIT, cancelled=True), Decision("skip", "visit_cancelled")),
        (Visit(VISIT, planned_for=DAY, cancelled=True), Decision("skip", "visit_cancelled")),
        (Visit(VISIT, over=True), Decision("skip", "visit_over")),
        (Visit(VISIT, planned_for=DAY, over=True), Decision("skip", "visit_moved")),
        (Visit(DAY), Decision("skip", "visit_over")),
        (Visit(DAY + timedelta(seconds=1)), GO),
    ],
)
def test_a_message_that_needs_its_visit_goes_only_while_that_stands(visit: Visit, decision: Decision) -> None:
    assert decide(SERVICE, visit=visit) == decision


def test_nothing_goes_that_has_lost_its_meaning() -> None:
    assert decide(SERVICE, expires_at=DAY) == Decision("expire", "too_late")
    assert decide(SERVICE, expires_at=DAY + timedelta(seconds=1)) == GO


def test_a_message_waits_for_its_time() -> None:
    later = DAY + timedelta(hours=1)
    assert decide(SERVICE, send_at=later) == Decision("wait", "not_due", later)
    assert decide(SERVICE, send_at=DAY) == GO
    assert decide(SERVICE, send_at=DAY - timedelta(days=1)) == GO
    assert decide(SERVICE, send_at=NIGHT) == Decision("wait", "quiet_hours", MORNING)


# Quiet hours


@pytest.mark.parametrize("request_", [SERVICE, CARE, MARKETING])
def test_at_night_messages_wait_for_the_morning(request_: Request) -> None:
    assert decide(request_, NIGHT) == Decision("wait", "quiet_hours", MORNING)
    assert decide(request_, MORNING) == GO
    assert decide(request_, at("2026-12-01T19:59")) == GO
    assert decide(request_, at("2026-12-01T20:00")) == Decision("wait", "quiet_hours", MORNING)


def test_a_clinic_has_its_own_quiet_hours() -> None:
    late = QuietHours(time(21), time(8))
    assert decide(SERVICE, at("2026-12-01T20:30"), quiet=late) == GO
    assert decide(SERVICE, at("2026-12-01T21:00"), quiet=late) == Decision("wait", "quiet_hours", MORNING)


@pytest.mark.parametrize(
    ("minutes", "seconds", "decision"),
    [
        (0, 0, Decision("send", "just_acted")),
        (15, 0, Decision("send", "just_acted")),
        (15, 1, Decision("wait", "quiet_hours", MORNING)),
        (-1, 0, Decision("wait", "quiet_hours", MORNING)),
    ],
)
def test_who_has_just_acted_is_answered_at_night_too(minutes: int, seconds: int, decision: Decision) -> None:
    acted = NIGHT - timedelta(minutes=minutes, seconds=seconds)
    assert decide(SERVICE, NIGHT, acted_at=acted) == decision


def test_a_planned_answer_is_judged_by_when_it_goes() -> None:
    soon, late = NIGHT + timedelta(minutes=10), NIGHT + timedelta(minutes=20)
    assert decide(SERVICE, NIGHT, acted_at=NIGHT, send_at=soon) == Decision("wait", "not_due", soon)
    assert decide(SERVICE, NIGHT, acted_at=NIGHT, send_at=late) == Decision("wait", "quiet_hours", MORNING)


def test_replies_go_at_night_and_say_why() -> None:
    assert decide(SERVICE, NIGHT, reply=True) == Decision("send", "conversation_reply")
    assert decide(SERVICE, NIGHT, carrier_reply=True, reply=True) == Decision("send", "carrier_reply")
    assert decide(SERVICE, DAY, reply=True, acted_at=DAY) == Decision("send", "conversation_reply")


def test_waiting_past_the_visit_or_the_end_is_never() -> None:
    assert decide(SERVICE, NIGHT, visit=Visit(MORNING)) == Decision("skip", "visit_over")
    assert decide(SERVICE, NIGHT, visit=Visit(MORNING + timedelta(seconds=1))) == Decision(
        "wait", "quiet_hours", MORNING
    )
    assert decide(SERVICE, NIGHT, expires_at=MORNING) == Decision("expire", "too_late")
    assert decide(SERVICE, NIGHT, expires_at=MORNING + timedelta(seconds=1)) == Decision(
        "wait", "quiet_hours", MORNING
    )
    assert decide(SERVICE, DAY, send_at=NIGHT, visit=Visit(NIGHT), reply=True) == Decision(
        "skip", "visit_over"
    )


# Order and words


def test_the_reason_that_will_not_go_away_is_the_one_shown() -> None:
    everything: dict[str, object] = {
        "visit": Visit(VISIT, cancelled=True),
        "expires_at": DAY,
        "mode": "shadow",
        "blocked_number": True,
        "opted_out": True,
        "kill_switch": True,
        "send_at": NIGHT,
    }
    order = [
        "visit_cancelled",
        "too_late",
        "shadow",
        "blocked_number",
        "opted_out",
        "kill_switch",
        "quiet_hours",
    ]
    cures = [
        ("visit", None),
        ("expires_at", None),
        ("mode", "live"),
        ("blocked_number", False),
        ("opted_out", False),
    ]
    found = []
    for cure, value in [*cures, ("kill_switch", False)]:
        found.append(decide(SERVICE, **everything).reason)
        everything[cure] = value
    assert [*found, decide(SERVICE, **everything).reason] == order


def test_every_answer_has_a_status_and_words() -> None:
    assert STATUSES == {
        "send": "queued",
        "wait": "scheduled",
        "skip": "skipped",
        "suppress": "suppressed",
        "hold": "held",
        "expire": "expired",
    }
    assert set(STATUSES.values()) <= set(MESSAGE.states)
    held = Decision("hold", "kill_switch")
    assert (held.status, held.words, held.until) == ("held", "Sending is stopped.", None)
    contract = (
        "opted_out no_consent blocked_number duplicate cap merged lead_time_passed visit_over visit_moved "
        "visit_cancelled kill_switch no_sender no_credit storm missing_value"
    )
    assert set(contract.split()) <= set(REASONS)
    assert all(words.endswith(".") and words[0].isupper() for words in REASONS.values())


@given(
    st.builds(
        Request,
        purpose=st.sampled_from(["service", "care", "marketing", "?"]),
        zone=st.just(SYDNEY),
        mode=st.sampled_from(["off", "shadow", "live"]),
        automated=st.booleans(),
        consent=st.sampled_from(["granted", "implied", "none", "withdrawn"]),
        opted_out=st.booleans(),
        carrier_reply=st.booleans(),
        reply=st.booleans(),
        visit=st.none() | st.builds(Visit, st.integers(-20, 20).map(lambda h: DAY + timedelta(hours=h))),
        expires_at=st.none() | st.integers(-20, 20).map(lambda h: DAY + timedelta(hours=h)),
        send_at=st.none() | st.integers(-20, 20).map(lambda h: DAY + timedelta(hours=h)),
    ),
    st.integers(0, 24).map(lambda h: DAY + timedelta(hours=h)),
)
def test_what_goes_out_is_allowed_and_what_waits_can_still_go(request_: Request, now: datetime) -> None:
    decision = may_send(request_, now=now)
    assert decision.words
    assert (decision.until is not None) is (decision.kind == "wait")
    if decision.kind not in ("send", "wait"):
        return
    moment = decision.until or now
    assert moment >= now
    assert request_.carrier_reply or not (request_.opted_out or request_.consent == "withdrawn")
    assert request_.visit is None or moment < request_.visit.start
    assert request_.expires_at is None or moment < request_.expires_at
    assert request_.carrier_reply or request_.reply or not DEFAULT_QUIET.contains(moment, SYDNEY)
    if decision.until is not None:
        assert may_send(request_, now=decision.until).kind == "send"
