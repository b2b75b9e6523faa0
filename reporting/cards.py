"""The primary figure on the page staff start on."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from accounts import access
from accounts.models import Location, User
from reporting import recovered, selectors
from tasks import home


def connect() -> None:
    """Join the start page."""
    home.cards.register("attended", home.Card(10, "reporting/attended_card.html", attended))


def attended(user: User, now: datetime) -> dict[str, Any] | None:
    """Attended this week against last; nothing for those who may not see reports."""
    if not access.allowed(user, "read", "reports"):
        return None
    # One's own clinic, else the first by name, of those that the page has read already.
    home = min(
        access.places(user),
        key=lambda place: (place.pk != user.default_location_id, place.name),
        default=Location(),
    )
    start = selectors.this_monday(home, now)
    back = recovered.recovered_week(user, week_start=start)
    return {
        "week": selectors.attended_week(user, week_start=start, now=now),
        "rescued": len(back.rescued),
        "recalled": len(back.recalled),
    }
