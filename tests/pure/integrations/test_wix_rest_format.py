from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.errors import Malformed
from integrations.answers import Answer
from integrations.providers import wix, wix_rest_format
from integrations.providers.wix_rest_format import Listed, Page, Question, body, read
from tests.webhooks.wix_builder import WixBooking

NOW = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
SYDNEY = ZoneInfo("Australia/Sydney")
BOOKING = {**WixBooking().entity("CONFIRMED"), "revision": "3", "updatedDate": "2026-11-22T10:00:00.000Z"}


def answer(content: Any, status: int = 200, **more: Any) -> Answer:
    return Answer(status, content if isinstance(content, bytes) else json.dumps(content).encode(), **more)


def asked(page: Answer, *, with_cursor: bool = False) -> Page:
    return read(page, with_cursor=with_cursor, now=NOW)


def test_the_first_page_is_asked_for_by_what_changed_and_others_by_cursor_alone() -> None:
    east = timezone(timedelta(hours=11))
    first = body(Question(100, changed_since=NOW.astimezone(east), starts_from=NOW))
    assert first == {
        "query": {
            "filter": {
                "status": {"$in": ["CONFIRMED", "PENDING", "CANCELED", "DECLINED"]},
                "updatedDate": {"$gte": "2026-11-23T01:00:00.000Z"},
                "startDate": {"$gte": "2026-11-23T01:00:00.000Z"},
            },
            "sort": [{"fieldName": "updatedDate", "order": "ASC"}],
            "cursorPaging": {"limit": 100},
        },
        "withBookingAllowedActions": False,
        "withEcomOrder": False,
    }
    bare: Any = body(Question(25))
    assert bare["query"]["filter"].keys() == {"status"}
    following: Any = body(Question(25, cursor="abc", changed_since=NOW))
    assert following["query"] == {"cursorPaging": {"cursor": "abc", "limit": 25}}


def test_a_page_names_its_bookings_and_the_next_one() -> None:
    page = asked(
        answer(
            {
                "extendedBookings": [
                    {"booking": BOOKING},
                    {"booking": {}},
                    7,
                    {"booking": {"id": "b" * 300}},
                ],
                "pagingMetadata": {"count": 4, "cursors": {"next": "abc", "prev": None}},
            }
        )
    )
    assert (page.kind, page.cursor, page.unreadable) == ("page", "abc", 3)
    [listed] = page.bookings
    assert (listed.id, listed.revision, listed.key) == ("b-1", 3, "rest:b-1:3")
    assert listed.updated_at == datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "paging", [{}, {"pagingMetadata": {"cursors": {"next": None}}}, {"pagingMetadata": None}]
)
def test_without_a_cursor_it_is_the_last_page(paging: dict[str, Any]) -> None:
    assert asked(answer(paging)) == Page("page", [], "")


@pytest.mark.parametrize(
    ("given", "with_cursor", "kind", "code", "pause"),
    [
        (answer(b'{"half'), False, "retry", "unreadable", None),
        (answer({"extendedBookings": {}}), False, "retry", "unreadable", None),
        (answer({"pagingMetadata": 7}), False, "retry", "unreadable", None),
        (answer({}, 429), False, "wait", "busy", None),
        (answer({}, 429, retry_after="30"), True, "wait", "busy", 30.0),
        (answer({}, 401), True, "refused", "bad_credentials", None),
        (answer({}, 403), False, "refused", "bad_credentials", None),
        (answer({}, 400), True, "stale_cursor", "http_400", None),
        (answer({}, 400), False, "retry", "http_400", None),
        (answer({}, 503, retry_after="9"), False, "retry", "http_503", 9.0),
        (Answer(), False, "retry", "no_answer", None),
        (Answer(request_left=False), True, "retry", "not_connected", None),
    ],
)
def test_what_is_not_a_page_says_what_to_do(
    given: Answer, with_cursor: bool, kind: str, code: str, pause: float | None
) -> None:
    page = asked(given, with_cursor=with_cursor)
    assert (page.kind, page.code, page.retry_after, page.bookings) == (kind, code, pause, ())


def test_a_state_without_a_number_is_known_by_what_it_says() -> None:
    def listed(**fields: Any) -> Listed:
        page = asked(
            answer({"extendedBookings": [{"booking": {**WixBooking().entity("CONFIRMED"), **fields}}]})
        )
        return page.bookings[0]

    one, same, other = listed(), listed(), listed(status="CANCELED")
    assert one.key == same.key != other.key
    assert (one.revision, one.updated_at) == (None, None)
    assert listed(revision="x", updatedDate="soon").key.startswith(wix_rest_format.KEY)
    assert listed(updatedDate="soon").updated_at is None


def test_what_is_kept_of_a_booking_is_read_as_a_delivery() -> None:
    made = {**BOOKING, "createdDate": "2026-11-20T09:00:00.000Z", "paymentStatus": "PAID"}
    listed = Listed("b-1", 3, None, made)
    parsed = wix.parse_body(listed.kept("first_run"), zone=SYDNEY)
    assert (parsed.form, parsed.kind, parsed.booking_id, parsed.found) == (
        "read",
        "updated",
        "b-1",
        "first_run",
    )
    assert (parsed.status, parsed.revision, parsed.sequence) == ("CONFIRMED", 3, None)
    assert parsed.updated_at == parsed.occurred_at == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert parsed.booked_at == datetime(2026, 11, 20, 9, tzinfo=UTC)
    assert (parsed.customer.name, parsed.payment_status, parsed.instance_id) == ("Ana Silva", "PAID", "")
    assert wix.parse_body(listed.kept("later_run"), zone=SYDNEY).found == "later_run"
    with pytest.raises(Malformed):
        wix.parse_json({wix.READ: {"booking": {}}}, zone=SYDNEY)


def test_times_that_only_help_to_put_in_order_never_keep_a_booking_out() -> None:
    odd = {**BOOKING, "createdDate": "soon", "updatedDate": "later", "revision": "-1"}
    parsed = wix.parse_json({wix.READ: {"booking": odd}}, zone=SYDNEY)
    assert (parsed.booked_at, parsed.updated_at, parsed.revision) == (None, None, None)
