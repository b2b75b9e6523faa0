"""Rows as they stood: the journal of facts of a range of contacts. Nothing is written.

An entry of the journal tells how a row was before a change. So a row at some moment is as the first entry after
that moment says, and as it is now where nothing came after.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from automation.models import FactChange
from core import clock, ticks

Values = dict[str, Any]
#: A row that is there: since when, its kind, its id, and its contact.
Made = tuple[datetime, str, int, int | None]
#: Before every entry there may be.
NOTHING = -(2**63)

#: How long entries are kept: what a back-test may ask for, and a month.
KEPT = timedelta(days=120)
FORGOTTEN_TOGETHER = 10_000

_TIMES = frozenset(
    {
        "stage_entered_at", "last_touchpoint_at", "last_inbound_at", "last_outbound_at", "deleted_at",
        "appointment_datetime", "ends_at",
    }
)  # fmt: skip
_DAYS = frozenset({"recall_due_date"})


@dataclass(frozen=True, slots=True)
class Moment:
    """A point of the past: the time (aware, UTC), and how far the journal had come. Where that is not known, it is
    everything up to that time.
    """

    at: datetime
    position: int | None = None


@dataclass(slots=True)
class Line:
    """Entries in the order of their changes, with what they say of before; None where there was nothing."""

    ids: list[int] = field(default_factory=list)
    times: list[datetime] = field(default_factory=list)
    befores: list[Values | None] = field(default_factory=list)

    def add(self, pk: int, at: datetime, before: Values | None) -> None:
        self.ids.append(pk)
        # Two machines' clocks may differ; the order of the entries is what happened.
        self.times.append(max(at, self.times[-1]) if self.times else at)
        self.befores.append(before)

    def make(self, pk: int, at: datetime) -> None:
        """Let it begin with the making of a row, ahead of all entries."""
        self.ids.insert(0, pk)
        self.times.insert(0, min(at, self.times[0]) if self.times else at)
        self.befores.insert(0, None)

    def position(self, moment: Moment) -> int:
        """The newest entry at that moment; `NOTHING` when there was none."""
        count = (
            bisect_right(self.times, moment.at) if moment.position is None else self.after(moment.position)
        )
        return self.ids[count - 1] if count else NOTHING

    def after(self, position: int) -> int:
        """How many entries there were up to a position of the journal."""
        return bisect_right(self.ids, position)


@dataclass(slots=True)
class Journal:
    """The changes of some contacts: of each as a whole, of each row, and which rows each ever had."""

    contacts: dict[int, Line] = field(default_factory=lambda: defaultdict(Line))
    rows: dict[tuple[str, int], Line] = field(default_factory=lambda: defaultdict(Line))
    had: dict[tuple[str, int], set[int]] = field(default_factory=lambda: defaultdict(set))

    @classmethod
    def of(cls, first: int, last: int) -> Journal:
        """That of the contacts with ids from `first` to `last`; one query."""
        journal = cls()
        entries = FactChange.objects.filter(contact_id__range=(first, last)).order_by("id")
        for pk, kind, row_id, contact_id, at, before in entries.values_list(
            "id", "kind", "row_id", "contact_id", "at", "before"
        ):
            assert contact_id is not None
            values = None if before is None else _read(before)
            journal.contacts[contact_id].add(pk, at, values)
            row = journal.rows[kind, row_id]
            arrived = values is not None and values.get("contact_id", contact_id) != contact_id
            # An arrival at another contact tells of a change that may be there already.
            if not (arrived and row.befores and row.befores[-1] == values):
                row.add(pk, at, values)
            journal.had[kind, contact_id].add(row_id)
        return journal

    def make(self, rows: Iterable[Made]) -> None:
        """Let these rows begin when they were made, where no entry tells of it: it is forgotten, or there was no
        journal yet. What makes up for it comes before all entries, numbered down from -1.
        """
        untold = [made for made in rows if not self._tells_beginning(made[1], made[2])]
        for number, (at, kind, row_id, contact_id) in enumerate(sorted(untold, reverse=True, key=_when), 1):
            self.rows[kind, row_id].make(-number, at)
            if contact_id is not None:
                self.contacts[contact_id].make(-number, at)

    def _tells_beginning(self, kind: str, row_id: int) -> bool:
        line = self.rows.get((kind, row_id))
        return line is not None and line.befores[0] is None

    def before(self, kind: str, row_id: int, position: int) -> tuple[bool, Values | None]:
        """Whether a row was changed after a position, and how it stood then; None where it was not there yet."""
        line = self.rows.get((kind, row_id))
        count = 0 if line is None else line.after(position)
        if line is None or count == len(line.ids):
            return False, None
        return True, line.befores[count]


def _when(made: Made) -> datetime:
    return made[0]


def rows_of(first: int, last: int) -> dict[str, set[int]]:
    """By kind, which rows the contacts with ids from `first` to `last` ever had; one query."""
    found: dict[str, set[int]] = defaultdict(set)
    rows = FactChange.objects.filter(contact_id__range=(first, last)).exclude(kind="contact").order_by()
    for kind, row_id in rows.values_list("kind", "row_id").distinct():
        found[kind].add(row_id)
    return found


def began() -> datetime | None:
    """Since when changes are known; None where none was ever made."""
    return FactChange.objects.order_by("id").values_list("at", flat=True).first()


def _read(before: Values) -> Values:
    """JSON's texts as times and days."""
    read = dict(before)
    for name, value in before.items():
        if value is not None and name in _TIMES:
            read[name] = datetime.fromisoformat(value)
        elif value is not None and name in _DAYS:
            read[name] = date.fromisoformat(value)
    return read


def forget_old() -> int:
    """Drop the oldest entries that no back-test asks for any more, some at a time. Returns how many."""
    oldest = FactChange.objects.order_by("id").values_list("id", "at")[:FORGOTTEN_TOGETHER]
    old = [pk for pk, at in oldest if at < clock.now() - KEPT]
    return FactChange.objects.filter(pk__in=old).delete()[0]


def connect() -> None:
    """Forget every quarter of an hour."""
    ticks.register("15min", "automation.forget_facts", forget_old)
