from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contacts.identity import (
    EmailRefused,
    Phone,
    PhoneClass,
    PhoneRefused,
    first_name,
    name_tokens,
    normalise_email,
    normalise_phone,
    read_phone,
    same_person,
)

ROWS: list[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "data" / "phones.json").read_text(encoding="utf-8")
)


def test_every_row_of_the_phone_data_gets_its_verdict() -> None:
    wrong = [
        row for row in ROWS if read_phone(row["input"], row["default_region"]).e164 != (row["e164"] or "")
    ]
    assert wrong == []
    assert len(ROWS) == 1406
    assert sum(row["e164"] is None for row in ROWS) == 296


def test_every_row_of_the_phone_data_gets_its_class_of_line() -> None:
    classes = {"MOBILE": "mobile", "FIXED_LINE": "fixed", "FIXED_LINE_OR_MOBILE": "either"}
    typed = [row for row in ROWS if row["type"] or not row["valid"]]
    assert len(typed) == 1395
    for row in typed:
        phone = read_phone(row["input"], row["default_region"])
        assert phone.kind == classes.get(row["type"], "other"), row
        assert phone.can_receive_sms == (row["type"] in ("MOBILE", "FIXED_LINE_OR_MOBILE")), row
        assert phone.extension == (row.get("ext") or "" if phone.valid else ""), row


def test_every_refused_row_says_why_and_every_good_one_does_not() -> None:
    codes = {"empty", "no_country", "not_a_number", "too_short", "too_long", "local_only", "not_in_use"}
    for row in ROWS:
        phone = read_phone(row["input"], row["default_region"])
        if row["e164"] is None:
            assert phone.code in codes
            assert phone.reason.endswith(".")
        else:
            assert (phone.code, phone.reason) == ("", "")


def test_normalising_is_idempotent_whatever_the_region() -> None:
    for row in ROWS:
        if row["e164"]:
            assert normalise_phone(row["e164"], "US") == row["e164"]
            assert normalise_phone(row["e164"], None) == row["e164"]


@pytest.mark.parametrize(
    "raw",
    [
        "0412 345 678",
        "+61 (0)412 345 678",
        "+610412345678",
        "61412345678",
        "tel:+61-412-345-678",
        "0011 61 412 345 678",
        "\uff0b\uff16\uff11\uff14\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18",
        "\u0660\u0664\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668",
        "\u200e+61 412 345 678\u202c",
        "0412.345.678 ext 3",
    ],
)
def test_one_number_has_one_spelling(raw: str) -> None:
    assert normalise_phone(raw, "AU") == "+61412345678"


@pytest.mark.parametrize(
    ("raw", "region", "e164"),
    [
        ("+52 1 33 1234 5678", None, "+523312345678"),
        ("5213312345678", "MX", "+523312345678"),
        ("+52 33 1234 5678", None, "+523312345678"),
        ("+55 11 6123-4567", None, "+5511961234567"),
        ("(11) 9123-4567", "BR", "+5511991234567"),
        ("+55 11 96123-4567", None, "+5511961234567"),
        # A fixed line keeps its eight digits.
        ("+55 11 3123-4567", None, "+551131234567"),
    ],
)
def test_a_mobile_written_as_before_is_the_same_number(raw: str, region: str | None, e164: str) -> None:
    assert read_phone(raw, region).e164 == e164


def test_what_is_read_says_all_about_the_number() -> None:
    assert read_phone("0412 345 678 ext 3", "AU") == Phone(
        "+61412345678", PhoneClass.MOBILE, "AU", "3", "", ""
    )
    assert read_phone("(02) 9123 4567", "AU") == Phone("+61291234567", PhoneClass.FIXED, "AU")
    assert read_phone("650 253 0000", "US") == Phone("+16502530000", PhoneClass.EITHER, "US")
    assert read_phone("1800 123 456", "AU") == Phone("+611800123456", PhoneClass.OTHER, "AU")
    assert read_phone("+800 1234 5678", None).region == "001"


