"""Recall dates that rules gave: from which visit each came."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from automation.models import ActionRun


@dataclass(frozen=True, slots=True)
class _Given:
    """What one step gave, when, and about which event."""

    at: datetime
    event_id: int
    date: str | None
    booking_id: int | None


@dataclass(frozen=True, slots=True)
class RecallDates:
    """The recall dates of some contacts that rules gave or took back, the oldest first."""

    given: dict[int, list[_Given]]

    @classmethod
    def of(cls, contacts: Collection[int]) -> RecallDates:
        """Those of some contacts; one query."""
        rows = ActionRun.objects.filter(
            run__contact_id__in=list(contacts), type="calculate_recall_date", state=ActionRun.State.DONE
        )
        given: dict[int, list[_Given]] = defaultdict(list)
        for contact_id, at, event_id, booking_id, result in rows.order_by("pk").values_list(
            "run__contact_id", "updated_at", "run__event_id", "run__booking_id", "result"
        ):
            one = _Given(at, event_id, result.get("date"), result.get("booking", booking_id))
            given[contact_id or 0].append(one)
        return cls(dict(given))

    def given_by(self, contact_id: int, day: date, at: datetime, event_id: int) -> int | None:
        """The visit that a contact's date came from when an event was met at `at`; none for one that staff set."""
        # What rules did about this very event, or about a later one, comes after, though the clock shows the same.
        before = [
            one for one in self.given.get(contact_id, ())
            if one.at < at or (one.at == at and one.event_id < event_id)
        ]  # fmt: skip
        if not before or before[-1].date != day.isoformat():
            return None
        return before[-1].booking_id
