"""What the tests of the calendar share: its addresses, what its feed tells, forms as they are sent."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.urls import reverse

from accounts.models import DeskAction
from bookings.models import Booking

AT = datetime(2026, 12, 1, 0, 0, tzinfo=UTC)
"""Tuesday 1 December, 11:00 in Sydney."""
PAGE = "/admin/calendar/"
LIVE = {"HTTP_HX_REQUEST": "true"}


def feed(client: Any, start: str = "2026-12-01", end: str = "2026-12-02", **query: str) -> Any:
    return client.get(f"{PAGE}feed/", {"start": start, "end": end, "view": "day", **query})


def visits(answer: Any) -> list[dict[str, Any]]:
    return [event for event in answer.json()["events"] if "sign" in event.get("extendedProps", {})]


def address(name: str, booking: Booking, *args: str) -> str:
    return reverse(f"admin:bookings_calendar_{name}", args=(booking.public_id, *args))


def slot(service: Any, **more: Any) -> dict[str, Any]:
    return {"service": service.public_id, "date": "2026-12-01", "time": "11:00", "minutes": 30, "practitioner": "",
            "room": "", "price": "", "notes": "", "priced": service.public_id, **more}  # fmt: skip


def undo(client: Any) -> DeskAction:
    action = DeskAction.objects.latest("pk")
    client.post(reverse("admin:accounts_action_undo", args=(action.public_id,)), **LIVE)
    action.refresh_from_db()
    return action