@pytest.mark.parametrize(
    ("raw", "region", "code", "reason"),
    [
        ("", "AU", "empty", "No phone number was given."),
        (" \t ", "AU", "empty", "No phone number was given."),
        ("I want a Pizza", "AU", "not_a_number", "This does not look like a phone number."),
        (
            "0412 345 678",
            None,
            "no_country",
            "The country is not known. Start the number with + and the country code.",
        ),
        ("+61", "AU", "not_a_number", "This does not look like a phone number."),
        (
            "+999 123 4567",
            "AU",
            "no_country",
            "The country is not known. Start the number with + and the country code.",
        ),
        ("0011 6", "AU", "too_short", "The number is too short. Check for missing digits."),
        ("+6112", "AU", "too_short", "The number is too short. Check for missing digits."),
        ("04123456789012", "AU", "too_long", "The number is too long. Give one number without other text."),
        (
            "0412 345 678 or 0413 000 111",
            "AU",
            "too_long",
            "The number is too long. Give one number without other text.",
        ),
        ("9123 4567", "AU", "not_in_use", "No such number exists in that country. Check the digits."),
        (
            "253-0000",
            "US",
            "local_only",
            "The area code is missing. Give the full number with its area code.",
        ),
        ("041", "AU", "too_short", "The number is too short. Check for missing digits."),
        ("555 123 4567", "US", "not_in_use", "No such number exists in that country. Check the digits."),
    ],
)
def test_a_refusal_says_what_is_wrong(raw: str, region: str | None, code: str, reason: str) -> None:
    phone = read_phone(raw, region)
    assert phone == Phone(code=code, reason=reason)
    assert not phone.valid
    assert not phone.can_receive_sms
    with pytest.raises(PhoneRefused) as caught:
        normalise_phone(raw, region)
    assert caught.value.as_dict() == {"code": code, "message": reason, "fields": {"phone": [reason]}}
    assert caught.value.status == 422


def test_emergency_numbers_are_no_contacts() -> None:
    for raw, region in (("000", "AU"), ("112", "AU"), ("911", "US"), ("999", "GB")):
        assert not read_phone(raw, region).valid


@given(st.text(max_size=80), st.sampled_from(["AU", "US", "ZZ", "", None]))
def test_no_text_makes_reading_fail(raw: str, region: str | None) -> None:
    phone = read_phone(raw, region)
    assert phone.valid == bool(phone.e164) == (not phone.reason) == (not phone.code)
    if phone.valid:
        assert normalise_phone(phone.e164, None) == phone.e164


def test_the_class_of_a_stored_number() -> None:
    assert read_phone("+61412345678", None).kind == PhoneClass.MOBILE
    assert read_phone("0412345678", None).kind == PhoneClass.OTHER
    assert [kind.value for kind in PhoneClass] == ["mobile", "fixed", "either", "other"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("", ""),
        ("  ", ""),
        (" Jane.Doe+clinic@Example.COM ", "jane.doe+clinic@example.com"),
        ("mailto:a@b.co", "a@b.co"),
        ("a@b.1.co", "a@b.1.co"),
        ("a@m\u00fcnchen.de", "a@xn--mnchen-3ya.de"),
        ("\uff41@b.co", "a@b.co"),
        ("j\u00f6rg@b.co", "j\u00f6rg@b.co"),
        ("o'brien_x%y@b-c.d1.com.au", "o'brien_x%y@b-c.d1.com.au"),
        (f"{'a' * 64}@b.co", f"{'a' * 64}@b.co"),
        (f"a@{'b' * 63}.co", f"a@{'b' * 63}.co"),
        (f"a@{('b' * 60 + '.') * 4}{'c' * 8}", f"a@{('b' * 60 + '.') * 4}{'c' * 8}"),
    ],
)
def test_one_mailbox_has_one_spelling(raw: str, expected: str) -> None:
    assert normalise_email(raw) == expected
    assert normalise_email(expected) == expected


