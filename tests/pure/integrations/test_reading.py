from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Malformed
from integrations import reading

SYDNEY = ZoneInfo("Australia/Sydney")
WHEN = "this must be a date and time, such as 2026-12-01T15:00:00+11:00."


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def complaint(read: Callable[[], object]) -> tuple[str, dict[str, list[str]]]:
    with pytest.raises(Malformed) as caught:
        read()
    return caught.value.message, caught.value.fields


def test_a_complaint_names_the_field_or_the_body() -> None:
    assert complaint(lambda: reading.fail("start", "no.")) == ("start: no.", {"start": ["no."]})
    assert complaint(lambda: reading.fail("", "no.")) == ("body: no.", {"body": ["no."]})


# JSON, forms, objects


def test_json_is_read_from_bytes_and_text() -> None:
    assert reading.json_object(b'\xef\xbb\xbf{"a": "\xc3\xa9"}') == {"a": "é"}
    assert reading.json_object('{"a": 1}') == {"a": 1}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff\xfe", "{'a': 1}", b"[" * 100_000, '{"a": ' + "9" * 5000 + "}"]
)
def test_what_is_no_json_is_refused(body: bytes | str) -> None:
    assert complaint(lambda: reading.json_object(body)) == (
        "body: this is not JSON.",
        {"body": ["this is not JSON."]},
    )


@pytest.mark.parametrize("body", ["[]", "1", '"x"', "null"])
def test_json_that_is_no_object_is_refused_by_its_field(body: str) -> None:
    assert complaint(lambda: reading.json_object(body, "data"))[0] == "data: this must be a JSON object."


def test_a_form_gives_the_first_value_of_a_field_and_keeps_empty_ones() -> None:
    assert reading.form(b"a=1&a=2&b=&c=x%20y+z") == {"a": "1", "b": "", "c": "x y z"}


def test_a_form_that_is_too_large_or_no_text_is_refused() -> None:
    assert len(reading.form(b"&".join(b"f%d=1" % n for n in range(200)))) == 200
    for body in (b"&".join(b"f%d=1" % n for n in range(201)), b"a=\xff"):
        assert (
            complaint(lambda body=body: reading.form(body))[0] == "body: this is not a form that can be read."
        )  # type: ignore[misc]


def test_an_object_may_come_as_json_text_or_not_at_all() -> None:
    assert reading.mapping({"a": 1}, "x") == {"a": 1}
    assert reading.mapping('{"a": 1}', "x") == {"a": 1}
    assert reading.mapping(None, "x") == {}
    assert reading.mapping("", "x") == {}
    assert complaint(lambda: reading.mapping([1], "x"))[0] == "x: this must be an object."
    assert complaint(lambda: reading.mapping("[1]", "x"))[0] == "x: this must be a JSON object."
    assert complaint(lambda: reading.mapping("oops", "x"))[0] == "x: this is not JSON."


# Texts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("  Ana \n Maria\t", "Ana Maria"),
        ("a\x00b\x1fc", "a b c"),
        ("\ud800x", "x"),
        (12, "12"),
        (1.5, "1.5"),
        (True, ""),
        (None, ""),
        ([], ""),
        ("x" * 300, "x" * 255),
        ("x" * 254 + " y", "x" * 254),
    ],
)
def test_a_text_is_short_and_on_one_line(value: object, text: str) -> None:
    assert reading.text(value) == text


def test_cleaning_keeps_lines() -> None:
    assert reading.clean("a\nb\tc\rd\x7f\udfff!") == "a\nb\tc d !"


def test_an_id_must_fit_whole() -> None:
    assert reading.identifier("x" * 255, "id") == "x" * 255
    assert reading.identifier(7, "id") == "7"
    assert complaint(lambda: reading.identifier("x" * 256, "id")) == (
        "id: an id may have 255 characters at most.",
        {"id": ["an id may have 255 characters at most."]},
    )


def test_a_time_that_only_helps_is_none_where_it_cannot_be_read() -> None:
    assert reading.moment_or_none("2026-12-01T15:00:00Z", SYDNEY) == datetime(2026, 12, 1, 15, tzinfo=UTC)
    assert reading.moment_or_none("soon", SYDNEY) is None


