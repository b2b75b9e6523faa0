"""Messages as pages show them: a conversation as staff see it, and a phone as its holder sees it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from accounts.models import Location
from contacts.models import Contact
from messaging import reasons
from messaging.models import CLAIMABLE, Channel, Direction, Message, Status

SHOWN = 60
#: What has reached the person, or may have.
ON_THE_PHONE = (Status.SENT, Status.DELIVERED, Status.UNKNOWN, Status.RECEIVED)


@dataclass(frozen=True)
class Bubble:
    """One message as drawn. `mine` is relative to whoever looks; times are the clinic's."""

    message: Message
    mine: bool
    at: datetime
    state: str
    why: str
    new_day: date | None

    @property
    def waiting(self) -> bool:
        return self.message.status in CLAIMABLE

    @property
    def failed(self) -> bool:
        return self.message.status in (
            Status.FAILED, Status.SUPPRESSED, Status.SKIPPED, Status.HELD, Status.EXPIRED, Status.CANCELLED,
            Status.PARKED, Status.UNKNOWN,
        )  # fmt: skip


def of_phone(location: Location, address: str) -> list[Bubble]:
    """What the holder of a number sees, oldest first: everyone of a household on it together."""
    if not address:
        return []
    newest = Message.objects.filter(
        location=location, address=address, status__in=ON_THE_PHONE, channel=Channel.SMS
    ).select_related("template")
    rows = sorted(newest.order_by("-id")[:SHOWN], key=lambda row: (row.at, row.pk))
    return _bubbles(rows, location, mine=Direction.INBOUND)


def of_contact(contact: Contact, *, limit: int = SHOWN) -> list[Bubble]:
    """A contact's messages as staff see them, oldest first, with those that wait or were not sent."""
    newest = Message.objects.filter(contact=contact).select_related("template", "booking")
    rows = sorted(newest.order_by("-id")[:limit], key=lambda row: (row.at, row.pk))
    return _bubbles(rows, contact.location, mine=Direction.OUTBOUND)


def coming(location: Location, contact_ids: Iterable[int]) -> list[Bubble]:
    """What is planned for these contacts, soonest first."""
    rows = Message.objects.filter(contact_id__in=list(contact_ids), status__in=CLAIMABLE).select_related(
        "template"
    )
    return _bubbles(list(rows.order_by("send_at", "id")[:10]), location, mine=Direction.OUTBOUND)


def _bubbles(rows: Sequence[Message], location: Location, *, mine: str) -> list[Bubble]:
    bubbles = []
    last_day: date | None = None
    for row in rows:
        at = location.local(row.at)
        day = at.date()
        bubbles.append(
            Bubble(
                message=row,
                mine=row.direction == mine,
                at=at,
                state=str(Status(row.status).label),
                why=reasons.words(row.reason),
                new_day=day if day != last_day else None,
            )
        )
        last_day = day
    return bubbles
