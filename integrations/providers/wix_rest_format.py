"""Wix's list of bookings over REST: the question, and what an answer means. Pure.

The list is asked for what changed since a moment, oldest change first, a page at a time. A page names the next
one by a cursor; with a cursor nothing else may be asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo

from core.errors import Malformed
from integrations import answers, reading
from integrations.providers import wix

PATH = "/_api/bookings-reader/v2/extended-bookings/query"
#: What counts as a booking here; one that was only begun (CREATED) may never be one.
STATUSES = ("CONFIRMED", "PENDING", "CANCELED", "DECLINED")
#: Begins the key of every receipt of a booking that was read.
KEY = "rest:"

PageKind = Literal["page", "wait", "retry", "refused", "stale_cursor"]
Json = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Question:
    """Which page is wanted. Without `cursor`: the first of the bookings changed since `changed_since` and, where
    it is given, beginning at `starts_from` or later. Times are aware; `limit` is 100 at most."""

    limit: int
    cursor: str = ""
    changed_since: datetime | None = None
    starts_from: datetime | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """One booking of a page: its id, the number of its state, when that came to be, and the object itself."""

    id: str
    revision: int | None
    updated_at: datetime | None
    booking: Json

    @property
    def key(self) -> str:
        """The key of this state of the booking: read twice, it is one delivery."""
        state = str(self.revision) if self.revision is not None else self._fingerprint()
        return f"{KEY}{self.id}:{state}"

    def _fingerprint(self) -> str:
        written = json.dumps(self.booking, sort_keys=True, default=str)
        return hashlib.sha256(written.encode("utf-8", "replace")).hexdigest()[:32]

    def kept(self, found: str) -> bytes:
        """The body of its receipt, which `wix.parse_read` reads."""
        return json.dumps({wix.READ: {"booking": self.booking}, wix.FOUND: found}).encode()


@dataclass(frozen=True, slots=True)
class Page:
    """An answer. `wait`: asked too often, for `retry_after` seconds if it said so. `retry`: nothing usable came.
    `refused`: not let in. `stale_cursor`: begin anew without it. `unreadable` counts entries without an id.
    `code` says in a word what was wrong."""

    kind: PageKind
    bookings: Sequence[Listed] = ()
    cursor: str = ""
    code: str = ""
    retry_after: float | None = None
    unreadable: int = 0


def body(question: Question) -> dict[str, object]:
    """The question as Wix wants it."""
    if question.cursor:
        query: dict[str, object] = {
            "cursorPaging": {"cursor": question.cursor, "limit": question.limit},
        }
    else:
        wanted: dict[str, object] = {"status": {"$in": list(STATUSES)}}
        if question.changed_since is not None:
            wanted["updatedDate"] = {"$gte": _utc(question.changed_since)}
        if question.starts_from is not None:
            wanted["startDate"] = {"$gte": _utc(question.starts_from)}
        query = {
            "filter": wanted,
            "sort": [{"fieldName": "updatedDate", "order": "ASC"}],
            "cursorPaging": {"limit": question.limit},
        }
    return {"query": query, "withBookingAllowedActions": False, "withEcomOrder": False}


def read(answer: answers.Answer, *, with_cursor: bool, now: datetime) -> Page:
    """What an answer means."""
    if answer.status == 200:
        return _page(answer)
    code = answer.word()
    if answer.status == 429:
        return Page("wait", code=code, retry_after=answer.pause(now))
    if answer.status in (401, 403):
        return Page("refused", code=code)
    if with_cursor and answer.status in (400, 404, 410):
        return Page("stale_cursor", code=code)
    return Page("retry", code=code, retry_after=answer.pause(now))


def _page(answer: answers.Answer) -> Page:
    try:
        given = reading.json_object(answer.body)
        entries = given.get("extendedBookings", [])
        paging = reading.mapping(given.get("pagingMetadata"), "pagingMetadata")
        cursors = reading.mapping(paging.get("cursors"), "cursors")
    except Malformed:
        return Page("retry", code="unreadable")
    if not isinstance(entries, list):
        return Page("retry", code="unreadable")
    listed = [found for entry in entries if (found := _listed(entry)) is not None]
    following = cursors.get("next")
    return Page(
        "page",
        listed,
        cursor=following if isinstance(following, str) else "",
        unreadable=len(entries) - len(listed),
    )


def _listed(entry: object) -> Listed | None:
    try:
        booking = reading.mapping(reading.mapping(entry, "").get("booking"), "booking")
        booking_id = reading.identifier(booking.get("id"), "id")
    except Malformed:
        return None
    if not booking_id:
        return None
    updated_at = reading.moment_or_none(booking.get("updatedDate"), ZoneInfo("UTC"))
    return Listed(booking_id, wix.revision_of(booking), updated_at, booking)


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
