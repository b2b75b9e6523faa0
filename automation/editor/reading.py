"""From a rule's JSON to a draft, and back with the places that errors are shown at. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from automation.condition_tree import ALIASES, FieldSpec
from automation.editor import cards as kinds
from automation.editor import fields, inputs
from automation.editor.draft import DEEPEST, Card, Group, Mode, Part, Registry, Row
from automation.editor.inputs import MISSING, Input


class CannotShow(ValueError):
    """JSON that the form cannot hold; `path` is where."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path, self.what = path, what


# Conditions


def conditions_of(raw: object, registry: Registry, *, path: str = "conditions") -> Group:
    """The conditions as rows and groups. Raises CannotShow for what is no tree of conditions."""
    group = _group(raw, registry, path, 0)
    only = group.parts[0] if len(group.parts) == 1 else None
    return only if isinstance(only, Group) and group.mode == "all" else group


def _group(raw: object, registry: Registry, path: str, depth: int) -> Group:
    if not isinstance(raw, Mapping):
        raise CannotShow(path, "this must be an object of conditions.")
    if depth > DEEPEST:
        raise CannotShow(path, "conditions nest too deep for the form.")
    group = Group()
    for key, value in raw.items():
        here = f"{path}.{key}"
        if key in ("all", "any"):
            group.parts.append(_several(key, value, registry, here, depth))
        elif key == "not":
            group.parts.append(_negated(value, registry, here, depth))
        else:
            group.parts += _rows(str(key), value, registry, here)
    return group


def _several(mode: Mode, value: object, registry: Registry, path: str, depth: int) -> Group:
    if not isinstance(value, list):
        raise CannotShow(path, "this must be a list of conditions.")
    parts: list[Part] = []
    for index, one in enumerate(value):
        inner = _group(one, registry, f"{path}[{index}]", depth + 1)
        parts += inner.parts if len(inner.parts) == 1 or mode == "all" else [inner]
    return Group(mode, parts)


def _negated(value: object, registry: Registry, path: str, depth: int) -> Group:
    inner = _group(value, registry, path, depth + 1)
    only = inner.parts[0] if len(inner.parts) == 1 else None
    if isinstance(only, Group) and only.mode in ("any", "all"):
        return Group("none" if only.mode == "any" else "not_all", only.parts)
    return Group("none" if len(inner.parts) == 1 else "not_all", inner.parts)


def _rows(name: str, value: object, registry: Registry, path: str) -> list[Part]:
    if isinstance(value, Mapping):
        return [_row(name, str(op), wanted, registry, f"{path}.{op}") for op, wanted in value.items()]
    return [_row(name, "eq", value, registry, path)]


def _row(name: str, op: str, value: object, registry: Registry, path: str) -> Row:
    name = ALIASES.get(name, name)
    family = f"{name.partition('.')[0]}.*"
    row = Row(name, "", op)
    if name not in registry and family in registry:
        row.field, row.member = family, name.partition(".")[2]
    spec = fields.spec_of(registry, row.field, row.member)
    op, value = _plain(spec, op, value)
    row.op = op
    try:
        row.raw = {} if value is MISSING else inputs.show(shape_of(spec, op), value)
    except ValueError as error:
        raise CannotShow(path, f"this needs {error}.") from None
    return row


def _plain(spec: FieldSpec | None, op: str, value: object) -> tuple[str, object]:
    """A comparison that the form shows by a name of its own ("is known"), where there is one."""
    if op in ("eq", "ne") and value is None:
        op, value = "exists", op == "ne"
    if spec is not None and spec.type == "bool" and op == "ne" and isinstance(value, bool):
        op, value = "eq", not value
    for name, (same, wanted) in fields.PLAIN.items():
        if op == same and value is wanted and (op == "exists" or (spec is not None and spec.type == "bool")):
            return name, MISSING
    return op, value


def shape_of(spec: FieldSpec | None, op: str, suggested: Mapping[str, str] | None = None) -> Input:
    """What a row's value is typed with; of a field that nobody knows, as a text."""
    return Input("text") if spec is None else fields.input_of(spec, op, suggested or {})


@dataclass
class Written:
    """JSON with the places of the draft that it came from, by path, and what is still missing, by place."""

    value: Any
    places: dict[str, str] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)


