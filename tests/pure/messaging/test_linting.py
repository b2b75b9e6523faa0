from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Invalid
from messaging.linting import Finding, Wording, errors, lint, refuse_errors
from messaging.rendering import MAX_BODY

FINE = "Hi {first_name}, {clinic} here. Call {clinic_phone} or book at {booking_link}"


def codes(body: str, **more: Any) -> list[str]:
    return [f"{finding.level} {finding.code}" for finding in lint(Wording(body, **more))]


def test_nothing_is_said_of_a_plain_text() -> None:
    assert codes(FINE) == []
    assert codes(FINE, channel="email", subject="Your visit to {clinic}") == []
    assert codes("See you then, Sam", kind="reply") == []


def test_what_cannot_be_filled_in_is_an_error_in_text_and_subject() -> None:
    assert codes("{clinic} {frist_name}") == ["error placeholder"]
    assert codes(FINE, channel="email", subject="{frist_name}") == ["error placeholder"]
    assert codes("") == ["error placeholder", "warning no_sender"]


@pytest.mark.parametrize("name", ["service", "Procedure", " diagnosis "])
def test_a_placeholder_that_would_tell_what_a_visit_is_about_is_not_there(name: str) -> None:
    [finding] = lint(Wording(f"{{clinic}}: your {{{name}}} is due"))

    assert (finding.level, finding.code) == ("error", "telling_placeholder")
    assert 'write "your visit"' in finding.text


def test_an_email_needs_a_subject() -> None:
    assert codes(FINE, channel="email", subject=" ") == ["error no_subject"]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("{clinic}: tell your friends. Reply STOP to opt out", []),
        ("{clinic}: tell your friends.", ["error marketing"]),
        ("Tell your friends. Reply STOP to opt out", ["error marketing"]),
        ("{clinic}: do not stop telling your friends", ["error marketing"]),
    ],
)
def test_marketing_names_its_sender_and_the_way_out(body: str, found: list[str]) -> None:
    assert codes(body, purpose="marketing") == found


def test_a_marketing_e_mail_says_how_to_unsubscribe() -> None:
    news: dict[str, Any] = {"purpose": "marketing", "channel": "email", "subject": "News from {clinic}"}
    assert codes("We have news. Reply with unsubscribe to hear no more.", **news) == []
    assert codes("{clinic} has news. Reply STOP to opt out.", **news) == []
    assert codes("{clinic} has news. Reply STOP.", **news) == ["error marketing"]


def test_who_writes_must_be_said_to_many_should_be_in_a_template_and_is_known_in_a_reply() -> None:
    assert codes("We are closed on Friday", kind="bulk") == ["error no_sender"]
    assert codes("We are closed on Friday") == ["warning no_sender"]
    assert codes("We are closed on Friday", kind="reply") == []


@pytest.mark.parametrize(
    "word",
    ["cancer", "Melanomas", "mole", "Botox", "pregnancy", "biopsy", "MRI", "skin check", "prescriptions", "X-ray"],
)  # fmt: skip
def test_a_word_about_health_is_an_error_and_says_what_to_write(word: str) -> None:
    [finding] = lint(Wording(f"{{clinic}}: your {word} is due"))

    assert (finding.level, finding.code) == ("error", "health")
    assert word.lower() in finding.text
    assert '"your visit"' in finding.text


@pytest.mark.parametrize("word", ["results", "treatment", "scan", "Skin", "procedure", "test"])
def test_a_word_that_may_be_about_health_is_a_warning(word: str) -> None:
    assert codes(f"{{clinic}}: about your {word}") == ["warning maybe_health"]


@pytest.mark.parametrize("words", ["molecule", "guacamole", "contest", "skincare", "unconditional", "drivel"])
def test_words_within_words_say_nothing(words: str) -> None:
    assert codes(f"{{clinic}} {words}") == []


def test_a_clear_word_is_not_said_twice() -> None:
    assert codes("{clinic}: your skin check") == ["error health"]
    assert codes("{clinic}: your skin check and your scan") == ["error health", "warning maybe_health"]


def test_a_person_writing_to_a_person_is_advised_and_not_refused() -> None:
    assert codes("Your biopsy is back", kind="reply") == ["warning health"]
    assert codes("About your Botox consult", kind="reply", services=["Botox consult"]) == [
        "warning service_name"
    ]


