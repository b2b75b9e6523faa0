"""The corpus of the intent model: templates in scripts/intent_corpus, written out and said in many styles.

A file holds sections (`= cancel`) of templates, one a line: `(one|or|the other|)` is a choice, `{slot}` a slot of
slots.txt, a `!` at the start means that nothing is added to it. Everything is drawn by numbers of our own that are the
same on every machine and in every version of Python.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

CORPUS = Path(__file__).resolve().parent / "intent_corpus"
TEST_SET = Path(__file__).resolve().parents[1] / "tests" / "data" / "intent_test_set.tsv"
T = TypeVar("T")

#: How often a template is written out, at most.
TIMES = 14
#: Meanings that are said together, and what a receptionist must act on then.
TOGETHER = (
    ("confirm", "question", "question", 420),
    ("thanks", "question", "question", 160),
    ("confirm", "reschedule", "reschedule", 260),
    ("confirm", "cancel", "cancel", 200),
    ("cancel", "reschedule", "reschedule", 420),
    ("context", "cancel", "cancel", 500),
    ("context", "reschedule", "reschedule", 500),
    ("context", "question", "question", 260),
    ("context", "other", "other", 240),
    ("thanks", "cancel", "cancel", 160),
    ("thanks", "reschedule", "reschedule", 160),
    ("thanks", "confirm", "confirm", 240),
    ("thanks", "other", "other", 120),
    ("question", "cancel", "cancel", 120),
    ("question", "reschedule", "reschedule", 80),
    ("other", "question", "question", 200),
    ("other", "cancel", "cancel", 120),
    ("other", "reschedule", "reschedule", 80),
    ("other", "stop", "stop", 80),
    ("cancel", "stop", "stop", 60),
    ("thanks", "stop", "stop", 60),
    ("context", "stop", "stop", 60),
)
JOINS = (". ", ". ", ", ", " ", " ", "\n", " - ", "! ", " and ", " but ", " so ", "; ", "... ")
SWAPPED_LETTERS = {"a": "s", "e": "r", "i": "o", "o": "p", "t": "r", "n": "m", "s": "a", "l": "k", "c": "v"}


class Chance:
    """Numbers that look drawn by lot and are always the same for a seed."""

    def __init__(self, seed: str) -> None:
        self._seed, self._drawn = seed, 0

    def below(self, limit: int) -> int:
        """A whole number from 0 to limit - 1."""
        self._drawn += 1
        digest = hashlib.blake2b(f"{self._seed}:{self._drawn}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") % limit

    def one_in(self, number: int) -> bool:
        return self.below(number) == 0

    def choice(self, ways: Sequence[T]) -> T:
        return ways[self.below(len(ways))]

    def order(self, things: Sequence[T]) -> list[T]:
        """The things in another order."""
        left = list(things)
        return [left.pop(self.below(len(left))) for _ in range(len(left))]


@dataclass(frozen=True)
class Template:
    """One line of the corpus."""

    name: str
    text: str
    plain: bool


@dataclass(frozen=True)
class Example:
    """One text with its meaning, the same without its slips of the finger, and whether it is kept for tuning."""

    name: str
    text: str
    clean: str
    dev: bool


def slots() -> dict[str, list[str]]:
    """The ways of each slot."""
    found = {}
    for line in _lines(CORPUS / "slots.txt"):
        name, _, ways = line.partition(":")
        found[name.strip()] = [way.strip() for way in ways.split(" | ")]
    return found


def templates() -> Iterator[Template]:
    """Every template, in the order of the files."""
    for path in sorted(CORPUS.glob("*.txt")):
        name = ""
        for line in [] if path.name == "slots.txt" else _lines(path):
            if line.startswith("= "):
                name = line[2:]
            else:
                yield Template(name, line.removeprefix("!"), line.startswith("!"))


def names() -> frozenset[str]:
    """Words of people's names: the model must not know one of them."""
    said = {word.lower() for name in slots()["name"] for word in name.split()}
    return frozenset(said | {f"{word}s" for word in said})


def examples() -> list[Example]:
    """Every text of the corpus but those of the test set. One template in eight is kept for tuning, whole."""
    measured = {folded(text) for _, text in test_set()}
    return [example for example in _written() if folded(example.text) not in measured]


def test_set() -> list[tuple[str, str]]:
    """(label, text) of each line of the test set, which nothing learns from."""
    lines = TEST_SET.read_text(encoding="utf-8").splitlines()
    pairs = (line.split("\t", 1) for line in lines if line.strip() and not line.startswith("#"))
    return [(label, text.replace("\\n", "\n")) for label, text in pairs]


