"""From the JSON that staff write to a tree of conditions, or to errors that say where and what to do."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from datetime import date, datetime, timedelta
from difflib import get_close_matches
from typing import get_args

import re2  # type: ignore[import-untyped,unused-ignore]

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
    Scalar,
    Scope,
    Wanted,
    find_field,
)
from core.errors import Invalid

MAX_DEPTH = 10
MAX_LEAVES = 100
MAX_ITEMS = 200
MAX_TEXT = 500
MAX_PATTERN = 256

OPERATORS: tuple[Op, ...] = get_args(Op)
SCOPE_REASONS: Mapping[Scope, str] = {
    "contact": "it is a field of a contact, and this rule is about none",
    "booking": "it is a field of a booking, and this rule is about none",
    "event": "only an event carries it, and a rule that runs by the clock has none",
    "clock": "it depends on the time of day, which is not known here",
}
_ORDERED: tuple[Op, ...] = ("eq", "ne", "gt", "gte", "lt", "lte", "between", "exists")
ALLOWED: Mapping[FieldType, tuple[Op, ...]] = {
    "number": (*_ORDERED, "in", "not_in"),
    "duration": (*_ORDERED, "in", "not_in"),
    "text": ("eq", "ne", "in", "not_in", "contains", "matches", "exists"),
    "choice": ("eq", "ne", "in", "not_in", "matches", "exists"),
    "bool": ("eq", "ne", "exists"),
    "date": _ORDERED,
    "datetime": _ORDERED,
    "list": ("eq", "ne", "in", "not_in", "contains", "exists"),
}

_RELATIVE = re.compile(r"([+-]\d{1,5})(min|h|d|w)")
_UNITS = {
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_YEARS = range(1900, 2201)


class _Wrong(ValueError):
    """An operand that will not do; the text says why."""


def parse(
    tree: object,
    fields: Mapping[str, FieldSpec],
    *,
    scopes: Collection[Scope] | None = None,
    path: str = "conditions",
    reasons: Mapping[Scope, str] = SCOPE_REASONS,
) -> Node:
    """Read a tree of conditions. `scopes` are those that can be known where it is asked (None: all), `reasons` say
    why the others cannot.

    Raises Invalid (code `invalid_conditions`) naming the path of every error, as in
    `conditions.all[1].warmness_score.gte`; the message is the first of them.
    """
    parser = _Parser(fields, scopes, reasons)
    node = parser.read(tree, path, depth=1)
    if parser.errors:
        where, what = next(iter(parser.errors.items()))
        raise Invalid(f"{where}: {what}", code="invalid_conditions", fields=parser.errors)
    return node


def validate(
    tree: object, fields: Mapping[str, FieldSpec], *, scopes: Collection[Scope] | None = None
) -> None:
    """Do nothing when the tree can be read; raise Invalid, as `parse` does, when it cannot."""
    parse(tree, fields, scopes=scopes)


class _Parser:
    def __init__(
        self, fields: Mapping[str, FieldSpec], scopes: Collection[Scope] | None, reasons: Mapping[Scope, str]
    ) -> None:
        self.fields = fields
        self.scopes = scopes
        self.reasons = reasons
        self.errors: dict[str, str] = {}
        self.leaves = 0

    def wrong(self, path: str, what: str) -> None:
        self.errors.setdefault(path, what)

    def read(self, tree: object, path: str, *, depth: int) -> Node:
        if not isinstance(tree, Mapping):
            self.wrong(path, f'give an object like {{"warmness_score": {{"gte": 70}}}}, not {_kind(tree)}.')
            return All(())
        if depth > MAX_DEPTH:
            self.wrong(path, f"conditions may nest {MAX_DEPTH} deep at most; write this more simply.")
            return All(())
        parts: list[Node] = []
        for key, value in tree.items():
            here = f"{path}.{key}"
            if key == "all":
                parts.append(_all(self.several(value, here, depth)))
            elif key == "any":
                parts.append(self.either(value, here, depth))
            elif key == "not":
                parts.append(Not(self.read(value, here, depth=depth + 1)))
            else:
                parts.extend(self.field(str(key), value, here))
        return _all(parts)

    def several(self, value: object, path: str, depth: int) -> list[Node]:
        if not isinstance(value, list | tuple):
            self.wrong(path, f"this must be a list of conditions, not {_kind(value)}.")
            return []
        return [self.read(part, f"{path}[{i}]", depth=depth + 1) for i, part in enumerate(value)]

    def either(self, value: object, path: str, depth: int) -> Node:
        parts = self.several(value, path, depth)
        if not parts:
            self.wrong(path, "an empty list never holds; give at least one condition.")
        return parts[0] if len(parts) == 1 else Any(tuple(parts))

    def field(self, name: str, value: object, path: str) -> list[Node]:
        spec = find_field(name, self.fields)
        if spec is None:
            self.wrong(path, f"there is no field {name!r}.{_suggest(name, [*self.fields, *ALIASES])}")
            return []
        if self.scopes is not None and spec.scope not in self.scopes:
            self.wrong(path, f"{name!r} cannot be used here: {self.reasons[spec.scope]}.")
            return []
        if not isinstance(value, Mapping):
            return self.leaf(spec, "eq", value, path)
        if not value:
            self.wrong(path, 'give an operator and a value, such as {"eq": "…"}.')
        found: list[Node] = []
        for op, wanted in value.items():
            here = f"{path}.{op}"
            if op in OPERATORS:
                found.extend(self.leaf(spec, op, wanted, here))
            else:
                self.wrong(here, f"there is no operator {op!r}.{_suggest(str(op), OPERATORS)}")
        return found

    def leaf(self, spec: FieldSpec, op: Op, value: object, path: str) -> list[Node]:
        self.leaves += 1
        if self.leaves > MAX_LEAVES:
            self.wrong(path, f"a rule may make {MAX_LEAVES} comparisons at most.")
            return []
        allowed = ALLOWED[spec.type]
        if op not in allowed:
            self.wrong(
                path, f"{op!r} cannot be used with {spec.name!r}, a {spec.type}; use {_either(allowed)}."
            )
            return []
        if op in ("eq", "ne") and (value is None or (value == "" and spec.type in ("text", "choice"))):
            return [Leaf(path, spec.name, spec, "exists", op == "ne")]
        try:
            return [Leaf(path, spec.name, spec, op, _operand(spec, op, value))]
        except _Wrong as wrong:
            self.wrong(path, str(wrong))
            return []


def _all(parts: list[Node]) -> Node:
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, All) else (part,))
    return flat[0] if len(flat) == 1 else All(tuple(flat))


# Operands


def _operand(spec: FieldSpec, op: Op, value: object) -> Wanted:
    if op == "exists":
        return _yes_or_no(value, spec)
    if op == "matches":
        return _pattern(value)
    if op == "between":
        return _between(spec, value)
    if op in ("in", "not_in") or (spec.type == "list" and op != "contains"):
        return _several(spec, op, value)
    return READERS[spec.type](value, spec)


def _several(spec: FieldSpec, op: Op, value: object) -> tuple[Scalar, ...]:
    if not isinstance(value, list | tuple):
        hint = "; to look for one, use 'contains'" if spec.type == "list" else ""
        raise _Wrong(f"{op!r} needs a list of values, not {_kind(value)}{hint}.")
    if not value and op != "eq" and op != "ne":
        raise _Wrong(f"{op!r} needs at least one value.")
    if len(value) > MAX_ITEMS:
        raise _Wrong(f"a list may hold {MAX_ITEMS} values at most.")
    return tuple(READERS[spec.type](item, spec) for item in value)


def _between(spec: FieldSpec, value: object) -> tuple[Scalar, ...]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise _Wrong("'between' needs a list of two values, the lower one first.")
    low, high = (READERS[spec.type](item, spec) for item in value)
    if isinstance(low, int | float) and isinstance(high, int | float) and low > high:
        raise _Wrong(f"nothing is between {low} and {high}; put the lower value first.")
    return low, high


def _pattern(value: object) -> str:
    if not isinstance(value, str) or not value:
        raise _Wrong(f"'matches' needs a pattern, not {_kind(value)}.")
    if len(value) > MAX_PATTERN:
        raise _Wrong(f"a pattern may have {MAX_PATTERN} characters at most.")
    try:
        compile_pattern(value)
    except re2.error as error:
        raise _Wrong(f"this pattern cannot be read: {_reason(error)}.") from None
    except UnicodeEncodeError:
        raise _Wrong("this pattern holds half a character; type it again.") from None
    return value


def compile_pattern(pattern: str) -> re2._Regexp:
    """A pattern on a linear-time engine, where case does not matter and `.` meets new lines."""
    options = re2.Options()
    options.case_sensitive = False
    options.dot_nl = True
    options.never_capture = True
    options.log_errors = False
    return re2.compile(pattern, options)


def _reason(error: Exception) -> str:
    text = error.args[0] if error.args else "unknown"
    return text.decode() if isinstance(text, bytes) else str(text)


def _yes_or_no(value: object, spec: FieldSpec) -> bool:
    if not isinstance(value, bool):
        raise _Wrong(f"this must be true or false, not {_kind(value)}.")
    return value


def _number(value: object, spec: FieldSpec) -> int | float:
    unit = " of seconds" if spec.type == "duration" else ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise _Wrong(f"{spec.name!r} needs a number{unit}, not {_kind(value)}.")
    if not math.isfinite(value):
        raise _Wrong(f"{spec.name!r} needs an ordinary number{unit}.")
    return value


def _text(value: object, spec: FieldSpec) -> str:
    if not isinstance(value, str) or not value:
        raise _Wrong(f"{spec.name!r} needs a text, not {_kind(value)}.")
    if len(value) > MAX_TEXT:
        raise _Wrong(f"a text may have {MAX_TEXT} characters at most.")
    return value


def _choice(value: object, spec: FieldSpec) -> str:
    text = _text(value, spec)
    if spec.choices and text not in spec.choices:
        raise _Wrong(f"{text!r} is no value of {spec.name!r}; use {_either(spec.choices)}.")
    return text


def _moment(value: object, spec: FieldSpec) -> Moment:
    text = value.strip().lower() if isinstance(value, str) else ""
    moment = _counted(text, spec) or _fixed(text, spec)
    if moment is None:
        kinds = "'today', '-90d' or a day as in '2026-11-20'"
        if spec.type == "datetime":
            kinds = "'now', 'today', '-90d', '+2h' or a time as in '2026-11-20T09:00'"
        raise _Wrong(f"{spec.name!r} needs {kinds}, not {value!r}.")
    return moment


def _counted(text: str, spec: FieldSpec) -> Moment | None:
    days_only = spec.type == "date"
    if text == "today" or text == "now":
        return Moment(text, whole_day=days_only or text == "today")
    found = _RELATIVE.fullmatch(text)
    if found is None or (days_only and found[2] not in ("d", "w")):
        return None
    return Moment(text, whole_day=days_only, offset=int(found[1]) * _UNITS[found[2]])


def _fixed(text: str, spec: FieldSpec) -> Moment | None:
    fixed: date | datetime
    try:
        if _DAY.fullmatch(text):
            fixed = date.fromisoformat(text)
        elif _DAY.match(text) and spec.type == "datetime":
            fixed = datetime.fromisoformat(text)
        else:
            return None
    except ValueError:
        return None
    if fixed.year not in _YEARS:
        return None
    return Moment(text, whole_day=not isinstance(fixed, datetime), fixed=fixed)


READERS: Mapping[FieldType, Callable[[object, FieldSpec], Scalar]] = {
    "number": _number,
    "duration": _number,
    "text": _text,
    "choice": _choice,
    "bool": _yes_or_no,
    "date": _moment,
    "datetime": _moment,
    "list": _text,
}


# Words for errors


def _kind(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a text" if value else "an empty text"
    return "an object" if isinstance(value, Mapping) else "a list"


def _either(words: Collection[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _suggest(word: str, known: Collection[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f" Did you mean {close[0]!r}?" if close else f" Known are: {', '.join(sorted(known))}."
