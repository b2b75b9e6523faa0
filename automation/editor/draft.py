"""A rule as it is being written: complete or not, with what was typed kept as it was typed. Pure.

A place in it has a name: `c` are the conditions, `c.0.1` the second of the first group's; `a.2` is the third action,
`a.2.c` its own conditions.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as of
from typing import Literal

from automation.condition_parser import MAX_DEPTH
from automation.condition_tree import FieldSpec
from automation.editor.inputs import Raw

Mode = Literal["all", "any", "none", "not_all"]
MODES: Mapping[Mode, str] = {
    "all": "all of these hold", "any": "at least one of these holds", "none": "none of these holds",
    "not_all": "not all of these hold",
}  # fmt: skip
#: Groups in groups in groups: no deeper than the rule's parser reads.
DEEPEST = MAX_DEPTH - 1


@dataclass
class Row:
    """One comparison. `field` is a name of the registry (`consent.*` with its `member`), empty while none is chosen;
    `raw` is what was typed for the value.
    """

    field: str = ""
    member: str = ""
    op: str = ""
    raw: Raw = of(default_factory=dict)

    @property
    def name(self) -> str:
        """The field as conditions name it."""
        return f"{self.field[:-2]}.{self.member}" if self.field.endswith(".*") else self.field


@dataclass
class Group:
    """Conditions that count together."""

    mode: Mode = "all"
    parts: list[Row | Group] = of(default_factory=list)


@dataclass
class Card:
    """One action. `raw` is what was typed, by path of the parameter; `unknown` parameters are kept as JSON."""

    kind: str = ""
    raw: dict[str, Raw] = of(default_factory=dict)
    when: Group = of(default_factory=Group)
    unknown: dict[str, str] = of(default_factory=dict)


@dataclass
class Draft:
    """Everything of a rule that the editor writes."""

    name: str = ""
    key: str = ""
    trigger: str = ""
    every: str = ""
    anchor: str = ""
    priority: str = "100"
    conditions: Group = of(default_factory=Group)
    cards: list[Card] = of(default_factory=list)


Part = Row | Group
Registry = Mapping[str, FieldSpec]