def folded(text: str) -> str:
    """The text without the differences that make no other text of it: case and spaces."""
    return " ".join(text.casefold().split())


def _written() -> list[Example]:
    ways = slots()
    written: dict[str, list[tuple[str, bool]]] = {}
    found: dict[str, Example] = {}
    for template in templates():
        dev = Chance(f"dev {template.text}").one_in(8)
        for text in _expansions(template, ways):
            written.setdefault(template.name, []).append((text, dev))
            name = "other" if template.name == "context" else template.name
            chance = Chance(f"style {text}")
            clean = styled(text, chance, ways, plain=template.plain)
            said = clean if template.plain else mistyped(clean, chance)
            found.setdefault(said, Example(name, said, clean, dev))
    for first, second, name, count in TOGETHER:
        for number in range(count):
            chance = Chance(f"together {first} {second} {number}")
            one, other = chance.choice(written[first]), chance.choice(written[second])
            pair = [one, other] if chance.below(3) else [other, one]
            text = pair[0][0] + chance.choice(JOINS) + pair[1][0]
            clean = styled(text, chance, ways, plain=False)
            said = mistyped(clean, chance)
            found.setdefault(said, Example(name, said, clean, one[1] or other[1]))
    return list(found.values())


def written_out(text: str, chance: Chance, ways: dict[str, list[str]]) -> str:
    """One way of saying a template."""
    while True:
        choice = re.search(r"\(([^()]*)\)|\{(\w+)\}", text)
        if choice is None:
            return " ".join(text.split())
        options = choice[1].split("|") if choice[2] is None else ways[choice[2]]
        text = text[: choice.start()] + chance.choice(options) + text[choice.end() :]


#: What begins like this often ends in a question mark, whatever it asks for.
ASKING = re.compile(
    r"(?:yes|no|ok|sorry|hi|thanks)?,? ?(?:but )?"
    r"(?:can|could|would|is|are|was|do|does|did|have|has|may|might|shall|should|must|"
    r"will (?:i|it|you|there|the)|am i|what|when|where|who|why|how|which|any|anything|possible|wat|got|need)\b",
    re.IGNORECASE,
)


def styled(text: str, chance: Chance, ways: dict[str, list[str]], *, plain: bool) -> str:
    """The text as one person would type it."""
    if ASKING.match(text) and not text.endswith("?") and chance.below(2):
        text += "?"
    if not plain:
        if not chance.below(4):
            text = written_out("{greet}", chance, ways) + chance.choice((" ", ", ", "\n", "! ", ". ")) + text
        if chance.one_in(6):
            text += chance.choice((" ", ", ", ". ", "\n")) + written_out("{bye}", chance, ways)
        if chance.one_in(9):
            text += " " + written_out("{tail}", chance, ways)
    if chance.one_in(3):
        text = re.sub(r"[,.'!]", "", text)
    if not chance.one_in(3):
        text = text.lower()
    elif chance.one_in(6):
        text = text.upper()
    return text


def _expansions(template: Template, ways: dict[str, list[str]]) -> list[str]:
    """Different ways of saying a template: at most TIMES, and no more than it has."""
    found: dict[str, None] = {}
    for number in range(3 * TIMES):
        chance = Chance(f"write {template.text} {number}")
        found[written_out(template.text, chance, ways)] = None
        if len(found) >= TIMES * (3 if template.plain else 1):
            break
    return list(found)


def mistyped(text: str, chance: Chance) -> str:
    """The text, one time in five with a slip of the finger in a word."""
    if chance.below(5):
        return text
    spoken = text.split(" ")
    at = chance.below(len(spoken))
    word = spoken[at]
    if len(word) < 5 or not word.isalpha():
        return text
    spot = 1 + chance.below(len(word) - 2)
    kind = chance.below(4)
    if kind == 0:
        word = word[:spot] + word[spot + 1 :]
    elif kind == 1:
        word = word[:spot] + word[spot] + word[spot:]
    elif kind == 2:
        word = word[:spot] + word[spot + 1] + word[spot] + word[spot + 2 :]
    else:
        word = word[:spot] + SWAPPED_LETTERS.get(word[spot], word[spot]) + word[spot + 1 :]
    spoken[at] = word
    return " ".join(spoken)


def _lines(path: Path) -> list[str]:
    lines = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line and not line.startswith("#")]
