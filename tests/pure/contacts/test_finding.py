"""What people type finds whom they mean: parts, any order, accents, one wrong letter, digits of a phone."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from contacts import finding

LETTERS = "abcdefghijklmnopqrstuvwxyz"
words = st.text(LETTERS, min_size=4, max_size=14)
HERE = 7


def found(text: str, *, name: str = "", phone: str = "", email: str = "", typos: bool = True) -> bool:
    """As the database answers: keys first, then the judgement of the row."""
    asked = finding.read(text, "AU")
    if asked is None:
        return False
    keys = set(finding.keys_of(HERE, name=name, phone=phone, email=email))
    alternatives = finding.wanted(asked, [3, HERE], typos=typos)
    by_keys = any(all(keys & set(group) for group in groups) for groups in alternatives)
    return by_keys and finding.fit(asked, name=name, phone=phone, email=email) is not None


@given(words, st.data())
def test_any_one_letter_typo_of_a_word_of_four_letters_is_found(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from(LETTERS))
    how = data.draw(st.sampled_from(("left out", "changed", "put in", "swapped")))
    typed = {
        "left out": word[:at] + word[at + 1 :],
        "changed": word[:at] + letter + word[at + 1 :],
        "put in": word[:at] + letter + word[at:],
        "swapped": word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
    }[how]
    if typed in finding.identity._TITLES or word in finding.identity._TITLES:
        return
    assert found(typed, name=f"Zoë {word}")


@given(words, st.data())
@example("olivia", None)
def test_every_beginning_of_a_word_is_found_without_looking_for_typos(
    word: str, data: st.DataObject | None
) -> None:
    end = data.draw(st.integers(1, len(word))) if data else 3
    if word in finding.identity._TITLES or word[:end] in finding.identity._TITLES:
        return
    assert found(word[:end], name=f"{word} Smith", typos=False)


@given(st.text("0123456789", min_size=9, max_size=9), st.integers(0, 8), st.integers(3, 9))
def test_every_run_of_three_digits_of_a_phone_is_found(digits: str, start: int, length: int) -> None:
    phone = f"+61{digits}"
    run = phone[1:][start : start + length]
    asked = finding.read(run, None)
    if asked is not None and asked.digits:
        assert found(run, phone=phone)


def test_names_are_found_in_any_order_without_accents_and_with_apostrophes() -> None:
    for typed in ("lind nora", "nora lind", "NORA LI", "lind", "nroa lind"):
        assert found(typed, name="Nora Lind"), typed
    assert found("zoe obrien", name="Zoë O'Brien")
    assert found("O'Brien Zoë", name="Zoe O'Brien")
    assert found("lukasz", name="Łukasz Nowak")


def test_a_phone_is_found_in_every_spelling() -> None:
    for typed in (
        "0412 345 678",
        "+61 412 345 678",
        "0061412345678",
        "(0412) 345-678",
        "0412 345",
        "345678",
        "678",
    ):
        assert found(typed, phone="+61412345678"), typed
    assert not found("0412345679", phone="+61412345678")


def test_an_e_mail_is_found_by_its_beginning_and_by_its_first_part() -> None:
    for typed in ("Nora.Lind@example.com", "nora.lind@ex", "noralind"):
        email = "noralind@example.com" if typed == "noralind" else "nora.lind@example.com"
        assert found(typed, email=email), typed
    assert not found("nora.lind@other.com", email="nora.lind@example.com")


def test_two_wrong_letters_a_short_word_and_another_word_find_nobody() -> None:
    for typed, name in (
        ("wilxiyms", "Williams"),
        ("lxe", "Lee"),
        ("nora bob", "Nora Lind"),
        ("%", "Nora"),
        ("", "Nora"),
    ):
        assert not found(typed, name=name), typed


def test_what_was_typed_ranks_before_a_beginning_before_an_e_mail_before_a_typo() -> None:
    asked = finding.read("anna", "AU")
    assert asked is not None
    people = (("Anna Lee", ""), ("Annabel Lee", ""), ("Bo Lee", "anna.b@example.com"), ("Hanna Lee", ""))
    fits = [finding.fit(asked, name=name, phone="", email=email) for name, email in people]
    assert fits == sorted(fits)  # type: ignore[type-var]
    assert len(set(fits)) == 4


def test_keys_of_another_clinic_are_not_asked_for() -> None:
    asked = finding.read("nora", "AU")
    assert asked is not None
    keys = set(finding.keys_of(8, name="Nora", phone="", email=""))
    assert not any(keys & set(group) for groups in finding.wanted(asked, [7], typos=True) for group in groups)