def test_a_service_that_tells_is_named_nowhere_and_not_said_twice() -> None:
    services = ["Mole removal procedure", "  ", "High-risk full body imaging"]
    [finding] = lint(Wording("{clinic}: your mole removal PROCEDURE is booked", services=services))

    assert (finding.level, finding.code) == ("error", "service_name")
    assert "Mole removal procedure" in finding.text
    assert codes(
        "{clinic}: booked", channel="email", subject="Mole removal procedure", services=services
    ) == ["error service_name"]


def test_the_clinics_own_name_may_say_what_it_likes() -> None:
    assert (
        codes("{clinic}, your Sydney Skin Cancer Clinic", own_names=["Sydney Skin Cancer Clinic", ""]) == []
    )
    assert codes("{clinic} at https://skin-cancer.example/book") == []
    assert codes("{clinic} at https://clinic.example/skin-cancer?for=mole_check") == ["error health"]


@pytest.mark.parametrize(
    ("link", "found"),
    [
        ("https://clinic.example/book", []),
        ("https://www.clinic.example.", []),
        ("www.clinic.example", []),
        ("clinic.example/book", []),
        ("http://clinic.example", ["error not_https"]),
        ("HTTP://www.clinic.example/a.", ["error not_https"]),
        ("ftp://clinic.example/a", ["error not_https"]),
        ("https://bit.ly/abc", ["error shortener"]),
        ("bit.ly/abc", ["error shortener"]),
        ("www.tinyurl.com", ["error shortener"]),
        ("https://clinic.example/?n={first_name}", ["error data_in_link"]),
        ("https://clinic.example/a@b.example", ["error data_in_link"]),
        ("https://clinic.example/?m=a%40b.example", ["error data_in_link"]),
        ("https://clinic.example/?p=0412345678", ["error data_in_link"]),
        ("{booking_link}", []),
        ("{booking_link}?x=1", []),
        ("desk@clinic.example", []),
        ("ends at 2.pm", []),
        ("Thanks.See you", []),
    ],
)
def test_links_lead_where_they_say_and_carry_nobody_along(link: str, found: list[str]) -> None:
    assert codes(f"{{clinic}}: look at {link}") == found


@pytest.mark.parametrize("asks", ["Reply YES to confirm", "please answer with yes", "Text Y if that suits"])
def test_who_asks_for_a_yes_listens_for_it(asks: str) -> None:
    assert codes(f"{{clinic}}: {asks}") == ["error asks_unheard"]
    assert codes(f"{{clinic}}: {asks}", asks_answer=True) == []
    assert codes(f"{{clinic}}: {asks}", kind="bulk") == ["error asks_many"]
    assert codes(asks, kind="reply") == []


@pytest.mark.parametrize(
    "quiet", ["Reply to this text", "Reply STOP to opt out", "Reply at {booking_link} yes"]
)
def test_no_yes_is_asked_for(quiet: str) -> None:
    expected = [] if "yes" not in quiet else ["error asks_unheard"]
    assert codes(f"{{clinic}}: {quiet}") == expected


def test_a_text_that_listens_says_what_for() -> None:
    assert codes(FINE, asks_answer=True) == ["warning asks_nothing"]


def test_encoding_and_length_are_warned_of_as_the_text_reads() -> None:
    assert codes("{clinic} 😊") == ["warning encoding"]
    assert codes("{clinic} " + "a" * 160) == ["warning long"]
    assert codes("{clinic}", shown="a" * 161) == ["warning long"]
    assert codes("{clinic} " + "a" * 480) == ["warning very_long"]
    assert codes("{clinic} " + "a" * 480, channel="email", subject="x") == []


def test_of_a_text_far_too_long_only_that_is_said() -> None:
    assert codes("http://x.example " * MAX_BODY) == ["error placeholder"]


def test_errors_come_first_and_alone_refuse() -> None:
    findings = lint(Wording("😊 {frist_name}"))
    assert [finding.level for finding in findings] == ["error", "warning", "warning"]
    assert errors(findings) == findings[:1]
    with pytest.raises(Invalid, match="first_name") as refusal:
        refuse_errors(findings, field="message")
    assert list(refusal.value.fields) == ["message"]
    refuse_errors([Finding("warning", "long", "long")])


@given(st.text(max_size=400), st.sampled_from(["template", "bulk", "reply"]))
def test_any_text_is_read(body: str, kind: Any) -> None:
    for finding in lint(Wording(body, kind=kind, services=[body[:20]], own_names=[body[5:9]])):
        assert finding.text
