from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import intent_model
from messaging.intent_text import plain
from messaging.intents import Intent, detect
from tests.pure.messaging.intent_texts import TEXTS

CASES = [(name, text) for name, texts in TEXTS.items() for text in texts]


@pytest.mark.parametrize(("name", "text"), CASES)
def test_people_are_understood(name: str, text: str) -> None:
    assert detect(text).name == name


def test_there_are_many_texts_and_each_is_told_once() -> None:
    assert len(CASES) == len({text for _, text in CASES}) > 400


# STOP, START, HELP


@pytest.mark.parametrize("word", ["CANCEL", "END", "QUIT", "cancel", "Cancel.", " quit! "])
def test_a_lone_word_that_carriers_take_for_a_stop_may_be_about_the_visit(word: str) -> None:
    upper = word.strip(" .!").upper()
    intent = detect(word)
    assert intent == Intent(
        "cancel",
        clear=False,
        carrier_optout=True,
        clash=True,
        reasons=(f"{upper} alone opts out at the carrier, and may be about the visit",),
    )
    assert intent.opts_out


@pytest.mark.parametrize(
    "word", ["STOP", "STOP ALL", "OPT-OUT", "Unsubscribe", "revoke", "TD", "remove", "arrêt"]
)
def test_the_other_opt_out_words_of_carriers_are_plain(word: str) -> None:
    intent = detect(word)
    assert (intent.name, intent.clear, intent.carrier_optout, intent.clash) == ("stop", True, True, False)
    assert intent.reasons[0].endswith("is a carrier's opt-out word")


def test_a_stop_in_other_words_is_a_stop_that_the_carrier_does_not_hear() -> None:
    assert detect("please stop texting me") == Intent("stop", clear=True, reasons=("asks not to be texted",))
    assert detect("stop, please") == Intent("stop", clear=True, reasons=("asks not to be texted",))
    assert detect("leave me alone").opts_out


def test_a_stop_that_also_cancels_is_both() -> None:
    assert detect("cancel my appointment and stop texting me") == Intent(
        "stop", clear=True, clash=True, reasons=("asks not to be texted", "also speaks of cancelling")
    )
    assert detect("cancel these messages").clash is False


def test_cancelling_the_visit_opts_nobody_out() -> None:
    intent = detect("Please cancel my appointment")
    assert intent == Intent("cancel", clear=True, reasons=("says that the visit cannot take place",))
    assert not intent.opts_out


def test_yes_is_a_yes_and_never_a_start() -> None:
    for text in ("YES", "Yes please", "y"):
        assert detect(text) == Intent(
            "confirm", clear=True, reasons=("says yes, and nothing that speaks against it",)
        )


def test_start_and_help_are_plain() -> None:
    assert detect("START") == Intent("start", clear=True, reasons=("asks to be texted again",))
    assert detect("help") == Intent("help", clear=True, reasons=("asks who this is and how to get help",))


def test_every_keyword_of_every_carrier_is_met() -> None:
    source = Path(__file__).parents[4] / "shared" / "data" / "carrier_keywords.json"
    if not source.exists():
        pytest.skip(f"the keywords of the carriers are not here: {source}")
    words = json.loads(source.read_text())
    for listed in words["optout"].values():
        for word in listed:
            intent = detect(word)
            assert intent.opts_out, word
            assert intent.clash is (word in ("CANCEL", "END", "QUIT")), word
    for listed in words["optin"].values():
        for word in listed:
            assert detect(word).name == ("confirm" if word == "YES" else "start")
    for word in words["help"]["braze"]:
        assert detect(word).name == "help"


# What else is said, with the reasons


@pytest.mark.parametrize(
    ("text", "intent"),
    [
        ("ok", Intent("confirm", True, reasons=("says yes, and nothing that speaks against it",))),
        ("can we move it?", Intent("reschedule", True, reasons=("speaks of another time",))),
        ("is there a fee if I cancel?", Intent("question", True, reasons=("asks something",))),
        ("please don't cancel my visit", Intent("question", True, reasons=("asks something",))),
        (
            "don't cancel, I'll be there",
            Intent("other", False, reasons=("may be confirm, but also says cancel",)),
        ),
        ("what time?", Intent("question", True, reasons=("asks something",))),
        ("where are you", Intent("question", True, reasons=("asks something",))),
        ("no", Intent("other", False, reasons=("says no, and not to what",))),
        ("thanks", Intent("thanks", True, reasons=("says thank you",))),
        ("great", Intent("thanks", True, reasons=("says thank you",))),
        ("running late", Intent("other", False, reasons=("nothing known was said",))),
        ("", Intent("other", False, reasons=("nothing known was said",))),
    ],
)
def test_an_intent_says_why(text: str, intent: Intent) -> None:
    assert detect(text) == intent


