"""Actions that tell staff and call other systems: their shape, their intent, their words."""

from __future__ import annotations

from typing import Any

import pytest

from automation import action_parser, intents, sentences
from core.errors import Invalid
from tests.pure.automation.situations import NAMES, NOW, intent, rule, subject

CALL = {"type": "call_webhook", "url": "https://hooks.example.com/a?b=c"}
TELL = {"type": "notify_staff", "text": "Look at {source}"}


def test_a_webhook_names_the_event_and_adds_what_the_rule_says() -> None:
    about = subject({"source": "wix"}, booking_id=9, type="booking_created")
    wish = {**CALL, "data": {"from": "Came by {source}", "fixed": "1"}, "account": "Warehouse"}
    assert intent(wish, about) == intents.CallWebhook(
        location_id=3, contact_id=7, booking_id=9, url=CALL["url"], event="booking_created", occurred_at=NOW,
        data={"from": "Came by wix", "fixed": "1"}, account="Warehouse", cause_key="r1.0:event:5",
    )  # fmt: skip


def test_a_webhook_needs_no_contact() -> None:
    made = intent(CALL, subject(contact_id=None))
    assert isinstance(made, intents.CallWebhook)
    assert (made.contact_id, made.data) == (None, {})


def test_staff_are_told_on_the_home_page_unless_said_otherwise() -> None:
    told = intent(TELL, subject({"source": "wix"}))
    assert isinstance(told, intents.NotifyStaff)
    assert (told.text, told.channels, told.to, told.anchor) == ("Look at wix", ("in_app",), (), "event:5")
    by_mail = intent({**TELL, "channels": ["email", "slack"], "to": ["Boss@clinic.test"]})
    assert isinstance(by_mail, intents.NotifyStaff)
    assert (by_mail.channels, by_mail.to) == (("email", "slack"), ("boss@clinic.test",))


@pytest.mark.parametrize(
    ("raw", "path", "words"),
    [
        ({**CALL, "url": "ftp://x.test"}, "actions[0].url", "https://"),
        ({**CALL, "url": "https://a:b@x.test"}, "actions[0].url", "user and password"),
        ({"type": "call_webhook"}, "actions[0].url", "required"),
        ({**CALL, "data": {"a b": "x"}}, "actions[0].data.a b.[key]", "pattern"),
        ({**CALL, "data": {"a": 1}}, "actions[0].data.a", "string"),
        ({**CALL, "data": {"a": "{x}"}}, "actions[0].data.a", "there is no fact {x}."),
        ({**TELL, "channels": []}, "actions[0].channels", "at least 1 item"),
        ({**TELL, "channels": ["fax"]}, "actions[0].channels[0]", "'slack'"),
        ({**TELL, "channels": ["slack", "slack"]}, "actions[0].channels", "once"),
        ({**TELL, "to": ["a@b.c"]}, "actions[0]", "only the channel email"),
        ({**TELL, "channels": ["email"], "to": ["x"]}, "actions[0].to[0]", "pattern"),
    ],
)
def test_what_does_not_fit_is_named_by_its_path(raw: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        action_parser.read_actions([raw], facts=NAMES)
    [(where, what)] = caught.value.fields.items()
    assert (where, words in what[0]) == (path, True), what


def test_an_address_inside_is_left_to_the_clinic_that_saves_the_rule() -> None:
    [action] = action_parser.read_actions([{**CALL, "url": "http://10.0.0.1/"}], facts=NAMES)
    assert action.kind == "call_webhook"


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (CALL, "call hooks.example.com"),
        (TELL, "tell the staff"),
        ({**TELL, "channels": ["slack"]}, "tell the staff in Slack"),
        ({**TELL, "channels": ["in_app", "email"]}, "tell the staff on the home page and by e-mail"),
        ({**TELL, "channels": ["email"], "to": ["a@b.c"]}, "tell a@b.c by e-mail"),
    ],
)
def test_each_says_itself_in_plain_words(raw: dict[str, Any], words: str) -> None:
    [step] = rule(raw).steps
    assert sentences.describe(step) == words


def test_a_call_can_be_shown_as_json() -> None:
    shown = intents.as_dict(intent({**CALL, "data": {"a": "b"}}))
    assert (shown["intent"], shown["data"], shown["occurred_at"]) == (
        "CallWebhook",
        {"a": "b"},
        "2026-11-23T01:00:00+00:00",
    )


# E-mail


def test_an_e_mail_about_an_event_or_a_visit_is_asked_for_once() -> None:
    letter = intent({"type": "send_email", "template": "welcome_email"}, subject(type="lead_created"))
    assert letter == intents.QueueMessage(
        contact_id=7, booking_id=None, template="welcome_email", body="", dedupe_key="email:welcome_email:event:5",
        exempt_quiet=False, acted_at=NOW, channel="email",
    )  # fmt: skip
    own = {"type": "send_email", "subject": "Hi {first_name}", "message": "Text"}
    about = subject(booking_id=9, type="booking_outcome_updated")
    made = intent(own, about)
    assert isinstance(made, intents.QueueMessage)
    assert (made.subject, made.body, made.dedupe_key) == ("Hi {first_name}", "Text", "email:r1.0:visit:9")
    assert made.acted_at is None


@pytest.mark.parametrize(
    ("raw", "path", "words"),
    [
        ({}, "actions[0]", "either a template or a message"),
        ({"template": "a", "message": "b", "subject": "c"}, "actions[0]", "either a template or a message"),
        ({"message": "b"}, "actions[0]", "subject with a message"),
        ({"template": "a", "subject": "c"}, "actions[0]", "subject with a message"),
        ({"message": "b", "subject": ""}, "actions[0].subject", "at least 1 character"),
    ],
)
def test_an_e_mail_has_one_text_and_one_subject(raw: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        action_parser.read_actions([{"type": "send_email", **raw}], facts=NAMES)
    [(where, what)] = caught.value.fields.items()
    assert (where, words in what[0]) == (path, True), what


def test_an_e_mail_says_itself_in_plain_words() -> None:
    steps = rule(
        {"type": "send_email", "template": "welcome_email"},
        {"type": "send_email", "subject": "Hello", "message": "x"},
    ).steps
    assert [sentences.describe(step) for step in steps] == ["e-mail welcome_email", 'e-mail "Hello"']
