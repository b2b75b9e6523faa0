"""What the buttons of the editor do to a draft. Pure.

An act is a word and where: `add:c.1`, `move:c.0>c.1.2`, `drop:a.0:p.to:1`. It answers with the place that is looked at
next, so that the keyboard goes on where the work is.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping

from automation.action_parser import MAX_ACTIONS
from automation.editor import cards as kinds
from automation.editor.draft import DEEPEST, Card, Draft, Group, Part, Row
from automation.editor.reading import new_card


class CannotAct(ValueError):
    """An act that the draft does not allow; the text says why."""


def act(draft: Draft, what: str, kind: str = "") -> str:
    """Do what a button asks; `kind` is the action chosen where one is added. Returns the place to look at.

    Raises CannotAct for a place that is not there, or where the act makes no sense.
    """
    word, _, where = what.partition(":")
    try:
        return _ACTS[word](draft, where, kind)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        if isinstance(error, CannotAct):
            raise
        raise CannotAct("That part of the rule is no longer there. Look again.") from error


def _show(draft: Draft, where: str, kind: str) -> str:
    """Keep what was typed, and draw the form for it."""
    return where


# Finding places


def _tree(draft: Draft, place: str) -> tuple[Group, list[int]]:
    """The tree of conditions a place lies in, and the way there."""
    if place.startswith("a."):
        _, index, letter, *rest = place.split(".")
        if letter != "c":
            raise KeyError(place)
        return draft.cards[int(index)].when, [int(step) for step in rest]
    letter, *rest = place.split(".")
    if letter != "c":
        raise KeyError(place)
    return draft.conditions, [int(step) for step in rest]


def _group_at(draft: Draft, place: str) -> Group:
    group, way = _tree(draft, place)
    for step in way:
        part = group.parts[step]
        if not isinstance(part, Group):
            raise KeyError(place)
        group = part
    return group


def _line(draft: Draft, place: str) -> tuple[list[Part], int]:
    """The list that a part stands in, and where in it."""
    above, _, index = place.rpartition(".")
    parts = _group_at(draft, above).parts
    parts[int(index)]  # Raises for a place that is not there.
    return parts, int(index)


# Conditions


def _add(draft: Draft, where: str, kind: str) -> str:
    parts = _group_at(draft, where).parts
    parts.append(Row())
    return f"{where}.{len(parts) - 1}"


def _add_group(draft: Draft, where: str, kind: str) -> str:
    _check_depth(where)
    parts = _group_at(draft, where).parts
    parts.append(Group("any", [Row()]))
    return f"{where}.{len(parts) - 1}.0"


def _wrap(draft: Draft, where: str, kind: str) -> str:
    _check_depth(where)
    parts, index = _line(draft, where)
    parts[index] = Group("any", [parts[index], Row()])
    return f"{where}.1"


def _unwrap(draft: Draft, where: str, kind: str) -> str:
    """A group's parts take its place."""
    parts, index = _line(draft, where)
    group = parts[index]
    if not isinstance(group, Group):
        raise KeyError(where)
    parts[index : index + 1] = group.parts
    return where if group.parts else where.rpartition(".")[0]


def _check_depth(place: str) -> None:
    tree = place.partition(".c")[2] if place.startswith("a.") else place
    if tree.count(".") >= DEEPEST - 1:
        raise CannotAct("Groups cannot stand deeper in one another. Write this more simply.")


# Both


def _remove(draft: Draft, where: str, kind: str) -> str:
    if _is_card(where):
        index = int(where[2:])
        del draft.cards[index]
        return f"a.{min(index, len(draft.cards) - 1)}" if draft.cards else "a"
    parts, index = _line(draft, where)
    del parts[index]
    above = where.rpartition(".")[0]
    return f"{above}.{min(index, len(parts) - 1)}" if parts else above


def _up(draft: Draft, where: str, kind: str) -> str:
    return _shift(draft, where, -1)


def _down(draft: Draft, where: str, kind: str) -> str:
    return _shift(draft, where, 1)