def test_an_id_or_a_sender_too_long_to_be_stored_is_known_by_its_hash() -> None:
    assert reading.message_id("x" * 120) == "x" * 120
    assert reading.message_id(7) == "7"
    assert reading.message_id(None) == reading.sender(["a"]) == ""
    two = {reading.message_id("x" * 300 + end) for end in "ab"}
    assert len(two) == 2
    assert all(found.startswith("sha256:") and len(found) <= reading.MAX_MESSAGE_ID for found in two)
    assert reading.sender("  +61 412\x07345 ") == "+61 412 345"
    assert reading.sender(" 61412345678") == "+61412345678", "a form made a space of its plus"
    long = "A shop with a very long name that goes on " * 8
    assert reading.sender(long).startswith("A shop with a very long name that goes o sha256:")
    assert reading.sender(long) == reading.sender(long + " ") != reading.sender(long + "!")
    assert len(reading.sender(long)) <= reading.MAX_SENDER


def test_the_first_text_that_says_something_is_taken() -> None:
    assert reading.first(None, " ", "b", "c") == "b"
    assert reading.first() == ""


# Numbers


@pytest.mark.parametrize(
    ("value", "number"), [(None, None), ("", None), ("7", 7), (" 12 ", 12), (0, 0), ("9" * 18, int("9" * 18))]
)
def test_whole_numbers(value: object, number: int | None) -> None:
    assert reading.whole_number(value, "n") == number


@pytest.mark.parametrize("value", [True, -1, 1.5, "1.0", "x", "²", "٣", "9" * 19, []])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    assert complaint(lambda: reading.whole_number(value, "n"))[0] == "n: this must be a whole number."


# Times


@pytest.mark.parametrize(
    ("value", "at"),
    [
        (None, None),
        ("", None),
        ("2026-12-01T15:00:00Z", "2026-12-01T15:00:00"),
        (" 2026-12-01T15:00:00+11:00 ", "2026-12-01T04:00:00"),
        ("2026-12-01T15:00", "2026-12-01T04:00:00"),
        ("2026-12-01 15:00", "2026-12-01T04:00:00"),
        ("2027-10-03T02:30", "2027-10-02T16:30:00"),
        ("2027-04-04T02:30", "2027-04-03T15:30:00"),
        (1_796_137_200, "2026-12-01T15:00:00"),
        ("1796137200", "2026-12-01T15:00:00"),
        (1_796_137_200_500, "2026-12-01T15:00:00.500"),
        (100_000_000, "1973-03-03T09:46:40"),
        (99_999_999_999, None),
        (100_000_000_000, "1973-03-03T09:46:40"),
    ],
)
def test_times_are_read_from_iso_and_unix(value: object, at: str | None) -> None:
    if value == 99_999_999_999:
        assert complaint(lambda: reading.moment(value, "t", SYDNEY))[0] == f"t: {WHEN}"
        return
    found = reading.moment(value, "t", SYDNEY)
    assert found == (None if at is None else utc(at))
    assert found is None or found.tzinfo is UTC


@pytest.mark.parametrize(
    "value",
    [
        "tomorrow at noon",
        "2026-12-01",
        "2026-13-01T10:00",
        "20261201",
        99_999_999,
        True,
        [],
        {},
        float("nan"),
        float("inf"),
        "9" * 30,
        "0001-01-01T00:00",
        "1969-12-30T00:00Z",
        "2200-01-02T00:00Z",
        "9999-12-31T23:59-12:00",
    ],
)
def test_what_is_no_time_is_refused(value: object) -> None:
    assert complaint(lambda: reading.moment(value, "t", SYDNEY)) == (f"t: {WHEN}", {"t": [WHEN]})


def test_the_first_spelling_of_a_time_that_can_be_read_is_taken() -> None:
    assert reading.first_moment([("a", None), ("b", "soon"), ("c", "2026-12-01T15:00Z")], SYDNEY) == utc(
        "2026-12-01T15:00"
    )
    assert reading.first_moment([("a", None), ("b", "")], SYDNEY) is None
    assert complaint(lambda: reading.first_moment([("a", "soon"), ("b", "later")], SYDNEY))[0] == f"a: {WHEN}"


@given(st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers()))
def test_any_value_is_read_or_refused_by_name(value: object) -> None:
    for read in (
        lambda: reading.moment(value, "field", SYDNEY),
        lambda: reading.whole_number(value, "field"),
        lambda: reading.mapping(value, "field"),
        lambda: reading.identifier(value, "field"),
    ):
        named = ["field"]
        try:
            read()
        except Malformed as refused:
            named = list(refused.fields)
        assert named == ["field"]
    reading.text(value).encode()