def test_two_unknown_words_beside_a_yes_may_be_a_name_and_three_may_be_anything() -> None:
    assert detect("yes Aroha Ngata").name == "confirm"
    assert detect("yes Aroha Ngata Tui").name == "other"
    assert detect("thanks Aroha Ngata").name == "thanks"
    assert detect("thanks Aroha Ngata Tui").name == "other"


DOUBTS = [
    "but", "however", "unless", "if", "not", "no", "dont", "isn't", "can't", "won't", "never", "maybe",
    "perhaps", "might", "probably", "hopefully", "trying", "think", "late", "running", "sick", "wrong",
    "instead", "another", "different", "earlier", "before", "after", "call", "need", "want", "what",
    "when", "would", "could", "should", "forgot", "only", "pain", "later", "check",
]  # fmt: skip


@pytest.mark.parametrize("doubt", DOUBTS)
def test_no_yes_with_a_doubt_in_it_confirms(doubt: str) -> None:
    for text in (f"yes {doubt}", f"{doubt} yes", f"yes i'll be there {doubt}", f"ok {doubt}"):
        assert detect(text).name != "confirm", text


@given(
    st.sampled_from(TEXTS["confirm"]),
    st.sampled_from(["?", " but can we move it", " but I can't make it", " unless it rains"]),
)
def test_no_yes_stays_one_when_something_is_added(text: str, more: str) -> None:
    assert detect(text.partition("\n")[0] + more).name != "confirm"


@given(st.sampled_from(TEXTS["stop"]), st.sampled_from(["", " ", "!", "...", "\n"]), st.booleans())
def test_a_stop_is_heard_however_it_is_shouted(text: str, end: str, upper: bool) -> None:
    assert detect((text.upper() if upper else text) + end).opts_out


# The plain form


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("  Yes,  PLEASE!! ", "yes please"),
        ("I can\u2019t", "i cant"),
        ("I can't, I`m ill", "i cant im ill"),
        ("Really?yes", "really ? yes"),
        ("\u00bfQu\u00e9 hora?", "que hora ?"),
        ("caf\u00e9 na\u00efve", "cafe naive"),
        ("S T O P", "stop"),
        ("s.t.o.p", "stop"),
        ("1 2 3", "1 2 3"),
        ("I a", "ia"),
        ("St\u200bop", "stop"),
        ("\uff33\uff34\uff2f\uff30", "stop"),
        ("\u0405\u0422\u041e\u0420", "stop"),
        ("\u0421\u0422\u041e\u041f", "\u0441\u0442\u043e\u043f"),
        ("\u092c\u0902\u0926", "\u092c\u0902\u0926"),
        ("snake_case", "snake case"),
        ("re-book 9:30", "re book 9 30"),
        ("\U0001f44d\U0001f3fd", "yes"),
        ("\u2764\ufe0f", "heart"),
        ("Yes\nSent from my iPhone", "yes"),
        ("Yes\n\nGet Outlook for Android\nmore", "yes"),
        ("x" * 2000, "x" * 1600),
        ("Liked \u201creply STOP to opt out\u201d", "yes"),
        ("Loved \u201cA\nB\u201d", "yes"),
        ('Questioned "see you at 3"', "?"),
        ("Disliked \u201csee you\u201d", ""),
        ("Reacted \U0001f44d to \u201csee you\u201d", "yes"),
        ("\U0001f44d to \u201csee you\u201d ", "yes"),
        ("Liked your clinic", "liked your clinic"),
    ],
)
def test_the_plain_form(text: str, said: str) -> None:
    assert plain(text) == said


@given(st.text())
def test_any_text_is_understood_or_not_without_an_error(text: str) -> None:
    intent = detect(text)
    assert intent.reasons
    assert detect(text) == intent


