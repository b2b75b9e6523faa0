"""What the engine looks at: an event, whom it is about, and what is known of them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from core.causes import Cause


@dataclass(frozen=True, slots=True)
class Happening:
    """An event as the engine sees it. `anchor` is the key of the runs it leads to; `taken_over` marks one that
    is heard again because the clinic goes live. `found` says that a booking was not told of but found at its
    provider: by the first look at its list (`first_run`), or long after it happened (`late`).
    """

    event_id: int
    type: str
    location_id: int
    anchor: str
    cause: Cause
    occurred_at: datetime
    contact_id: int | None = None
    booking_id: int | None = None
    taken_over: bool = False
    found: str = ""


@dataclass(frozen=True, slots=True)
class Visit:
    """What recall and texts need to know of the visit a happening is about. Intervals are in days."""

    id: int
    at: datetime
    service_type: str = ""
    high_risk_service: bool = False
    service_recall_days: int | None = None
    practitioner_recall_days: int | None = None


@dataclass(frozen=True, slots=True)
class Recall:
    """Where a recall date comes from: the contact's latest attended visit, and the visit that gave the
    present date (None when a person set it, or there is none).
    """

    last_attended: Visit | None = None
    given_by: int | None = None


NO_RECALL = Recall()


@dataclass(frozen=True, slots=True)
class Limit:
    """Which kinds of actions may be taken, and why no others: `only` these, or all but those of `never`."""

    reason: str
    only: frozenset[str] = frozenset()
    never: frozenset[str] = frozenset()

    def allows(self, kind: str) -> bool:
        return kind in self.only if self.only else kind not in self.never


@dataclass(frozen=True, slots=True)
class Subject:
    """A happening with its facts. `visit` is the event's, else the contact's next one.

    `closing` is the end of the location's business day, in UTC. `absent` says in plain words why nothing may
    be done about the contact (hidden, merged); empty when something may.
    """

    happening: Happening
    facts: Mapping[str, object]
    zone: ZoneInfo
    closing: datetime
    visit: Visit | None = None
    absent: str = ""
    recall: Recall = NO_RECALL
    limit: Limit | None = None

    @property
    def visit_id(self) -> int | None:
        return self.visit.id if self.visit is not None else None

    def local_day(self, at: datetime) -> date:
        return at.astimezone(self.zone).date()
