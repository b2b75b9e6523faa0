"""Wix's list of bookings on this machine: filters, oldest change first, pages by cursor, and what can go wrong.

A cursor is a place in the list, not a number of entries: what changes while somebody pages moves to the end and is
met again, as with Wix.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from tests.fakes.server import Call, FakeProvider, Reply, serve

PATH = "/_api/bookings-reader/v2/extended-bookings/query"
REFUSALS = {
    "busy": 429,
    "unauthorized": 401,
    "forbidden": 403,
    "error_500": 500,
    "stale_cursor": 400,
}


class FakeWixRest(FakeProvider):
    """A site with bookings. `book` and `change` are what happens there; the list tells of it when asked."""

    name: ClassVar[str] = "wix_rest"

    def __init__(
        self, *, api_key: str = "wix-api-key", site_id: str = "site-1", port: int = 0, journal: Path | None = None
    ) -> None:  # fmt: skip
        super().__init__(port=port, journal=journal)
        self.key, self.site = api_key, site_id
        self.bookings: dict[str, dict[str, Any]] = {}

    def book(
        self, entity: Mapping[str, Any], *, at: datetime, made: datetime | None = None
    ) -> dict[str, Any]:
        """A booking is made. Returns its object, as a webhook would carry it."""
        told = {**entity, "revision": "1", "createdDate": _iso(made or at), "updatedDate": _iso(at)}
        self.bookings[told["id"]] = told
        return told

    def change(self, booking_id: str, *, at: datetime, **fields: Any) -> dict[str, Any]:
        """A booking changes: its next state."""
        before = self.bookings[booking_id]
        told = {
            **before, **fields, "revision": str(int(before["revision"]) + 1), "updatedDate": _iso(at),
        }  # fmt: skip
        self.bookings[booking_id] = told
        return told

    def answer(self, call: Call) -> Reply:
        headers = {name.lower(): value for name, value in call.headers.items()}
        if headers.get("authorization") != self.key or headers.get("wix-site-id") != self.site:
            return self.refusal("unauthorized")
        if (call.method, call.path) != ("POST", PATH):
            return Reply(404, {"message": "Not Found"})
        query = json.loads(call.body)["query"]
        self.note(query)
        return self.take(lambda: self._page(query))

    def refusal(self, name: str) -> Reply:
        said = {"message": name, "details": {"applicationError": {"code": name.upper(), "description": name}}}
        return Reply(REFUSALS[name], said)

    def _page(self, query: dict[str, Any]) -> Reply:
        paging = query["cursorPaging"]
        limit, cursor = paging.get("limit", 50), paging.get("cursor")
        if not 0 < limit <= 100 or (cursor and query.keys() & {"filter", "sort"}):
            return Reply(400, {"message": "INVALID_ARGUMENT"})
        place = (
            json.loads(base64.b64decode(cursor)) if cursor else {"filter": query["filter"], "after": ["", ""]}
        )
        if not cursor and query["sort"] != [{"fieldName": "updatedDate", "order": "ASC"}]:
            return Reply(400, {"message": "INVALID_ARGUMENT"})
        wanted = [b for b in self.bookings.values() if _matches(b, place["filter"])]
        rest = sorted(
            (b for b in wanted if [b["updatedDate"], b["id"]] > place["after"]),
            key=lambda b: (b["updatedDate"], b["id"]),
        )
        shown = rest[:limit]
        following = None
        if len(rest) > limit:
            place["after"] = [shown[-1]["updatedDate"], shown[-1]["id"]]
            following = base64.b64encode(json.dumps(place).encode()).decode()
        metadata = {"count": len(shown), "cursors": {"next": following, "prev": None}}
        return Reply(200, {"extendedBookings": [{"booking": b} for b in shown], "pagingMetadata": metadata})


def _matches(booking: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """All of a filter's conditions. Times are compared as texts, which one format allows."""
    tests = {"$gte": lambda a, b: a >= b, "$in": lambda a, b: a in b}
    return all(
        tests[name](booking.get(field, ""), value)
        for field, conditions in wanted.items()
        for name, value in conditions.items()
    )


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def main() -> None:
    serve(FakeWixRest, __doc__, api_key="wix-api-key", site_id="site-1")


if __name__ == "__main__":
    main()
