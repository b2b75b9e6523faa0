"""What a person means by a text: confirm, cancel, reschedule, ask, stop, start, help, thank, or neither.

A small model (`messaging.intent_model`) says how likely each meaning is; rules stand guard around it. Two mistakes
are worse than any other, so what is unclear falls away from them: a visit confirmed that was not, and a wish about
texts that nobody had, or that nobody heard. What cannot be told for sure is not `clear`, for a person to read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Literal, cast

from messaging import intent_model, intent_text
from messaging import intent_words as words
from messaging.intent_text import Sentence

IntentName = Literal[
    "confirm", "cancel", "reschedule", "question", "stop", "start", "help", "thanks", "other"
]

#: From here on a meaning is clear.
CLEAR = 0.6
#: A yes or thanks must be this likely to be taken for one, and any wish to cancel or move less likely than that.
PLAIN, DOUBT = 0.55, 0.15
#: A sentence that is this likely a wish about the visit decides, whatever stands beside it.
WISH, QUESTION = 0.7, 0.75
#: A wish not to be texted that no rule knows must be this likely.
STOP = 0.6
#: Words beside a yes that may be anything: a name, a greeting nobody thought of.
MAX_UNKNOWN = 2
WISHES = ("reschedule", "cancel")

_PARTS = re.compile(r"[.!?;,\n]+")


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
    """What a text means. Never raises; time grows with the text, of which the first MAX_TEXT characters count."""
    said = intent_text.plain(text)
    lone = said.replace(" ", "")
    if lone in words.CLASH:
        reason = f"{lone.upper()} alone opts out at the carrier, and may be about the visit"
        return Intent("cancel", clear=False, carrier_optout=True, clash=True, reasons=(reason,))
    if lone in words.CARRIER_STOP:
        reason = f"{lone.upper()} is a carrier's opt-out word"
        return Intent("stop", clear=True, carrier_optout=True, reasons=(reason,))
    if len(text) <= intent_text.MAX_TEXT and _is(words.PLAIN_YES, said) and not _is(words.OK_THANKS, said):
        return Intent("confirm", clear=True, reasons=(_READ["confirm"],))
    model = intent_model.shipped()
    sentences = model.read(intent_text.sentences(text))
    odds = model.odds(sentences)
    if _stops(said, text, odds):
        clash = _finds(words.VISIT_TOO, _without(words.STOP_ANYWHERE, said))
        reasons = ("asks not to be texted", *(("also speaks of cancelling",) if clash else ()))
        return Intent("stop", clear=True, clash=clash, reasons=reasons)
    if _is(words.START_WHOLE, said) or _starts(said, odds):
        return Intent("start", clear=True, reasons=("asks to be texted again",))
    if _is(words.HELP_WHOLE, said) or odds["help"] >= CLEAR:
        return Intent("help", clear=True, reasons=("asks who this is and how to get help",))
    parts = [model.odds([sentence]) for sentence in sentences] if len(sentences) > 1 else [odds]
    return _about_visit(text, said, sentences, odds, parts)


# About being texted at all


def _stops(said: str, text: str, odds: Mapping[str, float]) -> bool:
    parts = [intent_text.simplified(part) for part in _PARTS.split(intent_text.own_words(text))]
    if any(_is_bare_stop(part) for part in (said, *parts)) or _is(words.STOP_WHOLE, said):
        return True
    if _finds(words.STOP_DENIED, said):
        return False
    if any(_finds(words.STOP_ANYWHERE, part) for part in (said, *parts)):
        return True
    heard = odds["stop"] >= STOP and not _finds(words.STOP_PUZZLED, said)
    return heard and _finds(words.ABOUT_TEXTS, said) and _finds(words.STOP_CUE, said)


def _starts(said: str, odds: Mapping[str, float]) -> bool:
    heard = odds["start"] >= CLEAR and _finds(words.START_CUE, said)
    return heard and not _finds(words.START_DENIED, said)


def _is_bare_stop(said: str) -> bool:
    """Whether a text says stop and, but for courtesies and what is to stop, nothing else."""
    spoken = said.replace("?", "").split()
    stops = [_is((words.STOP_WORD,), word) for word in spoken]
    return any(stops) and all(
        stop or word in words.STOP_BESIDE for stop, word in zip(stops, spoken, strict=True)
    )


# About the visit


def _about_visit(
    text: str,
    said: str,
    sentences: Sequence[Sentence],
    odds: Mapping[str, float],
    parts: Sequence[Mapping[str, float]],
) -> Intent:
    if not sentences:
        return Intent("other", clear=False, reasons=("nothing known was said",))
    if not said.strip("? "):
        return Intent("question", clear=True, reasons=("asks something",))
    if _is(words.PLAIN_NO, said):
        return Intent("other", clear=False, reasons=("says no, and not to what",))
    likely = _likeliest(odds, ("stop", "start", "help"))
    wish = _likeliest(max(parts, key=_wishes), tuple(set(odds) - set(WISHES)))
    doubt = max(map(_wishes, (odds, *parts)))
    if doubt >= WISH or (likely in WISHES and not _mostly_unknown(sentences)):
        name = likely if likely in WISHES else wish
        if name == "cancel" and _finds(words.KEPT, " | ".join(map(" ".join, sentences))):
            reason = "speaks of keeping the visit as it is, but not plainly"
            return Intent("question", clear=False, reasons=(reason,))
        return _wish(odds, parts, name, sure=not _mostly_unknown(sentences))
    if _mostly_unknown(sentences):
        return Intent("other", clear=False, reasons=("most of it is not known",))
    asks = max(part["question"] for part in parts)
    if likely == "question" or (asks >= QUESTION and likely != "other"):
        sure = max(odds["question"], asks) >= CLEAR or "?" in said
        return Intent("question", clear=sure, reasons=("asks something",))
    if likely in ("confirm", "thanks"):
        against = _against(text, sentences, odds[likely], doubt)
        if against is None and likely == "confirm" and not words.YES_WORDS.intersection(chain(*sentences)):
            against = "with no word for it"
        if against is None:
            return Intent(cast(IntentName, likely), clear=True, reasons=(_READ[likely],))
        unsure: IntentName = "question" if "?" in said else "other"
        return Intent(unsure, clear=False, reasons=(f"may be {likely}, but {against}",))
    return Intent("other", clear=False, reasons=("nothing known was said",))


_READ = {
    "confirm": "says yes, and nothing that speaks against it",
    "thanks": "says thank you",
    "cancel": "says that the visit cannot take place",
    "reschedule": "speaks of another time",
}


def _wish(
    odds: Mapping[str, float], parts: Sequence[Mapping[str, float]], name: str, *, sure: bool
) -> Intent:
    """A wish to cancel or to move the visit; who asks for another time too does not want to cancel."""
    if name == "cancel" and any(part["reschedule"] >= WISH for part in parts):
        name = "reschedule"
    sure = sure and max(map(_wishes, (odds, *parts))) >= CLEAR
    return Intent(cast(IntentName, name), clear=sure, reasons=(_READ[name],))


def _wishes(odds: Mapping[str, float]) -> float:
    return sum(odds[name] for name in WISHES)


def _likeliest(odds: Mapping[str, float], without: Iterable[str]) -> str:
    return max((name for name in odds if name not in without), key=lambda name: odds[name])


def _against(text: str, sentences: Sequence[Sentence], share: float, doubt: float) -> str | None:
    """What speaks against taking a text for a plain yes or thanks; None when nothing does."""
    if len(text) > intent_text.MAX_TEXT:
        return "there is more than was read"
    if share < PLAIN:
        return "not plainly"
    if doubt >= DOUBT:
        return "may want to cancel or to move the visit"
    doubts = sorted(_doubts(intent_text.sentences(text)) | _doubts(sentences))
    if doubts:
        return f"also says {doubts[0]}"
    if sum(sentence.count(intent_text.UNKNOWN) for sentence in sentences) > MAX_UNKNOWN:
        return "much else was said"
    return None


def _mostly_unknown(sentences: Iterable[Sentence]) -> bool:
    spoken = list(chain(*sentences))
    return len(spoken) > MAX_UNKNOWN + 1 and 2 * spoken.count(intent_text.UNKNOWN) >= len(spoken)


def _doubts(sentences: Iterable[Sentence]) -> set[str]:
    """The words that keep a yes from being one, but for phrases in which they mean no harm."""
    rest = " | ".join(" ".join(sentence) for sentence in sentences)
    for pattern in words.HARMLESS:
        rest = _compiled(pattern).sub(" ", rest)
    return set(words.DOUBTS.intersection(rest.split()))


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