@pytest.mark.parametrize(
    "raw",
    [
        "jane",
        "@b.co",
        "a@",
        "a@b",
        "a@@b.co",
        "a b@c.de",
        "a@b c.de",
        "a..b@c.de",
        ".a@c.de",
        "a.@c.de",
        "a@-b.co",
        "a@b-.co",
        "a@b..co",
        "a@.co",
        "a@b.co.",
        "a@b_c.co",
        "a@b.1",
        "a@1.2.3.4",
        "a,b@c.de",
        "a@b.co\nbcc:x@y.zz",
        "Jane <a@b.co>",
        f"{'a' * 65}@b.co",
        f"a@{'b' * 64}.co",
        f"a@{('b' * 60 + '.') * 4}{'c' * 9}",
        f"a@{chr(252) * 80}.de",
    ],
)
def test_what_is_no_address_is_refused_without_repeating_it(raw: str) -> None:
    with pytest.raises(EmailRefused) as caught:
        normalise_email(raw)
    reason = "This is not an e-mail address. It should look like name@example.com."
    assert caught.value.as_dict() == {
        "code": "not_an_email",
        "message": reason,
        "fields": {"email": [reason]},
    }


@given(st.text(max_size=60))
def test_an_address_is_normalised_once_and_for_all(raw: str) -> None:
    try:
        address = normalise_email(raw)
    except EmailRefused:
        return
    assert normalise_email(address) == address


@pytest.mark.parametrize(
    ("name", "tokens"),
    [
        ("", ()),
        ("Dr. Zo\u00eb O'Brien-Smith", ("zoe", "obrien", "smith")),
        ("O\u2019Brien", ("obrien",)),
        ("O\u00b4Brien", ("obrien",)),
        ("O`Brien", ("obrien",)),
        ("SMITH, Jane", ("smith", "jane")),
        ("J.R. Smith", ("j", "r", "smith")),
        ("S\u00f8ren \u0141ukasz \u0110or\u0111e", ("soren", "lukasz", "dorde")),
        (
            "\u00c6gir \u0152uvre \u00deor \u00d0an Stra\u00dfe \u0126al",
            ("aegir", "oeuvre", "thor", "dan", "strasse", "hal"),
        ),
        ("\u0130brahim \u0131l", ("ibrahim", "il")),
        ("\u674e \u660e", ("\u674e", "\u660e")),
        (
            "\u0905\u0928\u093f\u0924\u093e \u0936\u0930\u094d\u092e\u093e",
            ("\u0905\u0928\u093f\u0924\u093e", "\u0936\u0930\u094d\u092e\u093e"),
        ),
        ("\uff2a\uff21\uff2e\uff25", ("jane",)),
        ("Ja\u00adne\u200b", ("jane",)),
        ("Mr", ()),
        ("Mrs Ms Miss Mx Mstr Master Dr Doctor Prof Professor Sir Dame Madam Mdm Rev Reverend", ()),
        ("\U0001f600 ???", ()),
        ("Anna 2", ("anna", "2")),
        ("John Smith Jr", ("john", "smith", "jr")),
    ],
)
def test_a_name_is_compared_by_its_bare_words(name: str, tokens: tuple[str, ...]) -> None:
    assert name_tokens(name) == tokens