def write_conditions(
    group: Group, registry: Registry, *, path: str = "conditions", name: str = "c"
) -> Written:
    """The conditions as a rule has them. What is not finished is left out and told."""
    written = Written({}, {path: name})
    written.value = _write_group(group, registry, path, name, written)
    return written


def _write_group(group: Group, registry: Registry, path: str, name: str, written: Written) -> dict[str, Any]:
    if group.mode == "all":
        return _write_all(group, registry, path, name, written)
    if not group.parts:
        written.missing[name] = "Add a condition, or remove this group."
        return {}
    if group.mode == "not_all":
        written.places[f"{path}.not"] = name
        return {"not": _write_all(group, registry, f"{path}.not", name, written)}
    single = group.mode == "none" and len(group.parts) == 1
    if single:
        written.places[f"{path}.not"] = name
        return {"not": _write_part(group.parts[0], registry, f"{path}.not", f"{name}.0", written)}
    inner = f"{path}.not" if group.mode == "none" else path
    written.places[inner], written.places[f"{inner}.any"] = name, name
    listed = [
        _write_part(part, registry, f"{inner}.any[{index}]", f"{name}.{index}", written, alone=True)
        for index, part in enumerate(group.parts)
    ]
    value = {"any": [one for one in listed if one]}
    return {"not": value} if group.mode == "none" else value


def _write_all(group: Group, registry: Registry, path: str, name: str, written: Written) -> dict[str, Any]:
    """Rows of different fields stand in one object; where two would share a key, all stand in a list."""
    if _fit_together(group):
        merged: dict[str, Any] = {}
        for index, part in enumerate(group.parts):
            for key, value in _write_part(part, registry, path, f"{name}.{index}", written).items():
                merged[key] = _merge(merged[key], value) if key in merged else value
        return merged
    written.places[f"{path}.all"] = name
    listed = [
        _write_part(part, registry, f"{path}.all[{index}]", f"{name}.{index}", written)
        for index, part in enumerate(group.parts)
    ]
    return {"all": listed}


def _merge(one: Any, other: Any) -> dict[str, Any]:
    as_object = [value if isinstance(value, dict) else {"eq": value} for value in (one, other)]
    return {**as_object[0], **as_object[1]}


def _fit_together(group: Group) -> bool:
    keys: set[tuple[str, str]] = set()
    previous = ""
    for part in group.parts:
        key = _key(part)
        again = key[0] in {name for name, _ in keys} and key[0] != previous
        if key in keys or again:
            return False
        keys.add(key)
        previous = key[0]
    return True


def _key(part: Part) -> tuple[str, str]:
    if isinstance(part, Row):
        return part.name, fields.PLAIN.get(part.op, (part.op, True))[0]
    return {"all": "all", "any": "any"}.get(part.mode, "not"), ""


def _write_part(
    part: Part, registry: Registry, path: str, name: str, written: Written, *, alone: bool = False
) -> dict[str, Any]:
    """One part; `alone` in an object of its own, whose edges are those of a group."""
    if isinstance(part, Group):
        written.places.setdefault(path, name)
        if part.mode == "all" and not alone:
            written.places[f"{path}.all"] = name
            return {
                "all": [
                    _write_part(one, registry, f"{path}.all[{index}]", f"{name}.{index}", written)
                    for index, one in enumerate(part.parts)
                ]
            }
        return _write_group(part, registry, path, name, written)
    return _write_row(part, registry, path, name, written)


def _write_row(row: Row, registry: Registry, path: str, name: str, written: Written) -> dict[str, Any]:
    written.places.setdefault(path, name)
    if not row.field or (row.field.endswith(".*") and not row.member):
        written.missing[name] = "Choose what to look at, or remove this line."
        return {}
    op: str
    value: object
    op, value = fields.PLAIN.get(row.op, (row.op, MISSING))
    if row.op not in fields.PLAIN:
        value = inputs.read(shape_of(fields.spec_of(registry, row.field, row.member), row.op), row.raw)
    if value is MISSING:
        written.missing[name] = "Give a value, or remove this line."
        return {}
    here = f"{path}.{row.name}"
    written.places.setdefault(here, name)
    written.places[f"{here}.{op}"] = name
    return {row.name: value if op == "eq" and not isinstance(value, dict) else {op: value}}


# Actions


