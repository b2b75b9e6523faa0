"""Whole numbers as addresses carry them."""

from __future__ import annotations

import pytest

from core.numbers import whole


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0), ("0042", 42), ("9" * 18, 10**18 - 1), ("9" * 19, None), ("9" * 5000, None), ("", None), ("-1", None),
        ("1.0", None), (" 1", None), ("²", None), ("\u0661", None), ("a", None), ("\x00", None),
    ],
)  # fmt: skip
def test_a_number_is_read_and_anything_else_is_none(text: str, number: int | None) -> None:
    assert whole(text) == number


def test_it_may_be_asked_to_be_short() -> None:
    assert (whole("12345", digits=5), whole("123456", digits=5)) == (12345, None)
