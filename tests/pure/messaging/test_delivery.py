from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from integrations.ports import ReceiptStatus, SendOutcome
from messaging.delivery import MESSAGE, RANK, Next, after_receipt, after_send

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)

# States


FINAL = ("delivered", "failed", "received", "suppressed", "skipped", "expired", "cancelled")
MOVES = {
    "scheduled": "queued claimed parked suppressed skipped held expired cancelled",
    "queued": "scheduled claimed parked suppressed skipped held expired cancelled",
    "claimed": "scheduled queued sending suppressed skipped held expired cancelled",
    "sending": "scheduled queued sent delivered failed unknown parked",
    "sent": "delivered failed",
    "unknown": "scheduled queued sent delivered failed parked cancelled",
    "held": "scheduled queued suppressed skipped expired cancelled",
    "parked": "scheduled queued sent delivered failed cancelled",
}


def test_the_table_of_moves() -> None:
    assert MESSAGE.name == "message"
    assert {state: set(MESSAGE.targets(state)) for state in MESSAGE.states} == {
        **{state: set() for state in FINAL},
        **{state: set(targets.split()) for state, targets in MOVES.items()},
    }


def test_what_may_have_gone_out_is_never_withdrawn_as_if_it_had_not() -> None:
    for state in ("sent", "delivered"):
        assert not MESSAGE.targets(state) & {
            "cancelled",
            "suppressed",
            "skipped",
            "expired",
            "queued",
            "scheduled",
        }
    assert "cancelled" not in MESSAGE.targets("sending")


# Receipts


@pytest.mark.parametrize(
    ("status", "receipt", "becomes"),
    [
        ("sending", "accepted", "sent"),
        ("sending", "delivered", "delivered"),
        ("unknown", "sent", "sent"),
        ("unknown", "failed", "failed"),
        ("parked", "delivered", "delivered"),
        ("sent", "accepted", None),
        ("sent", "sent", None),
        ("sent", "delivered", "delivered"),
        ("sent", "failed", "failed"),
        ("delivered", "sent", None),
        ("delivered", "failed", None),
        ("delivered", "delivered", None),
        ("failed", "delivered", None),
        ("scheduled", "delivered", None),
        ("cancelled", "sent", None),
        ("received", "delivered", None),
    ],
)
def test_a_receipt_only_moves_a_message_up(status: str, receipt: ReceiptStatus, becomes: str | None) -> None:
    assert after_receipt(status, receipt) == becomes


@given(st.sampled_from(sorted(RANK)), st.lists(st.sampled_from(["accepted", "sent", "delivered", "failed"])))
def test_receipts_in_any_order_never_lower_a_message(status: str, receipts: list[ReceiptStatus]) -> None:
    for receipt in receipts:
        becomes = after_receipt(status, receipt)
        if becomes is not None:
            assert RANK[becomes] > RANK[status]
            assert MESSAGE.allowed(status, becomes)
            status = becomes


# Calls


def after(kind: str, *, attempt: int = 1, jitter: float = 0.0, **details: object) -> Next:
    return after_send(SendOutcome(kind, **details), attempt=attempt, now=NOW, jitter=jitter)  # type: ignore[arg-type]


def test_the_end_of_a_call_decides_what_becomes_of_the_message() -> None:
    assert after("accepted") == Next("sent", "", None)
    assert after("refused") == Next("failed", "refused", None)
    assert after("refused", error_code="21211") == Next("failed", "21211", None)
    assert after("unknown") == Next("unknown", "no_answer", None)
    assert after("unknown", error_code="timeout") == Next("unknown", "timeout", None)
    assert after("what is this") == Next("unknown", "no_answer", None)


@pytest.mark.parametrize(("attempt", "seconds"), [(1, 30), (2, 120), (3, 480), (4, 1920)])
def test_retries_wait_longer_each_time(attempt: int, seconds: int) -> None:
    assert after("retry", attempt=attempt) == Next("queued", "not_accepted", NOW + timedelta(seconds=seconds))
    assert after("retry", attempt=attempt, jitter=1.0).at == NOW + timedelta(seconds=seconds * 1.5)


def test_a_retry_waits_as_long_as_the_provider_asks() -> None:
    assert after("retry", retry_after=300, error_code="429") == Next(
        "queued", "429", NOW + timedelta(minutes=5)
    )
    assert after("retry", retry_after=1).at == NOW + timedelta(seconds=30)
    assert after("retry", retry_after=1e12).at == NOW + timedelta(hours=6)


def test_the_fifth_call_is_the_last() -> None:
    assert after("retry", attempt=5) == Next("parked", "not_accepted", None)
    assert after("retry", attempt=6, error_code="429") == Next("parked", "429", None)