def cards_of(raw: object, registry: Registry) -> list[Card]:
    """The actions as cards. Raises CannotShow for what is no list of actions."""
    if not isinstance(raw, list):
        raise CannotShow("actions", "this must be a list of actions.")
    return [_card(one, registry, f"actions[{index}]") for index, one in enumerate(raw)]


def _card(raw: object, registry: Registry, path: str) -> Card:
    if not isinstance(raw, Mapping):
        raise CannotShow(path, "this must be an object with a type.")
    card = Card(kinds.spelling(str(raw.get("type", ""))))
    kind = kinds.kinds().get(card.kind)
    left = {key: value for key, value in raw.items() if key not in ("type", "conditions")}
    card.when = conditions_of(raw.get("conditions", {}), registry, path=f"{path}.conditions")
    for parameter in (*(kind.parameters if kind else ()), kinds.waiting()):
        _take(card, parameter, left)
    card.unknown = {name: json.dumps(value) for name, value in left.items() if value not in ({}, None)}
    return card


def _take(card: Card, parameter: kinds.Parameter, left: dict[str, Any]) -> None:
    """Move one parameter from what is left of the JSON to the card, if the form can hold it."""
    for one in parameter.columns or (parameter,):
        outer, _, inner = one.path.partition(".")
        holder = left.get(outer) if inner else left
        key = inner or outer
        if not isinstance(holder, dict) or key not in holder:
            if one.input.kind == "tick" and one.default is True:
                card.raw[one.path] = {"value": ["on"]}
            continue
        try:
            card.raw[one.path] = inputs.show(one.input, holder[key])
        except ValueError:
            continue
        left[outer] = {k: v for k, v in holder.items() if k != key} if inner else left[outer]
        if not inner:
            del left[outer]


def new_card(kind: str) -> Card:
    """An action just chosen, with what it is unless somebody says otherwise."""
    card = Card(kind)
    known = kinds.kinds().get(kind)
    for parameter in known.parameters if known else ():
        if parameter.default is not MISSING and parameter.default not in ("", [], {}, False):
            card.raw[parameter.path] = inputs.show(parameter.input, parameter.default)
    return card


def write_cards(found: Sequence[Card], registry: Registry) -> Written:
    """The actions as a rule has them."""
    written = Written([], {"actions": "a"})
    for index, card in enumerate(found):
        path, name = f"actions[{index}]", f"a.{index}"
        written.places[path] = name
        value = _write_card(card, path, name, written)
        own = write_conditions(card.when, registry, path=f"{path}.conditions", name=f"{name}.c")
        if own.value:
            value["conditions"] = own.value
        written.places |= own.places
        written.missing |= own.missing
        written.value.append(value)
    return written


def _write_card(card: Card, path: str, name: str, written: Written) -> dict[str, Any]:
    value: dict[str, Any] = {"type": card.kind}
    kind = kinds.kinds().get(card.kind)
    if not card.kind:
        written.missing[name] = "Choose what is to be done."
    for parameter in (*(kind.parameters if kind else ()), kinds.waiting()):
        for one in parameter.columns or (parameter,):
            written.places[f"{path}.{one.path}"] = f"{name}:{parameter.path}"
            given = inputs.read(one.input, card.raw.get(one.path, {}))
            if given is not MISSING and given != one.default:
                _put(value, one.path, given)
        outer, _, inner = parameter.path.partition(".")
        if inner:
            written.places.setdefault(f"{path}.{outer}", name)
            value.setdefault(outer, {})
    for key, text in card.unknown.items():
        written.places[f"{path}.{key}"] = f"{name}:x.{key}"
        given = _loads(text)
        known = value.get(key)
        value[key] = {**known, **given} if isinstance(known, dict) and isinstance(given, dict) else given
    return value


def _put(value: dict[str, Any], path: str, given: object) -> None:
    outer, _, inner = path.partition(".")
    if inner:
        value.setdefault(outer, {})[inner] = given
    else:
        value[outer] = given


def _loads(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def place_of(path: str, places: Mapping[str, str]) -> str:
    """The place of the draft where an error at this path of the JSON is shown; empty when it has none."""
    while path:
        if path in places:
            return places[path]
        cut = max(path.rfind("."), path.rfind("["))
        path = path[:cut] if cut > 0 else ""
    return ""
