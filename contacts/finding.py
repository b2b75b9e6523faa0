"""What a contact is found by, and how well it fits what was typed.

Pure. Each contact has keys: the beginnings of the words of its name and of its e-mail, those words less one letter,
and every three digits in a row of its phone. What was typed asks for keys; a database answers that by one index
over arrays, and `fit` then judges the rows, so keys may find too much and never too little. Keys carry their
location, so that a search reads no other clinic's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from contacts import identity

MIN_DIGITS = 3
#: Words shorter than this are found only as they are spelt.
MIN_FOR_TYPOS = 4
#: Beginnings longer than this are judged by `fit`, not by keys.
LONGEST = 24

EXACT, BEGINS, MAIL, NEAR = 0, 1, 2, 3

_LETTER = re.compile(r"[^\W\d_]")


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed: words in any order, or the digits of a phone in the spellings they may be stored in, or the
    beginning of an e-mail.
    """

    words: tuple[str, ...] = ()
    digits: tuple[str, ...] = ()
    email: str = ""


def read(text: str, region: str | None) -> Asked | None:
    """What `text` asks for; `region` says whose numbers are meant without a country code. None for nothing."""
    text = text.strip()
    if "@" in text:
        return Asked(email=text.lower()) if text.lower().rpartition("@")[0] else None
    digits = re.sub(r"\D", "", text)
    if len(digits) >= MIN_DIGITS and not _LETTER.search(text):
        phone = identity.read_phone(text, region)
        spellings = {digits, digits.removeprefix("00"), digits.removeprefix("0")}
        if phone.valid:
            spellings = {digits, phone.e164.removeprefix("+")}
        return Asked(digits=tuple(sorted(one for one in spellings if len(one) >= MIN_DIGITS)))
    words = identity.name_tokens(text)
    return Asked(words=words) if words else None


# -- keys


def keys_of(location_id: int, *, name: str, phone: str, email: str) -> list[str]:
    """The keys of a contact, sorted."""
    keys: set[str] = set()
    for word in identity.name_tokens(name):
        keys |= {f"n{word[:end]}" for end in range(1, min(len(word), LONGEST) + 1)}
        if len(word) >= MIN_FOR_TYPOS:
            keys |= {f"d{less}" for less in _less_one(word)}
    local = email.rpartition("@")[0]
    keys |= {f"m{local[:end]}" for end in range(1, min(len(local), LONGEST) + 1)}
    keys |= {f"p{run}" for run in _threes(phone.removeprefix("+"))}
    return sorted(f"{location_id}{key}" for key in keys)


def wanted(asked: Asked, location_ids: Iterable[int], *, typos: bool) -> list[list[list[str]]]:
    """Which keys a contact must have: for one of these alternatives, of each of its groups at least one key."""
    here = sorted(location_ids)

    def anywhere(keys: Iterable[str]) -> list[str]:
        return [f"{location_id}{key}" for key in sorted(keys) for location_id in here]

    if asked.email:
        return [[anywhere([f"m{asked.email.rpartition('@')[0][:LONGEST]}"])]]
    if asked.digits:
        return [[anywhere([f"p{run}"]) for run in sorted(_threes(spelling))] for spelling in asked.digits]
    groups = []
    for word in asked.words:
        keys = {f"n{word[:LONGEST]}", f"m{word[:LONGEST]}"}
        if typos and len(word) >= MIN_FOR_TYPOS - 1:
            keys |= {f"d{less}" for less in _less_one(word)}
        groups.append(anywhere(keys))
    return [groups]


def _less_one(word: str) -> set[str]:
    """The word, and what is left of it without one of its letters."""
    word = word[: 2 * LONGEST]
    return {word, *(word[:at] + word[at + 1 :] for at in range(len(word)))}


def _threes(digits: str) -> set[str]:
    return {digits[at : at + MIN_DIGITS] for at in range(len(digits) - MIN_DIGITS + 1)}


# -- judging


def fit(asked: Asked, *, name: str, phone: str, email: str) -> tuple[int, int] | None:
    """How well a contact fits: the worst of its words and their sum, smaller is better; None when it does not."""
    if asked.email:
        exact = email == asked.email
        return (EXACT, EXACT) if exact else ((BEGINS, BEGINS) if email.startswith(asked.email) else None)
    if asked.digits:
        stored = phone.removeprefix("+")
        if stored in asked.digits:
            return EXACT, EXACT
        return (BEGINS, BEGINS) if any(run in stored for run in asked.digits) else None
    tokens, local = identity.name_tokens(name), email.rpartition("@")[0]
    fits = [_word(word, tokens, local) for word in asked.words]
    found = [one for one in fits if one is not None]
    return (max(found), sum(found)) if len(found) == len(fits) else None


def _word(word: str, tokens: tuple[str, ...], local: str) -> int | None:
    if word in tokens:
        return EXACT
    if any(token.startswith(word) for token in tokens):
        return BEGINS
    if local.startswith(word):
        return MAIL
    long = (token for token in tokens if len(token) >= MIN_FOR_TYPOS)
    return NEAR if any(near(word, token) for token in long) else None


def near(a: str, b: str) -> bool:
    """Whether one letter was changed, left out, put in, or swapped with its neighbour; equal words are near."""
    if abs(len(a) - len(b)) > 1:
        return False
    if len(a) > len(b):
        a, b = b, a
    at = next((at for at, (one, other) in enumerate(zip(a, b, strict=False)) if one != other), len(a))
    if len(a) < len(b):
        return a[at:] == b[at + 1 :]
    swapped = a[at : at + 2] == b[at : at + 2][::-1]
    return a[at + 1 :] == b[at + 1 :] or (swapped and a[at + 2 :] == b[at + 2 :])
