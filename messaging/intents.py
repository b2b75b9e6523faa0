"""What a person means by a text: confirm, cancel, reschedule, ask, stop, start, help, thank, or neither.

By rules. Two mistakes are worse than any other, so what is unclear falls away from them: a visit confirmed
that was not, and a wish to be left alone overheard. What nobody can be sure of is `question` or `other`, for
a person to read.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from messaging import intent_words as words

IntentName = Literal[
    "confirm", "cancel", "reschedule", "question", "stop", "start", "help", "thanks", "other"
]

MAX_TEXT = 1000
MAX_UNKNOWN = 2  # words beside a yes that may be anything: a name, a greeting nobody thought of

_APOSTROPHES = re.compile("['\u2019\u2018`\u00b4\u02bc]")
_NOT_WORDS = re.compile(r"[^\w?\u0900-\u0dff]|_")  # the vowel signs of India's scripts are no \\w
_SENTENCE_ENDS = re.compile(r"[.!?;,\n]+")
_SPELT_OUT = re.compile(r"(?:[^\W\d] )+[^\W\d]")
# Cyrillic and Greek letters that look like Latin ones, as filters and pranks use them.
_LOOKALIKES = str.maketrans(
    "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425"
    "\u0430\u0435\u0455\u0456\u0458\u043e\u0440\u0441\u0443\u0445"
    "\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf",
    "ABESIJKMHOPCTYXaesijopcyxABEZHIKMNOPTYXo",
)


@dataclass(frozen=True, slots=True)
class Intent:
    """What a text means, and why we think so.

    `clear` is False where a person should read it before anything is taken for granted. `carrier_optout`
    means that the carrier or provider takes the text for an opt-out by itself. `clash` means that it is an
    opt-out and may be about the visit too: record both, and let somebody see to the visit.
    """

    name: IntentName
    clear: bool
    carrier_optout: bool = False
    clash: bool = False
    reasons: tuple[str, ...] = ()

    @property
    def opts_out(self) -> bool:
        """Whether the number must not be texted any more."""
        return self.name == "stop" or self.carrier_optout


def detect(text: str) -> Intent:
    """What a text means. Never raises; time grows with the text, of which the first 1000 characters count."""
    own = _own_words(text)
    sentences = [_simplified(sentence) for sentence in _SENTENCE_ENDS.split(own)]
    said = _simplified(own)
    return _about_texts(said, sentences) or _about_visit(said)


def plain(text: str) -> str:
    """The text as the rules see it: lower case, no accents, no punctuation but `?`, signs as words."""
    return _simplified(_own_words(text))


def _own_words(text: str) -> str:
    return words.SIGNATURE.sub("", _reaction(text[:MAX_TEXT]))


def _simplified(text: str) -> str:
    for sign, word in words.SIGNS.items():
        text = text.replace(sign, word)
    text = _latin(unicodedata.normalize("NFKC", text)).casefold()
    text = "".join(char for char in unicodedata.normalize("NFKD", text) if not "\u0300" <= char <= "\u036f")
    text = "".join(char for char in text if unicodedata.category(char) != "Cf")
    text = unicodedata.normalize("NFC", text)
    text = _NOT_WORDS.sub(" ", _APOSTROPHES.sub("", text)).replace("?", " ? ")
    text = " ".join(text.split())
    return text.replace(" ", "") if _SPELT_OUT.fullmatch(text) else text


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


# About being texted at all


def _about_texts(said: str, sentences: list[str]) -> Intent | None:
    lone = said.replace(" ", "")
    if lone in words.CLASH:
        reason = f"{lone.upper()} alone opts out at the carrier, and may be about the visit"
        return Intent("cancel", clear=False, carrier_optout=True, clash=True, reasons=(reason,))
    if lone in words.CARRIER_STOP:
        return Intent(
            "stop", clear=True, carrier_optout=True, reasons=(f"{lone.upper()} is a carrier's opt-out word",)
        )
    if _stops(said, sentences):
        rest = _without(words.STOP_ANYWHERE, said)
        clash = _finds(words.CANCEL, rest)
        reasons = (
            ("asks not to be texted", "also speaks of cancelling") if clash else ("asks not to be texted",)
        )
        return Intent("stop", clear=True, clash=clash, reasons=reasons)
    if _is(words.START_WHOLE, said):
        return Intent("start", clear=True, reasons=("asks to be texted again",))
    if _is(words.HELP_WHOLE, said):
        return Intent("help", clear=True, reasons=("asks who this is and how to get help",))
    return None


def _stops(said: str, sentences: list[str]) -> bool:
    if any(_is_bare_stop(part) for part in (said, *sentences)) or _is(words.STOP_WHOLE, said):
        return True
    return _finds(words.STOP_ANYWHERE, said) and not _finds(words.STOP_DENIED, said)


def _is_bare_stop(said: str) -> bool:
    """Whether a text says stop and, but for courtesies and what is to stop, nothing else."""
    spoken = said.replace("?", "").split()
    stops = [_is((words.STOP_WORD,), word) for word in spoken]
    return any(stops) and all(
        stop or word in words.STOP_BESIDE for stop, word in zip(stops, spoken, strict=True)
    )


# About the visit


def _about_visit(said: str) -> Intent:
    asks = "?" in said or _finds(words.ASKING, said)
    kept = _finds(words.CANCEL_DENIED, said) or _finds(words.RESCHEDULE_DENIED, said)
    if _finds(words.RESCHEDULE, said) and not kept:
        return Intent("reschedule", clear=True, reasons=("speaks of another time",))
    if _finds(words.CANCEL, said) and not kept:
        if asks and _finds(words.CANCEL_ASIDE, said):
            return Intent("question", clear=True, reasons=("asks about cancelling",))
        return Intent("cancel", clear=True, reasons=("says that the visit cannot take place",))
    answer = _answer(said)
    if answer is not None:
        return answer
    if kept:
        return Intent(
            "question", clear=False, reasons=("speaks of keeping the visit as it is, but not plainly",)
        )
    if asks:
        return Intent("question", clear=True, reasons=("asks something",))
    if _is((r"(?:n|no+|nope|nah|na|non|nein)(?: (?:thanks|thank you|sorry|no))*",), said):
        return Intent("question", clear=False, reasons=("says no, and not to what",))
    return Intent("other", clear=False, reasons=("nothing known was said",))


def _answer(said: str) -> Intent | None:
    """A plain yes, or thanks; None as soon as anything stands in the way of that."""
    for pattern, meaning in words.IDIOMS:
        said = re.sub(pattern, meaning, said)
    if not said.strip() or _finds((words.RISKY,), said):
        return None
    rest, yes = _take(words.YES, said)
    rest, agreed = _take(words.AGREED, rest)
    rest, thanked = _take(words.THANKS, rest)
    rest, pleased = _take(words.NICE, rest)
    rest, _ = _take(words.IDLE, rest)
    unknown = len(rest.split())
    if yes and unknown <= MAX_UNKNOWN:
        return Intent("confirm", clear=True, reasons=("says yes, and nothing that speaks against it",))
    if agreed and not thanked and not unknown:
        return Intent("confirm", clear=True, reasons=("agrees, and says nothing else",))
    if thanked and unknown <= MAX_UNKNOWN:
        return Intent("thanks", clear=True, reasons=("says thank you",))
    if pleased and not unknown:
        return Intent("thanks", clear=True, reasons=("is pleased, and says nothing else",))
    return None


# Patterns


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)


def _is(patterns: Iterable[str], said: str) -> bool:
    return any(_compiled(pattern).fullmatch(said) for pattern in patterns)


def _finds(patterns: Iterable[str], said: str) -> bool:
    return any(_compiled(pattern).search(said) for pattern in patterns)


def _without(patterns: Iterable[str], said: str) -> str:
    for pattern in patterns:
        said = _compiled(pattern).sub(" ", said)
    return said


def _take(pattern: str, said: str) -> tuple[str, bool]:
    rest, count = _compiled(rf"(?<!\S){pattern}(?!\S)").subn(" ", said)
    return " ".join(rest.split()), count > 0
