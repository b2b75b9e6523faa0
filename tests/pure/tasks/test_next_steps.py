from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.next_steps import CALLS, How, Situation, second_try, steps

EVERY_TYPE = (
    *sorted(CALLS), "sms_followup", "recall_reminder", "review_request", "referral_invite", "reply_needed",
    "record_outcome", "duplicate_check", "delivery_problem", "reconcile", "custom",
)  # fmt: skip
KNOWN = frozenset({"text", "reply", "invite", "failed"})


@pytest.mark.parametrize(
    ("type_", "more", "first"),
    [
        *((type_, {}, "call") for type_ in sorted(CALLS)),
        *((type_, {"phone": False}, "number") for type_ in sorted(CALLS)),
        ("sms_followup", {}, "text"),
        ("recall_reminder", {}, "text"),
        ("review_request", {}, "invite"),
        ("referral_invite", {}, "invite"),
        ("reply_needed", {}, "reply"),
        ("reply_needed", {"known": frozenset()}, "call"),
        ("record_outcome", {"visit": "over"}, "attended"),
        ("record_outcome", {"visit": "closed", "phone": False}, "done"),
        ("duplicate_check", {}, "compare"),
        ("delivery_problem", {}, "failed"),
        ("delivery_problem", {"person": False, "phone": False}, "done"),
        ("reconcile", {"visit": "ahead"}, "move"),
        ("reconcile", {"person": False, "phone": False}, "done"),
        ("custom", {}, "done"),
        ("custom", {"wrong_number": True}, "number"),
    ],
)
def test_the_best_next_step_goes_by_type_and_by_what_there_is(
    type_: str, more: dict[str, object], first: str
) -> None:
    assert steps(Situation(type_, **{"known": KNOWN, **more}))[0].key == first  # type: ignore[arg-type]


def test_a_visit_that_stands_is_confirmed_or_moved_from_its_call() -> None:
    keys = [
        step.key
        for step in steps(Situation("confirmation_call", visit="ahead", can_confirm=True, known=KNOWN))
    ]
    assert keys == ["call", "confirm", "move", "text"]
    assert "confirm" not in {
        step.key for step in steps(Situation("confirmation_call", visit="ahead", known=KNOWN))
    }


@given(
    st.sampled_from(EVERY_TYPE), st.booleans(), st.booleans(), st.sampled_from(["", "ahead", "over", "closed"]),
    st.booleans(), st.booleans(), st.sets(st.sampled_from(sorted(KNOWN))),
)  # fmt: skip
def test_no_row_is_without_a_step_and_none_offers_what_it_cannot_do(
    type_: str, person: bool, phone: bool, visit: str, can_confirm: bool, wrong: bool, known: set[str]
) -> None:
    at = Situation(type_, person, phone and person, visit, can_confirm, wrong, frozenset(known))
    found = steps(at)
    keys = [step.key for step in found]
    assert found
    assert len(set(keys)) == len(keys)
    assert at.phone or not {step for step in found if step.how == How.DIAL}
    assert at.person or not {"book", "number", "compare"} & set(keys)
    assert {"text", "reply", "invite", "failed"} & set(keys) <= known


@pytest.mark.parametrize(
    ("attempts", "offered", "again"),
    [
        (0, {"hour", "afternoon", "tomorrow", "week"}, "hour"),
        (1, {"hour", "afternoon", "tomorrow", "week"}, "afternoon"),
        (1, {"hour", "tomorrow", "week"}, "tomorrow"),
        (2, {"hour", "afternoon", "tomorrow", "week"}, "tomorrow"),
        (3, {"hour", "afternoon", "tomorrow", "week"}, ""),
        (0, set(), ""),
    ],
)
def test_a_call_is_tried_again_further_and_further_apart(
    attempts: int, offered: set[str], again: str
) -> None:
    assert second_try(attempts, offered, 5) == again
