from __future__ import annotations

import pytest

from tasks.worth import Price, money, usual_price, warmth, words

PRICES = [
    Price("procedure", False, 45_000), Price("procedure", True, 60_000), Price("routine", False, 12_000),
    Price("routine", False, 18_000), Price("routine", False, 99_000),
]  # fmt: skip


@pytest.mark.parametrize(
    ("cents", "currency", "shown"),
    [
        (18_000, "AUD", "$180"),
        (125_050, "AUD", "$1,250.50"),
        (9_000, "GBP", "£90"),
        (9_005, "CHF", "CHF 90.05"),
    ],
)
def test_money_is_written_as_the_clinic_writes_it(cents: int, currency: str, shown: str) -> None:
    assert money(cents, currency) == shown


@pytest.mark.parametrize(
    ("intent", "cents"),
    [
        ("procedure", 45_000),
        ("high_risk", 60_000),
        ("routine_check", 18_000),
        ("follow_up", None),
        ("", None),
    ],
)
def test_a_lead_is_worth_the_middle_price_of_what_they_want(intent: str, cents: int | None) -> None:
    assert usual_price(intent, PRICES) == cents


def test_the_visit_itself_counts_before_a_guess() -> None:
    assert words(currency="AUD", visit_cents=100, recall_cents=200, lead_cents=300) == "$1 visit"
    assert words(currency="AUD", recall_cents=200, lead_cents=300) == "about $2 if they come again"
    assert words(currency="AUD", lead_cents=300) == "about $3 if they book"
    assert words(currency="AUD") == ""


@pytest.mark.parametrize(("score", "word"), [(70, "hot"), (69, "warm"), (40, "warm"), (39, "cool")])
def test_warmth_turns_where_the_domain_says(score: int, word: str) -> None:
    assert warmth(score) == word
