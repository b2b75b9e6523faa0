"""What differs between two wordings, for people: word by word, or line by line. Pure."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal

Sign = Literal["same", "gone", "new"]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of the text: in both, only in the old one, or only in the new one."""

    sign: Sign
    text: str


def words(old: str, new: str) -> list[Piece]:
    """Two texts as one, with what went and what came."""
    return _pieces(re.findall(r"\S+\s*", old), re.findall(r"\S+\s*", new))


def lines(old: str, new: str, *, around: int = 3) -> list[Piece]:
    """Two texts line by line; of what is the same, only some lines around each difference."""
    if old == new:
        return []
    found = []
    for line in difflib.unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=around):
        if line.startswith(("---", "+++")):
            continue
        sign: Sign = "new" if line.startswith("+") else "gone" if line.startswith("-") else "same"
        found.append(Piece(sign, "…" if line.startswith("@@") else line[1:]))
    return found


def _pieces(old: list[str], new: list[str]) -> list[Piece]:
    # A word is the same with and without a space behind it; a line break behind it is a difference.
    was, is_now = ([word.rstrip(" ") for word in side] for side in (old, new))
    found = []
    for tag, a, b, c, d in difflib.SequenceMatcher(None, was, is_now, autojunk=False).get_opcodes():
        if tag == "equal":
            found.append(Piece("same", "".join(new[c:d])))
            continue
        if b > a:
            found.append(Piece("gone", "".join(old[a:b])))
        if d > c:
            found.append(Piece("new", "".join(new[c:d])))
    return found
