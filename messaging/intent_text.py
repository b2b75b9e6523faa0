"""What the rules and the model see of a text: its plain form, and its sentences as words with one spelling."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby

from messaging import intent_words as words
from messaging.intent_spelling import PAIRS, SPELLINGS, WHEN

#: Characters that are read; longer texts are never taken for a plain yes.
MAX_TEXT = 1600
#: How many words behind a "not" are marked as denied.
SCOPE = 4
#: The shortest word whose typos are mended, and the shortest of which two letters may be wrong.
MENDABLE, LONG = 5, 9
#: The longest word whose typos are mended: what is longer is no slip of a finger, and would take long to mend.
LONGEST = 24
WHEN_WORD, UNKNOWN = "<when>", "<unk>"

Sentence = tuple[str, ...]

_APOSTROPHES = re.compile("['\u2019\u2018`\u00b4\u02bc]")
_NOT_WORDS = re.compile(r"[^\w?\u0900-\u0dff]|_")  # the vowel signs of India's scripts are no \\w
_SENTENCE_ENDS = re.compile(r"[.](?!\d)|[!;\n]+|(?<=\?)|\b(?=but\b)", re.IGNORECASE)
_SPELT_OUT = re.compile(r"(?:[^\W\d] )+[^\W\d]")
_LONG_LETTERS = re.compile(r"(.)\1{2,}")
_CLOCK = re.compile(r"(?<=\d)[:.](?=\d)")
# Cyrillic and Greek letters that look like Latin ones, as filters and pranks use them.
_LOOKALIKES = str.maketrans(
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425"
    "\u0430\u0435\u0455\u0456\u0458\u043e\u0440\u0441\u0443\u0445"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf",
    "ABESIJKMHOPCTYXaesijopcyxABEZHIKMNOPTYXo",
)


def own_words(text: str) -> str:
    """The text without what a phone added: a signature, or the quotation in a reaction."""
    return words.SIGNATURE.sub("", _reaction(text[:MAX_TEXT]))


def plain(text: str) -> str:
    """The text as the rules see it: lower case, no accents, no punctuation but `?`, signs as words."""
    return simplified(own_words(text))


def simplified(text: str) -> str:
    """Any piece of a text in plain form."""
    for sign, word in words.SIGNS.items():
        text = text.replace(sign, word)
    text = _latin(unicodedata.normalize("NFKC", text)).casefold()
    text = "".join(char for char in unicodedata.normalize("NFKD", text) if not "\u0300" <= char <= "\u036f")
    text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    text = unicodedata.normalize("NFC", text)
    text = _NOT_WORDS.sub(" ", _APOSTROPHES.sub("", text)).replace("?", " ? ")
    text = " ".join(text.split())
    return text.replace(" ", "") if _SPELT_OUT.fullmatch(text) else text


def sentences(text: str) -> tuple[Sentence, ...]:
    """The sentences of a text, each as words in one spelling: `?` at its end when it asks, `<when>` for times."""
    pieces = _SENTENCE_ENDS.split(_CLOCK.sub("", own_words(text)))
    spelt = (tuple(_one_spelling(simplified(piece).split())) for piece in pieces)
    return tuple(piece for piece in spelt if piece)


def known(sentence: Sentence, vocabulary: Collection[str], typos: Mapping[str, str]) -> Sentence:
    """The sentence with typos mended and every word that the vocabulary lacks as `<unk>`."""
    return tuple(_known(word, vocabulary, typos) for word in sentence)


def deletions(word: str) -> set[str]:
    """The word with one letter left out, and with two of a long word: what it shares with its typos."""
    once = {word[:at] + word[at + 1 :] for at in range(1, len(word))}
    if len(word) < LONG:
        return once
    return once | {less[:at] + less[at + 1 :] for less in once for at in range(1, len(less))}


def features(said: Iterable[Sentence]) -> list[str]:
    """What the model weighs: runs of one to three words, words behind a "not", and the shape of the text."""
    said = list(said)
    found: dict[str, None] = {}
    for sentence in said:
        for size in (1, 2, 3):
            padded = sentence if size == 1 else ("^", *sentence, "$")
            found.update((" ".join(padded[at : at + size]), None) for at in range(len(padded) - size + 1))
        found.update((f"not:{word}", None) for word in denied(sentence))
    count = sum(len(sentence) for sentence in said)
    found[f"length:{min(count, 4) if count < 5 else 5 + min(count // 6, 5)}"] = None
    found[f"sentences:{min(len(said), 4)}"] = None
    return list(found)


def denied(sentence: Sequence[str]) -> list[str]:
    """The words of a sentence that stand within reach of a "not"."""
    found, reach = [], 0
    for word in sentence:
        if word in words.NEGATIONS:
            reach = SCOPE
        elif reach:
            reach -= 1
            found.append(word)
    return found


def _one_spelling(spoken: list[str]) -> list[str]:
    spelt: list[str] = []
    for raw in spoken:
        word = _LONG_LETTERS.sub(r"\1", raw)
        word = SPELLINGS.get(word, word)
        joined = PAIRS.get((spelt[-1], word)) if spelt else None
        if joined is not None:
            spelt[-1] = joined
        else:
            spelt.append(WHEN_WORD if WHEN.fullmatch(word) else word)
    return [word for word, _ in groupby(spelt)]


def _known(word: str, vocabulary: Collection[str], typos: Mapping[str, str]) -> str:
    if word in vocabulary:
        return word
    if MENDABLE <= len(word) <= LONGEST and word not in words.NO_TYPOS:
        for less in (word, *sorted(deletions(word))):
            if less in typos:
                return typos[less]
    return UNKNOWN


def _reaction(text: str) -> str:
    """A phone's "Liked “…”" as the sign it stands for, without the quoted text; any other text as it is."""
    found = words.REACTION.match(text)
    if found is None:
        return text
    return found["sign"] or found["bare"] or words.REACTION_WORDS.get(found["word"].casefold(), "")


def _latin(text: str) -> str:
    """Letters that only look Latin as Latin ones, where nothing else is left of the other alphabet."""
    changed = text.translate(_LOOKALIKES)
    foreign = any(char.isalpha() and "LATIN" not in unicodedata.name(char, "") for char in changed)
    return text if foreign else changed
