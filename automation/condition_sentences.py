"""A tree of conditions in plain English, for the rule editor and for "why?"."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from automation.condition_tree import All, FieldSpec, FieldType, Leaf, Moment, Node, Not, Op

_PLAIN: Mapping[Op, str] = {
    "eq": "is {}",
    "ne": "is known and is not {}",
    "gt": "is more than {}",
    "gte": "is at least {}",
    "lt": "is less than {}",
    "lte": "is at most {}",
    "between": "is between {}",
    "in": "is {}",
    "not_in": "is known and is none of {}",
    "contains": "contains {}",
    "matches": "matches {}",
}
_TIMES: Mapping[Op, str] = {
    "gt": "is after {}",
    "gte": "is {} or later",
    "lt": "is before {}",
    "lte": "is {} or earlier",
}
_LISTS: Mapping[Op, str] = {
    "eq": "are exactly {}",
    "ne": "are not exactly {}",
    "in": "include {}",
    "not_in": "include none of {}",
    "contains": "include {}",
}
_WORDS: Mapping[FieldType, Mapping[Op, str]] = {
    "date": {**_PLAIN, **_TIMES},
    "datetime": {**_PLAIN, **_TIMES},
    "list": {**_PLAIN, **_LISTS},
}
_UNITS = (("day", 86400), ("hour", 3600), ("minute", 60))


def describe(node: Node) -> str:
    """Say a tree in plain English; `always` for a tree without conditions."""
    if isinstance(node, Leaf):
        return _leaf(node)
    if isinstance(node, Not):
        return f"not ({describe(node.part)})"
    if not node.parts:
        return "always"
    word = " and " if isinstance(node, All) else " or "
    return word.join(_inner(part) for part in node.parts)


def words_of(type: FieldType, op: Op) -> str:
    """A comparison of this type in words, with {} for the value."""
    return _WORDS.get(type, _PLAIN)[op]


def _inner(node: Node) -> str:
    return describe(node) if isinstance(node, Leaf | Not) else f"({describe(node)})"


def _leaf(leaf: Leaf) -> str:
    spoken = leaf.spec.spoken
    if leaf.op == "exists":
        return f"{spoken} is {'known' if leaf.wanted else 'not known'}"
    return f"{spoken} {words_of(leaf.spec.type, leaf.op).format(_operand(leaf))}"


def _operand(leaf: Leaf) -> str:
    if not isinstance(leaf.wanted, tuple):
        return _value(leaf.wanted, leaf.spec, leaf.op)
    values = [_value(item, leaf.spec, leaf.op) for item in leaf.wanted]
    if not values:
        return "empty"
    word = "and" if leaf.op in ("between", "eq", "ne") else "or"
    return f"{', '.join(values[:-1])} {word} {values[-1]}" if len(values) > 1 else values[0]


def _value(value: object, spec: FieldSpec, op: Op) -> str:
    if isinstance(value, Moment):
        return _moment(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return spec.choices.get(value, f'"{value}"') if op != "matches" else f'"{value}"'
    if spec.type == "duration" and isinstance(value, int | float):
        return _length(value)
    return str(value)


def _moment(moment: Moment) -> str:
    if moment.fixed is not None or not moment.offset:
        return moment.text
    length = _length(abs(moment.offset) / timedelta(seconds=1))
    return f"{length} ago" if moment.offset < timedelta() else f"in {length}"


def _length(seconds: float) -> str:
    for name, size in _UNITS:
        if seconds and seconds % size == 0:
            return _count(seconds / size, name)
    return _count(seconds, "second")


def _count(number: float, unit: str) -> str:
    return f"{number:g} {unit}{'' if number == 1 else 's'}"