@pytest.mark.parametrize(
    ("a", "b", "code"),
    [
        ("", "Jane Doe", "empty"),
        ("Mrs.", "Jane Doe", "empty"),
        ("", "", "empty"),
        ("jane doe", "DOE, Jane", "equal"),
        ("Zo\u00eb Doe", "Ms Zoe Doe", "equal"),
        ("Jane", "Jane Doe", "subset"),
        ("Smith", "John Smith", "subset"),
        ("Jane Doe", "Jane Mary Doe", "subset"),
        ("John Smith", "John John Smith", "subset"),
        ("J Smith", "John Smith", "initials"),
        ("J. Smith", "John Michael Smith", "initials"),
        ("J M Smith", "John Michael Smith", "initials"),
        ("John M Smith", "J Michael Smith", "initials"),
        ("J.S.", "John Smith", "initials"),
        ("J S", "John S", "initials"),
        ("J J Smith", "John James Smith", "initials"),
        ("J Smith Brown", "John Smith", "initials"),
    ],
)
def test_these_names_mean_one_person(a: str, b: str, code: str) -> None:
    for verdict in (same_person(a, b), same_person(b, a)):
        assert verdict
        assert verdict.same
        assert verdict.code == code
        assert (
            verdict.reason
            == {
                "empty": "One of them has no name, so nothing speaks against it.",
                "equal": "The names are equal.",
                "subset": "One name is part of the other.",
                "initials": "The names match by initials.",
            }[code]
        )


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("John Smith", "Jane Smith"),
        ("John Smith", "John Jones"),
        ("John James Smith", "J X Smith"),
        ("John A Smith", "John B Smith"),
        ("John Smith Jr", "John Smith Sr"),
        ("J Smith", "Mary Smith"),
        ("J Smith", "John S"),
        ("J", "John Smith"),
        ("J S", "John Michael Smith"),
        ("J J Smith", "John Mary Smith"),
        ("J J Smith", "John Smith Brown"),
        ("Jo Smith", "John Smith"),
        ("\u674e", "\u674e\u660e"),
        ("1", "12"),
        ("J John Smith", "James J Brown"),
    ],
)
def test_these_names_are_two_people(a: str, b: str) -> None:
    for verdict in (same_person(a, b), same_person(b, a)):
        assert not verdict
        assert not verdict.same
        assert (verdict.code, verdict.reason) == ("different", "The names differ.")


def test_the_providers_id_settles_it_whatever_the_names() -> None:
    verdict = same_person("John Smith", "Jane Doe", same_provider_id=True)
    assert verdict
    assert (verdict.code, verdict.reason) == ("provider_id", "The booking system knows both as one contact.")


WORDS = st.sampled_from(["john", "jane", "smith", "jones", "j", "s", "m", "mary", "dr"])


@given(st.lists(WORDS, max_size=4), st.lists(WORDS, max_size=4))
def test_comparing_is_symmetric_and_blind_to_order_and_case(a: list[str], b: list[str]) -> None:
    first, second = " ".join(a), " ".join(b)
    verdict = same_person(first, second)
    assert same_person(second, first) == verdict
    assert same_person(" ".join(reversed(a)).upper(), second) == verdict
    assert same_person(first, first)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Jane Doe", "Jane"),
        ("Dr. Zo\u00eb O'Brien", "Zo\u00eb"),
        ("Smith, Jane", "Jane"),
        ("Smith,", "Smith"),
        ("Smith, Dr", "Smith"),
        ("Smith, Dr Jane", "Jane"),
        ("Smith, Jane, RN", "Jane"),
        ("Xena X", "Xena"),
        ("JANE DOE", "Jane"),
        ("jane", "Jane"),
        ("McDonald X", "McDonald"),
        ("MARY-JANE X", "Mary-Jane"),
        ("o'hara x", "O'Hara"),
        ("o\u2019hara x", "O\u2019Hara"),
        ("d'Arcy", "d'Arcy"),
        ("J.R. Smith", "J"),
        ('"Jane" Doe', "Jane"),
        ("(Jane) Doe", "Jane"),
        ("'Jane' Doe", "Jane"),
        ("\u674e\u660e", "\u674e\u660e"),
        ("\u0905\u0928\u093f\u0924\u093e \u0936", "\u0905\u0928\u093f\u0924\u093e"),
        ("Zoe\u0308 D", "Zo\u00eb"),
        ("a" * 40, "A" + "a" * 39),
        ("a" * 41, ""),
        ("", ""),
        ("Mr", ""),
        ("http://evil.example win", ""),
        ("{{7*7}}", ""),
        ("0412345678", ""),
        ("Jane2", ""),
        ("-Jane", ""),
        ("Mary--Jane", ""),
        ("\u0301Jane", ""),
        ("\U0001f600 Jane", ""),
    ],
)
def test_the_first_name_is_fit_for_a_greeting_or_empty(name: str, expected: str) -> None:
    assert first_name(name) == expected


@given(st.text(max_size=60))
def test_no_name_makes_comparing_or_greeting_fail(name: str) -> None:
    assert same_person(name, name)
    greeting = first_name(name)
    assert len(greeting) <= 80
    assert not any(
        character.isspace() or character.isdigit() or character in "<>{}/@" for character in greeting
    )
