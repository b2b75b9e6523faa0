"""Messages as pages show them: a conversation as staff see it, and a phone as its holder sees it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime

from django.urls import NoReverseMatch, reverse
from django.utils.safestring import SafeString

from accounts import pages
from accounts.models import Location, User
from contacts.models import Contact
from contacts.templatetags.contacts_tags import started_by
from messaging import reasons, storms
from messaging.models import CLAIMABLE, TROUBLE, Channel, Direction, Message, Status

SHOWN = 40
#: What has reached the person, or may have.
ON_THE_PHONE = (Status.SENT, Status.DELIVERED, Status.UNKNOWN, Status.RECEIVED)


@dataclass(frozen=True)
class Sender:
    """Who had a message sent: a person or a rule by name; `url` leads to why, where there is more to say."""

    name: str
    url: str = ""


@dataclass(frozen=True)
class Bubble:
    """One message as drawn. `mine` is relative to whoever looks; times are the clinic's."""

    message: Message
    mine: bool
    at: datetime
    state: str
    why: str
    new_day: date | None
    by: Sender | None = None

    @property
    def page(self) -> SafeString:
        return pages.address("messaging_message_change", self.message.public_id)

    @property
    def waiting(self) -> bool:
        return self.message.status in CLAIMABLE

    @property
    def failed(self) -> bool:
        return self.message.status in (*TROUBLE, Status.CANCELLED)


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


def page(contact: Contact, *, before: int = 0, limit: int = SHOWN) -> tuple[list[Bubble], int]:
    """A contact's messages with who sent each, oldest first, and what to give as `before` for those before them (0
    when there are none). Three queries at most.
    """
    rows = Message.objects.filter(contact=contact).select_related("template")
    if before:
        rows = rows.filter(pk__lt=before)
    newest = list(rows.order_by("-id")[: limit + 1])
    shown = sorted(newest[:limit], key=lambda row: (row.at, row.pk))
    known = _senders(shown)
    bubbles = [
        replace(bubble, by=known.get(bubble.message.pk))
        for bubble in _bubbles(shown, contact.location, mine=Direction.OUTBOUND)
    ]
    return bubbles, newest[limit - 1].pk if len(newest) > limit else 0


def _senders(rows: Sequence[Message]) -> dict[int, Sender]:
    ours = [row for row in rows if row.direction == Direction.OUTBOUND]
    people = {row.cause_id for row in ours if row.cause_kind == "user" and row.cause_id.isdigit()}
    names = {str(user.pk): str(user) for user in User.objects.filter(pk__in=people)} if people else {}
    rules: dict[str, str] = {}
    wanted: dict[str, set[int]] = defaultdict(set)
    for kind, _, pk in (row.origin.partition(":") for row in ours if row.origin):
        wanted[kind].add(int(pk))
    for kind, ids in wanted.items():
        if kind in storms.names:
            rules |= {f"{kind}:{pk}": name for pk, name in storms.names.get(kind)(ids).items()}
    return {row.pk: _sender(row, names, rules) for row in ours}


def _sender(row: Message, names: Mapping[str, str], rules: Mapping[str, str]) -> Sender:
    if row.cause_kind == "user":
        return Sender(names.get(row.cause_id, "a person"))
    if row.cause_kind != "rule_run":
        return Sender(started_by(row))
    try:
        url = reverse("admin:automation_rulerun_change", args=(row.cause_id,))
    except NoReverseMatch:
        url = ""
    return Sender(rules.get(row.origin, "a rule"), url)


def version_of(bubbles: Sequence[Bubble]) -> str:
    """Short words that change when a message comes, goes or changes its state."""
    told = [(one.message.pk, one.message.status, one.message.reason) for one in bubbles]
    return hashlib.blake2s(repr(told).encode(), digest_size=6).hexdigest()


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
