"""From the fields of a posted form to a draft. Pure.

Every field is named `place:what`: `c.0:field`, `a.1:p.template`, `a.1:p.delay_seconds.unit`. The order of places is the
order of the rule; a place that is missing is skipped.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from automation.editor import cards as kinds
from automation.editor import fields
from automation.editor.draft import DEEPEST, MODES, Card, Draft, Group, Mode, Registry, Row
from automation.editor.reading import new_card

#: Parts of a typed value, beside the value itself.
_ASIDE = (".unit", ".key")

Posted = Mapping[str, Sequence[str]]


def draft_of(posted: Posted, registry: Registry) -> Draft:
    """The draft that a form holds, with what was typed as it was typed."""
    asked = {name: values for name, values in posted.items() if ":" in name}
    head = {
        name: (posted.get(name) or [""])[0]
        for name in ("name", "key", "trigger", "every", "anchor", "priority")
    }
    places = {name.partition(":")[0] for name in asked}
    return Draft(
        **head,
        conditions=_group("c", asked, places, registry, 0),
        cards=[_card(f"a.{index}", asked, places, registry) for index in _indexes("a", places)],
    )


def _indexes(place: str, places: Iterable[str]) -> list[int]:
    start = f"{place}."
    heads = {name[len(start) :].partition(".")[0] for name in places if name.startswith(start)}
    return sorted(int(head) for head in heads if head.isascii() and head.isdigit() and len(head) < 6)


def _one(asked: Posted, name: str) -> str:
    return (asked.get(name) or [""])[0]


def _group(place: str, asked: Posted, places: set[str], registry: Registry, depth: int) -> Group:
    mode = _one(asked, f"{place}:mode")
    group = Group(cast(Mode, mode) if mode in MODES else "all")
    for index in _indexes(place, places):
        here = f"{place}.{index}"
        if f"{here}:mode" not in asked:
            group.parts.append(_row(here, asked, registry))
        elif depth < DEEPEST:
            group.parts.append(_group(here, asked, places, registry, depth + 1))
    return group


def _row(place: str, asked: Posted, registry: Registry) -> Row:
    """A row; where the field was just chosen, with a comparison that fits it."""
    row = Row(
        _one(asked, f"{place}:field"), _one(asked, f"{place}:member").strip(), _one(asked, f"{place}:op")
    )
    spec = fields.spec_of(registry, row.field, row.member)
    row.raw = {
        name: list(asked[f"{place}:{name}"]) for name in ("value", "unit") if f"{place}:{name}" in asked
    }
    changed = _one(asked, f"{place}:was") not in (row.field, "")
    if changed or not row.op:
        row.raw = {} if changed else row.raw
        row.op = fields.default_op(spec) if spec is not None else ""
    return row


def _card(place: str, asked: Posted, places: set[str], registry: Registry) -> Card:
    card = Card(_one(asked, f"{place}:kind"), when=_group(f"{place}.c", asked, places, registry, 0))
    start, aside = f"{place}:p.", f"{place}:x."
    for name, values in asked.items():
        if name.startswith(start):
            path, part = _split(name[len(start) :])
            card.raw.setdefault(path, {})[part] = list(values)
        elif name.startswith(aside):
            card.unknown[name[len(aside) :]] = values[0]
    known = kinds.kinds().get(card.kind)
    if known is not None and _one(asked, f"{place}:was") not in (card.kind, ""):
        fresh = new_card(card.kind)
        kept = {p.path for p in (*known.parameters, kinds.waiting())}
        card.raw = fresh.raw | {path: raw for path, raw in card.raw.items() if path in kept}
    return card


def _split(name: str) -> tuple[str, str]:
    """The path of a parameter, and which part of its value this is."""
    for ending in _ASIDE:
        if name.endswith(ending):
            return name.removesuffix(ending), ending[1:]
    return name, "value"
