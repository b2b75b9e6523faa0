"""What conditions are made of: the fields a rule may look at, and the tree it is written as.

A tree is All, Any, Not and Leaf. The parser leaves it normalised: a bare value has become `eq`, `eq: null`
and `ne: null` have become `exists`, several operators on one field have become an All of leaves, an All in an
All is flattened, an All or Any of one part is that part, and an alias is its field. So a second reading of
the tree (a database query) has four kinds of node and twelve operators to know, and no spellings.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from core import localtime

FieldType = Literal["number", "duration", "text", "choice", "bool", "date", "datetime", "list"]
Scope = Literal["contact", "booking", "event", "clock"]
Op = Literal["eq", "ne", "gt", "gte", "lt", "lte", "in", "not_in", "contains", "matches", "exists", "between"]

ALIASES: Mapping[str, str] = {"warmness": "warmness_score"}


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field a rule may look at.

    A name that ends in `.*` stands for every name with that beginning (`custom.*`). `choices` maps the
    allowed values of a choice to their labels; empty means that any text is allowed. Durations are in
    seconds. `private` keeps the value out of the reasons, for free text that people wrote.
    """

    name: str
    type: FieldType
    scope: Scope
    label: str = ""
    choices: Mapping[str, str] = field(default_factory=dict)
    private: bool = False

    @property
    def spoken(self) -> str:
        """The field in plain words."""
        return self.label or self.name.replace("_", " ")


@dataclass(frozen=True, slots=True)
class Moment:
    """A point in time as a rule wrote it: fixed, or counted from now.

    `whole_day` moments are a local day (today, 2026-11-20); the others are an instant.
    """

    text: str
    whole_day: bool
    fixed: date | datetime | None = None
    offset: timedelta = timedelta()

    def resolve(self, *, now: datetime, zone: ZoneInfo) -> date | datetime:
        """The local day, or the instant in UTC, that is meant when the clock shows `now`."""
        if isinstance(self.fixed, datetime):
            return localtime.to_utc(self.fixed, zone)
        if self.fixed is not None:
            return self.fixed
        if self.whole_day:
            return localtime.local_day(now, zone) + self.offset
        return now.astimezone(UTC) + self.offset

    def bounds(self, *, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime]:
        """The instants between which this moment lies: a day's start and the next day's; else twice the same.

        `gte` means at or after the first, `lt` before it; of a day, `gt` means at or after the second, `lte`
        before it, `eq` at or after the first and before the second.
        """
        meant = self.resolve(now=now, zone=zone)
        if isinstance(meant, datetime):
            return meant, meant
        after = localtime.start_of_day(meant + timedelta(days=1), zone)
        return localtime.start_of_day(meant, zone), after


Scalar: TypeAlias = str | int | float | bool | Moment
Wanted: TypeAlias = Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One comparison. `path` is where it stands in the JSON, `field` the full name, `wanted` the operand:
    a tuple for in, not_in, between and for a list's eq; a Moment for days and times; else a plain value."""

    path: str
    field: str
    spec: FieldSpec
    op: Op
    wanted: Wanted


@dataclass(frozen=True, slots=True)
class All:
    """Holds when every part holds; without parts, always."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """Holds when at least one part holds."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Holds when its part does not."""

    part: Node


Node: TypeAlias = All | Any | Not | Leaf


def leaves(node: Node) -> Iterator[Leaf]:
    """Every comparison of a tree, in the order in which it was written."""
    if isinstance(node, Leaf):
        yield node
    elif isinstance(node, Not):
        yield from leaves(node.part)
    else:
        for part in node.parts:
            yield from leaves(part)


def find_field(name: str, fields: Mapping[str, FieldSpec]) -> FieldSpec | None:
    """The field of that name (or alias), or the family it belongs to, under its own name; None if unknown."""
    name = ALIASES.get(name, name)
    if name in fields and not name.endswith(".*"):
        return fields[name]
    family, dot, member = name.partition(".")
    spec = fields.get(f"{family}.*")
    if spec is None or not dot or not member or member == "*":
        return None
    return replace(spec, name=name, label=f"{spec.label or family} {member}")
