"""The inbox: conversations in folders, by what they wait for. Every look costs the same few queries and reads no more
than it shows, however many conversations there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, JSONObject
from django.http import HttpRequest
from django.utils.safestring import SafeString

from accounts import access, pages
from accounts.models import Location, User
from contacts import selectors
from contacts.models import Contact
from core.errors import Malformed
from messaging import talks
from messaging.models import TROUBLE, Conversation, Message, Status

SHOWN = 30
#: Counts end here: more is "99+".
CAP = 99
FOUND = 60

State = Conversation.State
Rows = QuerySet[Conversation]
Actor = User | AnonymousUser


@dataclass(frozen=True)
class Folder:
    """One heap of conversations. `few` ones are sorted as found, so that those without any message stand there too;
    the others are read through an index of their own, latest first.
    """

    key: str
    label: str
    narrow: Callable[[Rows, Actor], Rows]
    few: bool = False
    counted: bool = True


def _open(rows: Rows) -> Rows:
    return rows.filter(state=State.OPEN)


FOLDERS: dict[str, Folder] = {
    folder.key: folder
    for folder in (
        Folder("unread", "Unread", lambda rows, user: _open(rows).filter(talks.UNREAD)),
        Folder("unanswered", "Seen, not answered", lambda rows, user: _open(rows).filter(talks.UNANSWERED)),
        Folder("mine", "Mine", lambda rows, user: _open(rows).filter(assigned_to=user.pk), few=True),
        Folder(
            "unassigned", "Nobody's",
            lambda rows, user: _open(rows).filter(assigned_to__isnull=True, last_inbound_at__isnull=False),
        ),
        Folder("undeliverable", "Undeliverable", lambda rows, user: talks.undeliverable(rows), few=True),
        Folder("snoozed", "Snoozed", lambda rows, user: rows.filter(state=State.SNOOZED), few=True),
        Folder("closed", "Closed", lambda rows, user: rows.filter(state=State.CLOSED), counted=False),
        Folder("all", "All", lambda rows, user: rows, counted=False),
    )
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """A conversation as the list shows it; times are the clinic's."""

    talk: Conversation
    at: datetime | None
    said: str
    ours: bool
    failed: bool

    @property
    def id(self) -> SafeString:
        return SafeString(self.talk.public_id)

    @property
    def page(self) -> SafeString:
        """The address of the conversation; its acts are below it."""
        return pages.address("messaging_conversation_thread", self.talk.public_id)

    @property
    def state(self) -> str:
        """What it waits for, in a word or two; "" for nothing."""
        talk = self.talk
        if talk.state != State.OPEN:
            return str(talk.get_state_display())
        if talk.unseen:
            return "New"
        answered = talk.last_inbound_at is None or talk.last_message_at != talk.last_inbound_at
        return "" if answered else "Not answered"


@dataclass(frozen=True)
class Page:
    """Lines of a folder and where the next ones begin ("" at the end); `version` changes when a line does."""

    lines: list[Line]
    after: str
    version: str


def locations(user: Actor) -> list[Location]:
    """The clinics whose conversations this person reads."""
    return [row for row in access.locations(user) if access.allowed(user, "read", "messages", row)]


def counts(user: Actor, places: Sequence[Location]) -> dict[str, int]:
    """How many conversations each counted folder holds, at most CAP + 1 of each, in one query."""
    rows = _rows(user).filter(location__in=places).order_by()
    arms = [
        folder.narrow(rows, user).annotate(folder=Value(folder.key)).values_list("folder")[: CAP + 1]
        for folder in FOLDERS.values()
        if folder.counted
    ]
    found = dict.fromkeys((folder.key for folder in FOLDERS.values() if folder.counted), 0)
    for (key,) in arms[0].union(*arms[1:], all=True):
        found[key] += 1
    return found


def unread(user: Actor) -> int:
    """How many conversations are unread wherever this person reads, at most CAP + 1. One query."""
    return _open(_rows(user)).filter(talks.UNREAD).order_by()[: CAP + 1].count()


def badge(request: HttpRequest) -> str:
    """What the way to the inbox carries; "" for nothing new. A page that has counted already is not asked again."""
    counted = getattr(request, "unread_talks", None)
    count = unread(request.user) if counted is None else counted
    return "" if not count else f"{CAP}+" if count > CAP else str(count)


