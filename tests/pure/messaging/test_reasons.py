from __future__ import annotations

import pytest

from messaging import policy, reasons


@pytest.mark.parametrize("code", sorted(reasons.WORDS))
def test_every_reason_is_a_sentence(code: str) -> None:
    said = reasons.words(code)
    assert said[0].isupper()
    assert said.endswith(".")
    assert "_" not in said


def test_whatever_policy_decides_has_words_and_an_unknown_code_is_shown() -> None:
    assert policy.REASONS.items() <= reasons.WORDS.items()
    assert reasons.words("made_up_code") == "Made up code."
    assert reasons.words("") == ""
