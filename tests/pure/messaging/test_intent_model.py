"""The weights that ship: what they are made of, how they read, and that nothing they are measured on taught them."""

from __future__ import annotations

import importlib
import json
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from messaging import intent_model
from messaging.intents import detect

ROOT = Path(__file__).parents[3]
TEST_SET = ROOT / "tests" / "data" / "intent_test_set.tsv"
BODY = "bias:\t0\t1\ncancel\t30\t0\nyes\t0\t30\n"


def weights(**other: object) -> str:
    about = {
        "format": intent_model.FORMAT, "names": ["cancel", "confirm"], "scale": 10,
        "checksum": intent_model.checksum(BODY), **other,
    }  # fmt: skip
    return json.dumps(about) + "\n" + BODY


def script(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.setattr(sys, "path", [str(ROOT / "scripts"), *sys.path])
    return importlib.import_module(name)


def test_the_weights_decide() -> None:
    model = intent_model.parse(weights())
    said = model.read([("cancle", "zork")])
    assert said == (("<unk>", "<unk>"),) or said == (("cancel", "<unk>"),)
    odds = model.odds([("cancel",)])
    assert odds["cancel"] > odds["confirm"]
    assert model.odds([("yes",)])["confirm"] > 0.5
    assert sum(odds.values()) == pytest.approx(1)
    nothing = model.odds([])
    assert nothing["confirm"] == pytest.approx(0.525, abs=0.001)


def test_weights_of_another_format_are_refused() -> None:
    with pytest.raises(intent_model.WrongModel, match="format 99"):
        intent_model.parse(weights(format=99))


def test_weights_that_were_changed_are_refused() -> None:
    with pytest.raises(intent_model.WrongModel, match="train them again"):
        intent_model.parse(weights().replace("30", "31"))


def test_a_typo_leads_to_its_word_and_a_short_word_has_none() -> None:
    typos = intent_model.typos_of(["cancel", "yes", "bias:"])
    assert typos["cncel"] == typos["cancel"] == "cancel"
    assert "ys" not in typos


def test_the_shipped_weights_are_whole_and_know_no_names() -> None:
    model = intent_model.shipped()
    assert len(model.names) == 9
    assert len(model.vocabulary) > 1000
    assert not {"maria", "priya", "aroha"} & model.vocabulary


def read_test_set() -> list[tuple[str, str]]:
    lines = TEST_SET.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("\t", 1) for line in lines if line.strip() and not line.startswith("#"))
    return [(label, text.replace("\\n", "\n")) for label, text in pairs]


def test_no_text_of_the_test_set_is_in_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    grammar = script("intent_grammar", monkeypatch)
    measured = {grammar.folded(text) for _, text in read_test_set()}
    written = {grammar.folded(example.text) for example in grammar.examples()}
    assert len(measured) > 900
    assert len(written) > 5000
    assert not measured & written


def test_a_wish_about_the_visit_is_never_read_as_a_yes_and_nobody_is_opted_out_by_mistake() -> None:
    read = [(label, text, detect(text)) for label, text in read_test_set()]
    wrong = [text for label, text, one in read if label in ("cancel", "reschedule") and one.name == "confirm"]
    false = [text for label, text, one in read if label != "stop" and one.name == "stop"]
    assert (wrong, false) == ([], [])


def test_most_of_the_test_set_is_understood() -> None:
    right = Counter(label == detect(text).name for label, text in read_test_set())
    assert right[True] / right.total() > 0.8


@pytest.mark.slow
def test_training_gives_the_shipped_weights_byte_for_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    grammar, training = script("intent_grammar", monkeypatch), script("train_intents", monkeypatch)
    assert training.trained(grammar.examples()) == intent_model.PATH.read_text(encoding="utf-8")
