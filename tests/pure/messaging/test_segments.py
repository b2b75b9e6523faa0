from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.segments import GSM_BASIC, GSM_EXTENSION, Segments, cost_cents, measure


def test_the_alphabet_has_its_127_characters_and_the_extension_ten() -> None:
    assert (len(GSM_BASIC), len(GSM_EXTENSION)) == (127, 10)
    assert not GSM_BASIC & GSM_EXTENSION
    assert "\x1b" not in GSM_BASIC


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Segments("GSM-7", 0, 0, 160, ())),
        ("a", Segments("GSM-7", 1, 1, 159, ())),
        ("a" * 160, Segments("GSM-7", 160, 1, 0, ())),
        ("a" * 161, Segments("GSM-7", 161, 2, 145, ())),
        ("a" * 306, Segments("GSM-7", 306, 2, 0, ())),
        ("a" * 307, Segments("GSM-7", 307, 3, 152, ())),
        ("€" * 80, Segments("GSM-7", 160, 1, 0, ())),
        # An escape that would begin in the 153rd place moves into the next segment whole.
        ("a" * 152 + "€" + "a" * 7, Segments("GSM-7", 161, 2, 144, ())),
        ("a" * 152 + "€" + "a" * 151, Segments("GSM-7", 305, 2, 0, ())),
        ("a" * 152 + "€" + "a" * 152, Segments("GSM-7", 306, 3, 152, ())),
        ("ё", Segments("UCS-2", 1, 1, 69, ("ё",))),
        ("я" * 70, Segments("UCS-2", 70, 1, 0, ("я",))),
        ("я" * 71, Segments("UCS-2", 71, 2, 63, ("я",))),
        ("я" * 134, Segments("UCS-2", 134, 2, 0, ("я",))),
        ("😀" * 35, Segments("UCS-2", 70, 1, 0, ("😀",))),
        # 67 is odd: the pair in the middle moves on whole.
        ("😀" * 36, Segments("UCS-2", 72, 2, 61, ("😀",))),
        ("😀" * 67, Segments("UCS-2", 134, 3, 65, ("😀",))),
        ("Hi \u2019n\u2018 \u2019", Segments("UCS-2", 8, 1, 62, ("\u2019", "\u2018"))),
        ("\uffff", Segments("UCS-2", 1, 1, 69, ("\uffff",))),
        ("\U00010000", Segments("UCS-2", 2, 1, 68, ("\U00010000",))),
        ("{€}", Segments("GSM-7", 6, 1, 154, ())),
    ],
)
def test_texts_are_measured(text: str, expected: Segments) -> None:
    assert measure(text) == expected


@pytest.mark.parametrize(
    ("segments", "price", "cents"),
    [(0, 7920, 0), (1, 7920, 8), (2, 7920, 16), (1, 8000, 8), (3, 1, 1), (1, 0, 0)],
)
def test_the_cost_is_in_whole_cents_rounded_up(segments: int, price: int, cents: int) -> None:
    assert cost_cents(segments, thousandths_per_segment=price) == cents


@given(st.text(st.characters(codec="utf-8"), max_size=400))
def test_segments_hold_the_text_and_none_is_empty(text: str) -> None:
    found = measure(text)
    single, joined = (160, 153) if found.encoding == "GSM-7" else (70, 67)
    if found.count > 1:
        assert (found.count - 1) * (joined - 1) < found.units <= found.count * joined
        assert 0 <= found.left < joined
    else:
        assert found.left == single - found.units
    assert (found.encoding == "UCS-2") is bool(found.foreign)
    if found.encoding == "UCS-2":
        assert found.units == len(text.encode("utf-16-le")) // 2
