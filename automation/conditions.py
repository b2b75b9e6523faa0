"""The condition language of rules, read as a predicate over facts (domain.md §5).

`parse` turns the JSON into a tree, `evaluate` says whether facts satisfy it and why, `describe` says it in
plain English. A missing value (absent, null, an empty text) satisfies only `exists: false`; `not` is
two-valued, so that `not` of a comparison with a missing value holds. Facts are plain values by field name;
days and times may also stand as ISO texts, as a stored snapshot keeps them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import TypeAlias, cast
from zoneinfo import ZoneInfo

import re2  # type: ignore[import-untyped,unused-ignore]

from automation.condition_parser import compile_pattern, parse, validate
from automation.condition_sentences import describe
from automation.condition_tree import (
    ALIASES,
    All,
    Any,
    FieldSpec,
    FieldType,
    Leaf,
    Moment,
    Node,
    Not,
    Op,
    Scope,
    find_field,
    leaves,
)
from core import localtime

__all__ = [
    "ALIASES",
    "All",
    "Any",
    "FieldSpec",
    "FieldType",
    "Leaf",
    "Moment",
    "Node",
    "Not",
    "Op",
    "Reason",
    "Scope",
    "Verdict",
    "describe",
    "evaluate",
    "find_field",
    "leaves",
    "parse",
    "validate",
]

MAX_INPUT = 2000
HIDDEN = "(hidden)"

Seen: TypeAlias = str | int | float | Decimal | bool | date | datetime | tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class Reason:
    """How one comparison came out. `wanted` and `saw` can be stored as JSON; `saw` is None for a missing
    value, and `(hidden)` for a private one."""

    path: str
    field: str
    op: str
    wanted: object
    saw: object
    ok: bool

    def as_dict(self) -> dict[str, object]:
        """The reason as JSON can hold it."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the facts satisfy the tree, and how every comparison came out, in the order written."""

    ok: bool
    reasons: tuple[Reason, ...]

    @property
    def unmet(self) -> tuple[Reason, ...]:
        """The comparisons that did not hold."""
        return tuple(reason for reason in self.reasons if not reason.ok)


def evaluate(node: Node, facts: Mapping[str, object], *, now: datetime, zone: ZoneInfo) -> Verdict:
    """Hold the facts against the tree. `now` is aware; days are days of `zone`, the location's."""
    reasons: list[Reason] = []

    def holds(part: Node) -> bool:
        if isinstance(part, Leaf):
            reason = _compare(part, facts.get(part.field), now=now, zone=zone)
            reasons.append(reason)
            return reason.ok
        if isinstance(part, Not):
            return not holds(part.part)
        # A list, not a generator: every comparison is made, so that "why not" is complete.
        results = [holds(inner) for inner in part.parts]
        return all(results) if isinstance(part, All) else any(results)

    ok = holds(node)
    return Verdict(ok, tuple(reasons))


def _compare(leaf: Leaf, raw: object, *, now: datetime, zone: ZoneInfo) -> Reason:
    saw = _read(raw, leaf.spec.type, zone)
    if leaf.op == "exists":
        ok = (saw is not None) is leaf.wanted
    else:
        ok = saw is not None and OPERATIONS[leaf.op](_Question(leaf, saw, now, zone))
    shown = HIDDEN if leaf.spec.private and saw is not None else _shown(saw)
    return Reason(leaf.path, leaf.field, leaf.op, _shown(leaf.wanted), shown, ok)


# What was seen


def _read(raw: object, type_: FieldType, zone: ZoneInfo) -> Seen:
    """The fact as a value of its type; None when it is missing or is no such value."""
    if raw is None or raw == "":
        return None
    return READERS[type_](raw, zone)


def _read_number(raw: object, zone: ZoneInfo) -> Seen:
    if isinstance(raw, timedelta):
        return raw.total_seconds()
    if isinstance(raw, bool) or not isinstance(raw, int | float | Decimal) or not math.isfinite(raw):
        return None
    return raw


def _read_text(raw: object, zone: ZoneInfo) -> Seen:
    if isinstance(raw, str):
        return raw
    number = _read_number(raw, zone)
    return None if number is None else str(number)


def _read_bool(raw: object, zone: ZoneInfo) -> Seen:
    return raw if isinstance(raw, bool) else None


