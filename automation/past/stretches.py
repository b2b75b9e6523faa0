"""Which of many looks at a contact may find the conditions met. Nothing is written, and no query is made.

Between two changes of a contact only the time goes on: what stands still is held against the conditions once, and what
grows or shrinks at the first look and at the last one. A stretch in which the conditions may hold at some looks and
fail at others is halved, and each half asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate

from automation import conditions
from automation.condition_tree import All, Leaf, Node, Not
from automation.condition_tree import Moment as Relative
from automation.past.journal import Moment
from automation.past.people import People, Standing
from automation.subjects import Subject

#: What only grows, or only shrinks, while nothing happens.
_FLOWING = frozenset({"last_touchpoint_age_seconds", "stage_age_seconds", "hours_to_appointment"})
#: Operators that turn at most once while what they compare grows or shrinks.
_ONE_SIDED = frozenset({"gt", "gte", "lt", "lte", "exists"})


@dataclass(frozen=True, slots=True)
class Look:
    """An hour or a day at which the rules were looked at, or would have been."""

    slot: str
    moment: Moment


class Looks:
    """All looks, in order, with what the clock says of each: the same for every contact."""

    def __init__(self, looks: Sequence[Look], node: Node, people: People) -> None:
        self.all, self.node = looks, node
        self._people = people
        self._held = {
            leaf.path: [0, *accumulate(self._holds(leaf, look.moment) for look in looks)]
            for leaf in conditions.leaves(node)
            if leaf.spec.scope == "clock"
        }

    def _holds(self, leaf: Leaf, moment: Moment) -> bool:
        facts, at = self._people.clock(moment.at), moment.at
        return conditions.evaluate(leaf, facts, now=at, zone=self._people.location.zone).ok

    def held(self, leaf: Leaf, first: int, last: int) -> tuple[bool, bool]:
        """Whether a comparison with the clock holds, and whether it fails, at any look from `first` to `last`."""
        counts = self._held[leaf.path]
        held = counts[last + 1] - counts[first]
        return held > 0, held <= last - first


@dataclass(slots=True)
class Stretch:
    """Looks at one contact, by their numbers, between which nothing of it changed. `read` tells what was known at one
    of them, and is asked once for each.
    """

    looks: Looks
    numbers: range
    standing: Standing
    read: Callable[[Look], Subject]
    _subjects: dict[int, Subject] = field(default_factory=dict)
    _found: dict[tuple[str, int], bool] = field(default_factory=dict)

    def subject(self, number: int) -> Subject:
        """What was known of the contact at that look."""
        if number not in self._subjects:
            self._subjects[number] = self.read(self.looks.all[number])
        return self._subjects[number]

    def hopeful(self) -> Iterator[int]:
        """The looks at which the conditions may hold, the earliest first; none at which they do hold is left out."""
        halves = [(self.numbers[0], self.numbers[-1])]
        while halves:
            first, last = halves.pop()
            holds, fails = self._could(self.looks.node, first, last)
            if holds and fails and first < last:
                middle = (first + last) // 2
                halves += [(middle + 1, last), (first, middle)]
            elif holds:
                yield from range(first, last + 1)

    def _could(self, node: Node, first: int, last: int) -> tuple[bool, bool]:
        """Whether the conditions may hold, and whether they may fail, at some of these looks."""
        if isinstance(node, Leaf):
            return self._could_be(node, first, last)
        if isinstance(node, Not):
            holds, fails = self._could(node.part, first, last)
            return fails, holds
        parts = [self._could(part, first, last) for part in node.parts]
        if isinstance(node, All):
            return all(holds for holds, _ in parts), any(fails for _, fails in parts)
        return any(holds for holds, _ in parts), all(fails for _, fails in parts)

    def _could_be(self, leaf: Leaf, first: int, last: int) -> tuple[bool, bool]:
        if leaf.spec.scope == "clock":
            return self.looks.held(leaf, first, last)
        if first < last and not self._turns_once(leaf, first, last):
            return True, True
        ends = {self._holds(leaf, number) for number in (first, last)}
        return True in ends, False in ends

    def _turns_once(self, leaf: Leaf, first: int, last: int) -> bool:
        """Whether what a comparison says changes at most once between two looks, or never."""
        if leaf.field.startswith("consent."):
            return False
        if leaf.field == "has_future_booking":
            return True
        if leaf.spec.scope == "booking" and self._ahead(first) != self._ahead(last):
            return False
        operands = leaf.wanted if isinstance(leaf.wanted, tuple) else (leaf.wanted,)
        relative = any(isinstance(operand, Relative) for operand in operands)
        return leaf.op in _ONE_SIDED or not (relative or leaf.field in _FLOWING)

    def _ahead(self, number: int) -> list[int]:
        return [visit.pk for visit in self.standing.live(self.looks.all[number].moment.at)]

    def _holds(self, leaf: Leaf, number: int) -> bool:
        if (leaf.path, number) not in self._found:
            subject, at = self.subject(number), self.looks.all[number].moment.at
            verdict = conditions.evaluate(leaf, subject.facts, now=at, zone=subject.zone)
            self._found[leaf.path, number] = verdict.ok
        return self._found[leaf.path, number]
