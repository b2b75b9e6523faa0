"""A draft as the templates draw it: every field with its name, value, choices, errors and, after a dry run, verdict."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from automation import facts
from automation.condition_tree import Scope
from automation.editor import cards as kinds
from automation.editor import fields, inputs, reading
from automation.editor.choices import Choices, Grouped
from automation.editor.draft import MODES, Card, Group, Part, Row
from automation.editor.inputs import Input, Raw
from automation.triggers import TRIGGERS

#: Up to so many choices are ticked; more are picked one by one.
TICKED = 6


@dataclass
class Look:
    """What drawing needs beside the draft. `at` is the place to look at next and the act that led there."""

    choices: Choices
    errors: Mapping[str, list[str]]
    verdicts: Mapping[str, Any]
    scopes: Collection[Scope]
    carried: Collection[str]
    at: str
    act: str


def of_trigger(trigger: str) -> tuple[Collection[Scope], Collection[str]]:
    """What conditions may look at where this starts a rule; everything about contacts while nothing is chosen."""
    about = TRIGGERS.get(trigger)
    return (about.scopes, about.fields) if about is not None else (("contact", "booking", "clock"), ())


def group(part: Group, place: str, look: Look, *, top: bool = True) -> dict[str, Any]:
    """A group with everything in it."""
    return {
        "place": place, "mode": part.mode, "modes": MODES, "top": top, "empty": not part.parts,
        "parts": [_part(one, f"{place}.{index}", look, index, len(part.parts)) for index, one in enumerate(part.parts)],
        "errors": look.errors.get(place, ()), "focus": look.at == place, "act": look.act,
    }  # fmt: skip


def _part(part: Part, place: str, look: Look, index: int, count: int) -> dict[str, Any]:
    around = {"first": index == 0, "last": index == count - 1}
    if isinstance(part, Group):
        return {"group": group(part, place, look, top=False), **around}
    return {"row": _row(part, place, look), **around}


def _row(row: Row, place: str, look: Look) -> dict[str, Any]:
    registry = facts.registry()
    spec = fields.spec_of(registry, row.field, row.member)
    offered = fields.offers(registry, look.scopes, look.carried)
    known = {offer.name for offer in offered}
    suggested = look.choices.of_field(row.field)
    shape = reading.shape_of(spec, row.op, suggested) if row.field else Input("none")
    comparisons = fields.comparisons(spec) if spec is not None else {}
    return {
        "place": place, "field": row.field, "member": row.member, "op": row.op,
        "fields": _grouped(offered), "stray": row.field if row.field and row.field not in known else "",
        "is_family": row.field.endswith(".*"), "members": fields.FAMILIES.get(row.field, ()),
        "ops": comparisons if row.op in comparisons or not row.op else {**comparisons, row.op: row.op},
        "input": _input(f"{place}:", shape, row.raw, {"": shape.choices}, f"{place}:value", "Value", look),
        "errors": look.errors.get(place, ()), "verdict": look.verdicts.get(place),
        "focus": look.at == place, "act": look.act, "label": spec.spoken if spec is not None else "a condition",
    }  # fmt: skip


def _grouped(offered: list[fields.Offer]) -> dict[str, list[fields.Offer]]:
    found: dict[str, list[fields.Offer]] = {}
    for offer in offered:
        found.setdefault(offer.group, []).append(offer)
    return found


def card(one: Card, index: int, count: int, look: Look) -> dict[str, Any]:
    """An action with its typed fields."""
    place = f"a.{index}"
    kind = kinds.kinds().get(one.kind)
    given = {path: (raw.get("value") or [""])[0] for path, raw in one.raw.items()}
    return {
        "place": place, "number": index + 1, "kind": one.kind, "label": kind.label if kind else one.kind or "?",
        "about": kind.about if kind else "", "kinds": menu(), "known": kind is not None,
        "parameters": [_parameter(p, one, place, given, look) for p in (kind.parameters if kind else ())],
        "delay": _parameter(kinds.waiting(), one, place, given, look),
        "unknown": [
            {"name": name, "text": text, "errors": look.errors.get(f"{place}:x.{name}", ())}
            for name, text in one.unknown.items()
        ],
        "when": group(one.when, f"{place}.c", look), "first": index == 0, "last": index == count - 1,
        "errors": look.errors.get(place, ()), "focus": look.at == place, "act": look.act,
        "verdict": look.verdicts.get(place),
        "preview": look.choices.preview(given.get("template", ""), one.kind) if given.get("template") else "",
    }  # fmt: skip


def menu() -> dict[str, list[kinds.Kind]]:
    """Every action there is, in groups."""
    found: dict[str, list[kinds.Kind]] = {label: [] for label in kinds.GROUPS.values()}
    for kind in kinds.kinds().values():
        found.setdefault(kind.group, []).append(kind)
    return found


def _parameter(
    parameter: kinds.Parameter, one: Card, place: str, given: Mapping[str, str], look: Look
) -> dict[str, Any]:
    name = f"{place}:p.{parameter.path}"
    shown: dict[str, Any] = {
        "label": parameter.label, "help": parameter.help, "required": not parameter.input.optional,
        "group": parameter.group, "may_quote": parameter.may_quote, "place": name,
        "errors": look.errors.get(name, ()), "changes": parameter.path in ("pipeline", "template"),
    }  # fmt: skip
    if parameter.columns:
        return {**shown, "table": _table(parameter, one, place, given, look)}
    options = look.choices.of_parameter(parameter, one.kind, given)
    raw = one.raw.get(parameter.path, {})
    return {**shown, "input": _input(f"{name}.", parameter.input, raw, options, name, parameter.label, look)}


def _table(
    parameter: kinds.Parameter, one: Card, place: str, given: Mapping[str, str], look: Look
) -> dict[str, Any]:
    """Lists that belong together, row by row, and an empty row for one more."""
    size = max(
        (len(one.raw.get(column.path, {}).get("value", ())) for column in parameter.columns), default=0
    )
    rows = []
    for index in range(size + 1):
        row = []
        for column in parameter.columns:
            raw = {part: values[index : index + 1] for part, values in one.raw.get(column.path, {}).items()}
            name = f"{place}:p.{column.path}"
            assert column.input.of is not None
            options = look.choices.of_parameter(column, one.kind, given)
            label = f"{column.label} {index + 1}"
            row.append(_input(f"{name}.", column.input.of, raw, options, name, label, look))
        blank = not any(cell["value"] for cell in row)
        rows.append({"cells": row, "index": index, "fresh": blank})
    if size and rows[-2]["fresh"]:
        rows.pop()
    return {"rows": rows, "name": parameter.path, "columns": [column.label for column in parameter.columns]}


def _input(
    prefix: str, shape: Input, raw: Raw, options: Grouped, name: str, label: str, look: Look
) -> dict[str, Any]:
    """One value as it is typed; `prefix` leads to its other parts, such as its unit."""
    values = raw.get("value") or [""]
    shown: dict[str, Any] = {
        "kind": shape.kind, "name": name, "label": label, "value": values[0], "id": _id(name),
        "options": _with(options, values[:1]), "list_id": f"{_id(name)}-list", "blank": shape.optional or not values[0],
    }  # fmt: skip
    unit = f"{prefix}unit"
    if shape.kind in ("length", "moment"):
        return shown | _with_unit(shape, raw, unit)
    if shape.kind == "range":
        assert shape.of is not None
        ends = [_of_part(shape.of, raw, place, prefix, options, name, label, look) for place in range(2)]
        return shown | {"ends": ends}
    if shape.kind == "chips":
        return shown | _chips(shape, raw, prefix, options, name, label, look)
    if shape.kind == "pairs":
        keys = raw.get("key") or []
        listed = [*zip(keys, raw.get("value") or [], strict=False), ("", "")]
        return shown | {
            "pairs": [{"key": key, "value": value} for key, value in listed],
            "keys": f"{prefix}key",
        }
    return shown


def _of_part(
    shape: Input, raw: Raw, place: int, prefix: str, options: Grouped, name: str, label: str, look: Look
) -> dict[str, Any]:
    part = {what: values[place : place + 1] for what, values in raw.items()}
    words = f"{label}, {'from' if place == 0 else 'to'}"
    return {**_input(prefix, shape, part, options, name, words, look), "id": f"{_id(name)}-{place}"}


def _with_unit(shape: Input, raw: Raw, name: str) -> dict[str, Any]:
    units = inputs.units(shape)
    chosen = (raw.get("unit") or [""])[0] or ("hours" if shape.kind == "length" else next(iter(units)))
    needs = chosen not in shape.extra and chosen not in inputs.WORDS
    return {
        "unit": chosen,
        "units": units,
        "unit_name": name,
        "needs_amount": needs,
        "is_day": chosen == "on",
    }


def _chips(
    shape: Input, raw: Raw, prefix: str, options: Grouped, name: str, label: str, look: Look
) -> dict[str, Any]:
    assert shape.of is not None
    labels = {value: words for group in options.values() for value, words in group.items()}
    values, units = raw.get("value") or [], raw.get("unit") or []
    ticked = shape.strict and 0 < len(labels) <= TICKED and shape.of.kind == "choice"
    fresh = _input(prefix, shape.of, {}, _without(options, values), name, f"{label}, one more", look)
    chips = []
    for index, value in enumerate(values):
        unit = units[index] if index < len(units) else ""
        if value or unit in inputs.WORDS:
            said = (
                f"{value} {inputs.units(shape.of).get(unit, unit)}".strip()
                if unit
                else labels.get(value, value)
            )
            chips.append({"value": value, "unit": unit, "index": index, "label": said})
    return {
        "chips": chips,
        "ticks": [{"value": v, "label": words, "on": v in values} for v, words in labels.items()] if ticked else [],
        "fresh": {**fresh, "id": f"{_id(name)}-more"}, "unit_name": f"{prefix}unit",
    }  # fmt: skip


def _with(options: Grouped, values: list[str]) -> Grouped:
    """The choices, with a present value that is none of them: what was chosen is never lost."""
    known = {value for group in options.values() for value in group}
    extra = {value: f"{value} (not known here)" for value in values if value and value not in known}
    return {**options, "Not known here": extra} if extra and known else options


def _without(options: Grouped, values: list[str]) -> Grouped:
    return {
        words: {value: label for value, label in group.items() if value not in values}
        for words, group in options.items()
    }


def _id(name: str) -> str:
    return "f-" + "".join(char if char.isalnum() else "-" for char in name)