def page(user: Actor, folder: Folder, places: Sequence[Location], *, after: str = "") -> Page:
    """The next lines of a folder, latest first, in two queries. `after` is where the page before ended."""
    cut = _cut(after) if after else None
    arms = [_arm(folder.narrow(_rows(user).filter(location=place), user), folder, cut) for place in places]
    if not arms:
        return Page([], "", "none")
    found = arms[0] if len(arms) == 1 else arms[0].union(*arms[1:], all=True).order_by("-sort", "-pk")
    keys: list[tuple[int, datetime]] = list(found[: SHOWN + 1])
    shown = keys[:SHOWN]
    more = f"{shown[-1][1].isoformat()}~{shown[-1][0]}" if len(keys) > SHOWN else ""
    lines = of([pk for pk, _ in shown])
    return Page(lines, more, version_of(lines))


def find(user: Actor, places: Sequence[Location], text: str) -> Page:
    """Conversations of people whose name or number matches, best match first."""
    people = access.visible(Contact.objects.live(), user).filter(location__in=places)
    ids = list(selectors.find(people, text, locations=places).values_list("pk", flat=True)[:FOUND])
    place = {pk: at for at, pk in enumerate(ids)}
    rows = _rows(user).filter(contact__in=ids).values_list("pk", "contact_id")
    lines = of([pk for pk, _ in sorted(rows, key=lambda row: place[row[1]])])
    return Page(lines, "", "found")


def _rows(user: Actor) -> Rows:
    return access.visible(Conversation, user)


def _arm(rows: Rows, folder: Folder, cut: tuple[datetime, int] | None) -> Any:
    """One clinic's part of a page: read through the folder's index, so each is as short as the page."""
    if folder.few:
        rows = rows.annotate(sort=Coalesce("last_message_at", "created_at"))
    else:
        rows = rows.filter(last_message_at__isnull=False).annotate(sort=F("last_message_at"))
    if cut is not None:
        at, pk = cut
        rows = rows.filter(sort__lte=at).exclude(Q(sort=at) & Q(pk__gte=pk))
    return rows.order_by("-sort", "-pk").values_list("pk", "sort")[: SHOWN + 1]


def _cut(cursor: str) -> tuple[datetime, int]:
    try:
        at, pk = cursor.split("~")
        moment = datetime.fromisoformat(at.replace(" ", "+"))
        if moment.tzinfo is None:
            raise ValueError(cursor)
        return moment, int(pk)
    except ValueError:
        raise Malformed("This place in the list cannot be read. Start again.", code="bad_cursor") from None


def of(ids: Sequence[int]) -> list[Line]:
    """The lines of these conversations, in this order, in one query."""
    said = Message.objects.filter(conversation=OuterRef("pk")).exclude(
        status__in=(Status.SCHEDULED, Status.QUEUED, Status.CANCELLED, Status.SKIPPED)
    )
    last = said.order_by("-id").values(json=JSONObject(body="body", direction="direction", status="status"))[
        :1
    ]
    rows = (
        Conversation.objects.filter(pk__in=list(ids))
        .select_related("contact__guardian", "assigned_to", "location")
        .annotate(last=Subquery(last))
        .in_bulk()
    )
    return [_line(rows[pk]) for pk in ids if pk in rows]


def _line(talk: Any) -> Line:
    last = talk.last or {}
    at = talk.last_message_at
    return Line(
        talk=talk, at=talk.location.local(at) if at is not None else None,
        said=" ".join(str(last.get("body", "")).split())[:120], ours=last.get("direction") == "outbound",
        failed=last.get("status") in TROUBLE,
    )  # fmt: skip


def version_of(lines: Sequence[Line]) -> str:
    """Short words that change when anything shown of these lines does."""
    told = [
        (line.talk.pk, line.talk.state, line.talk.assigned_to_id, line.talk.seen_at, line.at, line.said, line.failed,
         line.talk.contact.name)
        for line in lines
    ]  # fmt: skip
    return hashlib.blake2s(repr(told).encode(), digest_size=6).hexdigest()