def _shift(draft: Draft, where: str, by: int) -> str:
    above, _, end = where.rpartition(".")
    row: list[Card] | list[Part] = draft.cards if _is_card(where) else _line(draft, where)[0]
    index = int(end)
    to = index + by
    if not 0 <= to < len(row):
        return where
    row[index], row[to] = row[to], row[index]  # type: ignore[assignment,index]
    return f"{above}.{to}"


def _move(draft: Draft, where: str, kind: str) -> str:
    """Take a part and put it before another place (`c.0>c.1.2`), which may be just behind the last one."""
    source, _, target = where.partition(">")
    if _is_card(source):
        start, end = int(source[2:]), int(target[2:])
        card = draft.cards.pop(start)
        draft.cards.insert(end - (end > start), card)
        return f"a.{end - (end > start)}"
    if target == source or target.startswith(f"{source}."):
        raise CannotAct("A group cannot be put into itself.")
    above, _, index = target.rpartition(".")
    _check_depth(above)
    into, at = _group_at(draft, above).parts, int(index)
    parts, start = _line(draft, source)
    part = parts[start]
    into.insert(at, part)
    parts.pop(start + 1 if parts is into and at <= start else start)
    return next(
        (f"c{path}" if not source.startswith("a.") else f"{source.partition('.c')[0]}.c{path}"
         for path in _paths_to(_tree(draft, source)[0], part)), above
    )  # fmt: skip


def _paths_to(group: Group, wanted: Part, path: str = "") -> list[str]:
    found = []
    for index, part in enumerate(group.parts):
        here = f"{path}.{index}"
        if part is wanted:
            found.append(here)
        elif isinstance(part, Group):
            found += _paths_to(part, wanted, here)
    return found


def _double(draft: Draft, where: str, kind: str) -> str:
    if _is_card(where):
        _check_room(draft)
        index = int(where[2:])
        draft.cards.insert(index + 1, copy.deepcopy(draft.cards[index]))
        return f"a.{index + 1}"
    parts, index = _line(draft, where)
    parts.insert(index + 1, copy.deepcopy(parts[index]))
    return f"{where.rpartition('.')[0]}.{index + 1}"


def _is_card(place: str) -> bool:
    return place.startswith("a.") and place.count(".") == 1


# Actions


def _card(draft: Draft, where: str, kind: str) -> str:
    _check_room(draft)
    if kind and kind not in kinds.kinds():
        raise CannotAct("There is no such action.")
    if not kind:
        raise CannotAct("Choose an action, then press the button.")
    draft.cards.append(new_card(kind))
    return f"a.{len(draft.cards) - 1}"


def _check_room(draft: Draft) -> None:
    if len(draft.cards) >= MAX_ACTIONS:
        raise CannotAct(f"A rule may have {MAX_ACTIONS} actions at most.")


def _drop(draft: Draft, where: str, kind: str) -> str:
    """Take one of several values away: `c.0:value:1`, `a.0:p.to:1`, `a.0:x.extra`."""
    place, _, rest = where.partition(":")
    name, _, index = rest.rpartition(":")
    if rest.startswith("x."):
        del draft.cards[int(place[2:])].unknown[rest[2:]]
        return place
    if place.startswith("a.") and name.startswith("p."):
        card = draft.cards[int(place[2:])]
        paths = name[2:].split("+")
        if not any(path in card.raw for path in paths):
            raise KeyError(where)
        raws = [card.raw[path] for path in paths if path in card.raw]
    else:
        parts, at = _line(draft, place)
        row = parts[at]
        assert isinstance(row, Row)
        raws = [row.raw]
    for raw in raws:
        for values in raw.values():
            if int(index) < len(values):
                del values[int(index)]
    return place


_ACTS: Mapping[str, Callable[[Draft, str, str], str]] = {
    "show": _show, "add": _add, "group": _add_group, "wrap": _wrap, "unwrap": _unwrap, "remove": _remove,
    "up": _up, "down": _down, "move": _move, "double": _double, "card": _card, "drop": _drop, "more": _show,
}  # fmt: skip
#: What a button may ask for.
WORDS = frozenset(_ACTS)
