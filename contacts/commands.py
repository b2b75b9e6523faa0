"""What callers hand to the contact services, and what they get back: plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from contacts.models import Contact
from core.causes import Cause
from core.errors import DomainError


@dataclass(frozen=True)
class Touch:
    """How somebody came to us this time. `utm` and `clicks` hold utm_* values and click ids such as gclid,
    `traces` what else tells of it: ids of an ad, the page they landed on (`contacts.vocabulary.TRACES`)."""

    source: str
    channel: str = ""
    campaign: str = ""
    utm: dict[str, str] = field(default_factory=dict)
    clicks: dict[str, str] = field(default_factory=dict)
    traces: dict[str, str] = field(default_factory=dict)
    at: datetime | None = None

    def as_dict(self, now: datetime) -> dict[str, str]:
        """The stored form; values that are empty are left out."""
        values = {
            **self.traces, **self.utm, **self.clicks,
            "source": self.source, "channel": self.channel, "campaign": self.campaign,
            "at": (self.at or now).isoformat(),
        }  # fmt: skip
        return {key: value for key, value in values.items() if value}


@dataclass(frozen=True)
class MatchResult:
    """Who it is. `duplicate_suspect` is another contact that may be the same person; staff are asked."""

    contact: Contact
    created: bool = False
    revived: bool = False
    duplicate_suspect: Contact | None = None


@dataclass(frozen=True)
class NewTouchpoint:
    """Something that happened. With `is_attribution` it counts as a way the contact found us, and becomes the
    first touch where there is none yet; with `update_last_touch` it becomes the last touch. `answers` are a
    person's own words, by question: they are kept encrypted, so nothing of them belongs into `details`."""

    contact_id: int
    type: str
    at: datetime | None = None
    source: str = ""
    channel: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    answers: dict[str, str] | None = None
    is_attribution: bool = False
    update_last_touch: bool = False
    staff_id: int | None = None
    cause: Cause = field(kw_only=True)


@dataclass(frozen=True)
class StageMove:
    """A wish to move a contact. `reason` is what a person gave, or a code."""

    contact_id: int
    pipeline: str
    stage: str
    reason: str = ""
    cause: Cause = field(kw_only=True)


@dataclass(frozen=True)
class MoveResult:
    """What became of a move. Not moved and nothing refused: the contact stood there already."""

    contact_id: int
    moved: bool
    error: DomainError | None = None

    @property
    def refused(self) -> str:
        """Why it was refused, in words."""
        return self.error.message if self.error is not None else ""


@dataclass(frozen=True)
class WarmnessAdjustment:
    """Points to add (or take), and why."""

    contact_id: int
    delta: int
    reason: str
    cause: Cause = field(kw_only=True)


@dataclass(frozen=True)
class ContactUpdate:
    """New values by field name; see `contacts.editing.EDITABLE`."""

    contact_id: int
    fields: dict[str, Any]
    cause: Cause = field(kw_only=True)


@dataclass(frozen=True)
class TagChange:
    """Tags to add and to remove."""

    contact_id: int
    add: tuple[str, ...] = ()
    remove: tuple[str, ...] = ()
    cause: Cause = field(kw_only=True)


@dataclass(frozen=True)
class RecallDate:
    """When a contact is to be recalled (a local day of the clinic); None takes the date away."""

    contact_id: int
    date: date | None
    cause: Cause = field(kw_only=True)