def test_naughty_strings_neither_confirm_nor_stop() -> None:
    source = Path(__file__).parents[4] / "shared" / "data" / "blns.json"
    if not source.exists():
        pytest.skip(f"the naughty strings are not here: {source}")
    strings = json.loads(source.read_text())
    assert len(strings) > 400
    for text in strings:
        intent = detect(text)
        assert intent.name not in ("confirm", "start"), text
        assert not intent.opts_out, text


def test_strings_that_choke_patterns_are_read_and_confirm_nothing() -> None:
    source = Path(__file__).parents[4] / "shared" / "data" / "redos_attack_strings.json"
    if not source.exists():
        pytest.skip(f"the strings that choke patterns are not here: {source}")
    for row in json.loads(source.read_text()):
        for text in (row["attack"], row["attack"] * 40):
            assert not detect(text).opts_out
            assert detect(text).name != "confirm"


def test_the_longest_text_is_cut_and_never_taken_for_a_yes() -> None:
    assert detect("yes " * 400).name == "confirm"
    assert detect("yes " * 401) == Intent(
        "other", False, reasons=("may be confirm, but there is more than was read",)
    )
    assert detect("cancel my appointment " + "x" * 5000).name == "cancel"


# What the guards are for


@pytest.mark.parametrize(
    ("text", "name", "reason"),
    [
        ("yes sorry for the late reply", "confirm", "says yes, and nothing that speaks against it"),
        ("yes I will be there Aroha Ngata Tui", "other", "may be confirm, but much else was said"),
        ("I am not cancelling it", "question", "speaks of keeping the visit as it is, but not plainly"),
        ("zork blip fnord wibble", "other", "most of it is not known"),
        ("Yes I will be there. Can't make it after all", "cancel", "says that the visit cannot take place"),
        ("Can't make it tomorrow. Can we reschedule?", "reschedule", "speaks of another time"),
        ("Thanks for the reminder. Where do I park?", "question", "asks something"),
        ("I need to cancel my appointment. Maybe next week", "reschedule", "speaks of another time"),
    ],
)
def test_a_guard_says_what_it_saw(text: str, name: str, reason: str) -> None:
    intent = detect(text)
    assert (intent.name, intent.reasons) == (name, (reason,))


@pytest.mark.parametrize(
    "text",
    [
        "stop sending me to voicemail", "take me off the waiting list", "remove me from the 3pm",
        "I'd like to opt out of the injection", "stop calling me, just text", "you can stop the emails, texts are fine",
        "I unsubscribed by accident", "disregard the cancel message", "please take me off the list for Tuesday",
        "can you stop by the house", "I don't understand this message", "wrong number",
    ],
)  # fmt: skip
def test_a_stop_of_something_else_opts_nobody_out(text: str) -> None:
    assert not detect(text).opts_out


def test_a_yes_needs_a_word_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    odds = {name: float(name == "confirm") for name in intent_model.shipped().names}
    monkeypatch.setattr(intent_model.Model, "odds", lambda self, said: odds)
    assert detect("blue table") == Intent(
        "other", False, reasons=("may be confirm, but with no word for it",)
    )
    assert detect("blue yes").name == "confirm"


def test_a_stop_that_no_rule_knows_is_heard_by_the_model() -> None:
    assert detect("fed up with all these reminders, enough now").opts_out


@pytest.mark.parametrize(
    "text",
    [
        "Could you turn your reminders off", "no need to text me reminders", "I asked you politely not to message",
        "I told you last week to stop", "please make this your last text", "My father is gone. Please take me off. Rob",
        "dont need to send messages",
    ],
)  # fmt: skip
def test_asking_for_silence_in_other_words_is_a_stop(text: str) -> None:
    assert detect(text).opts_out, text


@pytest.mark.parametrize(
    "text",
    [
        "I told him to stop at the chemist first", "no need to send me the form", "you told me to come at 3",
        "this is the last visit, right?", "turn the heater off in there please",
    ],
)  # fmt: skip
def test_words_like_those_about_something_else_are_no_stop(text: str) -> None:
    assert not detect(text).opts_out, text


@pytest.mark.parametrize(
    "text", ["please start to leave me alone", "start going away", "keep leaving me alone please"]
)
def test_asking_to_be_left_alone_never_starts_the_texts(text: str) -> None:
    assert detect(text).name != "start", text