def _read_list(raw: object, zone: ZoneInfo) -> Seen:
    if isinstance(raw, list | tuple | set | frozenset):
        return tuple(sorted(str(item) for item in raw))
    return None


def _read_date(raw: object, zone: ZoneInfo) -> Seen:
    if isinstance(raw, date) and not isinstance(raw, datetime):
        return raw
    if isinstance(raw, str) and len(raw) == len("2026-11-20"):
        try:
            return date.fromisoformat(raw)
        except ValueError:
            return None
    at = _read_datetime(raw, zone)
    return localtime.local_day(at, zone) if isinstance(at, datetime) else None


def _read_datetime(raw: object, zone: ZoneInfo) -> Seen:
    if isinstance(raw, str):
        try:
            raw = datetime.fromisoformat(raw)
        except ValueError:
            return None
    return localtime.to_utc(raw, zone) if isinstance(raw, datetime) else None


READERS: Mapping[FieldType, Callable[[object, ZoneInfo], Seen]] = {
    "number": _read_number,
    "duration": _read_number,
    "text": _read_text,
    "choice": _read_text,
    "bool": _read_bool,
    "date": _read_date,
    "datetime": _read_datetime,
    "list": _read_list,
}


# The operators, on values that are there


@dataclass(frozen=True, slots=True)
class _Question:
    leaf: Leaf
    saw: Seen
    now: datetime
    zone: ZoneInfo

    def place(self, wanted: object) -> int:
        """Where the seen value stands: -1 before the wanted one, 0 at it (in it, for a day), 1 after it."""
        saw = self.saw
        if isinstance(wanted, Moment):
            if not isinstance(saw, datetime):
                return _order(saw, wanted.resolve(now=self.now, zone=self.zone))
            start, end = wanted.bounds(now=self.now, zone=self.zone)
            if saw < start:
                return -1
            return 1 if saw > start and saw >= end else 0
        return _order(saw, wanted)

    @property
    def wanted(self) -> tuple[object, ...]:
        """The operand of an operator that takes several values."""
        return cast("tuple[object, ...]", self.leaf.wanted)

    @property
    def members(self) -> tuple[str, ...]:
        """What was seen, as the members of a list; any other value is its own one member."""
        return cast("tuple[str, ...]", self.saw if isinstance(self.saw, tuple) else (self.saw,))


def _order(a: object, b: object) -> int:
    return int(a > b) - int(a < b)  # type: ignore[operator]


def _equal(q: _Question) -> bool:
    if isinstance(q.saw, tuple):
        return set(q.saw) == set(q.wanted)
    return q.place(q.leaf.wanted) == 0


def _one_of(q: _Question) -> bool:
    return any(member in q.wanted for member in q.members)


def _between(q: _Question) -> bool:
    low, high = q.wanted
    return q.place(low) >= 0 and q.place(high) <= 0


def _contains(q: _Question) -> bool:
    if isinstance(q.saw, tuple):
        return q.leaf.wanted in q.saw
    return str(q.leaf.wanted).casefold() in str(q.saw).casefold()


def _matches(q: _Question) -> bool:
    text = str(q.saw).strip()
    if len(text) > MAX_INPUT:
        return False
    # Half a surrogate pair cannot be written as UTF-8, which the engine works on.
    text = text.encode("utf-8", "replace").decode("utf-8")
    return _compiled(str(q.leaf.wanted)).fullmatch(text) is not None


@lru_cache(maxsize=512)
def _compiled(pattern: str) -> re2._Regexp:
    return compile_pattern(pattern)


OPERATIONS: Mapping[Op, Callable[[_Question], bool]] = {
    "eq": _equal,
    "ne": lambda q: not _equal(q),
    "gt": lambda q: q.place(q.leaf.wanted) > 0,
    "gte": lambda q: q.place(q.leaf.wanted) >= 0,
    "lt": lambda q: q.place(q.leaf.wanted) < 0,
    "lte": lambda q: q.place(q.leaf.wanted) <= 0,
    "in": _one_of,
    "not_in": lambda q: not _one_of(q),
    "between": _between,
    "contains": _contains,
    "matches": _matches,
}


def _shown(value: object) -> object:
    if isinstance(value, Moment):
        return value.text
    if isinstance(value, tuple):
        return [_shown(item) for item in value]
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value
