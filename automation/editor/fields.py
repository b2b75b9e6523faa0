"""What a condition can be built of: fields in groups, comparisons by type, and what the value is typed with. Pure.

All of it comes from the registry of fields, so that a new field is offered by itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from automation.condition_parser import ALLOWED
from automation.condition_sentences import words_of
from automation.condition_tree import FieldSpec, Op, Scope, find_field
from automation.editor.inputs import Input

GROUPS: Mapping[Scope, str] = {
    "contact": "Contact",
    "booking": "Visit",
    "event": "What happened",
    "clock": "Clock",
}
#: What stands in for a comparison whose value is given by its name.
PLAIN: Mapping[str, tuple[Op, bool]] = {
    "yes": ("eq", True), "no": ("eq", False), "known": ("exists", True), "unknown": ("exists", False),
}  # fmt: skip
_PLAIN_WORDS = {"yes": "is yes", "no": "is no", "known": "is known", "unknown": "is not known"}
_SEVERAL = {"in": "is one of", "not_in": "is known and none of"}
FAMILIES: Mapping[str, tuple[str, ...]] = {
    "consent.*": ("service", "care", "marketing", "email_service", "email_care", "email_marketing"),
}


@dataclass(frozen=True, slots=True)
class Offer:
    """A field as the picker shows it."""

    name: str
    label: str
    group: str


def offers(
    registry: Mapping[str, FieldSpec], scopes: Collection[Scope], carried: Collection[str]
) -> list[Offer]:
    """The fields that conditions may look at where these scopes are known, of events only those `carried`."""
    return [
        Offer(spec.name, _label(spec), GROUPS[spec.scope])
        for spec in registry.values()
        if spec.scope in scopes and (spec.scope != "event" or spec.name in carried)
    ]


def _label(spec: FieldSpec) -> str:
    words = spec.spoken.removeprefix("the ").removeprefix("a ")
    return f"{words[:1].upper()}{words[1:]}" + (" …" if spec.name.endswith(".*") else "")


def spec_of(registry: Mapping[str, FieldSpec], name: str, member: str = "") -> FieldSpec | None:
    """The field that was chosen; of a family, its member."""
    if name.endswith(".*"):
        return find_field(f"{name[:-2]}.{member}", registry) if member else registry.get(name)
    return find_field(name, registry)


def comparisons(spec: FieldSpec) -> dict[str, str]:
    """The comparisons a field can make, with their words."""
    found: dict[str, str] = {}
    for op in ALLOWED[spec.type]:
        if op == "exists":
            found |= {name: _PLAIN_WORDS[name] for name in ("known", "unknown")}
        elif spec.type == "bool":
            found |= {name: _PLAIN_WORDS[name] for name in ("yes", "no")}
        elif op in _SEVERAL and spec.type != "list":
            found[op] = _SEVERAL[op]
        else:
            found[op] = words_of(spec.type, op).replace("{}", "").strip()
    return found


def input_of(spec: FieldSpec, op: str, suggested: Mapping[str, str]) -> Input:
    """What the value of a comparison is typed with. `suggested` are values that the clinic knows of."""
    if op in PLAIN:
        return Input("none")
    if op == "matches":
        return Input("text")
    one = _one(spec, suggested)
    if op == "between":
        return Input("range", of=one)
    if op in ("in", "not_in") or (spec.type == "list" and op != "contains"):
        return Input("chips", of=one, choices=one.choices, strict=one.strict)
    return one


def _one(spec: FieldSpec, suggested: Mapping[str, str]) -> Input:
    if spec.choices:
        return Input("choice", choices=spec.choices, strict=True)
    if spec.type in ("date", "datetime"):
        return Input("moment", whole_days=spec.type == "date")
    if spec.type == "duration":
        return Input("length")
    if spec.type == "number":
        return Input("number")
    plain = Input("text", choices=suggested)
    return replace(plain, kind="choice") if suggested and spec.type == "choice" else plain


def default_op(spec: FieldSpec) -> str:
    """The comparison a fresh row begins with."""
    first = {"bool": "yes", "list": "contains", "number": "gte", "duration": "gte"}
    return first.get(spec.type, next(iter(comparisons(spec))))
