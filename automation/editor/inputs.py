"""What a value is typed with, and the way from what is typed to JSON and back. Pure.

What cannot be read is handed on as it was typed, so that the rule's own parser says what is wrong with it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal[
    "none", "text", "long", "number", "tick", "choice", "length", "moment", "chips", "range", "pairs"
]
Raw = dict[str, list[str]]

#: Seconds of the units that a length is given in.
UNITS: Mapping[str, int] = {"minutes": 60, "hours": 3600, "days": 86400, "weeks": 604800, "seconds": 1}
#: How a moment is said: the words, and what they are in JSON with the amount for {}.
MOMENTS: Mapping[str, tuple[str, str]] = {
    "today": ("today", "today"),
    "-d": ("days ago", "-{}d"),
    "+d": ("days from now", "+{}d"),
    "-w": ("weeks ago", "-{}w"),
    "+w": ("weeks from now", "+{}w"),
    "on": ("on the day", "{}"),
    "now": ("now", "now"),
    "-h": ("hours ago", "-{}h"),
    "+h": ("hours from now", "+{}h"),
    "-min": ("minutes ago", "-{}min"),
    "+min": ("minutes from now", "+{}min"),
}
#: Those that a whole day understands.
DAYS = ("today", "-d", "+d", "-w", "+w", "on")
#: Those that need no amount.
WORDS = ("today", "now")

_RELATIVE = re.compile(r"([+-])(\d{1,5})(min|h|d|w)")


@dataclass(frozen=True, slots=True)
class Input:
    """How one value is typed. `of` is how each value of chips or of a range is; `choices` are values with labels, in
    groups where a value has one; `strict`: no other value will do. `extra` are words a length may be instead.
    """

    kind: Kind
    choices: Mapping[str, str] = field(default_factory=dict)
    strict: bool = False
    optional: bool = True
    of: Input | None = None
    extra: Mapping[str, str] = field(default_factory=dict)
    whole_days: bool = False


class Missing:
    """Nothing was typed."""


MISSING = Missing()


def read(shape: Input, raw: Mapping[str, Sequence[str]]) -> object:
    """What was typed, as JSON has it; MISSING for nothing."""
    if shape.kind == "pairs":
        names, values = raw.get("key", ()), raw.get("value", ())
        return {
            name.strip(): value for name, value in zip(names, values, strict=False) if name.strip()
        } or MISSING
    if shape.kind == "chips":
        return _chips(shape, raw)
    if shape.kind == "range":
        assert shape.of is not None
        both = [read(shape.of, _part(raw, place)) for place in range(2)]
        return MISSING if MISSING in both else both
    typed, unit = _first(raw, "value"), _first(raw, "unit")
    if shape.kind == "tick":
        return bool(typed)
    if shape.kind == "length":
        return _length(shape, typed, unit)
    if shape.kind == "moment":
        return _moment(typed, unit)
    if not typed.strip():
        return MISSING
    if shape.kind == "number":
        return _number(typed)
    if shape.kind == "choice" and typed in ("true", "false") and set(shape.choices) == {"true", "false"}:
        return typed == "true"
    return typed if shape.kind == "long" else typed.strip()


def _chips(shape: Input, raw: Mapping[str, Sequence[str]]) -> object:
    assert shape.of is not None
    count = len(raw.get("value", ()))
    found = [read(shape.of, _part(raw, place)) for place in range(count)]
    kept = [value for value in found if value is not MISSING]
    return kept or MISSING


def _part(raw: Mapping[str, Sequence[str]], place: int) -> Raw:
    """What was typed for one of several values."""
    return {name: [values[place]] for name, values in raw.items() if place < len(values)}


def _first(raw: Mapping[str, Sequence[str]], name: str) -> str:
    values = raw.get(name) or [""]
    return values[0]


def _number(typed: str) -> object:
    try:
        number = float(typed)
    except ValueError:
        return typed.strip()
    return int(number) if number.is_integer() and abs(number) < 1e15 else number


def _length(shape: Input, typed: str, unit: str) -> object:
    if unit in shape.extra:
        return unit
    if not typed.strip():
        return MISSING
    number = _number(typed)
    if isinstance(number, str):
        return number
    assert isinstance(number, int | float)
    seconds = number * UNITS.get(unit, 1)
    return int(seconds) if float(seconds).is_integer() else seconds


def _moment(typed: str, unit: str) -> object:
    if unit in WORDS:
        return unit
    if not typed.strip():
        return MISSING
    return MOMENTS[unit][1].format(typed.strip()) if unit in MOMENTS else typed.strip()


# From JSON to what would have been typed


def show(shape: Input, value: object) -> Raw:
    """How a value of a rule would have been typed. Raises ValueError for one that this input cannot hold."""
    if shape.kind == "pairs":
        if not isinstance(value, Mapping):
            raise ValueError("an object")
        return {"key": [str(key) for key in value], "value": [_text(each) for each in value.values()]}
    if shape.kind in ("chips", "range"):
        return _show_several(shape, value)
    if shape.kind == "tick":
        if not isinstance(value, bool):
            raise ValueError("yes or no")
        return {"value": ["on"] if value else []}
    if isinstance(value, list | Mapping):
        raise ValueError("one value")
    if shape.kind == "length":
        return _show_length(shape, value)
    if shape.kind == "moment":
        return _show_moment(shape, value)
    return {"value": ["" if value is None else _text(value)]}


def _show_several(shape: Input, value: object) -> Raw:
    assert shape.of is not None
    if not isinstance(value, list | tuple):
        value = [value]
    raw: Raw = {"value": []}
    for one in value:
        for name, typed in show(shape.of, one).items():
            raw.setdefault(name, []).append(typed[0] if typed else "")
    return raw


def _show_length(shape: Input, value: object) -> Raw:
    if isinstance(value, str) and value in shape.extra:
        return {"value": [""], "unit": [value]}
    if isinstance(value, bool) or not isinstance(value, int | float):
        return {"value": ["" if value is None else _text(value)], "unit": ["minutes"]}
    sizes = {name: size for name, size in UNITS.items() if name != "weeks" and value % size == 0}
    unit = max(sizes, key=lambda name: sizes[name], default="seconds") if value else "minutes"
    return {"value": [f"{value / UNITS[unit]:.10g}"], "unit": [unit]}


def _show_moment(shape: Input, value: object) -> Raw:
    text = _text(value).strip().lower()
    if text in WORDS and (text != "now" or not shape.whole_days):
        return {"value": [""], "unit": [text]}
    found = _RELATIVE.fullmatch(text)
    unit = f"{found[1]}{found[3]}" if found else ""
    if found and unit in moments(shape):
        return {"value": [found[2]], "unit": [unit]}
    return {"value": [_text(value)], "unit": ["on"]}


def moments(shape: Input) -> Mapping[str, str]:
    """The ways in which this moment can be said."""
    return {name: words for name, (words, _) in MOMENTS.items() if not shape.whole_days or name in DAYS}


def units(shape: Input) -> Mapping[str, str]:
    """The units, or words, that stand behind an amount."""
    if shape.kind == "moment":
        return moments(shape)
    return {**{name: name for name in UNITS}, **shape.extra}


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
