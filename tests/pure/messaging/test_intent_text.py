from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import intent_text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Yes. See u tmrw!", (("yes",), ("see", "you", "<when>"))),
        ("can we do 4.30pm? thx", (("can", "we", "do", "<when>", "?"), ("thanks",))),
        ("I am in but I can not come", (("im", "in"), ("but", "i", "cant", "come"))),
        ("Tues 24 Nov at 3", (("<when>", "at", "<when>"),)),
        ("nooooo", (("no",),)),
        ("yes yes yes", (("yes",),)),
        ("re-schedule it", (("reschedule", "it"),)),
        ("...", ()),
        ("", ()),
    ],
)
def test_sentences_have_one_spelling(text: str, said: tuple[tuple[str, ...], ...]) -> None:
    assert intent_text.sentences(text) == said


def test_typos_are_mended_and_the_rest_is_unknown() -> None:
    words = {"cancel", "appointment", "it"}
    typos = {less: word for word in words for less in intent_text.deletions(word)} | {
        word: word for word in words
    }
    said = ("cancl", "canxcel", "caxcel", "apointmnt", "it", "zzzzzz", "hi", "cancer")
    unknown = intent_text.UNKNOWN
    assert intent_text.known(said, words, typos) == (
        "cancel", "cancel", "cancel", "appointment", "it", unknown, unknown, unknown,
    )  # fmt: skip


def test_deletions_keep_the_first_letter_and_lose_two_of_a_long_word() -> None:
    assert intent_text.deletions("abc") == {"ac", "ab"}
    assert "abcdefg" in intent_text.deletions("abcdefghi")
    assert "abcdef" not in intent_text.deletions("abcdefgh")
    assert all(less[0] == "a" for less in intent_text.deletions("abcdefghi"))


def test_features_are_runs_of_words_denials_and_the_shape() -> None:
    assert intent_text.features([("dont", "come")]) == [
        "dont", "come", "^ dont", "dont come", "come $", "^ dont come", "dont come $", "not:come", "length:2",
        "sentences:1",
    ]  # fmt: skip
    assert intent_text.features([]) == ["length:0", "sentences:0"]
    assert intent_text.features([("a",)] * 5)[-2:] == ["length:5", "sentences:4"]
    assert intent_text.features([("a",) * 12])[-2:] == ["length:7", "sentences:1"]
    assert intent_text.features([("a",) * 90])[-2:] == ["length:10", "sentences:1"]


def test_a_not_reaches_four_words() -> None:
    assert intent_text.denied(("i", "cant", "a", "b", "c", "d", "e")) == ["a", "b", "c", "d"]
    assert intent_text.denied(("not", "a", "not", "b")) == ["a", "b"]


@given(st.text(max_size=400))
def test_the_features_grow_with_the_words_and_not_faster(text: str) -> None:
    said = intent_text.sentences(text)
    words = sum(map(len, said))
    assert len(intent_text.features(said)) <= 4 * words + 2 * len(said) + 2


def test_a_word_longer_than_any_is_no_typo_and_takes_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(intent_text, "deletions", lambda word: (asked.append(word), set())[1])
    said = ("ab" * 800, "x" * intent_text.LONGEST, "x" * (intent_text.LONGEST + 1))
    assert intent_text.known(said, {"cancel"}, {"x": "cancel"}) == (intent_text.UNKNOWN,) * 3
    assert asked == ["x" * intent_text.LONGEST]


def test_a_signature_below_empty_lines_is_no_part_of_the_text() -> None:
    assert intent_text.own_words("Yes\n\n  \n Sent from my iPhone").strip() == "Yes"
    assert intent_text.plain("\n" * 1600) == ""
