"""Conditions that nothing can ever meet: the simple cases, found while a rule is written. Pure.

What is said of one field has to hold together: a number above 70 and below 40, a stage that its pipeline does not
have, a value that is to be one thing and another. Whatever is not understood is taken to be possible.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from automation import condition_sentences as sentences
from automation.condition_tree import All, Any, Leaf, Node, Not
from contacts.pipeline import PIPELINES

_LOWER, _UPPER = ("gt", "gte"), ("lt", "lte")


def why_never(node: Node) -> str:
    """Why nothing can meet these conditions; empty when something may."""
    return _never(node, ())


def _never(node: Node, given: Sequence[Leaf]) -> str:
    if isinstance(node, Any):
        reasons = [_never(part, given) for part in node.parts]
        return reasons[0] if node.parts and all(reasons) else ""
    if isinstance(node, Not):
        return "A condition that always holds is turned into its opposite." if node.part == All(()) else ""
    parts = node.parts if isinstance(node, All) else (node,)
    leaves = [*given, *(part for part in parts if isinstance(part, Leaf))]
    denied = [part.part for part in parts if isinstance(part, Not) and isinstance(part.part, Leaf)]
    return (
        _clash(leaves, denied)
        or _misplaced(leaves)
        or next((why for part in parts if not isinstance(part, Leaf) and (why := _never(part, leaves))), "")
    )


def _clash(leaves: Sequence[Leaf], denied: Sequence[Leaf]) -> str:
    for name in dict.fromkeys(leaf.field for leaf in leaves):
        about = [leaf for leaf in leaves if leaf.field == name]
        against = [leaf for leaf in denied if leaf.field == name]
        if not (_possible(about) and not _denied(about, against)):
            said = [sentences.describe(leaf) for leaf in about]
            said += [f"not ({sentences.describe(leaf)})" for leaf in against if _denied(about, [leaf])]
            return f"These cannot hold together: {'; '.join(said)}."
    return ""


def _denied(about: Sequence[Leaf], against: Sequence[Leaf]) -> bool:
    return any((leaf.op, leaf.wanted) == (other.op, other.wanted) for leaf in about for other in against)


def _possible(leaves: Sequence[Leaf]) -> bool:
    """Whether one value can satisfy all these comparisons of a field."""
    missing = [leaf for leaf in leaves if leaf.op == "exists" and not leaf.wanted]
    if missing and len(missing) < len(leaves):
        return False
    kind = leaves[0].spec.type
    if kind in ("number", "duration"):
        return _in_range(leaves) and _some_value(leaves)
    return True if kind in ("list", "date", "datetime") else _some_value(leaves)


def _in_range(leaves: Sequence[Leaf]) -> bool:
    ends = [end for leaf in leaves for end in _ends(leaf)]
    # Of equal ends the open one binds more.
    low, above = max(
        ((value, op == "gt") for op, value in ends if op in _LOWER), default=(float("-inf"), False)
    )
    high, reached = min(
        ((value, op != "lt") for op, value in ends if op in _UPPER), default=(float("inf"), True)
    )
    return low < high or (low == high and not above and reached)


def _ends(leaf: Leaf) -> list[tuple[str, float]]:
    wanted = leaf.wanted
    if leaf.op == "between" and isinstance(wanted, tuple):
        return [("gte", float(wanted[0])), ("lte", float(wanted[1]))]  # type: ignore[arg-type]
    if leaf.op == "eq":
        return [("gte", float(wanted)), ("lte", float(wanted))]  # type: ignore[arg-type]
    return [(leaf.op, float(wanted))] if leaf.op in (*_LOWER, *_UPPER) else []  # type: ignore[arg-type]


def _some_value(leaves: Sequence[Leaf]) -> bool:
    allowed: set[object] | None = None
    for leaf in leaves:
        values = _named(leaf, ("eq", "in"))
        if values is not None:
            allowed = values if allowed is None else allowed & values
    if allowed is None:
        return True
    for leaf in leaves:
        allowed -= _named(leaf, ("ne", "not_in")) or set()
    return bool(allowed)


def _named(leaf: Leaf, ops: tuple[str, str]) -> set[object] | None:
    """The values a comparison names, if it is of one of these; without case, so that only what surely differs
    counts as different.
    """
    if leaf.op not in ops:
        return None
    values = leaf.wanted if isinstance(leaf.wanted, tuple) else (leaf.wanted,)
    return {value.casefold() if isinstance(value, str) else value for value in values}


def _misplaced(leaves: Sequence[Leaf]) -> str:
    """A stage that none of the pipelines asked for has."""
    said: Mapping[str, set[object]] = {
        name: set.intersection(*found)
        for name in ("current_pipeline", "current_stage")
        if (
            found := [
                v for leaf in leaves if leaf.field == name and (v := _named(leaf, ("eq", "in"))) is not None
            ]
        )
    }
    if len(said) < 2:
        return ""
    known = {stage for pipeline in said["current_pipeline"] for stage in PIPELINES.get(str(pipeline), ())}
    if known & said["current_stage"]:
        return ""
    return "The pipeline asked for has no such stage, so no contact stands there."
