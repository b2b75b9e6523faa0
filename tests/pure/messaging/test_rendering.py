from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from messaging.rendering import (
    PLACEHOLDERS,
    MissingValue,
    clean,
    placeholders,
    problems,
    render,
    validate,
)


def test_the_placeholders_are_those_of_the_contract() -> None:
    assert " ".join(PLACEHOLDERS) == (
        "name first_name clinic clinic_phone intent date time address months doctor_name practitioner "
        "booking_link review_link referral_link incentive suggested_day suggested_time deposit_amount "
        "deposit_link"
    )
    assert all(PLACEHOLDERS.values())


def test_placeholders_are_named_once_in_their_order() -> None:
    assert placeholders("Hi {first_name}, { clinic } and {first_name} {other}") == (
        "first_name",
        "clinic",
        "other",
    )
    assert placeholders("none") == ()


# Saving


@pytest.mark.parametrize(
    "body",
    [
        "Hi {first_name}",
        "Hi { first_name }!",
        "Two\nlines\r\nmore",
        "x" * 1600,
        "".join(f"{{{n}}}" for n in PLACEHOLDERS),
    ],
)
def test_a_good_text_has_no_problems(body: str) -> None:
    assert problems(body) == []
    assert validate(body) is None  # type: ignore[func-returns-value]


STRAY = "A { or } stands alone. Write placeholders as {first_name}; leave other braces out."
CONTROL = "The text holds an invisible control character. Type it again without it."


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("", ["Write a text."]),
        (" \n ", ["Write a text."]),
        ("Hi {firstname}", ["There is no placeholder {firstname}. Did you mean {first_name}?"]),
        ("Hi {zzz}", [f"There is no placeholder {{zzz}}. Known are: {', '.join(PLACEHOLDERS)}."]),
        ("Hi {}", ["There is an empty placeholder {}. Put a name into it, or leave it out."]),
        ("Hi {first_name", [STRAY]),
        ("Hi first_name}", [STRAY]),
        ("Hi {{first_name}}", [STRAY]),
        ("a\x07b", [CONTROL]),
        ("a\rb", [CONTROL]),
        ("a\tb", [CONTROL]),
        ("a\ud800b", [CONTROL]),
        ("x" * 1601, ["The text has 1601 characters; 1600 are the most."]),
        (
            "{a_b} } \x00",
            [f"There is no placeholder {{a_b}}. Known are: {', '.join(PLACEHOLDERS)}.", STRAY, CONTROL],
        ),
    ],
)
def test_what_is_wrong_with_a_text_is_said(body: str, found: list[str]) -> None:
    assert problems(body) == found
    with pytest.raises(Invalid) as caught:
        validate(body)
    assert (caught.value.message, caught.value.code) == (" ".join(found), "invalid_template")
    assert caught.value.fields == {"body": found}


def test_the_list_of_placeholders_may_be_narrowed() -> None:
    assert problems("{clinic}", allowed=["clinic"]) == []
    assert problems("{name}", allowed=["clinic"]) == ["There is no placeholder {name}. Known are: clinic."]
    with pytest.raises(Invalid, match="no placeholder"):
        validate("{name}", allowed=["clinic"])


# Rendering


def test_values_are_put_in() -> None:
    body = "Hi {first_name}, { clinic } in {months} months. {first_name}!"
    assert render(body, {"first_name": "Ana", "clinic": "Avatar", "months": 6, "name": "unused"}) == (
        "Hi Ana, Avatar in 6 months. Ana!"
    )
    assert render("plain\ntext", {}) == "plain\ntext"


@pytest.mark.parametrize("empty", [None, "", "  ", "\n", "\u200b"])
def test_every_missing_value_is_named(empty: object) -> None:
    with pytest.raises(MissingValue) as caught:
        render("{name} {date} {clinic} {date}", {"name": empty, "clinic": "Avatar"})
    assert caught.value.names == ("name", "date")
    assert caught.value.message == "There is no value for {name}, {date}."
    assert (caught.value.code, caught.value.status) == ("missing_value", 422)
    assert caught.value.fields == {"name": ["there is no value."], "date": ["there is no value."]}


def test_zero_is_a_value() -> None:
    assert render("{months}", {"months": 0}) == "0"


def test_values_are_never_read_as_templates() -> None:
    values = {"name": "{deposit_link} \\1 \\g<0> {}", "deposit_link": "https://pay.test"}
    assert render("{name}|{deposit_link}", values) == "{deposit_link} \\1 \\g<0> {}|https://pay.test"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("Ana\r\nSTOP", "Ana STOP"),
        ("a\x00b\x1b[31m", "a b [31m"),
        ("a\u2028b\u2029c\u0085d", "a b c d"),
        ("  a \t b  ", "a b"),
        ("\u202eabc\u2066", "abc"),
        ("a\ud800", "a"),
        ("\u0645\u06cc\u200c\u062e", "\u0645\u06cc\u200c\u062e"),
        ("👩\u200d⚕", "👩\u200d⚕"),
        ("x" * 501, "x" * 500),
        ("x" * 499 + " y", "x" * 499),
        (None, ""),
        (7, "7"),
    ],
)
def test_a_value_is_one_harmless_line(value: object, text: str) -> None:
    assert clean(value) == text


@given(st.text(), st.text())
def test_a_rendered_text_holds_its_values_as_they_are(name: str, clinic: str) -> None:
    if not clean(name) or not clean(clinic):
        return
    rendered = render("<{name}|{clinic}>", {"name": name, "clinic": clinic})
    assert rendered == f"<{clean(name)}|{clean(clinic)}>"
    rendered.encode()
    assert "\n" not in rendered
